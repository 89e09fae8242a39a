//! Publishing, interrupted at every step: what is served is one whole deployment.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::json;

use selvedge::ports::Fault;
use selvedge::site::ids::ContentHash;

use super::support::folder::{Built, Folder, frame, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Trouble, World};

const PATHS: [&str; 5] = ["/", "/page", "/only-1", "/only-2", "/old"];

fn version(n: u32) -> Folder {
    Folder::new(&[
        ("/index.html", &format!("v{n}")),
        ("/page.html", &format!("page v{n}")),
        (&format!("/only-{n}.html"), "only here"),
        ("/404.html", &format!("not in v{n}")),
    ])
    .redirects_file(&format!("/old /v{n}"))
    .headers_file(&format!("/*\n  X-Version: {n}"))
}

/// What a cold isolate far away is served.
fn served(world: &World) -> Vec<Response> {
    let isolate = Isolate::new(world);
    PATHS.iter().map(|path| isolate.get("www.cdn.test", path).lasting()).collect()
}

/// Sends calls until one is refused; whether all were taken.
fn send_all(calls: Vec<Request>) -> bool {
    calls.into_iter().all(|call| call.send().status < 300)
}

struct Versions {
    world: World,
    second: Built,
    first_served: Vec<Response>,
    second_served: Vec<Response>,
}

fn versions(vars: &[(&str, &str)]) -> Versions {
    let world = World::with_vars(vars);
    publish(&world, "www", "production", &version(1));
    let first_served = served(&world);
    let snapshot = world.snapshot();
    let second = publish(&world, "www", "production", &version(2));
    let second_served = served(&world);
    world.restore(&snapshot);
    Versions { world, second, first_served, second_served }
}

#[test]
fn a_publisher_that_dies_before_any_call_changes_nothing() {
    for store in ["r2", "kv"] {
        let of = versions(&[("STORE", store)]);
        let before = of.world.snapshot();
        let count = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1)).len();
        for killed_at in 0..count {
            of.world.restore(&before);
            let calls = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1));
            assert!(send_all(calls.into_iter().take(killed_at).collect()));
            assert_eq!(served(&of.world), of.first_served, "{store}, before call {killed_at}");
            let calls = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1));
            assert!(send_all(calls), "{store}, again after {killed_at}");
            assert_eq!(served(&of.world), of.second_served, "{store}, again after {killed_at}");
        }
    }
}

#[test]
fn trouble_at_every_store_operation() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Before(Fault::Busy),
        Trouble::After(Fault::Busy),
        Trouble::Hang,
        Trouble::HangAfter,
    ];
    for store in ["r2", "kv"] {
        let of = versions(&[("STORE", store)]);
        let before = of.world.snapshot();
        let calls = |from: &Isolate| of.second.calls(from, "www", "production", Some(1));
        of.world.take_log();
        assert!(send_all(calls(&Isolate::new(&of.world))));
        let operations = of.world.store_ops();
        assert!(operations > 10, "{operations}");
        for trouble in troubles {
            for at in 0..operations {
                let shown = format!("{store}, {trouble:?} at {at}");
                of.world.restore(&before);
                of.world.trouble_at(None, "", at, 1, trouble);
                let done = send_all(calls(&Isolate::new(&of.world)));
                of.world.heal();
                let found = served(&of.world);
                let whole = found == of.first_served || found == of.second_served;
                assert!(whole, "{shown}: mixed");
                assert!(!done || found == of.second_served, "{shown}: said that it was done");
                // Run again: a change whose outcome was unknown is found to be there.
                assert!(send_all(calls(&Isolate::new(&of.world))), "{shown}: again");
                assert_eq!(served(&of.world), of.second_served, "{shown}: again");
            }
        }
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let of = versions(&[]);
    let before = of.world.snapshot();
    for killed_at in 0..60 {
        of.world.restore(&before);
        let mut left = killed_at;
        for call in of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1)) {
            let mut future = Box::pin(call.future());
            let mut ended = false;
            while left > 0 && !ended {
                ended = of.world.step(future.as_mut(), 1).is_ready();
                left -= 1;
            }
            if !ended {
                break;
            }
        }
        of.world.cut_behind();
        let found = served(&of.world);
        let whole = found == of.first_served || found == of.second_served;
        assert!(whole, "killed after {killed_at}");
    }
}

