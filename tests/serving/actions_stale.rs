//! Stale responses of actions: served while they are refreshed, bridged when the upstream fails,
//! and nothing beyond the cap; by a clock that moves on command.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::acting::{API, Up, acting, acting_as, ask, came, get, together, upstreams};
use super::support::response::Isolate;
use super::support::world::START_MS;

const GONE: Up = Up::Lost(Fault::Failed);
const LATE: Up = Up::Lost(Fault::TimedOut);

/// A request: so many seconds after the start, what the upstream is like, and then the status, the
/// body, how it came about, and how many requests the upstream got so far.
type Step<'a> = (u64, Up, &'a str);

#[track_caller]
fn check(lines: &str, steps: &[Step]) {
    let world = acting();
    let isolate = Isolate::new(&world);
    for (secs, up, expected) in steps {
        world.set_now_ms(START_MS + secs * 1_000);
        upstreams(&world, *up, lines, 0);
        let response = get(&isolate, API);
        let body = if response.status == 200 { response.text() } else { "-" };
        let seen = format!("{} {body} {} {}", response.status, came(&response), world.fetches());
        assert_eq!(seen, *expected, "{lines} at {secs}: {response:?}");
        if response.field("cache-status").contains("; hit") {
            let age: u64 = response.field("age").parse().unwrap();
            assert!(age < 1_800, "{lines} at {secs}: {response:?}");
        }
        if matches!(response.status, 502 | 504) {
            assert_eq!(response.field("cache-control"), "no-store");
            assert!(response.has("retry-after").is_some());
        }
    }
}

#[test]
fn what_is_stale_is_served_while_it_is_refreshed() {
    use Up::{New, Same, Says};
    const SWR: &str = "cache-control: max-age=60, stale-while-revalidate=30";
    check(
        SWR,
        &[
            (0, New, "200 v1 uri-miss 1"),
            (59, New, "200 v1 edge 1"),
            (60, New, "200 v1 stale-while-revalidate 2"),
            (60, New, "200 v2 edge 2"),
            (119, New, "200 v2 edge 2"),
            (149, New, "200 v2 stale-while-revalidate 3"),
            (149, New, "200 v3 edge 3"),
            (239, New, "200 v4 stale 4"),
        ],
    );
    let with_tag = format!("{SWR}\netag: \"a\"");
    check(
        &with_tag,
        &[
            (0, New, "200 v1 uri-miss 1"),
            (60, Same, "200 v1 stale-while-revalidate 2"),
            (119, New, "200 v1 edge 2"),
            (150, Same, "200 v1 validated 3"),
            (209, New, "200 v1 edge 3"),
        ],
    );
    // A refresh that fails leaves what there is, and rests for half a minute.
    check(
        "cache-control: max-age=60, stale-while-revalidate=60, stale-if-error=90",
        &[
            (0, New, "200 v1 uri-miss 1"),
            (60, Says(503), "200 v1 stale-while-revalidate 2"),
            (89, New, "200 v1 stale-while-revalidate 2"),
            (90, GONE, "200 v1 stale-while-revalidate 3"),
            (120, Says(500), "200 v1 stale-if-error 4"),
            (149, GONE, "200 v1 stale-if-error 5"),
            (150, Says(503), "503 - no-lifetime 6"),
        ],
    );
    // What the upstream has no more is replaced.
    check(
        SWR,
        &[
            (0, New, "200 v1 uri-miss 1"),
            (60, Says(404), "200 v1 stale-while-revalidate 2"),
            (61, Says(404), "404 - no-lifetime 3"),
        ],
    );
}

/// Short lifetimes are refreshed each time that they end, not once in a while.
#[test]
fn a_refresh_that_is_done_holds_no_other_back() {
    use Up::New;
    check(
        "cache-control: max-age=1, stale-while-revalidate=60",
        &[
            (0, New, "200 v1 uri-miss 1"),
            (1, New, "200 v1 stale-while-revalidate 2"),
            (2, New, "200 v2 stale-while-revalidate 3"),
            (3, New, "200 v3 stale-while-revalidate 4"),
        ],
    );
}

