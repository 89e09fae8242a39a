//! `selvedge objects`, from its arguments to a server in memory.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use selvedge::publish::objects::{PART_BYTES, WHOLE_BYTES_MAX};
use serde_json::Value;

use super::server::{Fault, Server};
use super::support::folder::{self, publish};
use super::{Folder, command, text};

/// A server with the site `www`, and a folder in which commands run.
struct World {
    server: Server,
    folder: Folder,
}

impl World {
    fn new() -> Self {
        let server = Server::start();
        let public = r#"{"collections":[{"name":"public","prefix":"/public/"}]}"#;
        let site = folder::Folder::new(&[("/index.html", "x")]).configured(public);
        server.within(move |world| drop(publish(world, "www", "production", &site)));
        Self { server, folder: Folder::new() }
    }

    /// Runs `selvedge objects ARGS`, checks its exit code, and returns its output.
    #[track_caller]
    fn run(&self, code: i32, args: &[&str]) -> String {
        self.run_with(b"", code, args)
    }

    #[track_caller]
    fn run_with(&self, stdin: &[u8], code: i32, args: &[&str]) -> String {
        let all = [&["objects", "--site", "www", "--quiet"], args].concat();
        let mut child = command(&self.folder, &self.server.url, &all)
            .current_dir(self.folder.site())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    fn object(&self, name: &str) -> Option<(Vec<u8>, String, String)> {
        let path = format!("/sites/www/collections/public/objects/{name}");
        let found = self.server.admin("GET", &path, Value::Null);
        let header = |name| found.field(name).to_owned();
        let (media_type, tags) = (header("selvedge-media-type"), header("selvedge-tags"));
        (found.status == 200).then_some((found.body, media_type, tags))
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.site().join(name)).unwrap()
    }

