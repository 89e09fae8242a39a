//! Two sites never share a byte, a key or a token, whatever a client sends.

use std::collections::BTreeMap;
use std::rc::Rc;

#[cfg(not(target_arch = "wasm32"))]
mod support;
use crate::support::{Answer, Ask, BASE, Isolate, ROOT, SiteFiles, World};

const PATHS: [&str; 5] =
    ["/index.html", "/a.html", "/dir/index.html", "/app.3f2a91bc.js", "/404.html"];

fn site(mark: &str) -> SiteFiles {
    let texts: Vec<String> = PATHS.iter().map(|path| format!("{mark} {path}")).collect();
    let files: Vec<(&str, &str)> =
        PATHS.iter().copied().zip(texts.iter().map(String::as_str)).collect();
    SiteFiles::of(&files)
}

fn two_sites() -> (World, Isolate) {
    let world = World::new();
    let isolate = world.isolate();
    isolate.publish("aa", "production", &site("MARK-A"));
    isolate.publish("bb", "production", &site("MARK-B"));
    (world, isolate)
}

fn requests() -> Vec<(&'static str, &'static str)> {
    vec![
        ("GET", "/"),
        ("GET", "/a"),
        ("GET", "/a.html"),
        ("GET", "/dir/"),
        ("GET", "/app.3f2a91bc.js"),
        ("GET", "/app.00000000f.js"),
        ("HEAD", "/"),
        ("GET", "/nothing/here"),
        ("GET", "/bb/index.html"),
        ("GET", "/../bb/"),
        ("GET", "/%2e%2e/bb/a"),
        ("GET", "//bb.cdn.test/a"),
        ("POST", "/a"),
        ("OPTIONS", "/a"),
    ]
}

