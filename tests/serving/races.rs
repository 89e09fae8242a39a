//! Two calls of the admin API at the same time, their operations in every order.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::json;

use super::support::folder::{Built, Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::World;

/// Runs two calls, their operations interleaved as the bits of a number say.
fn race(world: &World, one: Request, other: Request, schedule: u32) -> [Response; 2] {
    let (mut one, mut other) = (Box::pin(one.future()), Box::pin(other.future()));
    let mut replies = [None, None];
    for bit in 0..16 {
        let turn = (schedule >> bit & 1) as usize;
        if replies[turn].is_some() {
            continue;
        }
        let future = if turn == 0 { one.as_mut() } else { other.as_mut() };
        if let Poll::Ready(reply) = world.step(future, 1) {
            replies[turn] = Some(reply);
        }
    }
    let [first, second] = replies;
    let first = first.or_else(|| world.run(one)).unwrap();
    let second = second.or_else(|| world.run(other)).unwrap();
    world.cut_behind();
    [Response::of(first), Response::of(second)]
}

fn version(n: u32) -> Folder {
    Folder::new(&[("/index.html", &format!("v{n}"))])
}

fn activate(built: &Built, from: &Isolate, site: &str, stage: &str, seq: Option<u64>) -> Request {
    built.calls(from, site, stage, seq).pop().unwrap()
}

#[test]
fn two_deployers_in_every_order() {
    for store in ["r2", "kv"] {
        let world = World::with_vars(&[("STORE", store)]);
        publish(&world, "www", "production", &version(1));
        let rivals = [2, 3].map(|n| version(n).build());
        for rival in &rivals {
            rival.commit(&Isolate::new(&world), "www");
        }
        let before = world.snapshot();
        for expected in [Some(1), None] {
            for schedule in (0..1 << 10).map(|bits| bits | 0xa800) {
                world.restore(&before);
                let [one, other] = rivals.each_ref().map(|rival| {
                    activate(rival, &Isolate::new(&world), "www", "production", expected)
                });
                let answers = race(&world, one, other, schedule);
                check_race(&world, store, expected, &rivals, &answers, schedule);
            }
        }
    }
}

#[track_caller]
fn check_race(
    world: &World,
    store: &str,
    expected: Option<u64>,
    rivals: &[Built; 2],
    answers: &[Response; 2],
    schedule: u32,
) {
    let shown = format!("{store}, {expected:?}, {schedule:b}: {answers:?}");
    let live = Isolate::new(world).admin("GET", "/sites/www/stages/production", b"").json();
    let winner = rivals.iter().position(|rival| live["deployment"] == rival.id.as_str());
    let winner = winner.unwrap_or_else(|| panic!("neither is live: {shown}"));
    assert_eq!(answers[winner].status, 200, "the winner was refused: {shown}");
    let loser = &answers[1 - winner];
    match (store, expected) {
        ("r2", Some(_)) => {
            assert_eq!((loser.status, loser.code().as_str()), (409, "lost-race"), "{shown}");
            let named = &loser.json()["error"]["winner"]["deployment"];
            assert_eq!(*named, rivals[winner].id.as_str(), "{shown}");
            assert_eq!(live["seq"], 2, "{shown}");
        }
        ("r2", None) => {
            assert_eq!((loser.status, live["seq"].as_u64()), (200, Some(3)), "{shown}");
        }
        // KV can't prevent a lost race: both calls may succeed.
        _ => assert!([200, 409].contains(&loser.status), "{shown}"),
    }
}

/// A stage never serves a deployment without its root.
#[test]
fn a_deployment_is_deleted_while_it_is_activated() {
    for store in ["r2", "kv"] {
        let world = World::with_vars(&[("STORE", store)]);
        let old = publish(&world, "www", "production", &version(1));
        publish(&world, "www", "production", &version(2));
        let (before, host) = (world.snapshot(), format!("{}--www.cdn.test", old.id));
        let mut outcomes = [0_usize; 2];
        for schedule in 0..1_u32 << 16 {
            // Every 31st: some two thousand orders, and no pattern in their bits.
            if schedule % 31 != 0 {
                continue;
            }
            world.restore(&before);
            let from = Isolate::new(&world);
            let call = format!("/sites/www/deployments/{}", old.id);
            let forget = from.admin_call("DELETE", &call, b"");
            let activate = activate(&old, &from, "www", "production", None);
            let [forgot, activated] = race(&world, forget, activate, schedule);
            let shown = format!("{store} {schedule:b}: {forgot:?} {activated:?}");
            let live = from.admin("GET", "/sites/www/stages/production", b"").json();
            let is_live = live["deployment"] == old.id.as_str();
            let is_stored = !world.history(&format!("dep/www/{}", old.id)).is_empty();
            assert!(!is_live || is_stored, "live without a root: {shown}");
            assert_eq!(Isolate::new(&world).get("www.cdn.test", "/").status, 200, "{shown}");
            // KV can't prevent a lost race: both calls may succeed.
            let told = is_live == (activated.status == 200);
            assert!(told || (store == "kv" && !is_live), "{shown}");
            assert!(matches!(forgot.status, 200 | 404 | 409), "{shown}");
            if forgot.status == 200 && activated.status != 200 {
                assert_eq!(Isolate::new(&world).get(&host, "/").status, 421, "{shown}");
            }
            outcomes[usize::from(is_live)] += 1;
        }
        assert!(outcomes.iter().all(|count| *count > 50), "{store}: {outcomes:?}");
    }
}

#[test]
fn two_takedowns_are_both_kept() {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    let before = world.snapshot();
    for schedule in 0..1 << 10 {
        world.restore(&before);
        let call = |path: &str| {
            let body = json!({ "path": path }).to_string();
            Isolate::new(&world).admin_call("POST", "/sites/www/takedowns", body.as_bytes())
        };
        let answers = race(&world, call("/a"), call("/b"), schedule);
        assert!(answers.iter().all(|answer| answer.status == 201), "{schedule:b}: {answers:?}");
        let listed = Isolate::new(&world).admin("GET", "/sites/www/takedowns", b"").json();
        let kept = listed["takedowns"].as_array().unwrap().iter().map(|kept| &kept["path"]);
        let kept: std::collections::BTreeSet<_> = kept.map(|path| path.as_str().unwrap()).collect();
        assert_eq!(kept, ["/a", "/b"].into(), "{schedule:b}");
    }
}

fn collecting(n: u32) -> Folder {
    version(n).configured(
        r#"{"collections": [{"name": "public", "prefix": "/public/"},
            {"name": "content", "prefix": "/content/", "fresh": true}]}"#,
    )
}

