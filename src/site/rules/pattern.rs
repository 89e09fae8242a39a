//! Path patterns of a site's rules, compiled once and matched on every request.
//!
//! Two languages share one compiled form. `_headers` and `_redirects` write
//! `[https://host]/path` with one splat `*` and placeholders `:name`. The headers of
//! `selvedge.toml` and App Builder write selectors: `/*`, `/dir/*`, `/dir/*.html`, `*.js`, `/file`.
//! Neither has alternation, character classes or escapes.

use serde::{Deserialize, Serialize};

use crate::site::rules::matching::{CAPTURES_MAX, Piece, Values, match_pieces};
use crate::site::rules::mistake::Mistake;
use crate::wire::percent::percent_decode;

/// Longest pattern: no request path is longer either (`wire::path`).
pub const PATTERN_BYTES_MAX: usize = 2_048;

/// The name under which a splat is captured.
pub const SPLAT_NAME: &str = "splat";

/// The language of a pattern, which also decides how header rules combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// `_headers` and `_redirects`: an optional `https://host`, one `*`, placeholders `:name`. A
    /// header that an earlier rule set is appended to, and captures fill values.
    #[serde(rename = "headers-file")]
    Rules,
    /// App Builder and `selvedge.toml` headers: one `*`, which may come first. A later rule
    /// overrides.
    Selector,
}

/// A compiled pattern. Literal text is percent-decoded, as request paths are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    language: Language,
    host: Option<Box<[Piece]>>,
    path: Box<[Piece]>,
    names: Vec<Box<str>>,
}

/// A value for each name, in the order of [`Pattern::names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captures<'s> {
    values: Values<'s>,
}

impl<'s> Captures<'s> {
    /// Returns the decoded text of a slot, empty if the pattern lacks the slot.
    pub fn value(&self, slot: usize) -> &'s str {
        self.values.get(slot).copied().unwrap_or("")
    }
}

impl Pattern {
    pub fn parse(text: &str, language: Language) -> Result<Self, Mistake> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(Mistake::new(
                format!("is longer than {PATTERN_BYTES_MAX} bytes"),
                "Shorten it: no request path is that long.",
            ));
        }
        let mut names = Vec::new();
        let (host, path) = split_host(text, language)?;
        let host = match host {
            Some(host) => {
                check_host(host)?;
                let pieces = split_pieces(host, language, &mut names)?;
                Some(pieces.into_iter().map(Piece::lower_case).collect())
            }
            None => None,
        };
        let path = split_pieces(path, language, &mut names)?;
        check_path(&path)?;
        Ok(Self { text: text.into(), language, host, path: path.into(), names })
    }

    /// Returns the pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn language(&self) -> Language {
        self.language
    }

    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }

    /// Returns the names of the captures, by slot.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Returns the decoded path of a pattern that matches only one.
    pub fn exact_path(&self) -> Option<&str> {
        match (&*self.path, self.host.as_deref()) {
            ([Piece::Literal(path)], None | Some([Piece::Literal(_)])) => Some(path),
            _ => None,
        }
    }

    /// Matches a folded host without port and a canonical, decoded path.
    pub fn matches<'s>(&self, host: &'s str, path: &'s str) -> Option<Captures<'s>> {
        let mut values = [""; CAPTURES_MAX];
        if let Some(pieces) = &self.host {
            match_pieces(pieces, host, '.', &mut values)?;
        }
        match_pieces(&self.path, path, '/', &mut values)?;
        Some(Captures { values })
    }

    /// Returns whether the pattern certainly matches every request that `other` matches.
    ///
    /// `false` proves nothing: only shapes that people write are found (`/dir/*` before
    /// `/dir/more/*`).
    pub fn covers(&self, other: &Self) -> bool {
        if self.host.is_some() && self.host != other.host {
            return false;
        }
        match (&*self.path, &*other.path) {
            (these, others) if these == others => true,
            (these, [Piece::Literal(path)]) => {
                match_pieces(these, path, '/', &mut [""; CAPTURES_MAX]).is_some()
            }
            ([Piece::Splat(_)], _) => true,
            ([Piece::Literal(all), Piece::Splat(_)], [Piece::Literal(some), ..]) => {
                some.starts_with(&**all)
            }
            _ => false,
        }
    }

    /// Returns a host that the pattern matches, with `x` for each capture.
    pub fn example_host(&self) -> String {
        self.host.as_deref().map_or_else(|| "x".to_owned(), Piece::example)
    }

    /// Returns a request path that the pattern matches, with `x` for each capture.
    pub fn example_path(&self) -> String {
        let path = Piece::example(&self.path);
        if path.starts_with('/') { path } else { format!("/{path}") }
    }
}

