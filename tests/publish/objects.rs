//! `selvedge objects`, from its arguments to a server in memory.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use selvedge::publish::objects::{PART_BYTES, WHOLE_BYTES_MAX};
use serde_json::Value;

use super::Folder;
use super::server::{Fault, Server};

/// Returns the exit code and the output of `selvedge objects ARGS`.
fn objects(server: &Server, folder: &Folder, args: &[&str], stdin: &[u8]) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(["objects", "--site", "www", "--quiet"])
        .args(args)
        .current_dir(folder.site())
        .env("SELVEDGE_URL", &server.url)
        .env("SELVEDGE_TOKEN", "t")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn object(server: &Server, name: &str) -> Option<(Vec<u8>, String, String)> {
    server.with(|state| {
        let object = state.sites["www"].objects.stored.get(name)?;
        Some((object.body.clone(), object.media_type.clone(), object.tags.clone()))
    })
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

fn server() -> Server {
    let server = Server::start();
    server.with(|state| state.sites.entry("www".into()).or_default().objects.stored.clear());
    server
}

#[test]
fn put_get_list_delete() {
    let (server, folder) = (server(), Folder::new());
    folder.write("a photo.png", b"pixels");
    let put = ["put", "a photo.png", "--tag", "t1", "--tag", "t2", "--json"];
    let (code, text) = objects(&server, &folder, &put, b"");
    assert_eq!(code, 0, "{text}");
    assert_eq!(json(&text)["name"], "a%20photo.png");
    let stored = object(&server, "a%20photo.png").unwrap();
    assert_eq!(stored, (b"pixels".to_vec(), "image/png".into(), "t1,t2".into()));

    let (code, text) = objects(&server, &folder, &["put", "-", "x/now", "--type", "a/b"], b"now");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("x/now is stored (3 B)") && text.contains("within 30 s"), "{text}");
    assert_eq!(object(&server, "x/now").unwrap().1, "a/b");

    let (code, text) = objects(&server, &folder, &["get", "x/now"], b"");
    assert_eq!((code, text.as_str()), (0, "now"));
    let (code, _) = objects(&server, &folder, &["get", "a photo.png", "-o", "copy.png"], b"");
    assert_eq!((code, fs::read(folder.site().join("copy.png")).unwrap()), (0, b"pixels".to_vec()));
    assert!(!folder.site().join("copy.png.part").exists());

    let (code, text) = objects(&server, &folder, &["list", "--json"], b"");
    let names: Vec<_> = json(&text)["objects"].as_array().unwrap().clone();
    let names: Vec<_> = names.iter().map(|object| object["name"].as_str().unwrap()).collect();
    assert_eq!((code, names), (0, vec!["a%20photo.png", "x/now"]));
    let (code, text) = objects(&server, &folder, &["list", "--prefix", "x/"], b"");
    assert!(code == 0 && text.contains("x/now") && !text.contains("photo"), "{text}");

    let (code, text) = objects(&server, &folder, &["delete", "x/now", "a photo.png"], b"");
    assert_eq!((code, text.lines().count()), (0, 2), "{text}");
    assert_eq!(objects(&server, &folder, &["list"], b"").1, "none\n");
    let (code, text) = objects(&server, &folder, &["delete", "x/now"], b"");
    assert!(code == 1 && text.contains("there is no such"), "{text}");
    let (code, _) = objects(&server, &folder, &["get", "x/now", "-o", "copy.png"], b"");
    assert_eq!((code, fs::read(folder.site().join("copy.png")).unwrap()), (1, b"pixels".to_vec()));
}

#[test]
fn a_folder() {
    let (server, folder) = (server(), Folder::new());
    for name in ["in/a.txt", "in/deep/b c.css", "in/.hidden", "in/.git/config", "in/100%.txt"] {
        folder.write(name, name.as_bytes());
    }
    let (code, text) = objects(&server, &folder, &["put", "in", "--prefix", "p/"], b"");
    assert_eq!((code, text.as_str()), (0, "3 files are stored\n"));
    let names =
        server.with(|state| state.sites["www"].objects.stored.keys().cloned().collect::<Vec<_>>());
    assert_eq!(names, ["p/100%25.txt", "p/a.txt", "p/deep/b%20c.css"]);
    assert_eq!(object(&server, "p/deep/b%20c.css").unwrap().1, "text/css; charset=utf-8");
}

