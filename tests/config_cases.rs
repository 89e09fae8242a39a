//! Case files of site configurations: `config/*.case`.
//!
//! A case has files, a line of ten hyphens, and the expected result: every diagnostic, then the
//! compiled configuration where it differs from the default. A file begins with a line `==> NAME`;
//! `../NAME` is beside the published folder. `UPDATE_CASES=1` rewrites the results.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use selvedge::publish::config::load;
use selvedge::publish::config::settings::{Fingerprint, Loaded, PublishSettings};
use selvedge::site::codec::encode;
use selvedge::site::config::SiteConfig;
use selvedge::site::source::diagnostic::Located;

const RULE: &str = "\n----------\n";

#[test]
fn configurations_compile_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 8);
    let failed: Vec<&PathBuf> = paths.iter().filter(|path| !holds(path)).collect();
    assert!(failed.is_empty(), "UPDATE_CASES=1 rewrites them: {failed:?}");
}

fn holds(path: &Path) -> bool {
    let case = fs::read_to_string(path).unwrap();
    let (input, expected) = case.split_once(RULE).unwrap_or((case.trim_end(), ""));
    let name = path.file_stem().unwrap().to_str().unwrap();
    let found = outcome(name, input);
    if found == expected {
        return true;
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(path, format!("{input}{RULE}{found}")).unwrap();
        return true;
    }
    eprintln!("{}: expected\n{expected}\nfound\n{found}", path.display());
    false
}

fn outcome(name: &str, input: &str) -> String {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config-cases").join(name);
    let _ = fs::remove_dir_all(&root);
    let site = root.join("site");
    fs::create_dir_all(&site).unwrap();
    for file in format!("\n{input}").split("\n==> ").skip(1) {
        let (name, text) = file.split_once('\n').unwrap_or((file, ""));
        let path = site.join(name.trim());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    let loaded = load(&site, None);
    let shown = summary(&loaded);
    shown.replace(&format!("{}/", root.display()), "")
}

fn summary(loaded: &Loaded) -> String {
    let mut text = String::new();
    for diagnostic in &loaded.diagnostics {
        text.push_str(&format!("{diagnostic}\n"));
    }
    let [config, default] = [&loaded.config, &SiteConfig::default()]
        .map(|config| serde_json::from_str::<serde_json::Value>(&encode(config)).unwrap());
    for (key, value) in config.as_object().unwrap() {
        match value {
            value if *value == default[key] => {}
            serde_json::Value::Array(rules) => {
                for rule in rules {
                    text.push_str(&format!("{key}: {rule}\n"));
                }
            }
            value => text.push_str(&format!("{key}: {value}\n")),
        }
    }
    let PublishSettings { ignore, include, types, fingerprint, without_public } = &loaded.publish;
    for (key, list) in [("ignore", ignore), ("include", include)] {
        for item in list {
            text.push_str(&format!("{key}: {item}\n"));
        }
    }
    for Located { rule, .. } in &loaded.types {
        let pattern = rule.pattern().as_str();
        text.push_str(&format!("content-type of {pattern}: {}\n", rule.media_type()));
    }
    for (extension, media_type) in types {
        text.push_str(&format!("type: {extension} {media_type}\n"));
    }
    if *without_public {
        text.push_str("public: false\n");
    }
    match fingerprint {
        Fingerprint::Auto => {}
        Fingerprint::None => text.push_str("fingerprint: none\n"),
        Fingerprint::Patterns(patterns) => {
            for pattern in patterns {
                text.push_str(&format!("fingerprint: {}\n", pattern.as_str()));
            }
        }
    }
    text
}

#[test]
fn unreadable_files_are_reported() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config-unreadable");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("_headers"), b"/\n  X-A: \xff\n").unwrap();
    fs::write(root.join("named.toml"), "html = \"none\"\n").unwrap();
    fs::write(root.join("selvedge.toml"), "html = \"rewrite\"\n").unwrap();
    let messages = |explicit: Option<&str>| {
        let explicit = explicit.map(|name| root.join(name));
        let loaded = load(&root, explicit.as_deref());
        assert!(!loaded.findings().problems.is_empty());
        let html = encode(&loaded.config.html);
        let lines = loaded.diagnostics.iter().map(|found| found.message.clone());
        (html, lines.collect::<Vec<_>>())
    };
    let not_text = "not UTF-8".to_owned();
    assert_eq!(messages(None), ("\"rewrite\"".to_owned(), vec![not_text.clone()]));
    assert_eq!(messages(Some("named.toml")), ("\"none\"".to_owned(), vec![not_text]));
    let (html, missing) = messages(Some("missing.toml"));
    assert_eq!(html, "\"auto-trailing-slash\"");
    assert!(missing[0].starts_with("can't be read: "), "{missing:?}");
}