/// Returns the length of the identifier at the front of `text`: a letter, then letters, digits and
/// `_`, as after the `:` of a placeholder.
pub fn name_length(text: &str) -> usize {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return 0;
    }
    text.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(text.len())
}

fn split_host(text: &str, language: Language) -> Result<(Option<&str>, &str), Mistake> {
    if text.contains(['?', '#']) {
        return Err(Mistake::new(
            "has a query or a fragment",
            "Leave out everything from `?` or `#`: only paths are matched.",
        ));
    }
    if text.starts_with('/') || language == Language::Selector && text.starts_with('*') {
        return Ok((None, text));
    }
    match text.split_once("://").filter(|_| language == Language::Rules) {
        Some(("https", rest)) => {
            let at = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
            Ok((Some(host), if path.is_empty() { "/" } else { path }))
        }
        Some(_) => Err(Mistake::new(
            "begins with a scheme other than `https://`",
            "Write `https://`, or only the path, which matches http too.",
        )),
        None => Err(Mistake::new("does not begin with `/`", "Begin it with `/`.")),
    }
}

fn check_host(host: &str) -> Result<(), Mistake> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:*".contains(&byte);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| {
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    if has_port {
        Err(Mistake::new(
            "has a port in its host",
            "Leave the port out: a pattern with a host matches any port.",
        ))
    } else if host.is_empty() || !host.bytes().all(plain) {
        Err(Mistake::new(
            "has an invalid hostname",
            "Write a hostname such as `https://www.example.com/path`.",
        ))
    } else {
        Ok(())
    }
}

fn split_pieces(
    text: &str,
    language: Language,
    names: &mut Vec<Box<str>>,
) -> Result<Vec<Piece>, Mistake> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(next.len_utf8()..).unwrap_or("");
        let (piece, after) = match next {
            '*' => (Piece::Splat(add_name(names, SPLAT_NAME, two_splats)?), after),
            ':' if language == Language::Rules && name_length(after) > 0 => {
                let (name, after) =
                    after.split_at_checked(name_length(after)).unwrap_or((after, ""));
                (Piece::Placeholder(add_name(names, name, || name_twice(name))?), after)
            }
            other => {
                literal.push(other);
                rest = after;
                continue;
            }
        };
        push_literal(&mut pieces, &mut literal)?;
        pieces.push(piece);
        rest = after;
    }
    push_literal(&mut pieces, &mut literal)?;
    Ok(pieces)
}

fn add_name(
    names: &mut Vec<Box<str>>,
    name: &str,
    twice: impl FnOnce() -> Mistake,
) -> Result<usize, Mistake> {
    if names.iter().any(|known| **known == *name) {
        return Err(twice());
    }
    if names.len() == CAPTURES_MAX {
        return Err(Mistake::new(
            format!("has more than {CAPTURES_MAX} placeholders"),
            "Use `*` for the rest of the path.",
        ));
    }
    names.push(name.into());
    Ok(names.len().saturating_sub(1))
}

fn two_splats() -> Mistake {
    Mistake::new(
        "has more than one `*`",
        "Keep one `*` (it matches any number of folders) and name the others, as `:name`.",
    )
}

