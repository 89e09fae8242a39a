//! The fresh host: who gets in, how often, and that what they get is the newest and kept by nobody.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::rc::Rc;

use serde_json::json;

use selvedge::ports::{Condition, Fault, ObjectMeta, Objects};
use selvedge::site::collection::{CollectionName, ObjectName};
use selvedge::site::ids::SiteName;
use selvedge::site::keys;

use super::support::folder::{Folder, publish};
use super::support::ports::SimPorts;
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, ROOT_TOKEN, START_MS, Trouble, World};

const HOST: &str = "fresh--aa.cdn.test";
const DOCUMENT: &str = "/content/a.json";

/// Header lines of a request.
type Lines<'a> = &'a [(&'a str, &'a str)];

const CONFIG: &str = r#"{"collections":[
    {"name":"inner","prefix":"/content/inner/"},
    {"name":"content","prefix":"/content/","fresh":true},
    {"name":"drafts","prefix":"/drafts","fresh":true,"access":"key"},
    {"name":"public","prefix":"/public/"}
]}"#;

fn folder(site: &str) -> Folder {
    Folder::new(&[("/index.html", site), ("/content/asset.json", "an asset")])
        .configured(CONFIG)
        .headers_file(
            "/*\n  X-Site: yes\n  Cache-Control: public, max-age=600\n  \
             CDN-Cache-Control: max-age=600\n",
        )
}

fn put(world: &World, site: &str, collection: &str, name: &str, text: &str) {
    let site = SiteName::parse(site).unwrap();
    let collection = CollectionName::parse(collection).unwrap();
    let key = keys::object(&site, &collection, &ObjectName::parse(name).unwrap());
    let meta = ObjectMeta {
        length: text.len() as u64,
        etag: String::new(),
        media_type: "text/html".to_owned(),
        tags: String::new(),
        written_ms: world.now(),
    };
    let ports = SimPorts {
        world: world.clone(),
        colo: Rc::default(),
        isolate: 0,
        body: Rc::new(text.as_bytes().to_vec()),
        headers: Default::default(),
        settings: world.settings(),
    };
    world.run(ports.object_write(&key, &meta, &Condition::Any)).unwrap().unwrap();
}

/// Two sites with a document each and a key each, which come back.
fn two_sites(vars: &[(&str, &str)]) -> (World, [String; 2]) {
    let world = World::with_vars(vars);
    let made = ["aa", "bb"].map(|site| {
        publish(&world, site, "production", &folder(site));
        put(&world, site, "content", "a.json", &format!("of {site}"));
        key(&world, site, None)
    });
    put(&world, "aa", "content", "inner/x.json", "not fresh");
    put(&world, "aa", "drafts", "page", "<p>draft</p>");
    put(&world, "aa", "content", "page.html", "<p>page</p>");
    put(&world, "aa", "public", "p.txt", "not fresh either");
    world.take_log();
    (world, made)
}

fn key(world: &World, site: &str, expires_secs: Option<u64>) -> String {
    let body = json!({ "name": "build", "expires_secs": expires_secs }).to_string();
    let call = format!("/sites/{site}/keys");
    let made = Isolate::new(world).admin("POST", &call, body.as_bytes());
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["key"].as_str().unwrap().to_owned()
}

fn ask(isolate: &Isolate, method: &str, path: &str) -> Request {
    isolate.ask(method, &format!("https://{HOST}{path}"))
}

fn get(isolate: &Isolate, key: &str, path: &str) -> Response {
    ask(isolate, "GET", path).header("x-api-key", key).send()
}

#[track_caller]
fn check_refused(response: &Response) {
    assert_eq!(response.status, 401, "{response:?}");
    assert_eq!(response.field("www-authenticate"), "Bearer");
    assert_eq!(response.field("cache-status"), "selvedge; fwd=bypass; detail=fresh");
    assert_eq!(response.text(), "401 Unauthorized\n");
    assert_eq!(response.has("selvedge-deployment"), None, "it tells of no site");
}

