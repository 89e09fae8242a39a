//! Which responses of actions a second client gets: cacheability, variants, unsafe methods, parts.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::cache::entry::VARIANTS_MAX;

use super::support::acting::{API, Up, acting, acting_as, ask, came, get, upstreams};
use super::support::response::{Isolate, Request};
use super::support::upstream::Answer;
use super::support::world::{Task, World};

/// Header lines of a request.
type Lines<'a> = &'a [(&'a str, &'a str)];

fn with(request: Request, lines: Lines) -> Request {
    lines.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// Two requests for the same, and how many of them reach the upstream.
#[track_caller]
fn check(world: &World, name: &str, first: Lines, answer: Answer, second: Lines, fetches: usize) {
    let isolate = Isolate::new(world);
    let before = world.fetches();
    let at = format!("/api/{before}");
    world.on_fetch(move |request, world| {
        let cookie = request.headers.value("cookie").unwrap_or_default();
        let body = format!("{} {cookie}", world.fetches()).into_bytes();
        let mut answer = answer.clone();
        if answer.headers.contains("content-length") {
            answer.headers.set("content-length", body.len().to_string());
        }
        answer.body.bytes = body.into();
        answer
    });
    let status = with(ask(&isolate, "GET", &at), first).send().status;
    let again = with(ask(&isolate.neighbour(), "GET", &at), second).send();
    assert_eq!(world.fetches() - before, fetches, "{name}: {again:?}");
    assert_eq!(again.status, status, "{name}");
    assert!(!again.text().contains("victim"), "{name}: {again:?}");
}

/// The rows CB of the threat list, and what stands beside them.
#[test]
fn what_a_second_client_gets() {
    const VICTIM: Lines = &[("authorization", "Bearer victim")];
    const COOKIE: Lines = &[("cookie", "u=victim")];
    const LONG: &str = "cache-control: max-age=600";
    let also = |lines: &str| Answer::new(200, &format!("{LONG}\n{lines}"), "");
    let says = |directives: &str| Answer::new(200, &format!("cache-control: {directives}"), "");
    let names: Vec<_> = (1..=200).map(|n| format!("x-{n}")).collect();
    let rows: &[(&str, Lines, Answer, Lines, usize)] = &[
        ("plain", &[], says("max-age=600"), &[], 1),
        ("CB-002", VICTIM, says("max-age=600"), &[], 2),
        ("CB-003", VICTIM, says("public, max-age=600"), &[], 1),
        ("CB-004", VICTIM, says("s-maxage=600"), &[], 1),
        ("must-revalidate", VICTIM, says("max-age=600, must-revalidate"), &[], 1),
        ("a second with credentials", &[], says("max-age=600"), VICTIM, 1),
        ("CB-006", &[], says("no-store"), &[], 2),
        ("private", &[], says("private, max-age=600"), &[], 2),
        ("private, a field", &[], says("private=\"x\", max-age=600"), &[], 2),
        ("no-cache", &[], says("no-cache, max-age=600"), &[], 2),
        ("CB-009", &[], says("max-age=0"), &[], 2),
        ("CB-010", &[], says("max-age=600, max-age=0"), &[], 2),
        ("CB-011", &[], says("public, max-age=600, no-store"), &[], 2),
        ("CB-013", &[], says("max-age=\"600\""), &[], 2),
        ("upper case", &[], says("MAX-AGE=600, No-Store"), &[], 2),
        ("CB-016", &[], Answer::new(200, "expires: Thu, 01 Jan 1970 00:00:00 GMT", ""), &[], 2),
        ("expires: 0", &[], Answer::new(200, "expires: 0", ""), &[], 2),
        ("CB-019", &[], Answer::new(200, "", ""), &[], 2),
        ("CB-020", &[], also("vary: *"), &[], 2),
        ("vary: * in a list", &[], also("vary: accept, *"), &[], 2),
        ("CB-022", &[], also("surrogate-control: no-store"), &[], 2),
        ("targeted", &[], also("cdn-cache-control: no-store"), &[], 2),
        ("set-cookie", COOKIE, also("set-cookie: u=victim"), &[], 2),
        (
            "CB-025",
            &[],
            Answer::new(302, &format!("{LONG}\nlocation: https://evil.test"), ""),
            &[],
            2,
        ),
        ("to itself", &[], Answer::new(302, &format!("{LONG}\nlocation: /b"), ""), &[], 1),
        ("CB-028", COOKIE, also("vary: cookie"), &[], 2),
        ("CB-029", &[("accept-encoding", "gzip")], also("vary: accept-encoding"), &[], 2),
        ("CB-031", &[], also(&format!("vary: {}", names.join(","))), &[], 2),
        ("CB-035", &[], also("age: 590"), &[], 1),
        ("CB-036", &[], also("age: -5"), &[], 1),
        ("CB-037", &[], also("date: Fri, 31 Dec 9999 23:59:59 GMT"), &[], 1),
        ("a request's no-store", &[("cache-control", "no-store")], says("max-age=600"), &[], 2),
        ("a second's no-cache", &[], says("max-age=600"), &[("cache-control", "no-cache")], 1),
        ("500", &[], Answer::new(500, "", ""), &[], 2),
        ("401", &[], Answer::new(401, LONG, ""), &[], 2),
        ("412", &[], Answer::new(412, LONG, ""), &[], 2),
        ("unknown length", &[], says("max-age=600").chunked(), &[], 1),
    ];
    let world = acting();
    for (name, first, answer, second, fetches) in rows {
        check(&world, name, first, answer.clone(), second, *fetches);
    }
    let config = r#"{"actions":[{"prefix":"/api/","upstream":"https://up.test",
        "set_cookie":"store","heuristic":true}]}"#;
    let world = acting_as(config);
    check(&world, "a site's word", &[], also("set-cookie: a=1"), &[], 1);
    let modified = "last-modified: Fri, 02 Jan 2026 00:00:00 GMT";
    check(&world, "a guess", &[], Answer::new(200, modified, ""), &[], 1);
    check(&world, "nothing to guess from", &[], Answer::new(200, "", ""), &[], 2);
}

