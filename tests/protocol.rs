//! Publishing as a protocol: killed anywhere, raced or repeated, it leaves a whole deployment live.

use std::cell::Cell;
use std::rc::Rc;

use selvedge::site::ids::DeploymentId;
use serde_json::Value;

#[cfg(not(target_arch = "wasm32"))]
mod support;
use crate::support::{Answer, Ask, Fate, Isolate, ROOT, SiteFiles, World, frame};

const HOST: &str = "www.cdn.test";
const PATHS: [&str; 5] = ["/", "/a", "/old", "/app.3f2a91bc.js", "/nothing"];

fn version(mark: &str) -> SiteFiles {
    let config = serde_json::from_value(serde_json::json!({
        "redirects": [["/old", format!("/{mark}"), 301]],
        "headers": [{"for": "/*", "origin": "selector", "ops": [{"set": ["x-mark", mark]}]}],
    }));
    let texts: Vec<String> = ["/", "/a", "/404"].iter().map(|p| format!("{mark} {p}")).collect();
    let script = format!("/app.{}.js", if mark == "v1" { "3f2a91bc" } else { "77aa91bc" });
    SiteFiles::of(&[
        ("/index.html", &texts[0]),
        ("/a.html", &texts[1]),
        ("/404.html", &texts[2]),
        (&script, mark),
    ])
    .with(config.unwrap())
}