fn answers(isolate: &Isolate, host: &str) -> Vec<Answer> {
    let ask = |(method, path): (&str, &str)| isolate.ask(&Ask::of(method, host, path)).lasting();
    requests().into_iter().map(ask).collect()
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn no_answer_of_one_site_depends_on_the_other() {
    let (world, _) = two_sites();
    let before = answers(&world.isolate(), "aa.cdn.test");
    assert!(before.iter().all(|answer| !answer.text().contains("MARK-B")));
    let noise = |(key, bytes): (String, Rc<Vec<u8>>)| {
        let of_b = key.split('/').nth(1) == Some("bb");
        (key, if of_b { Rc::new(vec![0xa5; 99]) } else { bytes })
    };
    let store: BTreeMap<_, _> = world.store().into_iter().map(noise).collect();
    world.set_store(store);
    world.empty_edge();
    assert_eq!(answers(&world.isolate(), "aa.cdn.test"), before);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_key_that_is_touched_is_the_sites_own() {
    let (world, _) = two_sites();
    world.take_log();
    answers(&world.isolate(), "aa.cdn.test");
    world.run_behind();
    let log = world.take_log();
    assert!(!log.is_empty());
    for op in log {
        assert_eq!(op.key.split('/').nth(1), Some("aa"), "{op:?}");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn what_is_no_part_of_the_question_changes_nothing() {
    let (_, isolate) = two_sites();
    let fields = [
        ("x-forwarded-host", "bb.cdn.test"),
        ("x-original-url", "/nope"),
        ("x-http-method-override", "POST"),
        ("forwarded", "host=bb.cdn.test"),
        ("x-site", "bb"),
        ("cookie", "site=bb; stage=sandbox"),
        ("origin", "https://evil.example"),
        ("user-agent", "other"),
        ("accept-language", "xx"),
        ("authorization", "Bearer nope"),
        ("content-length", "5"),
    ];
    for (method, path) in requests() {
        let plain = isolate.ask(&Ask::of(method, "aa.cdn.test", path)).lasting();
        for (name, value) in fields {
            let ask = Ask::of(method, "aa.cdn.test", path).with(name, value);
            assert_eq!(isolate.ask(&ask).lasting(), plain, "{method} {path} with {name}");
        }
    }
    let plain = isolate.get("aa.cdn.test", "/a").lasting();
    for query in ["?utm=1", "?a=1;b=2", "?__rel=x", "?//evil.example", "?"] {
        assert_eq!(isolate.get("aa.cdn.test", &format!("/a{query}")).lasting(), plain, "{query}");
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn hosts_of_nobody_get_nothing_of_anybody() {
    let (world, isolate) = two_sites();
    let hosts = [
        ("nosuch.cdn.test", 421),
        ("b.aa.cdn.test", 421),
        ("evil.example", 421),
        ("aa.cdn.test.evil.example", 421),
        ("fresh--aa.cdn.test", 421),
        ("sandbox--aa.cdn.test", 421),
        ("daaaaaaaaaaaaaaaaaaaaaaaaa--aa.cdn.test", 421),
        ("cdn.test", 421),
        ("_internal.cdn.test", 400),
        ("*.cdn.test", 400),
        (".cdn.test", 400),
        ("aa.cdn.test@bb.cdn.test", 400),
        ("aa.cdn.test\u{ff0e}x", 400),
        ("2130706433", 400),
    ];
    for (host, status) in hosts {
        let answer = isolate.get(host, "/");
        assert_eq!(answer.status, status, "{host}");
        assert!(!answer.text().contains("MARK"), "{host}");
        assert_eq!(answer.value("cache-control"), Some("no-store"), "{host}");
    }
    world.take_log();
    isolate.get("_internal.cdn.test", "/");
    assert!(world.take_log().is_empty(), "a host that can't be is not looked up");
    for spelling in ["AA.cdn.test", "aa.cdn.test.", "aa.cdn.test:80", "aA.CDN.TEST.:80"] {
        assert_eq!(isolate.get(spelling, "/").text(), "MARK-A /index.html", "{spelling}");
    }
    let disagreeing = Ask::get("aa.cdn.test", "/").with("host", "bb.cdn.test");
    assert_eq!(isolate.ask(&disagreeing).status, 400);
}

fn token(isolate: &Isolate, site: &str, scope: &str) -> String {
    let body = format!("{{\"name\":\"{scope}\",\"scopes\":[\"{scope}\"]}}");
    let answer = isolate.call("POST", &format!("/sites/{site}/tokens"), ROOT, body.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_token_opens_its_site_for_its_scopes_and_nothing_else() {
    let (world, isolate) = two_sites();
    let id = site("MARK-A").build().id;
    let activate = format!("{{\"deployment\":\"{id}\"}}");
    // Method, path, body, and the scopes that open it; root opens everything.
    let calls: &[(&str, &str, &str, &[&str])] = &[
        ("GET", "", "", &["publish", "purge", "write", "read"]),
        ("GET", "/sites", "", &[]),
        ("GET", "/sites/aa", "", &["publish", "read"]),
        ("PUT", "/sites/aa", "", &[]),
        ("GET", "/sites/aa/tokens", "", &[]),
        ("GET", "/sites/aa/hosts", "", &[]),
        ("PUT", "/sites/aa/hosts/www.example.com", "", &[]),
        ("DELETE", "/sites/aa/hosts/www.example.com", "", &[]),
        ("GET", "/sites/aa/deployments", "", &["publish", "read"]),
        ("GET", "/sites/aa/stages/production", "", &["publish", "read"]),
        ("POST", "/sites/aa/blobs/missing", "{\"prefix\":\"\",\"hashes\":[]}", &["publish"]),
        ("POST", "/sites/aa/blobs", "", &["publish"]),
        ("POST", "/sites/aa/stages/production/activate", &activate, &["publish"]),
        ("POST", "/sites/aa/promote", "{\"from\":\"production\",\"to\":\"next\"}", &["publish"]),
    ];
    for scope in ["publish", "purge", "write", "read"] {
        let (own, other) = (token(&isolate, "aa", scope), token(&isolate, "bb", scope));
        for (method, path, body, scopes) in calls {
            let before = world.store();
            let status = isolate.call(method, path, &own, body.as_bytes()).status;
            let expected = if scopes.contains(&scope) { 200 } else { 403 };
            assert_eq!(status, expected, "{method} {path} with {scope}");
            if !path.is_empty() {
                let before = if status == 403 { before } else { world.store() };
                let status = isolate.call(method, path, &other, body.as_bytes()).status;
                assert_eq!(status, 403, "{method} {path} with the other site's {scope}");
                assert_eq!(world.store(), before, "a refused call changes nothing");
            }
        }
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn without_a_valid_token_nobody_can_tell_which_sites_exist() {
    let (_, isolate) = two_sites();
    let valid = token(&isolate, "aa", "read");
    let stranger = |authorization: &str, site: &str| {
        let path = format!("/.selvedge/v1/sites/{site}");
        isolate.ask(&Ask::get(BASE, &path).with("authorization", authorization))
    };
    let forged = valid.replace("slv_aa_", "slv_bb_");
    let long = format!("Bearer {}", "a".repeat(65_000));
    for authorization in ["", "Bearer", "Bearer nope", "Basic x", &forged, &long, "Bearer *"] {
        let there = stranger(authorization, "aa");
        assert_eq!(there.status, 401, "{authorization}");
        assert_eq!(there.value("www-authenticate"), Some("Bearer"));
        assert_eq!(there, stranger(authorization, "nosuch"), "{authorization}");
    }
    let valid = format!("Bearer {valid}");
    assert_eq!(stranger(&valid, "bb"), stranger(&valid, "nosuch"), "a token of another site");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn the_admin_api_is_on_the_base_host_only() {
    let (_, isolate) = two_sites();
    for path in
        ["/.selvedge", "/.selvedge/", "/.selvedge/v1", "/.selvedge/health", "/%2eselvedge/v1"]
    {
        let answer = isolate.get("aa.cdn.test", path);
        assert_eq!((answer.status, answer.text().as_str()), (404, "404 Not Found\n"), "{path}");
    }
    assert_eq!(isolate.get(BASE, "/.selvedge/health").status, 200);
    let canonical = isolate.call("GET", "/sites/aa", ROOT, b"");
    assert_eq!(canonical.status, 200);
    for path in ["/sites//aa", "/sites/%61a", "/sites/aa/", "/sites/bb/%2e%2e/aa", "/SITES/aa"] {
        assert_eq!(isolate.call("GET", path, ROOT, b"").status, 404, "{path}");
    }
}
