//! `takedown`, `deployments forget` and `sites delete`: asked for, refused, repeated.

use std::process::Output;

use super::server::{Fault, Server};
use super::{Folder, json, selvedge};

/// The exit code, and everything that was printed.
fn run(folder: &Folder, server: &Server, arguments: &[&str]) -> (i32, String) {
    let output: Output = selvedge(folder, &server.url, arguments);
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

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
fn nothing_goes_without_a_confirmation() {
    let (folder, server, first) = published();
    server.with(|state| state.requests.clear());
    let commands: [&[&str]; 3] = [
        &["takedown", "/a.pdf", "--site", "www"],
        &["deployments", "forget", &first, "--site", "www"],
        &["sites", "delete", "www"],
    ];
    for command in commands {
        let (code, text) = run(&folder, &server, command);
        assert_eq!(code, 1, "{command:?}: {text}");
        assert!(text.contains("--yes") && text.contains("ithin 30 s"), "{text}");
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
    let takedown = |arguments: &[&str]| {
        run(&folder, &server, &[&["takedown", "--site", "www"], arguments].concat())
    };
    assert_eq!(takedown(&["--list"]), (0, "none\n".into()));
    let (code, text) = takedown(&["/Invoice 2024.pdf", "--yes"]);
    assert_eq!(code, 0, "{text}");
    let words = ["/Invoice%202024.pdf is taken down", "everywhere within 30 s", "--undo"];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert!(!text.contains("STILL SERVED"), "{text}");
    let (code, text) = takedown(&["/Invoice%202024.pdf", "--yes"]);
    assert!(code == 0 && text.contains("already, by someone"), "{text}");
    let (code, text) = takedown(&["/index.html", "-y"]);
    assert!(code == 0 && text.contains("STILL SERVED live on production"), "{text}");
    let (code, text) = takedown(&["/large/*", "-y"]);
    assert!(code == 0 && text.contains("staging may serve it live"), "{text}");
    let (code, text) = takedown(&["--list"]);
    assert!(code == 0 && text.contains("/large/*") && text.contains("someone"), "{text}");
    let (code, text) = takedown(&["--undo", "//Invoice 2024.pdf"]);
    assert!(code == 0 && text.contains("/Invoice%202024.pdf is shown again"), "{text}");
    assert_eq!(takedown(&["--undo", "/Invoice 2024.pdf"]).0, 1, "it was not taken down");
    let wrong: [&[&str]; 6] =
        [&[], &["a.pdf", "-y"], &["/a?b", "-y"], &["--list", "/a"], &["--undo"], &["/../a", "-y"]];
    for arguments in wrong {
        let (code, text) = takedown(arguments);
        assert_eq!(code, 1, "{arguments:?}: {text}");
    }
    let json_of = ["takedown", "--site", "www", "/b", "--yes", "--json"];
    let object = json(&selvedge(&folder, &server.url, &json_of));
    assert_eq!((&object["path"], &object["changed"]), (&"/b".into(), &true.into()));
}

#[test]
fn a_publish_warns_of_files_that_are_taken_down() {
    let (folder, server, _) = published();
    server.with(|state| {
        state.sites.get_mut("www").unwrap().takedowns = vec!["/docs/*".into(), "/none".into()];
    });
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
    let deployments = |arguments: &[&str]| {
        run(&folder, &server, &[&["deployments", "--site", "www"], arguments].concat())
    };
    let live = server.live("www", "production").unwrap().0;
    let (code, text) = deployments(&["forget", &live, "--yes"]);
    assert!(code == 1 && text.contains("live on production"), "{text}");
    let (code, text) = deployments(&["forget", &first, "--yes"]);
    assert!(code == 0 && text.contains(&format!("{first} is forgotten")), "{text}");
    assert!(text.contains("everywhere within 30 s"), "{text}");
    assert_eq!(deployments(&["forget", &first, "--yes"]).0, 1, "it is gone");
    assert_eq!(deployments(&["--stage", "production", "forget", &live, "--yes"]).0, 1);
    assert_eq!(deployments(&["forget", "no-deployment", "--yes"]).0, 1);
    let lists =
        [&["--stage", "production"][..], &["list"], &["list", "--stage", "production"], &[]];
    for list in lists {
        let (code, text) = deployments(list);
        assert!(code == 0 && text.contains(&live), "{list:?}: {text}");
    }
}

#[test]
fn deleting_a_site() {
    let (folder, server, _) = published();
    let (code, text) = run(&folder, &server, &["sites", "delete", "www", "--yes"]);
    assert_eq!(code, 0, "{text}");
    for words in ["deleting blobs", "Ctrl-C is safe", "www is deleted"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(run(&folder, &server, &["sites", "list"]), (0, "none\n".into()));
    let (code, text) = run(&folder, &server, &["sites", "delete", "www", "--yes"]);
    assert!(code == 1 && text.contains("no such site"), "{text}");
    run(&folder, &server, &["sites", "create", "default"]);
    assert_eq!(run(&folder, &server, &["sites", "delete", "default", "--yes"]).0, 1);
    let allowed = ["sites", "delete", "default", "--yes", "--allow-default", "--json"];
    let output = selvedge(&folder, &server.url, &allowed);
    assert_eq!((output.status.code(), &json(&output)["deleted"]), (Some(0), &true.into()));
}

#[test]
fn a_lost_answer_is_no_failure() {
    let commands: [(&[&str], usize); 3] = [
        (&["takedown", "/a.pdf", "--yes", "--site", "www"], 1),
        (&["sites", "delete", "www", "--yes"], 3),
        (&["takedown", "--undo", "/x", "--site", "www"], 1),
    ];
    for (command, calls) in commands {
        for lost in 0..calls {
            let (folder, server, _) = published();
            server.with(|state| {
                state.sites.get_mut("www").unwrap().takedowns = vec!["/x".into()];
            });
            server.fail(move |n, _, _| if n == lost { Fault::LostAnswer } else { Fault::None });
            let (code, text) = run(&folder, &server, command);
            assert_eq!(code, 0, "{command:?} {lost}: {text}");
        }
    }
    let (folder, server, first) = published();
    server.fail(|n, _, _| if n == 0 { Fault::LostAnswer } else { Fault::None });
    let forget = ["deployments", "forget", &first, "--yes", "--site", "www"];
    let (code, text) = run(&folder, &server, &forget);
    assert!(code == 0 && text.contains("within 30 s"), "{text}");
}
