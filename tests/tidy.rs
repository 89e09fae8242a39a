//! What no compiler checks: layers, words, lengths.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest line of source in characters.
const LINE_CHARS_MAX: usize = 100;
/// Longest file of source in lines, but for its tests.
const FILE_LINES_MAX: usize = 500;

/// Files that may be longer, and why.
const LONG_FILES: [&str; 0] = [];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root().join(folder), extensions, &mut found);
    assert!(!found.is_empty(), "nothing in {folder}");
    found.sort();
    found
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["node_modules", "target", "corpus"].contains(&name) {
            walk(&path, extensions, found);
        }
        let wanted =
            path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e));
        if wanted && let Ok(text) = fs::read_to_string(&path) {
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((shown, text));
        }
    }
}

#[track_caller]
fn nowhere(files: &[(String, String)], is_wrong: impl Fn(&str, &str) -> bool) {
    let wrong: Vec<_> = files
        .iter()
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(at, line)| (path, at, line)))
        .filter(|(path, _, line)| is_wrong(path, line))
        .map(|(path, at, line)| format!("{path}:{}: {}", at + 1, line.trim()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources() -> Vec<(String, String)> {
    let mut all = files("src", &["rs", "mjs", "js"]);
    all.extend(files("tests", &["rs"]));
    all
}

#[test]
fn only_the_rim_names_a_runtime() {
    let banned = [
        "worker::",
        "worker_sys",
        "js_sys",
        "web_sys",
        "wasm_bindgen",
        "getrandom",
        "console_error_panic_hook",
    ];
    let test_attribute = |line: &str| line.contains("wasm_bindgen_test");
    nowhere(&files("src", &["rs"]), |path, line| {
        !path.starts_with("src/edge/")
            && !test_attribute(line)
            && banned.iter().any(|word| line.contains(word))
    });
}

#[test]
fn layers_point_one_way() {
    let rows: [(&str, &[&str]); 5] = [
        ("src/wire/", &["crate::site", "crate::serve", "crate::edge", "crate::publish"]),
        ("src/site/", &["crate::serve", "crate::edge", "crate::publish"]),
        ("src/serve/", &["crate::edge", "crate::publish"]),
        ("src/edge/", &["crate::publish"]),
        ("src/publish/", &["crate::edge"]),
    ];
    for (folder, above) in rows {
        nowhere(&files(folder, &["rs"]), |_, line| above.iter().any(|name| line.contains(name)));
    }
}

#[test]
fn obsolete_rfcs_are_not_cited() {
    let mut all = sources();
    all.extend(files("docs", &["md"]));
    nowhere(&all, |_, line| {
        let obsolete = ["2616", "7230", "7231", "7232", "7233", "7234", "7235", "2068"];
        obsolete.iter().any(|number| {
            line.contains(&format!("RFC {number}")) || line.contains(&format!("RFC{number}"))
        })
    });
}

#[test]
fn nothing_is_left_over() {
    let words = ["dbg", "todo", "unimplemented"].map(|word| format!("{word}!("));
    nowhere(&sources(), |_, line| words.iter().any(|word| line.contains(word)));
    let places = ["home", "root", "Users", "work", "tmp"].map(|name| format!("\"/{name}/"));
    nowhere(&sources(), |_, line| places.iter().any(|place| line.contains(place)));
}

#[test]
fn lines_and_files_are_short() {
    // rustfmt breaks code; it leaves texts as they are, and comments are ours to break.
    let mut all = files("src", &["rs"]);
    all.extend(files("tests/serving", &["rs"]));
    nowhere(&all, |_, line| line.chars().count() > LINE_CHARS_MAX && !line.contains('"'));
    for (path, text) in files("src", &["rs"]) {
        let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        let lines = code.lines().count();
        let allowed = lines <= FILE_LINES_MAX || LONG_FILES.contains(&path.as_str());
        assert!(allowed, "{path}: {lines} lines of {FILE_LINES_MAX}");
    }
}

#[test]
fn modules_say_what_they_are() {
    for (path, text) in sources().iter().filter(|(path, _)| path.ends_with(".rs")) {
        assert!(text.starts_with("//!"), "{path}: begin with what it is");
    }
}

#[test]
fn every_case_of_serving_cites_a_rule() {
    for (path, text) in files("tests/cases", &["case"]) {
        let cited = text.lines().take_while(|line| line.starts_with('#'));
        let cited: Vec<_> = cited.collect();
        let rule = cited.iter().any(|line| line.contains("RFC ") || line.contains("docs/"));
        assert!(rule, "{path}: begin with `# RFC ... section ...` or `# docs/...`");
    }
}
