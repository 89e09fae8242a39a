//! Forgetting a deployment: its address and its retained files go, what stages serve does not.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::json;

use selvedge::ports::Fault;

use super::protocol::{race, token};
use super::support::folder::{Built, Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, START_MS, Trouble, World};

const SCRIPT: &str = "/assets/app.3f2a91bc.js";

fn first() -> Folder {
    Folder::new(&[("/index.html", "First"), (SCRIPT, "secret()")])
}

fn second() -> Folder {
    Folder::new(&[("/index.html", "Second")])
}

/// A site whose second deployment is live on two stages; the first is retained on both.
fn world_with(vars: &[(&str, &str)]) -> (World, Built, Built) {
    let world = World::with_vars(vars);
    let old = publish(&world, "www", "production", &first());
    publish(&world, "www", "staging", &first());
    let new = publish(&world, "www", "production", &second());
    publish(&world, "www", "staging", &second());
    world.take_log();
    (world, old, new)
}

fn host(built: &Built) -> String {
    format!("{}--www.cdn.test", built.id)
}

fn call(from: &Isolate, built: &Built) -> Request {
    from.admin_call("DELETE", &format!("/sites/www/deployments/{}", built.id), b"")
}

fn forget(from: &Isolate, built: &Built) -> Response {
    call(from, built).send()
}

/// The statuses of two stages, of the deployment's address, and of a retained file on both stages.
fn seen(isolate: &Isolate, built: &Built) -> [u16; 5] {
    let get = |host: &str, path: &str| {
        isolate.ask("GET", &format!("https://{host}{path}")).send_only().status
    };
    let found = [
        get("www.cdn.test", "/"),
        get("staging--www.cdn.test", "/"),
        get(&host(built), "/"),
        get("www.cdn.test", SCRIPT),
        get("staging--www.cdn.test", SCRIPT),
    ];
    isolate.world.cut_behind();
    found
}

const BEFORE: [u16; 5] = [200; 5];
const AFTER: [u16; 5] = [200, 200, 421, 404, 404];

#[test]
fn it_is_gone_within_the_bound_and_stays_gone() {
    for (vars, bound_secs) in [(&[][..], 30), (&[("STORE", "kv")][..], 90)] {
        let (world, old, _) = world_with(vars);
        let (here, elsewhere) = (Isolate::new(&world), Isolate::new(&world));
        assert_eq!((seen(&here, &old), seen(&elsewhere, &old)), (BEFORE, BEFORE));
        let tag = here.get(&host(&old), "/").field("etag").to_owned();
        let blobs = world.keys("blob/");
        let forgotten = forget(&here, &old);
        assert_eq!(forgotten.status, 200, "{}", forgotten.render());
        assert_eq!(forgotten.json()["effective_within_secs"], bound_secs);
        assert_eq!(seen(&here, &old), AFTER, "here at once");
        assert_eq!(seen(&here.neighbour(), &old), AFTER, "whatever the edge tier still has");
        // A sandbox reads its live record with every request.
        let within = [200, 200, 200, 200, 404];
        for (now_ms, expected) in [(0, within), (29_999, within), (30_000, AFTER)] {
            world.set_now_ms(START_MS + now_ms);
            assert_eq!(seen(&elsewhere, &old), expected, "after {now_ms} ms");
        }
        let ask = here.ask("GET", &format!("https://{}/", host(&old)));
        assert_eq!(ask.header("if-none-match", &tag).send().status, 421);
        assert_eq!(world.keys("blob/"), blobs, "blobs are left to gc");
        let again = forget(&here, &old);
        assert_eq!((again.status, again.code().as_str()), (404, "not-found"));
        let listed = here.admin("GET", "/sites/www/deployments", b"");
        assert!(!listed.text().contains(old.id.as_str()), "no list shows it");
    }
}

