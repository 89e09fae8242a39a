//! The live record's windows, by a clock that moves on command.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::folder::{Folder, publish};
use super::support::response::Isolate;
use super::support::world::{Op, START_MS, Trouble, World};

fn version(n: u32) -> Folder {
    Folder::new(&[("/index.html", &format!("v{n}"))])
}

/// A world with v1 live, seen by an isolate at the start; v2 is activated right after.
fn deployed_twice() -> (World, Isolate) {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    let isolate = Isolate::new(&world);
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v1");
    publish(&world, "www", "production", &version(2));
    world.take_log();
    (world, isolate)
}

#[test]
fn windows() {
    let rows = [
        (0, "v1", "v1"),
        (4_999, "v1", "v1"),
        (5_000, "v1", "v2"),
        (29_999, "v1", "v2"),
        (30_000, "v2", "v2"),
        (86_400_000, "v2", "v2"),
    ];
    for (age_ms, first, next) in rows {
        let (world, isolate) = deployed_twice();
        world.set_now_ms(START_MS + age_ms);
        assert_eq!(isolate.get("www.cdn.test", "/").text(), first, "first at {age_ms}");
        assert_eq!(isolate.get("www.cdn.test", "/").text(), next, "next at {age_ms}");
    }
}

#[test]
fn a_neighbour_counts_the_age_from_the_reading_of_the_record() {
    let (world, isolate) = deployed_twice();
    world.set_now_ms(START_MS + 29_999);
    let neighbour = isolate.neighbour();
    let response = neighbour.ask("GET", "https://www.cdn.test/").send_only();
    assert_eq!((response.text(), response.field("age")), ("v1", "29"));
    world.cut_behind();
    world.set_now_ms(START_MS + 30_000);
    assert_eq!(isolate.neighbour().get("www.cdn.test", "/").text(), "v2");
}

#[test]
fn one_refresh_for_many_requests() {
    let (world, isolate) = deployed_twice();
    world.set_now_ms(START_MS + 6_000);
    for _ in 0..10 {
        assert_eq!(isolate.ask("GET", "https://www.cdn.test/").send_only().text(), "v1");
    }
    assert_eq!(world.store_ops(), 0, "nobody waits");
    world.settle();
    let reads = world.take_log();
    assert_eq!(reads.iter().filter(|op| op.op == Op::Read).count(), 1, "{reads:?}");
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v2");
}

#[test]
fn a_refresh_that_was_cut_off_is_tried_again() {
    let (world, isolate) = deployed_twice();
    world.set_now_ms(START_MS + 6_000);
    isolate.ask("GET", "https://www.cdn.test/").send_only();
    assert_eq!(world.cut_behind(), 1);
    world.set_now_ms(START_MS + 8_999);
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v1", "the lock is held");
    world.set_now_ms(START_MS + 9_001);
    isolate.get("www.cdn.test", "/");
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v2");
}

#[test]
fn stale_if_error_for_a_day() {
    let rows = [(30_000, 200), (86_399_999, 200), (86_400_000, 503)];
    for (age_ms, status) in rows {
        let (world, isolate) = deployed_twice();
        world.set_now_ms(START_MS + age_ms);
        world.trouble(None, "", Trouble::Before(Fault::Busy));
        let response = isolate.get("www.cdn.test", "/");
        assert_eq!(response.status, status, "at {age_ms}");
        if status == 200 {
            assert_eq!(response.text(), "v1");
            let told = response.field("cache-status");
            assert!(told.contains("detail=stale-if-error"), "{told}");
            assert!(age_ms == 30_000 || told.contains("ttl=-"), "{told}");
        }
        // The store is not asked again at once, so that not every client waits for it.
        world.heal();
        world.pass_ms(2_000);
        assert_eq!(isolate.get("www.cdn.test", "/").text(), "v2", "healed at {age_ms}");
    }
}

#[test]
fn an_isolate_never_goes_back() {
    let (world, isolate) = deployed_twice();
    world.set_now_ms(START_MS + 30_000);
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v2");
    world.trouble(Op::Read, "live/", Trouble::Older(1));
    for step in 1..20 {
        world.set_now_ms(START_MS + 30_000 + step * 7_000);
        assert_eq!(isolate.get("www.cdn.test", "/").text(), "v2", "step {step}");
    }
}

#[test]
fn a_sandbox_reads_each_time_and_shows_a_deploy_at_once() {
    let world = World::new();
    publish(&world, "www", "staging", &version(1));
    let isolate = Isolate::new(&world);
    isolate.get("staging--www.cdn.test", "/");
    for n in 2..6 {
        publish(&world, "www", "staging", &version(n));
        assert_eq!(isolate.get("staging--www.cdn.test", "/").text(), format!("v{n}"));
        world.take_log();
        assert_eq!(isolate.get("staging--www.cdn.test", "/").status, 200);
        assert_eq!(world.store_ops(), 1, "the record and nothing else");
    }
    world.trouble(None, "", Trouble::Before(Fault::Failed));
    let response = isolate.get("staging--www.cdn.test", "/");
    assert_eq!((response.status, response.field("cache-control")), (200, "no-store"));
}

#[test]
fn a_first_deploy_is_seen_at_once() {
    let world = World::new();
    let isolate = Isolate::new(&world);
    for _ in 0..3 {
        assert_eq!(isolate.get("www.cdn.test", "/").status, 421);
    }
    publish(&world, "www", "production", &version(1));
    assert_eq!(isolate.get("www.cdn.test", "/").text(), "v1");
}

#[test]
fn clocks_that_jump() {
    let (world, isolate) = deployed_twice();
    let year_9999_ms = 253_402_300_799_000;
    for now_ms in [START_MS - 3_600_000, 0, START_MS, year_9999_ms, START_MS] {
        world.set_now_ms(now_ms);
        let response = isolate.get("www.cdn.test", "/");
        assert_eq!(response.status, 200, "at {now_ms}");
        let age: u64 = response.has("age").map_or(0, |age| age.parse().unwrap());
        assert!(age <= 30, "age {age} at {now_ms}");
    }
}
