//! `Content-Type` in header rules, which the publisher applies to files.
//!
//! It never becomes a header operation, because codings and lifetimes depend on the media type in
//! the manifest. So a rule has to select files, not hosts.

use std::fmt;

use crate::site::deployment::manifest::spellings;
use crate::site::rules::header_op::Origin;
use crate::site::rules::pattern::{Pattern, PatternError};
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
    pub fn parse(pattern: &str, origin: Origin, media_type: &str) -> Result<Self, TypeError> {
        let pattern = Pattern::parse(pattern, origin.language()).map_err(TypeError::Pattern)?;
        if pattern.has_host() {
            return Err(TypeError::Host);
        }
        if !is_media_type(media_type) {
            return Err(TypeError::MediaType);
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeError {
    Pattern(PatternError),
    Host,
    MediaType,
}

impl TypeError {
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Pattern(error) => error.remedy(),
            Self::Host => "Write it below a path alone: a file has one media type on every host.",
            Self::MediaType => "Write a type and a subtype, as in `text/plain; charset=utf-8`.",
        }
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(f),
            Self::Host => f.write_str("the pattern of a `Content-Type` names a host"),
            Self::MediaType => f.write_str("the `Content-Type` is not a media type"),
        }
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
            let rule = TypeRule::parse(pattern, Origin::HeadersFile, "text/plain").unwrap();
            assert_eq!(rule.matches(file), expected, "{pattern} {file}");
        }
        let rule = TypeRule::parse("*.bin", Origin::Selector, "text/plain").unwrap();
        assert!(rule.matches("/a/b.bin"));
    }

    #[test]
    fn mistakes_are_named() {
        let of = |pattern, value| TypeRule::parse(pattern, Origin::HeadersFile, value).err();
        assert_eq!(of("https://a.test/*", "text/plain"), Some(TypeError::Host));
        for value in ["json", "text/", "text/:splat", "a/b, c/d", ""] {
            assert_eq!(of("/*", value), Some(TypeError::MediaType), "{value}");
        }
        assert!(matches!(of("a", "text/plain"), Some(TypeError::Pattern(_))));
    }
}
