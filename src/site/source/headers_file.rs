//! Parses the `_headers` file.
//!
//! The syntax is that of Workers Static Assets: a path pattern on a line, below it `Name: value`
//! and `! Name` lines. Two differences: lines that are silently skipped there are reported here,
//! and if a pattern occurs twice, both rules apply, while there the last replaces the others.

use crate::site::rules::header_op::{HeaderOp, PROTECTED, Touch};
use crate::site::rules::header_policy::{check_name, check_value, is_disallowed};
use crate::site::rules::pattern::{Language, Pattern, SPLAT_NAME};
use crate::site::rules::template::unknown_name;
use crate::site::rules::{HEADER_OPS_MAX, HeaderRule, parse_pattern};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, rule_lines};
use crate::site::source::dialect;
use crate::site::source::type_rule::{CONTENT_TYPE, TYPE_UNSET, TYPE_UNSET_REMEDY, TypeRule};

pub const FILE_NAME: &str = "_headers";

/// Longest line: room for the longest header. Workers Static Assets ignores longer lines (there of
/// 2,000 bytes).
pub const LINE_BYTES_MAX: usize = 4_352;

/// A parsed `_headers` file, in the order of its lines.
#[derive(Debug, Default)]
pub struct HeadersFile {
    pub rules: Vec<Located<HeaderRule>>,
    pub types: Vec<Located<TypeRule>>,
    /// Lines about protected headers.
    pub touches: Vec<Located<Touch>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a `_headers` file, which diagnostics call `file`.
pub fn parse(file: &str, text: &str) -> HeadersFile {
    let found = HeadersFile::default();
    let mut parser = Parser { report: Report::new(file), found, block: None };
    for (number, line) in rule_lines(text) {
        if line.len() > LINE_BYTES_MAX {
            let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            parser.report.error(number, message, "Write several rules.");
        } else if is_pattern(line) {
            parser.finish();
            parser.begin(number, line);
        } else {
            parser.header(number, line);
        }
    }
    parser.finish();
    HeadersFile { diagnostics: parser.report.into_diagnostics(), ..parser.found }
}

struct Parser {
    report: Report,
    found: HeadersFile,
    block: Option<Block>,
}

/// A pattern with the lines below it. Those of a wrong pattern are checked too.
#[derive(Default)]
struct Block {
    line: u32,
    text: String,
    pattern: Option<Pattern>,
    lines: usize,
    ops: Vec<HeaderOp>,
    type_unset: Option<u32>,
    type_set: bool,
}

impl Parser {
    fn begin(&mut self, line: u32, text: &str) {
        let pattern = parse_pattern(text, Language::Rules);
        let pattern = pattern.map_err(|mistake| self.report.mistake(line, &mistake)).ok();
        self.block = Some(Block { line, text: text.to_owned(), pattern, ..Block::default() });
    }

    fn header(&mut self, number: u32, line: &str) {
        let Some(block) = &mut self.block else {
            let remedy = "Write its pattern on a line above, such as `/*`.";
            self.report.error(number, format!("`{line}` comes before any pattern"), remedy);
            return;
        };
        block.lines = block.lines.saturating_add(1);
        let unset = line.strip_prefix('!').filter(|_| !line.contains(':'));
        match (unset, line.split_once(':')) {
            (Some(name), _) => self.operation(number, name.trim(), None),
            (None, Some((name, value))) => self.operation(number, name.trim(), Some(value.trim())),
            (None, None) => self.report.error(
                number,
                format!("`{line}` is neither a header nor a pattern"),
                "Write `Name: value`, `! Name` to unset it, or a path that begins with `/`.",
            ),
        }
    }

    fn operation(&mut self, number: u32, name: &str, value: Option<&str>) {
        let Some(block) = &mut self.block else { return };
        let lower = name.to_ascii_lowercase();
        if let Some(mistake) = dialect::leaking_header(&lower) {
            self.report.mistake(number, &mistake);
            return;
        }
        if lower == CONTENT_TYPE {
            self.media_type(number, value);
            return;
        }
        match check_name(&lower).and_then(|()| value.map_or(Ok(()), check_value)) {
            Ok(()) => {}
            Err(error) if is_disallowed(&lower) => {
                let message = format!("the header `{lower}` {error}, and the line is ignored");
                self.report.warning(number, message, error.remedy());
                return;
            }
            Err(error) => {
                let mistake = error.of(format_args!("the header `{name}`"));
                self.report.mistake(number, &mistake);
                return;
            }
        }
        if let Some(host) = dialect::host_of_header(&lower) {
            let message =
                format!("only {host} acts on the header `{lower}`, which is sent unchanged");
            self.report.warning(number, message, "Remove it.");
        }
        let names = block.pattern.as_ref().map(Pattern::names);
        let unknown = names.zip(value).and_then(|(names, value)| unknown_name(value, names));
        if unknown == Some(SPLAT_NAME) {
            self.report.warning(
                number,
                "the value has `:splat`, but the pattern has no `*`: it is not replaced",
                "Put a `*` into the pattern, or leave `:splat` out.",
            );
        }
        let op = match value {
            None => HeaderOp::Unset(lower),
            Some(value) => HeaderOp::Set(lower, value.to_owned()),
        };
        if PROTECTED.contains(&op.name()) {
            let touch = Touch { op: op.clone(), rule_line: block.line };
            self.found.touches.push(self.report.locate(number, touch));
        }
        block.ops.push(op);
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
        match TypeRule::parse(&block.text, Language::Rules, value) {
            Ok(rule) => self.found.types.push(self.report.locate(number, rule)),
            Err(mistake) => self.report.mistake(number, &mistake),
        }
    }

    fn finish(&mut self) {
        let Some(Block { line, text, pattern, lines, mut ops, type_unset, type_set }) =
            self.block.take()
        else {
            return;
        };
        if lines == 0 {
            let message = format!("the pattern `{text}` has no headers, and does nothing");
            let remedy = "Write `Name: value` on the lines below it, or remove it.";
            self.report.warning(line, message, remedy);
            return;
        }
        if let Some(line) = type_unset.filter(|_| !type_set) {
            self.report.warning(line, TYPE_UNSET, TYPE_UNSET_REMEDY);
        }
        if pattern.is_none() || ops.is_empty() {
            return;
        }
        if ops.len() > HEADER_OPS_MAX {
            let message = format!("the pattern has more than {HEADER_OPS_MAX} headers");
            self.report.error(line, message, "Keep those that clients need.");
            return;
        }
        // Headers are unset before others are set, as on Workers Static Assets.
        ops.sort_by_key(|op| !matches!(op, HeaderOp::Unset(_)));
        match HeaderRule::parse(&text, Language::Rules, ops) {
            Ok(rule) => self.found.rules.push(self.report.locate(line, rule)),
            Err(mistake) => self.report.mistake(line, &mistake),
        }
    }
}

fn is_pattern(line: &str) -> bool {
    let scheme = line.split_once("://").map(|(scheme, _)| scheme);
    line.starts_with('/')
        || scheme.is_some_and(|scheme| {
            // After a colon, the scheme is part of a value, as in `Link:<https://...>`.
            !scheme.is_empty() && !scheme.contains(|next: char| next.is_whitespace() || next == ':')
        })
}