    /// Returns the number of names in each new call to invalidate, and the stale objects.
    fn invalidated(&self) -> (Vec<Option<usize>>, Vec<String>) {
        self.server.with(|state| {
            (std::mem::take(&mut state.invalidations), state.left.iter().cloned().collect())
        })
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn put_get_list_delete() {
    let world = World::new();
    world.folder.write("a photo.png", b"pixels");
    let text = world.run(0, &["put", "a photo.png", "--tag", "t1", "--tag", "t2", "--json"]);
    assert_eq!(json(&text)["name"], "a%20photo.png");
    let stored = world.object("a%20photo.png").unwrap();
    assert_eq!(stored, (b"pixels".to_vec(), "image/png".into(), "t1,t2".into()));

    let text = world.run_with(b"now", 0, &["put", "-", "x/now", "--type", "a/b"]);
    assert!(text.contains("x/now is stored (3 B)") && text.contains("within 30 s"), "{text}");
    assert_eq!(world.object("x/now").unwrap().1, "a/b");

    assert_eq!(world.run(0, &["get", "x/now"]), "now");
    world.run(0, &["get", "a photo.png", "-o", "copy.png"]);
    assert_eq!(world.file("copy.png"), b"pixels");
    assert!(!world.folder.site().join("copy.png.part").exists());

    let listed = json(&world.run(0, &["list", "--json"]));
    let names = listed["objects"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|object| object["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a%20photo.png", "x/now"]);
    let text = world.run(0, &["list", "--prefix", "x/"]);
    assert!(text.contains("x/now") && !text.contains("photo"), "{text}");

    let text = world.run(0, &["delete", "x/now", "a photo.png"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert_eq!(world.run(0, &["list"]), "none\n");
    let text = world.run(1, &["delete", "x/now"]);
    assert!(text.contains("there is no such"), "{text}");
    world.run(1, &["get", "x/now", "-o", "copy.png"]);
    assert_eq!(world.file("copy.png"), b"pixels");
}

#[test]
fn a_folder() {
    let world = World::new();
    for name in ["in/a.txt", "in/deep/b c.css", "in/.hidden", "in/.git/config", "in/100%.txt"] {
        world.folder.write(name, name.as_bytes());
    }
    assert_eq!(world.run(0, &["put", "in", "--prefix", "p/"]), "3 files are stored\n");
    let names = ["p/100%25.txt", "p/a.txt", "p/deep/b%20c.css"];
    let keys = names.map(|name| format!("obj/www/public/{name}"));
    assert_eq!(world.server.keys("obj/"), keys);
    assert_eq!(world.object("p/deep/b%20c.css").unwrap().1, "text/css; charset=utf-8");
}

#[test]
fn on_a_condition() {
    let world = World::new();
    world.folder.write("x", b"1");
    let put =
        |code, args: &[&str]| json(&world.run(code, &[&["put", "x", "--json"], args].concat()));
    let stored = put(0, &["--if-none-match"]);
    let etag = stored["etag"].as_str().unwrap();
    let error = &put(1, &["--if-none-match"])["error"];
    assert_eq!((&error["code"], &error["etag"]), (&"precondition-failed".into(), &etag.into()));
    put(1, &["--if-match", "\"other\""]);
    put(0, &["--if-match", etag]);
    put(0, &["--if-match", etag.trim_matches('"')]);
}

#[test]
fn refusals_send_nothing() {
    let world = World::new();
    world.folder.write("x", b"1");
    fs::create_dir(world.folder.site().join("in")).unwrap();
    world.server.reset();
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
        world.run(1, args);
    }
    world.run(2, &["put", "missing"]);
    assert_eq!(world.server.with(|state| state.requests.clone()), Vec::<String>::new());
}

#[test]
fn failed_calls_are_retried() {
    let world = World::new();
    world.folder.write("x", b"12345");
    for fault in [Fault::LostRequest, Fault::LostAnswer, Fault::Status(503)] {
        world.server.fail_at(0, fault);
        world.run(0, &["put", "x"]);
        assert_eq!(world.object("x").unwrap().0, b"12345");
    }
    // The first request of a `get` asks for the length, the second for the bytes.
    for at in [0, 1] {
        world.server.fail_at(at, Fault::LostAnswer);
        let text = world.run(0, &["get", "x", "-o", "y"]);
        assert_eq!(world.file("y"), b"12345");
        assert!(text.contains("x is in y"), "{text}");
    }
    // The message mentions that the lost attempt may have stored the object.
    world.server.fail_at(0, Fault::LostAnswer);
    let text = world.run(1, &["put", "x", "new", "--if-none-match"]);
    assert!(text.contains("an earlier attempt"), "{text}");
    world.server.fail_at(0, Fault::LostAnswer);
    world.run(0, &["delete", "x"]);
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
    let world = World::new();
    let large = counted(2 * PART_BYTES + 5);
    world.folder.write("large.bin", &large);
    let mut lost = false;
    world.server.fail_where(Fault::LostAnswer, move |method, path| {
        method == "PUT" && path.contains("&part=2") && !std::mem::replace(&mut lost, true)
    });
    world.run(0, &["put", "large.bin", "--tag", "t"]);
    let stored = world.object("large.bin").unwrap();
    assert!(stored.0 == large, "{} of {} bytes", stored.0.len(), large.len());
    assert_eq!((stored.1.as_str(), stored.2.as_str()), ("application/octet-stream", "t"));
    let sent = world.server.with(|state| state.requests.clone());
    assert_eq!(sent.iter().filter(|request| request.contains("&part=")).count(), 4, "{sent:?}");

    world.run_with(&large, 0, &["put", "-", "piped"]);
    assert!(world.object("piped").unwrap().0 == large);
    world.folder.write("small.bin", &counted(WHOLE_BYTES_MAX));
    world.server.reset();
    world.run(0, &["put", "small.bin"]);
    assert_eq!(world.server.with(|state| state.requests.len()), 1);
}

#[test]
fn an_upload_that_fails_is_aborted() {
    let world = World::new();
    world.folder.write("large.bin", &counted(PART_BYTES + 1));
    world.server.fail_where(Fault::Status(403), |_, path| path.contains("&part=2"));
    world.run(1, &["put", "large.bin"]);
    let last = world.server.with(|state| state.requests.last().cloned().unwrap());
    assert!(last.starts_with("DELETE "), "{last}");
    assert!(world.server.keys("upload/").is_empty());
    assert_eq!(world.object("large.bin"), None);
}

#[test]
fn several_objects_are_invalidated_in_one_call() {
    let world = World::new();
    world.folder.write("x", b"1");
    for n in 0..64 {
        world.folder.write(&format!("in/{n}"), b"1");
    }
    let done = |args: &[&str]| {
        world.run(0, args);
        let (calls, left) = world.invalidated();
        assert!(left.is_empty(), "{args:?}: {left:?}");
        calls
    };
    assert_eq!(done(&["put", "x"]), []);
    assert_eq!(done(&["put", "in"]), [Some(64)]);
    world.folder.write("in/64", b"1");
    assert_eq!(done(&["put", "in"]), [None], "more are the whole collection");
    assert_eq!(done(&["delete", "1"]), []);
    assert_eq!(done(&["delete", "2", "3"]), [Some(2)]);
    world.folder.write("empty/.hidden", b"1");
    assert_eq!(done(&["put", "empty"]), []);
    world.folder.write("large.bin", &counted(PART_BYTES + 1));
    assert_eq!(done(&["put", "large.bin"]), []);
}

#[test]
fn objects_stored_before_a_failure_are_invalidated() {
    let world = World::new();
    for n in 0..20 {
        world.folder.write(&format!("in/{n:02}"), b"1");
    }
    world.server.fail_where(Fault::Status(403), |method, path| {
        method == "PUT" && path.contains("objects/15")
    });
    world.run(1, &["put", "in"]);
    assert!(world.object("00").is_some(), "some are stored");
    assert_eq!(world.invalidated(), (vec![Some(20)], vec![]));
    let text = world.run(1, &["delete", "00", "none", "01"]);
    assert!(text.contains("there is no such object"), "{text}");
    assert_eq!(world.invalidated(), (vec![Some(3)], vec![]), "{text}");
    // The deletion whose answer was lost may not have invalidated copies.
    world.server.fail_at(0, Fault::LostAnswer);
    world.run(0, &["delete", "02"]);
    assert_eq!(world.invalidated(), (vec![Some(1)], vec![]));
}

/// A failed invalidation is repeated once, and reported if it fails again.
#[test]
fn failed_invalidation_is_reported() {
    let world = World::new();
    world.folder.write("x", b"1");
    world.server.fail_where(Fault::Stuck, |_, path| path.contains("/objects/"));
    for args in [&["put", "x"][..], &["delete", "x"]] {
        let text = world.run(0, args);
        assert_eq!(world.invalidated(), (vec![Some(1)], vec![]), "{text}");
        world.server.within(|world| world.pass_ms(1_000));
        assert!(!text.contains("3900 s"), "{text}");
    }
    world.server.fail(|_, _, path| match path.ends_with("/invalidate") {
        true => Fault::Status(403),
        false => Fault::Stuck,
    });
    for args in [&["put", "x"][..], &["put", ".", "--prefix", "p/"]] {
        let text = world.run(2, args);
        assert!(text.contains("edge copies are not invalidated"), "{text}");
        assert!(text.contains("selvedge purge --site www --collection public"), "{text}");
    }
    assert_eq!(world.object("x").unwrap().0, b"1", "the object is stored");
}
