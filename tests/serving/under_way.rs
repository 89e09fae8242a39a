//! Purges, writes and refreshes while requests are under way: what was read before a change is
//! never stored after it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::cell::Cell;
use std::rc::Rc;

use super::support::acting::{API, acting, ask, get};
use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::upstream::Answer;
use super::support::world::{Logged, Op, START_MS, Task, Trouble, World};

/// The object that is read and changed.
const OBJECT: &str = "/public/a.txt";
const CONFIG: &str = r#"{"collections":[{"name":"public","prefix":"/public/"}]}"#;

/// A site with a collection.
fn collecting() -> World {
    let world = World::new();
    let folder = Folder::new(&[("/index.html", "aa")]).configured(CONFIG);
    publish(&world, "aa", "production", &folder);
    world
}

/// A write of an object of the collection.
fn write(from: &Isolate, name: &str, text: &str) -> Request {
    let call = format!("/sites/aa/collections/public/objects/{name}");
    from.admin_call("PUT", &call, text.as_bytes()).header("selvedge-tags", "t1, t2")
}

fn read(from: &Isolate) -> Request {
    from.ask("GET", &format!("https://aa.cdn.test{OBJECT}"))
}

/// Writes the object without an invalidation.
fn put(world: &World, text: &str) {
    assert_eq!(write(&Isolate::new(world), "a.txt?invalidate=false", text).send().status, 200);
}

/// An isolate that has stored copies well after their objects were written.
fn with_copies(world: &World, names: &[String]) -> Isolate {
    let isolate = Isolate::new(world);
    for name in names {
        assert_eq!(write(&Isolate::new(world), name, "v1").send().status, 200);
    }
    world.pass_ms(10_000);
    for name in names {
        let read = || isolate.get("aa.cdn.test", &format!("/public/{name}"));
        assert_eq!(read().text(), "v1");
        assert!(read().field("cache-status").starts_with("selvedge; hit"), "{name}");
    }
    isolate
}

