//! Random faults and evictions: a response has the right bytes, or is 503.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::folder::{Folder, publish};
use super::support::response::Isolate;
use super::support::world::{EdgeTemper, Op, Script, Trouble, World};

use Trouble::{Before, Hang, Null};

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
    world.log.take();
    world
}

#[test]
fn an_edge_tier_that_evicts_changes_nothing() {
    for temper in [EdgeTemper::Keeps, EdgeTemper::AlwaysEmpty, EdgeTemper::Vanishing(50)] {
        for seed in 1..8 {
            let world = world();
            world.set_seed(seed);
            world.temper.set(temper);
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
        world.temper.set(EdgeTemper::Vanishing(30));
        for op in [Op::Read, Op::Hold, Op::Open, Op::EdgeLookup, Op::EdgePut] {
            for trouble in [Before(Fault::Failed), Before(Fault::Busy), Hang, Null] {
                // A live record that is not there is a stage that is not there: not a fault.
                let key_prefix = if trouble == Null { "blob/" } else { "" };
                let (op, skip, times, percent) = (Some(op), 0, usize::MAX, 5);
                let script = Script { op, key_prefix, skip, times, percent, trouble };
                world.scripts.borrow_mut().push(script);
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
