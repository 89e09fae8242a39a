//! Writing or deleting an object invalidates its edge copies: within the bound of a purge, whatever
//! happens at the same time, and without giving up more than was written.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::{Value, json};

use selvedge::ports::Fault;
use selvedge::site::ids::{SiteName, StageName};
use selvedge::site::records::ban::{BanScope, CLOCK_SKEW_MS, OBJECT_BANS_MAX};
use selvedge::site::records::live::LiveRecord;

use super::support::calls::token;
use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, START_MS, Trouble, World};

const CONFIG: &str = r#"{"stages":{"copy":{"kind":"permanent"}},"collections":[
    {"name":"public","prefix":"/public/"},{"name":"other","prefix":"/other/"}
]}"#;

/// A site on two permanent stages and a sandbox.
fn world_on(store: &str) -> World {
    let world = World::with_vars(&[("STORE", store)]);
    let folder = Folder::new(&[("/index.html", "www")]).configured(CONFIG);
    for stage in ["production", "copy", "sandbox"] {
        publish(&world, "www", stage, &folder);
    }
    world
}

fn world() -> World {
    world_on("r2")
}

fn call(from: &Isolate, method: &str, place: &str, body: &[u8]) -> Request {
    let (collection, name) = place.split_once('/').unwrap();
    let call = format!("/sites/www/collections/{collection}/objects/{name}");
    from.admin_call(method, &call, body)
}

#[track_caller]
fn put(world: &World, place: &str, body: &str) -> Value {
    let answer = call(&Isolate::new(world), "PUT", place, body.as_bytes()).send();
    assert_eq!(answer.status, 200, "{}", answer.render());
    answer.json()
}

fn ask(from: &Isolate, path: &str) -> Request {
    from.ask("GET", &format!("https://www.cdn.test/{path}"))
}

fn read(from: &Isolate, path: &str) -> Response {
    ask(from, path).send()
}

fn is_hit(response: &Response) -> bool {
    response.field("cache-status").starts_with("selvedge; hit")
}

fn record(world: &World, stage: &str) -> LiveRecord {
    let bytes = world.history(&format!("live/www/{stage}")).last().unwrap().clone();
    let (site, stage) = (SiteName::parse("www").unwrap(), StageName::parse(stage).unwrap());
    LiveRecord::parse(&bytes, &site, &stage).unwrap()
}

/// An isolate that has used these copies since well after they were written: on KV a minute after,
/// up to which the store may show what was there before.
fn with_copies(world: &World, places: &[&str]) -> Isolate {
    let isolate = Isolate::new(world);
    for place in places {
        put(world, place, "v1");
    }
    world.pass_ms(60_000 + CLOCK_SKEW_MS + 1);
    for place in places {
        assert_eq!(read(&isolate, place).text(), "v1");
        assert!(is_hit(&read(&isolate, place)), "{place}");
    }
    isolate
}

fn invalidate(world: &World, collection: &str, body: &Value) -> Response {
    let call = format!("/sites/www/collections/{collection}/invalidate");
    Isolate::new(world).admin("POST", &call, body.to_string().as_bytes())
}

#[test]
fn every_change_is_in_force_within_the_bound() {
    for store in ["r2", "kv"] {
        for change in ["PUT", "DELETE", "parts"] {
            if (store, change) == ("kv", "parts") {
                continue;
            }
            let world = world_on(store);
            let elsewhere = with_copies(&world, &["public/x"]);
            let from = Isolate::new(&world);
            let answer = match change {
                "parts" => {
                    let begun = call(&from, "POST", "public/x?uploads", b"").send().json();
                    let upload = begun["upload"].as_str().unwrap().to_owned();
                    let place = format!("public/x?upload={upload}");
                    let part = call(&from, "PUT", &format!("{place}&part=1"), b"v2").send().json();
                    let body = json!({ "parts": [part] }).to_string();
                    call(&from, "POST", &place, body.as_bytes()).send()
                }
                method => call(&from, method, "public/x", b"v2").send(),
            };
            let shown = format!("{store} {change}: {}", answer.render());
            let (json, bound_secs) = (answer.json(), if store == "kv" { 90 } else { 30 });
            assert_eq!((answer.status, &json["invalidated"]), (200, &json!(true)), "{shown}");
            assert_eq!(json["effective_within_secs"], bound_secs, "{shown}");
            let text = |isolate: &Isolate| {
                let response = read(isolate, "public/x");
                if response.status == 404 { "gone".to_owned() } else { response.text().to_owned() }
            };
            let expected = if change == "DELETE" { "gone" } else { "v2" };
            assert_eq!(text(&from), expected, "{shown}: at once in this isolate");
            world.pass_ms(bound_secs * 1_000);
            assert_eq!(text(&elsewhere), expected, "{shown}");
        }
    }
}

