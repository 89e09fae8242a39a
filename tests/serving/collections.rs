//! Collections under concurrency: purges and refreshes while objects are being read.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::world::{Op, START_MS, Task, Trouble, World};

const CONFIG: &str = r#"{"collections":[
    {"name":"content","prefix":"/content/","browser":"public, max-age=7"},
    {"name":"brief","prefix":"/brief/","edge_ttl":60,"stale_while_revalidate":0,
     "stale_if_error":0},
    {"name":"drafts","prefix":"/drafts/","fresh":true,"access":"key"},
    {"name":"open","prefix":"/open/","active":"serve"}
]}"#;

const PLACE: &str = "content/a.txt";
const PATH: &str = "/content/a.txt";

/// Two sites with the same collections, on two stages.
fn world() -> World {
    let world = World::new();
    for site in ["aa", "bb"] {
        for stage in ["production", "staging"] {
            let folder = Folder::new(&[("/index.html", site), ("/404.html", "nothing here")])
                .configured(CONFIG)
                .headers_file(
                    "/*\n  X-Site: yes\n  Cache-Control: public, max-age=99\n  \
                     Content-Security-Policy: script-src *\n",
                );
            publish(&world, site, stage, &folder);
        }
    }
    world
}

/// Writes an object and leaves its edge copies: what becomes of them by themselves is tested here.
fn put_as(world: &World, site: &str, place: &str, media_type: &str, body: &[u8]) {
    let (collection, name) = place.split_once('/').unwrap();
    let call = format!("/sites/{site}/collections/{collection}/objects/{name}?invalidate=false");
    let request = Isolate::new(world).admin_call("PUT", &call, body);
    let request = request.header("content-type", media_type).header("selvedge-tags", "t1, t2");
    let written = request.send();
    assert_eq!(written.status, 200, "{written:?}");
}

fn put(world: &World, text: &str) {
    put_as(world, "aa", PLACE, "text/plain", text.as_bytes());
}

fn ask(isolate: &Isolate, method: &str, path: &str) -> Request {
    isolate.ask(method, &format!("https://aa.cdn.test{path}"))
}

fn get(isolate: &Isolate, path: &str) -> Response {
    ask(isolate, "GET", path).send()
}

/// Operations on objects since the log was last taken.
fn object_ops(world: &World) -> usize {
    let log = world.take_log();
    log.iter().filter(|logged| logged.key.starts_with("obj/") && !logged.op.is_edge()).count()
}

/// Something is written and purged while it is being read, at any moment.
#[test]
fn what_was_under_way_does_not_come_back() {
    for (name, age_secs) in
        [("nothing", None), ("refreshed", Some(301)), ("validated", Some(5_000))]
    {
        for purged_ms in (0..100).step_by(5) {
            let world = world();
            put(&world, "old");
            let (asking, purging) = (Isolate::new(&world), Isolate::new(&world));
            if let Some(age_secs) = age_secs {
                assert_eq!(get(&asking, PATH).text(), "old");
                world.set_now_ms(START_MS + age_secs * 1_000);
            }
            get(&asking, "/");
            for op in [Op::StoredFind, Op::StoredKeep] {
                world.trouble(op, "res/", Trouble::Slow(10));
            }
            world.trouble(Op::Open, "obj/", Trouble::Slow(10));
            let asked = ask(&asking, "GET", PATH).response();
            let asked: Task = Box::pin(async move { drop(asked.await) });
            let call = "/sites/aa/collections/content/objects/a.txt";
            let written = purging.admin_call("PUT", call, b"new").response();
            let call = purging.admin_call("POST", "/sites/aa/purge", br#"{"tag":"t1"}"#);
            let (clock, purge) = (world.clone(), call.response());
            let purged: Task = Box::pin(async move {
                clock.wait(purged_ms).await;
                assert_eq!((written.await.status, purge.await.status), (200, 200));
            });
            assert!(world.run_all(vec![asked, purged]).iter().all(Option::is_some));
            world.heal();
            world.pass_ms(30_000);
            for isolate in [&asking, &asking.neighbour(), &purging] {
                assert_eq!(get(isolate, PATH).text(), "new", "{name}, {purged_ms} ms");
            }
        }
    }
}

#[test]
fn one_refresh_however_many_ask() {
    let world = world();
    put(&world, "v1");
    let isolate = Isolate::new(&world);
    let neighbour = isolate.neighbour();
    get(&isolate, PATH);
    put(&world, "v2");
    world.set_now_ms(START_MS + 300_000);
    for isolate in [&isolate, &neighbour] {
        get(isolate, "/");
    }
    world.trouble(Op::Open, "obj/", Trouble::Slow(200));
    world.take_log();
    let all = [&isolate, &neighbour].map(|from| (0..50).map(|_| ask(from, "GET", PATH).response()));
    let responses = world.run_all(all.into_iter().flatten().collect());
    assert!(responses.iter().flatten().all(|response| response.text() == "v1"));
    assert_eq!((responses.len(), object_ops(&world)), (100, 1));
    assert_eq!(get(&neighbour, PATH).text(), "v2");
}
