//! Takedowns: files that deployment addresses and retained deployments no longer serve, however
//! they are asked for, while stages serve what they served.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::{Value, json};

use super::support::calls::race;
use super::support::folder::{Built, Folder, publish};
use super::support::response::Isolate;
use super::support::world::World;

const SCRIPT: &str = "/assets/app.3f2a91bc.js";

fn first() -> Folder {
    Folder::new(&[
        ("/index.html", "Home"),
        ("/about.html", "secret about"),
        ("/docs/index.html", "secret docs"),
        ("/private/a.pdf", "secret pdf"),
        (SCRIPT, "secret()"),
        ("/shown.txt", "shown"),
        ("/404.html", "v1 has no such page"),
    ])
    .redirects_file("/alias /private/a.pdf 200\n/alias2 /about 200")
}

fn second() -> Folder {
    Folder::new(&[("/index.html", "Second"), ("/private/b.pdf", "b")])
}

/// A site with a live second deployment, and the first one retained.
fn world() -> (World, Built) {
    world_with(&[])
}

fn world_with(vars: &[(&str, &str)]) -> (World, Built) {
    let world = World::with_vars(vars);
    let built = publish(&world, "www", "production", &first());
    publish(&world, "www", "production", &second());
    world.take_log();
    (world, built)
}

fn host(built: &Built) -> String {
    format!("{}--www.cdn.test", built.id)
}

#[track_caller]
fn take_down(from: &Isolate, path: &str) -> Value {
    let body = json!({ "path": path }).to_string();
    let response = from.admin("POST", "/sites/www/takedowns", body.as_bytes());
    assert!(matches!(response.status, 200 | 201), "{}", response.render());
    response.json()
}

fn list(from: &Isolate) -> Vec<String> {
    let listed = from.admin("GET", "/sites/www/takedowns", b"").json();
    let paths = listed["takedowns"].as_array().unwrap().iter();
    paths.map(|takedown| takedown["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_large_site_is_searched_as_far_as_a_request_goes() {
    let world = World::new();
    let folder = (0..30_000)
        .fold(Folder::new(&[("/index.html", "Home")]), |f, n| f.file(&format!("/f/{n}.txt"), "x"));
    publish(&world, "www", "production", &folder);
    let isolate = Isolate::new(&world);
    let answer = take_down(&isolate, "/f/7.txt");
    assert_eq!((&answer["live_on"], &answer["unchecked"]), (&json!(["production"]), &json!([])));
    let answer = take_down(&isolate, "/f/*");
    let found = (&answer["live_on"], &answer["unchecked"]);
    assert_eq!(found, (&json!([]), &json!(["production"])), "not claimed to be gone");
}

#[test]
fn two_at_once_are_both_kept() {
    let (world, _) = world();
    let before = world.snapshot();
    for schedule in 0..1 << 10 {
        world.restore(&before);
        let call = |path: &str| {
            let body = json!({ "path": path }).to_string();
            Isolate::new(&world).admin_call("POST", "/sites/www/takedowns", body.as_bytes())
        };
        let answers = race(&world, call("/a"), call("/b"), schedule);
        assert!(answers.iter().all(|answer| answer.status == 201), "{schedule:b}: {answers:?}");
        let mut kept = list(&Isolate::new(&world));
        kept.sort();
        assert_eq!(kept, ["/a", "/b"], "{schedule:b}");
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let (world, built) = world();
    let before = world.snapshot();
    for killed_at in 0..20 {
        world.restore(&before);
        let body = json!({ "path": SCRIPT }).to_string();
        let call = Isolate::new(&world).admin_call("POST", "/sites/www/takedowns", body.as_bytes());
        let mut future = Box::pin(call.future());
        let ended = world.step(future.as_mut(), killed_at);
        drop(future);
        world.cut_behind();
        let isolate = Isolate::new(&world);
        let status = isolate.get(&host(&built), SCRIPT).status;
        assert!(status == 404 || matches!((&ended, status), (Poll::Pending, 200)), "{killed_at}");
        take_down(&isolate, SCRIPT);
        assert_eq!(Isolate::new(&world).get(&host(&built), SCRIPT).status, 404, "{killed_at}");
        assert_eq!(list(&isolate).len(), 1, "{killed_at}");
    }
}
