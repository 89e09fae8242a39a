//! Publishing, killed and raced at every step: what is served is one whole deployment.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::json;

use selvedge::ports::Fault;
use selvedge::site::ids::ContentHash;

use super::support::folder::{Built, Folder, frame, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, ROOT_TOKEN, Trouble, World};

const PATHS: [&str; 5] = ["/", "/page", "/only-1", "/only-2", "/old"];

fn version(n: u32) -> Folder {
    Folder::new(&[
        ("/index.html", &format!("v{n}")),
        ("/page.html", &format!("page v{n}")),
        (&format!("/only-{n}.html"), "only here"),
        ("/404.html", &format!("not in v{n}")),
    ])
    .redirects_file(&format!("/old /v{n}"))
    .headers_file(&format!("/*\n  X-Version: {n}"))
}

/// What a cold isolate far away is served.
fn served(world: &World) -> Vec<Response> {
    let isolate = Isolate::new(world);
    PATHS.iter().map(|path| isolate.get("www.cdn.test", path).lasting()).collect()
}

/// Sends calls until one is refused; whether all were taken.
fn send_all(calls: Vec<Request>) -> bool {
    calls.into_iter().all(|call| call.send().status < 300)
}

struct Versions {
    world: World,
    second: Built,
    first_served: Vec<Response>,
    second_served: Vec<Response>,
}

fn versions(vars: &[(&str, &str)]) -> Versions {
    let world = World::with_vars(vars);
    publish(&world, "www", "production", &version(1));
    let first_served = served(&world);
    let snapshot = world.snapshot();
    let second = publish(&world, "www", "production", &version(2));
    let second_served = served(&world);
    world.restore(&snapshot);
    Versions { world, second, first_served, second_served }
}

#[test]
fn a_publisher_that_dies_before_any_call_changes_nothing() {
    for store in ["r2", "kv"] {
        let of = versions(&[("STORE", store)]);
        let before = of.world.snapshot();
        let count = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1)).len();
        for killed_at in 0..count {
            of.world.restore(&before);
            let calls = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1));
            assert!(send_all(calls.into_iter().take(killed_at).collect()));
            assert_eq!(served(&of.world), of.first_served, "{store}, before call {killed_at}");
            let calls = of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1));
            assert!(send_all(calls), "{store}, again after {killed_at}");
            assert_eq!(served(&of.world), of.second_served, "{store}, again after {killed_at}");
        }
    }
}

#[test]
fn trouble_at_every_store_operation() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Before(Fault::Busy),
        Trouble::After(Fault::Busy),
        Trouble::Hang,
        Trouble::HangAfter,
    ];
    for store in ["r2", "kv"] {
        let of = versions(&[("STORE", store)]);
        let before = of.world.snapshot();
        let calls = |from: &Isolate| of.second.calls(from, "www", "production", Some(1));
        of.world.take_log();
        assert!(send_all(calls(&Isolate::new(&of.world))));
        let operations = of.world.store_ops();
        assert!(operations > 10, "{operations}");
        for trouble in troubles {
            for at in 0..operations {
                let shown = format!("{store}, {trouble:?} at {at}");
                of.world.restore(&before);
                of.world.trouble_at(None, "", at, 1, trouble);
                let done = send_all(calls(&Isolate::new(&of.world)));
                of.world.heal();
                let found = served(&of.world);
                let whole = found == of.first_served || found == of.second_served;
                assert!(whole, "{shown}: mixed");
                assert!(!done || found == of.second_served, "{shown}: said that it was done");
                // Run again: a change whose outcome was unknown is found to be there.
                assert!(send_all(calls(&Isolate::new(&of.world))), "{shown}: again");
                assert_eq!(served(&of.world), of.second_served, "{shown}: again");
            }
        }
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let of = versions(&[]);
    let before = of.world.snapshot();
    for killed_at in 0..60 {
        of.world.restore(&before);
        let mut left = killed_at;
        for call in of.second.calls(&Isolate::new(&of.world), "www", "production", Some(1)) {
            let mut future = Box::pin(call.future());
            let mut ended = false;
            while left > 0 && !ended {
                ended = of.world.step(future.as_mut(), 1).is_ready();
                left -= 1;
            }
            if !ended {
                break;
            }
        }
        of.world.cut_behind();
        let found = served(&of.world);
        let whole = found == of.first_served || found == of.second_served;
        assert!(whole, "killed after {killed_at}");
    }
}