#[test]
fn who_gets_in() {
    let (world, [of_aa, of_bb]) = two_sites(&[]);
    let token = {
        let body = br#"{"name":"all","scopes":["publish","purge","write","read"]}"#;
        let made = Isolate::new(&world).admin("POST", "/sites/aa/tokens", body);
        made.json()["token"].as_str().unwrap().to_owned()
    };
    let expired = key(&world, "aa", Some(60));
    world.pass_ms(60_000);
    let bearer = format!("Bearer {of_aa}");
    let joined = format!("nope, {of_aa}");
    let rows: &[(&str, Lines, bool)] = &[
        ("FR-001 no key", &[], false),
        ("a key as it is", &[("x-api-key", &of_aa)], true),
        ("a bearer", &[("authorization", &bearer)], true),
        ("both, the same", &[("authorization", &bearer), ("x-api-key", &of_aa)], true),
        ("FR-003 a wrong key", &[("x-api-key", "nope")], false),
        ("of another site", &[("x-api-key", &of_bb)], false),
        ("FR-005 a token as key", &[("x-api-key", &token)], false),
        ("a token as bearer", &[("authorization", &format!("Bearer {token}"))], false),
        ("the root token", &[("authorization", &format!("Bearer {ROOT_TOKEN}"))], false),
        ("FR-007 two keys", &[("x-api-key", "nope"), ("x-api-key", &of_aa)], false),
        ("two keys in a line", &[("x-api-key", &joined)], false),
        ("twice the same", &[("x-api-key", &of_aa), ("x-api-key", &of_aa)], false),
        ("two that differ", &[("authorization", &bearer), ("x-api-key", &of_bb)], false),
        ("Basic", &[("authorization", &format!("Basic {of_aa}"))], false),
        ("without a scheme", &[("authorization", &of_aa)], false),
        ("an expired one", &[("x-api-key", &expired)], false),
        ("cut short", &[("x-api-key", &of_aa[..of_aa.len() - 1])], false),
        ("too long", &[("x-api-key", &format!("{of_aa}{}", "x".repeat(300)))], false),
        ("no secret", &[("x-api-key", "slk_aa_")], false),
        ("in a cookie", &[("cookie", &format!("x-api-key={of_aa}"))], false),
    ];
    for (name, lines, opens) in rows {
        let request = ask(&Isolate::new(&world), "GET", DOCUMENT);
        let response = lines.iter().fold(request, |ask, (name, value)| ask.header(name, value));
        let response = response.send();
        match opens {
            true => assert_eq!((response.status, response.text()), (200, "of aa"), "{name}"),
            false => check_refused(&response),
        }
    }
    let isolate = Isolate::new(&world);
    check_refused(&ask(&isolate, "GET", &format!("{DOCUMENT}?x-api-key={of_aa}")).send());
    for method in ["HEAD", "POST", "OPTIONS", "DELETE"] {
        let response = ask(&isolate, method, DOCUMENT).send();
        assert_eq!(response.status, 401, "{method}");
    }
}

#[test]
fn nobody_can_tell_which_sites_exist() {
    let (world, [of_aa, _]) = two_sites(&[]);
    let isolate = Isolate::new(&world);
    let of_none = of_aa.replacen("_aa_", "_nn_", 1);
    for (host, key) in [("aa", "nope"), ("nn", "nope"), ("nn", &of_aa), ("nn", &of_none)] {
        let url = format!("https://fresh--{host}.cdn.test{DOCUMENT}");
        check_refused(&isolate.ask("GET", &url).header("x-api-key", key).send());
    }
    world.take_log();
    get(&isolate, "slk_bb_x_y", DOCUMENT);
    get(&isolate, "anything", DOCUMENT);
    assert_eq!(world.store_ops(), 0, "what can't be a key of the site costs nothing");
}

#[test]
fn the_newest_always_and_kept_nowhere() {
    let (world, [of_aa, _]) = two_sites(&[]);
    let isolate = Isolate::new(&world);
    for n in 0..5 {
        put(&world, "aa", "content", "a.json", &format!("version {n}"));
        world.take_log();
        let response = get(&isolate, &of_aa, DOCUMENT);
        assert_eq!((response.status, response.text()), (200, format!("version {n}").as_str()));
        let told = ["cache-control", "cache-status", "content-type", "x-robots-tag", "x-site"];
        let expected = [
            "no-store",
            "selvedge; fwd=bypass; detail=fresh",
            "application/json; charset=utf-8",
            "noindex",
            "yes",
        ];
        assert_eq!(told.map(|name| response.field(name)), expected);
        assert_eq!(response.has("age").or(response.has("cdn-cache-control")), None);
        let kept = world.take_log();
        let objects = kept.iter().filter(|logged| logged.key.starts_with("obj/"));
        assert_eq!(objects.map(|logged| logged.op).collect::<Vec<_>>(), [Op::Open], "{kept:?}");
    }
    // FR-010: an anonymous repeat, and the site's own host.
    check_refused(&ask(&isolate, "GET", DOCUMENT).send());
    assert_eq!(isolate.get("aa.cdn.test", "/").text(), "aa");
}

