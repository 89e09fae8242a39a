//! Collections: what clients get of objects, from edge copies and from the store.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::rc::Rc;

use selvedge::ports::Fault;
use selvedge::serve::objects::describe::INERT;

use super::support::acting::came;
use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{EdgeTemper, Op, START_MS, Task, Trouble, World};

/// Header lines of a request.
type Lines<'a> = &'a [(&'a str, &'a str)];

const CONFIG: &str = r#"{"collections":[
    {"name":"content","prefix":"/content/","browser":"public, max-age=7"},
    {"name":"brief","prefix":"/brief/","edge_ttl":60,"stale_while_revalidate":0,
     "stale_if_error":0},
    {"name":"drafts","prefix":"/drafts/","fresh":true,"access":"key"},
    {"name":"open","prefix":"/open/","active":"serve"}
]}"#;

const PLACE: &str = "content/a.txt";
const PATH: &str = "/content/a.txt";

/// Two sites with the same collections, on two stages.
fn world() -> World {
    let world = World::new();
    for site in ["aa", "bb"] {
        for stage in ["production", "staging"] {
            let folder = Folder::new(&[("/index.html", site), ("/404.html", "nothing here")])
                .configured(CONFIG)
                .headers_file(
                    "/*\n  X-Site: yes\n  Cache-Control: public, max-age=99\n  \
                     Content-Security-Policy: script-src *\n",
                );
            publish(&world, site, stage, &folder);
        }
    }
    world
}

/// Writes an object and leaves its edge copies: what becomes of them by themselves is tested here.
fn put_as(world: &World, site: &str, place: &str, media_type: &str, body: &[u8]) {
    let (collection, name) = place.split_once('/').unwrap();
    let call = format!("/sites/{site}/collections/{collection}/objects/{name}?invalidate=false");
    let request = Isolate::new(world).admin_call("PUT", &call, body);
    let request = request.header("content-type", media_type).header("selvedge-tags", "t1, t2");
    let written = request.send();
    assert_eq!(written.status, 200, "{written:?}");
}

fn put(world: &World, text: &str) {
    put_as(world, "aa", PLACE, "text/plain", text.as_bytes());
}

fn ask(isolate: &Isolate, method: &str, path: &str) -> Request {
    isolate.ask(method, &format!("https://aa.cdn.test{path}"))
}

fn get(isolate: &Isolate, path: &str) -> Response {
    ask(isolate, "GET", path).send()
}

/// Operations on objects since the log was last taken.
fn object_ops(world: &World) -> usize {
    let log = world.take_log();
    log.iter().filter(|logged| logged.key.starts_with("obj/") && !logged.op.is_edge()).count()
}

/// A request: so many seconds after the start, and then the status, the body, how it came about,
/// and how often the store was asked for it.
type Step<'a> = (u64, &'a str);

/// `before` is done to the world at a time.
#[track_caller]
fn check(name: &str, path: &str, before: &dyn Fn(&World, u64), steps: &[Step]) {
    let world = world();
    let isolate = Isolate::new(&world);
    for (secs, expected) in steps {
        world.set_now_ms(START_MS + secs * 1_000);
        before(&world, *secs);
        world.take_log();
        let response = get(&isolate, path);
        let (status, text) = (response.status, response.text().trim_end());
        let seen = format!("{status} {text} {} {}", came(&response), object_ops(&world));
        assert_eq!(seen, *expected, "{name} at {secs}: {response:?}");
        if response.status == 200 {
            assert_eq!(response.field("x-site"), "yes");
            assert!(response.field("cache-control") != "public, max-age=99");
        }
    }
}

#[test]
fn copies_are_used_and_validated() {
    let writes = |world: &World, secs: u64| match secs {
        0 => put(world, "v1"),
        400 => put(world, "v2"),
        _ => {}
    };
    let steps = [
        (0, "200 v1 uri-miss 1"),
        (1, "200 v1 edge 0"),
        (299, "200 v1 edge 0"),
        (300, "200 v1 stale-while-revalidate 1"),
        (301, "200 v1 edge 0"),
        (400, "200 v1 edge 0"),
        (599, "200 v1 edge 0"),
        (600, "200 v1 stale-while-revalidate 1"),
        (601, "200 v2 edge 0"),
        (4_499, "200 v2 stale-while-revalidate 1"),
        // Beyond the window it is validated before the response.
        (8_399, "200 v2 validated 1"),
        (8_400, "200 v2 edge 0"),
    ];
    check("windows", PATH, &writes, &steps);
    let world = world();
    let isolate = Isolate::new(&world);
    put(&world, "v1");
    for secs in [0, 300, 700, 5_000] {
        world.set_now_ms(START_MS + secs * 1_000);
        assert_eq!(get(&isolate, PATH).text(), "v1");
        assert_eq!(world.bodies(), 1, "its body is not read again");
    }
    put(&world, "v2");
    world.pass_ms(300_000);
    assert_eq!(get(&isolate, PATH).text(), "v1");
    assert_eq!((get(&isolate, PATH).text(), world.bodies()), ("v2", 2));
}

