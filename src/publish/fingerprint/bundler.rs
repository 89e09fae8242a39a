//! Reads manifests of bundlers.
//!
//! Their formats differ, but all contain the names of files as JSON strings. If such a string names
//! a published file, the bundler created the file.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Manifests of Vite, webpack plugins, webpack's `--json`, Django, Phoenix and Parcel.
const MANIFESTS: [&str; 6] = [
    ".vite/manifest.json", "asset-manifest.json", "stats.json", "staticfiles.json",
    "cache_manifest.json", "parcel-manifest.json",
];
/// Maximum size of a manifest: webpack's statistics of a large project have some 10 MB.
const MANIFEST_BYTES_MAX: u64 = 32 << 20;

/// Returns the published paths that a manifest names. Unreadable manifests are ignored.
pub fn bundled(folder: &Path, paths: &[&str]) -> HashSet<String> {
    let manifests = MANIFESTS.iter().filter_map(|name| manifest(&folder.join(name)));
    let manifests: Vec<Value> = manifests.collect();
    let mut named = HashSet::new();
    if manifests.is_empty() {
        return named;
    }
    let published: HashSet<&str> = paths.iter().copied().collect();
    for manifest in &manifests {
        collect(manifest, &published, &mut named);
    }
    named
}

fn manifest(file: &Path) -> Option<Value> {
    let metadata = fs::metadata(file).ok()?;
    if metadata.len() > MANIFEST_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn collect(value: &Value, published: &HashSet<&str>, named: &mut HashSet<String>) {
    match value {
        Value::String(text) => {
            let path = format!("/{}", text.trim_start_matches("./").trim_start_matches('/'));
            if published.contains(path.as_str()) {
                named.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, published, named)),
        Value::Object(members) => {
            members.values().for_each(|member| collect(member, published, named));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_form_of_manifest() {
        let folder = std::env::temp_dir().join(format!("selvedge-bundler-{}", std::process::id()));
        fs::create_dir_all(folder.join(".vite")).unwrap();
        let vite =
            r#"{"src/main.js":{"file":"assets/a.js","css":["./assets/b.css"],"isEntry":true}}"#;
        fs::write(folder.join(".vite/manifest.json"), vite).unwrap();
        fs::write(folder.join("asset-manifest.json"), r#"{"files":{"m.js":"/static/m.js"}}"#)
            .unwrap();
        fs::write(folder.join("stats.json"), "not JSON").unwrap();
        let paths = ["/assets/a.js", "/assets/b.css", "/static/m.js", "/m.js", "/src/main.js"];
        let mut found: Vec<String> = bundled(&folder, &paths).into_iter().collect();
        found.sort();
        assert_eq!(found, ["/assets/a.js", "/assets/b.css", "/static/m.js"]);
        fs::remove_dir_all(&folder).unwrap();
        assert!(bundled(&folder, &paths).is_empty());
    }
}
