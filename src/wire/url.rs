//! Splits the request URL into scheme, authority, path and query.
//!
//! Unlike a WHATWG parser it resolves, decodes and repairs nothing. The runtime may build the URL
//! by pasting the Host header in front of the request target, so a URL that another parser could
//! split differently is rejected.

use crate::wire::host::{self, HostError};

/// Maximum length of a URL: the platform's own limit.
pub const URL_BYTES_MAX: usize = 16 * 1024;

/// Maximum length of a query: it never selects an asset, and is only copied to redirects.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// Returns the port of an authority without one (RFC 9110 sections 4.2.1 and 4.2.2).
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The parts of a request URL, unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    pub scheme: Scheme,
    /// `host` or `host:port`, in the grammar of [`host::Hostname`].
    pub authority: &'a str,
    /// Begins with `/`; still percent-encoded.
    pub path: &'a str,
    /// Without its `?`.
    pub query: Option<&'a str>,
}

/// Splits `url` (RFC 3986 section 3) and drops its fragment.
pub fn split(url: &str) -> Result<UrlParts<'_>, UrlError> {
    if url.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong);
    }
    let (scheme, rest) = split_scheme(url).ok_or(UrlError::Scheme)?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    host::check_authority(authority).map_err(UrlError::Authority)?;
    // Browsers read `\` as `/`, RFC 3986 does not: the two would find different authorities.
    if rest.starts_with('\\') {
        return Err(UrlError::Backslash);
    }
    let target = rest.split_once('#').map_or(rest, |(target, _)| target);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if query.is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        return Err(UrlError::TooLong);
    }
    let path = if path.is_empty() { "/" } else { path };
    Ok(UrlParts { scheme, authority, path, query })
}

/// Returns whether the Host header, if present, names the authority of the URL.
///
/// Ignores case, the scheme's default port and one trailing dot (RFC 9110 sections 4.2.3 and 7.2).
/// If they differ, the request gets a 400: the runtime made the URL from a Host header that means
/// something else.
pub fn authority_agrees(parts: &UrlParts<'_>, host_header: Option<&str>) -> bool {
    // `split` has already checked the authority.
    let Some(host_header) = host_header.filter(|host| *host != parts.authority) else {
        return true;
    };
    let default_port = parts.scheme.default_port();
    let parse = |authority| {
        let (host, port) = host::parse_authority(authority).ok()?;
        Some((host, port.unwrap_or(default_port)))
    };
    parse(host_header).is_some_and(|host| parse(parts.authority) == Some(host))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`URL_BYTES_MAX`], or with a query longer than [`QUERY_BYTES_MAX`]: a 414. Any
    /// other error is a 400.
    TooLong,
    /// Does not begin with `http://` or `https://`.
    Scheme,
    Authority(HostError),
    /// A backslash follows the authority.
    Backslash,
}

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

    #[test]
    fn parts_are_unchanged() {
        let rows = [
            ("http://a.test", "a.test", "/", None),
            ("http://a.test/", "a.test", "/", None),
            ("HTTP://A.test:80/B", "A.test:80", "/B", None),
            ("https://a.test:8787/b%20c?d=e", "a.test:8787", "/b%20c", Some("d=e")),
            ("http://a.test?x", "a.test", "/", Some("x")),
            ("http://a.test/?", "a.test", "/", Some("")),
            ("http://a.test/b?c?d/e", "a.test", "/b", Some("c?d/e")),
            ("http://a.test/b#c?d", "a.test", "/b", None),
            ("http://a.test#/b", "a.test", "/", None),
            ("http://a.test/b?c#d", "a.test", "/b", Some("c")),
            ("http://a.test/a/../b", "a.test", "/a/../b", None),
            ("http://a.test//b", "a.test", "//b", None),
            ("http://a.test/\\b", "a.test", "/\\b", None),
            ("http://a.test/é%zz", "a.test", "/é%zz", None),
        ];
        for (url, authority, path, query) in rows {
            let parts = split(url).unwrap();
            assert_eq!((parts.authority, parts.path, parts.query), (authority, path, query));
        }
        assert_eq!(split("https://a/").unwrap().scheme, Scheme::Https);
        assert_eq!(split("http://a/").unwrap().scheme, Scheme::Http);
    }

    #[test]
    fn ambiguous_urls_are_rejected() {
        let rows: [(UrlError, &[&str]); 6] = [
            (UrlError::Scheme, &["", "/a", "//a/b", "http:/a", "ftp://a/", " http://a/"]),
            (UrlError::Authority(HostError::Empty), &["http://", "http:///a", "http://?a"]),
            (UrlError::Authority(HostError::Byte(1)), &["http://a@t/b", "http://a, b/"]),
            (UrlError::Authority(HostError::Port), &["http://a:b@t/b", "http://[::1]/b"]),
            (UrlError::Authority(HostError::Byte(0)), &["http://*.t/b"]),
            (UrlError::Backslash, &["http://t\\.evil/a"]),
        ];
        for (expected, urls) in rows {
            for url in urls {
                assert_eq!(split(url), Err(expected), "{url:?}");
            }
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let front = "http://a/";
        let longest = format!("{front}{}", "b".repeat(URL_BYTES_MAX - front.len()));
        assert!(split(&longest).is_ok());
        assert_eq!(split(&format!("{longest}b")), Err(UrlError::TooLong));
        let query = format!("{front}?{}", "q".repeat(QUERY_BYTES_MAX));
        assert!(split(&query).is_ok());
        assert_eq!(split(&format!("{query}q")), Err(UrlError::TooLong));
    }

    #[test]
    fn the_host_header_must_agree() {
        let rows = [
            ("none", "http://t/a", None, true),
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