#[test]
fn stores_that_fail_are_bridged_to_the_end_of_the_window() {
    for fault in [Fault::Failed, Fault::Busy, Fault::TimedOut] {
        let fails = |world: &World, secs: u64| match secs {
            0 => put(world, "v1"),
            300 => world.trouble(None, "obj/", Trouble::Before(fault)),
            _ => {}
        };
        // A failure is worth two more tries.
        let tries = if fault == Fault::Failed { 3 } else { 1 };
        let stale = format!("200 v1 stale-if-error {tries}");
        let gone = format!("503 503 Service Unavailable constant {tries}");
        let refreshed = format!("200 v1 stale-while-revalidate {tries}");
        let steps: [Step; 6] = [
            (0, "200 v1 uri-miss 1"),
            (300, &refreshed),
            (301, "200 v1 stale-while-revalidate 0"),
            (3_900, &stale),
            (86_699, &stale),
            (86_700, &gone),
        ];
        check(&format!("{fault:?}"), PATH, &fails, &steps);
    }
    let hangs = |world: &World, secs: u64| match secs {
        0 => put_as(world, "aa", "brief/a.txt", "text/plain", b"v1"),
        60 => world.trouble(None, "obj/", Trouble::Hang),
        _ => {}
    };
    let steps = [
        (0, "200 v1 uri-miss 1"),
        (59, "200 v1 edge 0"),
        (60, "503 503 Service Unavailable constant 1"),
    ];
    check("no windows", "/brief/a.txt", &hangs, &steps);
}

#[test]
fn what_is_not_there_is_asked_for_once() {
    // So many seconds after the start: the status, the body, and how often the store is asked.
    let rows = [
        (0, 404, "nothing here", 1),
        (1, 404, "nothing here", 1),
        (2, 200, "v1", 1),
        (3, 200, "v1", 0),
        (302, 200, "v1", 1),
        (303, 404, "nothing here", 1),
    ];
    let world = world();
    let isolate = Isolate::new(&world);
    for (secs, status, text, asked) in rows {
        world.set_now_ms(START_MS + secs * 1_000);
        match secs {
            2 => put(&world, "v1"),
            3 => world.remove("obj/aa/content/a.txt"),
            _ => {}
        }
        world.take_log();
        let response = get(&isolate, PATH);
        assert_eq!((response.status, response.text()), (status, text), "at {secs}");
        assert_eq!(object_ops(&world), asked, "at {secs}: {response:?}");
        if status == 404 {
            assert_eq!(response.field("cache-control"), "no-store");
        }
    }
}