/// A bulk writer leaves the copies, and invalidates them in one call at the end.
#[test]
fn copies_that_are_left_live_on_until_they_are_invalidated() {
    let world = world();
    let isolate = with_copies(&world, &["public/a", "public/b", "public/c", "other/a"]);
    let before = record(&world, "production").bans;
    for place in ["public/a?invalidate=false", "public/b?invalidate=false"] {
        let written = put(&world, place, "v2");
        assert_eq!((&written["invalidated"], &written["warning"]), (&json!(false), &Value::Null));
        assert_eq!(written["effective_within_secs"], 300 + 3_600);
    }
    assert_eq!(record(&world, "production").bans, before, "nothing is written");
    world.pass_ms(30_000);
    assert_eq!(read(&isolate, "public/a").text(), "v1");
    let answer = invalidate(&world, "public", &json!({ "names": ["a", "b"] }));
    assert_eq!(
        answer.json(),
        json!({ "collection": "public", "invalidated": true, "effective_within_secs": 30 })
    );
    world.pass_ms(30_000);
    assert_eq!([read(&isolate, "public/a").text(), read(&isolate, "public/b").text()], ["v2"; 2]);
    assert!(is_hit(&read(&isolate, "public/c")) && is_hit(&read(&isolate, "other/a")));
    assert_eq!(invalidate(&world, "public", &json!({})).status, 200);
    world.pass_ms(30_000);
    assert!(!is_hit(&read(&isolate, "public/c")) && is_hit(&read(&isolate, "other/a")));
}

#[test]
fn more_names_than_a_record_takes_are_their_collection() {
    for (count, expected) in [(OBJECT_BANS_MAX, OBJECT_BANS_MAX), (OBJECT_BANS_MAX + 1, 1)] {
        let world = world();
        let names: Vec<String> = (0..count).map(|n| format!("{n}.png")).collect();
        assert_eq!(invalidate(&world, "public", &json!({ "names": names })).status, 200);
        assert_eq!(record(&world, "production").bans.len(), expected, "{count}");
    }
}

/// However many objects are written one by one, the record stays small, and what is none of theirs
/// stays cached.
#[test]
fn many_writes_give_up_their_collection_and_nothing_else() {
    let world = world();
    let isolate = with_copies(&world, &["other/a"]);
    for n in 0..300 {
        put(&world, &format!("public/{n}"), "x");
        let record = record(&world, "production");
        assert!(record.bans.len() <= OBJECT_BANS_MAX + 2, "{n}: {}", record.bans.len());
        assert!(record.bans.iter().all(|ban| ban.scope != BanScope::All), "{n}");
        assert!(record.to_bytes().len() < 16_384, "{n}");
    }
    world.pass_ms(30_000);
    assert!(is_hit(&read(&isolate, "other/a")));
}

