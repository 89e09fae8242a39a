//! The freshness of the live record, under a clock that tests set.

#[cfg(not(target_arch = "wasm32"))]
mod support;
use crate::support::{Fate, Isolate, SiteFiles, World};

const HOST: &str = "www.cdn.test";

fn site(text: &str) -> SiteFiles {
    SiteFiles::of(&[("/index.html", text)])
}

/// A world with two isolates and a first deployment that both have served.
fn two_isolates() -> (World, Isolate, Isolate) {
    let world = World::new();
    let (one, two) = (world.isolate(), world.isolate());
    one.publish("www", "production", &site("v1"));
    assert_eq!(one.get(HOST, "/").text(), "v1");
    assert_eq!(two.get(HOST, "/").text(), "v1");
    world.run_behind();
    (world, one, two)
}

fn reads_of_live(world: &World) -> usize {
    let log = world.take_log();
    log.iter().filter(|op| op.name == "store read" && op.key.starts_with("live/")).count()
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_deploy_is_seen_everywhere_within_thirty_seconds() {
    let (world, one, two) = two_isolates();
    one.publish("www", "production", &site("v2"));
    assert_eq!(one.get(HOST, "/").text(), "v2", "at once where it was made");
    assert_eq!(two.get(HOST, "/").text(), "v1", "fresh elsewhere");
    world.advance_ms(29_999);
    assert_eq!(two.get(HOST, "/").text(), "v1", "as it is, while it is refreshed");
    // The refresh is lost: the bound holds all the same.
    world.cut_behind();
    world.advance_ms(1);
    assert_eq!(two.get(HOST, "/").text(), "v2", "read before the response");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_stale_record_is_refreshed_once_however_many_ask() {
    let (world, _, two) = two_isolates();
    world.take_log();
    world.advance_ms(4_999);
    two.get(HOST, "/");
    world.run_behind();
    assert_eq!(reads_of_live(&world), 0, "fresh");
    world.advance_ms(1);
    for _ in 0..50 {
        two.get(HOST, "/");
    }
    world.run_behind();
    assert_eq!(reads_of_live(&world), 1, "one refresh behind fifty responses");
    two.get(HOST, "/");
    world.run_behind();
    assert_eq!(reads_of_live(&world), 0, "fresh again");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_failing_store_is_bridged_for_a_day_and_not_beyond() {
    let (world, one, _) = two_isolates();
    world.plan(|op| if op.name.starts_with("store") { Fate::Fails } else { Fate::Done });
    world.advance_ms(86_400_000 - 10_000);
    let answer = one.get(HOST, "/");
    assert_eq!((answer.status, answer.text().as_str()), (200, "v1"));
    let status = answer.value("cache-status").unwrap();
    assert!(status.contains("hit; ttl=-") && status.ends_with("detail=stale-if-error"), "{status}");
    world.advance_ms(20_000);
    let answer = one.get(HOST, "/");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.value("retry-after"), Some("5"));
    assert_eq!(answer.value("cache-control"), Some("no-store"));
    world.heal();
    assert_eq!(one.get(HOST, "/").status, 200);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn an_outage_makes_one_client_wait_and_not_every_one() {
    let (world, one, _) = two_isolates();
    world.plan(|op| if op.name.starts_with("store") { Fate::Hangs } else { Fate::Done });
    world.advance_ms(60_000);
    world.take_log();
    for _ in 0..10 {
        assert_eq!(one.get(HOST, "/").text(), "v1");
    }
    assert_eq!(reads_of_live(&world), 1);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_sandbox_is_read_by_every_request() {
    let world = World::new();
    let (one, two) = (world.isolate(), world.isolate());
    let host = "sandbox--www.cdn.test";
    assert_eq!(two.get(host, "/").status, 421, "nothing yet");
    for version in ["v1", "v2", "v3"] {
        one.publish("www", "sandbox", &site(version));
        assert_eq!(two.get(host, "/").text(), version, "seen by the very next request");
    }
    let edge_holds_live = world
        .take_log()
        .iter()
        .any(|op| op.name == "edge put" && op.key.starts_with("live/www/sandbox"));
    assert!(!edge_holds_live, "the edge tier never has a sandbox's record");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn an_isolate_never_goes_back() {
    let (world, one, two) = two_isolates();
    let before = world.store();
    one.publish("www", "production", &site("v2"));
    world.advance_ms(30_000);
    assert_eq!(two.get(HOST, "/").text(), "v2");
    // A store that shows what it held before: new, old, new.
    let after = world.store();
    let mut old = after.clone();
    old.insert("live/www/production".into(), before["live/www/production"].clone());
    for store in [old.clone(), after, old] {
        world.set_store(store);
        world.empty_edge();
        world.advance_ms(30_000);
        assert_eq!(two.get(HOST, "/").text(), "v2");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn the_age_of_an_edge_copy_counts_on_in_a_new_isolate() {
    let (world, one, _) = two_isolates();
    // The deploy reaches the store, but not the edge tier, which goes on holding v1.
    world.plan(|op| if op.name == "edge put" { Fate::Fails } else { Fate::Done });
    one.publish("www", "production", &site("v2"));
    world.advance_ms(29_000);
    let answer = world.isolate().get(HOST, "/");
    assert_eq!(answer.text(), "v1", "the edge copy is 29 seconds old");
    assert_eq!(answer.value("age"), Some("29"));
    world.cut_behind();
    world.advance_ms(1_000);
    assert_eq!(world.isolate().get(HOST, "/").text(), "v2", "and now 30");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_clock_that_jumps_does_no_harm() {
    let (world, one, _) = two_isolates();
    for ms in [253_402_300_799_000, u64::MAX / 4] {
        world.advance_ms(ms);
        assert_eq!(one.get(HOST, "/").text(), "v1");
    }
}