#[test]
fn what_is_there_and_by_which_method() {
    let (world, [of_aa, _]) = two_sites(&[]);
    let isolate = Isolate::new(&world);
    let rows = [
        ("GET", DOCUMENT, 200),
        ("HEAD", DOCUMENT, 200),
        ("OPTIONS", DOCUMENT, 204),
        ("POST", DOCUMENT, 405),
        ("PUT", DOCUMENT, 405),
        ("TRACE", DOCUMENT, 405),
        ("POST", "/content/none.json", 404),
        ("OPTIONS", "/content/none.json", 404),
        ("GET", "/content/none.json", 404),
        ("GET", "/content//a.json", 200),
        ("GET", "/content/%61.json", 200),
        ("GET", "/drafts/page", 200),
        ("GET", "/drafts", 404),
        ("GET", "/content/", 404),
        ("GET", "/content/a.json/", 404),
        ("GET", "/content/inner/x.json", 404),
        ("GET", "/public/p.txt", 404),
        ("GET", "/content/asset.json", 404),
        ("GET", "/", 404),
        ("GET", "/content/../bb/content/a.json", 404),
        ("GET", "/content/%2e%2e/content/a.json", 404),
        ("GET", "/.selvedge/v1/sites", 404),
        ("GET", "/.selvedge/health", 404),
    ];
    for (method, path, status) in rows {
        let response = ask(&isolate, method, path).header("x-api-key", &of_aa).send();
        assert_eq!(response.status, status, "{method} {path}: {response:?}");
        assert_eq!(response.field("cache-control"), "no-store", "{method} {path}");
        let allow = (status == 405 || status == 204).then_some("GET, HEAD, OPTIONS");
        assert_eq!(response.has("allow"), allow, "{method} {path}");
        assert!(!response.text().contains("of bb"));
    }
    let page = get(&isolate, &of_aa, "/content/page.html");
    assert!(page.field("content-security-policy").ends_with("sandbox"), "{page:?}");
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
    let untyped = get(&isolate, &of_aa, "/drafts/page");
    assert_eq!(untyped.field("content-type"), "application/octet-stream");
}

#[test]
fn preconditions_and_ranges() {
    let (world, [of_aa, _]) = two_sites(&[]);
    let isolate = Isolate::new(&world);
    let plain = get(&isolate, &of_aa, DOCUMENT);
    let etag = plain.field("etag").to_owned();
    let (weak, list) = (format!("W/{etag}"), format!("\"x\", {etag}"));
    let written = plain.field("last-modified").to_owned();
    let rows: &[(Lines, u16, &str)] = &[
        (&[("if-none-match", &etag)], 304, ""),
        (&[("if-none-match", &weak)], 304, ""),
        (&[("if-none-match", &list)], 304, ""),
        (&[("if-none-match", "*")], 304, ""),
        (&[("if-none-match", "\"x\"")], 200, "of aa"),
        (&[("if-modified-since", &written)], 304, ""),
        (&[("if-match", &etag)], 200, "of aa"),
        (&[("if-match", "\"x\"")], 412, "412 Precondition Failed\n"),
        (&[("if-match", "\"x\""), ("if-none-match", &etag)], 412, "412 Precondition Failed\n"),
        (&[("range", "bytes=0-1")], 206, "of"),
        (&[("range", "bytes=-2")], 206, "aa"),
        (&[("range", "bytes=3-99")], 206, "aa"),
        (&[("range", "bytes=5-")], 416, "416 Range Not Satisfiable\n"),
        (&[("range", "bytes=0-0,2-2")], 200, "of aa"),
        (&[("range", "bytes=0-1"), ("if-range", &etag)], 206, "of"),
        (&[("range", "bytes=0-1"), ("if-range", "\"x\"")], 200, "of aa"),
        (&[("range", "bytes=0-1"), ("if-none-match", &etag)], 304, ""),
    ];
    for (lines, status, text) in rows {
        let request = ask(&isolate, "GET", DOCUMENT).header("x-api-key", &of_aa);
        let response = lines.iter().fold(request, |ask, (name, value)| ask.header(name, value));
        let response = response.send();
        assert_eq!((response.status, response.text()), (*status, *text), "{lines:?}");
        let describes = matches!(status, 200 | 206 | 304);
        assert_eq!(response.has("etag"), describes.then_some(etag.as_str()), "{lines:?}");
    }
    put(&world, "aa", "content", "empty", "");
    let empty = get(&isolate, &of_aa, "/content/empty");
    assert_eq!((empty.status, empty.field("content-length")), (200, "0"));
}