/// Of eight at once in an isolate, one write of the record carries the bans of all. Those of eight
/// isolates take a write each.
#[test]
fn writers_at_the_same_time_share_their_writes() {
    let places: Vec<String> = (0..8).map(|n| format!("public/{n}")).collect();
    let names: Vec<&str> = places.iter().map(String::as_str).collect();
    for (together, writes_max) in [(true, 1), (false, 8)] {
        let world = world();
        let elsewhere = with_copies(&world, &names);
        let from = Isolate::new(&world);
        world.trouble(Op::Read, "live/", Trouble::Slow(20));
        world.trouble(Op::Write, "live/", Trouble::Slow(20));
        world.take_log();
        let requests = names.iter().map(|place| {
            let isolate = if together { from.clone() } else { Isolate::new(&world) };
            call(&isolate, "PUT", place, b"v2").response()
        });
        let answers = world.run_all(requests.collect());
        for answer in answers.iter().map(|answer| answer.as_ref().unwrap()) {
            let json = answer.json();
            assert_eq!((answer.status, &json["invalidated"]), (200, &json!(true)), "{json}");
        }
        world.heal();
        let log = world.take_log();
        let of = |logged: &&_| {
            let super::support::world::Logged { op, key, .. } = logged;
            *op == Op::Write && key == "live/www/production"
        };
        let attempts = log.iter().filter(of).count();
        let written = record(&world, "production").seq as usize;
        assert!(!together || attempts <= 8, "{attempts} attempts");
        assert!(written <= 1 + names.len() + writes_max, "{written} changes");
        world.pass_ms(30_000);
        for place in &names {
            assert_eq!(read(&elsewhere, place).text(), "v2", "{place}, together: {together}");
        }
    }
}

/// The object is stored, which is told, and so is what to do about its copies.
#[test]
fn a_ban_that_fails_is_told_and_the_object_stays_stored() {
    let rows = [
        (Op::Write, Trouble::Before(Fault::Failed)),
        (Op::Write, Trouble::Before(Fault::Busy)),
        (Op::Write, Trouble::Before(Fault::TimedOut)),
        (Op::Write, Trouble::Hang),
        (Op::List, Trouble::Before(Fault::Failed)),
    ];
    for (op, trouble) in rows {
        for method in ["PUT", "DELETE"] {
            let world = world();
            let elsewhere = with_copies(&world, &["public/x"]);
            world.trouble(op, "live/", trouble);
            let answer = call(&Isolate::new(&world), method, "public/x", b"v2").send();
            let shown = format!("{op:?} {trouble:?} {method}: {}", answer.render());
            let json = answer.json();
            assert_eq!((answer.status, &json["invalidated"]), (200, &json!(false)), "{shown}");
            assert_eq!(json["effective_within_secs"], 300 + 3_600, "{shown}");
            assert_eq!(json["warning"]["code"], "not-invalidated", "{shown}");
            let hint = json["warning"]["hint"].as_str().unwrap();
            assert!(hint.contains("selvedge purge"), "{shown}");
            world.heal();
            let object = call(&Isolate::new(&world), "GET", "public/x", b"").send();
            assert_eq!(object.status, if method == "PUT" { 200 } else { 404 }, "{shown}");
            // The remedy in the warning works.
            assert_eq!(invalidate(&world, "public", &json!({ "names": ["x"] })).status, 200);
            world.pass_ms(30_000);
            assert_ne!(read(&elsewhere, "public/x").text(), "v1", "{shown}");
        }
    }
}

/// A store that is busy for a moment, or does not say what it did.
#[test]
fn a_ban_is_tried_again() {
    let rows = [
        (Trouble::Before(Fault::Busy), 3),
        (Trouble::Before(Fault::Failed), 3),
        (Trouble::After(Fault::Failed), 1),
        (Trouble::HangAfter, 1),
    ];
    for (trouble, times) in rows {
        let world = world();
        world.trouble_at(Op::Write, "live/", 0, times, trouble);
        let written = put(&world, "public/x", "v1");
        assert_eq!(written["invalidated"], true, "{trouble:?}: {written}");
        assert!(world.now().0 < START_MS + 40_000, "{trouble:?}");
    }
}

