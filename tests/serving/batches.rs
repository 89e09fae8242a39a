//! Batches of blobs, which are binary.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::json;

use selvedge::site::ids::ContentHash;

use super::support::folder::frame;
use super::support::response::Isolate;
use super::support::world::World;

#[test]
fn batches() {
    let world = World::new();
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/www", b"").status, 201);
    let good = |bytes: &[u8]| frame(&ContentHash::of(bytes), bytes);
    let bad = frame(&ContentHash::of(b"one"), b"another");
    let send = |batch: &[u8]| from.admin("POST", "/sites/www/blobs", batch);
    assert_eq!(send(b"").json()["stored"], 0);
    assert_eq!(send(&[good(b"1"), good(b"2")].concat()).json()["stored"], 2);
    assert_eq!(send(&[good(b"1"), good(b"2")].concat()).json()["stored"], 2, "idempotent");
    for cut in 1..good(b"12345").len() {
        let response = send(&good(b"12345")[..cut]);
        assert_eq!((response.status, response.code().as_str()), (422, "invalid"), "cut at {cut}");
    }
    let many: Vec<Vec<u8>> = (0..12_u8).map(|n| good(&[n])).collect();
    let mixed = [many[..6].concat(), bad, many[6..].concat()].concat();
    let refused = send(&mixed);
    assert_eq!((refused.status, refused.code().as_str()), (422, "hash-mismatch"));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("blob 6"));
    let hashes: Vec<String> = (0..12_u8).map(|n| ContentHash::of(&[n]).hex()).collect();
    let question = json!({ "prefix": "", "hashes": hashes }).to_string();
    let missing = from.admin("POST", "/sites/www/blobs/missing", question.as_bytes());
    let missing = missing.json()["missing"].as_array().unwrap().len();
    assert!((4..=6).contains(&missing), "{missing} of those after the broken one");
    let too_many = good(b"").repeat(257);
    assert_eq!(send(&too_many).status, 422);
    assert_eq!(send(&vec![0; 8 * 1024 * 1024 + 1]).status, 413);
}
