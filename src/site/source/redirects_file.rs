//! The `_redirects` file: its text into redirect rules.
//!
//! The syntax is that of Workers Static Assets: `from to [status]` on a line, 302 unless it says
//! otherwise. What is skipped there without a word is reported here. Two additions: `from` may
//! begin with `https://host`, and catch-all lines of Netlify compile to a [`Fallback`].

use crate::site::rules::{RedirectRule, RulesError};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, rule_lines};
use crate::site::source::dialect::{self, Refusal};
use crate::site::source::fallback::Fallback;

/// The name of the file at the root of the published folder.
pub const FILE_NAME: &str = "_redirects";

/// The status of a redirect that names none.
pub const STATUS_DEFAULT: u16 = 302;

/// The content of a `_redirects` file, compiled.
#[derive(Debug, Default)]
pub struct RedirectsFile {
    /// Redirects and rewrites, in the order written.
    pub rules: Vec<Located<RedirectRule>>,
    /// Catch-all lines that come after files, in the order written.
    pub fallbacks: Vec<Located<Fallback>>,
    /// Everything that is wrong with the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns the rules of a `_redirects` file and everything that is wrong with it.
///
/// # Example
/// ```
/// use selvedge::site::source::redirects_file::parse;
///
/// let found = parse("_redirects", "/old/* /new/:splat 301\n/a /b 418\n");
/// assert_eq!(found.rules.len(), 1);
/// let printed = found.diagnostics[0].to_string();
/// assert!(printed.starts_with("_redirects:2: 418 is not the status of a redirect"));
/// ```
pub fn parse(file: &str, text: &str) -> RedirectsFile {
    let mut reader = Reader { report: Report::new(file), rules: Vec::new(), fallbacks: Vec::new() };
    for (number, line) in rule_lines(text) {
        // A `#` after a space begins a comment; one without is the fragment of a target.
        let comment = line
            .char_indices()
            .zip(line.chars().skip(1))
            .find(|((_, space), next)| space.is_whitespace() && *next == '#')
            .map(|((at, _), _)| at);
        let line = comment.and_then(|at| line.get(..at)).unwrap_or(line);
        let tokens: Vec<&str> = line.split_whitespace().collect();
        if let Some(Refusal { message, remedy }) = dialect::condition(&tokens) {
            reader.report.error(number, message, remedy);
            continue;
        }
        match *tokens {
            [from, to] => reader.line(number, from, to, None),
            [from, to, status] => reader.line(number, from, to, Some(status)),
            _ => {
                let message = format!("a line holds 2 or 3 words, this one {}", tokens.len());
                let remedy = "Write `/from /to` or `/from /to 301`.";
                reader.report.error(number, message, remedy);
            }
        }
    }
    let Reader { report, rules, fallbacks } = reader;
    RedirectsFile { rules, fallbacks, diagnostics: report.into_diagnostics() }
}

struct Reader {
    report: Report,
    rules: Vec<Located<RedirectRule>>,
    fallbacks: Vec<Located<Fallback>>,
}

impl Reader {
    fn line(&mut self, number: u32, from: &str, to: &str, status: Option<&str>) {
        let word = status.unwrap_or_default();
        // Netlify's `!`: the rule comes before files, as all of ours do.
        let forced = word.strip_suffix('!');
        let digits = forced.unwrap_or(word);
        let parsed = status.map_or(Some(STATUS_DEFAULT), |_| digits.parse().ok());
        let Some(status) = parsed else {
            let message = format!("`{word}` is not the status of a redirect");
            self.report.error(number, message, RulesError::Status(0).remedy());
            return;
        };
        let from = match from.starts_with('/') || from.contains("://") {
            true => from.to_owned(),
            false => format!("/{from}"),
        };
        if status == 404 {
            self.not_found(number, &from, to, forced.is_some());
            return;
        }
        if let Some(Refusal { message, remedy }) = dialect::target(&from, to, status) {
            self.report.error(number, message, remedy);
            return;
        }
        let rule = match RedirectRule::parse(&from, to, status) {
            Ok(rule) => rule,
            Err(error) => return self.report.error(number, &error, error.remedy()),
        };
        let fallback = Fallback::of(&rule);
        if forced.is_some() && fallback.is_none() {
            let message = format!("the `!` of `{word}` has no effect");
            let remedy = "Remove it: redirects come before files anyway.";
            self.report.warning(number, message, remedy);
        }
        match fallback.filter(|_| forced.is_none()) {
            Some(fallback) => self.fallbacks.push(self.report.locate(number, fallback)),
            None => self.rules.push(self.report.locate(number, rule)),
        }
    }

    fn not_found(&mut self, number: u32, from: &str, to: &str, is_forced: bool) {
        if is_forced {
            let remedy = "Leave the files out with [publish] ignore in selvedge.toml.";
            self.report.error(number, "`404!` hides files, which no rule can do here", remedy);
            return;
        }
        match Fallback::of_not_found(from, to) {
            Some(fallback) => self.fallbacks.push(self.report.locate(number, fallback)),
            None => {
                let remedy =
                    "Put a `404.html` into a folder: it answers for what is missing below it.";
                self.report.error(number, RulesError::Status(404), remedy);
            }
        }
    }
}
