//! Two sites with the same paths never share a byte, whatever is asked and however.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::{Op, World};

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

#[test]
fn the_same_content_is_stored_and_read_for_each() {
    let world = two_sites();
    for site in ["aa", "bb"] {
        world.take_log();
        let host = format!("{site}.cdn.test");
        assert_eq!(Isolate::new(&world).get(&host, "/same.txt").text(), "the same in both");
        let log = world.take_log();
        assert!(log.iter().any(|op| op.op == Op::Hold && site_of(&op.key) == site), "{log:?}");
    }
}

#[test]
fn a_deployment_of_one_site_is_nothing_on_another() {
    let world = two_sites();
    let built = folder("aa").build();
    let isolate = Isolate::new(&world);
    assert_eq!(isolate.get(&format!("{}--aa.cdn.test", built.id), "/").text(), "aa");
    assert_eq!(isolate.get(&format!("{}--bb.cdn.test", built.id), "/").status, 421);
    let body = format!("{{\"deployment\":\"{}\"}}", built.id);
    let call = "/sites/bb/stages/production/activate";
    assert_eq!(isolate.admin("POST", call, body.as_bytes()).status, 404);
}

#[test]
fn no_other_header_and_no_query_changes_anything() {
    let world = two_sites();
    let headers = [
        ("X-Forwarded-Host", "bb.cdn.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Original-URL", "/.selvedge/v1/sites"),
        ("X-Rewrite-URL", "/page"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Forwarded", "host=bb.cdn.test;proto=http"),
        ("Cookie", "stage=staging"),
        ("Authorization", "Bearer x"),
        ("Cache-Control", "no-cache, no-store"),
        ("Pragma", "no-cache"),
        ("Origin", "https://evil.test"),
        ("CF-Connecting-IP", "127.0.0.1"),
        ("Selvedge-Deployment", "dabcdefghijklmnopqrstuvwxy"),
    ];
    let isolate = Isolate::new(&world);
    for path in PATHS {
        let plain = isolate.get("aa.cdn.test", path).lasting();
        let url = format!("https://aa.cdn.test{path}");
        for (name, value) in headers {
            let with = isolate.ask("GET", &url).header(name, value).send();
            assert_eq!(with.lasting(), plain, "{path} with {name}");
        }
        for query in ["?", "?x=1", "?stage=staging", "?utm_source=a&path=/page", "?%00"] {
            let mut with = isolate.ask("GET", &format!("{url}{query}")).send().lasting();
            for (name, value) in &mut with.headers {
                if name == "location" {
                    *value = value.split('?').next().unwrap().to_owned();
                }
            }
            assert_eq!(with, plain, "{path} with {query}");
        }
    }
}