#[test]
fn purges_reach_copies() {
    let rows = [
        (r#"{"all":true}"#, true),
        (r#"{"collection":"content"}"#, true),
        (r#"{"collection":"open"}"#, false),
        (r#"{"tag":"t2"}"#, true),
        (r#"{"tag":"t"}"#, false),
        (r#"{"path":"/content/a.txt"}"#, true),
        (r#"{"path":"/content/a"}"#, false),
        (r#"{"prefix":"/content/"}"#, true),
    ];
    for (scope, reaches) in rows {
        let world = world();
        put(&world, "v1");
        let isolates = [Isolate::new(&world), Isolate::new(&world)];
        for isolate in &isolates {
            assert_eq!(get(isolate, PATH).text(), "v1");
        }
        put(&world, "v2");
        let purged = isolates[0].admin("POST", "/sites/aa/purge", scope.as_bytes());
        assert_eq!(purged.status, 200);
        let expected = if reaches { "v2" } else { "v1" };
        assert_eq!(get(&isolates[0], PATH).text(), expected, "{scope}, here");
        world.pass_ms(30_000);
        assert_eq!(get(&isolates[1], PATH).text(), expected, "{scope}, elsewhere");
        // Not even where the store fails.
        world.trouble(None, "obj/", Trouble::Before(Fault::Failed));
        isolates[0].admin("POST", "/sites/aa/purge", scope.as_bytes());
        assert_eq!(get(&isolates[0], PATH).status, if reaches { 503 } else { 200 }, "{scope}");
    }
}

/// Something is written and purged while it is being read, at any moment.
#[test]
fn what_was_under_way_does_not_come_back() {
    for (name, age_secs) in
        [("nothing", None), ("refreshed", Some(301)), ("validated", Some(5_000))]
    {
        for purged_ms in (0..100).step_by(5) {
            let world = world();
            put(&world, "old");
            let (asking, purging) = (Isolate::new(&world), Isolate::new(&world));
            if let Some(age_secs) = age_secs {
                assert_eq!(get(&asking, PATH).text(), "old");
                world.set_now_ms(START_MS + age_secs * 1_000);
            }
            get(&asking, "/");
            for op in [Op::StoredFind, Op::StoredKeep] {
                world.trouble(op, "res/", Trouble::Slow(10));
            }
            world.trouble(Op::Open, "obj/", Trouble::Slow(10));
            let asked = ask(&asking, "GET", PATH).response();
            let asked: Task = Box::pin(async move { drop(asked.await) });
            let call = "/sites/aa/collections/content/objects/a.txt";
            let written = purging.admin_call("PUT", call, b"new").response();
            let call = purging.admin_call("POST", "/sites/aa/purge", br#"{"tag":"t1"}"#);
            let (clock, purge) = (world.clone(), call.response());
            let purged: Task = Box::pin(async move {
                clock.wait(purged_ms).await;
                assert_eq!((written.await.status, purge.await.status), (200, 200));
            });
            assert!(world.run_all(vec![asked, purged]).iter().all(Option::is_some));
            world.heal();
            world.pass_ms(30_000);
            for isolate in [&asking, &asking.neighbour(), &purging] {
                assert_eq!(get(isolate, PATH).text(), "new", "{name}, {purged_ms} ms");
            }
        }
    }
}

#[test]
fn one_refresh_however_many_ask() {
    let world = world();
    put(&world, "v1");
    let isolate = Isolate::new(&world);
    let neighbour = isolate.neighbour();
    get(&isolate, PATH);
    put(&world, "v2");
    world.set_now_ms(START_MS + 300_000);
    for isolate in [&isolate, &neighbour] {
        get(isolate, "/");
    }
    world.trouble(Op::Open, "obj/", Trouble::Slow(200));
    world.take_log();
    let all = [&isolate, &neighbour].map(|from| (0..50).map(|_| ask(from, "GET", PATH).response()));
    let responses = world.run_all(all.into_iter().flatten().collect());
    assert!(responses.iter().flatten().all(|response| response.text() == "v1"));
    assert_eq!((responses.len(), object_ops(&world)), (100, 1));
    assert_eq!(get(&neighbour, PATH).text(), "v2");
}

/// The same of a copy as of the store.
#[test]
fn parts_conditions_and_methods() {
    for (name, length) in [("small.txt", 1_000), ("large.txt", 100_000)] {
        let world = world();
        let body: Vec<u8> = (0..length).map(|n| b'a' + (n % 23) as u8).collect();
        put_as(&world, "aa", &format!("content/{name}"), "text/plain", &body);
        let path = format!("/content/{name}");
        let etag = get(&Isolate::new(&world), &path).field("etag").to_owned();
        let weak = format!("W/{etag}");
        let rows: &[(&str, Lines, u16, &[u8])] = &[
            ("GET", &[], 200, &body),
            ("HEAD", &[], 200, b""),
            ("HEAD", &[("range", "bytes=0-9")], 200, b""),
            ("GET", &[("range", "bytes=0-9")], 206, &body[..10]),
            ("GET", &[("range", "bytes=990-")], 206, &body[990..]),
            ("GET", &[("range", "bytes=-3")], 206, &body[length - 3..]),
            ("GET", &[("range", "bytes=100000-")], 416, b"416 Range Not Satisfiable\n"),
            ("GET", &[("range", "bytes=0-1,3-4")], 200, &body),
            ("GET", &[("range", "bytes=1-2"), ("if-range", &etag)], 206, &body[1..3]),
            ("GET", &[("range", "bytes=1-2"), ("if-range", &weak)], 200, &body),
            ("GET", &[("range", "bytes=1-2"), ("if-range", "\"b\"")], 200, &body),
            ("GET", &[("if-none-match", &etag)], 304, b""),
            ("GET", &[("if-none-match", &weak)], 304, b""),
            ("HEAD", &[("if-none-match", "*")], 304, b""),
            ("GET", &[("if-none-match", "\"b\"")], 200, &body),
            ("GET", &[("if-match", "\"b\"")], 412, b"412 Precondition Failed\n"),
            ("OPTIONS", &[], 204, b""),
            ("POST", &[], 405, b"405 Method Not Allowed\n"),
            ("PUT", &[], 405, b"405 Method Not Allowed\n"),
            ("DELETE", &[], 405, b"405 Method Not Allowed\n"),
            ("get", &[], 405, b"405 Method Not Allowed\n"),
        ];
        for is_warm in [false, true] {
            for (method, lines, status, expected) in rows {
                let isolate = Isolate::new(&world);
                if is_warm {
                    get(&isolate, &path);
                }
                let request = ask(&isolate, method, &path);
                let request =
                    lines.iter().fold(request, |it, (name, value)| it.header(name, value));
                let response = request.send();
                let of = format!("{method} {path} {lines:?}, warm: {is_warm}: {response:?}");
                assert_eq!(response.status, *status, "{of}");
                assert!(response.body == *expected, "{of}");
                if matches!(status, 200 | 206 | 304) {
                    assert_eq!(response.field("cache-control"), "public, max-age=7", "{of}");
                    assert_eq!(response.field("etag"), etag, "{of}");
                }
                if matches!(status, 204 | 405) {
                    assert_eq!(response.field("allow"), "GET, HEAD, OPTIONS", "{of}");
                }
            }
        }
        assert_eq!(ask(&Isolate::new(&world), "POST", "/content/none").send().status, 404);
    }
}

#[test]
fn what_is_for_keys_is_on_no_other_host() {
    let world = world();
    put_as(&world, "aa", "drafts/a.txt", "text/plain", b"draft");
    let isolate = Isolate::new(&world);
    for host in ["aa.cdn.test", "staging--aa.cdn.test"] {
        for (method, status) in [("GET", 404), ("HEAD", 404), ("OPTIONS", 404), ("POST", 404)] {
            isolate.get(host, "/");
            world.take_log();
            let response = isolate.ask(method, &format!("https://{host}/drafts/a.txt")).send();
            assert_eq!(response.status, status, "{method} {host}");
            assert_eq!(object_ops(&world), 0, "the store is not asked");
        }
    }
}

#[test]
fn uploads_do_nothing_in_the_name_of_the_site() {
    const PLAIN: &str = "text/plain; charset=utf-8";
    const UNKNOWN: &str = "application/octet-stream";
    // The name, what its writer says it is, what it is served as, and whether it is a document.
    let rows = [
        ("a.html", "text/html", "text/html; charset=utf-8", true),
        ("a.HTM", "image/png", "text/html; charset=utf-8", true),
        ("a.svg", "image/svg+xml", "image/svg+xml", true),
        ("a.xml", "text/xml", "application/xml", true),
        ("a.xhtml", "text/plain", "application/xhtml+xml", true),
        ("a.js", "text/javascript", PLAIN, false),
        ("a.mjs", "text/javascript", PLAIN, false),
        ("a.png", "text/html", "image/png", false),
        ("a.json", "text/html", "application/json", false),
        ("a", "text/html", UNKNOWN, false),
        ("a", "TEXT/HTML; charset=utf-7", UNKNOWN, false),
        ("a.odd", "image/svg+xml", UNKNOWN, false),
        ("a.odd", "application/rss+xml", UNKNOWN, false),
        ("a.odd", "text/javascript", UNKNOWN, false),
        ("a.odd", "multipart/x-mixed-replace", UNKNOWN, false),
        ("a.odd", "image/x-odd", "image/x-odd", false),
    ];
    for (name, declared, served, is_document) in rows {
        let world = world();
        put_as(&world, "aa", &format!("content/{name}"), declared, b"<script>");
        let isolate = Isolate::new(&world);
        let path = format!("/content/{name}");
        // From the store, from a copy, its head, a part of it, and that it is known.
        let requests = [
            ask(&isolate, "HEAD", &path),
            ask(&isolate, "GET", &path),
            ask(&isolate, "GET", &path),
            ask(&isolate, "GET", &path).header("range", "bytes=0-0"),
            ask(&isolate, "GET", &path).header("if-none-match", "*"),
            isolate.ask("GET", &format!("https://staging--aa.cdn.test{path}")),
        ];
        for request in requests {
            let response = request.send();
            let of = format!("{name} {declared}: {response:?}");
            assert!(matches!(response.status, 200 | 206 | 304), "{of}");
            if response.status != 304 {
                assert!(response.field("content-type").starts_with(served), "{of}");
                let policy = response.field("content-security-policy");
                assert_eq!(policy.starts_with(INERT), is_document, "{of}");
            }
            assert_eq!(response.field("x-content-type-options"), "nosniff");
        }
    }
    let world = world();
    put_as(&world, "aa", "open/a.html", "text/html", b"<script>");
    let response = get(&Isolate::new(&world), "/open/a.html");
    assert_eq!(response.field("content-security-policy"), "script-src *", "the site's own word");
}

#[test]
fn names_of_odd_shape_never_reach_the_store() {
    let world = world();
    let isolate = Isolate::new(&world);
    get(&isolate, "/");
    let long = format!("/content/{}", "a".repeat(401));
    let rows = [
        "/content/",
        "/content",
        "/content/a/",
        "/content/%2F",
        "/content/..%2f..%2fsite%2faa",
        "/content/%2e%2e/%2e%2e/site/aa",
        "/content/../../site/aa",
        "/content/./a",
        "/content/a%5Cb",
        "/content/a\\b",
        "/content/%00",
        "/content/a%00.txt",
        "/content/a%0d%0ab",
        "/content/%ff",
        "/content/%zz",
        "/content/a%",
        &long,
    ];
    for path in rows {
        for method in ["GET", "HEAD", "POST"] {
            world.take_log();
            let response = ask(&isolate, method, path).send();
            assert!(matches!(response.status, 400 | 404), "{method} {path}: {response:?}");
            assert_eq!(object_ops(&world), 0, "{method} {path}");
        }
    }
    // Other spellings of a name are that name, and the query is none of it.
    put_as(&world, "aa", "content/a/b.txt", "text/plain", b"v1");
    for path in ["/content/a%2Fb.txt", "/content/a//b.txt"] {
        assert_eq!(get(&isolate, path).text(), "v1", "{path}");
    }
    put_as(&world, "aa", "content/caf%C3%A9.txt", "text/plain", b"v1");
    for path in
        ["/content/caf%c3%a9.txt", "/content//caf%C3%A9.txt?x=1", "/content/%63af%C3%A9.txt"]
    {
        assert_eq!(get(&isolate, path).text(), "v1", "{path}");
    }
}

#[test]
fn sites_and_stages_share_no_copy() {
    let world = world();
    let isolate = Isolate::new(&world);
    for site in ["aa", "bb"] {
        put_as(&world, site, PLACE, "text/plain", site.as_bytes());
    }
    for round in 0..2 {
        for (host, text, reads) in [
            ("aa.cdn.test", "aa", 1 - round),
            ("bb.cdn.test", "bb", 1 - round),
            ("staging--aa.cdn.test", "aa", 1),
            ("staging--bb.cdn.test", "bb", 1),
        ] {
            isolate.get(host, "/");
            world.take_log();
            let response = isolate.get(host, PATH);
            assert_eq!(response.text(), text, "{host}");
            assert_eq!(object_ops(&world), reads, "{host}: {response:?}");
            let is_sandbox = host.starts_with("staging");
            assert_eq!(response.field("cache-control") == "no-store", is_sandbox, "{response:?}");
        }
    }
    let b: Rc<Vec<u8>> = world.history("obj/bb/content/a.txt").last().unwrap().clone();
    assert!(b.ends_with(b"bb"));
}

/// Whatever the edge tier does, the answer is right; only the store is asked more.
#[test]
fn edge_tiers_that_fail() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Hang,
        Trouble::HangAfter,
        Trouble::Slow(2_000),
        Trouble::Null,
        Trouble::Garbage,
    ];
    let check = |name: &str, world: &World| {
        put(world, "v1");
        let isolate = Isolate::new(world);
        for round in 0..12 {
            let response = ask(&isolate, "GET", PATH).send_only();
            assert_eq!((response.status, response.text()), (200, "v1"), "{name}, round {round}");
            world.settle();
            world.pass_ms(if round == 5 { 5_000_000 } else { 150_000 });
        }
    };
    for temper in [EdgeTemper::AlwaysEmpty, EdgeTemper::Vanishing(50)] {
        let world = world();
        world.set_edge_temper(temper);
        check(&format!("{temper:?}"), &world);
    }
    for op in [Op::StoredFind, Op::StoredKeep] {
        for trouble in troubles {
            for percent in [30, 100] {
                let world = world();
                world.trouble_for(op, "res/", percent, trouble);
                check(&format!("{op:?} {trouble:?} {percent}"), &world);
            }
        }
    }
    // A copy that lost its end, validated: the store has all of it.
    let world = world();
    put(&world, "v1");
    let isolate = Isolate::new(&world);
    get(&isolate, PATH);
    world.pass_ms(5_000_000);
    world.trouble_at(Op::StoredFind, "res/", 0, 1, Trouble::Truncated);
    assert_eq!(get(&isolate, PATH).text(), "v1");
}