/// Two calls, their operations interleaved as the bits of a number say.
pub fn race(world: &World, one: Request, other: Request, schedule: u32) -> [Response; 2] {
    let (mut one, mut other) = (Box::pin(one.future()), Box::pin(other.future()));
    let mut replies = [None, None];
    for bit in 0..16 {
        let turn = (schedule >> bit & 1) as usize;
        if replies[turn].is_some() {
            continue;
        }
        let future = if turn == 0 { one.as_mut() } else { other.as_mut() };
        if let Poll::Ready(reply) = world.step(future, 1) {
            replies[turn] = Some(reply);
        }
    }
    let [first, second] = replies;
    let first = first.or_else(|| world.run(one)).unwrap();
    let second = second.or_else(|| world.run(other)).unwrap();
    world.cut_behind();
    [Response::of(first), Response::of(second)]
}

#[test]
fn two_deployers_in_every_order() {
    for store in ["r2", "kv"] {
        let world = World::with_vars(&[("STORE", store)]);
        publish(&world, "www", "production", &version(1));
        let rivals = [2, 3].map(|n| version(n).build());
        for rival in &rivals {
            rival.commit(&Isolate::new(&world), "www");
        }
        let before = world.snapshot();
        for expected in [Some(1), None] {
            for schedule in (0..1 << 10).map(|bits| bits | 0xa800) {
                world.restore(&before);
                let activate = |rival: &Built| {
                    rival.calls(&Isolate::new(&world), "www", "production", expected).pop().unwrap()
                };
                let answers = race(&world, activate(&rivals[0]), activate(&rivals[1]), schedule);
                check_race(&world, store, expected, &rivals, &answers, schedule);
            }
        }
    }
}

#[track_caller]
fn check_race(
    world: &World,
    store: &str,
    expected: Option<u64>,
    rivals: &[Built; 2],
    answers: &[Response; 2],
    schedule: u32,
) {
    let shown = format!("{store}, {expected:?}, {schedule:b}: {answers:?}");
    let live = Isolate::new(world).admin("GET", "/sites/www/stages/production", b"").json();
    let winner = rivals.iter().position(|rival| live["deployment"] == rival.id.as_str());
    let winner = winner.unwrap_or_else(|| panic!("neither is live: {shown}"));
    assert_eq!(answers[winner].status, 200, "the winner was told otherwise: {shown}");
    let loser = &answers[1 - winner];
    match (store, expected) {
        ("r2", Some(_)) => {
            assert_eq!((loser.status, loser.code().as_str()), (409, "lost-race"), "{shown}");
            let named = &loser.json()["error"]["winner"]["deployment"];
            assert_eq!(*named, rivals[winner].id.as_str(), "{shown}");
            assert_eq!(live["seq"], 2, "{shown}");
        }
        ("r2", None) => {
            assert_eq!((loser.status, live["seq"].as_u64()), (200, Some(3)), "{shown}");
        }
        // KV can't prevent a lost race: both may have been told that they won.
        _ => assert!([200, 409].contains(&loser.status), "{shown}"),
    }
}

