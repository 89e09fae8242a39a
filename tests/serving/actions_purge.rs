//! Purges of stored responses of actions: one write, and nothing that was under way brings back
//! what was purged.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::cell::Cell;
use std::rc::Rc;

use super::support::acting::{API, acting, ask, get, upstreams};
use super::support::response::Isolate;
use super::support::upstream::Answer;
use super::support::world::{Op, START_MS, Task, Trouble};

fn purge(from: &Isolate, body: &str) {
    let response = from.admin("POST", "/sites/aa/purge", body.as_bytes());
    assert_eq!(response.status, 200, "{response:?}");
}

#[test]
fn ten_thousand_are_one_write() {
    const MANY: usize = 10_000;
    let world = acting();
    let isolate = Isolate::new(&world);
    upstreams(&world, "cache-control: max-age=600", 0);
    let fetches_of_all = || {
        let before = world.fetches();
        for n in 0..MANY {
            get(&isolate, &format!("/api/{n}"));
        }
        world.fetches() - before
    };
    assert_eq!((fetches_of_all(), fetches_of_all()), (MANY, 0));
    world.take_log();
    purge(&isolate, r#"{"prefix":"/api/"}"#);
    let is_write = |op| matches!(op, Op::Write | Op::Delete | Op::Upload);
    assert_eq!(world.take_log().iter().filter(|logged| is_write(logged.op)).count(), 1);
    assert_eq!(fetches_of_all(), MANY);
}

/// Something of an upstream changes and is purged while it is being asked for, at any moment.
#[test]
fn what_was_under_way_does_not_come_back() {
    // What there is when somebody asks, and how long after it was stored; how long the upstream
    // takes: less, and more, than clocks may be apart.
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
                world.set_now_ms(START_MS + age_secs * 1_000);
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

/// A GET that was under way when something was changed is not stored, whatever came meanwhile.
#[test]
fn what_was_asked_before_a_change_is_not_stored() {
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
