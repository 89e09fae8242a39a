//! Invalidation through the admin API: one write, kept by deploys, refused without its scope.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::{Value, json};

use selvedge::site::collection::CollectionName;
use selvedge::site::ids::StageKey;
use selvedge::site::ids::{SiteName, StageName};
use selvedge::site::records::ban::{CLOCK_SKEW_MS, Subject, is_banned};
use selvedge::site::records::live::LiveRecord;
use selvedge::wire::time::UnixMillis;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::{Op, START_MS, World};

fn version(n: u32) -> Folder {
    Folder::new(&[("/index.html", &format!("v{n}"))])
}

fn deployed() -> World {
    let world = World::new();
    for site in ["aa", "bb"] {
        publish(&world, site, "production", &version(1));
    }
    publish(&world, "aa", "staging", &version(1));
    world.take_log();
    world
}

fn purge(world: &World, body: &Value) -> Response {
    Isolate::new(world).admin("POST", "/sites/aa/purge", body.to_string().as_bytes())
}

/// The live record as the store has it.
fn record(world: &World, stage: &str) -> LiveRecord {
    let bytes = world.history(&format!("live/aa/{stage}")).last().unwrap().clone();
    let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::parse(stage).unwrap());
    LiveRecord::parse(&bytes, &site, &stage).unwrap()
}

/// Whether something that was asked for at the start is of no use any more.
fn is_gone(record: &LiveRecord, path: &str, tags: &str, collection: Option<&str>) -> bool {
    let collection = collection.map(|name| CollectionName::parse(name).unwrap());
    let (collection, requested_ms) = (collection.as_ref(), UnixMillis(START_MS));
    is_banned(&record.bans, &Subject { path, tags, collection, object: None, requested_ms })
}

#[test]
fn every_scope_is_one_write_whatever_it_matches() {
    let subjects: Vec<(String, String)> =
        (0..10_000).map(|n| (format!("/content/{n}.json"), format!("all n{}", n % 10))).collect();
    let rows = [
        (json!({ "all": true }), 10_000, json!("all")),
        (json!({ "path": "/content/7.json" }), 1, json!({ "path": "/content/7.json" })),
        (json!({ "prefix": "/content/77" }), 111, json!({ "prefix": "/content/77" })),
        (json!({ "tag": "n3" }), 1_000, json!({ "tag": "n3" })),
        (json!({ "collection": "content" }), 10_000, json!({ "collection": "content" })),
        (json!({ "collection": "public" }), 0, json!({ "collection": "public" })),
    ];
    for (body, count, scope) in rows {
        let world = deployed();
        let response = purge(&world, &body);
        assert_eq!(response.status, 200, "{body}: {response:?}");
        let log = world.take_log();
        let writes = log.iter().filter(|logged| logged.op == Op::Write).count();
        assert_eq!(writes, 1, "{body}: {log:?}");
        let store = log.iter().filter(|logged| !logged.op.is_edge()).count();
        assert!(store <= 3, "{body}: {log:?}");
        let expected = json!({
            "stage": "production", "seq": 2, "at_ms": START_MS, "scope": scope,
            "effective_within_secs": 30,
        });
        assert_eq!(response.json(), expected);
        let record = record(&world, "production");
        let gone = subjects
            .iter()
            .filter(|(path, tags)| is_gone(&record, path, tags, Some("content")))
            .count();
        assert_eq!(gone, count, "{body}");
    }
}

#[test]
fn what_is_asked_for_afterwards_is_kept_and_other_stages_too() {
    let world = deployed();
    assert_eq!(purge(&world, &json!({ "stage": "staging", "path": "/a" })).json()["seq"], 2);
    assert!(record(&world, "production").bans.is_empty());
    let staging = record(&world, "staging");
    for (asked_ms, banned) in [(0, true), (CLOCK_SKEW_MS, true), (CLOCK_SKEW_MS + 1, false)] {
        let requested_ms = UnixMillis(START_MS + asked_ms);
        let subject =
            Subject { path: "/a", tags: "", collection: None, object: None, requested_ms };
        assert_eq!(is_banned(&staging.bans, &subject), banned, "{asked_ms}");
    }
    let bound = &purge(&world, &json!({ "stage": "staging", "all": true })).json();
    assert_eq!(bound["effective_within_secs"], 0, "a sandbox reads the record each time");
}

#[test]
fn deploys_and_rollbacks_keep_bans_and_lose_no_race_to_them() {
    let world = deployed();
    let second = version(2).build();
    let from = Isolate::new(&world);
    second.commit(&from, "aa");
    assert_eq!(purge(&world, &json!({ "path": "/a" })).status, 200);
    assert_eq!(purge(&world, &json!({ "tag": "b" })).status, 200);
    let live = from.admin("GET", "/sites/aa/stages/production", b"").json();
    assert_eq!((&live["seq"], &live["by"]), (&json!(3), &json!("root")));
    // The publisher had seen 1; all that came since were invalidations.
    let activated = second.activate(&from, "aa", "production", Some(1));
    assert_eq!((activated.status, &activated.json()["seq"]), (200, &json!(4)), "{activated:?}");
    let late = version(3).build();
    late.commit(&from, "aa");
    assert_eq!(late.activate(&from, "aa", "production", Some(3)).status, 409, "a deploy came");
    assert_eq!(from.admin("POST", "/sites/aa/stages/production/rollback", b"{}").status, 200);
    let record = record(&world, "production");
    assert_eq!((record.seq, record.bans.len()), (5, 2));
    assert!(is_gone(&record, "/a", "", None) && is_gone(&record, "/x", "b", None));
}

#[test]
fn it_is_in_force_here_at_once_and_elsewhere_within_the_bound() {
    let world = deployed();
    let (here, elsewhere) = (Isolate::new(&world), Isolate::new(&world));
    let seq = |isolate: &Isolate| {
        assert_eq!(isolate.get("aa.cdn.test", "/").text(), "v1");
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        isolate.memory.live.find(&StageKey(site, stage)).unwrap().record.seq
    };
    assert_eq!((seq(&here), seq(&elsewhere)), (1, 1));
    assert_eq!(here.admin("POST", "/sites/aa/purge", br#"{"all":true}"#).status, 200);
    world.take_log();
    assert_eq!(seq(&here), 2);
    assert_eq!(world.store_ops(), 0, "it is at hand");
    world.set_now_ms(START_MS + 29_999);
    assert_eq!(elsewhere.ask("GET", "https://aa.cdn.test/").send_only().status, 200);
    world.cut_behind();
    world.set_now_ms(START_MS + 30_000);
    assert_eq!(seq(&elsewhere), 2);
}

#[test]
fn a_second_purge_takes_the_place_of_the_first() {
    let world = deployed();
    for n in 0..5 {
        world.set_now_ms(START_MS + n);
        assert_eq!(purge(&world, &json!({ "tag": "news" })).json()["at_ms"], START_MS + n);
    }
    assert_eq!(record(&world, "production").bans.len(), 1);
}
