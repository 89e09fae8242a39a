//! Which response headers a site's rules may touch, and what values may hold.
//!
//! Invariant: a name and a value that pass can be handed to any runtime's header list without
//! an exception, and change neither the framing of a response nor what caches make of it.

use std::fmt;

/// Longest header name: longer than any registered one.
pub const HEADER_NAME_BYTES_MAX: usize = 128;
/// Longest header value as written.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;

/// Headers that belong to the server: framing, validators, caching, connection, its own reports.
/// `x-robots-tag` is not here: it is the site's on production, and ignored elsewhere.
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

/// Beginnings of names that belong to the server or the platform.
const DISALLOWED_PREFIXES: [&str; 3] = ["proxy-", "cf-", "selvedge-"];

/// Returns whether the server keeps a field to itself.
///
/// # Shape
/// `name`: lower-case.
pub fn is_disallowed(name: &str) -> bool {
    DISALLOWED.contains(&name) || DISALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns nothing, when a rule may touch the field.
///
/// # Errors
/// [`FieldError::NameSyntax`], [`FieldError::NameCase`], [`FieldError::Disallowed`].
///
/// # Source
/// RFC 9110 §5.1
pub fn check_name(name: &str) -> Result<(), FieldError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > HEADER_NAME_BYTES_MAX || !name.bytes().all(token) {
        return Err(FieldError::NameSyntax);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(FieldError::NameCase);
    }
    if is_disallowed(name) {
        return Err(FieldError::Disallowed);
    }
    Ok(())
}

/// Returns nothing, when every runtime sends the value.
///
/// # Errors
/// [`FieldError::Empty`], [`FieldError::ValueTooLong`], [`FieldError::ValueCharacter`],
/// [`FieldError::Margin`].
///
/// # Source
/// RFC 9110 §5.5
pub fn check_value(value: &str) -> Result<(), FieldError> {
    if value.is_empty() {
        return Err(FieldError::Empty);
    }
    if value.len() > HEADER_VALUE_BYTES_MAX {
        return Err(FieldError::ValueTooLong);
    }
    // Header lists of JavaScript hold one byte a character: beyond U+00FF they throw.
    let sendable = |next: char| matches!(next, '\t' | ' '..='~' | '\u{a0}'..='\u{ff}');
    if let Some(character) = value.chars().find(|next| !sendable(*next)) {
        return Err(FieldError::ValueCharacter(character));
    }
    if value.trim_matches([' ', '\t']).len() != value.len() {
        return Err(FieldError::Margin);
    }
    Ok(())
}

/// Why a rule can't set a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    /// The name is empty, too long, or holds what no header name holds.
    NameSyntax,
    /// The name is not in lower case, as compiled rules have it.
    NameCase,
    /// The server keeps the field to itself.
    Disallowed,
    /// The value is empty.
    Empty,
    /// The value is longer than [`HEADER_VALUE_BYTES_MAX`].
    ValueTooLong,
    /// The value holds a control character or one beyond Latin-1.
    ValueCharacter(char),
    /// The value begins or ends with a space or a tab.
    Margin,
}

impl FieldError {
    /// Returns what to write instead.
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

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameSyntax => formatter.write_str("is not a header name"),
            Self::NameCase => formatter.write_str("is not in lower case"),
            Self::Disallowed => formatter.write_str("can't be changed by a site"),
            Self::Empty => formatter.write_str("has no value"),
            Self::ValueTooLong => {
                write!(formatter, "has a value of more than {HEADER_VALUE_BYTES_MAX} bytes")
            }
            Self::ValueCharacter(character) => {
                write!(formatter, "has {character:?} in its value, which no header can hold")
            }
            Self::Margin => formatter.write_str("has a space at an end of its value"),
        }
    }
}

impl std::error::Error for FieldError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(HEADER_NAME_BYTES_MAX);
        let rows = [
            ("x-frame-options", Ok(())),
            ("content-disposition", Ok(())),
            ("x-robots-tag", Ok(())),
            ("strict-transport-security", Ok(())),
            (&*long, Ok(())),
            (&*format!("{long}x"), Err(FieldError::NameSyntax)),
            ("", Err(FieldError::NameSyntax)),
            ("a b", Err(FieldError::NameSyntax)),
            ("a:", Err(FieldError::NameSyntax)),
            ("é", Err(FieldError::NameSyntax)),
            ("X-A", Err(FieldError::NameCase)),
            ("etag", Err(FieldError::Disallowed)),
            ("cf-ray", Err(FieldError::Disallowed)),
            ("proxy-authenticate", Err(FieldError::Disallowed)),
            ("selvedge-deployment", Err(FieldError::Disallowed)),
        ]
        .map(|(name, expected)| (name.to_owned(), expected));
        for (name, expected) in rows {
            assert_eq!(check_name(&name), expected, "{name}");
        }
        for name in DISALLOWED {
            assert_eq!(check_name(name), Err(FieldError::Disallowed), "{name}");
        }
    }

    #[test]
    fn values() {
        let long = "x".repeat(HEADER_VALUE_BYTES_MAX);
        let longer = "x".repeat(HEADER_VALUE_BYTES_MAX + 1);
        let rows = [
            ("a\tb", Ok(())),
            ("é", Ok(())),
            (&*long, Ok(())),
            (&*longer, Err(FieldError::ValueTooLong)),
            ("", Err(FieldError::Empty)),
            (" a", Err(FieldError::Margin)),
            ("a\t", Err(FieldError::Margin)),
            ("a\rb", Err(FieldError::ValueCharacter('\r'))),
            ("a\nb", Err(FieldError::ValueCharacter('\n'))),
            ("a\0b", Err(FieldError::ValueCharacter('\0'))),
            ("\u{7f}", Err(FieldError::ValueCharacter('\u{7f}'))),
            ("\u{85}", Err(FieldError::ValueCharacter('\u{85}'))),
            ("\u{100}", Err(FieldError::ValueCharacter('\u{100}'))),
        ];
        for (value, expected) in rows {
            assert_eq!(check_value(value), expected, "{value:?}");
        }
    }
}
