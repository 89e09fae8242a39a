//! Request coalescing: of concurrent requests for the same URL one asks the upstream.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::acting::{API, acting, ask, came, get, together, upstreams};
use super::support::response::{Isolate, Request};
use super::support::upstream::{Answer, End};
use super::support::world::{EdgeTemper, Op, START_MS, World};

const MANY: usize = 50;

fn many(isolate: &Isolate) -> Vec<Request> {
    (0..MANY).map(|_| ask(isolate, "GET", API)).collect()
}

/// How many requests the upstream gets of many at once, and how long the last of them waits.
#[track_caller]
fn check(name: &str, answer: Answer, status: u16, fetches: usize, within_ms: u64) {
    let world = acting();
    let isolate = Isolate::new(&world);
    world.on_fetch(move |_, _| answer.clone());
    let before_ms = world.now().0;
    let responses = together(&world, many(&isolate));
    assert!(responses.iter().all(|response| response.status == status), "{name}: {responses:?}");
    assert_eq!(world.fetches(), fetches, "{name}");
    let took_ms = world.now().0 - before_ms;
    assert!(took_ms <= within_ms, "{name}: {took_ms} ms");
}

#[test]
fn one_asks_for_all() {
    const KEPT: &str = "cache-control: max-age=60";
    let big = "a".repeat(100_000);
    let rows = [
        ("kept", Answer::new(200, KEPT, "a").after(300), 200, 1, 320),
        ("empty", Answer::new(200, KEPT, "").after(300), 200, 1, 320),
        ("long", Answer::new(200, KEPT, &big).after(300), 200, 1, 320),
        ("of unknown length", Answer::new(200, KEPT, "a").chunked().after(300), 200, 1, 320),
        ("a kept 404", Answer::new(404, KEPT, "a").after(300), 404, 1, 320),
        ("slower than they wait", Answer::new(200, KEPT, "a").after(6_000), 200, MANY, 11_000),
        // What can't be shared is asked for by all, at once.
        ("no-store", Answer::new(200, "cache-control: no-store", "a").after(300), 200, MANY, 620),
        ("nothing said", Answer::new(503, "", "a").after(300), 503, MANY, 620),
        ("never ends", Answer::new(200, KEPT, "a").chunked().ending(End::Never), 200, MANY, 20),
    ];
    for (name, answer, status, fetches, within_ms) in rows {
        check(name, answer, status, fetches, within_ms);
    }
}

/// Where nothing is kept, nobody waits for more than one other.
#[test]
fn without_an_edge_tier_all_ask() {
    let world = acting();
    let isolate = Isolate::new(&world);
    world.set_edge_temper(EdgeTemper::AlwaysEmpty);
    upstreams(&world, "cache-control: max-age=60", 300);
    let before_ms = world.now().0;
    together(&world, many(&isolate));
    assert_eq!(world.fetches(), MANY);
    assert!(world.now().0 - before_ms <= 620);
}

/// Nobody is left waiting by one that fails, and not all run at once.
#[test]
fn a_leader_that_fails_lets_another_lead() {
    for (fault, status) in [(Fault::Failed, 502), (Fault::TimedOut, 504)] {
        check("lost", Answer::fault(fault), status, MANY, 1_000);
        check("lost later", Answer::fault(fault).after(400), status, MANY, 6_000);
    }
    let world = acting();
    let isolate = Isolate::new(&world);
    world.on_fetch(|_, world| match world.fetches() {
        1 => Answer::fault(Fault::Failed).after(100),
        _ => Answer::new(200, "cache-control: max-age=60", "b").after(100),
    });
    let responses = together(&world, many(&isolate));
    assert_eq!(responses.iter().filter(|response| response.status == 502).count(), 1);
    assert_eq!(responses.iter().filter(|response| response.text() == "b").count(), MANY - 1);
    assert_eq!(world.fetches(), 2);
}

