//! What each fault of a store or a tier does to a response: another way to the same bytes, a stale
//! answer, or 503 with `Retry-After`; never 404, never 500, never other bytes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::folder::{Folder, publish};
use super::support::response::Isolate;
use super::support::world::{EdgeTemper, Op, START_MS, Trouble, World};

use Trouble::{After, Before, Garbage, Hang, HangAfter, Null, Slow, Truncated};

const PATHS: [&str; 7] =
    ["/", "/page", "/page.html", "/app.0123abcd.js", "/big.bin", "/missing", "/old"];

fn folder() -> Folder {
    Folder::new(&[
        ("/index.html", "Home"),
        ("/page.html", "A page"),
        ("/app.0123abcd.js", "run()"),
        ("/404.html", "Not here"),
    ])
    .bytes("/big.bin", &[b'x'; 100_000])
    .redirects_file("/old /new")
}

fn world() -> World {
    let world = World::new();
    publish(&world, "www", "production", &folder());
    world.take_log();
    world
}

/// A site whose manifest does not fit its root.
fn large_folder() -> Folder {
    let folder = folder();
    (0..3_000).fold(folder, |folder, n| folder.file(&format!("/a/folder/of/files/{n:05}.txt"), "x"))
}

/// A fault of the store: its name, what meets it, how often, the trouble, the status in a cold
/// isolate, and the longest that it may take.
type Row = (&'static str, Op, &'static str, usize, Trouble, u16, u64);

const ALWAYS: usize = usize::MAX;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("live fails once",        Op::Read, "live/", 1,      Before(Fault::Failed),  200, 100),
    ("live fails twice",       Op::Read, "live/", 2,      Before(Fault::Failed),  200, 100),
    ("live fails always",      Op::Read, "live/", ALWAYS, Before(Fault::Failed),  503, 300),
    ("live fails to say",      Op::Read, "live/", 1,      After(Fault::Failed),   200, 100),
    ("live is busy",           Op::Read, "live/", 1,      Before(Fault::Busy),    503, 0),
    ("live hangs",             Op::Read, "live/", ALWAYS, Hang,                   503, 1_000),
    ("live is slow",           Op::Read, "live/", ALWAYS, Slow(900),              200, 1_000),
    ("live is garbage",        Op::Read, "live/", ALWAYS, Garbage,                503, 300),
    ("live is cut",            Op::Read, "live/", ALWAYS, Truncated,              503, 300),
    ("live's binding is gone", Op::Read, "live/", ALWAYS, Before(Fault::Missing), 503, 300),
    ("root fails once",        Op::Read, "dep/",  1,      Before(Fault::Failed),  200, 100),
    ("root fails always",      Op::Read, "dep/",  ALWAYS, Before(Fault::Failed),  503, 300),
    ("root hangs",             Op::Read, "dep/",  ALWAYS, Hang,                   503, 1_000),
    ("root is null",           Op::Read, "dep/",  ALWAYS, Null,                   503, 300),
    ("root is garbage",        Op::Read, "dep/",  ALWAYS, Garbage,                503, 300),
    ("root is cut",            Op::Read, "dep/",  ALWAYS, Truncated,              503, 300),
    ("blob fails once",        Op::Hold, "blob/", 1,      Before(Fault::Failed),  200, 100),
    ("blob fails always",      Op::Hold, "blob/", ALWAYS, Before(Fault::Failed),  503, 300),
    ("blob is busy",           Op::Hold, "blob/", 1,      Before(Fault::Busy),    503, 0),
    ("blob hangs",             Op::Hold, "blob/", ALWAYS, HangAfter,              503, 1_500),
    ("blob is null",           Op::Hold, "blob/", ALWAYS, Null,                   503, 300),
    ("blob is cut",            Op::Hold, "blob/", ALWAYS, Truncated,              503, 300),
];

#[test]
fn store_faults_in_a_cold_isolate() {
    for &(name, op, prefix, times, trouble, status, ms_max) in ROWS {
        let world = world();
        let isolate = Isolate::new(&world);
        world.trouble_at(op, prefix, 0, times, trouble);
        let response = isolate.get("www.cdn.test", "/");
        assert_eq!(response.status, status, "{name}: {response:?}");
        let took_ms = world.now().0 - START_MS;
        assert!(took_ms <= ms_max, "{name}: took {took_ms} ms");
        if status == 503 {
            assert_eq!(response.text(), "503 Service Unavailable\n", "{name}");
        }
        world.heal();
        assert_eq!(isolate.get("www.cdn.test", "/").text(), "Home", "{name}: healed");
        assert_eq!(isolate.neighbour().get("www.cdn.test", "/").text(), "Home", "{name}");
    }
}