#[test]
fn sites_stages_and_addresses_never_share() {
    let world = acting();
    let isolate = Isolate::new(&world);
    world.on_fetch(|request, _| {
        let host = request.headers.value("x-forwarded-host").unwrap_or_default();
        let body = [host, request.headers.value("x-forwarded-proto").unwrap_or_default()].join(" ");
        Answer::new(200, "cache-control: max-age=600", body)
    });
    let added = isolate.admin("PUT", "/sites/aa/hosts/www.example.test", b"{}");
    assert!(added.status < 300, "{added:?}");
    let id = world.keys("dep/aa/")[0].rsplit('/').next().unwrap().to_owned();
    let deployment = format!("{id}--aa.cdn.test");
    // The host, and whether what it gets is kept.
    let rows = [
        ("aa.cdn.test", true),
        ("www.example.test", true),
        ("bb.cdn.test", true),
        ("staging--aa.cdn.test", false),
        ("staging--bb.cdn.test", false),
        (deployment.as_str(), false),
    ];
    for round in 0..2 {
        for (host, is_kept) in rows {
            for scheme in ["https", "http"] {
                let before = world.fetches();
                let response =
                    isolate.ask("GET", &format!("{scheme}://{host}{API}")).relayed().send();
                assert_eq!(response.text(), format!("{host} {scheme}"));
                let fetches = if is_kept && round == 1 { 0 } else { 1 };
                assert_eq!(world.fetches() - before, fetches, "{host} {scheme}: {response:?}");
                if !is_kept {
                    assert_eq!(response.field("cache-status"), "selvedge; fwd=bypass");
                }
            }
        }
    }
}

