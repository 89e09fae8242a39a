//! The table of calls of the admin API, row by row: methods, tokens, and what is in no row.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::admin::calls::{Access, CALLS, Call};
use selvedge::site::ids::ContentHash;
use selvedge::site::records::site::Scope;

use serde_json::json;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request};
use super::support::world::{ROOT_TOKEN, World};

const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "get"];

fn world() -> World {
    let world = World::new();
    let folder = Folder::new(&[("/index.html", "home")]);
    publish(&world, "www", "production", &folder);
    publish(&world, "other", "production", &folder);
    world
}

/// Makes a token of a site.
fn token(world: &World, site: &str, scope: Scope) -> String {
    let body = json!({"name": "test", "scopes": [scope]}).to_string();
    let call = format!("/sites/{site}/tokens");
    let made = Isolate::new(world).admin("POST", &call, body.as_bytes());
    made.json()["token"].as_str().unwrap().to_owned()
}

/// Returns a path of the table with valid values for its parameters.
fn filled(path: &str) -> String {
    let hash = ContentHash::of(b"x").hex();
    let values = [
        ("{site}", "www"),
        ("{token}", "none"),
        ("{key}", "none"),
        ("{host}", "www.example.com"),
        ("{hash}", hash.as_str()),
        ("{deployment}", "dabcdefghijklmnopqrstuvwxy"),
        ("{stage}", "production"),
        ("{collection}", "public"),
        ("{+object}", "a/b"),
    ];
    let path = values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "{path}");
    path
}

fn request(world: &World, method: &str, path: &str, token: Option<&str>) -> Request {
    let url = format!("https://cdn.test/.selvedge/{}", filled(path));
    let request = Isolate::new(world).ask(method, &url);
    match token {
        Some(token) => request.header("authorization", &format!("Bearer {token}")),
        None => request,
    }
}

fn calls_of(path: &str) -> Vec<&'static Call> {
    CALLS.iter().filter(|call| call.path == path).collect()
}

#[test]
fn methods_that_are_in_no_row_are_refused_with_those_that_are() {
    let world = world();
    let before = world.snapshot();
    for call in CALLS {
        let methods: Vec<&str> =
            calls_of(call.path).iter().map(|call| call.method.as_str()).collect();
        let is_there = |method: &&str| {
            methods.contains(method) || (*method == "HEAD" && methods.contains(&"GET"))
        };
        for method in METHODS.into_iter().filter(|method| !is_there(method)) {
            let refused = request(&world, method, call.path, Some(ROOT_TOKEN)).send();
            let shown = format!("{method} {}: {}", call.path, refused.render());
            assert_eq!(refused.status, 405, "{shown}");
            assert_eq!(refused.field("allow"), methods.join(", "), "{shown}");
        }
    }
    assert!(world.snapshot() == before);
}

#[test]
fn paths_that_are_in_no_row_are_not_found() {
    let world = world();
    let before = world.snapshot();
    let others = ["", "v2", "v1/", "v1/nothing", "health/x", "v1/sites/www/nothing"];
    let longer = CALLS.iter().filter(|call| !call.path.contains("objects"));
    let longer = longer.map(|call| format!("{}/x/y", call.path));
    for path in others.map(str::to_owned).into_iter().chain(longer) {
        for method in METHODS {
            let of = |token| request(&world, method, &path, token).send();
            let found = of(Some(ROOT_TOKEN));
            assert_eq!(found.status, 404, "{method} {path}: {}", found.render());
            let expected = if path.starts_with("v1") { 401 } else { 404 };
            assert_eq!(of(None).status, expected, "{method} {path}");
        }
    }
    // Another spelling of a path is another path.
    for path in ["v1/%73ites", "v1//sites", "v1/sites/%77ww", "%68ealth"] {
        assert_eq!(request(&world, "GET", path, Some(ROOT_TOKEN)).send().status, 404, "{path}");
    }
    assert!(world.snapshot() == before);
}

#[test]
fn every_row_is_open_to_its_callers_only() {
    let world = world();
    let scopes = [Scope::Publish, Scope::Purge, Scope::Write, Scope::Read];
    let own = scopes.map(|scope| (scope, token(&world, "www", scope)));
    let others = scopes.map(|scope| token(&world, "other", scope));
    let before = world.snapshot();
    for call in CALLS {
        let status = |token| {
            let answer = request(&world, call.method.as_str(), call.path, token).send();
            world.restore(&before);
            answer.status
        };
        let shown = format!("{} {}", call.method, call.path);
        let is_refused = |token| [401, 403].contains(&status(token));
        assert_eq!(status(None) == 401, call.access != Access::Anyone, "{shown}");
        assert_eq!(status(Some("wrong")) == 401, call.access != Access::Anyone, "{shown}");
        assert!(!is_refused(Some(ROOT_TOKEN)), "{shown}");
        for (scope, token) in &own {
            let opens = match call.access {
                Access::Anyone | Access::AnyToken => true,
                Access::Scope(Scope::Read) => matches!(scope, Scope::Read | Scope::Publish),
                Access::Scope(needed) => needed == *scope,
                Access::Root => false,
            };
            assert_eq!(is_refused(Some(token)), !opens, "{shown} with {scope:?}");
        }
        for token in &others {
            let opens = matches!(call.access, Access::Anyone | Access::AnyToken);
            assert_eq!(is_refused(Some(token)), !opens, "{shown} of another site");
        }
    }
}

/// HEAD changes nothing, and needs what GET needs.
#[test]
fn head_is_get() {
    let world = world();
    let read = token(&world, "www", Scope::Read);
    let publish = token(&world, "www", Scope::Publish);
    let before = world.snapshot();
    for call in CALLS.iter().filter(|call| call.method == "GET") {
        for token in [ROOT_TOKEN, &publish, &read] {
            let of = |method| request(&world, method, call.path, Some(token)).send();
            let (head, get) = (of("HEAD"), of("GET"));
            assert_eq!(head.status, get.status, "{}", call.path);
            assert_eq!(head.has("content-type"), get.has("content-type"), "{}", call.path);
        }
    }
    assert_eq!(request(&world, "HEAD", "v1/sites/{site}", Some(ROOT_TOKEN)).send().status, 200);
    assert!(world.snapshot() == before);
}
