//! `stored` in `Cache-Status`: claimed only for what the next request finds.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::cache::memory::HELD_BYTES_MAX;
use selvedge::ports::Fault;

use super::support::acting::{API, acting, ask, get};
use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::upstream::{Answer, End};
use super::support::world::{Op, Trouble, World};

const HELD: usize = HELD_BYTES_MAX as usize;

fn is_stored(response: &Response) -> bool {
    response.field("cache-status").split("; ").any(|member| member == "stored")
}

fn is_hit(response: &Response) -> bool {
    response.field("cache-status").starts_with("selvedge; hit")
}

/// A miss whose isolate ends with its response, and the next request of the data centre.
#[track_caller]
fn check(name: &str, world: &World, answer: Answer, trouble: Option<Trouble>, stored: bool) {
    let isolate = Isolate::new(world);
    world.on_fetch(move |_, _| answer.clone());
    if let Some(trouble) = trouble {
        world.trouble(Op::StoredKeep, "", trouble);
    }
    let first = ask(&isolate, "GET", API).send_only();
    world.cut_behind();
    world.heal();
    assert_eq!(is_stored(&first), stored, "{name}: {}", first.field("cache-status"));
    let next = get(&isolate.neighbour(), API);
    assert_eq!(is_hit(&next), stored, "{name}: {}", next.field("cache-status"));
}

/// RFC 9211 §2.5: the stream may yet be cut off, so nobody says before its end that it is stored.
#[test]
fn of_an_upstream() {
    let of = |length: usize| Answer::new(200, "cache-control: max-age=600", vec![b'a'; length]);
    let long = of(HELD + 1);
    let short_of_its_length = of(HELD + 1).with("content-length", &(HELD + 9).to_string());
    let rows: [(&str, Answer, Option<Trouble>, bool); 9] = [
        ("empty", of(0), None, true),
        ("as long as is held", of(HELD), None, true),
        ("longer", long.clone(), None, false),
        ("longer and cut off", long.clone().ending(End::Cut), None, false),
        ("longer and never ending", long.ending(End::Never), None, false),
        ("shorter than it says", short_of_its_length, None, false),
        ("of unknown length", of(9).chunked(), None, false),
        ("refused", of(9), Some(Trouble::Before(Fault::Failed)), false),
        ("hanging", of(9), Some(Trouble::Hang), false),
    ];
    for (name, answer, trouble, stored) in rows {
        check(name, &acting(), answer, trouble, stored);
    }
}

/// A stream that ends well is stored all the same; only nobody knows it in time.
#[test]
fn a_stream_that_ends_is_there_for_the_next() {
    let world = acting();
    let isolate = Isolate::new(&world);
    world.on_fetch(|_, _| Answer::new(200, "cache-control: max-age=600", vec![b'a'; HELD + 1]));
    assert!(!is_stored(&get(&isolate, API)));
    assert!(is_hit(&get(&isolate.neighbour(), API)));
}

#[test]
fn of_an_object() {
    const CONFIG: &str = r#"{"collections":[{"name":"public","prefix":"/public/"}]}"#;
    let rows = [
        ("empty", 0, None, true),
        ("as long as is held", HELD, None, true),
        ("longer", HELD + 1, None, false),
        ("refused", 9, Some(Trouble::Before(Fault::Failed)), false),
        ("hanging", 9, Some(Trouble::Hang), false),
    ];
    for (name, length, trouble, stored) in rows {
        let world = World::new();
        let folder = Folder::new(&[("/index.html", "aa")]).configured(CONFIG);
        publish(&world, "aa", "production", &folder);
        let call = "/sites/aa/collections/public/objects/x?invalidate=false";
        let body = vec![b'a'; length];
        assert_eq!(Isolate::new(&world).admin("PUT", call, &body).status, 200);
        let isolate = Isolate::new(&world);
        if let Some(trouble) = trouble {
            world.trouble(Op::StoredKeep, "", trouble);
        }
        let request = |isolate: &Isolate| isolate.ask("GET", "https://aa.cdn.test/public/x");
        let first = request(&isolate).send_only();
        world.cut_behind();
        world.heal();
        assert_eq!((first.status, first.body.len()), (200, length), "{name}");
        assert_eq!(is_stored(&first), stored, "{name}: {}", first.field("cache-status"));
        let next = request(&isolate.neighbour()).send_only();
        assert_eq!(is_hit(&next), stored, "{name}: {}", next.field("cache-status"));
    }
}

/// A file that this isolate keeps is a hit for its next request, whatever becomes of the edge tier.
#[test]
fn of_a_file() {
    let (short, long) = (vec![b'a'; HELD], vec![b'a'; HELD + 1]);
    type Vars<'a> = &'a [(&'a str, &'a str)];
    let rows: [(&str, Vars, &str, &[u8], bool); 5] = [
        ("as long as is held", &[], "GET", &short, true),
        ("longer", &[], "GET", &long, false),
        ("longer, without its body", &[], "HEAD", &long, true),
        ("nothing is kept in memory", &[("MEMORY_BYTES_MAX", "0")], "GET", b"a", false),
        ("nothing is kept, without a body", &[("MEMORY_BYTES_MAX", "0")], "HEAD", b"a", false),
    ];
    for (name, vars, method, body, stored) in rows {
        let world = World::with_vars(vars);
        publish(&world, "aa", "production", &Folder::new(&[]).bytes("/x.bin", body));
        let isolate = Isolate::new(&world);
        let request = || isolate.ask(method, "https://aa.cdn.test/x.bin");
        let first = request().send_only();
        world.cut_behind();
        assert_eq!(first.status, 200, "{name}");
        assert_eq!(is_stored(&first), stored, "{name}: {}", first.field("cache-status"));
        let next = request().send_only();
        assert_eq!(is_hit(&next), stored, "{name}: {}", next.field("cache-status"));
    }
}
