//! Case files, `tests/cases/*.case`: a site, and requests with their responses.
//!
//! `tests/cases/README.md` describes the format. `UPDATE_CASES=1` rewrites recorded responses.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::support::case_file::CaseFile;
use super::support::response::Isolate;
use super::support::run::{published, run};
use super::support::world::World;

const RULE: &str = "\n----------\n";

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), include_str!(concat!("../cases/", stringify!($name), ".case")));
        })*

        #[cfg(not(target_arch = "wasm32"))]
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    actions_cap
    actions_faults
    actions_purge
    actions_stale
    actions_store
    cache_status
    coalescing
    codings
    collections
    deletion
    deployment_host
    deployments
    error_documents
    forgetting
    fresh
    hosts
    hosts_custom
    https_only
    https_only_default
    invalidation
    isolation
    large_site
    lifetimes_html
    lifetimes_other
    lifetimes_sandbox
    lifetimes_short
    live_window
    media
    media_faults
    media_originals
    media_purge
    media_sources
    methods
    not_found_none
    not_found_page
    not_found_rule
    not_found_spa
    objects
    odd_requests
    preconditions
    publishing
    purge
    ranges
    redirects
    refusals
    reserved
    retained
    rules
    stages
    store_faults
    takedowns
    takedowns_hide
    tokens
    uploads
}

/// A file that is not in the list would never be run.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_case_file_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().file_name().to_str()?.strip_suffix(".case")?.into())
        })
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

/// The runner finds each mistake, and says in which line.
#[test]
fn mistakes_are_found() {
    let rows = [
        ("GET / => 404", "expected status 404"),
        ("GET / => 200 Other", "expected Other, found `Home`"),
        ("GET / => 200 !~om", "expected no `om`"),
        ("GET /\nGET / => 200 (!memory)", "expected Cache-Status (!memory)"),
        ("GET / => 200 store=0", "expected store=0, found"),
        ("GET / => 200 stores=0", "no operation `stores`"),
        ("GET / => 200\n< Vary: x", "expected `Vary: x`, found None"),
        ("GET / => 200\n< ! Date", "expected `! Date`, found Some"),
        ("admin GET /sites => 200\n< /sites = []", r#"expected [], found ["www"]"#),
        ("admin GET /sites/none", "expected an admin call that is accepted"),
        ("GET / => 200\nunlike first", "no such response"),
        ("GET /$other", "no value of `$other`"),
        ("heel all", "no such step"),
        ("mark\nremove site/www\nunchanged", "expected a store as it was at `mark`"),
        ("keys site/ =>", "found site/www"),
        ("fetches 1", "expected 1 fetches, found 0"),
        ("asked", "expected a request to an upstream"),
    ];
    for (steps, expected) in rows {
        let text = format!("# docs/\n==> /index.html\nHome\n==> test of the runner\n{steps}");
        let case = CaseFile::parse(&text);
        let error = run(&case, &case.tests[0]).err().unwrap_or_default();
        assert!(error.starts_with("line ") && error.contains(expected), "{steps}: {error}");
    }
}

#[track_caller]
fn check(name: &str, text: &str) {
    let (input, recorded) = text.split_once(RULE).unwrap_or((text.trim_end(), ""));
    let case = CaseFile::parse(input);
    if let Some(requests) = &case.asked {
        return check_recorded(name, &case, requests, input, recorded);
    }
    let failed: Vec<String> = case
        .tests
        .iter()
        .filter_map(|test| Some((test, run(&case, test).err()?)))
        .map(|(test, error)| format!("tests/cases/{name}.case, {}: {error}", test.name))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(!case.tests.is_empty(), "{name}: no tests");
}

#[track_caller]
fn check_recorded(name: &str, case: &CaseFile, requests: &str, input: &str, recorded: &str) {
    let found = responses(case, requests);
    if found == recorded || update(name, input, &found) {
        return;
    }
    let lines = found.lines().zip(recorded.lines());
    let first = lines.enumerate().find(|(_, (found, recorded))| found != recorded);
    panic!("{name}: differs first at {first:?}; UPDATE_CASES=1 rewrites it; found\n{found}");
}

#[cfg(not(target_arch = "wasm32"))]
fn update(name: &str, input: &str, found: &str) -> bool {
    if std::env::var_os("UPDATE_CASES").is_none() {
        return false;
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    std::fs::write(folder.join(format!("{name}.case")), format!("{input}{RULE}{found}")).unwrap();
    true
}

#[cfg(target_arch = "wasm32")]
fn update(_: &str, _: &str, _: &str) -> bool {
    false
}

/// The responses to requests; each is sent twice, and the warm one shown, unless it is cold.
fn responses(case: &CaseFile, requests: &str) -> String {
    let vars: Vec<_> = case.vars.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let world = World::with_vars(&vars);
    let built: Vec<_> = case.publications.iter().map(|next| published(&world, next)).collect();
    let id = built.last().unwrap().id.to_string();
    let isolate = Isolate::new(&world);
    let mut shown = String::new();
    for request in requests.split("\n\n").filter(|request| !request.trim().is_empty()) {
        let request = filled_in(&isolate, &id, request.trim_matches('\n'));
        let send = || {
            let (line, headers) = request.split_once('\n').unwrap_or((&request, ""));
            let (method, url) = line.split_once(' ').unwrap();
            let lines = headers.lines().filter_map(|line| line.split_once(": "));
            let ask = isolate.ask(method, url);
            lines.fold(ask, |ask, (name, value)| ask.header(name, value)).send()
        };
        let mut response = send();
        if !case.is_cold {
            response = send();
        }
        shown.push_str(&format!(">>> {request}\n{}\n", response.render()));
    }
    shown.replace(&id, "<deployment>")
}

/// A request with `<deployment>` and `<etag PATH CODING>` replaced by their values.
fn filled_in(isolate: &Isolate, id: &str, request: &str) -> String {
    let mut request = request.replace("<deployment>", id);
    while let Some((before, rest)) = request.split_once("<etag ") {
        let (words, after) = rest.split_once('>').unwrap();
        let (path, coding) = words.split_once(' ').unwrap_or((words, "identity"));
        let url = format!("https://www.cdn.test{path}");
        let ask = isolate.neighbour().ask("HEAD", &url).header("accept-encoding", coding);
        let tag = ask.send().field("etag").trim_matches('"').to_owned();
        request = format!("{before}{tag}{after}");
    }
    request
}
