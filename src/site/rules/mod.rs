//! Compiled rules of a deployment: redirects, rewrites and response headers.
//!
//! Tenants upload the JSON that is deserialised here, so everything is checked again. Any rule that
//! exists can be served: its `Location` and header values are printable, bounded, and never name a
//! host that the site did not write.

pub mod mistake;
pub mod matching;
pub mod pattern;
pub mod template;
pub mod header_policy;
pub mod header_op;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::site::codec::at_most;
use crate::site::rules::header_op::HeaderOp;
use crate::site::rules::mistake::Mistake;
use crate::site::rules::pattern::{Captures, Language, Pattern};
use crate::site::rules::template::{Purpose, Target, Template, push_path};
use crate::wire::headers::Headers;

/// Maximum number of header rules: each is tried on every response.
pub const HEADER_RULES_MAX: usize = 1_000;
/// Maximum number of operations of a header rule: more than there are standard response headers.
pub const HEADER_OPS_MAX: usize = 100;
/// Maximum number of bytes that rules add to a response: well below the platform's 128 KB for all
/// headers.
pub const HEADER_BYTES_ADDED_MAX: usize = 32_768;
/// Maximum number of redirects of an exact path: they cost memory, not time.
pub const REDIRECTS_STATIC_MAX: usize = 20_000;
/// Maximum number of redirects with a splat or a placeholder: each is tried on every request.
pub const REDIRECTS_PATTERN_MAX: usize = 1_000;

/// The one header that only the production stage may set: other stages send `noindex`.
const ROBOTS: &str = "x-robots-tag";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectOutcome {
    /// A redirect; see [`Target::location`].
    Location { status: u16, location: String },
    /// A decoded path of the same deployment to serve instead. Rules are not tried on it.
    Rewrite { path: String },
}

/// A redirect, or a rewrite if the status is 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RedirectText<'de>", into = "(String, String, u16)")]
pub struct RedirectRule {
    from: Pattern,
    to: Target,
    status: u16,
}

impl RedirectRule {
    pub fn parse(from: &str, to: &str, status: u16) -> Result<Self, Mistake> {
        let from = parse_pattern(from, Language::Rules)?;
        let purpose = match status {
            200 => Purpose::Rewrite,
            301 | 302 | 303 | 307 | 308 => Purpose::Location,
            _ => return Err(not_a_status(status)),
        };
        let to = Target::parse(to, from.names(), purpose)
            .map_err(|mistake| mistake.of(format_args!("the target `{to}`")))?;
        Ok(Self { from, to, status })
    }

    pub fn from(&self) -> &Pattern {
        &self.from
    }

    pub fn to(&self) -> &Target {
        &self.to
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    fn outcome(&self, captures: &Captures, query: Option<&str>) -> Option<RedirectOutcome> {
        match self.status {
            200 => self.to.rewrite_path(captures).map(|path| RedirectOutcome::Rewrite { path }),
            status => {
                let location = self.to.location(captures, query)?;
                Some(RedirectOutcome::Location { status, location })
            }
        }
    }
}

/// Borrowed: a site can have 20,000 of these.
#[derive(Deserialize)]
#[serde(expecting = "a path, a target and a status")]
struct RedirectText<'a>(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] Cow<'a, str>, u16);

impl TryFrom<RedirectText<'_>> for RedirectRule {
    type Error = Mistake;
    fn try_from(RedirectText(from, to, status): RedirectText<'_>) -> Result<Self, Mistake> {
        Self::parse(&from, &to, status)
    }
}

impl From<RedirectRule> for (String, String, u16) {
    fn from(rule: RedirectRule) -> Self {
        (rule.from.as_str().to_owned(), rule.to.as_str().to_owned(), rule.status)
    }
}

