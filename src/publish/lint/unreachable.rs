//! Warns about files that a redirect, action or collection makes unreachable, and about actions
//! that files make unreachable.
//!
//! A file counts as unreachable only if it is so at every address: a redirect from `/about.html` to
//! `/about` hides nothing.

use std::collections::BTreeMap;

use crate::publish::config::routes::{Route, RouteKind};
use crate::publish::failure::Problem;
use crate::publish::text::{counted, first_names};
use crate::site::deployment::manifest::{APPLICATION_PAGES, spellings, stem};
use crate::site::rules::pattern::name_length;
use crate::site::rules::{RedirectRule, Redirects};
use crate::site::source::diagnostic::Located;
use crate::wire::percent::percent_decode;

/// Returns a warning for each redirect that hides files. `written`: the redirects with their lines.
pub fn by_redirects(
    redirects: &Redirects,
    paths: &[&str],
    written: &[Located<RedirectRule>],
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
    hidden.into_iter().map(|((from, to), paths)| warning(from, to, &paths, written)).collect()
}

/// Returns a warning for each action and collection that hides files, or that files hide.
///
/// An action for all paths is meant for the paths without a file.
pub fn by_routes(routes: &[Located<Route>], redirects: &Redirects, paths: &[&str]) -> Vec<Problem> {
    let mut met: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    if !routes.is_empty() {
        for path in paths {
            if let Some(index) = meeting(routes, redirects, path) {
                met.entry(index).or_default().push(path);
            }
        }
    }
    let warnings = met
        .into_iter()
        .filter_map(|(index, paths)| routes.get(index).map(|route| route_warning(route, &paths)));
    warnings.collect()
}

/// Returns the first route that hides a file, or that a file hides.
fn meeting(routes: &[Located<Route>], redirects: &Redirects, path: &str) -> Option<usize> {
    let spellings = spellings(path);
    let index =
        routes.iter().position(|Located { rule: Route { kind, prefix }, .. }| match kind {
            RouteKind::FirstAction => spellings.iter().all(|spelling| prefix.holds(spelling)),
            RouteKind::Collection => spellings.iter().all(|spelling| prefix.holds(spelling)),
            RouteKind::Action => {
                prefix.as_str() != "/" && spellings.iter().any(|spelling| prefix.holds(spelling))
            }
        })?;
    // A rewrite serves a file even below an action or collection.
    let is_hidden = routes.get(index)?.rule.kind != RouteKind::Action;
    (!is_hidden || !is_served_elsewhere(redirects, path)).then_some(index)
}

/// Returns whether a file may be served at an address that is not its own.
fn is_served_elsewhere(redirects: &Redirects, path: &str) -> bool {
    stands_in(path) || redirects.rules().iter().any(|rule| may_serve(rule, path))
}

fn route_warning(route: &Located<Route>, paths: &[&str]) -> Problem {
    let names = first_names(paths);
    let (count, prefix) = (paths.len(), route.rule.prefix.as_str());
    let files = counted(count, "file");
    let (message, hint) = match route.rule.kind {
        RouteKind::FirstAction => (
            format!(
                "{files} below `{prefix}` can't be reached, because the action comes first: {names}"
            ),
            "remove the files, or remove first = true: then files come before the action",
        ),
        RouteKind::Collection => (
            format!(
                "{files} below `{prefix}` can't be reached, because the collection comes first: {names}"
            ),
            "move the files into the collection, or change the collection's prefix",
        ),
        RouteKind::Action => (
            format!("the action `{prefix}` is not called for {files}, which come first: {names}"),
            "remove the files, or write first = true: then the action comes first",
        ),
    };
    Problem::located(route, message, hint)
}

fn hiding<'r>(redirects: &'r Redirects, path: &str) -> Option<&'r RedirectRule> {
    let mut first = None;
    for spelling in spellings(path) {
        let (rule, _) = redirects.matching("", &spelling)?;
        first.get_or_insert(rule);
    }
    first.filter(|_| !is_served_elsewhere(redirects, path))
}

/// Returns whether a file may be served for paths without a file.
fn stands_in(path: &str) -> bool {
    path.ends_with("/404.html") || APPLICATION_PAGES.contains(&path)
}

