//! Objects of collections through the admin API: written, read, listed, deleted, and refused.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::{Value, json};

use selvedge::admin::object_headers::{TAGS_BYTES_MAX, TAGS_MAX};
use selvedge::ports::Fault;
use selvedge::site::collection::OBJECT_BYTES_MAX;
use selvedge::site::ids::ContentHash;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, Trouble, World};

const CONFIG: &str = r#"{"collections":[
    {"name":"public","prefix":"/public/"},
    {"name":"content","prefix":"/with space/","edge_ttl":60,"stale_while_revalidate":30,
     "access":"key"}
]}"#;

/// A world whose site `www` has collections on production, and another on a stage.
pub fn world(store: &str) -> World {
    let world = World::with_vars(&[("STORE", store)]);
    let index = Folder::new(&[("/index.html", "www")]);
    publish(&world, "www", "production", &index.clone().configured(CONFIG));
    let staged = r#"{"collections":[{"name":"staged","prefix":"/staged/"}]}"#;
    publish(&world, "www", "staging", &index.clone().configured(staged));
    publish(&world, "other", "production", &index.configured(CONFIG));
    world
}

pub fn call(world: &World, method: &str, place: &str, body: &[u8]) -> Request {
    let (collection, rest) = place.split_once('/').unwrap_or((place, ""));
    let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
    let call = format!("/sites/www/collections/{collection}/objects{rest}");
    Isolate::new(world).admin_call(method, &call, body)
}

#[track_caller]
fn put(world: &World, place: &str, body: &[u8]) -> Value {
    let answer = call(world, "PUT", place, body).send();
    assert_eq!(answer.status, 200, "{}", answer.render());
    answer.json()
}

pub fn get(world: &World, place: &str) -> Response {
    call(world, "GET", place, b"").send()
}

fn list(world: &World, collection: &str, query: &str) -> Value {
    let call = format!("/sites/www/collections/{collection}/objects?{query}");
    let answer = Isolate::new(world).admin("GET", &call, b"");
    assert_eq!(answer.status, 200, "{}", answer.render());
    answer.json()
}

fn names(page: &Value) -> Vec<&str> {
    let objects = page["objects"].as_array().unwrap();
    objects.iter().map(|object| object["name"].as_str().unwrap()).collect()
}

