//! Deleting a site: nothing of it is left, and a site of the same name shows nothing of it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::task::Poll;

use serde_json::{Value, json};

use selvedge::ports::Fault;

use super::support::calls::{race, token};
use super::support::folder::{Built, Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::upstream::Answer;
use super::support::world::{Op, Trouble, World};

const SCRIPT: &str = "/assets/app.3f2a91bc.js";
const CONFIG: &str = r#"{
    "actions": [{"prefix": "/api/", "upstream": "https://up.test"}],
    "collections": [{"name": "public", "prefix": "/public/"},
                    {"name": "content", "prefix": "/content/", "fresh": true}]}"#;

fn folder(n: u32) -> Folder {
    Folder::new(&[("/index.html", &format!("v{n}")), ("/about.html", &format!("about v{n}"))])
        .configured(CONFIG)
}

/// A world with a site to delete, and its credentials.
struct Filled {
    world: World,
    old: Built,
    token: String,
    key: String,
}

/// A site `aa` with everything that a site can have, beside a site `aab`.
fn filled(vars: &[(&str, &str)]) -> Filled {
    let vars = [&[("ALLOWED_ORIGINS", "https://up.test")], vars].concat();
    let world = World::with_vars(&vars);
    world.on_fetch(|_, world| {
        Answer::new(200, "cache-control: max-age=600", format!("up{}", world.fetches()))
    });
    publish(&world, "aab", "production", &folder(1));
    let old = publish(&world, "aa", "production", &folder(1).file(SCRIPT, "secret()"));
    publish(&world, "aa", "production", &folder(2));
    publish(&world, "aa", "staging", &folder(3));
    let from = Isolate::new(&world);
    assert_eq!(from.admin("PUT", "/sites/aa/hosts/www.example.com", b"{}").status, 200);
    for name in ["aa", "aab"] {
        for collection in ["public", "content"] {
            let call = format!("/sites/{name}/collections/{collection}/objects/a.txt");
            assert_eq!(from.admin("PUT", &call, b"object of the old site").status, 200);
        }
    }
    let token = token(&world, "aa", &["publish", "read"]);
    let key = from.admin("POST", "/sites/aa/keys", br#"{"name":"k"}"#).json();
    let key = key["key"].as_str().unwrap().to_owned();
    assert_eq!(from.admin("POST", "/sites/aa/takedowns", br#"{"path":"/x"}"#).status, 201);
    world.take_log();
    Filled { world, old, token, key }
}

fn call(from: &Isolate) -> Request {
    from.admin_call("DELETE", "/sites/aa", b"")
}

/// Calls until it is done, waiting as long as each answer says; returns how many calls it took.
#[track_caller]
fn delete(world: &World) -> usize {
    for count in 1..200 {
        let response = call(&Isolate::new(world)).send();
        assert_eq!(response.status, 200, "{}", response.render());
        let answer = response.json();
        if answer["done"] == true {
            return count;
        }
        world.pass_ms(answer["wait_secs"].as_u64().unwrap() * 1_000);
    }
    panic!("it never ends");
}

fn keys_of(world: &World, site: &str) -> Vec<String> {
    let keys = world.keys("").into_iter();
    keys.filter(|key| key.split('/').nth(1) == Some(site) || key.contains("example.com")).collect()
}

/// Addresses of the site, and the status of each now.
fn seen(of: &Filled, isolate: &Isolate) -> [u16; 7] {
    let get = |host: &str, path: &str| {
        let ask = isolate.ask("GET", &format!("https://{host}{path}")).relayed();
        ask.header("x-api-key", &of.key).send_only().status
    };
    let found = [
        get("aa.cdn.test", "/"),
        get("staging--aa.cdn.test", "/about"),
        get(&format!("{}--aa.cdn.test", of.old.id), SCRIPT),
        get("www.example.com", "/"),
        get("fresh--aa.cdn.test", "/content/a.txt"),
        get("aa.cdn.test", "/public/a.txt"),
        get("aa.cdn.test", "/api/x"),
    ];
    isolate.world.cut_behind();
    found
}

const THERE: [u16; 7] = [200; 7];
const GONE: [u16; 7] = [421, 421, 421, 421, 401, 421, 421];

#[test]
fn everything_goes_and_another_site_stays() {
    for store in ["r2", "kv"] {
        let of = filled(&[("STORE", store)]);
        let others = |world: &World| {
            let mut snapshot = world.snapshot();
            snapshot.retain(|key, _| key.split('/').nth(1) == Some("aab"));
            snapshot
        };
        let before = others(&of.world);
        assert!(keys_of(&of.world, "aa").len() > 12);
        assert_eq!(seen(&of, &Isolate::new(&of.world)), THERE);
        delete(&of.world);
        assert_eq!(keys_of(&of.world, "aa"), [""; 0], "{store}");
        assert_eq!(others(&of.world), before, "{store}");
        assert_eq!(seen(&of, &Isolate::new(&of.world)), GONE);
        let from = Isolate::new(&of.world);
        assert_eq!(from.admin("GET", "/sites", b"").json()["sites"], json!(["aab"]));
        assert_eq!(call(&from).send().code(), "not-found");
        assert_eq!(from.get("aab.cdn.test", "/").text(), "v1");
    }
}

#[test]
fn it_is_in_force_within_the_bound() {
    let of = filled(&[]);
    let isolate = Isolate::new(&of.world);
    assert_eq!(seen(&of, &isolate), THERE);
    let since = of.world.now();
    let mut phases = Vec::new();
    for _ in 0..20 {
        let answer = call(&Isolate::new(&of.world)).send().json();
        assert_eq!(answer["effective_within_secs"], 30);
        phases.push(answer["phase"].as_str().unwrap().to_owned());
        if answer["wait_secs"].as_u64() > Some(0) {
            break;
        }
    }
    assert_eq!(phases, ["hosts", "stages", "deployments", "objects", "blobs", "waiting"]);
    assert_eq!(of.world.now(), since, "nothing was waited for");
    of.world.set_now_ms(since.0 + 30_000);
    assert_eq!(seen(&of, &isolate), GONE);
    assert_eq!(seen(&of, &isolate.neighbour()), GONE, "whatever the edge tier still has");
}

/// Once an isolate has seen that it is gone, a store that fails does not bring it back.
#[test]
fn a_store_that_fails_brings_nothing_back() {
    for trouble in [Trouble::Before(Fault::Failed), Trouble::Hang] {
        let of = filled(&[]);
        let isolate = Isolate::new(&of.world);
        assert_eq!(isolate.get("aa.cdn.test", "/").text(), "v2");
        assert_eq!(isolate.neighbour().get("aa.cdn.test", "/").field("age"), "0", "from the edge");
        delete(&of.world);
        assert_eq!(isolate.get("aa.cdn.test", "/").status, 421);
        of.world.trouble(None, "", trouble);
        for isolate in [isolate.clone(), isolate.neighbour()] {
            assert_eq!(isolate.get("aa.cdn.test", "/").status, 503, "{trouble:?}");
        }
    }
}

#[test]
fn nothing_can_be_done_with_a_site_that_is_being_deleted() {
    let of = filled(&[]);
    let from = Isolate::new(&of.world);
    let hash = selvedge::site::ids::ContentHash::of(b"new");
    let frame = super::support::folder::frame(&hash, b"new");
    let built = folder(9).build();
    let committed = format!("/sites/aa/deployments/{}", built.id);
    let named = json!({ "deployment": of.old.id.as_str() }).to_string();
    let rows: [(&str, &str, &[u8]); 15] = [
        ("PUT", "/sites/aa", b""),
        ("POST", "/sites/aa/tokens", br#"{"name":"x","scopes":["read"]}"#),
        ("POST", "/sites/aa/keys", br#"{"name":"x"}"#),
        ("PUT", "/sites/aa/hosts/other.example.com", b"{}"),
        ("POST", "/sites/aa/blobs", &frame),
        ("PUT", &format!("/sites/aa/blobs/{hash}"), b"new"),
        ("POST", "/sites/aa/blobs/missing", br#"{"prefix":"","hashes":[]}"#),
        ("PUT", &committed, &built.root),
        ("POST", "/sites/aa/stages/production/activate", named.as_bytes()),
        ("GET", "/sites/aa/deployments", b""),
        ("DELETE", &format!("/sites/aa/deployments/{}", of.old.id), b""),
        ("POST", "/sites/aa/takedowns", br#"{"path":"/y"}"#),
        ("GET", "/sites/aa/takedowns", b""),
        ("DELETE", "/sites/aa/tokens/none", b""),
        ("DELETE", "/sites/aa/takedowns?path=/x", b""),
    ];
    assert_eq!(call(&from).send().json()["phase"], "hosts");
    let before = of.world.snapshot();
    for (method, path, body) in rows {
        let response = from.admin(method, path, body);
        let found = (response.status, response.code());
        assert_eq!(found, (409, "being-deleted".to_owned()), "{method} {path}");
    }
    for (method, path) in [("GET", "/sites/aa"), ("GET", "/sites/aa/stages/production")] {
        let response = from.admin_call(method, path, b"").token(Some(&of.token)).send();
        assert_eq!(response.status, 401, "{path}: its tokens open nothing");
    }
    assert_eq!(of.world.snapshot(), before, "nothing came to it");
    let shown = from.admin("GET", "/sites/aa", b"").json();
    assert_eq!((shown["deletion"]["by"].as_str(), &shown["tokens"]), (Some("root"), &json!([])));
}

#[test]
fn only_the_operator_and_not_the_default_site_unasked() {
    let of = filled(&[]);
    let from = Isolate::new(&of.world);
    let before = of.world.snapshot();
    assert_eq!(call(&from).token(Some(&of.token)).send().status, 403);
    assert_eq!(call(&from).token(None).send().status, 401);
    assert_eq!(call(&from).token(Some("slv_aa_none_secret")).send().status, 401);
    assert_eq!(from.admin("DELETE", "/sites/nn", b"").code(), "not-found");
    assert_eq!(of.world.snapshot(), before);
    publish(&of.world, "www", "production", &folder(1));
    let refused = from.admin("DELETE", "/sites/www", b"");
    assert_eq!((refused.status, refused.code().as_str()), (409, "default-site"));
    assert_eq!(from.admin("DELETE", "/sites/www?allow_default=yes", b"").status, 409);
    assert_eq!(from.get("cdn.test", "/").text(), "v1");
    let begun = from.admin("DELETE", "/sites/www?allow_default=true", b"");
    assert_eq!(begun.status, 200);
    assert_eq!(from.admin("DELETE", "/sites/www", b"").status, 200, "it goes on without");
}

/// Isolates that served the old site to its last moment, in memory and at the edge.
#[test]
fn a_site_of_the_same_name_shows_nothing_of_the_old_one() {
    for store in ["r2", "kv"] {
        let of = filled(&[("STORE", store)]);
        let world = &of.world;
        // The old site's numbers are higher than the new one's will be for long.
        for n in 10..20 {
            publish(world, "aa", "production", &folder(n));
        }
        let warm = Isolate::new(world);
        let texts = |isolate: &Isolate| -> Vec<(u16, String)> {
            ["/", "/about", "/public/a.txt", "/content/a.txt", "/api/x", SCRIPT]
                .iter()
                .map(|path| {
                    let ask = isolate.ask("GET", &format!("https://aa.cdn.test{path}"));
                    let response = ask.relayed().send();
                    (response.status, response.text().to_owned())
                })
                .collect()
        };
        let before = texts(&warm);
        assert_eq!(before[0], (200, "v19".to_owned()));
        assert!(before[..5].iter().all(|(status, _)| *status == 200), "{before:?}");
        let fetches = world.fetches();
        assert_eq!(texts(&warm)[4].1, before[4].1, "the action's response is stored");
        delete(world);
        publish(world, "aa", "production", &folder(100));
        for isolate in [warm.clone(), warm.neighbour(), Isolate::new(world)] {
            let found = texts(&isolate);
            assert_eq!(found[0], (200, "v100".to_owned()), "{store}");
            assert_eq!(found[1], (200, "about v100".to_owned()), "{store}");
            assert_eq!((found[2].0, found[3].0, found[5].0), (404, 404, 404), "{store}");
            assert!(found[4].0 == 200 && found[4].1 != before[4].1, "{store}: {found:?}");
            let address = format!("{}--aa.cdn.test", of.old.id);
            assert_eq!(isolate.get(&address, SCRIPT).status, 421, "{store}");
            assert_eq!(isolate.get("staging--aa.cdn.test", "/").status, 421, "{store}");
            assert_eq!(isolate.get("www.example.com", "/").status, 421, "{store}");
            let key = isolate.ask("GET", "https://fresh--aa.cdn.test/content/a.txt");
            assert_eq!(key.header("x-api-key", &of.key).send().status, 401, "{store}");
        }
        assert!(world.fetches() > fetches);
        let from = Isolate::new(world);
        let live = from.admin("GET", "/sites/aa/stages/production", b"").json();
        assert_eq!((&live["seq"], &live["retained"]), (&json!(1), &json!([])));
        let token = from.admin_call("GET", "/sites/aa", b"").token(Some(&of.token)).send();
        assert_eq!(token.status, 401, "{store}");
        // The very same content is a deployment of the new site, at the same address.
        publish(world, "aa", "production", &folder(1).file(SCRIPT, "secret()"));
        let address = format!("{}--aa.cdn.test", of.old.id);
        assert_eq!(warm.get(&address, SCRIPT).text(), "secret()");
    }
}

/// An isolate that can't reach the store goes on with what it has, stores what it fetches, and must
/// not hand that to the new site.
#[test]
fn what_the_old_site_stores_late_is_not_found_by_the_new_one() {
    let of = filled(&[]);
    let world = &of.world;
    let late = Isolate::new(world);
    let api = |isolate: &Isolate| {
        isolate.ask("GET", "https://aa.cdn.test/api/x").relayed().send().text().to_owned()
    };
    api(&late);
    delete(world);
    publish(world, "aa", "production", &folder(100));
    world.pass_ms(60_000);
    world.trouble(Op::Read, "live/", Trouble::Before(Fault::Failed));
    late.admin("POST", "/none", b"");
    let stored = {
        let ask = late.ask("GET", "https://aa.cdn.test/api/y").relayed().send();
        (ask.status, ask.text().to_owned())
    };
    assert_eq!(stored.0, 200, "it served the old site: the store failed");
    world.heal();
    world.pass_ms(3_000);
    for isolate in [late.clone(), late.neighbour()] {
        let found = isolate.ask("GET", "https://aa.cdn.test/api/y").relayed().send();
        assert_eq!(found.status, 200);
        assert_ne!(found.text(), stored.1);
    }
}

#[test]
fn trouble_at_every_operation_and_once_more() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Before(Fault::Busy),
        Trouble::After(Fault::Busy),
        Trouble::HangAfter,
    ];
    for store in ["r2", "kv"] {
        let of = filled(&[("STORE", store)]);
        let (world, before, start) = (&of.world, of.world.snapshot(), of.world.now());
        delete(world);
        let operations = world.store_ops();
        assert!(operations > 30, "{operations}");
        for trouble in troubles {
            for at in 0..operations {
                world.restore(&before);
                world.set_now_ms(start.0);
                world.trouble_at(None, "", at, 1, trouble);
                let mut last = Value::Null;
                for _ in 0..30 {
                    let response = call(&Isolate::new(world)).send();
                    if response.status != 200 {
                        // A record whose deletion did not answer may be gone already.
                        assert!(matches!(response.status, 404 | 503), "{}", response.render());
                        if response.status == 404 {
                            break;
                        }
                        continue;
                    }
                    last = response.json();
                    if last["done"] == true {
                        break;
                    }
                    world.pass_ms(last["wait_secs"].as_u64().unwrap() * 1_000);
                }
                world.heal();
                let shown = format!("{store}, {trouble:?} at {at}: {last}");
                assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
                assert!(!keys_of(world, "aab").is_empty(), "{shown}");
            }
        }
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let of = filled(&[]);
    let (world, before) = (&of.world, of.world.snapshot());
    for calls_before in 0..6 {
        for killed_at in 0..14 {
            world.restore(&before);
            for _ in 0..calls_before {
                call(&Isolate::new(world)).send();
            }
            let mut future = Box::pin(call(&Isolate::new(world)).future());
            let _: Poll<_> = world.step(future.as_mut(), killed_at);
            drop(future);
            world.cut_behind();
            delete(world);
            assert_eq!(keys_of(world, "aa"), [""; 0], "after {calls_before} and {killed_at}");
        }
    }
}

#[test]
fn a_publish_at_the_same_time_leaves_nothing_behind() {
    let of = filled(&[]);
    let (world, before) = (&of.world, of.world.snapshot());
    let late = folder(7).build();
    late.commit(&Isolate::new(world), "aa");
    let committed = world.snapshot();
    assert_ne!(before, committed);
    for calls_before in 0..4 {
        for schedule in 0..1 << 12 {
            if schedule % 5 != 0 {
                continue;
            }
            world.restore(&committed);
            for _ in 0..calls_before {
                call(&Isolate::new(world)).send();
            }
            let from = Isolate::new(world);
            let activate = late.calls(&from, "aa", "pr-7", None).pop().unwrap();
            let [deleted, activated] = race(world, call(&from), activate, schedule);
            let shown = format!("{calls_before}, {schedule:b}: {deleted:?} {activated:?}");
            assert_eq!(deleted.status, 200, "{shown}");
            assert!(matches!(activated.status, 200 | 404 | 409), "{shown}");
            delete(world);
            assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
        }
    }
}

#[test]
fn a_hostname_added_at_the_same_time_is_not_left_behind() {
    let of = filled(&[]);
    let (world, before) = (&of.world, of.world.snapshot());
    let mut outcomes = [0_usize; 2];
    for schedule in (0..1 << 10).step_by(3) {
        world.restore(&before);
        let from = Isolate::new(world);
        let add = from.admin_call("PUT", "/sites/aa/hosts/late.example.com", b"{}");
        let [deleted, added] = race(world, call(&from), add, schedule);
        let shown = format!("{schedule:b}: {deleted:?} {added:?}");
        assert_eq!(deleted.status, 200, "{shown}");
        assert!(matches!(added.status, 200 | 409), "{shown}");
        outcomes[usize::from(added.status == 200)] += 1;
        delete(world);
        assert_eq!(keys_of(world, "aa"), [""; 0], "{shown}");
        assert_eq!(from.get("late.example.com", "/").status, 421, "{shown}");
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}

#[test]
fn an_activation_that_comes_too_late_takes_itself_back() {
    let of = filled(&[]);
    let (world, before, start) = (&of.world, of.world.snapshot(), of.world.now());
    let late = folder(7).build();
    late.commit(&Isolate::new(world), "aa");
    let committed = world.snapshot();
    assert_ne!(before, committed);
    let mut refused = 0;
    for operations in 0..8 {
        world.restore(&committed);
        world.set_now_ms(start.0);
        let from = Isolate::new(world);
        let activate = late.calls(&from, "aa", "pr-7", None).pop().unwrap();
        let mut future = Box::pin(activate.future());
        let begun = world.step(future.as_mut(), operations);
        // The whole deletion, while the activation pauses.
        delete(world);
        let response = match begun {
            Poll::Ready(reply) => Response::of(reply),
            Poll::Pending => Response::of(world.run(future).unwrap()),
        };
        world.settle();
        refused += usize::from(response.status != 200);
        assert_eq!(keys_of(world, "aa"), [""; 0], "{operations}: {response:?}");
        let cold = Isolate::new(world);
        assert_eq!(cold.get("pr-7--aa.cdn.test", "/").status, 421, "{operations}");
        assert_eq!(from.get("pr-7--aa.cdn.test", "/").status, 421, "{operations}");
    }
    assert!(refused > 2, "{refused}");
}
