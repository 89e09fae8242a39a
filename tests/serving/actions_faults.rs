//! Upstreams and edge tiers that fail: the right answer, an error, or a transfer that is cut off.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::acting::{API, Up, acting, ask, came, get, upstreams};
use super::support::response::Isolate;
use super::support::upstream::{Answer, End};
use super::support::world::{EdgeTemper, Op, START_MS, Trouble};

const KEPT: &str = "cache-control: max-age=600";

/// Rows F19 to F21: what is lost is an error, what is cut off is no answer, and neither is stored.
#[test]
fn upstreams_that_fail() {
    let kept = |length: usize| Answer::new(200, KEPT, "a".repeat(length));
    let (small, large) = (kept(10), kept(100_000));
    // The status, whether the transfer is cut off, what is said of it, and how long it took.
    let rows: Vec<(&str, Answer, u16, bool, &str, u64)> = vec![
        ("no connection", Answer::fault(Fault::Failed), 502, false, "upstream-lost", 0),
        ("a reset", Answer::fault(Fault::Failed).after(700), 502, false, "upstream-lost", 700),
        ("no binding", Answer::fault(Fault::Missing), 502, false, "upstream-missing", 0),
        ("late", kept(10).after(20_000), 504, false, "upstream-timeout", 10_000),
        ("just in time", kept(10).after(9_999), 200, false, "uri-miss", 9_999),
        ("cut off", small.clone().ending(End::Cut), 502, false, "cut-off", 0),
        ("short", small.clone().with("content-length", "11"), 502, false, "cut-off", 0),
        ("long", small.with("content-length", "9"), 502, false, "cut-off", 0),
        ("cut off late", large.clone().ending(End::Cut), 200, true, "uri-miss", 0),
        (
            "short, and large",
            large.clone().with("content-length", "100001"),
            200,
            true,
            "uri-miss",
            0,
        ),
        ("long, and large", large.with("content-length", "99999"), 200, true, "uri-miss", 0),
        ("endless", kept(10).chunked().ending(End::Never), 200, true, "uri-miss", 0),
        ("cut, of unknown length", kept(10).chunked().ending(End::Cut), 200, true, "uri-miss", 0),
        ("too long, unknown", kept((1 << 20) + 1).chunked(), 200, false, "uri-miss", 0),
        ("a 500", Answer::new(500, "", "no"), 500, false, "no-lifetime", 0),
        (
            "a 503",
            Answer::new(503, KEPT, "no").with("set-cookie", "a"),
            503,
            false,
            "set-cookie",
            0,
        ),
    ];
    for (name, answer, status, is_cut, detail, took_ms) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        get(&isolate, "/");
        world.on_fetch(move |_, _| answer.clone());
        let before_ms = world.now().0;
        let response = get(&isolate, API);
        let seen = (response.status, response.is_cut, came(&response));
        assert_eq!(seen, (status, is_cut, detail.to_owned()), "{name}: {response:?}");
        assert_eq!(world.now().0 - before_ms, took_ms, "{name}");
        if matches!(status, 502 | 504) {
            assert_eq!(response.field("cache-control"), "no-store", "{name}");
            assert!(response.has("retry-after").is_some(), "{name}");
        }
        if name != "just in time" {
            upstreams(&world, Up::New, KEPT, 0);
            let again = get(&isolate, API);
            assert_eq!((again.status, again.text()), (200, "v2"), "{name}: it was not stored");
        }
    }
}

/// A timeout is bridged like any loss.
#[test]
fn a_hanging_upstream_holds_nobody_who_can_be_served() {
    let world = acting();
    let isolate = Isolate::new(&world);
    upstreams(&world, Up::New, "cache-control: max-age=60, stale-while-revalidate=60", 0);
    get(&isolate, API);
    world.trouble(Op::Fetch, "https://up.test", Trouble::Hang);
    world.set_now_ms(START_MS + 60_000);
    let before_ms = world.now().0;
    assert_eq!(ask(&isolate, "GET", API).send_only().text(), "v1");
    assert_eq!(world.now().0, before_ms, "the refresh hangs behind it");
    world.settle();
    world.set_now_ms(START_MS + 120_000);
    let before_ms = world.now().0;
    assert_eq!(came(&get(&isolate, API)), "stale-if-error");
    assert_eq!(world.now().0 - before_ms, 10_000);
    world.set_now_ms(START_MS + 1_800_000);
    assert_eq!(get(&isolate, API).status, 504);
}

/// Whatever the edge tier does, the answer is right; only the upstream is asked more.
#[test]
fn edge_tiers_that_fail() {
    let tempers = [EdgeTemper::AlwaysEmpty, EdgeTemper::Vanishing(50), EdgeTemper::Vanishing(90)];
    let ops = [Op::StoredFind, Op::StoredKeep];
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::Before(Fault::Missing),
        Trouble::After(Fault::Failed),
        Trouble::Hang,
        Trouble::HangAfter,
        Trouble::Slow(99),
        Trouble::Slow(2_000),
        Trouble::Null,
        Trouble::Garbage,
    ];
    let lines = "cache-control: max-age=1, stale-while-revalidate=2\netag: \"a\"";
    let check = |name: &str, world: &super::support::world::World| {
        let isolate = Isolate::new(world);
        for round in 0..12_u64 {
            world.pass_ms(700);
            upstreams(world, if round % 3 == 0 { Up::New } else { Up::Same }, lines, 10);
            let before_ms = world.now().0;
            let response = ask(&isolate, "GET", API).send_only();
            let took_ms = world.now().0 - before_ms;
            assert!(took_ms <= 2_000, "{name}, round {round}: {took_ms} ms");
            assert_eq!(response.status, 200, "{name}, round {round}: {response:?}");
            assert!(response.text().starts_with('v') && !response.is_cut, "{name}: {response:?}");
            let age = response.has("age").and_then(|age| age.parse().ok()).unwrap_or(0_u64);
            assert!(age <= 3, "{name}, round {round}: {response:?}");
            world.settle();
        }
    };
    for temper in tempers {
        let world = acting();
        world.set_edge_temper(temper);
        check(&format!("{temper:?}"), &world);
    }
    for op in ops {
        for trouble in troubles {
            for percent in [30, 100] {
                let world = acting();
                world.trouble_for(op, "res/", percent, trouble);
                check(&format!("{op:?} {trouble:?} {percent}"), &world);
            }
        }
    }
}

/// A copy that lost its end is no answer: its transfer is cut off, or it is asked for again.
#[test]
fn copies_that_lost_their_end() {
    let lines = "cache-control: max-age=60, stale-while-revalidate=60\netag: \"a\"";
    for length in [1_000, 100_000] {
        let body = "a".repeat(length);
        let world = acting();
        let isolate = Isolate::new(&world);
        let sent = body.clone();
        world.on_fetch(move |request, _| match request.headers.contains("if-none-match") {
            true => Answer::new(304, lines, ""),
            false => Answer::new(200, lines, &sent),
        });
        get(&isolate, API);
        for at_secs in [0, 60, 120, 200, 400] {
            world.set_now_ms(START_MS + at_secs * 1_000);
            world.trouble_at(Op::StoredFind, "res/aa/", 0, 1, Trouble::Truncated);
            let response = get(&isolate, API);
            let is_whole = response.text() == body;
            assert!(is_whole != response.is_cut, "{length} at {at_secs}: {}", response.render());
            world.heal();
            let healed = get(&isolate, API);
            assert!(healed.text() == body && !healed.is_cut, "{length} at {at_secs}");
        }
    }
}
