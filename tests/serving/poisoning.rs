//! Cache poisoning: no request of an attacker changes the responses that others get.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::UpstreamRequest;

use super::support::acting::{API, acting, ask};
use super::support::response::{Isolate, Response};
use super::support::upstream::Answer;
use super::support::world::{START_MS, World};

const BODY: &str = "0123456789";

/// Headers that attackers forge; an upstream that trusts them repeats them.
const SPOOFED: [(&str, &str); 20] = [
    ("x-forwarded-host", "evil.test"),
    ("x-forwarded-proto", "ftp"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-scheme", "nothttps"),
    ("x-forwarded-server", "evil.test"),
    ("forwarded", "host=evil.test"),
    ("x-original-url", "/admin"),
    ("x-original-host", "evil.test"),
    ("x-rewrite-url", "/admin"),
    ("x-host", "evil.test"),
    ("x-http-host-override", "evil.test"),
    ("x-http-method-override", "DELETE"),
    ("x-method-override", "PUT"),
    ("x-real-ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("cf-connecting-ip", "6.6.6.6"),
    ("x-envoy-original-path", "/admin"),
    ("x-middleware-subrequest", "middleware"),
];

/// Other headers of attackers.
const SAID: [(&str, &str); 26] = [
    ("cookie", "u=evil"),
    ("authorization", "Basic evil"),
    ("authorization", "Bearer evil"),
    ("x-api-key", "evil"),
    ("accept-language", "evil"),
    ("user-agent", "evil"),
    ("origin", "https://evil.test"),
    ("range", "bytes=0-3"),
    ("range", "bytes=4-"),
    ("range", "bytes=-1"),
    ("range", "bytes=99-"),
    ("range", "bytes=0-0,2-2"),
    ("if-range", "\"a\""),
    ("if-range", "\"evil\""),
    ("if-none-match", "\"a\""),
    ("if-none-match", "*"),
    ("if-match", "\"evil\""),
    ("if-modified-since", "Fri, 02 Jan 2026 00:00:00 GMT"),
    ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "only-if-cached"),
    ("cache-control", "max-age=0, max-stale"),
    ("pragma", "no-cache"),
    ("connection", "x-forwarded-host, cookie, host"),
    ("x-bad", "evil"),
];

const METHODS: [&str; 12] = [
    "GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "PURGE", "get",
];

const PATHS: [&str; 7] = [API, API, API, "/api//x", "/api/%78", "/api/x?q", "/api/x#y"];

/// How an upstream treats forged headers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Ignores them.
    Plain,
    /// Repeats headers of proxies in its response.
    Believes,
    /// Repeats headers of proxies and clients, with `Vary` for the latter.
    Varies,
}

/// A plausible upstream, whose answer depends on nothing but the request.
fn answer(kind: Kind, lines: &str, request: &UpstreamRequest) -> Answer {
    let field = |name: &str| request.headers.value(name);
    if field("x-bad").is_some() {
        return Answer::new(400, "cache-control: no-store", "bad");
    }
    if let Some(who) = field("authorization") {
        return Answer::new(200, lines, format!("secret of {who}"));
    }
    if let Some(who) = field("cookie").filter(|_| kind != Kind::Varies) {
        return Answer::new(200, lines, format!("page of {who}")).with("set-cookie", who);
    }
    let mut body = BODY.to_owned();
    if kind != Kind::Plain {
        for (name, _) in SPOOFED {
            body.push_str(field(name).unwrap_or("-"));
        }
    }
    let mut lines = format!(
        "{lines}\netag: \"a\"\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\n\
         content-location: {API}"
    );
    if kind == Kind::Varies {
        lines.push_str("\nvary: cookie, accept-language, origin");
        for name in ["cookie", "accept-language", "origin"] {
            body.push_str(field(name).unwrap_or("-"));
        }
    }
    if matches!(field("if-none-match"), Some("\"a\"" | "*")) {
        return Answer::new(304, &lines, "");
    }
    if field("if-match").is_some() {
        return Answer::new(412, "", "");
    }
    let whole = body.len();
    match (request.method.as_str(), field("range")) {
        ("GET" | "HEAD", Some("bytes=0-3")) => {
            let place = format!("bytes 0-3/{whole}");
            Answer::new(206, &lines, &body[..4]).with("content-range", &place)
        }
        ("GET" | "HEAD", Some("bytes=4-")) => {
            let place = format!("bytes 4-{}/{whole}", whole - 1);
            Answer::new(206, &lines, &body[4..]).with("content-range", &place)
        }
        ("GET" | "HEAD", Some("bytes=99-")) => Answer::new(416, &lines, ""),
        ("GET" | "HEAD" | "POST", _) => Answer::new(200, &lines, body),
        ("PUT" | "DELETE", _) => Answer::new(204, "", ""),
        _ => Answer::new(405, "allow: GET", "no"),
    }
}

