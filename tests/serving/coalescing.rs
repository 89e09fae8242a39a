//! Request coalescing where requests differ; those of one kind are in `coalescing.case`.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::acting::{API, acting, ask, together, upstreams};
use super::support::response::{Isolate, Request};
use super::support::upstream::Answer;

const MANY: usize = 50;

fn many(isolate: &Isolate) -> Vec<Request> {
    (0..MANY).map(|_| ask(isolate, "GET", API)).collect()
}

/// The requests that wait for it ask one after the other, not all at once.
#[test]
fn a_leader_that_fails_lets_another_lead() {
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
fn requests_for_an_answer_of_their_own_stand_beside_coalesced_ones() {
    let rows = [
        ("GET", "x-any", "1"),
        ("GET", "authorization", "Basic x"),
        ("GET", "range", "bytes=0-0"),
        ("GET", "cache-control", "no-store"),
        ("GET", "cache-control", "no-cache"),
        ("HEAD", "x-any", "1"),
        ("POST", "x-any", "1"),
    ];
    for (method, name, value) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        upstreams(&world, "cache-control: max-age=60", 300);
        let mut mixed = many(&isolate);
        mixed.insert(0, ask(&isolate, method, "/api/y").header(name, value));
        together(&world, mixed);
        assert_eq!(world.fetches(), 2, "{method} {name}: {value}");
    }
}