#[test]
fn keys_are_shown_once_listed_and_revoked_within_the_bound() {
    let (world, [of_aa, _]) = two_sites(&[]);
    let (here, elsewhere) = (Isolate::new(&world), Isolate::new(&world));
    let listed = here.admin("GET", "/sites/aa/keys", b"");
    let shown = &listed.json()["keys"][0];
    assert_eq!((shown["name"].as_str(), &shown["expires_ms"]), (Some("build"), &json!(null)));
    assert!(shown["hash"].is_null() && !listed.text().contains(&of_aa[16..]));
    for bytes in world.snapshot().values() {
        assert!(!String::from_utf8_lossy(bytes).contains(&of_aa), "kept in the clear");
    }
    assert_eq!(get(&here, &of_aa, DOCUMENT).status, 200);
    assert_eq!(get(&elsewhere, &of_aa, DOCUMENT).status, 200);
    let call = format!("/sites/aa/keys/{}", shown["id"].as_str().unwrap());
    assert_eq!(here.admin("DELETE", &call, b"").status, 200);
    assert_eq!(here.admin("DELETE", &call, b"").status, 404);
    check_refused(&get(&here, &of_aa, DOCUMENT));
    let new = key(&world, "aa", None);
    check_refused(&get(&elsewhere, &new, DOCUMENT));
    world.set_now_ms(START_MS + 999);
    check_refused(&get(&elsewhere, &new, DOCUMENT));
    assert_eq!(get(&elsewhere, &of_aa, DOCUMENT).status, 200);
    world.set_now_ms(START_MS + 1_000);
    assert_eq!(get(&elsewhere, &new, DOCUMENT).status, 200, "a new one is known within a second");
    check_refused(&get(&elsewhere, &of_aa, DOCUMENT));
    let (world, [of_aa, of_bb]) = two_sites(&[]);
    let elsewhere = Isolate::new(&world);
    assert_eq!(get(&elsewhere, &of_aa, DOCUMENT).status, 200);
    let id = of_aa.split('_').nth(2).unwrap();
    let call = format!("/sites/aa/keys/{id}");
    assert_eq!(Isolate::new(&world).admin("DELETE", &call, b"").status, 200);
    world.set_now_ms(START_MS + 4_999);
    assert_eq!(get(&elsewhere, &of_aa, DOCUMENT).status, 200);
    world.set_now_ms(START_MS + 5_000);
    check_refused(&get(&elsewhere, &of_aa, DOCUMENT));
    let url = format!("https://fresh--bb.cdn.test{DOCUMENT}");
    let other = elsewhere.ask("GET", &url).header("x-api-key", &of_bb).send();
    assert_eq!(other.text(), "of bb", "another site's keys are another's");
}

#[test]
fn while_the_store_fails_keys_are_known_for_the_bound() {
    for (age_ms, status) in [(29_999, 200), (30_000, 503)] {
        let (world, [of_aa, _]) = two_sites(&[]);
        let isolate = Isolate::new(&world);
        assert_eq!(get(&isolate, &of_aa, DOCUMENT).status, 200);
        world.trouble(None, "site/", Trouble::Before(Fault::Busy));
        world.set_now_ms(START_MS + age_ms);
        let response = get(&isolate, &of_aa, DOCUMENT);
        assert_eq!(response.status, status, "at {age_ms}");
    }
    let (world, [of_aa, _]) = two_sites(&[]);
    let isolate = Isolate::new(&world);
    assert_eq!(get(&isolate, &of_aa, DOCUMENT).status, 200);
    world.set_now_ms(START_MS - 1);
    world.trouble(None, "site/", Trouble::Before(Fault::Busy));
    assert_eq!(get(&isolate, &of_aa, DOCUMENT).status, 503, "a clock that goes back");
    let (world, [of_aa, _]) = two_sites(&[]);
    for prefix in ["obj/", "live/", "dep/"] {
        world.heal();
        world.trouble(None, prefix, Trouble::Hang);
        assert_eq!(get(&Isolate::new(&world), &of_aa, DOCUMENT).status, 503, "{prefix}");
    }
}

