//! Objects that are uploaded in parts.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::{Value, json};

use super::objects::{call, get, token, world};
use super::support::world::World;

/// Begins an upload of an object, and gives its id.
fn begin(world: &World, place: &str) -> String {
    let place = format!("{place}?uploads");
    let begun = call(world, "POST", &place, b"").header("selvedge-tags", "big").send();
    assert_eq!(begun.status, 201, "{}", begun.render());
    begun.json()["upload"].as_str().unwrap().to_owned()
}

#[test]
fn an_object_in_parts() {
    let world = world("r2");
    let upload = begin(&world, "public/big.bin");
    let mut parts = Vec::new();
    for (number, body) in [(1, b"abc"), (2, b"def"), (3, b"ghi"), (2, b"DEF")] {
        let place = format!("public/big.bin?upload={upload}&part={number}");
        let stored = call(&world, "PUT", &place, body).send();
        assert_eq!(stored.status, 200, "{}", stored.render());
        parts.retain(|part: &Value| part["part"] != number);
        parts.push(stored.json());
    }
    parts.sort_by_key(|part| part["part"].as_u64());
    assert_eq!(get(&world, "public/big.bin").status, 404, "it is not finished");
    let body = json!({ "parts": parts }).to_string();
    let place = format!("public/big.bin?upload={upload}");
    let condition = |name: &str, value: &str| {
        call(&world, "POST", &place, body.as_bytes()).header(name, value).send().status
    };
    assert_eq!(condition("if-match", "*"), 412);
    assert_eq!(condition("if-none-match", "*"), 200);
    let read = get(&world, "public/big.bin");
    assert_eq!((read.text(), read.field("selvedge-tags")), ("abcDEFghi", "big"));
    assert_eq!(condition("x", "y"), 404, "it was finished");
    assert_eq!(world.keys("upload/"), Vec::<String>::new());
}

#[test]
fn uploads_that_are_refused() {
    let world = world("r2");
    let upload = begin(&world, "public/x");
    let snapshot = world.snapshot();
    let finish = |parts: &Value| json!({ "parts": parts }).to_string().into_bytes();
    let good = format!("public/x?upload={upload}");
    let rows = [
        ("POST", "none/x?uploads".to_owned(), Vec::new(), 404),
        ("GET", "public/x?uploads".to_owned(), Vec::new(), 405),
        ("PUT", "public/x?uploads".to_owned(), Vec::new(), 405),
        ("GET", good.clone(), Vec::new(), 405),
        ("PUT", good.clone(), b"a".to_vec(), 422),
        ("PUT", format!("{good}&part=0"), b"a".to_vec(), 422),
        ("PUT", format!("{good}&part=10001"), b"a".to_vec(), 422),
        ("PUT", format!("{good}&part=1"), Vec::new(), 422),
        ("PUT", "public/x?upload=other&part=1".to_owned(), b"a".to_vec(), 404),
        ("PUT", "public/x?upload=&part=1".to_owned(), b"a".to_vec(), 404),
        ("PUT", format!("public/other?upload={upload}&part=1"), b"a".to_vec(), 404),
        ("POST", good.clone(), finish(&json!([])), 422),
        ("POST", good.clone(), finish(&json!([{"part": 0, "etag": "a"}])), 422),
        ("POST", good.clone(), finish(&json!([{"part": 1, "etag": "a"}])), 404),
        (
            "POST",
            good.clone(),
            finish(&json!([{"part": 2, "etag": "a"}, {"part": 1, "etag": "a"}])),
            422,
        ),
        ("POST", good.clone(), b"{".to_vec(), 400),
    ];
    for (method, place, body, status) in rows {
        let answer = call(&world, method, &place, &body).send();
        assert_eq!(answer.status, status, "{method} {place}: {}", answer.render());
        assert!(world.snapshot() == snapshot, "{method} {place}");
    }
    for scope in ["read", "publish", "purge"] {
        let token = token(&world, "www", scope);
        let answer = call(&world, "POST", "public/x?uploads", b"").token(Some(&token)).send();
        assert_eq!(answer.status, 403, "{scope}");
    }
    assert_eq!(call(&world, "DELETE", &good, b"").send().status, 200);
    assert!(world.keys("upload/").is_empty());
    let kv = super::objects::world("kv");
    assert_eq!(call(&kv, "POST", "public/x?uploads", b"").send().status, 413);
}
