//! The output and exit codes of the commands.

use super::*;

#[test]
fn json_output() {
    let (folder, server) = (Folder::filled(), Server::start());
    let publish = ["publish", "site", "--site", "www", "--json"];
    let output = selvedge(&folder, &server.url, &publish);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let object = json(&output);
    let members = [
        "deployment", "site", "stage", "url", "deployment_url", "files", "bytes", "blobs_sent",
        "bytes_sent", "blobs_kept", "activated", "seq", "effective_within_secs", "warnings",
        "notes", "seconds",
    ];
    for member in members {
        assert!(!object[member].is_null(), "{member} in {object}");
    }
    let list = selvedge(&folder, &server.url, &["deployments", "--site", "www", "--json"]);
    assert_eq!(json(&list)["stages"]["production"]["deployment"], object["deployment"]);
    folder.write("_redirects", b"/a /b 999\n");
    let refused = selvedge(&folder, &server.url, &publish);
    assert_eq!(refused.status.code(), Some(1));
    let problem = &json(&refused)["error"]["problems"][0];
    assert_eq!(problem["line"], 1);
    assert!(problem["file"].as_str().unwrap().ends_with("_redirects"));
}

#[test]
fn purges() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.publish(&server).unwrap();
    let by = "in force everywhere within 30 s, by Fri, 02 Jan 2026 03:04:35 GMT";
    let rows: [(&[&str], &str); 5] = [
        (&["--all"], "production: purged everything (seq 2)"),
        (&["--path", "/content/a b"], "purged /content/a b (seq 3)"),
        (&["--prefix", "/content/"], "purged all paths that begin with /content/ (seq 4)"),
        (&["--tag", "blog:7"], "purged everything tagged blog:7 (seq 5)"),
        (&["--collection", "content"], "purged the collection content (seq 6)"),
    ];
    for (arguments, words) in rows {
        let arguments = [&["purge", "--site", "www"], arguments].concat();
        let output = selvedge(&folder, &server.url, &arguments);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains(words) && text.contains(by), "{text}");
    }
    let purge = ["purge", "--site", "www", "--tag", "x", "--json"];
    let object = json(&selvedge(&folder, &server.url, &purge));
    assert_eq!((object["scope"]["tag"].as_str(), object["seq"].as_u64()), (Some("x"), Some(7)));
    let wrong: [&[&str]; 4] = [
        &[],
        &["--all", "--tag", "x"],
        &["--collection", "/content/"],
        &["--all", "--stage", "staging"],
    ];
    for arguments in wrong {
        let arguments = [&["purge", "--site", "www"], arguments].concat();
        check(&folder, &server, &arguments, 1, &[]);
    }
    // The first answer is lost. A repeated purge is harmless.
    server.fail_at(0, Fault::LostAnswer);
    check(&folder, &server, &["purge", "--site", "www", "--all"], 0, &[]);
}

#[test]
fn the_built_in_collection_gives_way_to_files() {
    type Files<'a> = &'a [(&'a str, &'a str)];
    let rows: [(Files, &[&str], Option<&str>); 5] = [
        (&[], &["public"], None),
        (&[("public/a.txt", "a")], &[], Some("note: /public/a.txt: is served at /public/")),
        (&[("public.html", "a")], &[], Some("note: /public.html: is served at /public/")),
        (&[("public/a.txt", "a"), ("selvedge.toml", "public = false")], &[], None),
        (
            &[("selvedge.toml", "[[collections]]\nname = \"docs\"\nprefix = \"/public/\"")],
            &["docs"],
            None,
        ),
    ];
    for (files, expected, note) in rows {
        let (folder, server) = (Folder::filled(), Server::start());
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        let output = selvedge(&folder, &server.url, &["publish", "site", "--site", "www"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let named = said.lines().find(|line| line.starts_with("note: /public"));
        assert_eq!(named.is_some(), note.is_some(), "{said}");
        assert!(note.is_none_or(|note| named.is_some_and(|line| line.starts_with(note))), "{said}");
        let manifest = server.manifest("www");
        let collections = &manifest.head().config.collections;
        let names: Vec<&str> = collections.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, expected, "{files:?}");
    }
}

#[test]
fn keys_are_created_listed_and_revoked() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.publish(&server).unwrap();
    let keys = |arguments: &[&str]| {
        let arguments = [&["keys", "--site", "www"], arguments].concat();
        let output = selvedge(&folder, &server.url, &arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(keys(&[]), (Some(0), "none\n".into()));
    let (code, made) = keys(&["create", "--name", "build", "--expires", "30d"]);
    let (id, secret) = made.strip_prefix("slk_www_").unwrap().split_once('_').unwrap();
    let is_alone = secret.strip_suffix('\n').is_some_and(|secret| !secret.contains(' '));
    assert!(code == Some(0) && is_alone, "the text alone, for scripts: {made}");
    let (code, listed) = keys(&["list"]);
    assert!(code == Some(0) && listed.contains("build"), "{listed}");
    assert!(listed.contains(id) && !listed.contains(secret.trim_end()), "{listed}");
    assert_eq!(keys(&["revoke", id]), (Some(0), format!("{id} is revoked\n")));
    assert_eq!(keys(&["revoke", id]).0, Some(1));
    assert_eq!(keys(&["create", "--name", "x", "--expires", "never"]).0, Some(1));
}

#[test]
fn exit_codes_and_messages() {
    let (folder, server) = (Folder::filled(), Server::start());
    let nobody = "http://127.0.0.1:9";
    let forever = ["tokens", "--site", "www", "create", "--name", "x", "--scope", "read"];
    let at_once = [&forever[..], &["--expires", "0s"]].concat();
    let rows: [(&str, &[&str], i32, &str); 10] = [
        (&server.url, &at_once, 1, "must be at least 1s; leave it out for no expiry"),
        (&server.url, &["publish", "site", "--site", "www"], 0, "Published 24 files"),
        (&server.url, &["publish", "site/docs", "--site", "one"], 0, "Published 1 file ("),
        (&server.url, &["publish", "site/docs", "--site", "one"], 0, "Already live: 1 file"),
        (&server.url, &["publish", "none", "--site", "www"], 1, "is not a folder"),
        (&server.url, &["publish", "site"], 1, "--site"),
        (&server.url, &["publish", "site", "--site", "a--b"], 1, "is not a site name"),
        (&server.url, &["rollback", "--site", "www"], 1, "no deployment to return to"),
        (&server.url, &["deployments", "--site", "nosuch"], 1, "there is no site `nosuch`"),
        (nobody, &["publish", "site", "--site", "www"], 2, "is `make dev` running"),
    ];
    for (url, arguments, code, words) in rows {
        let output = selvedge(&folder, url, arguments);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    let help = selvedge(&folder, &server.url, &["publish", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Ctrl-C is safe"));
    assert!(Path::new(&folder.0).join("user-cache/selvedge").is_dir());
}