fn name_twice(name: &str) -> Mistake {
    let message = format!("has `:{name}` more than once");
    Mistake::new(message, "Give each placeholder its own name.")
}

fn push_literal(pieces: &mut Vec<Piece>, literal: &mut String) -> Result<(), Mistake> {
    if literal.is_empty() {
        return Ok(());
    }
    let bad_escape =
        || Mistake::new("has an invalid percent-encoding", "Write `%25` for a percent sign.");
    let decoded = percent_decode(literal).ok_or_else(bad_escape)?;
    if decoded.contains(|next: char| next == '\\' || next.is_control()) {
        return Err(Mistake::new(
            "has a backslash or a control character",
            "Write `/` between folders, and no control characters.",
        ));
    }
    pieces.push(Piece::Literal(decoded.into()));
    literal.clear();
    Ok(())
}

fn check_path(pieces: &[Piece]) -> Result<(), Mistake> {
    // A placeholder or splat may match anything, so only literals are checked.
    let shape: String = pieces.iter().map(|piece| piece.text_or("*")).collect();
    if shape.contains("//") || shape.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Mistake::new(
            "has `//`, `.` or `..`, which no request path has",
            "Resolve `.`, `..` and `//` in the path.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, language: Language, host: &str, path: &str, expected: Option<&[&str]>) {
        let pattern = Pattern::parse(pattern, language).unwrap();
        let found = pattern.matches(host, path);
        let values = found.map(|found| {
            (0..pattern.names().len()).map(|slot| found.value(slot)).collect::<Vec<_>>()
        });
        assert_eq!(values.as_deref(), expected, "{} {host} {path}", pattern.as_str());
    }

    #[test]
    fn rules_match() {
        let rows: [(&str, &str, Option<&[&str]>); 32] = [
            ("/", "/", Some(&[])),
            ("/", "/a", None),
            ("/foo", "/foo", Some(&[])),
            ("/foo", "/foo/", None),
            ("/foo", "/Foo", None),
            ("/*", "/", Some(&[""])),
            ("/*", "/a/b", Some(&["a/b"])),
            ("/dir/*", "/dir/", Some(&[""])),
            ("/dir/*", "/dir", None),
            ("/dir/*", "/dirbar", None),
            ("/dir*", "/dirbar/x", Some(&["bar/x"])),
            ("/a/*/z", "/a/b/c/z", Some(&["b/c"])),
            ("/a/*/z", "/a/z", None),
            ("/:x", "/", None),
            ("/:x", "/a", Some(&["a"])),
            ("/:x", "/a/b", None),
            ("/:x/", "/a/", Some(&["a"])),
            ("/:x/:y", "/a/b", Some(&["a", "b"])),
            ("/v:x.html", "/v1.html", Some(&["1"])),
            ("/:x-:y", "/a-b-c", Some(&["a-b", "c"])),
            ("/:x:y", "/abc", Some(&["ab", "c"])),
            ("/:x:y", "/a", None),
            ("/:x*", "/ab/c", Some(&["ab", "/c"])),
            ("/*:x", "/ab/c", Some(&["ab/", "c"])),
            ("/:x/b*", "/x/bb", Some(&["x", "b"])),
            ("/caf%C3%A9", "/café", Some(&[])),
            ("/:x:y", "/é逕", Some(&["é", "逕"])),
            ("/blog/:year/*", "/blog/2026", None),
            ("/blog/:year/*", "/blog/2026/a/b", Some(&["2026", "a/b"])),
            ("/12:30", "/12:30", Some(&[])),
            ("/a%2Ab", "/a*b", Some(&[])),
            ("/a%2Ab", "/axb", None),
        ];
        for (pattern, path, expected) in rows {
            check(pattern, Language::Rules, "x", path, expected);
        }
    }

    #[test]
    fn hosts_match() {
        let rows: [(&str, &str, &str, Option<&[&str]>); 8] = [
            ("https://Example.com/a", "example.com", "/a", Some(&[])),
            ("https://example.com/a", "www.example.com", "/a", None),
            ("https://example.com/a", "exampleXcom", "/a", None),
            ("https://example.com", "example.com", "/", Some(&[])),
            ("https://:name.example.com/*", "a.example.com", "/b", Some(&["a", "b"])),
            ("https://:name.example.com/*", "a.b.example.com", "/b", None),
            ("https://*.example.com/:x", "a.b.example.com", "/c", Some(&["a.b", "c"])),
            ("https://:name/*", "localhost", "/", Some(&["localhost", ""])),
        ];
        for (pattern, host, path, expected) in rows {
            check(pattern, Language::Rules, host, path, expected);
        }
    }

    #[test]
    fn selectors_match() {
        let rows: [(&str, &str, bool); 13] = [
            ("/*", "/", true),
            ("/*", "/a/b", true),
            ("/dir/*", "/dir/a/b", true),
            ("/dir/*", "/dirbar", false),
            ("/dir/*.html", "/dir/a.html", true),
            ("/dir/*.html", "/dir/a/b.html", true),
            ("/dir/*.html", "/dir/a.htm", false),
            ("/dir/*.html", "/a.html", false),
            ("*.js", "/a/b.js", true),
            ("*.js", "/a.json", false),
            ("/file", "/file", true),
            ("/file", "/file/a", false),
            ("/a:b", "/a:b", true),
        ];
        for (pattern, path, expected) in rows {
            let pattern = Pattern::parse(pattern, Language::Selector).unwrap();
            assert_eq!(pattern.matches("x", path).is_some(), expected, "{} {path}", pattern.text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let long = format!("/{}", "a".repeat(PATTERN_BYTES_MAX));
        let many: String = (0..=CAPTURES_MAX).map(|n| format!("/:n{n}")).collect();
        let rows: [(&str, &[&str]); 12] = [
            ("is longer than 2048 bytes", &[&*long]),
            ("does not begin with `/`", &["", "a", "*.js"]),
            ("begins with a scheme other than `https://`", &["http://a/b"]),
            ("has an invalid hostname", &["https:///b", "https://a b/c", "https://user@a/c"]),
            ("has a port in its host", &["https://a:80/c"]),
            ("has a query or a fragment", &["/a?b", "/a#b"]),
            ("has more than one `*`", &["/*/*", "/:splat/*"]),
            ("has `:a` more than once", &["/:a/:a"]),
            ("has more than 16 placeholders", &[&*many]),
            ("has an invalid percent-encoding", &["/%", "/%ff"]),
            ("has a backslash or a control character", &["/a\\b", "/%00"]),
            ("has `//`, `.` or `..`, which no request path has", &["/a//b", "/../b", "/%2e/b"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                let mistake = Pattern::parse(text, Language::Rules).unwrap_err();
                assert_eq!(mistake.to_string(), expected, "{text}");
            }
        }
        assert!(Pattern::parse(&long[..PATTERN_BYTES_MAX], Language::Rules).is_ok());
        assert!(Pattern::parse(&many[..many.len() - 5], Language::Rules).is_ok());
        let mistake = Pattern::parse("a", Language::Selector).unwrap_err();
        assert_eq!(mistake.to_string(), "does not begin with `/`");
    }

    #[test]
    fn patterns_cover_others() {
        let rows = [
            ("/*", "/a", true),
            ("/a", "/a", true),
            ("/a/*", "/a/b/*", true),
            ("/a/b/*", "/a/*", false),
            ("/a/*", "/ab/*", false),
            ("/:x", "/a", true),
            ("/:x", "/:y/z", false),
            ("/*", "https://h/a", true),
            ("https://h/*", "/a", false),
        ];
        for (first, second, expected) in rows {
            let parse = |text| Pattern::parse(text, Language::Rules).unwrap();
            assert_eq!(parse(first).covers(&parse(second)), expected, "{first} {second}");
        }
    }
}