#[test]
fn a_late_deployer_is_told_who_won() {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    let second = publish(&world, "www", "production", &version(2));
    let third = version(3).build();
    let from = Isolate::new(&world);
    third.commit(&from, "www");
    let refused = third.activate(&from, "www", "production", Some(1));
    assert_eq!((refused.status, refused.code().as_str()), (409, "lost-race"));
    let winner = &refused.json()["error"]["winner"];
    assert_eq!(
        (winner["deployment"].as_str(), &winner["seq"]),
        (Some(second.id.as_str()), &json!(2))
    );
    let absent = third.activate(&from, "www", "production", Some(0));
    assert_eq!(absent.status, 409, "0 is for what was never deployed");
    assert_eq!(third.activate(&from, "www", "production", Some(2)).status, 200);
    let again = third.activate(&from, "www", "production", Some(2));
    assert_eq!((again.status, &again.json()["changed"]), (200, &json!(false)), "idempotent");
}

#[test]
fn a_rollback_restores_every_answer() {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    let before = served(&world);
    publish(&world, "www", "production", &version(2));
    assert_ne!(served(&world), before);
    let from = Isolate::new(&world);
    let call = "/sites/www/stages/production/rollback";
    let back = from.admin("POST", call, b"{}");
    assert_eq!((back.status, &back.json()["seq"]), (200, &json!(3)), "a higher number");
    assert_eq!(served(&world), before);
    let nothing = from.admin("POST", call, b"{}");
    assert_eq!((nothing.status, nothing.code().as_str()), (409, "nothing-to-roll-back"));
}

#[test]
fn a_promotion_serves_what_the_other_stage_serves() {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    publish(&world, "www", "sandbox", &version(2));
    let body = json!({ "from": "sandbox", "to": "production" }).to_string();
    let from = Isolate::new(&world);
    assert_eq!(from.admin("POST", "/sites/www/promote", body.as_bytes()).status, 200);
    assert_eq!(served(&world)[0].text(), "v2");
    assert_eq!(served(&world)[0].field("cache-control").split(',').next(), Some("public"));
}

#[test]
fn a_store_that_does_not_say_is_asked_what_became_of_it() {
    for store in ["r2", "kv"] {
        for trouble in [Trouble::After(Fault::Failed), Trouble::HangAfter] {
            let of = versions(&[("STORE", store)]);
            let from = Isolate::new(&of.world);
            of.second.commit(&from, "www");
            of.world.trouble_at(Op::Write, "live/", 0, 1, trouble);
            let response = of.second.activate(&from, "www", "production", Some(1));
            assert_eq!(response.status, 200, "{store} {trouble:?}: {response:?}");
            of.world.heal();
            assert_eq!(served(&of.world), of.second_served);
        }
        for (fault, code) in [(Fault::Failed, "not-stored"), (Fault::Busy, "unavailable")] {
            let trouble = Trouble::Before(fault);
            let of = versions(&[("STORE", store)]);
            let from = Isolate::new(&of.world);
            of.second.commit(&from, "www");
            of.world.trouble(Op::Write, "live/", trouble);
            let response = of.second.activate(&from, "www", "production", Some(1));
            assert_eq!((response.status, response.code().as_str()), (503, code));
            of.world.heal();
            assert_eq!(served(&of.world), of.first_served);
        }
    }
}

/// A token of a site with scopes, as its text.
pub fn token(world: &World, site: &str, scopes: &[&str], expires_secs: Option<u64>) -> String {
    let call = format!("/sites/{site}/tokens");
    let body = json!({ "name": "test", "scopes": scopes, "expires_secs": expires_secs });
    let made = Isolate::new(world).admin("POST", &call, body.to_string().as_bytes());
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}

/// A lifetime of 0 makes something that never opens anything; it is refused, and nothing is stored.
#[test]
fn tokens_and_keys_live_for_a_second_at_least() {
    let world = World::new();
    publish(&world, "aa", "production", &version(1));
    for call in ["/sites/aa/tokens", "/sites/aa/keys"] {
        for (secs, status) in [(0, 422), (1, 201)] {
            let before = world.snapshot();
            let body = json!({ "name": "ci", "scopes": ["read"], "expires_secs": secs });
            let made = Isolate::new(&world).admin("POST", call, body.to_string().as_bytes());
            assert_eq!(made.status, status, "{call} {secs}: {made:?}");
            if status == 422 {
                assert_eq!(made.code(), "invalid");
                let error = &made.json()["error"];
                assert_eq!(error["message"], "`expires_secs` must be at least 1");
                assert!(error["hint"].as_str().unwrap().contains("leave it out"), "{error}");
                assert!(world.snapshot() == before, "{call}");
            }
        }
    }
}