#[test]
fn nothing_returns_to_it_but_a_publish() {
    let (world, old, new) = world_with(&[]);
    let from = Isolate::new(&world);
    // A manifest at hand in memory must not stand in for the one in the store.
    assert_eq!(from.get(&host(&old), "/").status, 200);
    assert_eq!(forget(&from, &old).status, 200);
    let named = json!({ "deployment": old.id.as_str() }).to_string();
    for stage in ["production", "staging"] {
        for (what, body) in [("rollback", named.as_bytes()), ("activate", named.as_bytes())] {
            let response = from.admin("POST", &format!("/sites/www/stages/{stage}/{what}"), body);
            assert_eq!((response.status, response.code().as_str()), (404, "not-found"), "{what}");
        }
        let back = from.admin("POST", &format!("/sites/www/stages/{stage}/rollback"), b"{}");
        assert_eq!(back.code(), "nothing-to-roll-back", "{stage}");
    }
    assert_eq!(seen(&from, &old), AFTER);
    publish(&world, "www", "pr-7", &first());
    assert_eq!(Isolate::new(&world).get(&host(&old), "/").text(), "First", "it is back");
    assert_eq!(from.get(&host(&old), "/").text(), "First", "here too, at once");
    assert_eq!(from.get("www.cdn.test", SCRIPT).status, 404, "it was not live here again");
    assert_eq!(from.get(&host(&new), "/").text(), "Second");
}

#[test]
fn a_live_one_is_refused() {
    let (world, old, new) = world_with(&[]);
    publish(&world, "www", "preview", &first());
    let (from, before) = (Isolate::new(&world), world.snapshot());
    for (built, stages) in [(&old, json!(["preview"])), (&new, json!(["production", "staging"]))] {
        let refused = forget(&from, built);
        assert_eq!((refused.status, refused.code().as_str()), (409, "still-live"));
        assert_eq!(refused.json()["error"]["stages"], stages);
    }
    assert_eq!(world.snapshot(), before);
}

#[test]
fn only_who_may() {
    let (world, old, _) = world_with(&[]);
    let from = Isolate::new(&world);
    publish(&world, "other", "production", &second());
    let rows = [
        (token(&world, "www", &["read"], None), 403),
        (token(&world, "www", &["purge", "write"], None), 403),
        (token(&world, "other", &["publish"], None), 403),
        ("slv_www_none_secret".to_owned(), 401),
    ];
    let before = world.snapshot();
    for (text, status) in rows {
        assert_eq!(call(&from, &old).token(Some(&text)).send().status, status, "{text}");
    }
    assert_eq!(call(&from, &old).token(None).send().status, 401);
    let other = format!("/sites/other/deployments/{}", old.id);
    assert_eq!(from.admin("DELETE", &other, b"").status, 404, "it is another site's");
    assert_eq!(world.snapshot(), before);
    let text = token(&world, "www", &["publish"], None);
    assert_eq!(call(&from, &old).token(Some(&text)).send().status, 200);
}

#[test]
fn other_deployments_keep_the_files_that_they_share() {
    let world = World::new();
    let old = publish(&world, "www", "production", &first());
    let middle = publish(&world, "www", "production", &first().file("/new.txt", "new"));
    publish(&world, "www", "production", &second());
    let isolate = Isolate::new(&world);
    assert_eq!(forget(&isolate, &old).status, 200);
    assert_eq!(isolate.get(&host(&middle), SCRIPT).text(), "secret()");
    assert_eq!(isolate.get("www.cdn.test", SCRIPT).text(), "secret()");
}

#[test]
fn a_publish_loses_no_race_to_it() {
    let (world, old, _) = world_with(&[]);
    let from = Isolate::new(&world);
    let third = Folder::new(&[("/index.html", "Third")]).build();
    third.commit(&from, "www");
    assert_eq!(forget(&from, &old).status, 200);
    assert_eq!(third.activate(&from, "www", "production", Some(2)).status, 200);
    let record = from.admin("GET", "/sites/www/stages/production", b"").json();
    assert_eq!(record["seq"], 4, "one change of each");
}

#[test]
fn trouble_at_every_operation_and_once_more() {
    let troubles = [
        Trouble::Before(Fault::Failed),
        Trouble::After(Fault::Failed),
        Trouble::Before(Fault::Busy),
        Trouble::After(Fault::Busy),
        Trouble::Hang,
        Trouble::HangAfter,
    ];
    for store in ["r2", "kv"] {
        let (world, old, _) = world_with(&[("STORE", store)]);
        let before = world.snapshot();
        assert_eq!(forget(&Isolate::new(&world), &old).status, 200);
        let operations = world.store_ops();
        assert!(operations > 8, "{operations}");
        for trouble in troubles {
            for at in 0..operations {
                let shown = format!("{store}, {trouble:?} at {at}");
                world.restore(&before);
                world.trouble_at(None, "", at, 1, trouble);
                let first = forget(&Isolate::new(&world), &old).status;
                world.heal();
                let found = seen(&Isolate::new(&world), &old);
                assert_eq!(found[..2], [200, 200], "{shown}: stages go on");
                assert!(first != 200 || found == AFTER, "{shown}: said that it was done");
                let again = forget(&Isolate::new(&world), &old).status;
                assert!(matches!(again, 200 | 404), "{shown}: {again}");
                assert_eq!(seen(&Isolate::new(&world), &old), AFTER, "{shown}: again");
            }
        }
    }
}