/// A site `aa` with everything that a site can have, beside a site `aab`.
fn filled() -> World {
    let world = World::new();
    publish(&world, "aab", "production", &collecting(1));
    publish(&world, "aa", "production", &collecting(4));
    publish(&world, "aa", "production", &collecting(2));
    publish(&world, "aa", "staging", &collecting(3));
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/aa/hosts/www.example.com", b"{}").status, 200);
    for name in ["aa", "aab"] {
        for collection in ["public", "content"] {
            let call = format!("/sites/{name}/collections/{collection}/objects/a.txt");
            assert_eq!(from.admin("PUT", &call, b"object of the old site").status, 200);
        }
    }
    let token = br#"{"name":"t","scopes":["read"]}"#;
    assert_eq!(from.admin("POST", "/sites/aa/tokens", token).status, 201);
    assert_eq!(from.admin("POST", "/sites/aa/keys", br#"{"name":"k"}"#).status, 201);
    assert_eq!(from.admin("POST", "/sites/aa/takedowns", br#"{"path":"/x"}"#).status, 201);
    world.log.take();
    world
}

/// A call that deletes the site, or a part of it.
fn call(from: &Isolate) -> Request {
    from.admin_call("DELETE", "/sites/aa", b"")
}

/// Calls until the site is deleted, waiting as long as each answer says.
#[track_caller]
fn delete(world: &World) {
    for _ in 1..200 {
        let response = call(&Isolate::new(world)).send();
        assert_eq!(response.status, 200, "{}", response.render());
        let answer = response.json();
        if answer["done"] == true {
            return;
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
fn a_publish_while_its_site_is_deleted_leaves_nothing_behind() {
    let world = &filled();
    let before = world.snapshot();
    let late = collecting(7).build();
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
            let activate = activate(&late, &from, "aa", "pr-7", None);
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
fn a_hostname_added_while_its_site_is_deleted_is_not_left_behind() {
    let world = &filled();
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
    let world = &filled();
    let (before, start) = (world.snapshot(), world.now());
    let late = collecting(7).build();
    late.commit(&Isolate::new(world), "aa");
    let committed = world.snapshot();
    assert_ne!(before, committed);
    let mut refused = 0;
    for operations in 0..8 {
        world.restore(&committed);
        world.now_ms.set(start.0);
        let from = Isolate::new(world);
        let activate = activate(&late, &from, "aa", "pr-7", None);
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
