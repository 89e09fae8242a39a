//! `takedown`, `deployments forget` and `sites delete`.

use selvedge::publish::options::PublishOptions;
use selvedge::site::ids::StageName;
use serde_json::json;

use super::server::{Fault, Server};
use super::{Folder, check, json, publish, selvedge};

fn requests(server: &Server, method: &str) -> usize {
    server.with(|state| state.requests.iter().filter(|r| r.starts_with(method)).count())
}

/// A server with two deployments of `www`, the first of them retained; its id.
fn published() -> (Folder, Server, String) {
    let (folder, server) = (Folder::filled(), Server::start());
    let first = folder.publish(&server).unwrap().deployment.to_string();
    folder.write("index.html", b"second");
    folder.publish(&server).unwrap();
    (folder, server, first)
}

#[test]
fn removals_need_confirmation() {
    let (folder, server, first) = published();
    server.with(|state| state.requests.clear());
    let commands: [&[&str]; 3] = [
        &["takedown", "/a.pdf", "--site", "www"],
        &["deployments", "forget", &first, "--site", "www"],
        &["sites", "delete", "www"],
    ];
    for command in commands {
        check(&folder, &server, command, 1, &["--yes", "ithin 30 s"]);
        let output = selvedge(&folder, &server.url, &[command, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["code"], "not-confirmed", "{command:?}");
        assert!(error["hint"].as_str().unwrap().contains("--yes"));
    }
    for method in ["POST", "DELETE", "PUT"] {
        assert_eq!(requests(&server, method), 0, "{method}");
    }
}

#[test]
fn takedowns() {
    let (folder, server, _) = published();
    // A stage whose deployment can't be read.
    let staging =
        PublishOptions { stage: StageName::parse("staging").unwrap(), ..folder.options() };
    folder.write("large/a.txt", b"a");
    let id = publish(&staging, &server, 1).unwrap().deployment;
    server.within(move |world| world.remove(&format!("dep/www/{id}")));
    let list = ["takedown", "--site", "www", "--list"];
    assert_eq!(check(&folder, &server, &list, 0, &[]), "none\n");
    let invoice = "/Invoice%202024.pdf";
    let (hidden, shown) = (format!("{invoice} is taken down"), format!("{invoice} is shown again"));
    let rows: [(&[&str], i32, &[&str]); 13] = [
        (&["/Invoice 2024.pdf", "--yes"], 0, &[&hidden, "everywhere within 30 s", "--undo"]),
        (&[invoice, "--yes"], 0, &["already, by root"]),
        (&["/index.html", "-y"], 0, &["STILL SERVED live on production"]),
        (&["/large/*", "-y"], 0, &["staging may serve it live"]),
        (&["--list"], 0, &["/large/*", "root"]),
        (&["--undo", "//Invoice 2024.pdf"], 0, &[&shown]),
        (&["--undo", "/Invoice 2024.pdf"], 1, &[]),
        (&[], 1, &[]),
        (&["a.pdf", "-y"], 1, &[]),
        (&["/a?b", "-y"], 1, &[]),
        (&["--list", "/a"], 1, &[]),
        (&["--undo"], 1, &[]),
        (&["/../a", "-y"], 1, &[]),
    ];
    for (arguments, code, parts) in rows {
        let arguments = [&["takedown", "--site", "www"], arguments].concat();
        let text = check(&folder, &server, &arguments, code, parts);
        assert!(!text.contains("STILL SERVED") || arguments.contains(&"/index.html"), "{text}");
    }
    let json_of = ["takedown", "--site", "www", "/b", "--yes", "--json"];
    let object = json(&selvedge(&folder, &server.url, &json_of));
    assert_eq!((&object["path"], &object["changed"]), (&"/b".into(), &true.into()));
}

#[test]
fn publish_warns_about_taken_down_files() {
    let (folder, server, _) = published();
    for path in ["/docs/*", "/none"] {
        server.admin("POST", "/sites/www/takedowns", json!({ "path": path }));
    }
    folder.write("docs/more.html", b"more");
    let published = folder.publish(&server).unwrap();
    let [warning] = published.warnings.as_slice() else { panic!("{:?}", published.warnings) };
    assert_eq!(warning.path.as_deref(), Some("/docs/index.html"));
    assert!(warning.message.contains("1 more"), "{warning}");
    assert!(warning.hint.contains("--undo '/docs/*'"), "{warning}");
}

#[test]
fn forgetting() {
    let (folder, server, first) = published();
    let live = server.live("www", "production").unwrap().0;
    let forgotten = format!("{first} is forgotten");
    let rows: [(&[&str], i32, &[&str]); 9] = [
        (&["forget", &live, "--yes"], 1, &["live on production"]),
        (&["forget", &first, "--yes"], 0, &[&forgotten, "everywhere within 30 s"]),
        (&["forget", &first, "--yes"], 1, &[]),
        (&["--stage", "production", "forget", &live, "--yes"], 1, &[]),
        (&["forget", "no-deployment", "--yes"], 1, &[]),
        (&["--stage", "production"], 0, &[&live]),
        (&["list"], 0, &[&live]),
        (&["list", "--stage", "production"], 0, &[&live]),
        (&[], 0, &[&live]),
    ];
    for (arguments, code, parts) in rows {
        let arguments = [&["deployments", "--site", "www"], arguments].concat();
        check(&folder, &server, &arguments, code, parts);
    }
}

#[test]
fn deleting_a_site() {
    let (folder, server, _) = published();
    let delete = ["sites", "delete", "www", "--yes"];
    let parts = ["deleting blobs", "Ctrl-C is safe", "www is deleted"];
    check(&folder, &server, &delete, 0, &parts);
    assert_eq!(check(&folder, &server, &["sites", "list"], 0, &[]), "none\n");
    check(&folder, &server, &delete, 1, &["no such site"]);
    check(&folder, &server, &["sites", "create", "default"], 0, &[]);
    check(&folder, &server, &["sites", "delete", "default", "--yes"], 1, &[]);
    let allowed = ["sites", "delete", "default", "--yes", "--allow-default", "--json"];
    let output = selvedge(&folder, &server.url, &allowed);
    assert_eq!((output.status.code(), &json(&output)["deleted"]), (Some(0), &true.into()));
}

#[test]
fn a_lost_answer_is_not_a_failure() {
    let commands: [(&[&str], usize); 3] = [
        (&["takedown", "/a.pdf", "--yes", "--site", "www"], 1),
        (&["sites", "delete", "www", "--yes"], 15),
        (&["takedown", "--undo", "/x", "--site", "www"], 1),
    ];
    for (command, calls) in commands {
        for lost in 0..calls {
            let (folder, server, _) = published();
            server.admin("POST", "/sites/www/takedowns", json!({ "path": "/x" }));
            server.fail_at(lost, Fault::LostAnswer);
            check(&folder, &server, command, 0, &[]);
        }
    }
    let (folder, server, first) = published();
    server.fail_at(0, Fault::LostAnswer);
    let forget = ["deployments", "forget", &first, "--yes", "--site", "www"];
    check(&folder, &server, &forget, 0, &["within 30 s"]);
}