#[test]
fn variants_are_found_by_their_own() {
    let world = acting();
    let isolate = Isolate::new(&world);
    world.on_fetch(|request, _| {
        let language = request.headers.value("accept-language").unwrap_or("none").to_owned();
        Answer::new(200, "cache-control: max-age=600\nvary: Accept-Language", language)
    });
    let get = |language: &str| {
        let request = ask(&isolate, "GET", API);
        let response = request.header("accept-language", language).send();
        assert_eq!(response.text(), language);
        came(&response)
    };
    assert_eq!(get("de"), "uri-miss");
    assert_eq!(get("fr"), "vary-miss");
    for language in ["de", "fr", "de"] {
        assert_eq!(get(language), "edge");
    }
    assert_eq!(ask(&isolate, "GET", API).send().text(), "none");
    for n in 0..VARIANTS_MAX {
        assert_eq!(get(&format!("x-{n}")), "vary-miss");
    }
    for n in 0..VARIANTS_MAX {
        assert_eq!(get(&format!("x-{n}")), "edge");
    }
    assert_eq!(get("de"), "vary-miss", "the oldest made room");
}

/// Paths that are asked for again after a request, and whether they are still stored.
#[test]
fn unsafe_methods_give_up_what_they_change() {
    const THIS: &str = "/api/this";
    let rows: &[(&str, u16, &str, &[&str])] = &[
        ("POST", 200, "", &[THIS]),
        ("PUT", 204, "", &[THIS]),
        ("PATCH", 200, "", &[THIS]),
        ("DELETE", 200, "", &[THIS]),
        ("M-SEARCH", 200, "", &[THIS]),
        ("POST", 303, "location: /api/made", &[THIS, "/api/made"]),
        ("POST", 201, "location: https://aa.cdn.test/api/made?x=1", &[THIS, "/api/made?x=1"]),
        ("POST", 201, "content-location: /api/made", &[THIS, "/api/made"]),
        ("POST", 201, "location: https://bb.cdn.test/api/made", &[THIS]),
        ("POST", 201, "location: http://aa.cdn.test/api/made", &[THIS]),
        ("POST", 201, "location: //aa.cdn.test/api/made", &[THIS]),
        ("POST", 201, "location: /other/made", &[THIS]),
        ("POST", 400, "location: /api/made", &[]),
        ("POST", 404, "", &[]),
        ("POST", 500, "", &[]),
        ("OPTIONS", 200, "", &[]),
        ("PROPFIND", 207, "", &[]),
    ];
    const PATHS: [&str; 4] = [THIS, "/api/made", "/api/made?x=1", "/api/other"];
    for (method, status, lines, given_up) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        let languages = ["de", "fr"];
        let fetches_of = |path: &str| {
            let before = world.fetches();
            for language in languages {
                ask(&isolate, "GET", path).header("accept-language", language).send();
            }
            world.fetches() - before
        };
        let (status, lines) = (*status, (*lines).to_owned());
        world.on_fetch(move |request, _| match request.method.as_str() {
            "GET" => Answer::new(200, "cache-control: max-age=600\nvary: accept-language", "a"),
            _ => Answer::new(status, &lines, ""),
        });
        for path in PATHS {
            assert_eq!((fetches_of(path), fetches_of(path)), (2, 0), "{method} {path}");
        }
        world.pass_ms(10);
        let response = ask(&isolate, method, THIS).body(b"x").send();
        assert_eq!((response.status, came(&response).as_str()), (status, "method"));
        let gone: Vec<_> = PATHS.into_iter().filter(|path| fetches_of(path) > 0).collect();
        assert_eq!(gone, *given_up, "{method} {status} {response:?}");
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

/// RFC 9110 section 9.3.3.
#[test]
fn a_post_that_says_so_stands_for_a_get() {
    let rows = [
        ("cache-control: max-age=600\ncontent-location: /api/x", "posted"),
        ("cache-control: max-age=600\ncontent-location: https://aa.cdn.test/api/x", "posted"),
        ("cache-control: max-age=600\ncontent-location: /api/y", "got"),
        ("cache-control: max-age=600", "got"),
        ("content-location: /api/x", "got"),
        ("cache-control: no-store\ncontent-location: /api/x", "got"),
    ];
    for (lines, expected) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        world.on_fetch(move |request, _| match request.method.as_str() {
            "POST" => Answer::new(200, lines, "posted"),
            _ => Answer::new(200, "cache-control: max-age=600", "got"),
        });
        get(&isolate, API);
        world.pass_ms(10);
        assert_eq!(ask(&isolate, "POST", API).send().text(), "posted");
        world.pass_ms(10);
        assert_eq!(get(&isolate, API).text(), expected, "{lines}");
    }
}