#[test]
fn a_worker_killed_after_every_operation() {
    let (world, old, _) = world_with(&[]);
    let before = world.snapshot();
    for killed_at in 0..30 {
        world.restore(&before);
        let mut future = Box::pin(call(&Isolate::new(&world), &old).future());
        let _ = world.step(future.as_mut(), killed_at);
        drop(future);
        world.cut_behind();
        assert_eq!(seen(&Isolate::new(&world), &old)[..2], [200, 200], "{killed_at}");
        let again = forget(&Isolate::new(&world), &old).status;
        assert!(matches!(again, 200 | 404), "{killed_at}: {again}");
        assert_eq!(seen(&Isolate::new(&world), &old), AFTER, "{killed_at}");
    }
}

/// The later of the two finds the other: a stage never serves a deployment without its root.
#[test]
fn an_activation_at_the_same_time_in_every_order() {
    for store in ["r2", "kv"] {
        let world = World::with_vars(&[("STORE", store)]);
        let old = publish(&world, "www", "production", &first());
        publish(&world, "www", "production", &second());
        let before = world.snapshot();
        let mut outcomes = [0_usize; 2];
        for schedule in 0..1_u32 << 16 {
            // Every 31st: some two thousand orders, and no pattern in their bits.
            if schedule % 31 != 0 {
                continue;
            }
            world.restore(&before);
            let from = Isolate::new(&world);
            let activate = old.calls(&from, "www", "production", None).pop().unwrap();
            let [forgot, activated] = race(&world, call(&from, &old), activate, schedule);
            let shown = format!("{store} {schedule:b}: {forgot:?} {activated:?}");
            let live = from.admin("GET", "/sites/www/stages/production", b"").json();
            let is_live = live["deployment"] == old.id.as_str();
            let is_stored = !world.history(&format!("dep/www/{}", old.id)).is_empty();
            assert!(!is_live || is_stored, "live without a root: {shown}");
            assert_eq!(Isolate::new(&world).get("www.cdn.test", "/").status, 200, "{shown}");
            // KV can't prevent a lost race: both may have been told that they won.
            let told = is_live == (activated.status == 200);
            assert!(told || (store == "kv" && !is_live), "{shown}");
            assert!(matches!(forgot.status, 200 | 404 | 409), "{shown}");
            if forgot.status == 200 && activated.status != 200 {
                assert_eq!(Isolate::new(&world).get(&host(&old), "/").status, 421, "{shown}");
            }
            outcomes[usize::from(is_live)] += 1;
        }
        assert!(outcomes.iter().all(|count| *count > 50), "{store}: {outcomes:?}");
    }
}

#[test]
fn a_store_that_fails() {
    let (world, old, _) = world_with(&[]);
    let warm = Isolate::new(&world);
    assert_eq!(warm.get(&host(&old), "/").status, 200);
    for op in [Op::Read, Op::List] {
        world.trouble(op, "", Trouble::Before(Fault::Failed));
    }
    for (age_ms, status) in [(60_000, 200), (86_000_000, 200), (86_400_000, 503)] {
        world.set_now_ms(START_MS + age_ms);
        assert_eq!(warm.get(&host(&old), "/").status, status, "{age_ms}");
    }
    assert_eq!(warm.neighbour().get(&host(&old), "/").status, 503, "the edge tier says nothing");
    assert_eq!(forget(&warm, &old).status, 503);
    world.heal();
    assert_eq!(warm.get(&host(&old), "/").status, 200);
}

#[test]
fn an_address_of_nothing() {
    let (world, old, _) = world_with(&[]);
    let isolate = Isolate::new(&world);
    let other_site = format!("{}--nn.cdn.test", old.id);
    for host in ["daaaaaaaaaaaaaaaaaaaaaaaaa--www.cdn.test", other_site.as_str()] {
        assert_eq!(isolate.get(host, "/").status, 421, "{host}");
    }
    // A root without its site, as it can be for a moment while a site is deleted.
    world.remove("site/www");
    assert_eq!(Isolate::new(&world).get(&host(&old), "/").status, 421);
    assert_eq!(Isolate::new(&world).get("www.cdn.test", SCRIPT).status, 404);
}