#[test]
fn failures_are_bridged_to_the_end_of_their_window_and_not_beyond() {
    use Up::{New, Says};
    const FIRST: Step = (0, New, "200 v1 uri-miss 1");
    let rows: &[(&str, &[Step])] = &[
        (
            "max-age=60, stale-if-error=30",
            &[
                FIRST,
                (60, Says(500), "200 v1 stale-if-error 2"),
                (61, Says(502), "200 v1 stale-if-error 3"),
                (62, Says(503), "200 v1 stale-if-error 4"),
                (63, Says(504), "200 v1 stale-if-error 5"),
                (89, GONE, "200 v1 stale-if-error 6"),
                (90, Says(503), "503 - no-lifetime 7"),
            ],
        ),
        ("max-age=60, stale-if-error=30", &[FIRST, (60, Says(501), "501 - no-lifetime 2")]),
        ("max-age=60, stale-if-error=30", &[FIRST, (60, Says(429), "429 - no-lifetime 2")]),
        ("max-age=60, stale-if-error=30", &[FIRST, (90, GONE, "502 - upstream-lost 2")]),
        // A lost upstream is bridged to the cap, an answer is not.
        (
            "max-age=60",
            &[
                FIRST,
                (60, GONE, "200 v1 stale-if-error 2"),
                (1_799, LATE, "200 v1 stale-if-error 3"),
                (1_800, GONE, "502 - upstream-lost 4"),
            ],
        ),
        ("max-age=60", &[FIRST, (60, Says(503), "503 - no-lifetime 2")]),
        ("max-age=60, stale-if-error=0", &[FIRST, (60, GONE, "502 - upstream-lost 2")]),
        // RFC 9111 section 4.2.4.
        ("max-age=60, must-revalidate", &[FIRST, (59, GONE, "200 v1 edge 1")]),
        ("max-age=60, must-revalidate", &[FIRST, (60, GONE, "502 - upstream-lost 2")]),
        ("max-age=60, must-revalidate", &[FIRST, (60, LATE, "504 - upstream-timeout 2")]),
        ("max-age=60, proxy-revalidate", &[FIRST, (60, LATE, "504 - upstream-timeout 2")]),
        ("s-maxage=60", &[FIRST, (60, GONE, "502 - upstream-lost 2")]),
        (
            "max-age=60, must-revalidate, stale-while-revalidate=99, stale-if-error=99",
            &[FIRST, (60, GONE, "502 - upstream-lost 2")],
        ),
    ];
    for (text, steps) in rows {
        check(&format!("cache-control: {text}"), steps);
        check(&format!("cache-control: {text}\netag: \"a\""), steps);
    }
    let no_cache = "cache-control: max-age=60, no-cache\netag: \"a\"";
    check(no_cache, &[FIRST, (1, GONE, "502 - upstream-lost 2")]);
    check(no_cache, &[FIRST, (1, Up::Same, "200 v1 validated 2")]);
}

/// TC-001 to TC-015: whatever the upstream says, nothing is used at an age of 1,800 seconds.
#[test]
fn nothing_is_used_beyond_the_cap() {
    use Up::{New, Same};
    let year = "expires: Sat, 02 Jan 2027 03:04:05 GMT";
    let rows = [
        ("TC-001", "cache-control: public, max-age=86400", 1_800),
        ("TC-002", "cache-control: public, s-maxage=31536000", 1_800),
        ("TC-004", "cache-control: max-age=99999999999999999999", 1_800),
        ("TC-005", "cache-control: max-age=2147483648", 1_800),
        ("TC-011", year, 1_800),
        ("TC-014", "cache-control: max-age=86400\nage: 1700", 100),
        (
            "a date that is old",
            "cache-control: max-age=86400\ndate: Fri, 02 Jan 2026 02:35:45 GMT",
            100,
        ),
        (
            "windows",
            "cache-control: max-age=9999, stale-while-revalidate=9999, stale-if-error=9999",
            1_800,
        ),
        ("surrogates", "cache-control: no-store\ncdn-cache-control: max-age=86400", 1_800),
    ];
    for (name, lines, end) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        upstreams(&world, New, lines, 0);
        let at = |secs: u64| {
            world.set_now_ms(START_MS + secs * 1_000);
            get(&isolate, API)
        };
        assert_eq!(at(0).text(), "v1", "{name}");
        let last = at(end - 1);
        assert_eq!((last.text(), last.field("age")), ("v1", "1799"), "{name}");
        assert_eq!((at(end).text(), world.fetches()), ("v2", 2), "{name}");
    }
    // TC-015: a 304 begins anew, and ends as soon.
    const DAY: &str = "cache-control: max-age=86400, no-cache\netag: \"a\"";
    check(
        DAY,
        &[
            (0, New, "200 v1 uri-miss 1"),
            (1_799, Same, "200 v1 validated 2"),
            (3_598, Same, "200 v1 validated 3"),
            (5_398, Same, "200 v4 uri-miss 4"),
        ],
    );
    let aged = "cache-control: max-age=600\netag: \"a\"\nage: 500";
    check(
        aged,
        &[
            (0, New, "200 v1 uri-miss 1"),
            (99, Same, "200 v1 edge 1"),
            (100, Same, "200 v1 validated 2"),
            (199, Same, "200 v1 edge 2"),
            (200, Same, "200 v1 validated 3"),
        ],
    );
}

