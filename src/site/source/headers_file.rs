//! The `_headers` file: its text into header rules.
//!
//! The syntax is that of Workers Static Assets: a path pattern on a line, below it `Name: value`
//! and `! Name` lines. Two differences: what is skipped there without a word is reported here,
//! and a pattern that is written twice has both its rules applied, where there the last replaces
//! the others.

use crate::site::rules::header_op::{HeaderOp, Origin, PROTECTED, Touch};
use crate::site::rules::header_policy::{FieldError, check_name, check_value};
use crate::site::rules::pattern::{Language, Pattern, SPLAT_NAME};
use crate::site::rules::template::unknown_name;
use crate::site::rules::{HEADER_OPS_MAX, HeaderRule};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, rule_lines};
use crate::site::source::dialect::{self, Refusal};
use crate::site::source::type_rule::{CONTENT_TYPE, TYPE_UNSET, TYPE_UNSET_REMEDY, TypeRule};

/// The name of the file at the root of the published folder.
pub const FILE_NAME: &str = "_headers";

/// Longest line: longer ones are ignored on Workers Static Assets (there at 2,000).
pub const LINE_BYTES_MAX: usize = 4_352;

/// The content of a `_headers` file, compiled.
#[derive(Debug, Default)]
pub struct HeadersFile {
    /// Header rules, in the order written.
    pub rules: Vec<Located<HeaderRule>>,
    /// Media types, in the order written.
    pub types: Vec<Located<TypeRule>>,
    /// Lines about protected headers, in the order written.
    pub touches: Vec<Located<Touch>>,
    /// Everything that is wrong with the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns the rules of a `_headers` file and everything that is wrong with it.
///
/// # Example
/// ```
/// use selvedge::site::source::headers_file::parse;
///
/// let found = parse("_headers", "/docs/*\n  X-Frame-Options: DENY\n  ! Server\n");
/// assert_eq!(found.rules.len(), 1);
/// let printed = found.diagnostics[0].to_string();
/// assert!(printed.starts_with("_headers:3: warning: the header `server` can't be changed"));
/// ```
pub fn parse(file: &str, text: &str) -> HeadersFile {
    let found = HeadersFile::default();
    let mut reader = Reader { report: Report::new(file), found, block: None };
    for (number, line) in rule_lines(text) {
        if line.len() > LINE_BYTES_MAX {
            let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            reader.report.error(number, message, "Write several rules.");
        } else if is_pattern(line) {
            reader.finish();
            reader.begin(number, line);
        } else {
            reader.header(number, line);
        }
    }
    reader.finish();
    HeadersFile { diagnostics: reader.report.into_diagnostics(), ..reader.found }
}

struct Reader {
    report: Report,
    found: HeadersFile,
    block: Option<Block>,
}

/// A pattern with the lines below it. Those of a wrong pattern are read too, for their mistakes.
struct Block {
    line: u32,
    text: String,
    pattern: Option<Pattern>,
    lines: usize,
    unset: Vec<HeaderOp>,
    set: Vec<HeaderOp>,
    type_unset: Option<u32>,
    type_set: bool,
}

impl Reader {
    fn begin(&mut self, line: u32, text: &str) {
        let pattern = match Pattern::parse(text, Language::Rules) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.report.error(line, format!("the pattern `{text}` {error}"), error.remedy());
                None
            }
        };
        let text = text.to_owned();
        self.block = Some(Block {
            line,
            text,
            pattern,
            lines: 0,
            unset: Vec::new(),
            set: Vec::new(),
            type_unset: None,
            type_set: false,
        });
    }

    fn header(&mut self, number: u32, line: &str) {
        let Some(block) = &mut self.block else {
            let remedy = "Write the pattern it is for on a line above, such as `/*`.";
            self.report.error(number, format!("`{line}` comes before any pattern"), remedy);
            return;
        };
        block.lines = block.lines.saturating_add(1);
        let unset = line.strip_prefix('!').filter(|_| !line.contains(':'));
        let (name, value) = match (unset, line.split_once(':')) {
            (Some(name), _) => (name.trim(), None),
            (None, Some((name, value))) => (name.trim(), Some(value.trim())),
            (None, None) => {
                let message = format!("`{line}` is neither a header nor a pattern");
                self.report.error(
                    number,
                    message,
                    "Write `Name: value`, `! Name` to unset it, or a path that begins with `/`.",
                );
                return;
            }
        };
        let lower = name.to_ascii_lowercase();
        if let Some(Refusal { message, remedy }) = dialect::leaking_header(&lower) {
            self.report.error(number, message, remedy);
            return;
        }
        if lower == CONTENT_TYPE {
            self.media_type(number, value);
            return;
        }
        let checked = check_name(&lower).and_then(|()| value.map_or(Ok(()), check_value));
        match checked {
            Ok(()) => {}
            Err(error @ FieldError::Disallowed) => {
                let message = format!("the header `{lower}` {error}, and the line is ignored");
                self.report.warning(number, message, error.remedy());
                return;
            }
            Err(error) => {
                self.report.error(number, format!("the header `{name}` {error}"), error.remedy());
                return;
            }
        }
        if let Some(host) = dialect::host_of_header(&lower) {
            let message = format!("only {host} acts on the header `{lower}`: it is sent as it is");
            self.report.warning(number, message, "Remove it.");
        }
        let op = match value {
            None => HeaderOp::Unset(lower),
            Some(value) => {
                let names = block.pattern.as_ref().map(Pattern::names);
                if names.is_some_and(|names| unknown_name(value, names) == Some(SPLAT_NAME)) {
                    self.report.warning(
                        number,
                        "the value holds `:splat`, but the pattern has no `*`: it stays as it is",
                        "Put a `*` into the pattern, or leave `:splat` out.",
                    );
                }
                HeaderOp::Set(lower, value.to_owned())
            }
        };
        if PROTECTED.contains(&op.name()) {
            let touch = Touch { op: op.clone(), rule_line: block.line };
            self.found.touches.push(self.report.locate(number, touch));
        }
        match op {
            HeaderOp::Unset(_) => block.unset.push(op),
            HeaderOp::Set(..) | HeaderOp::Append(..) => block.set.push(op),
        }
    }

    fn media_type(&mut self, number: u32, value: Option<&str>) {
        let Some(block) = &mut self.block else { return };
        let Some(value) = value else {
            block.type_unset = Some(number);
            return;
        };
        block.type_set = true;
        if block.pattern.is_none() {
            return;
        }
        match TypeRule::parse(&block.text, Origin::HeadersFile, value) {
            Ok(rule) => self.found.types.push(self.report.locate(number, rule)),
            Err(error) => self.report.error(number, &error, error.remedy()),
        }
    }

    fn finish(&mut self) {
        let Some(block) = self.block.take() else { return };
        if block.lines == 0 {
            let message = format!("the pattern `{}` has no headers, and does nothing", block.text);
            let remedy = "Write `Name: value` on the lines below it, or remove it.";
            self.report.warning(block.line, message, remedy);
            return;
        }
        if let Some(line) = block.type_unset.filter(|_| !block.type_set) {
            self.report.warning(line, TYPE_UNSET, TYPE_UNSET_REMEDY);
        }
        let ops: Vec<HeaderOp> = block.unset.into_iter().chain(block.set).collect();
        if block.pattern.is_none() || ops.is_empty() {
            return;
        }
        if ops.len() > HEADER_OPS_MAX {
            let message = format!("the pattern has more than {HEADER_OPS_MAX} headers");
            self.report.error(block.line, message, "Keep those that clients need.");
            return;
        }
        match HeaderRule::parse(&block.text, Origin::HeadersFile, ops) {
            Ok(rule) => self.found.rules.push(self.report.locate(block.line, rule)),
            Err(error) => self.report.error(block.line, &error, error.remedy()),
        }
    }
}

fn is_pattern(line: &str) -> bool {
    let scheme = line.split_once("://").map(|(scheme, _)| scheme);
    line.starts_with('/')
        || scheme.is_some_and(|scheme| {
            // With a colon before it the scheme stands in a value, as in `Link:<https://...>`.
            !scheme.is_empty() && !scheme.contains(|next: char| next.is_whitespace() || next == ':')
        })
}
