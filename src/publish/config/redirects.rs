//! Checks all redirects together: limits, shadows, loops.
//!
//! It follows redirects with `x` for each capture, so it finds loops that every request runs into,
//! and not those of some requests only.

use std::collections::{BTreeSet, HashMap};

use crate::site::config::HtmlMode;
use crate::site::rules::{
    REDIRECTS_PATTERN_MAX, REDIRECTS_STATIC_MAX, RedirectOutcome, RedirectRule, Redirects,
};
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};
use crate::site::source::fallback::EVERYTHING;
use crate::wire::percent::percent_decode;

/// Maximum number of redirects followed: browsers give up at about 20.
const HOPS_MAX: usize = 20;

pub struct SiteFiles<'a> {
    pub html: HtmlMode,
    pub is_file: &'a dyn Fn(&str) -> bool,
}

const REMEDY_SHELL: &str = "For a single-page application write \
    not_found = \"single-page-application\" in selvedge.toml instead.";

pub fn review(
    rules: &[Located<RedirectRule>],
    site: &SiteFiles,
    diagnostics: &mut Vec<Diagnostic>,
) -> Redirects {
    let redirects = Redirects::new(rules.iter().map(|located| located.rule.clone()).collect());
    let redirects = redirects.unwrap_or_default();
    let shadowed = shadows(rules, diagnostics);
    let live = rules.iter().enumerate().filter(|(index, _)| !shadowed.contains(index));
    let live: Vec<&Located<RedirectRule>> = live.map(|(_, located)| located).collect();
    loops(&live, &redirects, site, diagnostics);
    rewrites(rules, diagnostics);
    redirects
}

