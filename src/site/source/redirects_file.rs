//! Parses the `_redirects` file.
//!
//! The syntax is that of Workers Static Assets: `from to [status]` on a line, 302 by default. Lines
//! that are silently skipped there are reported here. Two additions: `from` may begin with
//! `https://host`, and catch-all lines of Netlify compile to a [`Fallback`].

use crate::site::rules::{RedirectRule, not_a_status};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, rule_lines};
use crate::site::source::dialect;
use crate::site::source::fallback::Fallback;

pub const FILE_NAME: &str = "_redirects";

/// The status of a redirect without one.
pub const STATUS_DEFAULT: u16 = 302;

/// A parsed `_redirects` file, in the order of its lines.
#[derive(Debug, Default)]
pub struct RedirectsFile {
    pub rules: Vec<Located<RedirectRule>>,
    pub fallbacks: Vec<Located<Fallback>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a `_redirects` file, which diagnostics call `file`.
pub fn parse(file: &str, text: &str) -> RedirectsFile {
    let mut parser = Parser { report: Report::new(file), found: RedirectsFile::default() };
    for (number, line) in rule_lines(text) {
        // A `#` after a space begins a comment; one without is the fragment of a target.
        let comment = line
            .char_indices()
            .zip(line.chars().skip(1))
            .find(|((_, space), next)| space.is_whitespace() && *next == '#')
            .map(|((at, _), _)| at);
        let line = comment.and_then(|at| line.get(..at)).unwrap_or(line);
        let tokens: Vec<&str> = line.split_whitespace().collect();
        if let Some(mistake) = dialect::condition(&tokens) {
            parser.report.mistake(number, &mistake);
            continue;
        }
        match *tokens {
            [from, to] => parser.line(number, from, to, None),
            [from, to, status] => parser.line(number, from, to, Some(status)),
            _ => {
                let message = format!("a line has 2 or 3 words, this one {}", tokens.len());
                let remedy = "Write `/from /to` or `/from /to 301`.";
                parser.report.error(number, message, remedy);
            }
        }
    }
    RedirectsFile { diagnostics: parser.report.into_diagnostics(), ..parser.found }
}

struct Parser {
    report: Report,
    found: RedirectsFile,
}

impl Parser {
    fn line(&mut self, number: u32, from: &str, to: &str, status: Option<&str>) {
        let word = status.unwrap_or_default();
        // Netlify's `!`: the rule takes precedence over files, as all redirects do here.
        let forced = word.strip_suffix('!');
        let digits = forced.unwrap_or(word);
        let parsed = status.map_or(Some(STATUS_DEFAULT), |_| digits.parse().ok());
        let Some(status) = parsed else {
            return self.report.mistake(number, &not_a_status(format_args!("`{word}`")));
        };
        let from = match from.starts_with('/') || from.contains("://") {
            true => from.to_owned(),
            false => format!("/{from}"),
        };
        if status == 404 {
            self.not_found(number, &from, to, forced.is_some());
            return;
        }
        if let Some(mistake) = dialect::target(&from, to, status) {
            return self.report.mistake(number, &mistake);
        }
        let rule = match RedirectRule::parse(&from, to, status) {
            Ok(rule) => rule,
            Err(mistake) => return self.report.mistake(number, &mistake),
        };
        let fallback = Fallback::of(&rule);
        if forced.is_some() && fallback.is_none() {
            let message = format!("the `!` of `{word}` has no effect");
            let remedy = "Remove it: redirects come before files anyway.";
            self.report.warning(number, message, remedy);
        }
        match fallback.filter(|_| forced.is_none()) {
            Some(fallback) => self.found.fallbacks.push(self.report.locate(number, fallback)),
            None => self.found.rules.push(self.report.locate(number, rule)),
        }
    }

    fn not_found(&mut self, number: u32, from: &str, to: &str, is_forced: bool) {
        if is_forced {
            let remedy = "Leave the files out with [publish] ignore in selvedge.toml.";
            self.report.error(number, "`404!` would hide files, which rules can't do here", remedy);
            return;
        }
        match Fallback::of_not_found(from, to) {
            Some(fallback) => self.found.fallbacks.push(self.report.locate(number, fallback)),
            None => {
                let remedy =
                    "Put a `404.html` into a folder: it is served for missing files below it.";
                self.report.error(number, not_a_status(404), remedy);
            }
        }
    }
}
