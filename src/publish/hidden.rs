//! Files that a redirect hides: rules come before assets, so nobody can reach them.
//!
//! Only what hides a file at every address that it could have: a redirect from `/about.html` to
//! `/about` hides nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::publish::failure::Problem;
use crate::site::manifest::stem;
use crate::site::rules::{RedirectRule, Redirects};

/// A warning for each rule that hides files.
///
/// `files`: the configuration files that were read, to say where the rule stands.
pub fn warnings<'a>(
    redirects: &Redirects,
    paths: impl Iterator<Item = &'a str>,
    files: &[PathBuf],
) -> Vec<Problem> {
    if redirects.rules().is_empty() {
        return Vec::new();
    }
    let mut hidden: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for path in paths {
        if let Some(rule) = hiding(redirects, path) {
            hidden.entry((rule.from().as_str(), rule.to().as_str())).or_default().push(path);
        }
    }
    hidden.into_iter().map(|((from, to), paths)| warning(from, to, &paths, files)).collect()
}

fn hiding<'r>(redirects: &'r Redirects, path: &str) -> Option<&'r RedirectRule> {
    let stem = stem(path);
    let folder = format!("{stem}/");
    let is_page = stem.len() < path.len();
    let spellings = [Some(path), is_page.then_some(stem), is_page.then_some(folder.as_str())];
    let mut first = None;
    for spelling in spellings.into_iter().flatten().filter(|spelling| !spelling.is_empty()) {
        let (rule, captures) = redirects.matching("", spelling)?;
        if rule.status() == 200
            && rule.to().rewrite_path(&captures).is_some_and(|to| leads_to(&to, path))
        {
            return None;
        }
        first.get_or_insert(rule);
    }
    first
}

fn leads_to(target: &str, path: &str) -> bool {
    stem(target) == stem(path)
}

fn warning(from: &str, to: &str, paths: &[&str], files: &[PathBuf]) -> Problem {
    let others = match paths.len().saturating_sub(1) {
        0 => String::new(),
        1 => " and one more file".to_owned(),
        n => format!(" and {n} more files"),
    };
    let place = place(from, files);
    Problem {
        path: paths.first().map(|path| (*path).to_owned()),
        line: place.as_ref().map(|(_, line)| *line),
        file: place.map(|(file, _)| file),
        message: format!("can't be reached{others}: the redirect from {from} to {to} comes first"),
        hint: "remove the file, or narrow the redirect's pattern".to_owned(),
    }
}

/// Where a rule is written: the first line that begins with its pattern, or holds it quoted.
fn place(from: &str, files: &[PathBuf]) -> Option<(String, usize)> {
    let quoted = [format!("\"{from}\""), format!("'{from}'")];
    files.iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let at = text.lines().position(|line| {
            line.split_whitespace().next() == Some(from)
                || quoted.iter().any(|quoted| line.contains(quoted.as_str()))
        })?;
        Some((file.display().to_string(), at + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: (&str, &str, u16), path: &str, is_hidden: bool) {
        let (from, to, status) = rule;
        let rule = RedirectRule::parse(from, to, status).unwrap();
        let redirects = Redirects::new(vec![rule]).unwrap();
        let found = warnings(&redirects, [path].into_iter(), &[]);
        assert_eq!(!found.is_empty(), is_hidden, "{from} -> {to} and {path}: {found:?}");
    }

    #[test]
    fn what_hides_a_file() {
        check(("/a.js", "/b.js", 301), "/a.js", true);
        check(("/a.js", "/b.js", 301), "/c.js", false);
        check(("/old/*", "/new/:splat", 301), "/old/x.css", true);
        check(("/about.html", "/about", 301), "/about.html", false);
        check(("/about", "/team", 301), "/about.html", false);
        check(("/about*", "/team", 301), "/about.html", true);
        check(("/about*", "/team", 301), "/about/index.html", true);
        check(("/*", "/index.html", 200), "/index.html", false);
        check(("/*", "/index.html", 200), "/a.js", true);
    }

    #[test]
    fn one_warning_for_each_rule() {
        let rule = RedirectRule::parse("/old/*", "/new/:splat", 301).unwrap();
        let redirects = Redirects::new(vec![rule]).unwrap();
        let found = warnings(&redirects, ["/old/1.js", "/old/2.js", "/old/3.js"].into_iter(), &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path.as_deref(), Some("/old/1.js"));
        assert!(found[0].message.contains("2 more files"), "{}", found[0].message);
    }
}
