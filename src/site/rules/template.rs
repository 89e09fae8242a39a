//! Texts with placeholders: values of header rules and targets of redirects.
//!
//! Compiled against the names that a rule's pattern captures, so that expanding one is a walk
//! over its parts. It is not the place where rules are matched.
//!
//! Invariants: a captured text can fill the path, the query or the fragment of a target, never
//! its scheme or host; and whatever is captured is percent-encoded on its way in, so that it can
//! end no part, begin no other, and put nothing but printable ASCII into a header.

use std::fmt;

use percent_encoding::{AsciiSet, utf8_percent_encode};

use crate::site::rules::pattern::{Captures, SPLAT_NAME, name_length};
use crate::wire::percent::{PATH, QUERY, VALUE, percent_decode};

/// Longest `Location`: the platform's own limit for a URL, so that what we send can be asked for.
pub const LOCATION_BYTES_MAX: usize = 16_384;

/// Longest target of a redirect: what Workers Static Assets takes of a line.
pub const TARGET_BYTES_MAX: usize = 2_048;

/// Characters escaped in the path of a target, which may contain escapes already.
const TARGET_PATH: &AsciiSet = &PATH.remove(b'%');

/// Characters escaped in a captured text within a query or fragment.
const COMPONENT: &AsciiSet = &VALUE.remove(b'/');

/// A text with slots for what a pattern captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Slot(usize),
}

impl Template {
    /// Returns the compiled text. `:name` is a slot where the pattern captures that whole name
    /// (`:id` is not the beginning of `:identity`), and stays as it is where it does not.
    pub fn parse(text: &str, names: &[Box<str>]) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(':') {
            let (name, after) = after.split_at_checked(name_length(after)).unwrap_or(("", after));
            literal.push_str(before);
            match names.iter().position(|known| **known == *name) {
                Some(slot) => {
                    push_text(&mut parts, &mut literal);
                    parts.push(Part::Slot(slot));
                }
                None => {
                    literal.push(':');
                    literal.push_str(name);
                }
            }
            rest = after;
        }
        literal.push_str(rest);
        push_text(&mut parts, &mut literal);
        Self { parts }
    }

    /// Appends the text to `out`, what was captured written by `write`.
    pub fn expand(&self, captures: &Captures, write: fn(&mut String, &str), out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(slot) => write(out, captures.value(*slot)),
            }
        }
    }

    /// Returns the text, where nothing in it depends on the request.
    pub fn as_text(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    fn decoded(mut self) -> Option<Self> {
        for part in &mut self.parts {
            if let Part::Text(text) = part {
                *text = percent_decode(text)?.into();
            }
        }
        Some(self)
    }
}

fn push_text(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Text(std::mem::take(literal).into()));
    }
}

/// Returns the first `:name` of a text that a pattern does not capture.
pub fn unknown_name<'t>(text: &'t str, names: &[Box<str>]) -> Option<&'t str> {
    text.split(':').skip(1).find_map(|after| {
        let name = after.get(..name_length(after))?;
        (!name.is_empty() && !names.iter().any(|known| **known == *name)).then_some(name)
    })
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: Box<str>,
    origin: Option<Box<str>>,
    path: Template,
    query: Option<Template>,
    fragment: Option<Template>,
}

/// What a target is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is sent to the client: the path is kept percent-encoded.
    Location,
    /// It selects another asset: the path is decoded.
    Rewrite,
}

impl Target {
    /// Returns the compiled target of a rule whose pattern captures `names`.
    ///
    /// # Errors
    /// A [`TargetError`] names what can't be compiled and what to write instead.
    pub fn parse(text: &str, names: &[Box<str>], purpose: Purpose) -> Result<Self, TargetError> {
        if text.len() > TARGET_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        if text.contains(is_no_path) {
            return Err(TargetError::BadCharacter);
        }
        let (origin, rest) = split_origin(text)?;
        if origin.is_some() && purpose == Purpose::Rewrite {
            return Err(TargetError::RewriteElsewhere);
        }
        if let Some(name) = unknown_name(rest, names) {
            return Err(match name {
                SPLAT_NAME => TargetError::NoSplat,
                other => TargetError::UnknownName(other.into()),
            });
        }
        let (rest, fragment) = split_off(rest, '#');
        let (path, query) = split_off(rest, '?');
        let decoded = percent_decode(path).ok_or(TargetError::BadEscape)?;
        if origin.is_none() && decoded.contains(is_no_path) {
            return Err(TargetError::BadCharacter);
        }
        if origin.is_none() && has_dot_segment(path) {
            return Err(TargetError::DotSegment);
        }
        let path = Template::parse(&utf8_percent_encode(path, TARGET_PATH).to_string(), names);
        let path = match purpose {
            Purpose::Location => path,
            Purpose::Rewrite => path.decoded().ok_or(TargetError::BadEscape)?,
        };
        let suffix = |part: Option<&str>| {
            part.filter(|part| !part.is_empty())
                .map(|part| Template::parse(&utf8_percent_encode(part, QUERY).to_string(), names))
        };
        Ok(Self {
            text: text.into(),
            origin: origin.map(Into::into),
            path,
            query: suffix(query),
            fragment: suffix(fragment),
        })
    }

