//! The path and rule vectors, every row through the whole pipeline.
//!
//! `vectors/paths.json` and `vectors/rules.json` hold what Workers Static Assets answers. Rows
//! where we answer otherwise are in `vectors/DEVIATIONS.md`, each with its reason, and are checked
//! here to be answered as it says.

use selvedge::site::config::{HtmlMode, NotFoundMode, SiteConfig};
use selvedge::site::rules::{HeaderRules, Redirects};
use selvedge::site::{headers_file, redirects_file};
use serde::Deserialize;
use std::collections::BTreeMap;

#[cfg(not(target_arch = "wasm32"))]
mod support;
use crate::support::{Ask, SiteFiles, World};

#[derive(Deserialize)]
struct Row {
    files: Vec<String>,
    html: HtmlMode,
    not_found: NotFoundMode,
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

/// Response headers that sites may not set here: see DEVIATIONS.md, 2.
const DISALLOWED: [&str; 2] = ["set-cookie", "etag"];

fn answer(row: &Row) -> crate::support::Answer {
    let mut files: Vec<&str> = row.files.iter().map(String::as_str).collect();
    if row.any_file && !files.contains(&row.path.as_str()) {
        files.push(&row.path);
    }
    let redirects =
        row.redirects_file.as_deref().map(|text| redirects_file::parse("_redirects", text).0);
    let headers = row.headers_file.as_deref().map(|text| headers_file::parse("_headers", text).0);
    let redirects = redirects.unwrap_or_default().into_iter().map(|located| located.rule);
    let headers = headers.unwrap_or_default().into_iter().map(|located| located.rule);
    let config = SiteConfig {
        html: row.html,
        not_found: row.not_found,
        redirects: Redirects::new(redirects.collect()).unwrap(),
        headers: HeaderRules::new(headers.collect()).unwrap(),
        ..SiteConfig::default()
    };
    let isolate = World::new().isolate();
    isolate.publish("www", "production", &SiteFiles::named(&files).with(config));
    let mut ask = Ask::of(&row.method, "www.cdn.test", &row.path);
    for (name, value) in &row.headers {
        ask = ask.with(name, value);
    }
    // A browser says when it navigates, which the single-page rule asks for.
    if row.not_found == NotFoundMode::SinglePageApplication {
        ask = ask.with("sec-fetch-mode", "navigate");
    }
    isolate.ask(&ask)
}

fn check(number: usize, row: &Row) {
    let name = format!("row {number}: {} {} of {:?}", row.method, row.path, row.files);
    let answer = answer(row);
    // DEVIATIONS.md, 1: OPTIONS is answered where something is.
    let status = if row.method == "OPTIONS" && row.status == 405 { 204 } else { row.status };
    assert_eq!(answer.status, status, "{name}");
    assert_eq!(answer.value("location"), row.location.as_deref(), "{name}");
    if let Some(file) = &row.serves {
        assert_eq!(&answer.text(), file, "{name}");
    }
    for (header, expected) in &row.response_headers {
        let header = header.to_lowercase();
        if !DISALLOWED.contains(&header.as_str()) {
            assert_eq!(answer.value(&header), expected.as_deref(), "{name}: {header}");
        }
    }
}

fn check_all(text: &str, count: usize) {
    let rows: Vec<Row> = serde_json::from_str(text).unwrap();
    assert_eq!(rows.len(), count);
    rows.iter().enumerate().for_each(|(number, row)| check(number, row));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_path_row() {
    check_all(include_str!("vectors/paths.json"), 131);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_rule_row() {
    check_all(include_str!("vectors/rules.json"), 20);
}