/// The redirects and rewrites of a site in their order; the first that matches wins, as on Workers
/// Static Assets.
///
/// Exact paths are looked up in a table, only patterns are tried one by one.
///
/// # Example
/// ```
/// use selvedge::site::rules::{RedirectOutcome, RedirectRule, Redirects};
///
/// let rule = RedirectRule::parse("/old/*", "/new/:splat", 301).unwrap();
/// let redirects = Redirects::new(vec![rule]).unwrap();
/// let outcome = redirects.resolve("www.example.com", "/old/a b", Some("q=1"));
/// let location = "/new/a%20b?q=1".to_owned();
/// assert_eq!(outcome, Some(RedirectOutcome::Location { status: 301, location }));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redirects {
    rules: Vec<RedirectRule>,
    exact: HashMap<Box<str>, Vec<usize>>,
    patterns: Vec<usize>,
}

impl Redirects {
    pub fn new(rules: Vec<RedirectRule>) -> Result<Self, Mistake> {
        let mut exact: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut patterns = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match rule.from.exact_path() {
                Some(path) => exact.entry(path.into()).or_default().push(index),
                None => patterns.push(index),
            }
        }
        let redirects = Self { rules, exact, patterns };
        redirects.check()?;
        Ok(redirects)
    }

    pub fn rules(&self) -> &[RedirectRule] {
        &self.rules
    }

    /// Checks the number of rules.
    pub fn check(&self) -> Result<(), Mistake> {
        let exact = self.rules.len().saturating_sub(self.patterns.len());
        check_count(exact, "redirects of one path each", REDIRECTS_STATIC_MAX)?;
        let patterns = self.patterns.len();
        check_count(patterns, "redirects with `*` or `:name`", REDIRECTS_PATTERN_MAX)
    }

    /// Applies the first matching rule to a folded host without port, a canonical, decoded path and
    /// a raw query.
    pub fn resolve(&self, host: &str, path: &str, query: Option<&str>) -> Option<RedirectOutcome> {
        let (rule, captures) = self.matching(host, path)?;
        rule.outcome(&captures, query)
    }

    pub fn matching<'s>(
        &self,
        host: &'s str,
        path: &'s str,
    ) -> Option<(&RedirectRule, Captures<'s>)> {
        let attempt = |index: &usize| {
            let rule = self.rules.get(*index)?;
            rule.from.matches(host, path).map(|captures| (*index, rule, captures))
        };
        let exact = self.exact.get(path).and_then(|at| at.iter().find_map(attempt));
        let before = exact.as_ref().map_or(usize::MAX, |(index, ..)| *index);
        let mut earlier = self.patterns.iter().take_while(|index| **index < before);
        let (_, rule, captures) = earlier.find_map(attempt).or(exact)?;
        Some((rule, captures))
    }
}

impl Serialize for Redirects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rules.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Redirects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rules = at_most::<_, _, { REDIRECTS_STATIC_MAX + REDIRECTS_PATTERN_MAX }>(deserializer);
        Self::new(rules?).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRule", into = "UncheckedRule")]
pub struct HeaderRule {
    pattern: Pattern,
    /// With a template if the value depends on captures.
    ops: Vec<(HeaderOp, Option<Template>)>,
}

#[derive(Serialize, Deserialize)]
struct UncheckedRule {
    #[serde(rename = "for")]
    pattern: String,
    #[serde(rename = "origin")]
    language: Language,
    ops: Vec<HeaderOp>,
}

impl TryFrom<UncheckedRule> for HeaderRule {
    type Error = Mistake;
    fn try_from(rule: UncheckedRule) -> Result<Self, Mistake> {
        Self::parse(&rule.pattern, rule.language, rule.ops)
    }
}

impl From<HeaderRule> for UncheckedRule {
    fn from(rule: HeaderRule) -> Self {
        let pattern = rule.pattern.as_str().to_owned();
        let ops = rule.ops.into_iter().map(|(op, _)| op).collect();
        Self { pattern, language: rule.pattern.language(), ops }
    }
}

impl HeaderRule {
    pub fn parse(pattern: &str, language: Language, ops: Vec<HeaderOp>) -> Result<Self, Mistake> {
        check_count(ops.len(), "headers in one rule", HEADER_OPS_MAX)?;
        let pattern = parse_pattern(pattern, language)?;
        for op in &ops {
            op.check().map_err(|mistake| mistake.of(format_args!("the header `{}`", op.name())))?;
        }
        let compile = |op: HeaderOp| {
            // The captures of a selector have no names.
            let value = op.value().filter(|_| language == Language::Rules);
            let template = value.map(|value| Template::parse(value, pattern.names()));
            (op, template.filter(|template| template.as_text().is_none()))
        };
        let ops = ops.into_iter().map(compile).collect();
        Ok(Self { pattern, ops })
    }