    /// Returns the target as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the target has a query or a fragment of its own.
    pub fn has_suffix(&self) -> bool {
        self.query.is_some() || self.fragment.is_some()
    }

    /// Returns whether the path depends on what the pattern captures.
    pub fn has_captures(&self) -> bool {
        self.path.as_text().is_none()
    }

    /// Returns the value of `Location`, or `None` where it would be longer than
    /// [`LOCATION_BYTES_MAX`] or hold a dot segment.
    ///
    /// # Shape
    /// Printable ASCII. Begins with `https://` and a host that the site wrote, or with exactly one
    /// `/`. The target's own query replaces the request's; its fragment comes last.
    pub fn location(&self, captures: &Captures, query: Option<&str>) -> Option<String> {
        let mut out = String::new();
        match &self.origin {
            Some(origin) => {
                out.push_str(origin);
                self.path.expand(captures, push_path, &mut out);
            }
            None => {
                let mut path = String::new();
                self.path.expand(captures, push_path, &mut path);
                out = collapse(&path)?;
            }
        }
        match (&self.query, query.filter(|query| !query.is_empty())) {
            (Some(own), _) => {
                out.push('?');
                own.expand(captures, push_component, &mut out);
            }
            (None, Some(asked)) => {
                out.push('?');
                out.extend(utf8_percent_encode(asked, QUERY));
            }
            (None, None) => {}
        }
        if let Some(fragment) = &self.fragment {
            out.push('#');
            fragment.expand(captures, push_component, &mut out);
        }
        (out.len() <= LOCATION_BYTES_MAX).then_some(out)
    }

    /// Returns the decoded path of the asset to serve, or `None` where no asset can have it.
    ///
    /// # Shape
    /// `/`-rooted, no `//`, no dot segment.
    pub fn rewrite_path(&self, captures: &Captures) -> Option<String> {
        let mut path = String::new();
        self.path.expand(captures, |out, value| out.push_str(value), &mut path);
        collapse(&path)
    }
}

/// Returns the scheme and host in front, where the site wrote them, and the rest.
fn split_origin(text: &str) -> Result<(Option<String>, &str), TargetError> {
    if text.starts_with("//") {
        return Err(TargetError::NoScheme);
    }
    if text.starts_with('/') {
        return Ok((None, text));
    }
    let Some(after) = text.strip_prefix("https://") else {
        return Err(TargetError::NotRooted);
    };
    let at = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (host, rest) = after.split_at_checked(at).ok_or(TargetError::BadHost)?;
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| name_length(port) > 0) || name.is_empty() && host.contains(':') {
        return Err(TargetError::NameInHost);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let port_ok = port.is_none_or(|port| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    if name.is_empty() || !name.bytes().all(plain) || !port_ok {
        return Err(TargetError::BadHost);
    }
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Ok((Some(format!("https://{host}{slash}")), rest))
}

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Returns the path beginning with one `/`, runs of `/` as one; `None` for a dot segment.
fn collapse(path: &str) -> Option<String> {
    if has_dot_segment(path) {
        return None;
    }
    let mut out = String::with_capacity(path.len().saturating_add(1));
    out.push('/');
    for next in path.chars() {
        if next != '/' || !out.ends_with('/') {
            out.push(next);
        }
    }
    Some(out)
}

fn is_no_path(next: char) -> bool {
    next.is_control() || next == '\\'
}

fn has_dot_segment(path: &str) -> bool {
    // A client resolves `%2e` as `.` too (WHATWG URL), so it counts.
    let dots = |segment: &str| {
        let length = segment.replace("%2e", ".").replace("%2E", ".");
        matches!(&*length, "." | "..")
    };
    path.split('/').any(|segment| segment.len() <= 6 && dots(segment))
}

/// Appends a decoded text as part of a path.
pub fn push_path(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, PATH));
}

