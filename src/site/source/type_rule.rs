//! `Content-Type` in header rules, which the publisher applies to files.
//!
//! It never becomes a header operation: the media type of a file is in the manifest, where codings,
//! lifetimes and `nosniff` go by it. So a rule has to select files, not hosts.

use std::fmt;

use crate::site::deployment::manifest::spellings;
use crate::site::rules::header_op::Origin;
use crate::site::rules::pattern::{Pattern, PatternError};
use crate::wire::media_type::is_media_type;

/// The name of the header.
pub const CONTENT_TYPE: &str = "content-type";

/// Message for a rule that unsets the header.
pub const TYPE_UNSET: &str = "unsetting `content-type` has no effect: a file always has one";
/// Remedy for such a rule.
pub const TYPE_UNSET_REMEDY: &str = "Set the type it should have, as in `text/plain`.";

/// The media type of the files that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRule {
    pattern: Pattern,
    media_type: Box<str>,
}

impl TypeRule {
    /// Returns the rule.
    ///
    /// # Errors
    /// [`TypeError`] when the pattern or the value can't be one.
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

    /// Returns the pattern.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns whether the rule matches a file at one of its addresses.
    pub fn matches(&self, file: &str) -> bool {
        spellings(file).iter().any(|address| self.pattern.matches("", address).is_some())
    }
}

/// Why a rule can't set a media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeError {
    /// The pattern is wrong.
    Pattern(PatternError),
    /// The pattern names a host.
    Host,
    /// The value is not a media type.
    MediaType,
}

impl TypeError {
    /// Returns what to write instead.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Pattern(error) => error.remedy(),
            Self::Host => "Write it below a path alone: a file has one media type on every host.",
            Self::MediaType => "Write a type and a subtype, as in `text/plain; charset=utf-8`.",
        }
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(formatter),
            Self::Host => formatter.write_str("the pattern of a `Content-Type` names a host"),
            Self::MediaType => formatter.write_str("the `Content-Type` is not a media type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
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
    fn mistakes() {
        let of = |pattern, value| TypeRule::parse(pattern, Origin::HeadersFile, value).err();
        assert_eq!(of("https://a.test/*", "text/plain"), Some(TypeError::Host));
        for value in ["json", "text/", "text/:splat", "a/b, c/d", ""] {
            assert_eq!(of("/*", value), Some(TypeError::MediaType), "{value}");
        }
        assert!(matches!(of("a", "text/plain"), Some(TypeError::Pattern(_))));
    }
}
