//! Texts with placeholders: values of header rules and targets of redirects.
//!
//! A capture can fill the path, query or fragment of a target, never its scheme or host. It is
//! percent-encoded, so it can't end a part, begin another, or put anything but printable ASCII into
//! a header.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use crate::site::rules::mistake::Mistake;
use crate::site::rules::pattern::{Captures, SPLAT_NAME, name_length};
use crate::wire::percent::{PATH, QUERY, VALUE, percent_decode};

/// Longest `Location`: the platform's limit for a URL, so that it can be requested.
pub const LOCATION_BYTES_MAX: usize = 16_384;

/// Longest target of a redirect, as on Workers Static Assets.
pub const TARGET_BYTES_MAX: usize = 2_048;

/// Characters escaped in the path of a target, which may contain escapes already.
const TARGET_PATH: &AsciiSet = &PATH.remove(b'%');

/// Characters escaped in a capture within a query or fragment.
const COMPONENT: &AsciiSet = &VALUE.remove(b'/');

/// A text with slots for captures.
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
    /// Compiles a text. `:name` is a slot if the pattern captures exactly that name (`:id` is not
    /// the beginning of `:identity`), and literal otherwise.
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

    /// Appends the text to `out`, with captures appended by `write`.
    pub fn expand(&self, captures: &Captures, write: fn(&mut String, &str), out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(slot) => write(out, captures.value(*slot)),
            }
        }
    }

    /// Returns the text if it has no slots.
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

/// Returns the first `:name` of a text that the pattern does not capture.
pub fn unknown_name<'t>(text: &'t str, names: &[Box<str>]) -> Option<&'t str> {
    text.split(':').skip(1).find_map(|after| {
        let name = after.get(..name_length(after))?;
        (!name.is_empty() && !names.iter().any(|known| **known == *name)).then_some(name)
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: Box<str>,
    origin: Option<Box<str>>,
    path: Template,
    query: Option<Template>,
    fragment: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sent to the client, so the path stays percent-encoded.
    Location,
    /// Selects another asset, so the path is decoded.
    Rewrite,
}

impl Target {
    /// Compiles the target of a rule with a pattern that captures `names`.
    pub fn parse(text: &str, names: &[Box<str>], purpose: Purpose) -> Result<Self, Mistake> {
        if text.len() > TARGET_BYTES_MAX {
            let message = format!("is longer than {TARGET_BYTES_MAX} bytes");
            return Err(Mistake::new(message, "Shorten it."));
        }
        let bad_character = Mistake::new(
            "has a backslash or a control character",
            "Write `/` between folders, and no control characters.",
        );
        let bad_escape =
            || Mistake::new("has an invalid percent-encoding", "Write `%25` for a percent sign.");
        if text.contains(is_no_path) {
            return Err(bad_character);
        }
        let (origin, rest) = split_origin(text)?;
        if origin.is_some() && purpose == Purpose::Rewrite {
            return Err(Mistake::new(
                "is on another host, with status 200",
                "Write a path of this site, or a redirecting status such as 302.",
            ));
        }
        if let Some(name) = unknown_name(rest, names) {
            return Err(not_captured(name));
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decoded = percent_decode(path).ok_or_else(bad_escape)?;
        if origin.is_none() && decoded.contains(is_no_path) {
            return Err(bad_character);
        }
        if origin.is_none() && has_dot_segment(path) {
            return Err(Mistake::new(
                "has `.` or `..`, which no request path has",
                "Resolve `.` and `..` in the path.",
            ));
        }
        let compile = |part: &str, escaped: &'static AsciiSet| {
            Template::parse(&utf8_percent_encode(part, escaped).to_string(), names)
        };
        let path = match purpose {
            Purpose::Location => compile(path, TARGET_PATH),
            Purpose::Rewrite => compile(path, TARGET_PATH).decoded().ok_or_else(bad_escape)?,
        };
        let suffix = |part: &str| (!part.is_empty()).then(|| compile(part, QUERY));
        Ok(Self {
            text: text.into(),
            origin: origin.map(Into::into),
            path,
            query: suffix(query),
            fragment: suffix(fragment),
        })
    }

    /// Returns the target as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn has_suffix(&self) -> bool {
        self.query.is_some() || self.fragment.is_some()
    }

    /// Returns whether the path depends on captures.
    pub fn has_captures(&self) -> bool {
        self.path.as_text().is_none()
    }

    /// Returns the value of `Location`; `None` if it would be longer than [`LOCATION_BYTES_MAX`] or
    /// contain a dot segment.
    ///
    /// It is printable ASCII and begins with `https://` and a host that the site wrote, or with
    /// exactly one `/`. The target's query replaces that of the request; its fragment comes last.
    pub fn location(&self, captures: &Captures, query: Option<&str>) -> Option<String> {
        let mut path = String::new();
        self.path.expand(captures, push_path, &mut path);
        let mut out = match &self.origin {
            Some(origin) => [&**origin, &*path].concat(),
            None => collapse(&path)?,
        };
        match (&self.query, query.filter(|query| !query.is_empty())) {
            (Some(own), _) => {
                out.push('?');
                own.expand(captures, push_component, &mut out);
            }
            (None, Some(requested)) => {
                out.push('?');
                out.extend(utf8_percent_encode(requested, QUERY));
            }
            (None, None) => {}
        }
        if let Some(fragment) = &self.fragment {
            out.push('#');
            fragment.expand(captures, push_component, &mut out);
        }
        (out.len() <= LOCATION_BYTES_MAX).then_some(out)
    }

    /// Returns the decoded path of the asset to serve, without `//`; `None` if it would contain a
    /// dot segment.
    pub fn rewrite_path(&self, captures: &Captures) -> Option<String> {
        let mut path = String::new();
        self.path.expand(captures, |out, value| out.push_str(value), &mut path);
        collapse(&path)
    }
}

