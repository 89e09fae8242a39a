//! Filters headers before they are stored, and updates them after a 304 (RFC 9111 sections 3.1 and
//! 3.2).

use crate::wire::headers::Headers;

/// Hop-by-hop headers (RFC 9110 section 7.6.1, RFC 9111 section 3.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
];

/// Headers that a 304 does not change: they describe the stored body (RFC 9111 section 3.2).
const BODY_HEADERS: [&str; 5] =
    ["content-encoding", "content-length", "content-md5", "content-range", "etag"];

/// Returns the headers without hop-by-hop ones, and without those that `Connection` names.
pub fn end_to_end(headers: &Headers) -> Headers {
    end_to_end_but(headers, &|_| false)
}

/// Like [`end_to_end`], and drops some more by name.
pub fn end_to_end_but(headers: &Headers, is_dropped: &dyn Fn(&str) -> bool) -> Headers {
    let named = headers.value("connection").unwrap_or_default();
    let is_named =
        |name: &str| named.split(',').any(|other| other.trim().eq_ignore_ascii_case(name));
    let mut kept = Headers::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        if !HOP_BY_HOP.contains(&name) && !is_named(name) && !is_dropped(name) {
            kept.append(name.to_owned(), value.to_owned());
        }
    }
    kept
}

/// Returns the headers of a stored response after a 304 (RFC 9111 sections 3.2 and 4.3.4).
///
/// The stored `Age` and `Date` are dropped even if the 304 has none: they describe the message, not
/// the representation.
pub fn merge_304(stored: &Headers, fresh: &Headers) -> Headers {
    let fresh = end_to_end(fresh);
    let is_replaced = |name: &str| {
        let is_of_message = name == "age" || name == "date";
        is_of_message || (fresh.contains(name) && !BODY_HEADERS.contains(&name))
    };
    let mut merged = Headers::with_capacity(stored.len().saturating_add(fresh.len()));
    for (name, value) in stored.iter().filter(|(name, _)| !is_replaced(name)) {
        merged.append(name.to_owned(), value.to_owned());
    }
    for (name, value) in fresh.iter() {
        if !(BODY_HEADERS.contains(&name) && stored.contains(name)) {
            merged.append(name.to_owned(), value.to_owned());
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(*name, *value);
        }
        headers
    }

    #[test]
    fn hop_by_hop_headers_are_dropped() {
        let stored = end_to_end(&headers(&[
            ("connection", "close, X-Hop,a"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "a"),
            ("proxy-authorization", "a"),
            ("proxy-connection", "a"),
            ("te", "a"),
            ("trailer", "a"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "a"),
            ("x-hop", "1"),
            ("a", "1"),
            ("x-hop-2", "1"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]));
        let lines: Vec<_> = stored.iter().collect();
        assert_eq!(lines, [("x-hop-2", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
    }

    #[test]
    fn a_304_replaces_what_it_sends() {
        let replaced = [
            "test-header", "content-foo", "cache-control", "content-location",
            "content-security-policy", "content-type", "clear-site-data", "expires",
            "public-key-pins", "set-cookie", "set-cookie2", "last-modified", "vary", "age", "date",
        ];
        let kept = ["content-encoding", "content-length", "content-md5", "content-range", "etag"];
        let hops = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];
        for (names, expected) in [(&replaced[..], "new"), (&kept, "old"), (&hops, "old")] {
            for name in names {
                let merged = merge_304(&headers(&[(name, "old")]), &headers(&[(name, "new")]));
                let lines: Vec<_> = merged.iter().collect();
                assert_eq!(lines, [(*name, expected)]);
            }
        }
        for name in ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"] {
            assert!(merge_304(&Headers::new(), &headers(&[(name, "new")])).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_304_leaves_what_it_does_not_send() {
        let stored = headers(&[
            ("a", "1"),
            ("date", "then"),
            ("age", "9"),
            ("set-cookie", "a=1"),
            ("b", "2"),
        ]);
        let fresh = headers(&[("set-cookie", "c=3"), ("set-cookie", "d=4"), ("etag", "\"x\"")]);
        let lines = [
            ("a", "1"),
            ("b", "2"),
            ("set-cookie", "c=3"),
            ("set-cookie", "d=4"),
            ("etag", "\"x\""),
        ];
        assert_eq!(merge_304(&stored, &fresh).iter().collect::<Vec<_>>(), lines);
    }
}