#[test]
fn methods_are_the_sites_to_say() {
    let config = r#"{"actions":[{"prefix":"/api/","upstream":"https://up.test",
        "methods":["GET","POST"]}]}"#;
    let world = acting_as(config);
    upstreams(&world, Up::New, "", 0);
    for (method, status) in [("GET", 200), ("POST", 200), ("HEAD", 200), ("PUT", 405), ("get", 405)]
    {
        let before = world.fetches();
        let response = ask(&Isolate::new(&world), method, API).send();
        assert_eq!(response.status, status, "{method}: {response:?}");
        assert_eq!(world.fetches() - before, if status == 405 { 0 } else { 1 }, "{method}");
        if status == 405 {
            assert_eq!(
                (response.field("allow"), response.field("cache-control")),
                ("GET, POST", "no-store")
            );
        }
    }
}

/// What there is of a stored response: all, parts, its description, or that it is known.
#[test]
fn parts_and_conditions_of_what_is_stored() {
    let world = acting();
    let isolate = Isolate::new(&world);
    let lines = "cache-control: max-age=600\netag: \"a\"\n\
                 last-modified: Thu, 01 Jan 2026 00:00:00 GMT";
    for (path, length) in [("/api/small", 1_000), ("/api/large", 100_000)] {
        let body: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let sent = body.clone();
        world.on_fetch(move |_, _| Answer::new(200, lines, &sent));
        get(&isolate, path);
        let before = world.fetches();
        let rows: &[(&str, Lines, u16, &[u8])] = &[
            ("GET", &[], 200, &body),
            ("HEAD", &[], 200, b""),
            ("HEAD", &[("range", "bytes=0-9")], 200, b""),
            ("GET", &[("range", "bytes=0-9")], 206, &body[..10]),
            ("GET", &[("range", "bytes=990-")], 206, &body[990..]),
            ("GET", &[("range", "bytes=-3")], 206, &body[length - 3..]),
            ("GET", &[("range", "bytes=100000-")], 416, b"416 Range Not Satisfiable\n"),
            ("GET", &[("range", "bytes=0-1,3-4")], 200, &body),
            ("GET", &[("range", "lines=0-1")], 200, &body),
            ("GET", &[("range", "bytes=1-2"), ("if-range", "\"a\"")], 206, &body[1..3]),
            ("GET", &[("range", "bytes=1-2"), ("if-range", "\"b\"")], 200, &body),
            ("GET", &[("range", "bytes=1-2"), ("if-range", "W/\"a\"")], 200, &body),
            ("GET", &[("if-none-match", "\"a\"")], 304, b""),
            ("GET", &[("if-none-match", "W/\"a\", \"b\"")], 304, b""),
            ("HEAD", &[("if-none-match", "*")], 304, b""),
            ("GET", &[("if-none-match", "\"b\"")], 200, &body),
            ("GET", &[("if-match", "\"b\"")], 412, b"412 Precondition Failed\n"),
            ("GET", &[("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")], 304, b""),
            ("GET", &[("if-modified-since", "Wed, 31 Dec 2025 00:00:00 GMT")], 200, &body),
            ("GET", &[("cache-control", "only-if-cached")], 200, &body),
        ];
        for (method, lines, status, expected) in rows {
            let response = with(ask(&isolate, method, path), lines).send();
            assert_eq!(response.status, *status, "{path} {method} {lines:?}");
            assert_eq!(response.body, *expected, "{path} {method} {lines:?}");
            assert!(!response.is_cut);
        }
        assert_eq!(world.fetches(), before, "all from what is stored");
    }
    let missing =
        ask(&isolate, "GET", "/api/none").header("cache-control", "only-if-cached").send();
    assert_eq!((missing.status, missing.field("cache-control")), (504, "no-store"));
}

