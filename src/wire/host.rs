//! Hostnames, parsed under a strict grammar.
//!
//! RFC 3986 section 3.2 allows far more (user information, IPv6, percent-encoding), and a runtime
//! may paste the Host header into the URL unread. A [`Hostname`] has only letters, digits, hyphens
//! and dots, so no part of it can be taken for a path, a query or another host.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::wire::text::text_form;

/// Maximum length of a hostname: 253 bytes fit in the 255 of RFC 1035 section 2.3.4.
pub const HOSTNAME_BYTES_MAX: usize = 253;

/// Maximum length of a label (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// 65535 has five.
const PORT_DIGITS_MAX: usize = 5;

/// A hostname in lower case, without port and trailing dot, so that two spellings of a host are
/// equal (RFC 9110 section 4.2.3).
///
/// Labels have letters, digits and inner hyphens. If the last label is a number, the hostname is an
/// IPv4 address of four decimal parts.
///
/// # Example
/// ```
/// use selvedge::wire::host::Hostname;
///
/// let host = Hostname::parse("WWW.Example.com.:8787").unwrap();
/// assert_eq!(host.as_str(), "www.example.com");
/// let base = Hostname::parse("example.com").unwrap();
/// assert_eq!(host.strip_base(&base), Some("www"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(Arc<str>);

text_form!(Hostname, HostError);

impl Hostname {
    /// Parses `host` or `host:port` and drops the port.
    pub fn parse(authority: &str) -> Result<Hostname, HostError> {
        Ok(parse_authority(authority)?.0)
    }

    pub fn localhost() -> Hostname {
        Hostname("localhost".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the labels in front of `.base`; `None` for `base` itself and other hosts.
    pub fn strip_base(&self, base: &Hostname) -> Option<&str> {
        self.0.strip_suffix(&*base.0)?.strip_suffix('.')
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Parses an authority; the port is `None` if absent or empty.
pub fn parse_authority(authority: &str) -> Result<(Hostname, Option<u16>), HostError> {
    let (name, port) = split(authority)?;
    let folded = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Arc::from(name.to_ascii_lowercase()),
        false => Arc::from(name),
    };
    Ok((Hostname(folded), port))
}

/// Checks an authority as [`parse_authority`] does, without allocating.
pub fn check_authority(authority: &str) -> Result<(), HostError> {
    split(authority).map(|_| ())
}

/// An authority that is not in the grammar of [`Hostname`]; positions are byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    Empty,
    TooLong,
    Byte(usize),
    Label(usize),
    Address,
    Port,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Empty => f.write_str("the hostname is empty; write one such as example.com"),
            HostError::TooLong => {
                write!(f, "the hostname is longer than {HOSTNAME_BYTES_MAX} bytes; shorten it")
            }
            HostError::Byte(at) => write!(
                f,
                "byte {at} of the hostname is not a letter, digit, hyphen or dot; write an \
                 international name in its xn-- form, and no scheme or path"
            ),
            HostError::Label(at) => write!(
                f,
                "the label at byte {at} of the hostname must have 1 to {LABEL_BYTES_MAX} bytes and \
                 no hyphen at either end"
            ),
            HostError::Address => f.write_str(
                "the hostname ends in a number but is not an IPv4 address; write four decimal \
                 parts",
            ),
            HostError::Port => f.write_str("the port must be a number from 0 to 65535"),
        }
    }
}

/// Splits an authority into a checked name, in its original case, and its port.
fn split(authority: &str) -> Result<(&str, Option<u16>), HostError> {
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, parse_port(port)?),
        None => (authority, None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    check_name(name)?;
    Ok((name, port))
}

fn parse_port(text: &str) -> Result<Option<u16>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > PORT_DIGITS_MAX || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    text.parse().map(Some).map_err(|_| HostError::Port)
}

