//! The site that ships: what its names and its policy promise. Whether it is served well is judged end to end.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge::publish::fingerprint::judge;
use selvedge::site::deployment::asset::Class;
use sha2::{Digest, Sha256};

fn www() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("www")
}

fn text(name: &str) -> String {
    fs::read_to_string(www().join(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// Every value of `name="…"` in a page.
fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!(" {name}=\"");
    page.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn fingerprints_are_those_of_the_content() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(www().join("assets")).expect("www/assets is a folder") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        let digest = Sha256::digest(fs::read(&path).expect("the file can be read"));
        let expected: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        let fingerprint = name.split('.').nth(1);
        assert_eq!(fingerprint, Some(expected.as_str()), "rename {name} after its content");
        seen.push(format!("/assets/{name}"));
    }
    assert_eq!(seen.len(), 2, "one script and one style sheet");
    let paths: Vec<&str> = seen.iter().map(String::as_str).collect();
    let classes = judge(&paths, &HashSet::new());
    assert_eq!(classes, [Class::Fingerprinted; 2], "browsers keep {seen:?} for a year");
}

#[test]
fn pages_name_only_what_is_published() {
    for page_name in ["index.html", "404.html"] {
        let page = text(page_name);
        for link in attribute(&page, "href").into_iter().chain(attribute(&page, "src")) {
            let known = link.starts_with('#')
                || link == "/"
                || link == "/no-such-page"
                || www().join(link.trim_start_matches('/')).is_file();
            assert!(known, "{page_name} names {link}, which is not there");
        }
    }
}

#[test]
fn pages_satisfy_their_own_policy() {
    assert!(text("_headers").contains("Content-Security-Policy: default-src 'none'"));
    for page_name in ["index.html", "404.html"] {
        let page = text(page_name);
        for forbidden in ["<style", " style=", "<script>", " onclick=", "javascript:", "//"] {
            assert!(
                !page.contains(forbidden) || is_example(&page, forbidden),
                "{page_name}: {forbidden}"
            );
        }
    }
}

/// The one address in the text: what to type into a terminal when scripts are off.
fn is_example(page: &str, forbidden: &str) -> bool {
    forbidden == "//" && page.matches("//").count() == page.matches("curl -sI http://").count()
}
