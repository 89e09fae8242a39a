//! Parses the `_headers` file.
//!
//! The syntax is that of Workers Static Assets: a path pattern on a line, below it `Name: value`
//! and `! Name` lines. Two differences: lines that are silently skipped there are reported here,
//! and if a pattern occurs twice, both rules apply, while there the last replaces the others.

use crate::site::rules::header_op::HeaderOp;
use crate::site::rules::mistake::Mistake;
use crate::site::rules::parse_pattern;
use crate::site::rules::pattern::{Language, Pattern, SPLAT_NAME};
use crate::site::rules::template::unknown_name;
use crate::site::source::diagnostic::{Diagnostic, Report, rule_lines};
use crate::site::source::dialect;
use crate::site::source::header_lines::{HeaderLines, checked};
use crate::site::source::type_rule::CONTENT_TYPE;

pub const FILE_NAME: &str = "_headers";

/// Longest line: room for the longest header. Workers Static Assets ignores longer lines (there of
/// 2,000 bytes).
pub const LINE_BYTES_MAX: usize = 4_352;

/// Parses a `_headers` file, which diagnostics call `file`.
pub fn parse(file: &str, text: &str) -> (HeaderLines, Vec<Diagnostic>) {
    let found = HeaderLines::default();
    let mut parser = Parser { report: Report::new(file), found, block: None };
    for (number, line) in rule_lines(text) {
        if line.len() > LINE_BYTES_MAX {
            let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            parser.report.error(number, message, "Write several rules.");
        } else if is_pattern(line) {
            parser.finish();
            parser.block = Some(Block::new(number, line));
        } else {
            parser.header(number, line);
        }
    }
    parser.finish();
    (parser.found, parser.report.into_diagnostics())
}

struct Parser {
    report: Report,
    found: HeaderLines,
    block: Option<Block>,
}

/// A pattern with the lines below it. Those of a wrong pattern are checked too.
struct Block {
    line: u32,
    text: String,
    pattern: Result<Pattern, Mistake>,
    lines: usize,
    ops: Vec<(u32, HeaderOp)>,
}

impl Block {
    fn new(line: u32, text: &str) -> Self {
        let pattern = parse_pattern(text, Language::Rules);
        Self { line, text: text.to_owned(), pattern, lines: 0, ops: Vec::new() }
    }
}

impl Parser {
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
        let op = match value {
            None => HeaderOp::Unset(lower),
            Some(value) => HeaderOp::Set(lower, value.to_owned()),
        };
        let Some((_, op)) = checked(&mut self.report, number, name, op) else { return };
        if let Some(host) = dialect::host_of_header(op.name()) {
            let message =
                format!("only {host} acts on the header `{}`, which is sent unchanged", op.name());
            self.report.warning(number, message, "Remove it.");
        }
        let names = block.pattern.as_ref().ok().map(Pattern::names);
        let unknown = names.zip(value).and_then(|(names, value)| unknown_name(value, names));
        if unknown == Some(SPLAT_NAME) {
            self.report.warning(
                number,
                "the value has `:splat`, but the pattern has no `*`: it is not replaced",
                "Put a `*` into the pattern, or leave `:splat` out.",
            );
        }
        block.ops.push((number, op));
    }

    fn finish(&mut self) {
        let Some(Block { line, text, pattern, lines, mut ops }) = self.block.take() else { return };
        if lines == 0 {
            if let Err(mistake) = pattern {
                self.report.mistake(line, &mistake);
            }
            let message = format!("the pattern `{text}` has no headers, and does nothing");
            let remedy = "Write `Name: value` on the lines below it, or remove it.";
            self.report.warning(line, message, remedy);
            return;
        }
        let sets_type = ops.iter().any(|(_, op)| op.name() == CONTENT_TYPE && op.value().is_some());
        ops.retain(|(_, op)| !sets_type || op.name() != CONTENT_TYPE || op.value().is_some());
        // Headers are unset before others are set, as on Workers Static Assets.
        ops.sort_by_key(|(_, op)| op.value().is_some());
        self.found.add(&mut self.report, line, (Language::Rules, &text), ops);
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
