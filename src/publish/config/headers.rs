//! Header rules of all configuration files.

use crate::publish::config::routes::within;
use crate::site::rules::header_op::{HeaderOp, PROTECTED, Touch};
use crate::site::rules::header_policy::{check_name, check_value, is_disallowed};
use crate::site::rules::pattern::{Language, Pattern};
use crate::site::rules::{HEADER_RULES_MAX, HeaderRule, HeaderRules};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, Severity};
use crate::site::source::dialect;
use crate::site::source::headers_file::HeadersFile;
use crate::site::source::type_rule::{CONTENT_TYPE, TYPE_UNSET, TYPE_UNSET_REMEDY, TypeRule};

/// Header rules in the order in which they apply.
#[derive(Debug, Default)]
pub struct ConfiguredHeaders {
    pub rules: Vec<Located<HeaderRule>>,
    pub types: Vec<Located<TypeRule>>,
    /// Lines about headers that the header stage sets.
    pub touches: Vec<Located<Touch>>,
}

impl ConfiguredHeaders {
    /// Adds a rule on a line; its operations have their own lines.
    pub fn add(
        &mut self,
        report: &mut Report,
        line: u32,
        selector: &str,
        ops: Vec<(u32, HeaderOp)>,
    ) {
        let (types, ops): (Vec<_>, Vec<_>) =
            ops.into_iter().partition(|(_, op)| op.name() == CONTENT_TYPE);
        for (line, op) in types {
            self.types.extend(media_type(report, line, selector, &op));
        }
        for (at, op) in ops.iter().filter(|(_, op)| PROTECTED.contains(&op.name())) {
            let touch = Touch { op: op.clone(), rule_line: line };
            self.touches.push(report.locate(*at, touch));
        }
        let ops = ops.into_iter().map(|(_, op)| op).collect();
        match HeaderRule::parse(selector, Language::Selector, ops) {
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

    /// Returns the rules within the limit and the media types, and reports lines without effect.
    pub fn review(
        self,
        has_actions: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> (HeaderRules, Vec<Located<TypeRule>>) {
        without_effect(&self.touches, &self.rules, has_actions, diagnostics);
        let remedy = "Write fewer rules with `*` or `:name`.";
        let rules = within(self.rules, HEADER_RULES_MAX, "header rules", remedy, diagnostics);
        let rules = rules.into_iter().map(|located| located.rule).collect();
        (HeaderRules::new(rules).unwrap_or_default(), self.types)
    }
}

impl From<HeadersFile> for ConfiguredHeaders {
    fn from(file: HeadersFile) -> Self {
        Self { rules: file.rules, types: file.types, touches: file.touches }
    }
}

/// Returns the operation if a rule may do it. `written`: the name with its case.
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
    match check_name(name).and_then(|()| op.value().map_or(Ok(()), check_value)) {
        Ok(()) => return Some((line, op)),
        Err(error) if is_disallowed(name) => {
            let message = format!("the header `{name}` {error}, and is ignored");
            report.warning(line, message, error.remedy());
        }
        Err(error) => {
            report.error(line, format!("the header `{written}` {error}"), error.remedy());
        }
    }
    None
}

fn media_type(
    report: &mut Report,
    line: u32,
    selector: &str,
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
    match TypeRule::parse(selector, Language::Selector, value) {
        Ok(rule) => return Some(report.locate(line, rule)),
        // The header rule is refused for its pattern.
        Err(_) if Pattern::parse(selector, Language::Selector).is_err() => {}
        Err(mistake) => report.mistake(line, &mistake),
    }
    None
}

/// Reports lines without effect, because `serve::headers` sets the header after the site's rules.
///
/// `has_actions`: upstreams may send headers that a rule can unset.
fn without_effect(
    touches: &[Located<Touch>],
    rules: &[Located<HeaderRule>],
    has_actions: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for at in touches {
        let name = at.rule.op.name();
        let is_own =
            |rule: &Located<HeaderRule>| rule.file == at.file && rule.line == at.rule.rule_line;
        let last = rules.iter().position(is_own).map_or(rules.len(), |own| own.saturating_add(1));
        let mut relevant = rules.iter().take(last);
        let found = match (&at.rule.op, name) {
            (HeaderOp::Unset(_), "x-content-type-options") => {
                (!rules.iter().filter(|rule| is_own(rule)).any(|rule| sets(rule, name)))
                    .then_some(sniffing())
            }
            (HeaderOp::Unset(_), "strict-transport-security" | "x-robots-tag") if has_actions => {
                None
            }
            (HeaderOp::Unset(_), _) => {
                (!relevant.any(|rule| sets(rule, name))).then(|| unset(name))
            }
            (HeaderOp::Set(_, value) | HeaderOp::Append(_, value), "x-content-type-options") => {
                (!value.eq_ignore_ascii_case("nosniff")).then_some(sniffing())
            }
            (HeaderOp::Set(..) | HeaderOp::Append(..), _) => None,
        };
        if let Some((message, remedy)) = found {
            let message = message.to_owned();
            diagnostics.push(at.diagnostic(Severity::Warning, message, remedy));
        }
    }
}

fn sets(rule: &Located<HeaderRule>, name: &str) -> bool {
    rule.rule.ops().any(|op| op.name() == name && op.value().is_some())
}

fn sniffing() -> (&'static str, &'static str) {
    (
        "the line has no effect: files are always sent with `x-content-type-options: nosniff`",
        "Remove it. If a browser refuses a file, correct its media type in [types].",
    )
}

fn unset(name: &str) -> (&'static str, &'static str) {
    match name {
        "cache-control" => (
            "unsetting `cache-control` has no effect: the stage's value is sent",
            "Set the value you want, as in `no-cache`.",
        ),
        "strict-transport-security" => (
            "unsetting `strict-transport-security` has no effect: permanent stages send it",
            "Set the value you want, as in `max-age=0`.",
        ),
        _ => (
            "unsetting `x-robots-tag` has no effect: no rule sets it, and stages other than \
             production stay `noindex`",
            "Remove it.",
        ),
    }
}
