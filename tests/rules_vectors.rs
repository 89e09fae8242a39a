//! `vectors/rules.json`: the behaviour of Workers Static Assets for `_headers` and `_redirects`.
//!
//! Only rules are tested here; the pipeline's tests make whole requests.

use std::collections::BTreeMap;

use selvedge::site::rules::header_policy::is_disallowed;
use selvedge::site::rules::{HeaderRules, RedirectOutcome, Redirects};
use selvedge::site::source::diagnostic::Severity;
use selvedge::site::source::{headers_file, redirects_file};
use selvedge::wire::headers::Headers;
use selvedge::wire::path::RequestPath;

#[derive(serde::Deserialize)]
struct Vector {
    headers_file: Option<String>,
    redirects_file: Option<String>,
    path: String,
    status: u16,
    location: Option<String>,
    serves: Option<String>,
    response_headers: BTreeMap<String, Option<String>>,
}

#[test]
fn vectors_are_matched() {
    let rows: Vec<Vector> = serde_json::from_str(include_str!("vectors/rules.json")).unwrap();
    assert!(rows.len() >= 20);
    for (index, row) in rows.iter().enumerate() {
        let path = RequestPath::parse(&row.path).unwrap();
        if let Some(text) = &row.redirects_file {
            check_redirect(index, row, text, path.decoded());
        }
        if let Some(text) = &row.headers_file {
            check_headers(index, row, text, path.decoded());
        }
    }
}

#[track_caller]
fn check_redirect(index: usize, row: &Vector, text: &str, path: &str) {
    let redirects_file::RedirectsFile { rules, fallbacks, diagnostics } =
        redirects_file::parse("_redirects", text);
    assert!(fallbacks.is_empty(), "row {index}: {fallbacks:?}");
    assert!(diagnostics.is_empty(), "row {index}: {diagnostics:?}");
    let redirects = Redirects::new(rules.into_iter().map(|located| located.rule).collect());
    let outcome = redirects.unwrap().resolve("fakehost", path, None);
    let expected = match (&row.location, &row.serves) {
        (Some(location), _) => {
            Some(RedirectOutcome::Location { status: row.status, location: location.clone() })
        }
        (None, Some(file)) if *file != row.path && row.path != "/" => {
            Some(RedirectOutcome::Rewrite { path: file.clone() })
        }
        _ => None,
    };
    assert_eq!(outcome, expected, "row {index}: {}", row.path);
}

#[track_caller]
fn check_headers(index: usize, row: &Vector, text: &str, path: &str) {
    let (lines, diagnostics) = headers_file::parse("_headers", text);
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    assert_eq!(errors.count(), 0, "row {index}: {diagnostics:?}");
    let rules = HeaderRules::new(lines.rules.into_iter().map(|located| located.rule).collect());
    let mut headers = Headers::new();
    rules.unwrap().apply("fakehost", path, None, false, &mut headers);
    for (name, expected) in &row.response_headers {
        let name = name.to_ascii_lowercase();
        // The parser warns about headers that belong to the server.
        if !is_disallowed(&name) {
            assert_eq!(headers.value(&name), expected.as_deref(), "row {index}: {name}");
        }
    }
}

#[test]
fn mistakes_are_reported_with_their_line() {
    let found = redirects_file::parse("_redirects", "/old/* /new/:splat 301\n/a /b 418\n");
    assert_eq!(found.rules.len(), 1);
    let printed = found.diagnostics[0].to_string();
    assert!(printed.starts_with("_redirects:2: 418 is not the status of a redirect"), "{printed}");
    let text = "/docs/*\n  X-Frame-Options: DENY\n  ! Server\n";
    let (lines, diagnostics) = headers_file::parse("_headers", text);
    assert_eq!(lines.rules.len(), 1);
    let printed = diagnostics[0].to_string();
    assert!(printed.starts_with("_headers:3: warning: the header `server` can't be changed"));
}