#[test]
fn a_site_may_say_less_than_the_cap() {
    for (cap, last) in [(0, None), (1, Some(0)), (60, Some(59))] {
        let config = format!(
            r#"{{"actions":[{{"prefix":"/api/","upstream":"https://up.test","cap":{cap}}}]}}"#
        );
        let world = acting_as(&config);
        let isolate = Isolate::new(&world);
        upstreams(&world, Up::New, "cache-control: max-age=3600\netag: \"a\"", 0);
        assert_eq!(get(&isolate, API).text(), "v1");
        if let Some(last) = last {
            world.set_now_ms(START_MS + last * 1_000);
            assert_eq!(get(&isolate, API).text(), "v1", "{cap}");
        }
        world.set_now_ms(START_MS + cap * 1_000);
        assert_eq!(get(&isolate, API).text(), "v2", "{cap}");
    }
}

#[test]
fn one_refresh_however_many_ask() {
    let world = acting();
    let isolate = Isolate::new(&world);
    let neighbour = isolate.neighbour();
    let lines = "cache-control: max-age=60, stale-while-revalidate=30";
    upstreams(&world, Up::New, lines, 200);
    assert_eq!(get(&isolate, API).text(), "v1");
    for (round, at_secs) in [(1, 75), (2, 150)] {
        world.set_now_ms(START_MS + at_secs * 1_000);
        let before_ms = world.now().0;
        let all = [&isolate, &neighbour].map(|from| (0..50).map(|_| ask(from, "GET", API)));
        let responses = together(&world, all.into_iter().flatten().collect());
        for response in &responses {
            assert_eq!(response.text(), format!("v{round}"));
            assert_eq!(came(response), "stale-while-revalidate");
        }
        assert_eq!(world.fetches(), round + 1);
        assert_eq!(world.now().0, before_ms + 200, "the refresh is behind them all");
        assert_eq!(get(&neighbour, API).text(), format!("v{}", round + 1));
    }
}

#[test]
fn a_refresh_that_was_cut_off_is_tried_again() {
    let world = acting();
    let isolate = Isolate::new(&world);
    upstreams(&world, Up::New, "cache-control: max-age=60, stale-while-revalidate=60", 0);
    get(&isolate, API);
    world.set_now_ms(START_MS + 60_000);
    assert_eq!(ask(&isolate, "GET", API).send_only().text(), "v1");
    assert!(world.cut_behind() > 0);
    world.set_now_ms(START_MS + 89_999);
    assert_eq!(get(&isolate, API).text(), "v1");
    assert_eq!(world.fetches(), 1, "the lock is held");
    world.set_now_ms(START_MS + 90_000);
    assert_eq!(get(&isolate, API).text(), "v1");
    assert_eq!((get(&isolate, API).text(), world.fetches()), ("v2", 2));
}

#[test]
fn what_an_upstream_is_asked_to_validate() {
    let world = acting();
    let isolate = Isolate::new(&world);
    let lines = "cache-control: max-age=60, must-revalidate\netag: \"a\"\n\
                 last-modified: Thu, 01 Jan 2026 00:00:00 GMT";
    upstreams(&world, Up::Same, lines, 0);
    ask(&isolate, "GET", API).header("if-none-match", "\"mine\"").send();
    get(&isolate, API);
    world.set_now_ms(START_MS + 60_000);
    ask(&isolate, "GET", API).header("if-none-match", "\"mine\"").send();
    let fetched = world.fetched();
    let asked: Vec<_> = fetched
        .iter()
        .map(|request| {
            let field = |name: &str| request.headers.value(name).unwrap_or("-").to_owned();
            (field("if-none-match"), field("if-modified-since"))
        })
        .collect();
    let tags = |mine: &str, date: &str| (mine.to_owned(), date.to_owned());
    // A client's own condition is passed on where nothing is stored, and its answer is not.
    assert_eq!(
        asked,
        [tags("\"mine\"", "-"), tags("-", "-"), tags("\"a\"", "Thu, 01 Jan 2026 00:00:00 GMT"),]
    );
}
