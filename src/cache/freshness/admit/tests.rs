//! Each clause of RFC 9111 section 3, and the limits that this cache adds.

use super::*;
use crate::cache::freshness::Freshness;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const POLICY: Policy = Policy { cap_ms: 1_800_000, heuristic: false, set_cookie: SetCookie::Never };

/// Parses headers from lines: a line without a name is `Cache-Control`, and `@60` is the date a
/// minute after the response was received.
fn headers(text: &str) -> Headers {
    let mut headers = Headers::new();
    for line in text.lines() {
        let (name, value) = line.split_once(": ").unwrap_or(("Cache-Control", line));
        let at = value.strip_prefix('@').and_then(|offset| offset.parse::<i64>().ok());
        let date = at.and_then(|at| NOW.seconds().0.checked_add_signed(at));
        let value = date.map_or(value.to_owned(), |at| date::format_imf(UnixSeconds(at)));
        headers.append(name.to_owned(), value);
    }
    headers
}

fn exchange(status: u16, headers: &Headers) -> Exchange<'_> {
    Exchange {
        method: &Method::GET,
        authority: "a.test",
        has_authorization: false,
        directives: RequestDirectives::default(),
        status,
        headers,
        is_own_content_location: false,
        extent: Extent::Whole,
        requested_ms: NOW,
        received_ms: NOW,
    }
}

/// Returns how the next request is treated, three seconds later.
fn next(policy: &Policy, exchange: &Exchange<'_>) -> &'static str {
    match admit(policy, exchange) {
        Err(why) => why.as_str(),
        Ok(timing) => match timing.judge(NOW.plus(3_000)) {
            Freshness::Fresh => "fresh",
            Freshness::StaleWhileRevalidate => "while-revalidate",
            Freshness::StaleIfError => "if-error",
            Freshness::MustValidate => "validate",
            Freshness::Miss => "miss",
        },
    }
}

/// An expected result, and the headers that lead to it.
type Row<'r> = (&'r str, &'r [&'r str]);

