//! The vectors of paths and rules, run through the whole pipeline.
//!
//! `vectors/paths.json` and `vectors/rules.json` hold what Workers Static Assets answers. Where we
//! answer otherwise, `vectors/DEVIATIONS.md` says so with its reason, and the rows are checked here
//! to be answered as it says.

use std::collections::BTreeMap;

use serde::Deserialize;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::World;

#[derive(Deserialize)]
struct Row {
    files: Vec<String>,
    html: String,
    not_found: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    status: u16,
    location: Option<String>,
    serves: Option<String>,
    #[serde(default)]
    any_file: bool,
    #[serde(default)]
    headers_file: Option<String>,
    #[serde(default)]
    redirects_file: Option<String>,
    #[serde(default)]
    response_headers: BTreeMap<String, Option<String>>,
}

/// Response headers that sites may not set here: DEVIATIONS.md, 2.
const DISALLOWED: [&str; 2] = ["set-cookie", "etag"];

#[test]
fn every_path_row() {
    check_all(include_str!("../vectors/paths.json"), 131);
}

#[test]
fn every_rule_row() {
    check_all(include_str!("../vectors/rules.json"), 20);
}

fn check_all(text: &str, count: usize) {
    let rows: Vec<Row> = serde_json::from_str(text).unwrap();
    assert_eq!(rows.len(), count);
    rows.iter().enumerate().for_each(|(number, row)| check(number, row));
}

fn check(number: usize, row: &Row) {
    let name = format!("row {number}: {} {} of {:?}", row.method, row.path, row.files);
    let response = response(row);
    // DEVIATIONS.md, 1: OPTIONS is answered where something is.
    let status = if row.method == "OPTIONS" && row.status == 405 { 204 } else { row.status };
    assert_eq!(response.status, status, "{name}");
    assert_eq!(response.has("location"), row.location.as_deref(), "{name}");
    if let Some(file) = &row.serves {
        assert_eq!(response.text(), file, "{name}");
    }
    for (header, expected) in &row.response_headers {
        let header = header.to_lowercase();
        if !DISALLOWED.contains(&header.as_str()) {
            assert_eq!(response.has(&header), expected.as_deref(), "{name}: {header}");
        }
    }
}

fn response(row: &Row) -> Response {
    let asked_for = row.any_file.then_some(&row.path);
    let files = row.files.iter().chain(asked_for);
    let folder = files.fold(Folder::default(), |folder, path| folder.file(path, path));
    let config = serde_json::json!({ "html": row.html, "not_found": row.not_found });
    let mut folder = folder.configured(&config.to_string());
    if let Some(text) = &row.headers_file {
        folder = folder.headers_file(text);
    }
    if let Some(text) = &row.redirects_file {
        folder = folder.redirects_file(text);
    }
    let world = World::new();
    publish(&world, "www", "production", &folder);
    let url = format!("https://www.cdn.test{}", row.path);
    let mut request = Isolate::new(&world).ask(&row.method, &url);
    for (name, value) in &row.headers {
        request = request.header(name, value);
    }
    // DEVIATIONS.md, 3: a page of a single-page application is for navigations.
    if row.not_found == "single-page-application" {
        request = request.header("sec-fetch-mode", "navigate");
    }
    request.send()
}
