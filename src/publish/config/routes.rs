//! Checks actions, collections and redirects against each other: limits, duplicates, shadows.
//!
//! Redirects are tried first, then actions with `first = true`, collections, assets, and last the
//! other actions.

use std::fmt;

use crate::publish::config::sources::Sources;
use crate::site::action::{ACTIONS_MAX, PathPrefix};
use crate::site::collection::COLLECTIONS_MAX;
use crate::site::rules::RedirectRule;
use crate::site::rules::pattern::{Language, Pattern};
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};
use crate::wire::path::encode;

const REMEDY_OVER: &str = "Write fewer, with shorter prefixes.";

/// The paths of an action or a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    pub prefix: PathPrefix,
}

/// In the order in which a request tries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    FirstAction,
    Collection,
    Action,
}

impl Route {
    pub fn covers(&self, other: &Self) -> bool {
        other.prefix.as_str().starts_with(self.prefix.as_str())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.prefix.as_str())
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstAction | Self::Action => "action",
            Self::Collection => "collection",
        })
    }
}

/// Removes and reports duplicates, and those over the limits.
pub fn within_limits(sources: Sources, diagnostics: &mut Vec<Diagnostic>) -> Sources {
    let Sources { actions, collections, upstreams } = sources;
    let actions = within(actions, ACTIONS_MAX, "actions", REMEDY_OVER, diagnostics);
    let collections = within(collections, COLLECTIONS_MAX, "collections", REMEDY_OVER, diagnostics);
    let prefix = "Write each prefix once: the first one matches all paths below it.";
    let actions = unlike(actions, |one| ("prefix", one.prefix.as_str()), prefix, diagnostics);
    let name = "Give each collection a different name.";
    let collections = unlike(collections, |one| ("name", one.name.as_str()), name, diagnostics);
    let collections =
        unlike(collections, |one| ("prefix", one.prefix.as_str()), prefix, diagnostics);
    Sources { actions, collections, upstreams }
}

pub fn in_order(sources: &Sources) -> Vec<Located<Route>> {
    let actions = sources.actions.iter().map(|at| {
        let kind = if at.rule.first { RouteKind::FirstAction } else { RouteKind::Action };
        at.with(Route { kind, prefix: at.rule.prefix.clone() })
    });
    let collections = sources.collections.iter().map(|at| {
        let prefix = at.rule.prefix.clone();
        at.with(Route { kind: RouteKind::Collection, prefix })
    });
    let mut routes: Vec<Located<Route>> = actions.chain(collections).collect();
    // Stable: those of a kind stay in the order written.
    routes.sort_by_key(|route| route.rule.kind);
    routes
}

/// Reports the routes that no request reaches, because an earlier rule matches first.
pub fn shadows(
    routes: &[Located<Route>],
    redirects: &[Located<RedirectRule>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (index, route) in routes.iter().enumerate() {
        if let Some(redirect) = redirects.iter().find(|rule| takes(&rule.rule, &route.rule)) {
            let message = format!(
                "nothing below `{}` reaches the {}: the redirect from `{}` comes first ({})",
                route.rule.prefix.as_str(),
                route.rule.kind,
                redirect.rule.from().as_str(),
                redirect.place(&route.file)
            );
            let remedy = "Narrow the redirect, or remove one of the two.";
            diagnostics.push(route.diagnostic(Severity::Warning, message, remedy));
            continue;
        }
        let mut before = routes.iter().take(index);
        if let Some(first) = before.find(|first| first.rule.covers(&route.rule)) {
            let message = format!(
                "nothing reaches the {}: the {} comes first ({})",
                route.rule,
                first.rule,
                first.place(&route.file)
            );
            let remedy = remedy(&first.rule, &route.rule);
            diagnostics.push(route.diagnostic(Severity::Warning, message, remedy));
        }
    }
}

fn remedy(first: &Route, covered: &Route) -> &'static str {
    match (first.kind, covered.kind) {
        (first, kind) if first == kind => "Move it above that one, or remove it.",
        (RouteKind::FirstAction, RouteKind::Action) => {
            "Write first = true here too, and move it above that one; or remove it."
        }
        (RouteKind::FirstAction, _) => "Remove first = true there, or change one of the prefixes.",
        _ if first.prefix == covered.prefix => "Change one of the prefixes.",
        _ => "Write first = true, or change one of the prefixes.",
    }
}

/// Returns whether a redirect matches all requests below a route's prefix.
fn takes(redirect: &RedirectRule, route: &Route) -> bool {
    let prefix = route.prefix.as_str();
    // `:` and `*` stand for themselves in a prefix, and for captures in a pattern.
    let literal = encode(prefix).replace(':', "%3A").replace('*', "%2A");
    let below = Pattern::parse(&format!("{literal}*"), Language::Rules);
    // A rewrite without a file goes on to actions, but for those that come first.
    let goes_on = redirect.status() == 200 && route.kind == RouteKind::Action;
    !goes_on && below.is_ok_and(|below| redirect.from().covers(&below))
}

/// Removes those over a limit, and reports the first of them.
pub fn within<T>(
    mut all: Vec<Located<T>>,
    max: usize,
    what: &str,
    remedy: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Located<T>> {
    if let Some(over) = all.get(max) {
        let message = format!("more than {max} {what}, from here on");
        diagnostics.push(over.diagnostic(Severity::Error, message, remedy));
    }
    all.truncate(max);
    all
}

/// Removes and reports those with the key of an earlier one.
fn unlike<T>(
    all: Vec<Located<T>>,
    key: impl Fn(&T) -> (&'static str, &str),
    remedy: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Located<T>> {
    let mut kept: Vec<Located<T>> = Vec::with_capacity(all.len());
    for located in all {
        let (what, value) = key(&located.rule);
        match kept.iter().find(|other| key(&other.rule).1 == value) {
            Some(other) => {
                let place = other.place(&located.file);
                let message = format!("the {what} \"{value}\" is already used ({place})");
                diagnostics.push(located.diagnostic(Severity::Error, message, remedy));
            }
            None => kept.push(located),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceeding_a_limit_is_reported_once() {
        for (count, reported) in [(0, 0), (ACTIONS_MAX, 0), (ACTIONS_MAX + 2, 1)] {
            let at = |line| Located { file: "f".to_owned(), line, rule: () };
            let all = (1..=count).map(|line| at(u32::try_from(line).unwrap())).collect();
            let mut diagnostics = Vec::new();
            let kept = within(all, ACTIONS_MAX, "actions", REMEDY_OVER, &mut diagnostics);
            assert_eq!((kept.len(), diagnostics.len()), (count.min(ACTIONS_MAX), reported));
            let line = diagnostics.first().map_or(101, |diagnostic| diagnostic.line);
            assert_eq!(line, 101, "the first of them");
        }
    }
}