/// Appends a decoded text as one value within a query or fragment.
fn push_component(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, COMPONENT));
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetError {
    /// Longer than [`TARGET_BYTES_MAX`].
    TooLong,
    /// Begins with neither `/` nor `https://`.
    NotRooted,
    /// Begins with `//`, which names another host.
    NoScheme,
    /// The host is not a hostname with an optional port.
    BadHost,
    /// A placeholder in the host: a request would choose where clients are sent.
    NameInHost,
    /// `:splat` without a `*` in the pattern.
    NoSplat,
    /// `:name` that the pattern does not capture.
    UnknownName(Box<str>),
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    BadEscape,
    /// A backslash or a control character.
    BadCharacter,
    /// `.` or `..` as a folder.
    DotSegment,
    /// A rewrite (status 200) to another host.
    RewriteElsewhere,
}

impl TargetError {
    /// Returns what to write instead.
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Self::TooLong => "Shorten it.",
            Self::NotRooted => {
                "Begin it with `/` for a path of this site, or with `https://` for another host."
            }
            Self::NoScheme => "Write one `/` for a path of this site, or `https://` and the host.",
            Self::BadHost => "Write a hostname such as `https://www.example.com/path`.",
            Self::NameInHost => {
                "Write one rule for each host: a request must not choose where it is sent."
            }
            Self::NoSplat => "Put a `*` into the pattern, or leave `:splat` out.",
            Self::UnknownName(name) => {
                return format!(
                    "Put `:{name}` into the pattern, or write `%3A{name}` for a plain colon."
                );
            }
            Self::BadEscape => "Write `%25` for a percent sign.",
            Self::BadCharacter => "Write `/` between folders, and no control characters.",
            Self::DotSegment => "Write the path as it is after `.` and `..` are resolved.",
            Self::RewriteElsewhere => {
                "Write a path of this site, or a redirecting status such as 302."
            }
        };
        remedy.to_owned()
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "is longer than {TARGET_BYTES_MAX} bytes"),
            Self::NotRooted => formatter.write_str("begins with neither `/` nor `https://`"),
            Self::NoScheme => formatter.write_str("begins with `//`, which names a host"),
            Self::BadHost => formatter.write_str("has a host that is no hostname"),
            Self::NameInHost => formatter.write_str("has a placeholder in its host"),
            Self::NoSplat => formatter.write_str("holds `:splat`, but the pattern has no `*`"),
            Self::UnknownName(name) => {
                write!(formatter, "holds `:{name}`, which the pattern does not capture")
            }
            Self::BadEscape => formatter.write_str("holds a `%` that escapes nothing"),
            Self::BadCharacter => formatter.write_str("holds a backslash or a control character"),
            Self::DotSegment => formatter.write_str("holds `.` or `..`, as no path does"),
            Self::RewriteElsewhere => formatter.write_str("is on another host, with status 200"),
        }
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::rules::pattern::{Language, Pattern};

    #[track_caller]
    fn check(from: &str, to: &str, path: &str, query: Option<&str>, expected: Option<&str>) {
        let pattern = Pattern::parse(from, Language::Rules).unwrap();
        let target = Target::parse(to, pattern.names(), Purpose::Location).unwrap();
        let captures = pattern.matches("x", path).unwrap();
        assert_eq!(target.location(&captures, query).as_deref(), expected, "{from} {to} {path}");
    }

    #[test]
    fn locations() {
        let rows = [
            ("plain", "/a", "/b", "/a", None, Some("/b")),
            ("query kept", "/a", "/b", "/a", Some("q=1"), Some("/b?q=1")),
            ("own query wins", "/a", "/b?own", "/a", Some("q=1"), Some("/b?own")),
            ("empty own query", "/a", "/b?", "/a", Some("q=1"), Some("/b?q=1")),
            ("empty query", "/a", "/b", "/a", Some(""), Some("/b")),
            ("fragment last", "/a", "/b#f", "/a", Some("q=1"), Some("/b?q=1#f")),
            ("query, fragment", "/a", "/b?x#f?y", "/a", None, Some("/b?x#f?y")),
            ("splat", "/a/*", "/b/:splat", "/a/x/y", None, Some("/b/x/y")),
            (
                "splat encoded once",
                "/a/*",
                "/b/:splat",
                "/a/é%41 [",
                None,
                Some("/b/%C3%A9%2541%20%5B"),
            ),
            ("literal encoded once", "/a", "/é%C3%A9", "/a", None, Some("/%C3%A9%C3%A9")),
            (
                "no host from a splat",
                "/a/*",
                "/:splat",
                "/a//evil.example",
                None,
                Some("/evil.example"),
            ),
            ("nothing captured", "/a/*", "/:splat/b", "/a/", None, Some("/b")),
            ("whole names", "/:id/:identity", "/:identity/:id", "/1/2", None, Some("/2/1")),
            ("captured query", "/:x", "/s?q=:x", "/a&b=c#d", None, Some("/s?q=a%26b%3Dc%23d")),
            ("captured fragment", "/:x", "/s#:x", "/a#b", None, Some("/s#a%23b")),
            (
                "other host",
                "/*",
                "https://h:8443/:splat",
                "/a",
                Some("q"),
                Some("https://h:8443/a?q"),
            ),
            ("host alone", "/*", "https://h", "/a", None, Some("https://h/")),
            ("host and query", "/*", "https://h?q", "/a", None, Some("https://h/?q")),
            ("header splitting", "/a", "/b", "/a", Some("x\r\ny: z"), Some("/b?x%0D%0Ay:%20z")),
            ("bytes in a query", "/a", "/b", "/a", Some("é<#"), Some("/b?%C3%A9%3C%23")),
            ("made dot segment", "/:x.", "/:x.", "/..", None, None),
        ];
        for (_name, from, to, path, query, expected) in rows {
            check(from, to, path, query, expected);
        }
    }

    #[test]
    fn longest_location() {
        let to = format!("/{}", "a".repeat(TARGET_BYTES_MAX - 1));
        let room = LOCATION_BYTES_MAX - TARGET_BYTES_MAX - 1;
        let pattern = Pattern::parse("/a", Language::Rules).unwrap();
        let target = Target::parse(&to, &[], Purpose::Location).unwrap();
        let captures = pattern.matches("x", "/a").unwrap();
        assert!(target.location(&captures, Some(&"q".repeat(room))).is_some());
        assert!(target.location(&captures, Some(&"q".repeat(room + 1))).is_none());
        assert_eq!(
            Target::parse(&format!("{to}a"), &[], Purpose::Location),
            Err(TargetError::TooLong)
        );
    }

    #[test]
    fn rewrite_paths() {
        let rows = [
            ("/a", "/b", "/a", Some("/b")),
            ("/a", "/caf%C3%A9", "/a", Some("/café")),
            ("/a/*", "/b/:splat", "/a/é [", Some("/b/é [")),
            ("/a/*", "/:splat/b", "/a/", Some("/b")),
            ("/a", "/b?q#f", "/a", Some("/b")),
            ("/:x", "/.:x", "/.", None),
        ];
        for (from, to, path, expected) in rows {
            let pattern = Pattern::parse(from, Language::Rules).unwrap();
            let target = Target::parse(to, pattern.names(), Purpose::Rewrite).unwrap();
            let captures = pattern.matches("x", path).unwrap();
            assert_eq!(target.rewrite_path(&captures).as_deref(), expected, "{from} {to} {path}");
        }
    }

    #[test]
    fn mistakes() {
        let rows = [
            ("", TargetError::NotRooted),
            ("b", TargetError::NotRooted),
            ("http://h/", TargetError::NotRooted),
            ("javascript:alert(1)", TargetError::NotRooted),
            ("//h/", TargetError::NoScheme),
            ("/\\h", TargetError::BadCharacter),
            ("/a\r\nb", TargetError::BadCharacter),
            ("/%5Ch", TargetError::BadCharacter),
            ("/%0d", TargetError::BadCharacter),
            ("https://", TargetError::BadHost),
            ("https://user@h/", TargetError::BadHost),
            ("https://h:/", TargetError::BadHost),
            ("https://h:123456/", TargetError::BadHost),
            ("https://:x.h/", TargetError::NameInHost),
            ("https://h:x/", TargetError::NameInHost),
            ("/:splat", TargetError::NoSplat),
            ("/:y", TargetError::UnknownName("y".into())),
            ("/%", TargetError::BadEscape),
            ("/a/../b", TargetError::DotSegment),
            ("/a/%2E%2e", TargetError::DotSegment),
        ];
        for (text, expected) in rows {
            let parsed = Target::parse(text, &["x".into()], Purpose::Location);
            assert_eq!(parsed, Err(expected), "{text}");
        }
        let elsewhere = Target::parse("https://h/", &[], Purpose::Rewrite);
        assert_eq!(elsewhere, Err(TargetError::RewriteElsewhere));
    }
}
