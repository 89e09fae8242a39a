//! The `_redirects` file: its text into redirect rules.
//!
//! The syntax is that of Workers Static Assets: `from to [status]` on a line, 302 unless it says
//! otherwise. What is skipped there without a word is reported here. One addition: `from` may
//! begin with `https://host`.

use crate::site::diagnostic::{Diagnostic, Located, Report, rule_lines};
use crate::site::rules::{RedirectRule, RulesError};

/// The name of the file at the root of the published folder.
pub const FILE_NAME: &str = "_redirects";

/// The status of a redirect that names none.
pub const STATUS_DEFAULT: u16 = 302;

/// Returns the rules of a `_redirects` file and everything that is wrong with it.
///
/// # Example
/// ```
/// use selvedge::site::redirects_file::parse;
///
/// let (rules, diagnostics) = parse("_redirects", "/old/* /new/:splat 301\n/a /b 418\n");
/// assert_eq!(rules.len(), 1);
/// let printed = diagnostics[0].to_string();
/// assert!(printed.starts_with("_redirects:2: 418 is not the status of a redirect"));
/// ```
pub fn parse(file: &str, text: &str) -> (Vec<Located<RedirectRule>>, Vec<Diagnostic>) {
    let mut report = Report::new(file);
    let mut rules = Vec::new();
    for (number, line) in rule_lines(text) {
        // A `#` after a space begins a comment; one without is the fragment of a target.
        let comment = line
            .char_indices()
            .zip(line.chars().skip(1))
            .find(|((_, space), next)| space.is_whitespace() && *next == '#')
            .map(|((at, _), _)| at);
        let line = comment.and_then(|at| line.get(..at)).unwrap_or(line);
        let tokens: Vec<&str> = line.split_whitespace().collect();
        let (from, to, status) = match *tokens {
            [from, to] => (from, to, None),
            [from, to, status] => (from, to, Some(status)),
            _ => {
                let message = format!("a line holds 2 or 3 words, this one {}", tokens.len());
                let remedy = "Write `/from /to` or `/from /to 301`; conditions on queries, \
                              languages or countries are not supported.";
                report.error(number, message, remedy);
                continue;
            }
        };
        let Some(status) = status_of(number, status, &mut report) else { continue };
        let from = match from.starts_with('/') || from.contains("://") {
            true => from.to_owned(),
            false => format!("/{from}"),
        };
        match RedirectRule::parse(&from, to, status) {
            Ok(rule) => rules.push(report.locate(number, rule)),
            Err(error) => report.error(number, &error, error.remedy()),
        }
    }
    (rules, report.into_diagnostics())
}

fn status_of(line: u32, word: Option<&str>, report: &mut Report) -> Option<u16> {
    let Some(word) = word else { return Some(STATUS_DEFAULT) };
    let digits = match word.strip_suffix('!') {
        Some(digits) => {
            let message = format!("the `!` of `{word}` has no effect");
            report.warning(line, message, "Remove it: redirects come before files anyway.");
            digits
        }
        None => word,
    };
    if let Ok(status) = digits.parse() {
        return Some(status);
    }
    let message = format!("`{word}` is not the status of a redirect");
    report.error(line, message, RulesError::Status(0).remedy());
    None
}