    /// Returns the operations in their order.
    pub fn ops(&self) -> impl Iterator<Item = &HeaderOp> {
        self.ops.iter().map(|(op, _)| op)
    }

    fn captures<'s>(
        &self,
        host: &'s str,
        path: &'s str,
        file: Option<&'s str>,
    ) -> Option<Captures<'s>> {
        let by_path = self.pattern.matches(host, path);
        match self.pattern.language() {
            Language::Rules => by_path,
            // Selectors name files: `*.html` means pages at any of their addresses.
            Language::Selector => by_path.or_else(|| self.pattern.matches(host, file?)),
        }
    }
}

/// The header rules of a site in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderRules(
    #[serde(deserialize_with = "at_most::<_, _, HEADER_RULES_MAX>")] Vec<HeaderRule>,
);

impl HeaderRules {
    pub fn new(rules: Vec<HeaderRule>) -> Result<Self, Mistake> {
        let rules = Self(rules);
        rules.check().map(|()| rules)
    }

    /// Checks the number of rules.
    pub fn check(&self) -> Result<(), Mistake> {
        check_count(self.0.len(), "header rules", HEADER_RULES_MAX)
    }

    /// Applies every matching rule to the headers of a response.
    ///
    /// `file` is the path of the asset that is served; selectors match it too. On a
    /// `noindex_stage`, no rule changes `X-Robots-Tag`. Once the rules have added
    /// [`HEADER_BYTES_ADDED_MAX`] bytes, further values are skipped.
    pub fn apply(
        &self,
        host: &str,
        path: &str,
        file: Option<&str>,
        noindex_stage: bool,
        headers: &mut Headers,
    ) {
        let mut set_by_file: Vec<&str> = Vec::new();
        let mut room = HEADER_BYTES_ADDED_MAX;
        for rule in &self.0 {
            let Some(captures) = rule.captures(host, path, file) else { continue };
            for (op, template) in &rule.ops {
                let name = op.name();
                if noindex_stage && name == ROBOTS {
                    continue;
                }
                let value = expand(op, template.as_ref(), &captures);
                let Some(left) = room.checked_sub(value.len()) else { continue };
                room = left;
                let in_file = rule.pattern.language() == Language::Rules;
                match op {
                    HeaderOp::Unset(_) => headers.remove(name),
                    HeaderOp::Append(..) => headers.append(name.to_owned(), value),
                    HeaderOp::Set(..) if in_file && set_by_file.contains(&name) => {
                        headers.append(name.to_owned(), value);
                    }
                    HeaderOp::Set(..) => {
                        headers.set(name.to_owned(), value);
                        if in_file {
                            set_by_file.push(name);
                        }
                    }
                }
            }
        }
    }
}

fn expand(op: &HeaderOp, template: Option<&Template>, captures: &Captures) -> String {
    match template {
        Some(template) => {
            let mut value = String::new();
            template.expand(captures, push_path, &mut value);
            value.trim().to_owned()
        }
        None => op.value().unwrap_or("").to_owned(),
    }
}

pub fn parse_pattern(text: &str, language: Language) -> Result<Pattern, Mistake> {
    Pattern::parse(text, language)
        .map_err(|mistake| mistake.of(format_args!("the pattern `{text}`")))
}

/// Checks that there are at most `max` of something.
pub fn check_count(count: usize, what: &str, max: usize) -> Result<(), Mistake> {
    if count <= max {
        return Ok(());
    }
    let remedy = format!("Keep {max}, or write fewer with `*` or `:name`.");
    Err(Mistake::new(format!("more than {max} {what}"), remedy))
}

pub fn not_a_status(status: impl fmt::Display) -> Mistake {
    Mistake::new(
        "is not the status of a redirect",
        "Write 301, 302 (the default), 303, 307 or 308, or 200 to serve another path.",
    )
    .of(status)
}

#[cfg(test)]
mod tests;