#[track_caller]
fn check(policy: &Policy, status: u16, rows: &[Row<'_>]) {
    for (expected, texts) in rows {
        for text in *texts {
            let headers = headers(text);
            assert_eq!(next(policy, &exchange(status, &headers)), *expected, "{status} {text}");
        }
    }
}

#[test]
fn lifetimes_have_an_order() {
    let rows: &[Row<'_>] = &[
        ("no-lifetime", &[""]),
        ("fresh", &["max-age=3600", "max-age=4", "max-age=2147483647", "max-age=2147483649"]),
        ("fresh", &["max-age=99999999999", "foobar, max-age=3600", "MaX-aGe=3600"]),
        ("fresh", &["max-age=3600\nDate: @7200", "max-age=3600\nExpires: @-7200\nDate: @0"]),
        ("fresh", &["max-age=3600\nExpires: 0\nDate: @0", "s-maxage=3600"]),
        ("fresh", &["max-age=0, s-maxage=3600\nExpires: @-10", "Expires: @30\nDate: @0"]),
        ("fresh", &["Expires: @30", "Expires: @30\nDate: foo"]),
        ("if-error", &["max-age=3", "max-age=0\nETag: \"a\""]),
        ("stale", &["max-age=0", "max-age=-3600", "max-age=3600\nDate: @-7200"]),
        ("stale", &["max-age=0\nExpires: @3600\nDate: @0", "s-maxage=x, max-age=3600"]),
        ("stale", &["Expires: @0\nDate: @0", "Expires: 0\nDate: @0"]),
        ("stale", &["Expires: @-10\nDate: @0", "Expires: @30\nDate: @30"]),
        ("stale", &["Expires: @-5\nDate: @-10", "Expires: @10\nDate: @-10\nAge: 25"]),
        ("stale", &["Expires: @30\nExpires: @60\nDate: @0"]),
        ("validate", &["max-age=3600, s-maxage=1\nETag: \"a\""]),
        ("miss", &["s-maxage=1\nmax-age=3600"]),
    ];
    check(&POLICY, 200, rows);
}

#[test]
fn the_first_age_counts() {
    let rows: [Row<'_>; 4] = [
        ("stale", &["7200", "2147483647", "2147483648", "99999999999999999999999", "7200, 0"]),
        ("stale", &["1800, 0"]),
        ("fresh", &["abc", "-7200", "7200.0", "0, 7200", "0, 0", "1796, 0", "7200;foo=bar"]),
        ("miss", &["1797, 0"]),
    ];
    for (expected, ages) in rows {
        for age in ages {
            let text = format!("max-age=3600\nDate: @0\nAge: {age}");
            check(&POLICY, 200, &[(expected, &[&text])]);
        }
    }
}

#[test]
fn ages_add_up() {
    let rows = [
        ("", 0, 0),
        ("", 250, 250),
        ("Age: 30", 250, 30_250),
        ("Date: @-40\nAge: 30", 250, 40_000),
        ("Date: @40\nAge: 30", 0, 30_000),
        ("Date: @-40", 0, 40_000),
    ];
    for (text, delay_ms, expected) in rows {
        let headers = headers(&format!("max-age=3600\n{text}"));
        let received_ms = NOW.plus(delay_ms);
        let timing = admit(&POLICY, &Exchange { received_ms, ..exchange(200, &headers) });
        assert_eq!(timing.map(|timing| timing.initial_age_ms), Ok(expected), "{text}");
    }
}

#[test]
fn directives_restrict() {
    let rows: &[Row<'_>] = &[
        ("private", &["private, max-age=3600", "private=\"a\", max-age=3600"]),
        ("no-store", &["no-store", "No-StOrE, max-age=3600", "public, max-age=600, no-store"]),
        ("no-validator", &["no-cache, max-age=3600", "No-CaChE\nExpires: @3600"]),
        ("validate", &["no-cache\nETag: \"a\"", "no-cache=\"a\", max-age=3600\nETag: \"a\""]),
        ("validate", &["max-age=2, must-revalidate\nETag: \"a\""]),
        ("fresh", &["max-age=9, must-revalidate", "max-age=60\nSurrogate-Control: max-age=0"]),
        ("miss", &["max-age=2, must-revalidate", "max-age=2, proxy-revalidate"]),
        ("miss", &["s-maxage=2, stale-while-revalidate=9"]),
        ("if-error", &["max-age=2, immutable", "max-age=2, stale-while-revalidate=1"]),
        ("if-error", &["max-age=0, stale-if-error=9", "Last-Modified: @-60", "ETag: \"a\""]),
        ("while-revalidate", &["max-age=2, stale-while-revalidate=9"]),
        ("while-revalidate", &["max-age=0, stale-while-revalidate=9"]),
        ("set-cookie", &["max-age=60\nSet-Cookie: a=b", "max-age=60\nSet-Cookie2: a=b"]),
        ("surrogate-no-store", &["max-age=60\nSurrogate-Control: no-store"]),
        ("no-lifetime", &["Last-Modified: yesterday", "ETag: "]),
    ];
    check(&POLICY, 200, rows);
    check(&POLICY, 404, &[("no-lifetime", &["no-cache\nETag: \"a\""])]);
    let store = Policy { set_cookie: SetCookie::Store, ..POLICY };
    check(&store, 200, &[("fresh", &["max-age=60\nSet-Cookie: a=b"])]);
}

#[test]
fn a_targeted_header_governs_alone() {
    let rows: &[Row<'_>] = &[
        ("fresh", &["max-age=3600", "max-age=2147483648", "max-age=99999999999"]),
        ("fresh", &["foobar, max-age=3600", "max-age=3600\nExpires: @-10000\nDate: @0"]),
        ("fresh", &["max-age=3600\nExpires: 0\nDate: @0", "max-age=3600\nmax-age=1"]),
        ("fresh", &["max-age=10000\nno-store", "\nmax-age=60"]),
        ("fresh", &["max-age=9;x=1\nCDN-Cache-Control: no-store=?0", "s-maxage=9, max-age=0"]),
        ("stale", &["max-age=3600\nDate: @0\nAge: 7200", "max-age=0"]),
        ("stale", &["max-age=0\nExpires: @10000\nDate: @0", "max-age=\"10000\"\nno-store"]),
        ("if-error", &["max-age =100\nmax-age=1", "max-age= 100\nmax-age=1"]),
        ("if-error", &["max-age=1\nmax-age=3600"]),
        ("no-lifetime", &["MaX-aGe=3600", "no-cache\nmax-age=10000"]),
        ("no-lifetime", &["foo\nExpires: @60\nDate: @0"]),
        ("private", &["private\nmax-age=10000"]),
        ("no-store", &["no-store\nmax-age=10000", "max-age=10000, &&&&&\nno-store"]),
    ];
    for (expected, texts) in rows {
        for text in *texts {
            check(&POLICY, 200, &[(expected, &[&format!("CDN-Cache-Control: {text}")])]);
        }
    }
}

#[test]
fn final_statuses_with_a_lifetime_are_stored() {
    for status in [200, 203, 204, 299, 300, 301, 302, 303, 307, 308] {
        check(&POLICY, status, &[("fresh", &["max-age=60"])]);
    }
    for status in [400, 403, 404, 405, 410, 414, 499, 500, 501, 502, 503, 504, 599] {
        let validated = "ETag: \"a\"\nLast-Modified: @-60";
        check(&POLICY, status, &[("fresh", &["max-age=60"]), ("no-lifetime", &[validated])]);
    }
    for status in [0, 100, 101, 103, 199, 304, 401, 407, 412, 416, 417, 426, 600, 999] {
        check(&POLICY, status, &[("status", &["max-age=60"])]);
    }
    let understood = "max-age=60, must-understand";
    let instead = "max-age=60, no-store, must-understand";
    check(&POLICY, 200, &[("fresh", &[understood, instead])]);
    check(&POLICY, 599, &[("not-understood", &[understood])]);
    check(&POLICY, 418, &[("not-understood", &[instead])]);
}

#[test]
fn parts_are_stored_only_if_the_caller_can() {
    let headers = headers("max-age=60");
    let whole = exchange(206, &headers);
    assert_eq!(next(&POLICY, &whole), "partial");
    assert_eq!(next(&POLICY, &Exchange { extent: Extent::Part, ..whole }), "fresh");
}

#[test]
fn heuristic_lifetimes_are_opt_in() {
    let guess = Policy { heuristic: true, ..POLICY };
    let text = "Last-Modified: @-86400\nDate: @0";
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        check(&guess, status, &[("fresh", &[text]), ("no-lifetime", &["Date: @0"])]);
    }
    for status in [201, 202, 302, 307, 403, 500, 502, 503, 504, 599] {
        let public = format!("{text}\npublic");
        check(&guess, status, &[("no-lifetime", &[text]), ("fresh", &[&public])]);
    }
    let rows: &[Row<'_>] = &[
        ("fresh", &["Last-Modified: @-31\nDate: @0"]),
        ("if-error", &["Last-Modified: @-30\nDate: @0", "Last-Modified: @60\nDate: @0"]),
        ("if-error", &["Last-Modified: @-86400\nDate: @0\nExpires: 0"]),
        ("validate", &["Last-Modified: @-86400\nDate: @0\nno-cache"]),
    ];
    check(&guess, 200, rows);
    check(&POLICY, 200, &[("if-error", &[text])]);
    check(&POLICY, 404, &[("no-lifetime", &[text])]);
}

