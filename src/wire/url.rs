//! The request URL, as the runtime hands it over, split into its parts.
//!
//! Not a WHATWG parser: nothing is resolved, decoded or repaired here ([`crate::wire::path`]
//! decodes), because the text may be the request line with the Host field pasted in front of it.
//! The invariant: the parts that come out are the parts that every other parser of the same text
//! would find, or the request is refused.

use std::fmt;

use crate::wire::host::{self, HostError};
use crate::wire::text;

/// The longest URL: what the platform lets through in production.
pub const URL_BYTES_MAX: usize = 16 * 1024;

/// The longest query: it never selects an asset, and is only copied to redirects.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// A URL scheme that HTTP is served under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// Returns the port of an authority that names none.
    ///
    /// # Source
    /// RFC 9110 sections 4.2.1 and 4.2.2.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }

    /// Returns the scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The parts of a request URL, as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The authority, `host` or `host:port`, in the grammar of [`host::Hostname`].
    pub authority: &'a str,
    /// The path, still encoded; it begins with `/`.
    pub path: &'a str,
    /// The query without its `?`; None if there is no `?`.
    pub query: Option<&'a str>,
}

/// Returns the parts of `url`; its fragment is dropped.
///
/// # Errors
/// [`UrlError`] for a URL out of bounds, or one whose authority could be read in two ways.
///
/// # Source
/// RFC 3986 section 3.
///
/// # Example
/// ```
/// use selvedge::wire::url;
///
/// let parts = url::split("https://a.test:8787/b%20c?d=e").unwrap();
/// assert_eq!((parts.authority, parts.path, parts.query), ("a.test:8787", "/b%20c", Some("d=e")));
/// ```
pub fn split(url: &str) -> Result<UrlParts<'_>, UrlError> {
    if url.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong);
    }
    let (scheme, rest) = split_scheme(url).ok_or(UrlError::Scheme)?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
    let (authority, rest) = end.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    host::check_authority(authority).map_err(UrlError::Authority)?;
    // Browsers read `\` as `/`, RFC 3986 does not: the two would find different authorities.
    if rest.starts_with('\\') {
        return Err(UrlError::Backslash);
    }
    let target = text::split_once(rest, b'#').map_or(rest, |(target, _)| target);
    let (path, query) = match text::split_once(target, b'?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if query.is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        return Err(UrlError::QueryTooLong);
    }
    let path = if path.is_empty() { "/" } else { path };
    Ok(UrlParts { scheme, authority, path, query })
}

/// Returns whether the Host field, where there is one, names the authority of the URL.
///
/// Case, the scheme's default port and one trailing dot are folded away. A request for which this
/// is false gets a 400: the runtime made the URL of a Host field that means something else.
///
/// # Source
/// RFC 9110 sections 4.2.3 and 7.2.
pub fn authority_agrees(parts: &UrlParts<'_>, host_header: Option<&str>) -> bool {
    let Some(host_header) = host_header else {
        return true;
    };
    // The parts come from `split`, which has checked it.
    if host_header == parts.authority {
        return true;
    }
    let default_port = parts.scheme.default_port();
    let Ok((host, port)) = host::parse_authority(host_header) else {
        return false;
    };
    let Ok((url_host, url_port)) = host::parse_authority(parts.authority) else {
        return false;
    };
    host == url_host && port.unwrap_or(default_port) == url_port.unwrap_or(default_port)
}

/// Why a URL can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It is longer than [`URL_BYTES_MAX`].
    TooLong,
    /// Its query is longer than [`QUERY_BYTES_MAX`].
    QueryTooLong,
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// Its authority names no host.
    Authority(HostError),
    /// A backslash follows its authority.
    Backslash,
}

impl UrlError {
    /// Returns whether the URL is only too long: a 414, where every other error is a 400.
    pub fn is_too_long(&self) -> bool {
        matches!(self, UrlError::TooLong | UrlError::QueryTooLong)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::TooLong => {
                write!(f, "the URL is longer than {URL_BYTES_MAX} bytes; shorten it")
            }
            UrlError::QueryTooLong => {
                write!(f, "the query is longer than {QUERY_BYTES_MAX} bytes; shorten it")
            }
            UrlError::Scheme => f.write_str("the URL must begin with http:// or https://"),
            UrlError::Authority(error) => write!(f, "in the URL's authority, {error}"),
            UrlError::Backslash => {
                f.write_str("a backslash follows the URL's authority; begin the path with a slash")
            }
        }
    }
}

impl std::error::Error for UrlError {}

