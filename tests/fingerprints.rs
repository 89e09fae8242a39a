//! Recognition of fingerprinted file names: listings of real builds, ordinary names, random ones.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use selvedge::publish::fingerprint::judge;
use selvedge::site::deployment::asset::Class;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// Returns the paths that count as fingerprinted.
fn fingerprinted(paths: &[String]) -> HashSet<String> {
    let listed: Vec<&str> = paths.iter().map(String::as_str).collect();
    let classes = judge(&listed, &HashSet::new());
    let is_yes = |(_, class): &(&String, Class)| *class == Class::Fingerprinted;
    paths.iter().zip(classes).filter(is_yes).map(|(path, _)| path.clone()).collect()
}

/// Listings of real builds, with `H` before each path that has a hash of the content.
#[test]
fn builds_of_frameworks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks/listings");
    let mut listings = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rows: Vec<(bool, String)> = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(mark, path)| (mark == "H", format!("/{path}")))
            .filter(|(_, path)| !path.ends_with(".html"))
            .collect();
        let paths: Vec<String> = rows.iter().map(|(_, path)| path.clone()).collect();
        let found = fingerprinted(&paths);
        let wrong: Vec<_> =
            rows.iter().filter(|(hashed, path)| !hashed && found.contains(path)).collect();
        assert!(wrong.is_empty(), "{name}: taken for fingerprinted: {wrong:?}");
        let hashed = rows.iter().filter(|(hashed, _)| *hashed).count();
        let missed: Vec<_> =
            rows.iter().filter(|(hashed, path)| *hashed && !found.contains(path)).collect();
        assert!(missed.len() * 100 <= hashed, "{name}: missed of {hashed}: {missed:?}");
        listings += 1;
    }
    assert!(listings >= 20, "{listings} listings");
}

/// Names found below `/usr/share`, in Python's library and in crates, folder by folder.
#[test]
fn names_of_other_projects_are_not_recognised() {
    let paths: Vec<String> =
        fixture("fingerprints/ordinary.txt").lines().map(String::from).collect();
    assert!(paths.len() >= 10_000);
    let found = fingerprinted(&paths);
    assert!(found.is_empty(), "{found:?}");
    // Also beside scripts with hashes, as in a bundler's folder into which others were copied.
    let text = fixture("frameworks/listings/vite.txt");
    let hashed = text.lines().filter_map(|line| line.strip_prefix("H\tassets/"));
    let hashed: Vec<String> = hashed.map(|name| format!("/0/{name}")).collect();
    let beside = paths.iter().filter(|path| path.starts_with("/0/"));
    let both: Vec<String> = hashed.iter().chain(beside).cloned().collect();
    let found = fingerprinted(&both);
    let wrong: Vec<_> = found.iter().filter(|path| !hashed.contains(path)).collect();
    assert!(wrong.is_empty() && both.len() > hashed.len(), "{wrong:?}");
    assert!(found.len() * 100 >= hashed.len() * 99, "{} of {}", found.len(), hashed.len());
}

/// Names that earlier versions wrongly recognised.
#[test]
fn ordinary_names_are_not_recognised() {
    let names = "Chapter10.pdf Invoice2024.pdf Screenshot1.png iPhone15Pro.jpg userProfile2.js \
                 NotoSans2.woff2 decade90.css report-20260131.pdf jquery-3.7.1.min.js \
                 bootstrap-datepicker.js app-DataGrid.js app-settings.js lib-K8sProxy.js \
                 x-IPv4Addr.js aws-S3Client.js deadbeef.js report-12345678.csv \
                 photo-1700000000.jpg 550e8400-e29b-41d4-a716-446655440000.png x-Q3-2026FY.pdf";
    let names: Vec<&str> = names.split(' ').collect();
    for name in &names {
        for folder in ["", "/assets", "/files"] {
            let paths = [format!("{folder}/{name}"), format!("{folder}/style.css")];
            assert!(fingerprinted(&paths).is_empty(), "{folder}/{name}");
        }
    }
    let all: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
    assert!(fingerprinted(&all).is_empty());
}

/// Names as long as a hash, beside files with one after a hyphen.
#[test]
fn hashes_after_a_hyphen_say_nothing_about_whole_names() {
    let hashed = ["/assets/index-D_zS66pC.js", "/assets/form-DiwrgTda.js"].map(String::from);
    let names = ["print-A4.css", "Header-2.js", "UserList.js", "IPv4-FAQ.js", "IPv4-FAQ.pdf"];
    for name in names {
        let paths = [&hashed[..], &[format!("/assets/{name}")]].concat();
        assert_eq!(fingerprinted(&paths), HashSet::from(hashed.clone()), "{name}");
    }
    let sizes = ["/css/print-A4.css", "/css/print-A5.css"].map(String::from);
    assert!(fingerprinted(&sizes).is_empty());
}