#[test]
fn vary_on_more_than_request_headers_is_not_stored() {
    let rows: [Row<'_>; 2] = [
        ("vary", &["*", "*, *", ", *", "*, Foo", "Foo, *", "Foo Bar"]),
        ("fresh", &["Foo, Bar", ""]),
    ];
    for (expected, values) in rows {
        for vary in values {
            let text = format!("max-age=60\nETag: \"a\"\nVary: {vary}");
            check(&POLICY, 200, &[(expected, &[&text])]);
        }
    }
    check(&POLICY, 200, &[("vary", &["max-age=60\nVary: \nVary: *"])]);
}

#[test]
fn responses_to_credentials_are_shared_only_if_allowed() {
    let rows: [Row<'_>; 4] = [
        ("authorization", &["max-age=60", "Expires: @60\nDate: @0"]),
        ("authorization", &["max-age=60, proxy-revalidate", "s-maxage=x\nETag: \"a\""]),
        ("authorization", &["max-age=60, public x", "CDN-Cache-Control: max-age=60\npublic"]),
        ("fresh", &["max-age=60, public", "max-age=60, must-revalidate", "s-maxage=60"]),
    ];
    for (expected, texts) in rows {
        for text in texts {
            let headers = headers(text);
            let asked = Exchange { has_authorization: true, ..exchange(200, &headers) };
            assert_eq!(next(&POLICY, &asked), expected, "{text}");
        }
    }
}

#[test]
fn requests_restrict_storing() {
    let headers = headers("max-age=60");
    let get = exchange(200, &headers);
    let directives = RequestDirectives { no_store: true, only_if_cached: false };
    assert_eq!(next(&POLICY, &Exchange { directives, ..get }), "request-no-store");
    for method in [&Method::HEAD, &Method::PUT, &Method::OPTIONS, &Method::DELETE, &Method::TRACE] {
        assert_eq!(next(&POLICY, &Exchange { method, ..get }), "method", "{method:?}");
    }
    let post = Exchange { method: &Method::POST, is_own_content_location: true, ..get };
    assert_eq!(next(&POLICY, &post), "fresh");
    assert_eq!(next(&POLICY, &Exchange { status: 201, ..post }), "method");
    assert_eq!(next(&POLICY, &Exchange { is_own_content_location: false, ..post }), "method");
    let no_lifetime = self::headers("ETag: \"a\"");
    assert_eq!(next(&POLICY, &Exchange { headers: &no_lifetime, ..post }), "method");
}

#[test]
fn redirects_to_other_hosts_are_not_stored() {
    let rows: [Row<'_>; 5] = [
        ("fresh", &["/b", "b?c=d:e", "?x", "https://A.test/b", "https://a.test:443/b"]),
        ("offsite-redirect", &["https://evil.test", "https://a.test.evil.test/"]),
        ("offsite-redirect", &["https://a.test@evil.test/", "https://a.test:8443/"]),
        ("offsite-redirect", &["//evil.test/", " //evil.test/", "/\\evil.test/"]),
        ("offsite-redirect", &["/\t/evil.test/", "https:evil.test", "javascript:alert(1)"]),
    ];
    for (expected, locations) in rows {
        for location in locations {
            let mut headers = headers("max-age=60");
            headers.set("location", *location);
            assert_eq!(next(&POLICY, &exchange(302, &headers)), expected, "{location:?}");
            assert_eq!(next(&POLICY, &exchange(200, &headers)), "fresh", "{location:?}");
        }
    }
}