#[test]
fn a_busy_store_is_not_asked_again() {
    let world = world();
    world.trouble(None, "", Before(Fault::Busy));
    Isolate::new(&world).get("www.cdn.test", "/");
    assert_eq!(world.store_ops(), 1);
    world.heal();
    world.trouble(None, "", Before(Fault::Failed));
    Isolate::new(&world).get("www.cdn.test", "/");
    assert_eq!(world.store_ops(), 3, "two tries more, and no storm");
}

#[test]
fn a_large_blob_that_is_lost_or_late() {
    for trouble in [Null, Before(Fault::Failed), Hang] {
        let world = world();
        world.trouble(Op::Open, "blob/", trouble);
        let isolate = Isolate::new(&world);
        assert_eq!(isolate.get("www.cdn.test", "/big.bin").status, 503, "{trouble:?}");
        let tag = isolate.ask("HEAD", "https://www.cdn.test/big.bin").send();
        assert_eq!(tag.status, 200, "HEAD needs no blob");
        world.heal();
        assert_eq!(isolate.get("www.cdn.test", "/big.bin").body.len(), 100_000);
    }
}

#[test]
fn everything_is_down() {
    for trouble in [Before(Fault::Failed), Before(Fault::Busy), Hang] {
        let world = world();
        for op in [Op::EdgeLookup, Op::EdgePut] {
            world.trouble(op, "", trouble);
        }
        world.trouble(None, "", trouble);
        let cold = Isolate::new(&world);
        for path in PATHS {
            let since = world.now();
            let response = cold.get("www.cdn.test", path);
            assert_eq!(response.status, 503, "{path} {trouble:?}");
            assert!(world.now().since(since) < 2_000, "{path} {trouble:?}");
        }
    }
}

#[test]
fn a_warm_isolate_needs_no_store() {
    let world = world();
    let isolate = Isolate::new(&world);
    let small = PATHS.iter().filter(|path| **path != "/big.bin");
    let before: Vec<_> =
        small.clone().map(|path| isolate.get("www.cdn.test", path).lasting()).collect();
    world.trouble(None, "", Before(Fault::Failed));
    world.pass_ms(3_600_000);
    for (path, before) in small.zip(before) {
        assert_eq!(isolate.get("www.cdn.test", path).lasting(), before, "{path}");
    }
}

#[test]
fn edge_faults_never_show() {
    let troubles =
        [Before(Fault::Failed), After(Fault::Failed), Hang, Null, Truncated, Garbage, Slow(90)];
    for op in [Op::EdgeLookup, Op::EdgePut] {
        for trouble in troubles {
            let world = world();
            let first = Isolate::new(&world);
            let right: Vec<_> =
                PATHS.iter().map(|path| first.get("www.cdn.test", path).lasting()).collect();
            // Blobs are passed on unseen: their length says when one was cut, a large one's is the
            // runtime's to keep, and the tier is trusted with the bytes themselves.
            let prefixes: &[&str] = if trouble == Garbage { &["live/", "dep/"] } else { &[""] };
            for prefix in prefixes {
                world.trouble(op, prefix, trouble);
            }
            let isolate = first.neighbour();
            for (path, right) in PATHS.iter().zip(right) {
                if *path == "/big.bin" && trouble == Truncated {
                    continue;
                }
                let found = isolate.get("www.cdn.test", path).lasting();
                assert_eq!(found, right, "{path} under {op:?} {trouble:?}");
            }
        }
    }
}

#[test]
fn the_breaker_stops_asking_an_edge_that_hangs() {
    let world = world();
    world.trouble(Op::EdgeLookup, "", Hang);
    for _ in 0..20 {
        let isolate = Isolate::new(&world);
        let since = world.now();
        assert_eq!(isolate.get("www.cdn.test", "/").status, 200);
        assert!(world.now().since(since) <= 500, "each lookup is given up after 100 ms");
    }
    let isolate = Isolate::new(&world);
    for path in PATHS {
        isolate.get("www.cdn.test", path);
    }
    world.take_log();
    for n in 0..50 {
        isolate.get("www.cdn.test", &format!("/none-{n}"));
        isolate.get("www.cdn.test", "/big.bin");
    }
    let asked = world.take_log().iter().filter(|op| op.op == Op::EdgeLookup).count();
    assert!(asked <= 5, "{asked} lookups while the breaker should be open");
}

#[test]
fn the_suite_with_tiers_that_are_empty_or_forget() {
    for temper in [EdgeTemper::Keeps, EdgeTemper::AlwaysEmpty, EdgeTemper::Vanishing(50)] {
        for seed in 1..8 {
            let world = world();
            world.set_seed(seed);
            world.set_edge_temper(temper);
            let right = Isolate::new(&world);
            let right = PATHS.map(|path| right.get("www.cdn.test", path).lasting());
            for round in 0..4 {
                let isolate = Isolate::new(&world);
                let isolate = if round % 2 == 0 { isolate.neighbour() } else { isolate };
                for (path, right) in PATHS.iter().zip(&right) {
                    let found = isolate.get("www.cdn.test", path).lasting();
                    assert_eq!(found, *right, "{path} with {temper:?}, seed {seed}");
                    world.pass_ms(world.chance() % 9_000);
                }
            }
        }
    }
}