fn snapshot(isolate: &Isolate) -> Vec<Answer> {
    PATHS.iter().map(|path| isolate.get(HOST, path).lasting()).collect()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn activate(isolate: &Isolate, stage: &str, id: &DeploymentId, expected: Option<u64>) -> Answer {
    let body = serde_json::json!({ "deployment": id, "expected_seq": expected });
    let path = format!("/sites/www/stages/{stage}/activate");
    isolate.call("POST", &path, ROOT, body.to_string().as_bytes())
}

/// The calls of a publish, until one is refused.
fn publish(isolate: &Isolate, files: &SiteFiles) -> bool {
    let built = files.build();
    let blobs: Vec<u8> = files.blobs(&built).iter().flat_map(|bytes| frame(bytes)).collect();
    let commit = format!("/sites/www/deployments/{}", built.id);
    isolate.call("POST", "/sites/www/blobs", ROOT, &blobs).status < 300
        && isolate.call("PUT", &commit, ROOT, &built.root).status < 300
        && activate(isolate, "production", &built.id, None).status < 300
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn killed_before_or_after_any_store_operation_it_changes_all_or_nothing() {
    let world = World::new();
    world.isolate().publish("www", "production", &version("v1"));
    let (v1, start) = (snapshot(&world.isolate()), world.store());
    world.isolate().publish("www", "production", &version("v2"));
    let v2 = snapshot(&world.isolate());
    let mut at = 0;
    let mut changed = 0;
    loop {
        let mut reached = false;
        for after in [false, true] {
            world.set_store(start.clone());
            world.empty_edge();
            let (count, killed) = (Cell::new(0), Rc::new(Cell::new(false)));
            let told = killed.clone();
            world.plan(move |op| {
                // Whoever is killed does nothing any more.
                let is_store = op.name.starts_with("store");
                count.set(count.get() + u32::from(is_store));
                match count.get() {
                    n if n == at + 1 && is_store && !told.replace(true) && after => {
                        Fate::FailsAfter
                    }
                    n if n > at => Fate::Fails,
                    _ => Fate::Done,
                }
            });
            let done = publish(&world.isolate(), &version("v2"));
            world.cut_behind();
            world.heal();
            reached |= killed.get();
            let served = snapshot(&world.isolate());
            assert!(served == v1 || served == v2, "a mixture after {at}, {after}");
            assert!(!done || served == v2, "told that it was done: {at}, {after}");
            changed += u32::from(served == v2);
            assert!(publish(&world.isolate(), &version("v2")), "a second run completes it");
            assert_eq!(snapshot(&world.isolate()), v2);
        }
        if !reached {
            break;
        }
        at += 1;
    }
    assert!(at > 10, "{at} operations");
    assert!(changed >= 2, "the last ones change what is served");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_rollback_restores_status_headers_and_bytes_of_every_path() {
    for vars in [vec![], vec![("STORE", "kv")]] {
        let world = World::with(&vars);
        let isolate = world.isolate();
        isolate.publish("www", "production", &version("v1"));
        let v1 = snapshot(&isolate);
        isolate.publish("www", "production", &version("v2"));
        let v2 = snapshot(&isolate);
        assert_ne!(v1, v2);
        assert_eq!(v2[3].text(), "v1", "an old fingerprinted file goes on working");
        assert_eq!(isolate.get(HOST, "/app.77aa91bc.js").text(), "v2");
        let rolled = isolate.call("POST", "/sites/www/stages/production/rollback", ROOT, b"");
        assert_eq!((rolled.status, json(&rolled)["seq"].as_u64()), (200, Some(3)));
        assert_eq!(snapshot(&isolate), v1);
        assert_eq!(isolate.get(HOST, "/app.77aa91bc.js").text(), "v2", "set aside, not lost");
        let again = isolate.call("POST", "/sites/www/stages/production/rollback", ROOT, b"{}");
        assert_eq!(json(&again)["error"]["code"], "nothing-to-roll-back");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn of_two_deployers_one_wins_and_the_other_is_told() {
    let world = World::new();
    let isolate = world.isolate();
    let v0 = isolate.publish("www", "production", &version("v0"));
    let (one, two) = (version("v1"), version("v2"));
    let ids = [one.build().id, two.build().id];
    isolate.upload("www", &one, &one.build());
    isolate.upload("www", &two, &two.build());
    assert_eq!(activate(&isolate, "production", &ids[0], Some(1)).status, 200);
    let lost = activate(&isolate, "production", &ids[1], Some(1));
    assert_eq!(lost.status, 409);
    let error = &json(&lost)["error"];
    assert_eq!(error["code"], "lost-race");
    assert_eq!(error["winner"]["deployment"], ids[0].as_str());
    assert_eq!(error["winner"]["by"], "root");
    assert_eq!(activate(&isolate, "production", &ids[0], Some(1)).status, 200, "again: it is live");
    assert_eq!(activate(&isolate, "production", &v0, Some(0)).status, 409, "must not exist");
    assert_eq!(activate(&isolate, "production", &ids[1], None).status, 200);
    assert_eq!(activate(&isolate, "next", &ids[1], Some(0)).status, 200, "a new stage");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_swap_that_is_lost_between_reading_and_writing_is_lost() {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("www", "production", &version("v0"));
    let (one, two) = (version("v1"), version("v2"));
    isolate.upload("www", &one, &one.build());
    isolate.upload("www", &two, &two.build());
    // Another deployer's write comes right before ours.
    let (id, rival) = (two.build().id, world.isolate());
    let raced = Rc::new(Cell::new(false));
    let started = raced.clone();
    let one_id = one.build().id;
    world.plan(move |op| {
        if op.name == "store write" && op.key == "live/www/production" && !started.replace(true) {
            return Fate::Fails;
        }
        Fate::Done
    });
    // The write failed without having happened: reading back says so, and nothing is claimed.
    let answer = activate(&isolate, "production", &one_id, Some(1));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(raced.get());
    world.heal();
    assert_eq!(activate(&rival, "production", &id, Some(1)).status, 200);
    assert_eq!(activate(&isolate, "production", &one_id, Some(1)).status, 409);
    // A write that happened though it failed is a success.
    world.plan(|op| match (op.name, op.key.as_str()) {
        ("store write", "live/www/production") => Fate::FailsAfter,
        _ => Fate::Done,
    });
    assert_eq!(activate(&isolate, "production", &one_id, Some(2)).status, 200);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn what_is_wrong_with_an_upload_is_said_and_stores_nothing() {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("www", "production", &version("v1"));
    let before = world.store();
    let built = version("v2").build();
    let commit = format!("/sites/www/deployments/{}", built.id);
    let mut lying = frame(b"bytes");
    lying[40] ^= 1;
    let hash = "0".repeat(64);
    let many = frame(b"").repeat(257);
    let deep = "[".repeat(100_000);
    let rows: &[(&str, &str, &[u8], u16, &str)] = &[
        ("POST", "/sites/www/blobs", &lying, 422, "hash-mismatch"),
        ("POST", "/sites/www/blobs", &frame(b"cut off")[..40], 422, "invalid"),
        ("POST", "/sites/www/blobs", b"x", 422, "invalid"),
        ("POST", "/sites/www/blobs", &many, 422, "invalid"),
        ("POST", "/sites/www/blobs", &vec![0; 8 * 1024 * 1024 + 1], 413, "too-large"),
        ("PUT", &format!("/sites/www/blobs/{hash}"), b"other", 422, "hash-mismatch"),
        ("PUT", "/sites/www/blobs/ABC", b"", 400, "bad-request"),
        ("GET", &format!("/sites/www/blobs/{hash}"), b"", 404, "not-found"),
        ("PUT", &commit, &built.root, 409, "missing-blobs"),
        ("PUT", &commit, b"SVM2", 422, "invalid"),
        ("PUT", &commit, deep.as_bytes(), 422, "invalid"),
        ("PUT", &commit, &vec![b'x'; 2 * 1024 * 1024 + 1], 413, "too-large"),
        ("PUT", "/sites/www/deployments/d", b"", 400, "bad-request"),
        ("POST", "/sites/www/blobs/missing", b"{\"prefix\":\"zz\",\"hashes\":[]}", 422, "invalid"),
        ("POST", "/sites/www/blobs/missing", deep.as_bytes(), 400, "bad-request"),
        ("POST", "/sites/www/stages/production/activate", b"{}", 400, "bad-request"),
        ("POST", "/sites/www/stages/fresh/activate", b"{}", 400, "bad-request"),
        (
            "POST",
            "/sites/www/promote",
            b"{\"from\":\"no\",\"to\":\"production\"}",
            404,
            "not-found",
        ),
        ("POST", "/sites/nosuch/promote", b"{\"from\":\"a\",\"to\":\"b\"}", 404, "not-found"),
        ("PUT", "/sites/a--b", b"", 400, "bad-request"),
        ("PUT", "/sites/www/hosts/x.cdn.test", b"", 422, "invalid"),
        ("DELETE", "/sites/www/hosts/x.example", b"", 404, "not-found"),
        ("DELETE", "/sites/www/tokens/none", b"", 404, "not-found"),
        ("POST", "/sites/www/tokens", b"{\"name\":\"\",\"scopes\":[\"read\"]}", 422, "invalid"),
        ("POST", "/sites/www/tokens", b"{\"name\":\"x\",\"scopes\":[]}", 422, "invalid"),
        (
            "POST",
            "/sites/www/tokens",
            b"{\"name\":\"x\",\"scopes\":[\"root\"]}",
            400,
            "bad-request",
        ),
        ("PATCH", "/sites/www/blobs", b"", 405, "method-not-allowed"),
        ("GET", "/nothing", b"", 404, "not-found"),
    ];
    for (method, path, body, status, code) in rows {
        let answer = isolate.call(method, path, ROOT, body);
        assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text());
        let error = &json(&answer)["error"];
        assert_eq!(error["code"], *code, "{method} {path}");
        let told = |name: &str| error[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(told("message") && told("hint"), "{method} {path}: {error}");
        assert_eq!(answer.value("cache-control"), Some("no-store"));
        assert_eq!(world.store(), before, "{method} {path} stores nothing");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn what_is_missing_is_named_and_nothing_else() {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("www", "production", &version("v1"));
    isolate.publish("other", "production", &version("v2"));
    let question = |files: &SiteFiles| {
        let hashes = files.files.values().map(|b| selvedge::site::ids::ContentHash::of(b).hex());
        let hashes: Vec<String> = hashes.collect();
        let body = serde_json::json!({ "prefix": "", "hashes": hashes }).to_string();
        let answer = isolate.call("POST", "/sites/www/blobs/missing", ROOT, body.as_bytes());
        json(&answer)["missing"].as_array().unwrap().len()
    };
    assert_eq!(question(&version("v1")), 0);
    assert_eq!(question(&version("v2")), 4, "what another site has is not there for this one");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn hosts_are_mapped_to_stages_and_belong_to_one_site() {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("www", "production", &version("v1"));
    isolate.publish("www", "staging", &version("v2"));
    isolate.publish("other", "production", &version("v3"));
    let map = |site: &str, stage: &str| {
        let body = format!("{{\"stage\":\"{stage}\"}}");
        isolate.call("PUT", &format!("/sites/{site}/hosts/Shop.Example"), ROOT, body.as_bytes())
    };
    assert_eq!(isolate.get("shop.example", "/").status, 421);
    assert_eq!(map("www", "staging").status, 200);
    let answer = isolate.get("shop.example", "/");
    assert_eq!((answer.text().as_str(), answer.value("x-robots-tag")), ("v2 /", Some("noindex")));
    assert_eq!(map("www", "production").status, 200);
    assert_eq!(isolate.get("SHOP.example.", "/").text(), "v1 /");
    let taken = map("other", "production");
    assert_eq!((taken.status, json(&taken)["error"]["code"].as_str()), (409, Some("exists")));
    let removed = isolate.call("DELETE", "/sites/www/hosts/shop.example", ROOT, b"");
    assert_eq!(removed.status, 200);
    assert_eq!(isolate.get("shop.example", "/").status, 421);
    assert_eq!(map("other", "production").status, 200);
    assert_eq!(isolate.get("shop.example", "/").text(), "v3 /");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_deployment_has_an_address_of_its_own_for_ever() {
    let world = World::new();
    let isolate = world.isolate();
    let v1 = isolate.publish("www", "production", &version("v1"));
    isolate.publish("www", "production", &version("v2"));
    let host = format!("{v1}--www.cdn.test");
    let answer = isolate.get(&host, "/");
    assert_eq!(answer.text(), "v1 /");
    assert_eq!(answer.value("x-robots-tag"), Some("noindex"));
    assert_eq!(isolate.get(&format!("{v1}--other.cdn.test"), "/").status, 421);
    let secure = isolate.ask(&Ask::get(&host, "/").over_https());
    assert_eq!(secure.value("strict-transport-security"), Some("max-age=31536000"));
}