/// A refresh that read the old object puts it back after the ban, and nobody is served it.
#[test]
fn a_refresh_under_way_does_not_bring_the_old_object_back() {
    let world = world();
    let isolate = with_copies(&world, &["public/x"]);
    world.pass_ms(300_000);
    assert!(read(&isolate, "").status == 200, "the live record is fresh");
    put(&world, "public/x?invalidate=false", "v2");
    world.trouble(Op::Open, "obj/", Trouble::Slow(400));
    let (stale, from) = (ask(&isolate, "public/x").response(), Isolate::new(&world));
    let later = world.clone();
    let write = async move {
        later.wait(100).await;
        call(&from, "PUT", "public/x", b"v3").response().await
    };
    let futures: Vec<std::pin::Pin<Box<dyn Future<Output = Response>>>> =
        vec![Box::pin(stale), Box::pin(write)];
    let answers = world.run_all(futures);
    assert_eq!(answers[0].as_ref().unwrap().text(), "v1");
    assert_eq!(answers[1].as_ref().unwrap().json()["invalidated"], true);
    world.settle();
    world.heal();
    world.pass_ms(30_000);
    assert_eq!(read(&isolate, "public/x").text(), "v3");
}

#[test]
fn permanent_stages_are_reached_and_sandboxes_need_nothing() {
    let world = world();
    put(&world, "public/x", "v1");
    let bans = |stage: &str| record(&world, stage).bans.len();
    assert_eq!((bans("production"), bans("copy"), bans("sandbox")), (1, 1, 0));
    assert_eq!(record(&world, "sandbox").seq, 1, "it is not written");
}

/// A deployment without the collection is live when the object is written, and one that has it
/// comes back.
#[test]
fn a_rollback_brings_no_copy_back() {
    let world = world();
    let isolate = with_copies(&world, &["public/x"]);
    let without = r#"{"collections":[{"name":"other","prefix":"/other/"}]}"#;
    let folder = Folder::new(&[("/index.html", "www")]).configured(without);
    publish(&world, "www", "production", &folder);
    put(&world, "public/x", "v2");
    let back = Isolate::new(&world).admin("POST", "/sites/www/stages/production/rollback", b"{}");
    assert_eq!(back.status, 200, "{}", back.render());
    world.pass_ms(30_000);
    assert_eq!(read(&isolate, "public/x").text(), "v2");
}

#[test]
fn a_publish_loses_no_race_to_a_write() {
    let world = world();
    let next = Folder::new(&[("/index.html", "v2")]).configured(CONFIG).build();
    let from = Isolate::new(&world);
    next.commit(&from, "www");
    put(&world, "public/x", "v1");
    assert_eq!(next.activate(&from, "www", "production", Some(1)).status, 200);
    assert_eq!(record(&world, "production").bans.len(), 1);
}

#[test]
fn refusals_change_nothing() {
    let world = world();
    let before = world.snapshot();
    for (method, place) in [("PUT", "public/x"), ("DELETE", "public/x")] {
        for value in ["no", "", "0", "FALSE"] {
            let place = format!("{place}?invalidate={value}");
            let answer = call(&Isolate::new(&world), method, &place, b"1").send();
            assert_eq!((answer.status, answer.code().as_str()), (422, "invalid"), "{place}");
        }
    }
    let rows = [
        ("public", json!({ "names": [] }), 422),
        ("public", json!({ "names": ["../x"] }), 400),
        ("public", json!({ "names": ["a", ""] }), 400),
        ("public", json!({ "names": "x" }), 400),
        ("public", json!({ "name": ["x"] }), 400),
        ("public", json!([]), 400),
        ("public", json!([null]), 400),
        ("public", json!(null), 400),
        ("none", json!({}), 404),
        ("No", json!({}), 400),
    ];
    for (collection, body, status) in rows {
        let answer = invalidate(&world, collection, &body);
        assert_eq!(answer.status, status, "{collection} {body}: {}", answer.render());
    }
    let path = "/sites/www/collections/public/invalidate";
    assert_eq!(Isolate::new(&world).admin("GET", path, b"").status, 405);
    assert!(world.snapshot() == before);
    for (scope, status) in [("write", 200), ("read", 403), ("purge", 403), ("publish", 403)] {
        let token = token(&world, "www", &[scope]);
        let request = Isolate::new(&world).admin_call("POST", path, b"{}").token(Some(&token));
        assert_eq!(request.send().status, status, "{scope}");
    }
}
