//! The built-in collection `public`, which stores objects at `/public/` without configuration.
//!
//! It is left out if the site uses its name or paths, so that the default changes nothing there. It
//! is part of the deployment, like any collection.

use crate::publish::config::settings::Loaded;
use crate::publish::failure::Problem;
use crate::site::action::PathPrefix;
use crate::site::collection::{COLLECTIONS_MAX, Collection, CollectionName};
use crate::site::deployment::manifest::stem;

pub const NAME: &str = "public";
pub const PREFIX: &str = "/public/";

/// Adds the built-in collection, unless the site uses its name or paths.
///
/// Returns the files at its paths if they are the only reason to leave it out.
pub fn add<'a>(loaded: &mut Loaded, paths: &[&'a str]) -> Vec<&'a str> {
    let (Ok(name), Ok(prefix)) = (CollectionName::parse(NAME), PathPrefix::parse(PREFIX)) else {
        return Vec::new();
    };
    let config = &mut loaded.config;
    let is_said = config.collections.iter().any(|one| one.name == name || meets(&one.prefix))
        || config.actions.iter().any(|action| meets(&action.prefix))
        || config.collections.len() >= COLLECTIONS_MAX;
    if is_said || loaded.publish.without_public {
        return Vec::new();
    }
    let files: Vec<&str> = paths.iter().copied().filter(|path| is_in_the_way(path)).collect();
    if files.is_empty() {
        config.collections.push(Collection::new(name, prefix));
    }
    files
}

pub fn note(files: &[&str]) -> Option<Problem> {
    let first = files.first()?;
    let files = match files.len() {
        1 => "is".to_owned(),
        2 => "and 1 other file are".to_owned(),
        count => format!("and {} other files are", count - 1),
    };
    let message = format!("{files} served at {PREFIX}, so the built-in collection `{NAME}` is off");
    let hint = "to store objects, add a [[collections]] table with another prefix to \
                selvedge.toml; to turn this note off, write public = false";
    Some(Problem::of_path(first, message, hint))
}

/// Returns whether a prefix and the built-in one have paths in common.
fn meets(prefix: &PathPrefix) -> bool {
    prefix.as_str().starts_with(PREFIX) || PREFIX.starts_with(prefix.as_str())
}

/// Returns whether a file has an address that the collection would match, such as `/public`.
fn is_in_the_way(path: &str) -> bool {
    path.starts_with(PREFIX) || PREFIX.strip_suffix('/') == Some(stem(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::config::settings::PublishSettings;
    use crate::site::codec::decode as read;

    fn added(config: &str, without_public: bool, paths: &[&str]) -> (bool, usize) {
        let config = read(config.as_bytes()).unwrap();
        let publish = PublishSettings { without_public, ..PublishSettings::default() };
        let mut loaded = Loaded { config, publish, ..Loaded::default() };
        let before = loaded.config.collections.len();
        let files = add(&mut loaded, paths).len();
        assert!(loaded.config.check().is_ok());
        let added = &loaded.config.collections[before..];
        assert!(added.iter().all(|one| one.name.as_str() == NAME && one.prefix.as_str() == PREFIX));
        (!added.is_empty(), files)
    }

    #[test]
    fn the_site_configuration_comes_first() {
        let collection = |name: &str, prefix: &str| {
            format!(r#"{{"collections":[{{"name":"{name}","prefix":"{prefix}"}}]}}"#)
        };
        let action = |prefix: &str| {
            format!(r#"{{"actions":[{{"prefix":"{prefix}","upstream":"https://a.test"}}]}}"#)
        };
        let many: Vec<String> = (0..COLLECTIONS_MAX)
            .map(|n| format!(r#"{{"name":"c{n}","prefix":"/c{n}/"}}"#))
            .collect();
        let few = many[1..].join(",");
        let rows = [
            ("{}".to_owned(), true),
            (collection("public", "/uploads/"), false),
            (collection("uploads", "/public/"), false),
            (collection("uploads", "/public"), false),
            (collection("uploads", "/public/photos/"), false),
            (collection("uploads", "/"), false),
            (collection("uploads", "/publications/"), true),
            (collection("uploads", "/pub/"), true),
            (collection("uploads", "/Public/"), true),
            (collection("public2", "/a/public/"), true),
            (action("/public/"), false),
            (action("/public/api/"), false),
            (action("/"), false),
            (action("/api/"), true),
            (format!(r#"{{"collections":[{}]}}"#, many.join(",")), false),
            (format!(r#"{{"collections":[{few}]}}"#), true),
        ];
        for (config, expected) in rows {
            assert_eq!(added(&config, false, &["/index.html"]), (expected, 0), "{config}");
            assert_eq!(added(&config, true, &["/index.html"]), (false, 0), "{config}");
        }
    }

    #[test]
    fn files_come_first() {
        let rows: [(&[&str], usize); 12] = [
            (&[], 0),
            (&["/publications.html", "/a/public/x"], 0),
            (&["/public.txt"], 0),
            (&["/Public/x"], 0),
            (&["/public"], 1),
            (&["/public.html"], 1),
            (&["/public.html.html"], 1),
            (&["/public/index.html"], 1),
            (&["/public/a", "/public/b/c", "/index.html"], 2),
            (&["/public/.well-known/x"], 1),
            (&["/public/x"; 3], 3),
            (&["/public-x/y", "/publi"], 0),
        ];
        for (paths, files) in rows {
            assert_eq!(added("{}", false, paths), (files == 0, files), "{paths:?}");
            assert_eq!(added("{}", true, paths), (false, 0), "{paths:?}: it is off anyway");
        }
    }

    #[test]
    fn the_note_names_a_file() {
        assert_eq!(note(&[]), None);
        for (files, expected) in [
            (&["/public/a"][..], "/public/a: is served at /public/,"),
            (&["/public/a", "b"], "/public/a: and 1 other file are served"),
            (&["/public/a", "b", "c"], "/public/a: and 2 other files are served"),
        ] {
            let note = note(files).unwrap().to_string();
            assert!(note.starts_with(expected) && note.contains("public = false"), "{note}");
        }
    }
}