#[test]
fn random_faults_give_the_right_answer_or_503() {
    let right = Isolate::new(&world());
    let right = PATHS.map(|path| right.get("www.cdn.test", path).lasting());
    let (mut answered, mut unavailable) = (0, 0);
    for seed in 1..60 {
        let world = world();
        world.set_seed(seed);
        world.set_edge_temper(EdgeTemper::Vanishing(30));
        for op in [Op::Read, Op::Hold, Op::Open, Op::EdgeLookup, Op::EdgePut] {
            for trouble in [Before(Fault::Failed), Before(Fault::Busy), Hang, Null] {
                // A live record that is not there is a stage that is not there: not a fault.
                let prefix = if trouble == Null { "blob/" } else { "" };
                world.trouble_for(op, prefix, 5, trouble);
            }
        }
        let isolate = Isolate::new(&world);
        for (path, right) in PATHS.iter().zip(&right) {
            let found = isolate.get("www.cdn.test", path).lasting();
            world.pass_ms(world.chance() % 20_000);
            if found.status == 503 {
                unavailable += 1;
                continue;
            }
            answered += 1;
            assert_eq!(found, *right, "{path}, seed {seed}");
        }
    }
    assert!(answered > 300 && unavailable > 5, "{answered} and {unavailable}");
}

#[test]
fn what_a_request_costs() {
    let world = world();
    for path in PATHS {
        world.take_log();
        Isolate::new(&world).get("www.cdn.test", path);
        let cold = world.store_ops();
        assert!(cold <= 3, "{path}: {cold} operations in a cold isolate");
    }
    let warm = Isolate::new(&world);
    let tag = warm.get("www.cdn.test", "/").field("etag").to_owned();
    for path in PATHS {
        warm.get("www.cdn.test", path);
    }
    world.take_log();
    for path in ["/", "/page", "/page.html", "/app.0123abcd.js", "/missing", "/old", "/x/y/z"] {
        warm.get("www.cdn.test", path);
        warm.ask("HEAD", &format!("https://www.cdn.test{path}")).send();
    }
    let ask = || warm.ask("GET", "https://www.cdn.test/");
    assert_eq!(ask().header("if-none-match", &tag).send().status, 304);
    assert_eq!(ask().header("range", "bytes=1-2").send().text(), "om");
    assert_eq!(ask().header("range", "bytes=99-").send().status, 416);
    assert_eq!(world.take_log(), [], "a warm isolate asks nobody");
}

#[test]
fn what_a_request_of_a_large_site_costs() {
    let world = World::new();
    let built = publish(&world, "www", "production", &large_folder());
    assert!(built.blobs.len() > 6, "shards are blobs");
    for path in ["/", "/a/folder/of/files/00007", "/missing", "/a/folder/of/files/00007.txt"] {
        world.take_log();
        let isolate = Isolate::new(&world);
        isolate.get("www.cdn.test", path);
        let cold = world.store_ops();
        assert!(cold <= 4, "{path}: {cold} operations in a cold isolate");
        isolate.get("www.cdn.test", path);
        assert_eq!(world.take_log(), [], "{path}");
    }
    world.trouble(Op::Read, "blob/", Garbage);
    let response = Isolate::new(&world).get("www.cdn.test", "/page");
    assert_eq!(response.status, 503, "a shard that does not hash to its name is no shard");
}

#[test]
fn cold_and_warm_give_the_same() {
    let world = world();
    let warm = Isolate::new(&world);
    for path in PATHS {
        let first = warm.get("www.cdn.test", path).lasting();
        let again = warm.get("www.cdn.test", path).lasting();
        let cold = Isolate::new(&world).get("www.cdn.test", path).lasting();
        let beside = warm.neighbour().get("www.cdn.test", path).lasting();
        assert!(first == again && first == cold && first == beside, "{path}");
    }
}

#[test]
fn a_stale_record_serves_a_whole_older_deployment() {
    let world = world();
    let before = Isolate::new(&world);
    let before = PATHS.map(|path| before.get("www.cdn.test", path).lasting());
    publish(&world, "www", "production", &Folder::new(&[("/index.html", "Second")]));
    world.trouble(Op::Read, "live/", Trouble::Older(1));
    let lagging = Isolate::new(&world);
    for (path, before) in PATHS.iter().zip(before) {
        assert_eq!(lagging.get("www.cdn.test", path).lasting(), before, "{path}");
    }
}

#[test]
fn health_names_a_missing_binding() {
    let world = world();
    world.lose_binding(Some("BUCKET"));
    let isolate = Isolate::new(&world);
    let response = isolate.get("cdn.test", "/.selvedge/health");
    assert_eq!(response.status, 503);
    assert_eq!(response.json()["missing_binding"], "BUCKET");
}
