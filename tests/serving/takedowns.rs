//! Takedowns: files that deployment addresses and retained deployments no longer serve, however
//! they are asked for, while stages serve what they served.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::{Value, json};

use selvedge::ports::Fault;
use selvedge::site::records::takedown::TAKEDOWNS_MAX;

use super::protocol::{race, token};
use super::support::folder::{Built, Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::{Op, START_MS, Trouble, World};

const SCRIPT: &str = "/assets/app.3f2a91bc.js";

fn first() -> Folder {
    Folder::new(&[
        ("/index.html", "Home"),
        ("/about.html", "secret about"),
        ("/docs/index.html", "secret docs"),
        ("/private/a.pdf", "secret pdf"),
        (SCRIPT, "secret()"),
        ("/shown.txt", "shown"),
        ("/404.html", "v1 has no such page"),
    ])
    .redirects_file("/alias /private/a.pdf 200\n/alias2 /about 200")
}

fn second() -> Folder {
    Folder::new(&[("/index.html", "Second"), ("/private/b.pdf", "b")])
}

/// A site with a live second deployment, and the first one retained.
fn world() -> (World, Built) {
    world_with(&[])
}

fn world_with(vars: &[(&str, &str)]) -> (World, Built) {
    let world = World::with_vars(vars);
    let built = publish(&world, "www", "production", &first());
    publish(&world, "www", "production", &second());
    world.take_log();
    (world, built)
}

fn host(built: &Built) -> String {
    format!("{}--www.cdn.test", built.id)
}

#[track_caller]
fn take_down(from: &Isolate, path: &str) -> Value {
    let body = json!({ "path": path }).to_string();
    let response = from.admin("POST", "/sites/www/takedowns", body.as_bytes());
    assert!(matches!(response.status, 200 | 201), "{}", response.render());
    response.json()
}

fn undo(from: &Isolate, path: &str) -> Response {
    from.admin("DELETE", &format!("/sites/www/takedowns?path={path}"), b"")
}

fn list(from: &Isolate) -> Vec<String> {
    let listed = from.admin("GET", "/sites/www/takedowns", b"").json();
    let paths = listed["takedowns"].as_array().unwrap().iter();
    paths.map(|takedown| takedown["path"].as_str().unwrap().to_owned()).collect()
}

const HIDDEN: &[&str] = &[
    SCRIPT,
    "/assets/%61pp.3f2a91bc.js",
    "/assets//app.3f2a91bc.js",
    "//assets/app.3f2a91bc.js",
    "/assets/app.3f2a91bc.js?v=1",
    "/assets/APP.3f2a91bc.js",
    "/assets/%2e/app.3f2a91bc.js",
    "/assets/x/%2e%2e/app.3f2a91bc.js",
    "/about",
    "/about.html",
    "/about/",
    "/about/index.html",
    "/about/index",
    "/%61bout",
    "/about%2Ehtml",
    "//about",
    "/docs",
    "/docs/",
    "/docs/index.html",
    "/docs/index",
    "/docs.html",
    "/private/a.pdf",
    "/private//a.pdf",
    "/private%2fa.pdf",
    "/alias",
    "/alias2",
];

#[test]
fn no_spelling_method_or_condition_shows_a_hidden_file() {
    let (world, built) = world();
    let (isolate, host) = (Isolate::new(&world), host(&built));
    let tags: Vec<String> = ["/about", "/docs/", "/private/a.pdf", SCRIPT]
        .iter()
        .map(|path| {
            let response = isolate.get(&host, path);
            assert!(response.status == 200 && response.text().starts_with("secret"), "{path}");
            response.field("etag").to_owned()
        })
        .collect();
    for path in ["/about", "/docs/", "/private/*", SCRIPT] {
        take_down(&isolate, path);
    }
    let all_tags = tags.join(", ");
    let conditions = [
        ("accept", "*/*"),
        ("if-none-match", all_tags.as_str()),
        ("if-none-match", "*"),
        ("if-match", all_tags.as_str()),
        ("range", "bytes=0-3"),
        ("range", "bytes=9999-"),
        ("accept-encoding", "br, gzip, zstd"),
        ("sec-fetch-mode", "navigate"),
    ];
    for isolate in [isolate.clone(), isolate.neighbour(), Isolate::new(&world)] {
        for path in HIDDEN {
            for method in ["GET", "HEAD", "OPTIONS", "POST"] {
                let conditions = match method {
                    "GET" | "HEAD" => &conditions[..],
                    _ => &conditions[..1],
                };
                for (name, value) in conditions {
                    let ask = isolate.ask(method, &format!("https://{host}{path}"));
                    let response = ask.header(name, value).send();
                    let is_hidden = response.status == 404
                        && response.has("etag").is_none()
                        && response.has("allow").is_none()
                        && !response.text().contains("secret");
                    assert!(is_hidden, "{method} {path} with {name}: {value}: {response:?}");
                }
            }
        }
        for path in ["/", "/shown.txt"] {
            assert_eq!(isolate.get(&host, path).status, 200, "{path} stays");
        }
    }
}

#[test]
fn pages_that_stand_in_are_hidden_too() {
    let (world, built) = world();
    let (isolate, host) = (Isolate::new(&world), host(&built));
    assert_eq!(isolate.get(&host, "/none").text(), "v1 has no such page");
    take_down(&isolate, "/404.html");
    let response = isolate.get(&host, "/none");
    assert_eq!((response.status, response.text()), (404, "404 Not Found\n"));

    let application = Folder::new(&[("/index.html", "secret app"), ("/a.txt", "a")])
        .configured(r#"{"not_found":"single-page-application"}"#);
    let built = publish(&world, "www", "preview", &application);
    let host = self::host(&built);
    let navigate = |host: &str| {
        let ask = isolate.ask("GET", &format!("https://{host}/deep/route"));
        ask.header("sec-fetch-mode", "navigate").send()
    };
    take_down(&isolate, "/a.txt");
    assert_eq!(navigate(&host).text(), "secret app", "another file is hidden");
    take_down(&isolate, "/");
    for path in ["/", "/index.html", "/index"] {
        assert_eq!(isolate.get(&host, path).status, 404, "{path}");
    }
    assert_eq!(navigate(&host).status, 404);
    assert_eq!(navigate("preview--www.cdn.test").text(), "secret app", "the stage serves it");

    let application = Folder::new(&[("/start.html", "other app"), ("/a.txt", "a")])
        .redirects_file("/* /start.html 200");
    let host = self::host(&publish(&world, "www", "preview", &application));
    assert_eq!(navigate(&host).text(), "other app", "its page has a name of its own");
    take_down(&isolate, "/start.html");
    assert_eq!(navigate(&host).status, 404);
}

#[test]
fn retained_files_go_and_live_ones_stay() {
    let (world, _) = world();
    let isolate = Isolate::new(&world);
    let old = isolate.get("www.cdn.test", SCRIPT);
    assert_eq!((old.status, old.text()), (200, "secret()"));
    let answer = take_down(&isolate, SCRIPT);
    assert_eq!((&answer["live_on"], &answer["changed"]), (&json!([]), &json!(true)));
    for isolate in [isolate.clone(), isolate.neighbour(), Isolate::new(&world)] {
        for method in ["GET", "HEAD"] {
            let ask = || isolate.ask(method, &format!("https://www.cdn.test{SCRIPT}"));
            assert_eq!(ask().send().status, 404);
            assert_eq!(ask().header("if-none-match", old.field("etag")).send().status, 404);
            assert_eq!(ask().header("range", "bytes=0-1").send().status, 404);
        }
    }
    publish(&world, "www", "production", &second().file(SCRIPT, "public()"));
    assert_eq!(Isolate::new(&world).get("www.cdn.test", SCRIPT).text(), "public()", "live again");
    let answer = take_down(&isolate, SCRIPT);
    assert_eq!((&answer["live_on"], &answer["changed"]), (&json!(["production"]), &json!(false)));
    let rows = [("/private/*", json!(["production"])), ("/none/*", json!([]))];
    for (path, live_on) in rows {
        assert_eq!(take_down(&isolate, path)["live_on"], live_on, "{path}");
    }
}

#[test]
fn a_large_site_is_searched_as_far_as_a_request_goes() {
    let world = World::new();
    let folder = (0..30_000)
        .fold(Folder::new(&[("/index.html", "Home")]), |f, n| f.file(&format!("/f/{n}.txt"), "x"));
    publish(&world, "www", "production", &folder);
    let isolate = Isolate::new(&world);
    let answer = take_down(&isolate, "/f/7.txt");
    assert_eq!((&answer["live_on"], &answer["unchecked"]), (&json!(["production"]), &json!([])));
    let answer = take_down(&isolate, "/f/*");
    let found = (&answer["live_on"], &answer["unchecked"]);
    assert_eq!(found, (&json!([]), &json!(["production"])), "not claimed to be gone");
}

#[test]
fn the_bound_and_undoing() {
    for (vars, bound_secs) in [(&[][..], 30), (&[("STORE", "kv")][..], 90)] {
        let (world, built) = world_with(vars);
        let (here, elsewhere) = (Isolate::new(&world), Isolate::new(&world));
        let host = host(&built);
        let seen = |isolate: &Isolate| {
            let of = |host: &str| {
                let response = isolate.ask("GET", &format!("https://{host}{SCRIPT}")).send_only();
                world.cut_behind();
                response.status
            };
            (of(&host), of("www.cdn.test"))
        };
        assert_eq!((seen(&here), seen(&elsewhere)), ((200, 200), (200, 200)));
        assert_eq!(take_down(&here, SCRIPT)["effective_within_secs"], bound_secs);
        assert_eq!(seen(&here), (404, 404), "here at once");
        for (now_ms, expected) in [(0, (200, 200)), (29_999, (200, 200)), (30_000, (404, 404))] {
            world.set_now_ms(START_MS + now_ms);
            assert_eq!(seen(&elsewhere), expected, "after {now_ms} ms");
        }
        let undone = undo(&here, SCRIPT);
        assert_eq!((undone.status, &undone.json()["undone"]), (200, &json!(true)));
        world.pass_ms(30_000);
        assert_eq!((seen(&here), seen(&elsewhere)), ((200, 200), (200, 200)));
        assert_eq!(undo(&here, SCRIPT).code(), "not-found");
    }
}

#[test]
fn a_store_that_fails_never_shows_a_hidden_file() {
    for trouble in [Trouble::Before(Fault::Failed), Trouble::Before(Fault::Busy), Trouble::Hang] {
        let (world, built) = world();
        let (warm, host) = (Isolate::new(&world), host(&built));
        take_down(&warm, SCRIPT);
        for host in [host.as_str(), "www.cdn.test"] {
            assert_eq!(warm.get(host, SCRIPT).status, 404);
            assert_eq!(warm.get(host, "/").status, 200);
        }
        world.trouble(Op::Read, "site/", trouble);
        let cold = warm.neighbour();
        for path in [SCRIPT, "/", "/shown.txt"] {
            assert_eq!(cold.get(&host, path).status, 503, "{trouble:?} {path}");
        }
        assert_eq!(cold.get("www.cdn.test", SCRIPT).status, 503, "{trouble:?}");
        assert_eq!(cold.get("www.cdn.test", "/").status, 200, "{trouble:?}");
        for (age_ms, hidden, shown) in [(40_000, 404, 200), (86_390_000, 404, 200)] {
            world.set_now_ms(START_MS + age_ms);
            assert_eq!(warm.get(&host, SCRIPT).status, hidden, "{trouble:?} {age_ms}");
            assert_eq!(warm.get(&host, "/shown.txt").status, shown, "{trouble:?} {age_ms}");
        }
        world.set_now_ms(START_MS + 86_500_000);
        assert_eq!(warm.get(&host, "/shown.txt").status, 503, "{trouble:?}, a day later");
        assert_eq!(warm.get("www.cdn.test", SCRIPT).status, 503, "{trouble:?}, a day later");
        world.heal();
        assert_eq!(warm.get(&host, SCRIPT).status, 404);
        assert_eq!(warm.get(&host, "/shown.txt").status, 200);
    }
    for trouble in [Trouble::Garbage, Trouble::Truncated] {
        let (world, built) = world();
        world.trouble(Op::Read, "site/", trouble);
        assert_eq!(Isolate::new(&world).get(&host(&built), SCRIPT).status, 503, "{trouble:?}");
        assert_eq!(Isolate::new(&world).get("www.cdn.test", SCRIPT).status, 503, "{trouble:?}");
    }
}

#[test]
fn what_it_costs() {
    let (world, built) = world();
    let host = host(&built);
    take_down(&Isolate::new(&world), "/none");
    let read = |world: &World| {
        let log = world.take_log();
        log.iter().filter(|l| l.op == Op::Read && l.key.starts_with("site/")).count()
    };
    world.take_log();
    let isolate = Isolate::new(&world);
    for path in ["/", "/missing", "/private/b.pdf", "/assets/none.01234567.js"] {
        isolate.get("www.cdn.test", path);
    }
    assert_eq!(read(&world), 0, "ordinary requests do not read the site");
    isolate.get("www.cdn.test", SCRIPT);
    assert_eq!(read(&world), 1, "a hit in a retained deployment does");
    isolate.get("www.cdn.test", SCRIPT);
    isolate.get(&host, "/shown.txt");
    world.take_log();
    isolate.get(&host, "/shown.txt");
    assert_eq!(world.take_log(), [], "a warm isolate asks nobody");

    world.trouble(Op::Read, "", Trouble::Slow(100));
    let since = world.now();
    assert_eq!(Isolate::new(&world).get(&host, "/shown.txt").status, 200);
    assert_eq!(world.now().since(since), 100, "both reads at once, and no third");
}

#[test]
fn a_takedown_is_kept_with_who_made_it_and_made_once() {
    let (world, _) = world();
    let from = Isolate::new(&world);
    let text = token(&world, "www", &["publish"], None);
    let call = |method: &str, query: &str, body: &str| {
        let call = from.admin_call(method, &format!("/sites/www/takedowns{query}"), b"");
        call.body(body.as_bytes()).token(Some(&text)).send()
    };
    let made = call("POST", "", r#"{"path":"//caf%C3%A9/a b"}"#);
    assert_eq!((made.status, made.json()["path"].as_str()), (201, Some("/caf%C3%A9/a%20b")));
    world.pass_ms(5);
    let again = from.admin("POST", "/sites/www/takedowns", br#"{"path":"/caf%c3%a9/a%20b"}"#);
    assert_eq!((again.status, &again.json()["at_ms"]), (200, &made.json()["at_ms"]));
    assert_eq!(again.json()["by"], made.json()["by"], "who was first");
    assert_ne!(again.json()["by"], "root");
    assert_eq!(list(&from), ["/caf%C3%A9/a%20b"]);
    let query = "?path=/caf%25C3%25A9/a%2520b";
    assert_eq!(call("DELETE", query, "").status, 200, "as it is listed");
    assert_eq!(list(&from), [""; 0]);
}

#[test]
fn refusals() {
    let (world, _) = world();
    let from = Isolate::new(&world);
    let tokens = [
        (token(&world, "www", &["publish"], None), 201, 200),
        (token(&world, "www", &["read"], None), 403, 200),
        (token(&world, "www", &["purge", "write"], None), 403, 403),
        ("slv_www_none_secret".to_owned(), 401, 401),
    ];
    publish(&world, "other", "production", &second());
    let other = token(&world, "other", &["publish", "read"], None);
    for (text, made, listed) in tokens.into_iter().chain([(other, 403, 403)]) {
        let call = |method: &str, query: &str, body: &[u8]| {
            let call = from.admin_call(method, &format!("/sites/www/takedowns{query}"), body);
            call.token(Some(&text)).send().status
        };
        let before = list(&from);
        assert_eq!(call("POST", "", br#"{"path":"/x"}"#), made, "{text}");
        assert_eq!(call("GET", "", b""), listed, "{text}");
        let undone = if made == 201 { 200 } else { made };
        assert_eq!(call("DELETE", "?path=/x", b""), undone, "{text}");
        assert_eq!(list(&from), before, "{text}");
    }
    let before = world.snapshot();
    let bodies = [
        "",
        "{}",
        r#"{"path":""}"#,
        r#"{"path":"x"}"#,
        r#"{"path":"/a?b"}"#,
        r#"{"path":"/../a"}"#,
        r#"{"path":"/a","at":1}"#,
        r#"{"paths":["/a"]}"#,
        r#"{"path":7}"#,
        r#"["/a"]"#,
    ];
    for body in bodies {
        let response = from.admin("POST", "/sites/www/takedowns", body.as_bytes());
        assert_eq!((response.status, response.code().as_str()), (400, "bad-request"), "{body}");
    }
    for query in ["", "?path=", "?path=x", "?path=/%2e%2e/a"] {
        let response = from.admin("DELETE", &format!("/sites/www/takedowns{query}"), b"");
        assert_eq!(response.status, 422, "{query}");
    }
    assert_eq!(from.admin("PUT", "/sites/www/takedowns", b"").status, 405);
    assert_eq!(from.admin("GET", "/sites/nn/takedowns", b"").status, 404);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn the_list_is_bounded() {
    let (world, _) = world();
    let from = Isolate::new(&world);
    for n in 0..TAKEDOWNS_MAX {
        take_down(&from, &format!("/{n}"));
    }
    let response = from.admin("POST", "/sites/www/takedowns", br#"{"path":"/more"}"#);
    assert_eq!((response.status, response.code().as_str()), (422, "invalid"));
    take_down(&from, "/7");
    assert_eq!(undo(&from, "/7").status, 200);
    take_down(&from, "/more");
}

#[test]
fn two_at_once_are_both_kept() {
    let (world, _) = world();
    let before = world.snapshot();
    for schedule in 0..1 << 10 {
        world.restore(&before);
        let call = |path: &str| {
            let body = json!({ "path": path }).to_string();
            Isolate::new(&world).admin_call("POST", "/sites/www/takedowns", body.as_bytes())
        };
        let answers = race(&world, call("/a"), call("/b"), schedule);
        assert!(answers.iter().all(|answer| answer.status == 201), "{schedule:b}: {answers:?}");
        let mut kept = list(&Isolate::new(&world));
        kept.sort();
        assert_eq!(kept, ["/a", "/b"], "{schedule:b}");
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let (world, built) = world();
    let before = world.snapshot();
    for killed_at in 0..20 {
        world.restore(&before);
        let body = json!({ "path": SCRIPT }).to_string();
        let call = Isolate::new(&world).admin_call("POST", "/sites/www/takedowns", body.as_bytes());
        let mut future = Box::pin(call.future());
        let ended = world.step(future.as_mut(), killed_at);
        drop(future);
        world.cut_behind();
        let isolate = Isolate::new(&world);
        let status = isolate.get(&host(&built), SCRIPT).status;
        assert!(status == 404 || matches!((&ended, status), (Poll::Pending, 200)), "{killed_at}");
        take_down(&isolate, SCRIPT);
        assert_eq!(Isolate::new(&world).get(&host(&built), SCRIPT).status, 404, "{killed_at}");
        assert_eq!(list(&isolate).len(), 1, "{killed_at}");
    }
}

#[test]
fn a_commit_names_the_takedowns() {
    let (world, _) = world();
    let from = Isolate::new(&world);
    take_down(&from, "/private/*");
    let built = first().build();
    let response = from.admin("PUT", &format!("/sites/www/deployments/{}", built.id), &built.root);
    assert_eq!(response.json()["takedowns"], json!(["/private/*"]));
}