#[test]
fn tokens_by_scope_and_site() {
    let world = World::new();
    let built = publish(&world, "aa", "production", &version(1));
    publish(&world, "bb", "production", &version(2));
    let id = built.id.as_str();
    let hash = built.blobs.keys().next().unwrap().hex();
    let activation = json!({ "deployment": id }).to_string();
    let deployment = format!("deployments/{id}");
    let blob = format!("blobs/{hash}");
    let any = ["publish", "purge", "write", "read"];
    // Method, call below the site, body, and the scopes that open it; none is the root token only.
    let calls: &[(&str, &str, &str, &[&str])] = &[
        ("GET", "", "", &["publish", "read"]),
        ("GET", "/deployments", "", &["publish", "read"]),
        ("GET", &format!("/{deployment}"), "", &["publish", "read"]),
        ("GET", "/stages/production", "", &["publish", "read"]),
        ("POST", "/blobs/missing", r#"{"prefix":"","hashes":[]}"#, &["publish"]),
        ("POST", "/blobs", "", &["publish"]),
        ("GET", &format!("/{blob}"), "", &["publish"]),
        ("POST", "/stages/production/activate", &activation, &["publish"]),
        ("POST", "/promote", r#"{"from":"production","to":"copy"}"#, &["publish"]),
        ("POST", "/purge", r#"{"all":true}"#, &["purge"]),
        ("GET", "/keys", "", &["publish"]),
        ("POST", "/keys", r#"{"name":"x"}"#, &["publish"]),
        ("PUT", "", "", &[]),
        ("GET", "/tokens", "", &[]),
        ("POST", "/tokens", r#"{"name":"x","scopes":["read"]}"#, &[]),
        ("DELETE", "/tokens/none", "", &[]),
        ("GET", "/hosts", "", &[]),
        ("PUT", "/hosts/www.example.com", "{}", &[]),
    ];
    for scope in any {
        let of_aa = token(&world, "aa", &[scope], None);
        for (method, call, body, opened_by) in calls {
            for site in ["aa", "bb", "nn"] {
                let path = format!("/sites/{site}{call}");
                let ask = Isolate::new(&world).admin_call(method, &path, body.as_bytes());
                let response = ask.token(Some(&of_aa)).send();
                let opens = site == "aa" && opened_by.contains(&scope);
                let shown = format!("{scope} of aa: {method} {path}: {response:?}");
                assert_eq!(response.status == 403, !opens, "{shown}");
                assert_eq!(response.status < 300, opens, "{shown}");
            }
        }
    }
    let sites = Isolate::new(&world).admin_call("GET", "/sites", b"");
    assert_eq!(sites.token(Some(&token(&world, "aa", &any, None))).send().status, 403);
}

#[test]
fn only_the_exact_unexpired_token_changes_anything() {
    let world = World::new();
    publish(&world, "www", "production", &version(1));
    let second = version(2).build();
    second.commit(&Isolate::new(&world), "www");
    let good = token(&world, "www", &["publish"], None);
    let expired = token(&world, "www", &["publish"], Some(60));
    world.pass_ms(60_000);
    let before = world.snapshot();
    let truncated = &good[..good.len() - 1];
    let other_site = good.replacen("slv_www_", "slv_nn_", 1);
    let bad: [Option<&str>; 9] = [
        None,
        Some(""),
        Some(truncated),
        Some(&format!("{good}x")),
        Some(&good.to_uppercase()),
        Some(&expired),
        Some(&other_site),
        Some(&ROOT_TOKEN[1..]),
        Some("slv_www__"),
    ];
    for site in ["www", "nn"] {
        let mut answers = Vec::new();
        for token in bad {
            let calls = second.calls(&Isolate::new(&world), site, "production", None);
            answers.extend(calls.into_iter().map(|call| call.token(token).send()));
        }
        for answer in &answers {
            assert_eq!((answer.status, answer), (401, &answers[0]), "all the same");
        }
    }
    assert_eq!(world.snapshot(), before);
    let call = second.calls(&Isolate::new(&world), "www", "production", None).pop().unwrap();
    assert_eq!(call.token(Some(&good)).send().status, 200);
    let calls = second.calls(&Isolate::new(&world), "www", "production", None).pop().unwrap();
    let twice = calls.header("authorization", &format!("Bearer {ROOT_TOKEN}")).send();
    assert_eq!(twice.status, 401, "two tokens are none");
}

#[test]
fn a_token_is_shown_once_and_can_be_revoked() {
    let world = World::new();
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/www", b"").status, 201);
    assert_eq!(from.admin("PUT", "/sites/www", b"").status, 200, "it was there");
    let text = token(&world, "www", &["read"], None);
    assert!(text.starts_with("slv_www_"), "{text}");
    let listed = from.admin("GET", "/sites/www/tokens", b"");
    assert!(!listed.text().contains(text.rsplit('_').next().unwrap()));
    for bytes in world.snapshot().values() {
        assert!(!String::from_utf8_lossy(bytes).contains(&text), "kept in the clear");
    }
    let id = listed.json()["tokens"][0]["id"].as_str().unwrap().to_owned();
    let read = || from.admin_call("GET", "/sites/www", b"").token(Some(&text)).send().status;
    assert_eq!(read(), 200);
    assert_eq!(from.admin("DELETE", &format!("/sites/www/tokens/{id}"), b"").status, 200);
    assert_eq!(read(), 401);
}

#[test]
fn refusals() {
    let world = World::new();
    let built = publish(&world, "aa", "production", &version(1));
    publish(&world, "bb", "production", &version(1));
    let from = Isolate::new(&world);
    let hosts = "/sites/bb/hosts/www.example.com";
    assert_eq!(from.admin("PUT", hosts, b"{}").status, 200);
    let other = version(2).build();
    let hash = ContentHash::of(b"never stored").hex();
    let deployment = format!("/sites/aa/deployments/{}", other.id);
    let wrong_id = format!("/sites/aa/deployments/{}", built.id);
    let unknown = json!({ "deployment": other.id.as_str() }).to_string();
    let rows: &[(&str, &str, &[u8], u16, &str)] = &[
        ("GET", "/nothing", b"", 404, "not-found"),
        ("POST", "/sites", b"", 405, "method-not-allowed"),
        ("GET", "/sites/nn", b"", 404, "not-found"),
        ("GET", "/sites/x", b"", 400, "bad-request"),
        ("PUT", "/sites/a--b", b"", 400, "bad-request"),
        ("PUT", "/sites/UPPER", b"", 400, "bad-request"),
        ("POST", "/sites/aa/tokens", b"{", 400, "bad-request"),
        ("POST", "/sites/aa/tokens", b"{}", 400, "bad-request"),
        ("POST", "/sites/aa/tokens", br#"{"name":"","scopes":["read"]}"#, 422, "invalid"),
        ("POST", "/sites/aa/tokens", br#"{"name":"x","scopes":[]}"#, 422, "invalid"),
        ("POST", "/sites/aa/tokens", br#"{"name":"x","scopes":["all"]}"#, 400, "bad-request"),
        ("DELETE", "/sites/aa/tokens/none", b"", 404, "not-found"),
        ("PUT", "/sites/aa/hosts/www.example.com", b"{}", 409, "exists"),
        ("PUT", "/sites/aa/hosts/x.cdn.test", b"{}", 422, "invalid"),
        ("PUT", "/sites/aa/hosts/a_b.example.com", b"{}", 422, "invalid"),
        ("DELETE", "/sites/aa/hosts/other.example.com", b"", 404, "not-found"),
        ("POST", "/sites/aa/blobs/missing", br#"{"prefix":"0g","hashes":[]}"#, 422, "invalid"),
        ("POST", "/sites/aa/blobs/missing", br#"{"prefix":"","hashes":["x"]}"#, 400, "bad-request"),
        ("GET", "/sites/aa/blobs/xyz", b"", 400, "bad-request"),
        ("GET", &format!("/sites/aa/blobs/{hash}"), b"", 404, "not-found"),
        ("PUT", &format!("/sites/aa/blobs/{hash}"), b"other bytes", 422, "hash-mismatch"),
        ("PUT", &deployment, b"no manifest", 422, "invalid"),
        ("PUT", &deployment, &other.root, 409, "missing-blobs"),
        ("PUT", &wrong_id, &other.root, 422, "invalid"),
        ("GET", &deployment, b"", 404, "not-found"),
        ("GET", "/sites/aa/stages/none", b"", 404, "not-found"),
        ("GET", "/sites/aa/stages/fresh", b"", 400, "bad-request"),
        ("POST", "/sites/aa/stages/production/activate", unknown.as_bytes(), 404, "not-found"),
        ("POST", "/sites/aa/stages/none/rollback", b"{}", 404, "not-found"),
        ("POST", "/sites/aa/promote", br#"{"from":"none","to":"production"}"#, 404, "not-found"),
        ("POST", "/sites/aa/tokens", &[b' '; 1_100_000], 413, "too-large"),
    ];
    let before = world.snapshot();
    for (method, call, body, status, code) in rows {
        let response = from.admin(method, call, body);
        let found = (response.status, response.code());
        assert_eq!(found, (*status, (*code).to_owned()), "{method} {call}: {response:?}");
        let error = &response.json()["error"];
        for member in ["message", "hint"] {
            assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
        assert_eq!(response.has("allow").is_some(), *status == 405, "{method} {call}");
    }
    assert_eq!(world.snapshot(), before, "a refusal changes nothing");
}

#[test]
fn a_deployment_names_allowed_upstreams_only() {
    let of = |upstream: &str| {
        let action = json!({ "prefix": "/api", "upstream": upstream });
        version(1).configured(&json!({ "actions": [action] }).to_string())
    };
    let list = "https://api.test, http://127.0.0.1:9000 service:AUTH";
    for (list, upstream, is_allowed) in [
        (list, "https://api.test", true),
        (list, "https://API.test:443/", true),
        (list, "http://127.0.0.1:9000", true),
        (list, "service:AUTH", true),
        (list, "http://api.test", false),
        (list, "https://api.test:8443", false),
        (list, "https://api.test.evil.test", false),
        (list, "http://127.0.0.1", false),
        (list, "service:auth", false),
        ("", "https://api.test", false),
    ] {
        let world = World::with_vars(&[("ALLOWED_ORIGINS", list)]);
        let from = Isolate::new(&world);
        let built = of(upstream).build();
        let mut calls = built.calls(&from, "www", "production", None);
        calls.pop();
        let commit = calls.pop().unwrap();
        assert!(send_all(calls));
        let before = world.snapshot();
        let response = commit.send();
        let shown = format!("{upstream} of {list:?}: {response:?}");
        if is_allowed {
            assert_eq!(response.status, 201, "{shown}");
            continue;
        }
        assert_eq!((response.status, &*response.code()), (422, "upstream-not-allowed"), "{shown}");
        let message = response.json()["error"]["message"].to_string();
        assert!(message.contains(upstream), "{shown}");
        assert_eq!(world.snapshot(), before, "nothing is stored: {shown}");
    }
    let world = World::with_vars(&[("ALLOWED_ORIGINS", list)]);
    let told = Isolate::new(&world).admin("GET", "", b"").json()["allowed_origins"].clone();
    assert_eq!(told, json!(["https://api.test", "http://127.0.0.1:9000", "service:AUTH"]));
}

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