/// The beginning of something is stored, and completed where both are surely of the same.
#[test]
fn a_beginning_is_completed() {
    const WHOLE: &str = "0123456789";
    const FIRST: &str = "content-range: bytes 0-3/10";
    const REST: &str = "content-range: bytes 4-9/10";
    let rows = [
        ("the same", "etag: \"a\"", "etag: \"a\"", REST, 2),
        ("another tag", "etag: \"a\"", "etag: \"b\"", REST, 3),
        ("a weak tag", "etag: W/\"a\"", "etag: W/\"a\"", REST, 2),
        ("no tag", "", "", REST, 2),
        ("no tag first", "", "etag: \"a\"", REST, 2),
        ("no tag then", "etag: \"a\"", "", REST, 3),
        ("another part", "etag: \"a\"", "etag: \"a\"", "content-range: bytes 3-9/10", 3),
        ("another length", "etag: \"a\"", "etag: \"a\"", "content-range: bytes 4-9/11", 3),
    ];
    for (name, first, then, rest, fetches) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        world.on_fetch(move |request, _| match request.headers.value("range") {
            None => Answer::new(200, "cache-control: max-age=600", WHOLE).after(1),
            Some("bytes=0-3") => {
                let lines = format!("cache-control: max-age=600\n{FIRST}\n{first}");
                Answer::new(206, &lines, &WHOLE[..4])
            }
            Some(_) => {
                let lines = format!("cache-control: max-age=600\n{rest}\n{then}");
                Answer::new(206, &lines, &WHOLE[4..]).after(1)
            }
        });
        let part = ask(&isolate, "GET", API).header("range", "bytes=0-3").send();
        assert_eq!((part.status, part.text()), (206, "0123"), "{name}");
        let unasked = ask(&isolate, "GET", API).header("cache-control", "only-if-cached").send();
        assert_eq!((unasked.status, world.fetches()), (504, 1), "{name}: a beginning is not it");
        let whole = get(&isolate, API);
        assert_eq!((whole.status, whole.text()), (200, WHOLE), "{name}: {whole:?}");
        assert_eq!(world.fetches(), fetches, "{name}");
        let again = get(&isolate, API);
        assert_eq!((again.text(), world.fetches()), (WHOLE, fetches), "{name}: {again:?}");
    }
}

/// RFC 9111 §3.4: without a strong validator the rest may be of something else, so nobody asks for
/// it. Such a beginning is not stored either, however often it comes.
#[test]
fn a_beginning_without_a_strong_validator_is_not_completed() {
    let rows = [
        ("no tag", "content-range: bytes 0-3/10", ""),
        ("a weak tag", "content-range: bytes 0-3/10", "etag: W/\"a\""),
        ("a date", "content-range: bytes 0-3/10", "last-modified: Thu, 01 Jan 2026 00:00:00 GMT"),
        ("too long to be joined", "content-range: bytes 0-3/65537", "etag: \"a\""),
    ];
    for (name, range, validator) in rows {
        let world = acting();
        let isolate = Isolate::new(&world);
        world.on_fetch(move |_, _| {
            let lines = format!("cache-control: max-age=600\n{range}\n{validator}");
            Answer::new(206, &lines, "0123")
        });
        for fetches in 1..=3 {
            let part = get(&isolate, API);
            assert_eq!((part.status, part.text()), (206, "0123"), "{name}: {part:?}");
            assert!(!part.field("cache-status").contains("stored"), "{name}: {part:?}");
            assert_eq!(world.fetches(), fetches, "{name}");
        }
        let ranges = world.fetched().iter().filter(|asked| asked.headers.contains("range")).count();
        assert_eq!(ranges, 0, "{name}: the rest was asked for");
    }
}
