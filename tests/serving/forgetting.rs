//! Forgetting a deployment: its address and its retained files go, what stages serve does not.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::calls::race;
use super::support::folder::{Built, Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Trouble, World};

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

const AFTER: [u16; 5] = [200, 200, 421, 404, 404];

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