fn not_captured(name: &str) -> Mistake {
    match name {
        SPLAT_NAME => Mistake::new(
            "has `:splat`, but the pattern has no `*`",
            "Put a `*` into the pattern, or leave `:splat` out.",
        ),
        name => Mistake::new(
            format!("has `:{name}`, which the pattern does not capture"),
            format!("Put `:{name}` into the pattern, or write `%3A{name}` for a plain colon."),
        ),
    }
}

/// Splits off the scheme and host, if the site wrote them.
fn split_origin(text: &str) -> Result<(Option<String>, &str), Mistake> {
    if text.starts_with("//") {
        return Err(Mistake::new(
            "begins with `//`, which names a host",
            "Write one `/` for a path of this site, or `https://` and the host.",
        ));
    }
    if text.starts_with('/') {
        return Ok((None, text));
    }
    let Some(after) = text.strip_prefix("https://") else {
        return Err(Mistake::new(
            "begins with neither `/` nor `https://`",
            "Begin it with `/` for a path of this site, or with `https://` for another host.",
        ));
    };
    let at = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (host, rest) = after.split_at_checked(at).unwrap_or((after, ""));
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| name_length(port) > 0) || name.is_empty() && host.contains(':') {
        return Err(Mistake::new(
            "has a placeholder in its host",
            "Write one rule for each host: a request must not choose where it is sent.",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let port_ok = port.is_none_or(|port| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    if name.is_empty() || !name.bytes().all(plain) || !port_ok {
        return Err(Mistake::new(
            "has an invalid hostname",
            "Write a hostname such as `https://www.example.com/path`.",
        ));
    }
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Ok((Some(format!("https://{host}{slash}")), rest))
}

/// Returns the path with one `/` in front, and one for each run of `/`; `None` for a dot segment.
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
    // A client resolves `%2e` as `.` too (WHATWG URL).
    path.split('/').filter(|segment| segment.len() <= 6).any(|segment| {
        let decoded = segment.replace("%2e", ".").replace("%2E", ".");
        matches!(&*decoded, "." | "..")
    })
}

/// Appends a decoded text to a path.
pub fn push_path(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, PATH));
}

