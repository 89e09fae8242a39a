//! What a store or an edge tier that fails, lags or lies can do to an answer: nothing but delay it,
//! or turn it into a 503.

use std::cell::Cell;

use selvedge::wire::coding::Coding;

#[cfg(not(target_arch = "wasm32"))]
mod support;
use crate::support::{Answer, Ask, Fate, Isolate, Op, SiteFiles, World};

const HOST: &str = "www.cdn.test";
/// Larger than what is held in memory, so that it streams.
const LARGE_BYTES: usize = 70_000;

fn site() -> SiteFiles {
    let large = "x".repeat(LARGE_BYTES);
    SiteFiles::of(&[
        ("/index.html", "home"),
        ("/a.html", "page"),
        ("/large.bin", &large),
        ("/empty.txt", ""),
        ("/404.html", "missing"),
    ])
    .coded("/a.html", Coding::Brotli, "br")
}

fn published() -> (World, Isolate) {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("www", "production", &site());
    world.take_log();
    (world, isolate)
}

fn requests() -> Vec<Ask> {
    vec![
        Ask::get(HOST, "/"),
        Ask::get(HOST, "/a"),
        Ask::get(HOST, "/a").with("accept-encoding", "br"),
        Ask::get(HOST, "/a.html"),
        Ask::get(HOST, "/large.bin"),
        Ask::get(HOST, "/large.bin").with("range", "bytes=10-19"),
        Ask::get(HOST, "/large.bin").with("range", "bytes=99999-"),
        Ask::get(HOST, "/empty.txt"),
        Ask::get(HOST, "/a").with("if-none-match", "*"),
        Ask::get(HOST, "/nope"),
        Ask::of("HEAD", HOST, "/large.bin"),
        Ask::of("POST", HOST, "/a"),
        Ask::of("OPTIONS", HOST, "/a"),
    ]
}

#[track_caller]
fn well_formed(answer: &Answer) {
    assert!(answer.status != 500, "{answer:?}");
    assert!(answer.value("cache-control").is_some(), "{answer:?}");
    assert!(answer.value("cache-status").is_some(), "{answer:?}");
    let bodiless = matches!(answer.status, 204 | 304);
    assert_eq!(answer.value("content-length").is_none(), bodiless, "{answer:?}");
}

#[track_caller]
fn unavailable(answer: &Answer) {
    well_formed(answer);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.value("retry-after"), Some("5"));
    assert_eq!(answer.value("cache-control"), Some("no-store"));
}

