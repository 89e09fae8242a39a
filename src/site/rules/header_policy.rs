//! The response headers that a site's rules may change, and the values that they may have.
//!
//! Every runtime accepts a name and a value that pass, and they change neither the framing of a
//! response nor its treatment by caches.

use std::fmt;

use crate::wire::text::{OWS, is_token_byte};

/// Longest header name: longer than any registered one.
pub const HEADER_NAME_BYTES_MAX: usize = 128;
/// Longest header value as written: an eighth of the room that rules share.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;

/// Headers that belong to the server: framing, validators, caching, connection and diagnostics.
/// `x-robots-tag` is absent: it belongs to the site on production, and is ignored elsewhere.
const DISALLOWED: [&str; 26] = [
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "cache-status",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "location",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-cache",
    "x-cache-control",
];

/// Prefixes of names that belong to the server or the platform.
const DISALLOWED_PREFIXES: [&str; 3] = ["proxy-", "cf-", "selvedge-"];

/// Returns whether a header, in lower case, belongs to the server.
pub fn is_disallowed(name: &str) -> bool {
    DISALLOWED.contains(&name) || DISALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Checks that a rule may change the header (RFC 9110 section 5.1).
pub fn check_name(name: &str) -> Result<(), HeaderError> {
    if !(1..=HEADER_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_token_byte) {
        Err(HeaderError::NameSyntax)
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err(HeaderError::NameCase)
    } else if is_disallowed(name) {
        Err(HeaderError::Disallowed)
    } else {
        Ok(())
    }
}

/// Checks that every runtime can send the value (RFC 9110 section 5.5).
pub fn check_value(value: &str) -> Result<(), HeaderError> {
    // JavaScript's `Headers` holds one byte per character, and throws beyond U+00FF.
    let is_sendable = |c: &char| matches!(c, '\t' | ' '..='~' | '\u{a0}'..='\u{ff}');
    if value.is_empty() {
        Err(HeaderError::Empty)
    } else if value.len() > HEADER_VALUE_BYTES_MAX {
        Err(HeaderError::ValueTooLong)
    } else if let Some(character) = value.chars().find(|c| !is_sendable(c)) {
        Err(HeaderError::ValueCharacter(character))
    } else if value.trim_matches(OWS) != value {
        Err(HeaderError::Margin)
    } else {
        Ok(())
    }
}

/// The reason why a rule can't set a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    NameSyntax,
    NameCase,
    Disallowed,
    Empty,
    ValueTooLong,
    ValueCharacter(char),
    /// White space at an end of the value.
    Margin,
}

impl HeaderError {
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NameSyntax => "Write letters, digits and hyphens, as in `X-Frame-Options`.",
            Self::NameCase => "Write it in lower case.",
            Self::Disallowed => {
                "Remove it: the server sets it itself, from the file that it sends."
            }
            Self::Empty => "Write a value, or unset the header.",
            Self::ValueTooLong => "Shorten it, or write several rules.",
            Self::ValueCharacter(_) => "Write ASCII, and percent-encode anything else.",
            Self::Margin => "Remove the space around it.",
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameSyntax => "is not a header name",
            Self::NameCase => "is not in lower case",
            Self::Disallowed => "can't be changed by a site",
            Self::Empty => "has no value",
            Self::ValueTooLong => {
                return write!(f, "has a value of more than {HEADER_VALUE_BYTES_MAX} bytes");
            }
            Self::ValueCharacter(character) => {
                return write!(f, "has {character:?} in its value, which no header can hold");
            }
            Self::Margin => "has a space at an end of its value",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let (long, longer) =
            ("x".repeat(HEADER_NAME_BYTES_MAX), "x".repeat(HEADER_NAME_BYTES_MAX + 1));
        let rows = [
            ("x-frame-options", Ok(())),
            ("content-disposition", Ok(())),
            ("x-robots-tag", Ok(())),
            ("strict-transport-security", Ok(())),
            (&*long, Ok(())),
            (&*longer, Err(HeaderError::NameSyntax)),
            ("", Err(HeaderError::NameSyntax)),
            ("a b", Err(HeaderError::NameSyntax)),
            ("a:", Err(HeaderError::NameSyntax)),
            ("é", Err(HeaderError::NameSyntax)),
            ("X-A", Err(HeaderError::NameCase)),
            ("etag", Err(HeaderError::Disallowed)),
            ("cf-ray", Err(HeaderError::Disallowed)),
            ("proxy-authenticate", Err(HeaderError::Disallowed)),
            ("selvedge-deployment", Err(HeaderError::Disallowed)),
        ];
        for (name, expected) in rows {
            assert_eq!(check_name(name), expected, "{name}");
        }
        for name in DISALLOWED {
            assert_eq!(check_name(name), Err(HeaderError::Disallowed), "{name}");
        }
    }

    #[test]
    fn values_are_checked() {
        let long = "x".repeat(HEADER_VALUE_BYTES_MAX);
        let longer = "x".repeat(HEADER_VALUE_BYTES_MAX + 1);
        let rows = [
            ("a\tb", Ok(())),
            ("é", Ok(())),
            (&*long, Ok(())),
            (&*longer, Err(HeaderError::ValueTooLong)),
            ("", Err(HeaderError::Empty)),
            (" a", Err(HeaderError::Margin)),
            ("a\t", Err(HeaderError::Margin)),
            ("a\rb", Err(HeaderError::ValueCharacter('\r'))),
            ("a\nb", Err(HeaderError::ValueCharacter('\n'))),
            ("a\0b", Err(HeaderError::ValueCharacter('\0'))),
            ("\u{7f}", Err(HeaderError::ValueCharacter('\u{7f}'))),
            ("\u{85}", Err(HeaderError::ValueCharacter('\u{85}'))),
            ("\u{100}", Err(HeaderError::ValueCharacter('\u{100}'))),
        ];
        for (value, expected) in rows {
            assert_eq!(check_value(value), expected, "{value:?}");
        }
    }
}
