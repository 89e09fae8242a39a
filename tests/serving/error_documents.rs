//! What stands in place of a page that can't be shown: a document for a person who goes there, a
//! line of text for everything else.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Request, Response};
use super::support::upstream::Answer;
use super::support::world::{Trouble, World};

const CONFIG: &str = r#"{"not_found":"none","actions":[
    {"prefix":"/api/","upstream":"https://up.test"}],
    "collections":[{"name":"public","prefix":"/public/"}]}"#;
/// Strings that no response may contain.
const MARK: &str = "m4rk-of-the-request";

fn world() -> World {
    let world = World::with_vars(&[("ALLOWED_ORIGINS", "https://up.test")]);
    let folder = Folder::new(&[("/index.html", "home"), ("/a.txt", "0123456789")]);
    let folder = folder.configured(CONFIG).headers_file(
        "/*\n  Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\n  X-Site: yes\n",
    );
    for stage in ["production", "sandbox"] {
        publish(&world, "aa", stage, &folder);
    }
    let published = Isolate::new(&world);
    let call = "/sites/aa/collections/public/objects/x";
    assert_eq!(published.admin("PUT", call, b"0123456789").status, 200);
    world.on_fetch(|request, _| match request.url.ends_with("/lost") {
        true => Answer::fault(Fault::Failed),
        false => Answer::fault(Fault::TimedOut),
    });
    world
}

#[track_caller]
fn check_document(name: &str, response: &Response, status: u16) {
    let shown = format!("{name}: {}", response.render());
    assert_eq!(response.status, status, "{shown}");
    assert_eq!(response.field("content-type"), "text/html; charset=utf-8", "{shown}");
    assert_eq!(response.field("cache-control"), "no-store", "{shown}");
    assert_eq!(response.field("x-content-type-options"), "nosniff", "{shown}");
    let policy = response.field("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{shown}");
    assert!(policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{shown}");
    for name in ["vary", "etag", "last-modified", "accept-ranges"] {
        assert_eq!(response.has(name), None, "{shown}");
    }
}

/// Asks as a person, as HEAD, and as everything else; the last answer comes back.
#[track_caller]
fn check(name: &str, request: &dyn Fn(&str) -> Request, method: &str, status: u16) -> Response {
    let navigate = || request(method).header("sec-fetch-mode", "navigate");
    let document = navigate().send();
    check_document(name, &document, status);
    let (text, shown) = (document.text(), document.render());
    assert!(text.starts_with("<!doctype html>"), "{shown}");
    assert!(text.contains(&format!("<small>{status} ")), "{shown}");
    assert!(!shown.contains(MARK), "{name}: {shown}");
    check_document(name, &request(method).header("accept", "text/html, */*").send(), status);
    if method == "GET" {
        let head = request("HEAD").header("sec-fetch-mode", "navigate").send();
        check_document(name, &head, status);
        let length = document.body.len().to_string();
        assert_eq!((head.field("content-length"), head.body.len()), (length.as_str(), 0));
    }
    let others: [&[(&str, &str)]; 5] = [
        &[],
        &[("accept", "*/*")],
        &[("accept", "application/json")],
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
        &[("sec-fetch-mode", "no-cors"), ("accept", "image/avif,*/*")],
    ];
    let mut last = None;
    for lines in others {
        let asked =
            lines.iter().fold(request(method), |asked, (name, value)| asked.header(name, value));
        let response = asked.send();
        let shown = format!("{name} {lines:?}: {}", response.render());
        assert_eq!(response.status, status, "{shown}");
        assert_eq!(response.field("content-type"), "text/plain; charset=utf-8", "{shown}");
        assert!(response.text().starts_with(&status.to_string()), "{shown}");
        last = Some(response);
    }
    last.unwrap()
}

#[test]
fn every_constant_has_both_forms() {
    let world = world();
    let isolate = Isolate::new(&world);
    let at = |host: &str, path: &str| {
        let (isolate, url) = (isolate.clone(), format!("https://{host}{path}"));
        move |method: &str| isolate.ask(method, &url)
    };
    let with = |path: &'static str, name: &'static str, value: &'static str| {
        let isolate = isolate.clone();
        let url = format!("https://aa.cdn.test{path}");
        move |method: &str| isolate.ask(method, &url).header(name, value)
    };
    let missing = format!("/{MARK}");
    let file = format!("/{MARK}.html?{MARK}");
    let long = format!("/{}", "a".repeat(3_000));
    check("404", &at("aa.cdn.test", &missing), "GET", 404);
    check("404 of a file", &at("aa.cdn.test", &file), "GET", 404);
    check("404 of no path", &at("aa.cdn.test", &format!("/..%2f{MARK}")), "GET", 404);
    check("404 of an object", &at("aa.cdn.test", &format!("/public/{MARK}")), "GET", 404);
    check("404 of what is reserved", &at("aa.cdn.test", "/.selvedge/v1"), "GET", 404);
    check("414", &at("aa.cdn.test", &long), "GET", 414);
    check("421", &at(&format!("{MARK}.cdn.test"), "/"), "GET", 421);
    check("400", &with("/", "host", "other.test"), "GET", 400);
    let refused = check("405", &at("aa.cdn.test", "/"), "POST", 405);
    assert_eq!(refused.field("allow"), "GET, HEAD, OPTIONS");
    check("405 of an object", &at("aa.cdn.test", "/public/x"), "POST", 405);
    check("412", &with("/a.txt", "if-match", "\"x\""), "GET", 412);
    check("412 of an object", &with("/public/x", "if-match", "\"x\""), "GET", 412);
    check("504", &at("aa.cdn.test", "/api/x"), "GET", 504);
    check("502", &at("aa.cdn.test", "/api/lost"), "GET", 502);
    check("508", &with("/api/x", "cdn-loop", "selvedge"), "GET", 508);
    let shown = check("401", &at("fresh--aa.cdn.test", "/"), "GET", 401);
    assert_eq!(shown.field("www-authenticate"), "Bearer");
    check("404 of a sandbox", &at("sandbox--aa.cdn.test", "/x"), "GET", 404);
    world.trouble(None, "", Trouble::Before(Fault::Failed));
    let cold = Isolate::new(&world);
    check("503", &move |method| cold.ask(method, "https://aa.cdn.test/"), "GET", 503);
}