/// Appends a decoded text to a query or fragment.
fn push_component(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, COMPONENT));
}

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
    fn locations_are_encoded() {
        let rows = [
            ("/a", "/b", "/a", None, "/b"),
            ("/a", "/b", "/a", Some("q=1"), "/b?q=1"),
            ("/a", "/b?own", "/a", Some("q=1"), "/b?own"),
            ("/a", "/b?", "/a", Some("q=1"), "/b?q=1"),
            ("/a", "/b", "/a", Some(""), "/b"),
            ("/a", "/b#f", "/a", Some("q=1"), "/b?q=1#f"),
            ("/a", "/b?x#f?y", "/a", None, "/b?x#f?y"),
            ("/a/*", "/b/:splat", "/a/x/y", None, "/b/x/y"),
            ("/a/*", "/b/:splat", "/a/é%41 [", None, "/b/%C3%A9%2541%20%5B"),
            ("/a", "/é%C3%A9", "/a", None, "/%C3%A9%C3%A9"),
            ("/a/*", "/:splat", "/a//evil.example", None, "/evil.example"),
            ("/a/*", "/:splat/b", "/a/", None, "/b"),
            ("/:id/:identity", "/:identity/:id", "/1/2", None, "/2/1"),
            ("/:x", "/s?q=:x", "/a&b=c#d", None, "/s?q=a%26b%3Dc%23d"),
            ("/:x", "/s#:x", "/a#b", None, "/s#a%23b"),
            ("/*", "https://h:8443/:splat", "/a", Some("q"), "https://h:8443/a?q"),
            ("/*", "https://h", "/a", None, "https://h/"),
            ("/*", "https://h?q", "/a", None, "https://h/?q"),
            ("/a", "/b", "/a", Some("x\r\ny: z"), "/b?x%0D%0Ay:%20z"),
            ("/a", "/b", "/a", Some("é<#"), "/b?%C3%A9%3C%23"),
        ];
        for (from, to, path, query, expected) in rows {
            check(from, to, path, query, Some(expected));
        }
        check("/:x.", "/:x.", "/..", None, None);
    }

    #[test]
    fn the_longest_location_is_bounded() {
        let to = format!("/{}", "a".repeat(TARGET_BYTES_MAX - 1));
        let room = LOCATION_BYTES_MAX - TARGET_BYTES_MAX - 1;
        let pattern = Pattern::parse("/a", Language::Rules).unwrap();
        let target = Target::parse(&to, &[], Purpose::Location).unwrap();
        let captures = pattern.matches("x", "/a").unwrap();
        assert!(target.location(&captures, Some(&"q".repeat(room))).is_some());
        assert!(target.location(&captures, Some(&"q".repeat(room + 1))).is_none());
        let longer = Target::parse(&format!("{to}a"), &[], Purpose::Location);
        assert_eq!(longer.unwrap_err().to_string(), "is longer than 2048 bytes");
    }

    #[test]
    fn rewrite_paths_are_decoded() {
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
    fn mistakes_are_named() {
        let rows: [(&str, &[&str]); 11] = [
            ("begins with neither `/` nor `https://`", &["", "b", "http://h/"]),
            ("begins with neither `/` nor `https://`", &["javascript:alert(1)"]),
            ("begins with `//`, which names a host", &["//h/"]),
            ("has a backslash or a control character", &["/\\h", "/a\r\nb", "/%5Ch", "/%0d"]),
            ("has an invalid hostname", &["https://", "https://user@h/", "https://h:/"]),
            ("has an invalid hostname", &["https://h:123456/"]),
            ("has a placeholder in its host", &["https://:x.h/", "https://h:x/"]),
            ("has `:splat`, but the pattern has no `*`", &["/:splat"]),
            ("has `:y`, which the pattern does not capture", &["/:y"]),
            ("has an invalid percent-encoding", &["/%"]),
            ("has `.` or `..`, which no request path has", &["/a/../b", "/a/%2E%2e"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                let mistake = Target::parse(text, &["x".into()], Purpose::Location).unwrap_err();
                assert_eq!(mistake.to_string(), expected, "{text}");
            }
        }
        let elsewhere = Target::parse("https://h/", &[], Purpose::Rewrite);
        assert_eq!(elsewhere.unwrap_err().to_string(), "is on another host, with status 200");
    }
}