#[test]
fn a_deployment_names_allowed_upstreams_only() {
    let of = |upstream: &str| {
        let action = json!({ "prefix": "/api", "upstream": upstream });
        version(1).configured(&json!({ "actions": [action] }).to_string())
    };
    let list = "https://api.test, http://127.0.0.1:9000 service:AUTH";
    for (list, upstream, is_allowed) in [
        (list, "https://api.test", true),
        (list, "https://API.test:443/", true),
        (list, "http://127.0.0.1:9000", true),
        (list, "service:AUTH", true),
        (list, "http://api.test", false),
        (list, "https://api.test:8443", false),
        (list, "https://api.test.evil.test", false),
        (list, "http://127.0.0.1", false),
        (list, "service:auth", false),
        ("", "https://api.test", false),
    ] {
        let world = World::with_vars(&[("ALLOWED_ORIGINS", list)]);
        let from = Isolate::new(&world);
        let built = of(upstream).build();
        let mut calls = built.calls(&from, "www", "production", None);
        calls.pop();
        let commit = calls.pop().unwrap();
        assert!(send_all(calls));
        let before = world.snapshot();
        let response = commit.send();
        let shown = format!("{upstream} of {list:?}: {response:?}");
        if is_allowed {
            assert_eq!(response.status, 201, "{shown}");
            continue;
        }
        assert_eq!((response.status, &*response.code()), (422, "upstream-not-allowed"), "{shown}");
        let message = response.json()["error"]["message"].to_string();
        assert!(message.contains(upstream), "{shown}");
        assert_eq!(world.snapshot(), before, "nothing is stored: {shown}");
    }
    let world = World::with_vars(&[("ALLOWED_ORIGINS", list)]);
    let told = Isolate::new(&world).admin("GET", "", b"").json()["allowed_origins"].clone();
    assert_eq!(told, json!(["https://api.test", "http://127.0.0.1:9000", "service:AUTH"]));
}

#[test]
fn batches() {
    let world = World::new();
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/www", b"").status, 201);
    let good = |bytes: &[u8]| frame(&ContentHash::of(bytes), bytes);
    let bad = frame(&ContentHash::of(b"one"), b"another");
    let send = |batch: &[u8]| from.admin("POST", "/sites/www/blobs", batch);
    assert_eq!(send(b"").json()["stored"], 0);
    assert_eq!(send(&[good(b"1"), good(b"2")].concat()).json()["stored"], 2);
    assert_eq!(send(&[good(b"1"), good(b"2")].concat()).json()["stored"], 2, "idempotent");
    for cut in 1..good(b"12345").len() {
        let response = send(&good(b"12345")[..cut]);
        assert_eq!((response.status, response.code().as_str()), (422, "invalid"), "cut at {cut}");
    }
    let many: Vec<Vec<u8>> = (0..12_u8).map(|n| good(&[n])).collect();
    let mixed = [many[..6].concat(), bad, many[6..].concat()].concat();
    let refused = send(&mixed);
    assert_eq!((refused.status, refused.code().as_str()), (422, "hash-mismatch"));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("blob 6"));
    let hashes: Vec<String> = (0..12_u8).map(|n| ContentHash::of(&[n]).hex()).collect();
    let question = json!({ "prefix": "", "hashes": hashes }).to_string();
    let missing = from.admin("POST", "/sites/www/blobs/missing", question.as_bytes());
    let missing = missing.json()["missing"].as_array().unwrap().len();
    assert!((4..=6).contains(&missing), "{missing} of those after the broken one");
    let too_many = good(b"").repeat(257);
    assert_eq!(send(&too_many).status, 422);
    assert_eq!(send(&vec![0; 8 * 1024 * 1024 + 1]).status, 413);
}
