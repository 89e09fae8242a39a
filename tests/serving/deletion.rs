//! Deleting a site: nothing of it is left, and a site of the same name shows nothing of it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::Value;

use selvedge::ports::Fault;

use super::support::calls::{race, token};
use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Trouble, World};

const SCRIPT: &str = "/assets/app.3f2a91bc.js";
const CONFIG: &str = r#"{
    "actions": [{"prefix": "/api/", "upstream": "https://up.test"}],
    "collections": [{"name": "public", "prefix": "/public/"},
                    {"name": "content", "prefix": "/content/", "fresh": true}]}"#;

fn folder(n: u32) -> Folder {
    Folder::new(&[("/index.html", &format!("v{n}")), ("/about.html", &format!("about v{n}"))])
        .configured(CONFIG)
}

/// A site `aa` with everything that a site can have, beside a site `aab`.
fn filled(store: &str) -> World {
    let world = World::with_vars(&[("ALLOWED_ORIGINS", "https://up.test"), ("STORE", store)]);
    publish(&world, "aab", "production", &folder(1));
    publish(&world, "aa", "production", &folder(1).file(SCRIPT, "secret()"));
    publish(&world, "aa", "production", &folder(2));
    publish(&world, "aa", "staging", &folder(3));
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/aa/hosts/www.example.com", b"{}").status, 200);
    for name in ["aa", "aab"] {
        for collection in ["public", "content"] {
            let call = format!("/sites/{name}/collections/{collection}/objects/a.txt");
            assert_eq!(from.admin("PUT", &call, b"object of the old site").status, 200);
        }
    }
    token(&world, "aa", &["publish", "read"]);
    assert_eq!(from.admin("POST", "/sites/aa/keys", br#"{"name":"k"}"#).status, 201);
    assert_eq!(from.admin("POST", "/sites/aa/takedowns", br#"{"path":"/x"}"#).status, 201);
    world.take_log();
    world
}

fn call(from: &Isolate) -> Request {
    from.admin_call("DELETE", "/sites/aa", b"")
}

/// Calls until it is done, waiting as long as each answer says; returns how many calls it took.
#[track_caller]
fn delete(world: &World) -> usize {
    for count in 1..200 {
        let response = call(&Isolate::new(world)).send();
        assert_eq!(response.status, 200, "{}", response.render());
        let answer = response.json();
        if answer["done"] == true {
            return count;
        }
        world.pass_ms(answer["wait_secs"].as_u64().unwrap() * 1_000);
    }
    panic!("it never ends");
}

fn keys_of(world: &World, site: &str) -> Vec<String> {
    let keys = world.keys("").into_iter();
    keys.filter(|key| key.split('/').nth(1) == Some(site) || key.contains("example.com")).collect()
}

#[test]
fn trouble_at_every_operation_and_once_more() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Before(Fault::Busy),
        Trouble::After(Fault::Busy),
        Trouble::HangAfter,
    ];
    for store in ["r2", "kv"] {
        let world = &filled(store);
        let (before, start) = (world.snapshot(), world.now());
        delete(world);
        let operations = world.store_ops();
        assert!(operations > 30, "{operations}");
        for trouble in troubles {
            for at in 0..operations {
                world.restore(&before);
                world.set_now_ms(start.0);
                world.trouble_at(None, "", at, 1, trouble);
                let mut last = Value::Null;
                for _ in 0..30 {
                    let response = call(&Isolate::new(world)).send();
                    if response.status != 200 {
                        // A record whose deletion did not answer may be gone already.
                        assert!(matches!(response.status, 404 | 503), "{}", response.render());
                        if response.status == 404 {
                            break;
                        }
                        continue;
                    }
                    last = response.json();
                    if last["done"] == true {
                        break;
                    }
                    world.pass_ms(last["wait_secs"].as_u64().unwrap() * 1_000);
                }
                world.heal();
                let shown = format!("{store}, {trouble:?} at {at}: {last}");
                assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
                assert!(!keys_of(world, "aab").is_empty(), "{shown}");
            }
        }
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let world = &filled("r2");
    let before = world.snapshot();
    for calls_before in 0..6 {
        for killed_at in 0..14 {
            world.restore(&before);
            for _ in 0..calls_before {
                call(&Isolate::new(world)).send();
            }
            let mut future = Box::pin(call(&Isolate::new(world)).future());
            let _: Poll<_> = world.step(future.as_mut(), killed_at);
            drop(future);
            world.cut_behind();
            delete(world);
            assert_eq!(keys_of(world, "aa"), [""; 0], "after {calls_before} and {killed_at}");
        }
    }
}

#[test]
fn a_publish_at_the_same_time_leaves_nothing_behind() {
    let world = &filled("r2");
    let before = world.snapshot();
    let late = folder(7).build();
    late.commit(&Isolate::new(world), "aa");
    let committed = world.snapshot();
    assert_ne!(before, committed);
    for calls_before in 0..4 {
        for schedule in 0..1 << 12 {
            if schedule % 5 != 0 {
                continue;
            }
            world.restore(&committed);
            for _ in 0..calls_before {
                call(&Isolate::new(world)).send();
            }
            let from = Isolate::new(world);
            let activate = late.calls(&from, "aa", "pr-7", None).pop().unwrap();
            let [deleted, activated] = race(world, call(&from), activate, schedule);
            let shown = format!("{calls_before}, {schedule:b}: {deleted:?} {activated:?}");
            assert_eq!(deleted.status, 200, "{shown}");
            assert!(matches!(activated.status, 200 | 404 | 409), "{shown}");
            delete(world);
            assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
        }
    }
}

#[test]
fn a_hostname_added_at_the_same_time_is_not_left_behind() {
    let world = &filled("r2");
    let before = world.snapshot();
    let mut outcomes = [0_usize; 2];
    for schedule in (0..1 << 10).step_by(3) {
        world.restore(&before);
        let from = Isolate::new(world);
        let add = from.admin_call("PUT", "/sites/aa/hosts/late.example.com", b"{}");
        let [deleted, added] = race(world, call(&from), add, schedule);
        let shown = format!("{schedule:b}: {deleted:?} {added:?}");
        assert_eq!(deleted.status, 200, "{shown}");
        assert!(matches!(added.status, 200 | 409), "{shown}");
        outcomes[usize::from(added.status == 200)] += 1;
        delete(world);
        assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
        assert_eq!(from.get("late.example.com", "/").status, 421, "{shown}");
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}

#[test]
fn an_activation_that_comes_too_late_takes_itself_back() {
    let world = &filled("r2");
    let (before, start) = (world.snapshot(), world.now());
    let late = folder(7).build();
    late.commit(&Isolate::new(world), "aa");
    let committed = world.snapshot();
    assert_ne!(before, committed);
    let mut refused = 0;
    for operations in 0..8 {
        world.restore(&committed);
        world.set_now_ms(start.0);
        let from = Isolate::new(world);
        let activate = late.calls(&from, "aa", "pr-7", None).pop().unwrap();
        let mut future = Box::pin(activate.future());
        let begun = world.step(future.as_mut(), operations);
        // The whole deletion, while the activation pauses.
        delete(world);
        let response = match begun {
            Poll::Ready(reply) => Response::of(reply),
            Poll::Pending => Response::of(world.run(future).unwrap()),
        };
        world.settle();
        refused += usize::from(response.status != 200);
        assert_eq!(keys_of(world, "aa"), [""; 0], "{operations}: {response:?}");
        let cold = Isolate::new(world);
        assert_eq!(cold.get("pr-7--aa.cdn.test", "/").status, 421, "{operations}");
        assert_eq!(from.get("pr-7--aa.cdn.test", "/").status, 421, "{operations}");
    }
    assert!(refused > 2, "{refused}");
}