fn is_store(op: &Op) -> bool {
    op.name.starts_with("store")
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn each_operation_of_each_request_failing_in_each_way() {
    let (world, warm) = published();
    for ask in requests() {
        let right = warm.ask(&ask);
        well_formed(&right);
        let right = right.lasting();
        for fate in [Fate::Fails, Fate::Busy, Fate::Hangs, Fate::Nothing, Fate::Half] {
            for at in 0..8 {
                let count = Cell::new(0);
                world.plan(move |_| {
                    count.set(count.get() + 1);
                    if count.get() == at + 1 { fate } else { Fate::Done }
                });
                let whole = world.isolate().ask(&ask);
                well_formed(&whole);
                let answer = whole.lasting();
                let name = format!("{} {}, {fate:?} at {at}", ask.method, ask.url);
                // A store that says that the live record is gone can't be told from one without.
                let gone = fate == Fate::Nothing && answer.status == 421;
                let cut_stream = fate == Fate::Half && answer.body.len() < right.body.len();
                if answer != right && !gone && !cut_stream {
                    assert_eq!(answer.status, 503, "{name}");
                    unavailable(&whole);
                }
                world.run_behind();
                world.empty_edge();
            }
        }
        world.heal();
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn an_edge_tier_that_does_anything_changes_nothing() {
    let (world, warm) = published();
    for fate in [Fate::Fails, Fate::Hangs, Fate::Nothing, Fate::Half, Fate::Busy] {
        world.plan(move |op| if op.name.starts_with("edge") { fate } else { Fate::Done });
        for ask in requests() {
            let right = warm.ask(&ask).lasting();
            let cold = world.isolate();
            let streamed_half = fate == Fate::Half && ask.url.ends_with("large.bin");
            if !streamed_half {
                assert_eq!(cold.ask(&ask).lasting(), right, "{fate:?} {}", ask.url);
            }
            world.run_behind();
        }
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn an_edge_tier_that_hangs_is_not_asked_for_long() {
    let (world, _) = published();
    let isolate = world.isolate();
    world.plan(|op| if op.name.starts_with("edge") { Fate::Hangs } else { Fate::Done });
    requests().iter().for_each(|ask| drop(isolate.ask(ask)));
    let asked = world.take_log().iter().filter(|op| op.name.starts_with("edge")).count();
    assert!(asked <= 5, "asked {asked} times");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_failure_is_tried_again_but_not_a_refusal() {
    let (world, _) = published();
    for (fate, times, expected) in
        [(Fate::Fails, 2, 200), (Fate::Fails, 3, 503), (Fate::Busy, 1, 503)]
    {
        let count = Cell::new(0);
        world.empty_edge();
        world.plan(move |op| {
            let hit = is_store(op) && op.key.starts_with("live/");
            count.set(count.get() + u32::from(hit));
            if hit && count.get() <= times { fate } else { Fate::Done }
        });
        let answer = world.isolate().get(HOST, "/");
        assert_eq!(answer.status, expected, "{fate:?} {times} times");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn with_everything_down_a_503_comes_within_two_seconds() {
    let (world, isolate) = published();
    world.plan(|op| if op.name == "store list" { Fate::Done } else { Fate::Hangs });
    for ask in requests() {
        let cold = world.isolate();
        let started = world.now_ms();
        unavailable(&cold.ask(&ask));
        assert!(world.now_ms() - started <= 2_100, "{}", ask.url);
    }
    // What is in memory goes on being served.
    assert_eq!(isolate.get(HOST, "/nope").status, 503, "its page is not in memory");
    assert_eq!(isolate.ask(&Ask::of("HEAD", HOST, "/a")).status, 200);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_corrupt_manifest_is_never_served() {
    let (world, warm) = published();
    let right = warm.get(HOST, "/").lasting();
    let mut store = world.store();
    for (key, bytes) in &mut store {
        if key.starts_with("dep/") {
            let mut broken = bytes.to_vec();
            let last = broken.len() - 1;
            broken[last] ^= 1;
            *bytes = broken.into();
        }
    }
    world.set_store(store);
    world.empty_edge();
    unavailable(&world.isolate().get(HOST, "/"));
    assert_eq!(warm.get(HOST, "/").lasting(), right, "the last good one is kept");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn how_many_operations_a_request_costs() {
    let (world, _) = published();
    let isolate = world.isolate();
    let cost = |ask: &Ask| {
        world.take_log();
        isolate.ask(ask);
        world.take_log().iter().filter(|op| is_store(op)).count()
    };
    world.plan(|op| if op.name.starts_with("edge") { Fate::Nothing } else { Fate::Done });
    assert_eq!(cost(&Ask::get(HOST, "/")), 3, "cold: live record, manifest, blob");
    assert_eq!(cost(&Ask::get(HOST, "/")), 0, "hot");
    for path in ["/a.html", "/index", "/zzz/index.html"] {
        let expected = usize::from(path.starts_with("/zzz"));
        assert_eq!(cost(&Ask::get(HOST, path)), expected, "{path}: a redirect, or the 404 page");
    }
    assert_eq!(cost(&Ask::get(HOST, "/zzz2")), 0, "404 again");
    assert_eq!(cost(&Ask::get(HOST, "/a").with("if-none-match", "*")), 0, "304");
    assert_eq!(cost(&Ask::of("HEAD", HOST, "/large.bin")), 0, "HEAD");
    assert_eq!(cost(&Ask::get(HOST, "/large.bin").with("range", "bytes=99999-")), 0, "416");
    assert_eq!(cost(&Ask::get(HOST, "/large.bin").with("range", "bytes=0-9")), 1, "206");
    assert_eq!(cost(&Ask::of("POST", HOST, "/a")), 0, "405");
    for n in 0..1_000 {
        assert_eq!(cost(&Ask::get(HOST, &format!("/no/{n}?utm={n}"))), 0);
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn what_goes_on_behind_a_response_may_be_cut_off() {
    let (world, _) = published();
    let isolate = world.isolate();
    for ask in requests() {
        let first = isolate.ask(&ask).lasting();
        world.cut_behind();
        assert_eq!(isolate.ask(&ask).lasting(), first, "{}", ask.url);
    }
}