pub fn token(world: &World, site: &str, scope: &str) -> String {
    let body = json!({"name": "test", "scopes": [scope]}).to_string();
    let call = format!("/sites/{site}/tokens");
    let made = Isolate::new(world).admin("POST", &call, body.as_bytes());
    made.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_object_from_its_first_byte_to_its_last() {
    for store in ["r2", "kv"] {
        let world = world(store);
        let request = call(&world, "PUT", "public/a/b%20c.png", b"bytes");
        let request = request.header("content-type", "image/x").header("selvedge-tags", "t1, t2");
        let written = request.send().json();
        let lag = if store == "kv" { 60 } else { 0 };
        assert_eq!(written["name"], "a/b%20c.png", "{written}");
        assert_eq!(written["length"], 5);
        assert_eq!(written["url"], "https://www.cdn.test/public/a/b%20c.png");
        assert_eq!(written["effective_within_secs"], 30 + lag);
        assert_eq!((&written["invalidated"], &written["warning"]), (&json!(true), &Value::Null));
        let etag = written["etag"].as_str().unwrap();
        assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");

        let read = get(&world, "public/a/b%20c.png");
        assert_eq!((read.status, read.text()), (200, "bytes"));
        assert_eq!(read.field("etag"), etag);
        assert_eq!(read.field("content-type"), "application/octet-stream");
        assert_eq!(read.field("content-disposition"), "attachment");
        assert_eq!(read.field("selvedge-media-type"), "image/x");
        assert_eq!(read.field("selvedge-tags"), "t1,t2");
        let head = call(&world, "HEAD", "public/a/b%20c.png", b"").send();
        assert_eq!((head.status, head.field("content-length")), (200, "5"));
        assert_eq!(head.field("etag"), etag);

        let object = &list(&world, "public", "")["objects"][0];
        assert_eq!(object["name"], "a/b%20c.png");
        assert_eq!(object["length"], 5);
        assert_eq!(object["etag"], etag);
        assert_eq!(object["media_type"], "image/x");
        assert_eq!(object["tags"], json!(["t1", "t2"]));
        assert!(object["written_ms"].as_u64().unwrap() > 1_700_000_000_000);

        let deleted = call(&world, "DELETE", "public/a/b%20c.png", b"").send();
        assert_eq!((deleted.status, &deleted.json()["deleted"]), (200, &json!(true)));
        let absent = get(&world, "public/a/b%20c.png");
        assert_eq!((absent.status, absent.code().as_str()), (404, "not-found"));
        assert_eq!(call(&world, "HEAD", "public/a/b%20c.png", b"").send().status, 404);
        assert_eq!(call(&world, "DELETE", "public/a/b%20c.png", b"").send().status, 404);
        assert_eq!(list(&world, "public", ""), json!({"objects": [], "cursor": null}));
    }
}

#[test]
fn other_spellings_are_the_same_name() {
    let world = world("r2");
    put(&world, "public/%61%40b//c", b"1");
    assert_eq!(put(&world, "public/a@b/c", b"2")["name"], "a@b/c");
    assert_eq!(names(&list(&world, "public", "")), ["a@b/c"]);
    assert_eq!(get(&world, "public/a%40b%2fc").text(), "2");
}

#[test]
fn the_media_type_is_guessed_from_the_name_when_nothing_says_it() {
    let world = world("r2");
    put(&world, "public/a.svg", b"<svg/>");
    put(&world, "public/empty", b"");
    assert_eq!(
        get(&world, "public/a.svg").field("selvedge-media-type"),
        "image/svg+xml; charset=utf-8"
    );
    let empty = get(&world, "public/empty");
    assert_eq!((empty.status, empty.field("content-length")), (200, "0"));
    assert_eq!(empty.field("selvedge-media-type"), "application/octet-stream");
}

#[test]
fn addresses_are_where_it_is_served() {
    let world = world("r2");
    let content = put(&world, "content/x", b"1");
    assert_eq!(content["url"], "https://fresh--www.cdn.test/with%20space/x");
    let left = call(&world, "PUT", "content/x?invalidate=false", b"1").send().json();
    assert_eq!((&left["invalidated"], &left["effective_within_secs"]), (&json!(false), &json!(90)));
    assert_eq!(put(&world, "staged/x", b"1")["url"], "https://staging--www.cdn.test/staged/x");
}

#[test]
fn writes_on_a_condition() {
    for store in ["r2", "kv"] {
        let world = world(store);
        let first = put(&world, "public/x", b"1")["etag"].as_str().unwrap().to_owned();
        let second = put(&world, "public/x", b"2")["etag"].as_str().unwrap().to_owned();
        let rows = [
            ("public/x", "if-match", first.as_str(), 412),
            ("public/x", "if-match", "\"nonsense\"", 412),
            ("public/x", "if-none-match", "*", 412),
            ("public/new", "if-match", "*", 412),
            ("public/new", "if-match", &second, 412),
            ("public/x", "if-match", "W/\"a\"", 422),
            ("public/x", "if-match", "\"a\", \"b\"", 422),
            ("public/x", "if-none-match", "\"a\"", 422),
            ("public/x", "if-match", &second, 200),
            ("public/x", "if-match", "*", 200),
            ("public/new", "if-none-match", "*", 200),
        ];
        for (place, name, value, status) in rows {
            let before = get(&world, place);
            let answer = call(&world, "PUT", place, b"3").header(name, value).send();
            let shown = format!("{store}, {place}, {name}: {value}: {}", answer.render());
            assert_eq!(answer.status, status, "{shown}");
            let expected = if status == 200 { "3" } else { before.text() };
            let after = get(&world, place);
            assert_eq!(after.status == 200, status == 200 || before.status == 200, "{shown}");
            if before.status == 200 || status == 200 {
                assert_eq!(after.text(), expected, "{shown}");
            }
            if status == 412 {
                assert_eq!(answer.code(), "precondition-failed", "{shown}");
                let etag = before.has("etag");
                assert_eq!(answer.json()["error"]["etag"].as_str(), etag, "{shown}");
            }
        }
        let both = call(&world, "PUT", "public/x", b"4").header("if-match", "*");
        assert_eq!(both.header("if-none-match", "*").send().status, 422);
    }
}

#[test]
fn deletes_on_a_condition() {
    let world = world("r2");
    put(&world, "public/x", b"1");
    let etag = get(&world, "public/x").field("etag").to_owned();
    for (value, status) in [("\"other\"", 412), ("W/\"a\"", 422), (etag.as_str(), 200)] {
        let answer = call(&world, "DELETE", "public/x", b"").header("if-match", value).send();
        assert_eq!(answer.status, status, "{value}: {}", answer.render());
    }
    let again = call(&world, "DELETE", "public/x", b"").header("if-match", &etag).send();
    assert_eq!((again.status, again.json()["error"]["etag"].clone()), (412, Value::Null));
}

/// Two writers that both read an object, and both write it.
#[test]
fn of_two_writers_one_wins() {
    let world = world("r2");
    let etag = put(&world, "public/x", b"0")["etag"].as_str().unwrap().to_owned();
    let answers = [b"1", b"2"]
        .map(|body| call(&world, "PUT", "public/x", body).header("if-match", &etag).send().status);
    assert_eq!(answers, [200, 412]);
    assert_eq!(get(&world, "public/x").text(), "1");
}

#[test]
fn names_that_can_not_be_change_nothing() {
    let world = world("r2");
    let before = world.snapshot();
    let longest = "a".repeat(OBJECT_BYTES_MAX);
    let rows = [
        ("public/a/../b".to_owned(), 404),
        ("public/..%2fb".to_owned(), 404),
        ("public/a%00".to_owned(), 404),
        ("public/a%5cb".to_owned(), 404),
        ("public/%zz".to_owned(), 404),
        ("public/a/".to_owned(), 400),
        (format!("public/{longest}a"), 400),
        (format!("public/{}", "%C3%A9".repeat(67)), 400),
        ("Public/a".to_owned(), 400),
        ("-/a".to_owned(), 400),
    ];
    for (place, status) in rows {
        for method in ["PUT", "GET", "DELETE"] {
            let answer = call(&world, method, &place, b"x").send();
            assert_eq!(answer.status, status, "{method} {place}: {}", answer.render());
            if status == 400 {
                assert_eq!(answer.code(), "bad-request");
            }
        }
    }
    assert!(world.snapshot() == before);
    put(&world, &format!("public/{longest}"), b"x");
}

#[test]
fn what_a_write_may_not_say() {
    let world = world("kv");
    let before = world.snapshot();
    let many = vec!["t"; TAGS_MAX + 1].join(",");
    let long = format!("{},{}", "a".repeat(64), "b".repeat(TAGS_BYTES_MAX));
    let rows = [
        ("content-type", "nonsense"),
        ("content-type", "text/plain; charset=\u{e9}"),
        ("selvedge-tags", "a;b"),
        ("selvedge-tags", many.as_str()),
        ("selvedge-tags", long.as_str()),
    ];
    for (name, value) in rows {
        let answer = call(&world, "PUT", "public/x", b"1").header(name, value).send();
        assert_eq!((answer.status, answer.code().as_str()), (422, "invalid"), "{name}: {value}");
    }
    let call_url = "https://cdn.test/.selvedge/v1/sites/www/collections/public/objects/x";
    let request = Isolate::new(&world).ask("PUT", call_url);
    let unknown = request.token(Some(super::support::world::ROOT_TOKEN)).send();
    assert_eq!((unknown.status, unknown.code().as_str()), (422, "invalid"));
    for method in ["POST", "PATCH"] {
        assert_eq!(call(&world, method, "public/x", b"1").send().status, 405);
    }
    assert_eq!(call(&world, "PUT", "public", b"1").send().status, 405);
    assert!(world.snapshot() == before);
}

#[test]
fn larger_than_the_store_takes() {
    for (store, bytes_max) in [("r2", 95 << 20), ("kv", 25 << 20)] {
        let world = world(store);
        for (length, status) in [(bytes_max, 200), (bytes_max + 1, 413)] {
            let url = "https://cdn.test/.selvedge/v1/sites/www/collections/public/objects/x";
            let request = Isolate::new(&world).ask("PUT", url);
            let request = request.token(Some(super::support::world::ROOT_TOKEN));
            let answer = request.header("content-length", &length.to_string()).send();
            assert_eq!(answer.status, status, "{store}: {}", answer.render());
        }
    }
}

/// A full disk: the store refuses what is written, or never answers. Neither is a failure to read.
#[test]
fn a_store_that_takes_no_writes_is_named() {
    let rows = [
        (Trouble::Before(Fault::Failed), "not-stored", "the store refused the write"),
        (Trouble::Hang, "not-stored", "the store did not complete the write in time"),
        (Trouble::Before(Fault::Busy), "unavailable", "the store is busy"),
    ];
    for (trouble, code, message) in rows {
        let world = world("r2");
        world.trouble(Op::Write, "obj/", trouble);
        world.trouble(Op::Upload, "", trouble);
        let blob = format!("/sites/www/blobs/{}", ContentHash::of(b"x").hex());
        let answers = [
            call(&world, "PUT", "public/x", b"1").send(),
            Isolate::new(&world).admin("PUT", &blob, b"x"),
        ];
        for answer in answers {
            let shown = format!("{trouble:?}: {}", answer.render());
            assert_eq!((answer.status, answer.code().as_str()), (503, code), "{shown}");
            let error = &answer.json()["error"];
            assert_eq!(error["message"], message, "{shown}");
            let names_the_disk = error["hint"].as_str().unwrap().contains("has room");
            assert_eq!(names_the_disk, code == "not-stored", "{shown}");
            assert_eq!(answer.field("retry-after"), "2", "{shown}");
        }
        world.heal();
        world.trouble(Op::Read, "", Trouble::Before(Fault::Failed));
        assert_eq!(call(&world, "PUT", "public/x", b"1").send().code(), "unavailable");
    }
}

#[test]
fn only_who_may() {
    let world = world("r2");
    put(&world, "public/x", b"1");
    let before = world.snapshot();
    let of = |site: &str, scope: &str| token(&world, site, scope);
    let rows = [
        (None, [401, 401, 401, 401]),
        (Some("wrong".to_owned()), [401, 401, 401, 401]),
        (Some(of("other", "write")), [403, 403, 403, 403]),
        (Some(of("other", "read")), [403, 403, 403, 403]),
        (Some(of("www", "purge")), [403, 403, 403, 403]),
        (Some(of("www", "read")), [200, 200, 403, 403]),
        (Some(of("www", "publish")), [200, 200, 403, 403]),
        (Some(of("www", "write")), [403, 403, 200, 200]),
    ];
    for (token, statuses) in rows {
        let calls =
            [("GET", "public"), ("GET", "public/x"), ("PUT", "public/x"), ("DELETE", "public/x")];
        for ((method, place), status) in calls.into_iter().zip(statuses) {
            let answer = call(&world, method, place, b"1").token(token.as_deref()).send();
            assert_eq!(answer.status, status, "{token:?} {method}: {}", answer.render());
        }
    }
    assert!(!before.is_empty());
    assert!(world.keys("obj/").is_empty(), "the last of them deleted it");
}

#[test]
fn a_collection_that_nobody_has() {
    let world = world("r2");
    for (method, place) in
        [("PUT", "none/x"), ("GET", "none/x"), ("DELETE", "none/x"), ("GET", "none")]
    {
        let answer = call(&world, method, place, b"1").send();
        assert_eq!(answer.status, 404, "{method} {place}");
        assert!(answer.text().contains("[[collections]]"), "{}", answer.render());
    }
    let nobody = "/sites/nobody/collections/public/objects/x";
    let answer = Isolate::new(&world).admin("PUT", nobody, b"1");
    assert!(answer.text().contains("no such site"), "{}", answer.render());
    assert!(world.keys("obj/").is_empty());
}

/// What a collection left behind when it went from the configuration can be looked at and deleted.
#[test]
fn what_is_left_of_a_collection() {
    let world = world("r2");
    put(&world, "public/x", b"1");
    publish(&world, "www", "production", &Folder::new(&[("/index.html", "www")]));
    assert_eq!(names(&list(&world, "public", "")), ["x"]);
    assert_eq!(get(&world, "public/x").text(), "1");
    assert_eq!(call(&world, "PUT", "public/x", b"2").send().status, 404);
    let deleted = call(&world, "DELETE", "public/x", b"").send().json();
    assert_eq!(deleted["effective_within_secs"], 30, "a rollback would bring its copies back");
    assert_eq!(get(&world, "public/x").status, 404);
}

#[test]
fn pages_of_a_listing() {
    let world = world("r2");
    let all = ["a%20b/1", "a%20b/2", "a/1", "a/2", "b"];
    for name in all {
        put(&world, &format!("public/{name}"), b"1");
    }
    put(&world, "content/a/other", b"1");
    let other = "/sites/other/collections/public/objects/a/other";
    assert_eq!(Isolate::new(&world).admin("PUT", other, b"1").status, 200);
    let rows = [
        ("", &all[..]),
        ("prefix=", &all[..]),
        ("prefix=a", &all[..4]),
        ("prefix=a/", &all[2..4]),
        ("prefix=a%2F2", &all[3..4]),
        ("prefix=a%20b/", &all[..2]),
        ("prefix=a+b/", &all[..2]),
        ("prefix=a%2520b/", &all[..2]),
        ("prefix=/b", &all[4..]),
        ("x=y&limit=1000", &all[..]),
    ];
    for (query, expected) in rows {
        assert_eq!(names(&list(&world, "public", query)), expected, "{query}");
    }
    for count in 1..=all.len() + 1 {
        let (mut found, mut query) = (Vec::new(), format!("limit={count}"));
        loop {
            let page = list(&world, "public", &query);
            assert!(names(&page).len() <= count);
            found.extend(names(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page["cursor"].as_str() else { break };
            query = format!("limit={count}&cursor={}", selvedge::wire::query::encode(cursor));
        }
        assert_eq!(found, all, "{count} at a time");
    }
    for query in
        ["limit=0", "limit=1001", "limit=", "limit=x", "limit=-1", "prefix=../", "prefix=%00"]
    {
        let call = format!("/sites/www/collections/public/objects?{query}");
        assert_eq!(Isolate::new(&world).admin("GET", &call, b"").status, 422, "{query}");
    }
}

#[test]
fn keys_are_the_sites_own() {
    let world = world("r2");
    put(&world, "public/x", b"1");
    put(&world, "public/%2Fother%2Fpublic%2Fx", b"1");
    assert_eq!(world.keys("obj/"), ["obj/www/public/other/public/x", "obj/www/public/x"]);
}

#[test]
fn a_store_in_trouble() {
    for store in ["r2", "kv"] {
        for (op, method) in [(Op::Write, "PUT"), (Op::Open, "GET"), (Op::Delete, "DELETE")] {
            for trouble in [Trouble::Before(Fault::Failed), Trouble::Hang, Trouble::Null] {
                let world = world(store);
                put(&world, "public/x", b"1");
                world.trouble(op, "obj/", trouble);
                let answer = call(&world, method, "public/x", b"2").send();
                let expected = match (trouble, op) {
                    (Trouble::Null, Op::Open) => 404,
                    (Trouble::Null, _) => 200,
                    _ => 503,
                };
                assert_eq!(answer.status, expected, "{store}, {op:?}, {trouble:?}");
                world.heal();
                if expected == 503 {
                    assert_eq!(get(&world, "public/x").text(), "1", "{store}, {op:?}, {trouble:?}");
                }
            }
        }
    }
}

/// A read that failed for a moment is no reason to fail the call.
#[test]
fn a_store_that_stumbles() {
    let world = world("r2");
    put(&world, "public/x", b"1");
    world.trouble_at(Op::Open, "obj/", 0, 2, Trouble::Before(Fault::Failed));
    assert_eq!(get(&world, "public/x").text(), "1");
    world.trouble_at(Op::List, "obj/", 0, 2, Trouble::Before(Fault::Failed));
    assert_eq!(names(&list(&world, "public", "")), ["x"]);
}