/// A resource changes and is purged while a request for it is under way, at any moment.
#[test]
fn a_purge_during_a_request_for_an_action() {
    // The state of the stored response and its age; delays of the upstream below and above the
    // clock skew.
    let asked = [("nothing", None), ("refreshed", Some(65)), ("validated", Some(100))];
    let moments: Vec<(u64, u64)> = (0..200)
        .step_by(5)
        .map(|purged_ms| (60, purged_ms))
        .chain((0..4_400).step_by(400).map(|purged_ms| (4_000, purged_ms)))
        .collect();
    for (name, age_secs) in asked {
        for (delay_ms, purged_ms) in moments.iter().copied() {
            let world = acting();
            let (asking, purging) = (Isolate::new(&world), Isolate::new(&world));
            let is_new = Rc::new(Cell::new(false));
            let version = is_new.clone();
            world.on_fetch(move |request, _| {
                let (tag, body) = if version.get() { ("\"n\"", "new") } else { ("\"o\"", "old") };
                let lines = "cache-control: max-age=60, stale-while-revalidate=30";
                let is_known = request.headers.value("if-none-match") == Some(tag);
                let (status, body) = if is_known { (304, "") } else { (200, body) };
                Answer::new(status, lines, body).with("etag", tag).after(delay_ms)
            });
            if let Some(age_secs) = age_secs {
                assert_eq!(get(&asking, API).text(), "old");
                world.now_ms.set(START_MS + age_secs * 1_000);
            }
            asking.get("aa.cdn.test", "/");
            // Every step takes its time, so that the purge comes between any two.
            world.trouble(Op::StoredFind, "res/", Trouble::Slow(10));
            world.trouble(Op::StoredKeep, "res/", Trouble::Slow(10));
            let asked = ask(&asking, "GET", API).response();
            let asked: Task = Box::pin(async move { drop(asked.await) });
            let (clock, changed) = (world.clone(), is_new.clone());
            let call = purging.admin_call("POST", "/sites/aa/purge", br#"{"path":"/api/x"}"#);
            let purged: Task = Box::pin(async move {
                clock.wait(purged_ms).await;
                changed.set(true);
                assert_eq!(call.response().await.status, 200);
            });
            assert!(world.run_all(vec![asked, purged]).iter().all(Option::is_some));
            world.heal();
            world.pass_ms(30_000);
            for isolate in [&asking, &asking.neighbour(), &purging] {
                let response = get(isolate, API);
                assert_eq!(response.text(), "new", "{name}, purged after {purged_ms} ms");
            }
        }
    }
}

/// A response to a GET that began before an unsafe request is not stored.
#[test]
fn an_unsafe_method_during_a_request_for_an_action() {
    for vary in ["", "\nvary: accept-language"] {
        for has_newer in [false, true] {
            let world = acting();
            let isolate = Isolate::new(&world);
            let lines = format!("cache-control: max-age=600{vary}");
            world.on_fetch(move |request, world| {
                let delay_ms = if request.headers.contains("x-slow") { 1_000 } else { 0 };
                let body = if world.fetches() > 1 { "new" } else { "old" };
                Answer::new(200, &lines, body).after(delay_ms)
            });
            let slow = ask(&isolate, "GET", API).header("x-slow", "1").response();
            let slow: Task = Box::pin(async move { assert_eq!(slow.await.text(), "old") });
            let other = isolate.neighbour();
            let changed = ask(&other, "POST", API).response();
            let newer = ask(&other, "GET", API).header("accept-language", "fr").response();
            let clock = world.clone();
            let later: Task = Box::pin(async move {
                clock.wait(500).await;
                changed.await;
                clock.wait(100).await;
                if has_newer {
                    assert_eq!(newer.await.text(), "new");
                }
            });
            assert!(world.run_all(vec![slow, later]).iter().all(Option::is_some));
            assert_eq!(get(&isolate, API).text(), "new", "{vary:?} {has_newer}");
        }
    }
}

#[test]
fn a_purge_during_a_read_of_an_object() {
    for (name, age_secs) in
        [("nothing", None), ("refreshed", Some(301)), ("validated", Some(5_000))]
    {
        for purged_ms in (0..100).step_by(5) {
            let world = collecting();
            put(&world, "old");
            let (asking, purging) = (Isolate::new(&world), Isolate::new(&world));
            if let Some(age_secs) = age_secs {
                assert_eq!(read(&asking).send().text(), "old");
                world.now_ms.set(START_MS + age_secs * 1_000);
            }
            get(&asking, "/");
            for op in [Op::StoredFind, Op::StoredKeep] {
                world.trouble(op, "res/", Trouble::Slow(10));
            }
            world.trouble(Op::Open, "obj/", Trouble::Slow(10));
            let asked = read(&asking).response();
            let asked: Task = Box::pin(async move { drop(asked.await) });
            let written = write(&purging, "a.txt", "new").response();
            let call = purging.admin_call("POST", "/sites/aa/purge", br#"{"tag":"t1"}"#);
            let (clock, purge) = (world.clone(), call.response());
            let purged: Task = Box::pin(async move {
                clock.wait(purged_ms).await;
                assert_eq!((written.await.status, purge.await.status), (200, 200));
            });
            assert!(world.run_all(vec![asked, purged]).iter().all(Option::is_some));
            world.heal();
            world.pass_ms(30_000);
            for isolate in [&asking, &asking.neighbour(), &purging] {
                assert_eq!(read(isolate).send().text(), "new", "{name}, {purged_ms} ms");
            }
        }
    }
}

/// Eight concurrent writes in an isolate share one write of the record; eight isolates need a
/// write each.
#[test]
fn writers_at_the_same_time_share_their_writes() {
    let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    for (together, writes_max) in [(true, 1), (false, 8)] {
        let world = collecting();
        let elsewhere = with_copies(&world, &names);
        let from = Isolate::new(&world);
        world.trouble(Op::Read, "live/", Trouble::Slow(20));
        world.trouble(Op::Write, "live/", Trouble::Slow(20));
        world.log.take();
        let requests = names.iter().map(|name| {
            let isolate = if together { from.clone() } else { Isolate::new(&world) };
            write(&isolate, name, "v2").response()
        });
        let answers = world.run_all(requests.collect());
        for answer in answers.iter().map(|answer| answer.as_ref().unwrap()) {
            let json = answer.json();
            assert_eq!((answer.status, &json["invalidated"]), (200, &true.into()), "{json}");
        }
        world.heal();
        let log = world.log.take();
        let of = |op: &&Logged| op.op == Op::Write && op.key == "live/aa/production";
        let attempts = log.iter().filter(of).count();
        let live = from.admin("GET", "/sites/aa/stages/production", b"").json();
        let written = live["seq"].as_u64().unwrap() as usize;
        assert!(!together || attempts <= 8, "{attempts} attempts");
        assert!(written <= 1 + names.len() + writes_max, "{written} changes");
        world.pass_ms(30_000);
        for name in &names {
            let found = elsewhere.get("aa.cdn.test", &format!("/public/{name}"));
            assert_eq!(found.text(), "v2", "{name}, together: {together}");
        }
    }
}

/// A refresh that read the old object stores it after the ban, and it is never served.
#[test]
fn a_refresh_under_way_does_not_bring_the_old_object_back() {
    let world = collecting();
    let isolate = with_copies(&world, &["a.txt".to_owned()]);
    world.pass_ms(300_000);
    assert!(get(&isolate, "/").status == 200, "the live record is fresh");
    put(&world, "v2");
    world.trouble(Op::Open, "obj/", Trouble::Slow(400));
    let (stale, from) = (read(&isolate).response(), Isolate::new(&world));
    let later = world.clone();
    let write = async move {
        later.wait(100).await;
        write(&from, "a.txt", "v3").response().await
    };
    let futures: Vec<std::pin::Pin<Box<dyn Future<Output = Response>>>> =
        vec![Box::pin(stale), Box::pin(write)];
    let answers = world.run_all(futures);
    assert_eq!(answers[0].as_ref().unwrap().text(), "v1");
    assert_eq!(answers[1].as_ref().unwrap().json()["invalidated"], true);
    world.settle();
    world.heal();
    world.pass_ms(30_000);
    assert_eq!(read(&isolate).send().text(), "v3");
}
