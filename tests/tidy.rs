//! Checks layers, words and lengths, which no compiler does.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use ignore::Walk;

/// Longest line of source in characters.
const LINE_CHARS_MAX: usize = 100;
/// Longest file of source in lines, but for its tests.
const FILE_LINES_MAX: usize = 500;
/// Longest function in lines: a screen.
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the paths and texts of the files below a folder that git does not ignore.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let read = |entry: Result<ignore::DirEntry, ignore::Error>| {
        let path = entry.unwrap().into_path();
        let extension = path.extension()?.to_str()?;
        let text = extensions.contains(&extension).then(|| fs::read_to_string(&path).ok())??;
        Some((path.strip_prefix(root()).unwrap().display().to_string(), text))
    };
    let mut found: Vec<_> = Walk::new(root().join(folder)).filter_map(read).collect();
    assert!(!found.is_empty(), "nothing in {folder}");
    found.sort();
    found
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

/// Returns the Rust sources of both workers and of the command line.
fn workers() -> Vec<(String, String)> {
    let mut all = files("src", &["rs"]);
    all.extend(files("media/src", &["rs"]));
    all
}

fn sources() -> Vec<(String, String)> {
    let mut all = files("src", &["rs", "mjs", "js"]);
    all.extend(files("media/src", &["rs", "mjs", "js"]));
    all.extend(files("tests", &["rs"]));
    all
}

#[test]
fn only_the_rim_names_a_runtime() {
    let banned = [
        "worker::", "worker_sys", "js_sys", "web_sys", "wasm_bindgen", "getrandom",
        "console_error_panic_hook",
    ];
    let test_attribute = |line: &str| line.contains("wasm_bindgen_test");
    nowhere(&files("src", &["rs"]), |path, line| {
        !path.starts_with("src/edge/")
            && !test_attribute(line)
            && banned.iter().any(|word| line.contains(word))
    });
}

/// The rooms of `src`, and those that each may import: the layers of ARCHITECTURE.md.
const LAYERS: [(&str, &[&str]); 10] = [
    ("wire", &[]),
    ("site", &["wire"]),
    ("ports", &["wire", "site"]),
    ("cache", &["wire", "site", "ports"]),
    ("serve", &["wire", "site", "ports", "cache"]),
    ("admin", &["wire", "site", "ports", "cache", "serve"]),
    ("pipeline", &["wire", "site", "ports", "cache", "serve", "admin"]),
    ("edge", &["wire", "site", "ports", "cache", "serve", "admin", "pipeline"]),
    ("publish", &["wire", "site"]),
    ("cli", &["wire", "site", "publish"]),
];

/// Each module of `src` with the modules that it imports; unit tests are left out.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let sources: BTreeMap<String, String> = files("src", &["rs"])
        .into_iter()
        .filter(|(path, _)| !path.starts_with("src/bin/") && path != "src/lib.rs")
        .map(|(path, text)| {
            let module = path.trim_start_matches("src/").trim_end_matches(".rs");
            (module.trim_end_matches("/mod").replace('/', "::"), text)
        })
        .collect();
    let imports_of = |module: &str, text: &str| {
        let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
        let code: String = code.lines().filter(|line| !line.trim().starts_with("//")).collect();
        code.split("crate::")
            .skip(1)
            .flat_map(|rest| {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                let (path, rest) = rest.split_at(end.unwrap_or(rest.len()));
                let list = rest.strip_prefix('{').and_then(|list| list.split_once('}'));
                let names = list.map_or("", |(names, _)| names).split(',');
                names.map(move |name| format!("{path}{}", name.trim())).collect::<Vec<_>>()
            })
            .filter_map(|path| {
                let parts: Vec<_> = path.split("::").collect();
                let prefixes = (1..=parts.len()).rev().map(|count| parts[..count].join("::"));
                prefixes.into_iter().find(|prefix| sources.contains_key(prefix))
            })
            .filter(|imported| imported != module)
            .collect()
    };
    sources.iter().map(|(module, text)| (module.clone(), imports_of(module, text))).collect()
}

#[test]
fn layers_point_one_way() {
    let room = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    for (module, imported) in imports() {
        let from = room(&module);
        let layer = LAYERS.iter().find(|(name, _)| *name == from);
        let (_, allowed) = layer.unwrap_or_else(|| panic!("{module} is in no layer"));
        let upward = imported.iter().filter(|to| room(to) != from);
        let upward = upward.filter(|to| !allowed.contains(&room(to).as_str()));
        wrong.extend(upward.map(|to| format!("{module} imports {to}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_modules_import_each_other() {
    let mut left = imports();
    // Whatever is imported by nothing, or imports nothing, is in no cycle.
    loop {
        let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|module, imports| !imports.is_empty() && imported.contains(module));
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.values_mut().for_each(|imports| imports.retain(|to| names.contains(to)));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "cycles among: {left:#?}");
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
    let mut all = workers();
    all.extend(files("tests/serving", &["rs"]));
    nowhere(&all, |_, line| line.chars().count() > LINE_CHARS_MAX && !line.contains('"'));
    for (path, text) in workers() {
        let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        let lines = code.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{path}: {lines} lines of {FILE_LINES_MAX}");
    }
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for (path, text) in workers() {
        let lines: Vec<&str> = text.lines().collect();
        for (first, line) in lines.iter().enumerate() {
            let start = line.trim_start();
            let modifiers = ["pub ", "pub(super) ", "pub(crate) ", "const ", "async "];
            let name = modifiers.iter().fold(start, |rest, word| rest.trim_start_matches(word));
            if !name.starts_with("fn ") {
                continue;
            }
            // rustfmt puts the closing brace where the signature begins.
            let closing = format!("{}}}", " ".repeat(line.len() - start.len()));
            let rest = lines.iter().skip(first);
            let count = rest.take_while(|line| **line != closing).count() + 1;
            if count > FUNCTION_LINES_MAX && !line.ends_with(';') && !line.ends_with('}') {
                long.push(format!("{path}:{}: {count} lines", first + 1));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
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
