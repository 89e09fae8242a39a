//! `selvedge media`, and renditions after other commands.

use super::*;

const NO_SECRET: &[(&str, &str)] = &[];

/// A folder with images, and with `[media]` and these lines.
fn gallery(toml: &str) -> Folder {
    let folder = Folder::new();
    folder.write("index.html", page(1).as_bytes());
    for name in ["photos/a.jpg", "photos/b c.jpg", "logo.png"] {
        folder.write(name, name.as_bytes());
    }
    configure(&folder, &format!("[media]\n{toml}"));
    folder
}

fn configure(folder: &Folder, toml: &str) {
    fs::write(folder.0.join("selvedge.toml"), toml).unwrap();
}

/// Sends a GET as a visitor.
fn visit(server: &Server, url: &str) -> support::response::Response {
    let url = url.to_owned();
    server.within(move |world| {
        let isolate = support::response::Isolate::new(world);
        isolate.ask("GET", &url).send()
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn signed_urls_are_served() {
    let (folder, server) = (gallery(""), Server::start());
    folder.publish(&server).unwrap();
    for target in [
        "https://www.cdn.test/_media/photos/a.jpg?w=801&blur=9",
        "https://www.cdn.test/_media/photos/b c.jpg?rot=90",
        "https://www.cdn.test/_media/photos/a.jpg?rot=180&exp=1",
    ] {
        assert_eq!(visit(&server, target).status, 403, "{target}");
        let sign = ["media", "sign", target, "--expires", "1h"];
        let output = selvedge(&folder, &server.url, &sign);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let printed = stdout(&output);
        let url = printed.strip_suffix('\n').unwrap();
        assert!(!url.contains(char::is_whitespace), "the URL alone: {printed}");
        assert_eq!(visit(&server, url).status, 200, "{url}");
        assert_eq!(visit(&server, &url.replace("s=", "s=A")).status, 403, "{url}");
        // The same key, without a server.
        let key = stdout(&selvedge(&folder, &server.url, &["media", "key", "--site", "www"]));
        let offline = command(&folder, "http://127.0.0.1:9", &["media", "sign", url])
            .env("SELVEDGE_MEDIA_KEY", key.trim())
            .env_remove("SELVEDGE_TOKEN")
            .output()
            .unwrap();
        assert_eq!(stdout(&offline), printed);
    }
    let sign = ["media", "sign", "https://www.cdn.test/_media/logo.png?w=9", "--json"];
    let object = json(&selvedge(&folder, &server.url, &sign));
    assert!(object["url"].as_str().unwrap().contains("?w=9&s="), "{object}");
    assert!(object["expires_ms"].is_null() && object["warnings"] == Value::Array(vec![]));
}

#[test]
fn signing_refuses_and_warns() {
    let (folder, server) = (gallery("[media.presets.thumb]\nw = 300"), Server::start());
    folder.publish(&server).unwrap();
    server.admin("PUT", "/sites/www/hosts/www.shop.test", serde_json::json!({}));
    let plain = PublishOptions { site: SiteName::parse("plain").unwrap(), ..folder.options() };
    configure(&folder, "");
    publish(&plain, &server, 1).unwrap();
    let rows: [(&[&str], i32, &str); 13] = [
        (&["https://www.cdn.test/photos/a.jpg"], 1, "neither below /_media/ nor of an adapter"),
        (&["/_media/photos/a.jpg"], 1, "a scheme and a host"),
        (&["https://www.cdn.test/_media/a.jpg?w=4097"], 0, "refused as it is: `w` must be"),
        (&["https://www.cdn.test/_media/a.jpg?p=thumb"], 0, "&s="),
        (&["https://www.cdn.test/_media/a.jpg?p=none"], 0, "the name of a preset"),
        (&["https://www.cdn.test/_next/image?url=/a.jpg&w=9"], 0, "`adapters`"),
        (&["https://none--www.cdn.test/_media/a.jpg"], 0, "nothing with [media] is published"),
        (&["https://plain.cdn.test/_media/a.jpg"], 0, "nothing with [media] is published"),
        (&["https://fresh--www.cdn.test/_media/a.jpg"], 1, "serves no renditions"),
        (&["https://www.shop.test/_media/a.jpg"], 1, "add --site NAME"),
        (&["https://www.shop.test/_media/a.jpg?rot=90", "--site", "www"], 0, "rot=90&s="),
        (&["https://other.test/_media/a.jpg", "--site", "www"], 1, "hosts --site www add"),
        (&["https://www.cdn.test/_media/a.jpg", "--site", "plain"], 1, "of the site www, not"),
    ];
    for (arguments, code, words) in rows {
        check(&folder, &server, &[&["media", "sign"], arguments].concat(), code, &[words]);
    }
    let a = "https://www.cdn.test/_media/a.jpg";
    check(&folder, &server, &["media", "sign", a, "--key", "short"], 1, &["43 of A-Z"]);
    check(&folder, &server, &["media", "sign", a, "--expires", "0s"], 1, &["at least 1s"]);
    let gone = "https://gone.cdn.test/_media/a.jpg";
    check(&folder, &server, &["media", "sign", gone], 1, &["there is no site `gone`"]);
}

#[test]
fn missing_parts_of_the_server_are_named() {
    let (folder, server) = (gallery(""), Server::with_vars(NO_SECRET));
    assert_eq!(folder.publish(&server).unwrap().warnings, []);
    let a = "https://www.cdn.test/_media/photos/a.jpg";
    let remedy = ["has no MEDIA_SECRET", "wrangler secret put MEDIA_SECRET"];
    check(&folder, &server, &["media", "sign", a], 1, &remedy);
    check(&folder, &server, &["media", "key", "--site", "www"], 1, &remedy);
    configure(&folder, "[media]\nmode = \"signed\"");
    let warnings = folder.publish(&server).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].message.contains("MEDIA_SECRET"), "{warnings:?}");
    server.within(|world| world.missing.set(Some("MEDIA")));
    configure(&folder, "[media]");
    for extent in [Extent::DryRun, Extent::Commit, Extent::Activate] {
        let options = PublishOptions { extent, ..folder.options() };
        let warnings = publish(&options, &server, 1).unwrap().warnings;
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.message.contains("no media worker"), "{warning}");
        assert!(warning.hint.contains("MEDIA in wrangler.toml"), "{warning}");
    }
    configure(&folder, "");
    server.reset();
    assert_eq!(folder.publish(&server).unwrap().warnings, []);
    let asked = server.with(|state| state.requests.iter().any(|at| at.ends_with("/media")));
    assert!(!asked, "sites without [media] don't ask");
}