/// How many of so many requests at once pass; the others are 429 with a time to wait.
#[track_caller]
fn passed(isolate: &Isolate, key: &str, count: usize) -> usize {
    let mut passed = 0;
    for n in 0..count {
        let method = if n % 2 == 0 { "GET" } else { "HEAD" };
        let spelling = ["fresh--aa.cdn.test", "FRESH--AA.CDN.TEST", "fresh--aa.cdn.test.:443"];
        let url = format!("https://{}{DOCUMENT}?{n}", spelling[n % 3]);
        let request = isolate.ask(method, &url).header("x-api-key", key);
        let request = request.header("x-forwarded-for", &n.to_string());
        let response = request.header("cf-connecting-ip", "1.2.3.4").send();
        match response.status {
            200 => passed += 1,
            429 => {
                let secs: u64 = response.field("retry-after").parse().unwrap();
                assert!((1..=60).contains(&secs), "{response:?}");
            }
            _ => panic!("{response:?}"),
        }
    }
    passed
}

#[test]
fn the_limiter_of_the_runtime_counts_by_key() {
    let (world, [of_aa, _]) = two_sites(&[]);
    world.set_limit(20);
    let isolate = Isolate::new(&world);
    for _ in 0..1_000 {
        let status = get(&isolate, "nope", DOCUMENT).status;
        assert!([401, 429].contains(&status), "FR-015");
    }
    assert_eq!(get(&isolate, "nope", DOCUMENT).status, 429, "bad keys have a limit of their own");
    assert_eq!(passed(&isolate, &of_aa, 30), 20, "FR-012, FR-014, FR-017");
    assert_eq!(passed(&isolate.neighbour(), &of_aa, 5), 0, "in every isolate");
    let second = key(&world, "aa", None);
    world.pass_ms(1_000);
    assert_eq!(passed(&isolate, &second, 5), 5, "each key has its own");
    world.pass_ms(60_000);
    assert_eq!(passed(&isolate, &of_aa, 25), 20);
}

#[test]
fn without_the_runtimes_limiter_each_isolate_has_its_own() {
    let troubles = [
        None,
        Some(Trouble::Before(Fault::Failed)),
        Some(Trouble::Before(Fault::Missing)),
        Some(Trouble::Hang),
    ];
    for trouble in troubles {
        let (world, [of_aa, _]) = two_sites(&[("FRESH_LIMIT_PER_MINUTE", "50")]);
        if let Some(trouble) = trouble {
            world.set_limit(1_000_000);
            world.trouble(Op::Limit, "fresh/", trouble);
        }
        let isolate = Isolate::new(&world);
        let before_ms = world.now().0;
        let count = passed(&isolate, &of_aa, 40);
        // A limiter that hangs costs each request its deadline, and so the clock goes on.
        let paced = (world.now().0 - before_ms) / 1_200;
        assert_eq!(count, 5 + paced as usize, "FR-016: {trouble:?}");
        assert_eq!(get(&isolate.neighbour(), &of_aa, DOCUMENT).status, 200);
        world.pass_ms(1_200);
        assert_eq!(get(&isolate, &of_aa, DOCUMENT).status, 200);
    }
}

#[test]
fn calls_for_keys() {
    let (world, _) = two_sites(&[]);
    let from = Isolate::new(&world);
    let rows: &[(&str, &str, &[u8], u16, &str)] = &[
        ("POST", "/sites/aa/keys", b"{}", 400, "bad-request"),
        ("POST", "/sites/aa/keys", br#"{"name":""}"#, 422, "invalid"),
        ("POST", "/sites/nn/keys", br#"{"name":"x"}"#, 404, "not-found"),
        ("GET", "/sites/nn/keys", b"", 404, "not-found"),
        ("PUT", "/sites/aa/keys", b"", 405, "method-not-allowed"),
        ("GET", "/sites/aa/keys/none", b"", 405, "method-not-allowed"),
        ("DELETE", "/sites/aa/keys/none", b"", 404, "not-found"),
    ];
    let before = world.snapshot();
    for (method, call, body, status, code) in rows {
        let response = from.admin(method, call, body);
        let found = (response.status, response.code());
        assert_eq!(found, (*status, (*code).to_owned()), "{method} {call}: {response:?}");
    }
    assert_eq!(world.snapshot(), before);
    for _ in 1..100 {
        key(&world, "aa", None);
    }
    let full = from.admin("POST", "/sites/aa/keys", br#"{"name":"x"}"#);
    assert_eq!((full.status, full.code().as_str()), (422, "invalid"));
}
