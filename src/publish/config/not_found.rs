//! Settles the response for paths without a file: `not_found`, the catch-all lines of
//! `_redirects`, and `200.html`.
//!
//! An explicit `not_found` may not contradict a catch-all line, and overrides `200.html`.

use crate::publish::config::settings::{Loaded, NotFound};
use crate::publish::failure::{Findings, Problem};
use crate::site::config::NotFoundMode;
use crate::site::deployment::manifest::APPLICATION_PAGES;
use crate::site::rules::RedirectRule;
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};
use crate::site::source::fallback::{EVERYTHING, Fallback, page_files};
use crate::site::source::redirects_file;

/// Settles `not_found` of `selvedge.toml` and all catch-all lines.
///
/// Removes redirects of everything that come after a catch-all line.
pub fn settle(
    written: Option<&Located<NotFoundMode>>,
    fallbacks: Vec<Located<Fallback>>,
    redirects: &mut Vec<Located<RedirectRule>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> NotFound {
    let mut not_found = NotFound { mode: written.map(|at| at.rule), page: None };
    let mut first: Option<Located<Fallback>> = None;
    for fallback in fallbacks {
        if let Some(rule) = redirects.iter().find(|at| takes(at, &fallback)) {
            diagnostics.push(never(&fallback, &rule.place(&fallback.file)));
            continue;
        }
        let mode = fallback.rule.mode();
        if let Some(at) = written.filter(|at| at.rule != mode) {
            diagnostics.push(contradiction(&fallback, &at.place(&fallback.file)));
            continue;
        }
        match &first {
            Some(other) if other.rule.mode() != mode => {
                diagnostics.push(contradiction(&fallback, &other.place(&fallback.file)));
            }
            Some(other) if mode == NotFoundMode::SinglePageApplication => {
                diagnostics.push(never(&fallback, &other.place(&fallback.file)));
            }
            Some(_) => {}
            None => {
                not_found.mode = Some(mode);
                if let Fallback::Application(page) = &fallback.rule {
                    not_found.page = Some(fallback.with(page.clone()));
                    diagnostics.extend(written.is_none().then(|| compiled(&fallback, page)));
                }
            }
        }
        if fallback.rule.from() == EVERYTHING {
            redirects.retain(|at| {
                let is_late = at.rule.from().as_str() == EVERYTHING;
                diagnostics.extend(is_late.then(|| never(at, &fallback.place(&at.file))));
                !is_late
            });
        }
        first.get_or_insert(fallback);
    }
    not_found
}

/// Returns whether a redirect matches everything that a catch-all line matches.
///
/// Redirects come before `not_found`; of two rules for everything, the first counts.
fn takes(redirect: &Located<RedirectRule>, fallback: &Located<Fallback>) -> bool {
    let (from, caught) = (redirect.rule.from().as_str(), fallback.rule.from());
    match (from == EVERYTHING, caught == EVERYTHING) {
        (true, true) => order(redirect) < order(fallback),
        (is_everything, _) => is_everything || from == caught,
    }
}

/// Settles the mode and the page once the files are known.
pub fn settle_files(loaded: &mut Loaded, paths: &[&str], findings: &mut Findings) {
    let NotFound { mode, page } = &loaded.not_found;
    if let Some(at) = page {
        let page = page_files(&at.rule).into_iter().find(|file| paths.contains(&file.as_str()));
        if page.is_none() {
            let message = format!("the page `{}` is not in the folder", at.rule);
            let hint = "name the page of the application, such as /index.html";
            findings.problems.push(Problem::located(at, message, hint));
        }
        loaded.application_page = page;
        return;
    }
    let [fallback_page, _] = APPLICATION_PAGES;
    if mode.is_none() && paths.contains(&fallback_page) {
        loaded.config.not_found = NotFoundMode::SinglePageApplication;
        findings.notes.push(Problem::of_path(
            fallback_page,
            "answers navigations to paths without a file, with status 200",
            "to answer them with status 404, write not_found = \"404-page\" in selvedge.toml",
        ));
    }
}

fn compiled(fallback: &Located<Fallback>, page: &str) -> Diagnostic {
    let message = "compiled to not_found = \"single-page-application\"".to_owned();
    let remedy = format!("Files come first; a navigation to any other path gets `{page}`.");
    fallback.diagnostic(Severity::Note, message, remedy)
}

fn contradiction(fallback: &Located<Fallback>, place: &str) -> Diagnostic {
    let message = format!("{} contradicts {place}", shown(&fallback.rule));
    fallback.diagnostic(Severity::Error, message, "Remove one of the two.")
}

fn never<T>(at: &Located<T>, place: &str) -> Diagnostic {
    let message = format!("the rule never fires: {place} matches all that it matches");
    at.diagnostic(Severity::Warning, message, "Remove one of the two.")
}

fn shown(fallback: &Fallback) -> &'static str {
    match fallback {
        Fallback::Application(_) => "a single-page application",
        Fallback::NotFoundPage(_) => "a 404 page",
    }
}

/// Orders rules as they apply: those of `_redirects` after those of `selvedge.toml`.
fn order<T>(at: &Located<T>) -> (bool, u32) {
    (at.file.ends_with(redirects_file::FILE_NAME), at.line)
}
