//! Lines about headers, of all configuration files.

use crate::site::rules::header_op::{HeaderOp, PROTECTED, Touch};
use crate::site::rules::header_policy::is_disallowed;
use crate::site::rules::pattern::Language;
use crate::site::rules::{HeaderRule, parse_pattern};
use crate::site::source::diagnostic::{Located, Report};
use crate::site::source::dialect;
use crate::site::source::type_rule::{CONTENT_TYPE, TYPE_UNSET, TYPE_UNSET_REMEDY, TypeRule};

/// Header rules of configuration files, in the order in which they apply.
#[derive(Debug, Default)]
pub struct HeaderLines {
    pub rules: Vec<Located<HeaderRule>>,
    pub types: Vec<Located<TypeRule>>,
    /// Lines about headers that the header stage sets.
    pub touches: Vec<Located<Touch>>,
}

impl HeaderLines {
    /// Adds a rule on a line; its operations have their own lines.
    pub fn add(
        &mut self,
        report: &mut Report,
        line: u32,
        (language, pattern): (Language, &str),
        ops: Vec<(u32, HeaderOp)>,
    ) {
        let (types, ops): (Vec<_>, Vec<_>) =
            ops.into_iter().partition(|(_, op)| op.name() == CONTENT_TYPE);
        for (line, op) in types {
            self.types.extend(media_type(report, line, (language, pattern), &op));
        }
        for (at, op) in ops.iter().filter(|(_, op)| PROTECTED.contains(&op.name())) {
            let touch = Touch { op: op.clone(), rule_line: line };
            self.touches.push(report.locate(*at, touch));
        }
        let ops = ops.into_iter().map(|(_, op)| op).collect();
        match HeaderRule::parse(pattern, language, ops) {
            // All of its operations were refused or are types.
            Ok(rule) if rule.ops().next().is_none() => {}
            Ok(rule) => self.rules.push(report.locate(line, rule)),
            Err(mistake) => report.mistake(line, &mistake),
        }
    }

    pub fn extend(&mut self, other: Self) {
        self.rules.extend(other.rules);
        self.types.extend(other.types);
        self.touches.extend(other.touches);
    }
}

/// Returns the operation with its line, if a rule may do it; `written` is the name as written.
pub fn checked(
    report: &mut Report,
    line: u32,
    written: &str,
    op: HeaderOp,
) -> Option<(u32, HeaderOp)> {
    let name = op.name();
    if name == CONTENT_TYPE {
        return Some((line, op));
    }
    if let Some(mistake) = dialect::leaking_header(name) {
        report.mistake(line, &mistake);
        return None;
    }
    match op.check() {
        Ok(()) => return Some((line, op)),
        Err(error) if is_disallowed(name) => {
            let message = format!("the header `{name}` {error}, and the line is ignored");
            report.warning(line, message, error.remedy());
        }
        Err(error) => {
            report.mistake(line, &error.of(format_args!("the header `{written}`")));
        }
    }
    None
}

fn media_type(
    report: &mut Report,
    line: u32,
    (language, pattern): (Language, &str),
    op: &HeaderOp,
) -> Option<Located<TypeRule>> {
    let value = match op {
        HeaderOp::Set(_, value) => value,
        HeaderOp::Append(..) => {
            report.error(line, "`content-type` can't be appended to", "Write it below `set`.");
            return None;
        }
        HeaderOp::Unset(_) => {
            report.warning(line, TYPE_UNSET, TYPE_UNSET_REMEDY);
            return None;
        }
    };
    match TypeRule::parse(pattern, language, value) {
        Ok(rule) => return Some(report.locate(line, rule)),
        // The header rule is refused for its pattern.
        Err(_) if parse_pattern(pattern, language).is_err() => {}
        Err(mistake) => report.mistake(line, &mistake),
    }
    None
}
