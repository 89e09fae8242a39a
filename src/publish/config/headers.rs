//! Header rules of all configuration files.

use crate::publish::config::routes::within;
use crate::site::rules::header_op::{HeaderOp, Touch};
use crate::site::rules::{HEADER_RULES_MAX, HeaderRule, HeaderRules};
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};
use crate::site::source::header_lines::HeaderLines;
use crate::site::source::type_rule::TypeRule;

/// Returns the rules within the limit and the media types, and reports lines without effect.
pub fn review(
    headers: HeaderLines,
    has_actions: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> (HeaderRules, Vec<Located<TypeRule>>) {
    without_effect(&headers.touches, &headers.rules, has_actions, diagnostics);
    let remedy = "Write fewer rules with `*` or `:name`.";
    let rules = within(headers.rules, HEADER_RULES_MAX, "header rules", remedy, diagnostics);
    let rules = rules.into_iter().map(|located| located.rule).collect();
    (HeaderRules::new(rules).unwrap_or_default(), headers.types)
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