#[test]
fn on_a_condition() {
    let (server, folder) = (server(), Folder::new());
    folder.write("x", b"1");
    let put =
        |args: &[&str]| objects(&server, &folder, &[&["put", "x", "--json"], args].concat(), b"");
    let (code, text) = put(&["--if-none-match"]);
    assert_eq!(code, 0, "{text}");
    let etag = json(&text)["etag"].as_str().unwrap().to_owned();
    let (code, text) = put(&["--if-none-match"]);
    assert_eq!((code, &json(&text)["error"]["code"]), (1, &"precondition-failed".into()));
    assert_eq!(json(&text)["error"]["etag"], etag.as_str());
    assert_eq!(put(&["--if-match", "\"other\""]).0, 1);
    assert_eq!(put(&["--if-match", &etag]).0, 0);
    assert_eq!(put(&["--if-match", etag.trim_matches('"')]).0, 0);
}

#[test]
fn refusals_send_nothing() {
    let (server, folder) = (server(), Folder::new());
    folder.write("x", b"1");
    fs::create_dir(folder.site().join("in")).unwrap();
    server.fail(|_, _, _| Fault::None);
    let rows: &[&[&str]] = &[
        &["put", "x", "../y"],
        &["put", "x", "a\\b"],
        &["put", "x", ""],
        &["put", "x", "a/"],
        &["put", "-"],
        &["put", "in", "name"],
        &["put", "x", "y", "--prefix", "z/"],
        &["put", "x", "--if-match", "a", "--if-none-match"],
        &["delete", "x", "../y"],
        &["delete"],
        &["get", "x", "--json"],
        &["get", "%zz"],
        &["list", "--collection", "No"],
    ];
    for args in rows {
        let (code, text) = objects(&server, &folder, args, b"");
        assert_eq!(code, 1, "{args:?}: {text}");
    }
    assert_eq!(objects(&server, &folder, &["put", "missing"], b"").0, 2);
    assert_eq!(server.with(|state| state.requests.clone()), Vec::<String>::new());
}

#[test]
fn failed_calls_are_retried() {
    let (server, folder) = (server(), Folder::new());
    folder.write("x", b"12345");
    for fault in [Fault::LostRequest, Fault::LostAnswer, Fault::Status(503)] {
        server.fail(move |number, _, _| if number == 0 { fault } else { Fault::None });
        let (code, text) = objects(&server, &folder, &["put", "x"], b"");
        assert_eq!((code, object(&server, "x").unwrap().0), (0, b"12345".to_vec()), "{text}");
    }
    // The first request of a `get` asks for the length, the second for the bytes.
    for at in [0, 1] {
        server.fail(move |number, _, _| if number == at { Fault::LostAnswer } else { Fault::None });
        let (code, text) = objects(&server, &folder, &["get", "x", "-o", "y"], b"");
        assert_eq!((code, fs::read(folder.site().join("y")).unwrap()), (0, b"12345".to_vec()));
        assert!(text.contains("x is in y"), "{text}");
    }
    // The message mentions that the lost attempt may have stored the object.
    server.fail(|number, _, _| if number == 0 { Fault::LostAnswer } else { Fault::None });
    let (code, text) = objects(&server, &folder, &["put", "x", "new", "--if-none-match"], b"");
    assert!(code == 1 && text.contains("an earlier attempt"), "{text}");
    server.fail(|number, _, _| if number == 0 { Fault::LostAnswer } else { Fault::None });
    assert_eq!(objects(&server, &folder, &["delete", "x"], b"").0, 0);
}

/// Returns bytes that differ from one stretch to the next.
fn counted(length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let (stretch, end) = (bytes.len() / 65_536, (bytes.len() as u64 + 65_536).min(length));
        bytes.resize(end as usize, (stretch % 251) as u8);
    }
    bytes
}

#[test]
fn large_ones_go_in_parts() {
    let (server, folder) = (server(), Folder::new());
    let large = counted(2 * PART_BYTES + 5);
    folder.write("large.bin", &large);
    let part = |path: &str| path.contains("&part=2");
    let mut lost = false;
    server.fail(move |_, method, path| {
        let fault = method == "PUT" && part(path) && !std::mem::replace(&mut lost, true);
        if fault { Fault::LostAnswer } else { Fault::None }
    });
    let (code, text) = objects(&server, &folder, &["put", "large.bin", "--tag", "t"], b"");
    assert_eq!(code, 0, "{text}");
    let stored = object(&server, "large.bin").unwrap();
    assert!(stored.0 == large, "{} of {} bytes", stored.0.len(), large.len());
    assert_eq!((stored.1.as_str(), stored.2.as_str()), ("application/octet-stream", "t"));
    let sent = server.with(|state| state.requests.clone());
    assert_eq!(sent.iter().filter(|request| request.contains("&part=")).count(), 4, "{sent:?}");

    let (code, text) = objects(&server, &folder, &["put", "-", "piped"], &large);
    assert_eq!(code, 0, "{text}");
    assert!(object(&server, "piped").unwrap().0 == large);
    let small = counted(WHOLE_BYTES_MAX);
    folder.write("small.bin", &small);
    server.fail(|_, _, _| Fault::None);
    assert_eq!(objects(&server, &folder, &["put", "small.bin"], b"").0, 0);
    assert_eq!(server.with(|state| state.requests.len()), 1);
}

