//! Catch-all redirects of other hosts, which apply only if there is no file.
//!
//! On Netlify `/* /index.html 200` and `/* /404.html 404` come after files. Here redirects come
//! before files, so these lines compile to a `not_found` mode instead.

use crate::site::config::NotFoundMode;
use crate::site::rules::RedirectRule;
use crate::wire::path::file_extension;

/// Matches every path on every host.
pub const EVERYTHING: &str = "/*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// `/* /page 200`: the decoded path of the page for navigations.
    Application(Box<str>),
    /// `/dir/* /dir/404.html 404`: the folder with `404.html` pages, here `/dir`; empty for all.
    NotFoundPage(Box<str>),
}

impl Fallback {
    /// Converts a rule with status 200.
    pub fn of(rule: &RedirectRule) -> Option<Self> {
        let from = rule.from();
        if rule.status() != 200 || from.as_str() != EVERYTHING || rule.to().has_captures() {
            return None;
        }
        let page = rule.to().rewrite_path(&from.matches("", "/")?)?;
        let is_page = matches!(file_extension(&page), None | Some("html" | "htm"));
        is_page.then(|| Self::Application(page.into()))
    }

    /// Converts a rule with status 404.
    pub fn of_not_found(from: &str, to: &str) -> Option<Self> {
        let folder = from.strip_suffix(EVERYTHING)?;
        let page = to.strip_prefix(folder)?;
        matches!(page, "/404.html" | "/404").then(|| Self::NotFoundPage(folder.into()))
    }

    pub fn mode(&self) -> NotFoundMode {
        match self {
            Self::Application(_) => NotFoundMode::SinglePageApplication,
            Self::NotFoundPage(_) => NotFoundMode::Page,
        }
    }

    /// Returns the pattern of the rule.
    pub fn from(&self) -> String {
        match self {
            Self::Application(_) => EVERYTHING.to_owned(),
            Self::NotFoundPage(folder) => [folder, EVERYTHING].concat(),
        }
    }
}

/// Returns the files that a page's path may mean, in the order to try.
pub fn page_files(page: &str) -> [String; 3] {
    let bare = page.strip_suffix('/').unwrap_or(page);
    [page.to_owned(), [bare, ".html"].concat(), [bare, "/index.html"].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catch_all_rules_are_recognised() {
        let rows = [
            ("/*", "/index.html", 200, Some("/index.html")),
            ("/*", "/", 200, Some("/")),
            ("/*", "/index", 200, Some("/index")),
            ("/*", "/200.html", 200, Some("/200.html")),
            ("/*", "/my%20app/", 200, Some("/my app/")),
            ("/*", "/app.htm", 200, Some("/app.htm")),
            ("/*", "/index.html?a=b", 200, Some("/index.html")),
            ("/*", "/index.html", 302, None),
            ("/*", "/a.png", 200, None),
            ("/*", "/site/:splat", 200, None),
            ("/:page", "/index.html", 200, None),
            ("/app/*", "/app.html", 200, None),
            ("/app/*", "/index.html", 200, None),
            ("https://a.test/*", "/index.html", 200, None),
        ];
        for (from, to, status, expected) in rows {
            let rule = RedirectRule::parse(from, to, status).unwrap();
            let expected = expected.map(|page| Fallback::Application(page.into()));
            assert_eq!(Fallback::of(&rule), expected, "{from} {to} {status}");
        }
        let rows = [
            ("/*", "/404.html", true),
            ("/*", "/404", true),
            ("/en/*", "/en/404.html", true),
            ("/en/*", "/404.html", false),
            ("/en*", "/en/404.html", false),
            ("/*", "/gone.html", false),
            ("/a", "/404.html", false),
        ];
        for (from, to, expected) in rows {
            assert_eq!(Fallback::of_not_found(from, to).is_some(), expected, "{from} {to}");
        }
    }

    #[test]
    fn a_page_has_several_files() {
        assert_eq!(page_files("/").last().map(String::as_str), Some("/index.html"));
        assert!(page_files("/app").contains(&"/app.html".to_owned()));
        assert!(page_files("/app/").contains(&"/app/index.html".to_owned()));
        assert!(page_files("/app.html").contains(&"/app.html".to_owned()));
    }
}