fn check_name(name: &str) -> Result<(), HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > HOSTNAME_BYTES_MAX {
        return Err(HostError::TooLong);
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if let Some(at) = name.bytes().position(|byte| !is_known(byte)) {
        return Err(HostError::Byte(at));
    }
    let mut start: usize = 0;
    let mut last = "";
    for label in name.split('.') {
        let is_label = (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-');
        if !is_label {
            return Err(HostError::Label(start));
        }
        start = start.saturating_add(label.len()).saturating_add(1);
        last = label;
    }
    // URL parsers read `1`, `0x7f.1` and `127.1` as IPv4 addresses. Only the form on which all of
    // them agree is accepted.
    if is_number(last) && !is_dotted_quad(name) {
        return Err(HostError::Address);
    }
    Ok(())
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    let is_hex = hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hex || label.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_dotted_quad(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_plain = part == "0" || !part.starts_with('0');
        is_plain && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u8>().is_ok()
    };
    name.split('.').count() == 4 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::{HOSTNAME_BYTES_MAX, HostError, Hostname, LABEL_BYTES_MAX, parse_authority};

    #[track_caller]
    fn check(authority: &str, expected: Result<&str, HostError>) {
        let parsed = Hostname::parse(authority);
        let name = parsed.as_ref().map(Hostname::as_str).map_err(|error| *error);
        assert_eq!(name, expected, "{authority:?}");
        assert!(expected.err().is_none_or(|error| error.to_string().len() > 30), "{authority:?}");
    }

    #[track_caller]
    fn check_rejected(error: HostError, authorities: &[&str]) {
        authorities.iter().for_each(|authority| check(authority, Err(error)));
    }

    #[test]
    fn spellings_are_folded() {
        check("localhost", Ok("localhost"));
        check("LocalHost:8787", Ok("localhost"));
        check("a.b-c.example.", Ok("a.b-c.example"));
        check("a.example.:443", Ok("a.example"));
        check("a.example:", Ok("a.example"));
        check("a.example:0", Ok("a.example"));
        check("a.example:65535", Ok("a.example"));
        check("1a--b2.x", Ok("1a--b2.x"));
        check("xn--80ak6aa92e.x", Ok("xn--80ak6aa92e.x"));
        check("127.0.0.1:8787", Ok("127.0.0.1"));
        check("1.2.example", Ok("1.2.example"));
        check("0xgg", Ok("0xgg"));
    }

    #[test]
    fn other_texts_are_rejected() {
        check_rejected(HostError::Empty, &["", ".", ":80"]);
        check_rejected(HostError::Label(0), &["..", ".a", "-a"]);
        check_rejected(HostError::Label(2), &["a..b", "a..", "b.a-"]);
        check_rejected(HostError::Byte(1), &["a_b", "t/x", "t?x", "t#x", "a@t", "t\\.evil", "a b"]);
        check_rejected(HostError::Byte(1), &["a\t", "a, b", "b\u{ff0e}t"]);
        check_rejected(HostError::Byte(0), &["*.t", "%61", "é"]);
        check_rejected(HostError::Port, &["[::1]", "a:b@c", "a:65536", "a:000080", "a:80:80"]);
        check_rejected(HostError::Port, &["a:+80"]);
        check_rejected(HostError::Address, &["2130706433", "127.1", "0x7f.1", "a.0x", "01.2.3.4"]);
        check_rejected(HostError::Address, &["256.1.1.1", "1.2.3.4.5"]);
    }

    #[test]
    fn lengths_are_bounded() {
        let label = "a".repeat(LABEL_BYTES_MAX);
        check(&label, Ok(&label));
        check(&format!("{label}a"), Err(HostError::Label(0)));
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(longest.len(), HOSTNAME_BYTES_MAX);
        check(&longest, Ok(&longest));
        check(&format!("{longest}."), Ok(&longest));
        check(&format!("{longest}b"), Err(HostError::TooLong));
    }

    #[test]
    fn ports_are_parsed() {
        let port = |authority| parse_authority(authority).unwrap().1;
        assert_eq!(port("a"), None);
        assert_eq!(port("a:"), None);
        assert_eq!(port("a:080"), Some(80));
    }

    #[test]
    fn the_base_is_stripped() {
        let host = |text| Hostname::parse(text).unwrap();
        let base = host("cdn.test");
        assert_eq!(host("a.cdn.test").strip_base(&base), Some("a"));
        assert_eq!(host("b.a.cdn.test").strip_base(&base), Some("b.a"));
        assert_eq!(host("cdn.test").strip_base(&base), None);
        assert_eq!(host("acdn.test").strip_base(&base), None);
        assert_eq!(host("a.cdn.test.evil").strip_base(&base), None);
        assert_eq!(host("test").strip_base(&base), None);
    }
}