fn split_scheme(url: &str) -> Option<(Scheme, &str)> {
    let after = |prefix: &str| {
        let (head, rest) = url.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    let https = after("https://").map(|rest| (Scheme::Https, rest));
    https.or_else(|| after("http://").map(|rest| (Scheme::Http, rest)))
}

#[cfg(test)]
mod tests {
    use super::{QUERY_BYTES_MAX, Scheme, URL_BYTES_MAX, UrlError, authority_agrees, split};
    use crate::wire::host::HostError;

    #[track_caller]
    fn check(url: &str, authority: &str, path: &str, query: Option<&str>) {
        let parts = split(url).unwrap();
        assert_eq!((parts.authority, parts.path, parts.query), (authority, path, query), "{url:?}");
    }

    #[test]
    fn splits_without_change() {
        check("http://a.test", "a.test", "/", None);
        check("http://a.test/", "a.test", "/", None);
        check("HTTP://A.test:80/B", "A.test:80", "/B", None);
        check("http://a.test?x", "a.test", "/", Some("x"));
        check("http://a.test/?", "a.test", "/", Some(""));
        check("http://a.test/b?c?d/e", "a.test", "/b", Some("c?d/e"));
        check("http://a.test/b#c?d", "a.test", "/b", None);
        check("http://a.test#/b", "a.test", "/", None);
        check("http://a.test/b?c#d", "a.test", "/b", Some("c"));
        check("http://a.test/a/../b", "a.test", "/a/../b", None);
        check("http://a.test//b", "a.test", "//b", None);
        check("http://a.test/\\b", "a.test", "/\\b", None);
        check("http://a.test/é%zz", "a.test", "/é%zz", None);
        assert_eq!(split("https://a/").unwrap().scheme, Scheme::Https);
        assert_eq!(split("http://a/").unwrap().scheme, Scheme::Http);
    }

    #[test]
    fn refuses_what_reads_in_two_ways() {
        let rows = [
            ("", UrlError::Scheme),
            ("/a", UrlError::Scheme),
            ("//a/b", UrlError::Scheme),
            ("http:/a", UrlError::Scheme),
            ("ftp://a/", UrlError::Scheme),
            (" http://a/", UrlError::Scheme),
            ("http://", UrlError::Authority(HostError::Empty)),
            ("http:///a", UrlError::Authority(HostError::Empty)),
            ("http://?a", UrlError::Authority(HostError::Empty)),
            ("http://a@t/b", UrlError::Authority(HostError::Byte(1))),
            ("http://a:b@t/b", UrlError::Authority(HostError::Port)),
            ("http://[::1]/b", UrlError::Authority(HostError::Port)),
            ("http://*.t/b", UrlError::Authority(HostError::Byte(0))),
            ("http://a, b/", UrlError::Authority(HostError::Byte(1))),
            ("http://t\\.evil/a", UrlError::Backslash),
        ];
        for (url, error) in rows {
            assert_eq!(split(url), Err(error), "{url:?}");
            assert!(!error.is_too_long());
            assert!(error.to_string().len() > 30, "{error:?}");
        }
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        let front = "http://a/";
        let longest = format!("{front}{}", "b".repeat(URL_BYTES_MAX - front.len()));
        assert!(split(&longest).is_ok());
        assert_eq!(split(&format!("{longest}b")), Err(UrlError::TooLong));
        let query = format!("{front}?{}", "q".repeat(QUERY_BYTES_MAX));
        assert!(split(&query).is_ok());
        assert_eq!(split(&format!("{query}q")), Err(UrlError::QueryTooLong));
        assert!(UrlError::TooLong.is_too_long() && UrlError::QueryTooLong.is_too_long());
    }

    #[test]
    fn the_host_field_must_agree() {
        let rows = [
            ("no field", "http://t/a", None, true),
            ("the same", "http://t/a", Some("t"), true),
            ("other case", "http://t/a", Some("T"), true),
            ("trailing dot", "http://t/a", Some("t."), true),
            ("default port", "http://t/a", Some("t:80"), true),
            ("default port of https", "https://t/a", Some("t:443"), true),
            ("same port", "http://t:8787/a", Some("T:8787"), true),
            ("port missing", "http://t:8787/a", Some("t"), false),
            ("other port", "http://t:8787/a", Some("t:8788"), false),
            ("port of the other scheme", "https://t/a", Some("t:80"), false),
            ("other host", "http://t/a", Some("b"), false),
            ("empty", "http://t/a", Some(""), false),
            ("a query in it", "http://t?x/a", Some("t?x"), false),
            ("a path in it", "http://t/x/a", Some("t/x"), false),
            ("a fragment in it", "http://t#x/a", Some("t#x"), false),
            ("two of them", "http://t/a", Some("t, b"), false),
            ("user information", "http://t/a", Some("a@t"), false),
        ];
        for (name, url, host_header, agrees) in rows {
            assert_eq!(authority_agrees(&split(url).unwrap(), host_header), agrees, "{name}");
        }
    }
}
