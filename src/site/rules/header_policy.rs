//! The response headers that a site's rules may change, and the values that they may have.
//!
//! Every runtime accepts a name and a value that pass, and they change neither the framing of a
//! response nor its treatment by caches.

use crate::site::rules::mistake::Mistake;
use crate::wire::text::{OWS, is_token_byte};

/// Longest header name: longer than any registered one.
pub const HEADER_NAME_BYTES_MAX: usize = 128;
/// Longest header value as written: an eighth of the room that rules share.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;

/// Headers that belong to the server: framing, validators, caching, connection and diagnostics.
/// `x-robots-tag` is absent: it belongs to the site on production, and is ignored elsewhere.
const DISALLOWED: [&str; 26] = [
    "accept-ranges", "age", "allow", "alt-svc", "cache-status", "connection", "content-encoding",
    "content-length", "content-range", "content-type", "date", "etag", "expires", "keep-alive",
    "last-modified", "location", "server", "set-cookie", "te", "trailer", "transfer-encoding",
    "upgrade", "vary", "via", "x-cache", "x-cache-control",
];

/// Prefixes of names that belong to the server or the platform.
const DISALLOWED_PREFIXES: [&str; 3] = ["proxy-", "cf-", "selvedge-"];

/// Returns whether a header, in lower case, belongs to the server.
pub fn is_disallowed(name: &str) -> bool {
    DISALLOWED.contains(&name) || DISALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Checks that a rule may change the header (RFC 9110 section 5.1).
pub fn check_name(name: &str) -> Result<(), Mistake> {
    if !(1..=HEADER_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_token_byte) {
        Err(Mistake::new(
            "is not a header name",
            "Write letters, digits and hyphens, as in `X-Frame-Options`.",
        ))
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err(Mistake::new("is not in lower case", "Write it in lower case."))
    } else if is_disallowed(name) {
        Err(Mistake::new(
            "can't be changed by a site",
            "Remove it: the server sets it itself, from the file that it sends.",
        ))
    } else {
        Ok(())
    }
}

/// Checks that every runtime can send the value (RFC 9110 section 5.5).
pub fn check_value(value: &str) -> Result<(), Mistake> {
    // JavaScript's `Headers` holds one byte per character, and throws beyond U+00FF.
    let is_sendable = |c: &char| matches!(c, '\t' | ' '..='~' | '\u{a0}'..='\u{ff}');
    if value.is_empty() {
        Err(Mistake::new("has no value", "Write a value, or unset the header."))
    } else if value.len() > HEADER_VALUE_BYTES_MAX {
        Err(Mistake::new(
            format!("has a value of more than {HEADER_VALUE_BYTES_MAX} bytes"),
            "Shorten it, or write several rules.",
        ))
    } else if let Some(character) = value.chars().find(|c| !is_sendable(c)) {
        Err(Mistake::new(
            format!("has {character:?} in its value, which no header can have"),
            "Write ASCII, and percent-encode anything else.",
        ))
    } else if value.trim_matches(OWS) != value {
        Err(Mistake::new("begins or ends with a space", "Remove the space around it."))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(checked: Result<(), Mistake>) -> String {
        checked.err().map(|mistake| mistake.to_string()).unwrap_or_default()
    }

    #[test]
    fn names_are_checked() {
        let (long, longer) =
            ("x".repeat(HEADER_NAME_BYTES_MAX), "x".repeat(HEADER_NAME_BYTES_MAX + 1));
        let rows: [(&str, &[&str]); 6] = [
            ("", &["x-frame-options", "content-disposition", "x-robots-tag"]),
            ("", &["strict-transport-security", &*long]),
            ("is not a header name", &[&*longer, "", "a b", "a:", "é"]),
            ("is not in lower case", &["X-A"]),
            ("can't be changed by a site", &["etag", "cf-ray", "proxy-authenticate"]),
            ("can't be changed by a site", &["selvedge-deployment"]),
        ];
        for (expected, names) in rows {
            for name in names {
                assert_eq!(message(check_name(name)), expected, "{name}");
            }
        }
        for name in DISALLOWED {
            assert_eq!(message(check_name(name)), "can't be changed by a site", "{name}");
        }
    }

    #[test]
    fn values_are_checked() {
        let long = "x".repeat(HEADER_VALUE_BYTES_MAX);
        let longer = "x".repeat(HEADER_VALUE_BYTES_MAX + 1);
        let rows = [
            ("a\tb", ""),
            ("é", ""),
            (&*long, ""),
            (&*longer, "has a value of more than 4096 bytes"),
            ("", "has no value"),
            (" a", "begins or ends with a space"),
            ("a\t", "begins or ends with a space"),
            ("a\rb", "has '\\r' in its value, which no header can have"),
            ("a\nb", "has '\\n' in its value, which no header can have"),
            ("a\0b", "has '\\0' in its value, which no header can have"),
            ("\u{7f}", "has '\\u{7f}' in its value, which no header can have"),
            ("\u{85}", "has '\\u{85}' in its value, which no header can have"),
            ("\u{100}", "has 'Ā' in its value, which no header can have"),
        ];
        for (value, expected) in rows {
            assert_eq!(message(check_value(value)), expected, "{value:?}");
        }
    }
}
