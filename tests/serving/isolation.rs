//! Two sites with the same paths never share a byte, whatever is asked and however.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::World;

const PATHS: [&str; 6] = ["/", "/page", "/page.html", "/app.0123abcd.js", "/missing", "/old"];

fn folder(site: &str) -> Folder {
    Folder::new(&[
        ("/index.html", site),
        ("/page.html", &format!("page of {site}")),
        ("/app.0123abcd.js", &format!("{site}()")),
        ("/404.html", &format!("not in {site}")),
        ("/same.txt", "the same in both"),
    ])
    .redirects_file(&format!("/old /of-{site}"))
}

fn two_sites() -> World {
    let world = World::new();
    for site in ["aa", "bb"] {
        for stage in ["production", "staging"] {
            publish(&world, site, stage, &folder(site));
        }
    }
    world.take_log();
    world
}

fn site_of(key: &str) -> &str {
    key.split('/').nth(1).unwrap_or_default()
}

fn answers(isolate: &Isolate, site: &str) -> Vec<Response> {
    let hosts = [format!("{site}.cdn.test"), format!("staging--{site}.cdn.test")];
    let asked = hosts.iter().flat_map(|host| PATHS.iter().map(move |path| (host, path)));
    asked.map(|(host, path)| isolate.get(host, path).lasting()).collect()
}

#[test]
fn keys_read_for_a_site_are_its_own() {
    let world = two_sites();
    for site in ["aa", "bb"] {
        answers(&Isolate::new(&world), site);
        for logged in world.take_log() {
            assert_eq!(site_of(&logged.key), site, "{logged:?}");
        }
    }
}

#[test]
fn what_another_site_holds_changes_nothing() {
    let world = two_sites();
    let before = answers(&Isolate::new(&world), "aa");
    for key in world.keys("") {
        if site_of(&key) == "bb" {
            let noise: Vec<u8> = (0..world.chance() % 999).map(|_| world.chance() as u8).collect();
            world.store(&key, &noise);
        }
    }
    let isolate = Isolate::new(&world);
    answers(&isolate, "bb");
    assert_eq!(answers(&isolate, "aa"), before);
}

#[test]
fn one_isolate_serves_both_apart() {
    let world = two_sites();
    let (of_a, of_b) = (Isolate::new(&world), Isolate::new(&world));
    let (of_a, of_b) = (answers(&of_a, "aa"), answers(&of_b, "bb"));
    let shared = Isolate::new(&world);
    for _ in 0..3 {
        assert_eq!(answers(&shared, "aa"), of_a);
        assert_eq!(answers(&shared, "bb"), of_b);
    }
    for (a, b) in of_a.iter().zip(&of_b) {
        assert_ne!(a.field("selvedge-deployment"), b.field("selvedge-deployment"), "{a:?}");
    }
}