#[test]
fn an_upload_that_fails_is_aborted() {
    let (server, folder) = (server(), Folder::new());
    folder.write("large.bin", &counted(PART_BYTES + 1));
    server.fail(|_, _, path| match path.contains("&part=2") {
        true => Fault::Status(403),
        false => Fault::None,
    });
    let (code, text) = objects(&server, &folder, &["put", "large.bin"], b"");
    assert_eq!(code, 1, "{text}");
    let last = server.with(|state| state.requests.last().cloned().unwrap());
    assert!(last.starts_with("DELETE "), "{last}");
    assert!(server.with(|state| state.sites["www"].objects.uploads.is_empty()));
    assert_eq!(object(&server, "large.bin"), None);
}

/// Returns the number of names in each new call to invalidate, and the stale objects.
fn invalidated(server: &Server) -> (Vec<Option<usize>>, Vec<String>) {
    server.with(|state| {
        let objects = &mut state.sites.entry("www".into()).or_default().objects;
        (std::mem::take(&mut objects.invalidations), objects.left.iter().cloned().collect())
    })
}

#[test]
fn several_objects_are_invalidated_in_one_call() {
    let (server, folder) = (server(), Folder::new());
    folder.write("x", b"1");
    for n in 0..64 {
        folder.write(&format!("in/{n}"), b"1");
    }
    let done = |args: &[&str]| {
        let (code, text) = objects(&server, &folder, args, b"");
        assert_eq!(code, 0, "{text}");
        let (calls, left) = invalidated(&server);
        assert!(left.is_empty(), "{args:?}: {left:?}");
        calls
    };
    assert_eq!(done(&["put", "x"]), []);
    assert_eq!(done(&["put", "in"]), [Some(64)]);
    folder.write("in/64", b"1");
    assert_eq!(done(&["put", "in"]), [None], "more are the whole collection");
    assert_eq!(done(&["delete", "1"]), []);
    assert_eq!(done(&["delete", "2", "3"]), [Some(2)]);
    folder.write("empty/.hidden", b"1");
    assert_eq!(done(&["put", "empty"]), []);
    folder.write("large.bin", &counted(PART_BYTES + 1));
    assert_eq!(done(&["put", "large.bin"]), []);
}

#[test]
fn objects_stored_before_a_failure_are_invalidated() {
    let (server, folder) = (server(), Folder::new());
    for n in 0..20 {
        folder.write(&format!("in/{n:02}"), b"1");
    }
    server.fail(|_, method, path| match method == "PUT" && path.contains("objects/15") {
        true => Fault::Status(403),
        false => Fault::None,
    });
    let (code, text) = objects(&server, &folder, &["put", "in"], b"");
    assert_eq!(code, 1, "{text}");
    assert!(object(&server, "00").is_some(), "some are stored");
    assert_eq!(invalidated(&server), (vec![Some(20)], vec![]), "{text}");
    let (code, text) = objects(&server, &folder, &["delete", "00", "none", "01"], b"");
    assert!(code == 1 && text.contains("there is no such object"), "{text}");
    assert_eq!(invalidated(&server), (vec![Some(3)], vec![]), "{text}");
    // The deletion whose answer was lost may not have invalidated copies.
    server.fail(|number, _, _| if number == 0 { Fault::LostAnswer } else { Fault::None });
    assert_eq!(objects(&server, &folder, &["delete", "02"], b"").0, 0);
    assert_eq!(invalidated(&server), (vec![Some(1)], vec![]));
}

/// A failed invalidation is repeated once, and reported if it fails again.
#[test]
fn failed_invalidation_is_reported() {
    let (server, folder) = (server(), Folder::new());
    folder.write("x", b"1");
    server.with(|state| state.sites.get_mut("www").unwrap().objects.is_stuck = true);
    for args in [&["put", "x"][..], &["delete", "x"]] {
        let (code, text) = objects(&server, &folder, args, b"");
        assert_eq!((code, invalidated(&server)), (0, (vec![Some(1)], vec![])), "{text}");
        assert!(!text.contains("3900 s"), "{text}");
    }
    server.fail(|_, _, path| match path.ends_with("/invalidate") {
        true => Fault::Status(403),
        false => Fault::None,
    });
    for args in [&["put", "x"][..], &["put", ".", "--prefix", "p/"]] {
        let (code, text) = objects(&server, &folder, args, b"");
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("edge copies are not invalidated"), "{text}");
        assert!(text.contains("selvedge purge --site www --collection public"), "{text}");
    }
    assert_eq!(object(&server, "x").unwrap().0, b"1", "the object is stored");
}