#[test]
fn documents_count_only_beside_hashed_scripts() {
    let sha = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let rows = [
        ("/files/report-HASH.pdf", "/assets/app-D_zS66pC.js", false),
        ("/assets/files/report-HASH.pdf", "/assets/js/app.3f2a91bc.js", true),
        ("/assets/report-HASH.pdf", "/assets/app-D_zS66pC.js", true),
        ("/report-HASH.pdf", "/app-D_zS66pC.js", true),
        ("/files/photo-HASH.png", "/app-D_zS66pC.js", false),
        ("/assets/images/photo-HASH.png", "/assets/js/app.3f2a91bc.js", true),
    ];
    for (path, script, expected) in rows {
        let path = path.replace("HASH", sha);
        let found = fingerprinted(&[path.clone(), script.to_owned()]);
        assert_eq!(found.contains(&path), expected, "{path} and {script}");
        assert!(found.contains(script), "{script}");
    }
}

#[test]
fn only_uncertain_scripts_outlive_their_deployment() {
    let rows: [(Class, &[&str]); 3] = [
        (Class::Retained, &["index-DiwrgTda.js", "index-DiwrgTda.js.map", "inter-DiwrgTda.woff2"]),
        (Class::Other, &["index-settings.js", "photo-DiwrgTda.png", "paper-DiwrgTda.pdf"]),
        (Class::Other, &["data-DiwrgTda.json"]),
    ];
    for (expected, names) in rows {
        for name in names {
            let path = format!("/assets/{name}");
            assert_eq!(judge(&[&path], &HashSet::new()), [expected], "{path}");
        }
    }
    let beside = ["/assets/index-DiwrgTda.js", "/assets/app.js"];
    assert_eq!(judge(&beside, &HashSet::new()), [Class::Other; 2], "a folder without hashes");
}

#[test]
fn a_bundlers_manifest_takes_precedence() {
    let paths = ["/assets/index-settings.js", "/assets/app.js"];
    let bundled = paths.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(judge(&paths, &bundled), [Class::Fingerprinted, Class::Other]);
}

const WORDS: [&str; 48] = [
    "account", "admin", "app", "banner", "button", "calendar", "chart", "client", "config", "data",
    "document", "editor", "error", "export", "feature", "footer", "gallery", "grid", "header",
    "hero", "icon", "image", "index", "install", "invoice", "layout", "library", "list", "login",
    "manual", "menu", "modal", "photo", "picture", "product", "profile", "release", "report",
    "screen", "server", "settings", "slide", "summary", "table", "theme", "user", "version",
    "widget",
];

fn word() -> impl Strategy<Value = String> {
    (proptest::sample::select(&WORDS[..]), 0..4_u8).prop_map(|(word, form)| match form {
        0 | 1 => word.to_owned(),
        2 => word[..1].to_uppercase() + &word[1..],
        _ => word.to_uppercase(),
    })
}

fn part() -> impl Strategy<Value = String> {
    let date = (1900..2100, 1..13, 1..29);
    prop_oneof![
        6 => word(),
        3 => (word(), word()).prop_map(|(one, next)| one + &next),
        2 => (word(), 0..10_000).prop_map(|(word, number)| format!("{word}{number}")),
        1 => (0..100_000_000_u32).prop_map(|number| number.to_string()),
        1 => date.clone().prop_map(|(y, m, d)| format!("{y}{m:02}{d:02}")),
        1 => date.clone().prop_map(|(y, m, d)| format!("{d:02}{m:02}{y}")),
        1 => date.prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
        1 => (0..30, 0..30, 0..30).prop_map(|(a, b, c)| format!("v{a}.{b}.{c}")),
        1 => (0..30, 0..30, 0..30).prop_map(|(a, b, c)| format!("{a}.{b}.{c}")),
    ]
}

fn ordinary() -> impl Strategy<Value = String> {
    let separator = proptest::sample::select(&["-", "_", ".", ""][..]);
    let extension = proptest::sample::select(
        &["js", "css", "png", "jpg", "pdf", "json", "woff2", "svg", "wasm", "txt", "js.map"][..],
    );
    let folder = proptest::sample::select(&["", "/assets", "/img", "/docs/files"][..]);
    let parts = proptest::collection::vec((part(), separator), 1..4);
    (folder, parts, extension).prop_map(|(folder, parts, extension)| {
        let mut name = String::new();
        for (at, (part, separator)) in parts.iter().enumerate() {
            name.push_str(if at > 0 { separator } else { "" });
            name.push_str(part);
        }
        format!("{folder}/{name}.{extension}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn words_numbers_dates_and_versions_are_not_recognised(
        paths in proptest::collection::vec(ordinary(), 1..40)
    ) {
        let found = fingerprinted(&paths);
        prop_assert!(found.is_empty(), "{found:?} of {paths:?}");
    }

    #[test]
    fn no_name_panics(paths in proptest::collection::vec("/(.{0,20}/)?.{0,30}", 0..20)) {
        fingerprinted(&paths);
    }
}
