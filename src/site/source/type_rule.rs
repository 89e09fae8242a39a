//! `Content-Type` in header rules, which the publisher applies to files.
//!
//! It never becomes a header operation, because codings and lifetimes depend on the media type in
//! the manifest. So a rule has to select files, not hosts.

use crate::site::deployment::manifest::spellings;
use crate::site::rules::mistake::Mistake;
use crate::site::rules::parse_pattern;
use crate::site::rules::pattern::{Language, Pattern};
use crate::wire::media_type::is_media_type;

pub const CONTENT_TYPE: &str = "content-type";

/// Message and remedy for a rule that unsets the header.
pub const TYPE_UNSET: &str = "unsetting `content-type` has no effect: a file always has one";
pub const TYPE_UNSET_REMEDY: &str = "Set the type it should have, as in `text/plain`.";

/// The media type of the files that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRule {
    pattern: Pattern,
    media_type: Box<str>,
}

impl TypeRule {
    pub fn parse(pattern: &str, language: Language, media_type: &str) -> Result<Self, Mistake> {
        let pattern = parse_pattern(pattern, language)?;
        if pattern.has_host() {
            return Err(Mistake::new(
                "the pattern of a `Content-Type` has a host",
                "Write it below a path alone: a file has one media type on every host.",
            ));
        }
        if !is_media_type(media_type) {
            return Err(Mistake::new(
                "the `Content-Type` is not a media type",
                "Write a type and a subtype, as in `text/plain; charset=utf-8`.",
            ));
        }
        Ok(Self { pattern, media_type: media_type.into() })
    }

    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns whether the rule matches a file at one of its addresses.
    pub fn matches(&self, file: &str) -> bool {
        spellings(file).iter().any(|address| self.pattern.matches("", address).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_files() {
        let rows = [
            ("/*", "/a.bin", true),
            ("/a", "/a", true),
            ("/a", "/a.html", true),
            ("/a.html", "/a.html", true),
            ("/a/", "/a/index.html", true),
            ("/", "/index.html", true),
            ("/a", "/b", false),
            ("/a", "/a.json", false),
            ("/:x/y", "/b/y", true),
        ];
        for (pattern, file, expected) in rows {
            let rule = TypeRule::parse(pattern, Language::Rules, "text/plain").unwrap();
            assert_eq!(rule.matches(file), expected, "{pattern} {file}");
        }
        let rule = TypeRule::parse("*.bin", Language::Selector, "text/plain").unwrap();
        assert!(rule.matches("/a/b.bin"));
    }

    #[test]
    fn mistakes_are_named() {
        let of = |pattern, value| {
            let parsed = TypeRule::parse(pattern, Language::Rules, value);
            parsed.unwrap_err().to_string()
        };
        let host = of("https://a.test/*", "text/plain");
        assert_eq!(host, "the pattern of a `Content-Type` has a host");
        for value in ["json", "text/", "text/:splat", "a/b, c/d", ""] {
            assert_eq!(of("/*", value), "the `Content-Type` is not a media type", "{value}");
        }
        assert_eq!(of("a", "text/plain"), "the pattern `a` does not begin with `/`");
    }
}