/// HEAD of a range is a 200, so this one is apart.
#[test]
fn a_range_beyond_the_end() {
    let world = world();
    for path in ["a.txt", "public/x"] {
        let url = format!("https://aa.cdn.test/{path}");
        let request = || Isolate::new(&world).ask("GET", &url).header("range", "bytes=99-");
        let document = request().header("sec-fetch-mode", "navigate").send();
        check_document(path, &document, 416);
        assert_eq!(document.field("content-range"), "bytes */10");
        assert_eq!(request().send().text(), "416 Range Not Satisfiable\n");
    }
}

/// The site's own policy is not made for the document; its other headers stay.
#[test]
fn rules_of_the_site() {
    let world = world();
    let request = || Isolate::new(&world).ask("GET", "https://aa.cdn.test/x");
    let document = request().header("sec-fetch-mode", "navigate").send();
    assert_eq!(document.field("x-site"), "yes");
    let text = request().send();
    let own = "default-src 'self'; frame-ancestors 'none'";
    assert_eq!((text.field("x-site"), text.field("content-security-policy")), ("yes", own));
}

#[test]
fn pages_of_the_site_win() {
    let world = World::new();
    let page = Folder::new(&[("/index.html", "home"), ("/404.html", "the site's own")]);
    publish(&world, "aa", "production", &page);
    let application = Folder::new(&[("/index.html", "application")])
        .configured(r#"{"not_found":"single-page-application"}"#);
    publish(&world, "bb", "production", &application);
    let get = |url: &str, mode: &str| {
        Isolate::new(&world).ask("GET", url).header("sec-fetch-mode", mode).send()
    };
    for mode in ["navigate", "cors"] {
        let missing = get("https://aa.cdn.test/x", mode);
        assert_eq!((missing.status, missing.text()), (404, "the site's own"), "{mode}");
    }
    let route = get("https://bb.cdn.test/x", "navigate");
    assert_eq!((route.status, route.text()), (200, "application"));
    let script = get("https://bb.cdn.test/x.js", "no-cors");
    assert_eq!((script.status, script.text()), (404, "404 Not Found\n"));
    let posted = Isolate::new(&world).ask("POST", "https://bb.cdn.test/x");
    check_document("a form", &posted.header("sec-fetch-mode", "navigate").send(), 404);
}

#[test]
fn the_admin_api_keeps_its_json() {
    let world = world();
    for path in ["/sites/none", "/nothing"] {
        let call = Isolate::new(&world).admin_call("GET", path, b"");
        let answer = call.header("sec-fetch-mode", "navigate").header("accept", "text/html").send();
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"));
        assert_eq!(answer.field("content-type"), "application/json");
    }
}