/// Returns whether a rewrite may lead to a file, with anything for its captures.
fn may_serve(rule: &RedirectRule, path: &str) -> bool {
    let target = rule.to().as_str().split(['?', '#']).next().unwrap_or_default();
    if rule.status() != 200 {
        return false;
    }
    match (rule.to().has_captures(), target.split_once(':'), target.rsplit_once(':')) {
        (true, Some((before, _)), Some((_, last))) => {
            let after = &last[name_length(last)..];
            path.starts_with(before) && (stem(path).ends_with(stem(after)) || after == "/")
        }
        _ => percent_decode(target).is_some_and(|target| stem(&target) == stem(path)),
    }
}

fn warning(from: &str, to: &str, paths: &[&str], written: &[Located<RedirectRule>]) -> Problem {
    let others = match paths.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(", nor can {}", counted(more, "more file")),
    };
    let is_it = |rule: &RedirectRule| (rule.from().as_str(), rule.to().as_str()) == (from, to);
    let at = written.iter().find(|at| is_it(&at.rule));
    Problem {
        path: paths.first().map(|path| (*path).to_owned()),
        line: at.map(|at| at.line as usize),
        file: at.map(|at| at.file.clone()),
        message: format!(
            "can't be reached{others}, because the redirect from {from} to {to} comes first"
        ),
        hint: "remove the file, or narrow the redirect's pattern".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::action::PathPrefix;

    #[track_caller]
    fn check(rule: (&str, &str, u16), path: &str, is_hidden: bool) {
        let (from, to, status) = rule;
        let rule = RedirectRule::parse(from, to, status).unwrap();
        let redirects = Redirects::new(vec![rule]).unwrap();
        let found = by_redirects(&redirects, &[path], &[]);
        assert_eq!(!found.is_empty(), is_hidden, "{from} -> {to} and {path}: {found:?}");
    }

    #[test]
    fn redirects_that_hide_a_file() {
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
        let redirects = Redirects::new(vec![rule.clone()]).unwrap();
        let written = [Located { file: "_redirects".to_owned(), line: 7, rule }];
        let found = by_redirects(&redirects, &["/old/1.js", "/old/2.js", "/old/3.js"], &written);
        assert_eq!((found.len(), found[0].line), (1, Some(7)));
        assert_eq!(found[0].path.as_deref(), Some("/old/1.js"));
        assert!(found[0].message.contains("2 more files"), "{}", found[0].message);
    }

    #[track_caller]
    fn check_routes(kind: RouteKind, prefix: &str, paths: &[&str], expected: &str) {
        let route = Route { kind, prefix: PathPrefix::parse(prefix).unwrap() };
        let routes = [Located { file: "selvedge.toml".to_owned(), line: 2, rule: route }];
        let found = by_routes(&routes, &Redirects::default(), paths);
        let shown: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(shown.join(" | "), expected, "{kind:?} {prefix} and {paths:?}");
    }

    #[test]
    fn files_beside_routes() {
        use RouteKind::{Action, Collection, FirstAction};
        let first = |files| {
            format!("{files} below `/api/` can't be reached, because the action comes first")
        };
        let one = first("1 file");
        check_routes(FirstAction, "/api/", &["/apiary", "/index.html", "/api.html"], "");
        check_routes(FirstAction, "/api/", &["/api/a.json"], &format!("{one}: /api/a.json"));
        check_routes(FirstAction, "/api/", &["/api"], &format!("{one}: /api"));
        let index = format!("{one}: /api/index.html");
        check_routes(FirstAction, "/api/", &["/api/index.html"], &index);
        let three = format!("{}: /api/1, /api/2, /api/3", first("3 files"));
        check_routes(FirstAction, "/api/", &["/api/1", "/api/2", "/api/3"], &three);
        let four = format!("{}: /api/1, /api/2, /api/3, ...", first("4 files"));
        check_routes(FirstAction, "/api/", &["/api/1", "/api/2", "/api/3", "/api/4"], &four);
        let files = ["/content/index.html", "/content/a", "/content"];
        let hidden = "3 files below `/content/` can't be reached, because the collection comes first: \
                      /content/index.html, /content/a, /content";
        check_routes(Collection, "/content/", &files, hidden);
        check_routes(Collection, "/content/", &["/content/404.html", "/contents"], "");
        let wins =
            "the action `/api/` is not called for 2 files, which come first: /api.html, /api/a";
        check_routes(Action, "/api/", &["/api.html", "/api/a", "/a"], wins);
        check_routes(Action, "/", &["/api.html", "/index.html"], "");
    }
}