#[test]
fn a_leader_whose_client_goes_away_lets_another_lead() {
    for gone_ms in [0, 1, 50, 299] {
        let world = acting();
        let isolate = Isolate::new(&world);
        upstreams(&world, "cache-control: max-age=60", 300);
        let patience = |at: usize| if at == 0 { gone_ms } else { 60_000 };
        let requests = many(&isolate).into_iter().map(Request::response).enumerate();
        let requests = requests.map(|(at, asked)| world.abandoned(patience(at), asked));
        let responses = world.run_all(requests.collect());
        let texts: Vec<_> = responses.into_iter().flatten().flatten().map(|it| it.body).collect();
        let leads = if gone_ms == 0 { 1 } else { 2 };
        let expected = format!("v{leads}").into_bytes();
        assert_eq!(texts, vec![expected; MANY - 1], "gone after {gone_ms} ms");
        assert_eq!(world.fetches(), leads, "gone after {gone_ms} ms");
    }
}

#[test]
fn isolates_ask_for_themselves() {
    let world = acting();
    let isolates = [Isolate::new(&world), Isolate::new(&world), Isolate::new(&world)];
    upstreams(&world, "cache-control: max-age=60", 300);
    together(&world, isolates.iter().flat_map(many).collect());
    assert_eq!(world.fetches(), isolates.len());
}

/// Requests that get an answer of their own neither lead nor follow.
#[test]
fn who_asks_alone() {
    let rows: [(&str, &str, &str, usize); 7] = [
        ("GET", "x-any", "1", 1),
        ("GET", "authorization", "Basic x", 3),
        ("GET", "range", "bytes=0-0", 3),
        ("GET", "cache-control", "no-store", 3),
        ("GET", "cache-control", "no-cache", 1),
        ("HEAD", "x-any", "1", 3),
        ("POST", "x-any", "1", 3),
    ];
    for (method, name, value, fetches) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        upstreams(&world, "cache-control: max-age=60", 300);
        let asked = (0..3).map(|_| ask(&isolate, method, API).header(name, value));
        together(&world, asked.collect());
        assert_eq!(world.fetches(), fetches, "{method} {name}: {value}");
        let one = Isolate::new(&world);
        let mut mixed = many(&one);
        mixed.insert(0, ask(&one, method, "/api/y").header(name, value));
        let before = world.fetches();
        together(&world, mixed);
        assert_eq!(world.fetches() - before, 2, "{method} {name}: {value}, beside others");
    }
}

/// What one client's request keeps from being stored does not make all the others ask.
#[test]
fn nobody_takes_the_leader_from_the_others() {
    let rows: [(&str, &str, &str); 4] = [
        ("HEAD", "x-any", "1"),
        ("GET", "authorization", "Basic x"),
        ("GET", "cache-control", "no-store"),
        ("GET", "range", "bytes=1-1"),
    ];
    for (method, name, value) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        upstreams(&world, "cache-control: max-age=1", 300);
        get(&isolate, API);
        world.pass_ms(2_000);
        ask(&isolate, method, API).header(name, value).send();
        let before = world.fetches();
        together(&world, many(&isolate));
        assert!(world.fetches() - before <= 1, "{method} {name}: {value}");
    }
}

/// Followers look at the edge tier when there is something new, not all the time.
#[test]
fn those_who_wait_cost_little() {
    let world = acting();
    let isolate = Isolate::new(&world);
    upstreams(&world, "cache-control: max-age=60", 3_000);
    isolate.get("aa.cdn.test", "/");
    world.take_log();
    together(&world, many(&isolate));
    let lookups = |world: &World| {
        world.take_log().iter().filter(|logged| logged.op == Op::StoredFind).count()
    };
    let count = lookups(&world);
    assert!(count <= 3 * MANY, "{count} lookups of {MANY} requests");
}

#[test]
fn one_refresh_however_many_ask() {
    let world = acting();
    let isolate = Isolate::new(&world);
    let neighbour = isolate.neighbour();
    let lines = "cache-control: max-age=60, stale-while-revalidate=30";
    upstreams(&world, lines, 200);
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