/// Removes the redirects over the limits, and reports the first of them.
pub fn within_limits(
    rules: Vec<Located<RedirectRule>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Located<RedirectRule>> {
    let (mut exact, mut patterns) = (0_usize, 0_usize);
    let mut kept = Vec::with_capacity(rules.len());
    for located in rules {
        let (count, max, what) = match located.rule.from().exact_path() {
            Some(_) => (&mut exact, REDIRECTS_STATIC_MAX, "redirects without `*` and `:name`"),
            None => (&mut patterns, REDIRECTS_PATTERN_MAX, "redirects with `*` or `:name`"),
        };
        *count += 1;
        if *count == max + 1 {
            let message = format!("more than {max} {what}, from here on");
            let remedy = "Write fewer rules with `*` or `:name`, or spread them over sites.";
            diagnostics.push(located.diagnostic(Severity::Error, message, remedy));
        }
        if *count <= max {
            kept.push(located);
        }
    }
    kept
}

/// Reports the rules that never fire, and returns their indexes.
fn shadows(rules: &[Located<RedirectRule>], diagnostics: &mut Vec<Diagnostic>) -> BTreeSet<usize> {
    let mut exact: HashMap<&str, Vec<&Located<RedirectRule>>> = HashMap::new();
    let mut patterns: Vec<&Located<RedirectRule>> = Vec::new();
    let mut shadowed = BTreeSet::new();
    for (index, located) in rules.iter().enumerate() {
        let from = located.rule.from();
        let path = from.exact_path();
        let twins = path.and_then(|path| exact.get(path)).into_iter().flatten();
        let mut before = twins.chain(&patterns);
        if let Some(first) = before.find(|earlier| earlier.rule.from().covers(from)) {
            shadowed.insert(index);
            let message = format!(
                "`{}` never fires: `{}` comes first ({})",
                from.as_str(),
                first.rule.from().as_str(),
                first.place(&located.file)
            );
            let remedy = match first.rule.from().as_str() == from.as_str() {
                true => "Remove one of the two.",
                false => "Move it above that rule, or remove it.",
            };
            diagnostics.push(located.diagnostic(Severity::Warning, message, remedy));
        }
        match path {
            Some(path) => exact.entry(path).or_default().push(located),
            None => patterns.push(located),
        }
    }
    shadowed
}

/// Reports rewrites with an unexpected effect.
fn rewrites(rules: &[Located<RedirectRule>], diagnostics: &mut Vec<Diagnostic>) {
    for located in rules.iter().filter(|located| located.rule.status() == 200) {
        let (from, to) = (located.rule.from(), located.rule.to());
        if to.has_suffix() {
            let message = format!("the query or fragment of `{}` has no effect", to.as_str());
            let remedy = "Remove it: a rewrite selects a file, and files have neither.";
            diagnostics.push(located.diagnostic(Severity::Warning, message, remedy));
        }
        let is_everything = from.as_str().strip_prefix("https://").map_or(from.as_str(), |rest| {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
        }) == EVERYTHING;
        if is_everything && !to.has_captures() {
            let from = from.as_str();
            let message =
                format!("the rewrite of `{from}` hides every file, including scripts and styles");
            diagnostics.push(located.diagnostic(Severity::Warning, message, REMEDY_SHELL));
        }
    }
}

/// Reports each loop of redirects once. A rewrite ends a chain: its target is served without
/// another redirect.
fn loops(
    rules: &[&Located<RedirectRule>],
    redirects: &Redirects,
    site: &SiteFiles,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut reported: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for &located in rules {
        let from = located.rule.from();
        let host = from.example_host();
        // A path made from captures is no file, but rules with captures are meant for files.
        let is_exact = from.exact_path().is_some();
        let is_page = |path: &str| !is_exact || (site.is_file)(path);
        let start = from.example_path();
        let canonical = |path: &str| canonical_path(site.html, path, &is_page);
        let Some(cycle) = follow(redirects, &canonical, &host, start) else { continue };
        // A rule that only leads into a loop of others need not change.
        let in_it = cycle.iter().any(|path| from.matches(&host, path).is_some());
        if !in_it || !reported.insert(cycle.iter().cloned().collect()) {
            continue;
        }
        let shown: Vec<&str> = cycle.iter().take(4).map(String::as_str).collect();
        let message = format!("the redirect never ends: {}", shown.join(" -> "));
        let remedy = "Change the target of one of them, or remove it.";
        diagnostics.push(located.diagnostic(Severity::Error, message, remedy));
    }
}

/// Returns the paths of the loop that a request runs into, with the first path also last.
fn follow(
    redirects: &Redirects,
    canonical: &dyn Fn(&str) -> Option<String>,
    host: &str,
    start: String,
) -> Option<Vec<String>> {
    let mut seen = vec![start];
    while seen.len() <= HOPS_MAX {
        let path = seen.last()?;
        let next = match redirects.resolve(host, path, None) {
            Some(RedirectOutcome::Location { location, .. }) => {
                let target = location.split(['?', '#']).next()?;
                let same_host = target.strip_prefix("https://").map(|rest| {
                    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
                    (name == host).then(|| format!("/{path}"))
                });
                match same_host {
                    Some(path) => percent_decode(&path?)?,
                    None => percent_decode(target)?,
                }
            }
            Some(RedirectOutcome::Rewrite { .. }) => return None,
            None => canonical(path)?,
        };
        if let Some(at) = seen.iter().position(|path| *path == next) {
            seen.push(next);
            return Some(seen.split_off(at));
        }
        seen.push(next);
    }
    Some(seen)
}

/// Returns the path that a page redirects to; `None` if it doesn't.
fn canonical_path(html: HtmlMode, path: &str, is_page: &dyn Fn(&str) -> bool) -> Option<String> {
    let (index_end, page_end) = match html {
        HtmlMode::AutoTrailingSlash => ("/", ""),
        HtmlMode::ForceTrailingSlash => ("/", "/"),
        HtmlMode::DropTrailingSlash => ("", ""),
        HtmlMode::Rewrite | HtmlMode::DefaultRoot | HtmlMode::None => return None,
    };
    let index = path.strip_suffix("/index.html").or_else(|| path.strip_suffix("/index"));
    if let Some(folder) = index {
        let canonical = format!("{folder}{index_end}");
        let canonical = if canonical.is_empty() { "/".to_owned() } else { canonical };
        return is_page(&format!("{folder}/index.html")).then_some(canonical);
    }
    let page = path.strip_suffix(".html")?;
    is_page(path).then(|| format!("{page}{page_end}"))
}