fn world(kind: Kind, lines: &'static str) -> World {
    let world = acting();
    world.on_fetch(move |request, _| answer(kind, lines, request).after(20));
    world
}

/// The response to another client.
fn victim(isolate: &Isolate) -> Response {
    let response = ask(isolate, "GET", API).header("accept", "*/*").send();
    let mut response = response.lasting();
    response.headers.sort();
    response
}

fn attack(isolate: &Isolate, said: &[(&str, &str)]) {
    let world = &isolate.world;
    let pick = |count: usize| (world.chance() % count as u64) as usize;
    let mut request = ask(isolate, METHODS[pick(METHODS.len())], PATHS[pick(PATHS.len())]);
    for _ in 0..pick(4) {
        let (name, value) = SPOOFED[pick(SPOOFED.len())];
        request = request.header(name, value);
    }
    for _ in 0..pick(3) {
        let (name, value) = said[pick(said.len())];
        request = request.header(name, value);
    }
    request.send();
}

#[test]
fn attacks_change_nothing_for_others() {
    let lifetimes = [
        "cache-control: max-age=60",
        "cache-control: max-age=1, stale-while-revalidate=600",
        "cache-control: public, max-age=60, stale-if-error=600",
        "cache-control: max-age=60, must-revalidate",
        "cache-control: no-cache",
    ];
    for kind in [Kind::Plain, Kind::Believes, Kind::Varies] {
        for lines in lifetimes {
            // An upstream may declare a response to credentials as shared.
            let is_shared = lines.contains("public") || lines.contains("must-revalidate");
            let said = SAID.iter().filter(|(name, _)| !is_shared || *name != "authorization");
            let said: Vec<_> = said.copied().collect();
            let expected = victim(&Isolate::new(&world(kind, lines)));
            assert_eq!(expected.status, 200);
            for seed in 0..60 {
                let world = world(kind, lines);
                world.set_seed(seed);
                let isolate = Isolate::new(&world);
                for _ in 0..8 {
                    if world.chance().is_multiple_of(4) {
                        assert_eq!(victim(&isolate), expected, "{kind:?} {lines} {seed}");
                    }
                    attack(&isolate, &said);
                    world.pass_ms([0, 500, 2_000, 61_000, 700_000][(world.chance() % 5) as usize]);
                }
                let found = victim(&isolate);
                let neighbour = victim(&isolate.neighbour());
                assert_eq!(found, expected, "{kind:?} {lines} {seed}");
                assert_eq!(neighbour, expected, "{kind:?} {lines} {seed}");
            }
        }
    }
}

/// No request of an attacker evicts a stale response that bridges a failure.
#[test]
fn attacks_take_nothing_away() {
    let says: Vec<_> = SPOOFED.iter().chain(&SAID).collect();
    for method in ["GET", "HEAD"] {
        for (name, value) in &says {
            for at_secs in [2, 200] {
                let world =
                    world(Kind::Plain, "cache-control: max-age=1, stale-while-revalidate=100");
                let isolate = Isolate::new(&world);
                // One without validators.
                world.on_fetch(|request, _| {
                    let lines = "cache-control: max-age=1, stale-while-revalidate=100, \
                                 stale-if-error=600";
                    let mut answer = answer(Kind::Plain, lines, request);
                    for name in ["etag", "last-modified"] {
                        answer.headers.remove(name);
                    }
                    answer
                });
                let before = victim(&isolate);
                world.now_ms.set(START_MS + at_secs * 1_000);
                ask(&isolate, method, API).header(name, value).send();
                world.on_fetch(|_, _| Answer::new(503, "", "down"));
                let after = victim(&isolate);
                assert_eq!(after.body, before.body, "{method} {name}: {value} at {at_secs}");
            }
        }
    }
}
