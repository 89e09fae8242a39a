//! Makes the request for an upstream, and filters the headers of its response.
//!
//! The address comes from the site's configuration and the canonical path only. Headers by which a
//! client poses as a proxy are dropped.

use crate::cache::freshness::update::end_to_end_but;
use crate::ports::UpstreamRequest;
use crate::serve::request::Request;
use crate::site::action::{Action, Upstream};
use crate::site::records::site::{KEY_PREFIX, TOKEN_PREFIX};
use crate::wire::cache_status::CACHE_NAME;
use crate::wire::headers::Headers;

/// Headers that tell an upstream about the client, or ask it for another address or method. Only
/// the gateway may send them, and those that start with [`SPOOFED_PREFIXES`].
const SPOOFED: [&str; 13] = [
    "forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "client-ip", "true-client-ip",
    "x-host", "x-http-host-override", "x-rewrite-url", "x-method-override", "x-http-method",
    "x-http-method-override", "x-middleware-subrequest",
];
const SPOOFED_PREFIXES: [&str; 4] = ["x-forwarded", "x-original-", "x-envoy-", "cf-"];

const VIA: &str = "1.1 selvedge";

/// Headers that ask for less than the whole response: only the cache sends them.
pub const CONDITIONS: [&str; 6] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];

/// The client's data that the request for an upstream depends on.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub headers: &'a Headers,
    /// Its address, if the operator has named a header to trust.
    pub ip: Option<&'a str>,
    /// Never sent to an upstream.
    pub root_token: Option<&'a str>,
}

/// Returns the request for an action's upstream, without the client's conditions.
pub fn upstream_request(
    action: &Action,
    request: &Request<'_>,
    client: &Client<'_>,
) -> UpstreamRequest {
    let mut headers = end_to_end_but(client.headers, &|name| {
        is_spoofed(name) || CONDITIONS.contains(&name) || matches!(name, "host" | "content-length")
    });
    for name in ["authorization", "x-api-key"] {
        if headers.value(name).is_some_and(|value| is_ours(value, client.root_token)) {
            headers.remove(name);
        }
    }
    let (proto, is_read) = (request.scheme.as_str(), request.is_read());
    let mut forwarded = String::new();
    if let Some(ip) = client.ip {
        // RFC 7239 section 6: an IPv6 address is in brackets, and therefore quoted.
        forwarded.push_str(if ip.contains(':') { "for=\"[" } else { "for=" });
        forwarded.push_str(ip);
        forwarded.push_str(if ip.contains(':') { "]\";" } else { ";" });
        headers.set("x-forwarded-for", ip.to_owned());
    }
    let host = forwarded_host(request);
    forwarded.push_str("host=\"");
    forwarded.push_str(&host);
    forwarded.push_str("\";proto=");
    forwarded.push_str(proto);
    headers.set("forwarded", forwarded);
    headers.set("x-forwarded-host", host);
    headers.set("x-forwarded-proto", proto);
    // RFC 9110 section 7.6.3, RFC 8586 section 2.
    headers.append("via", VIA);
    headers.append("cdn-loop", CACHE_NAME);
    UpstreamRequest {
        upstream: action.upstream.clone(),
        url: url(action, request),
        method: if is_read { "GET" } else { request.method.as_str() }.to_owned(),
        headers,
        with_body: !is_read,
        timeout_ms: action.timeout.millis(),
        idle_ms: action.idle_timeout.millis(),
    }
}

/// Returns the URL for an upstream. A service binding has no address, so it gets the client's.
pub fn url(action: &Action, request: &Request<'_>) -> String {
    let mut url = match &action.upstream {
        Upstream::Service(_) => [request.scheme.as_str(), "://", &forwarded_host(request)].concat(),
        origin @ Upstream::Origin { .. } => origin.to_string(),
    };
    url.push_str(&request.path.canonical());
    request.with_query(url)
}

/// Returns the host for `X-Forwarded-Host`, with the port unless it is the default.
pub fn forwarded_host(request: &Request<'_>) -> String {
    let port = request.authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let mut host = request.host.as_str().to_owned();
    if let Some(port) = port.filter(|port| *port != request.scheme.default_port()) {
        host.push(':');
        host.push_str(&port.to_string());
    }
    host
}

/// Returns the headers of an upstream's response that are for the client.
pub fn response_headers(headers: &Headers) -> Headers {
    end_to_end_but(headers, &|name| name == "selvedge-deployment")
}

/// Returns whether a request has already passed through this cache (RFC 8586 section 2).
pub fn is_loop(client: &Headers) -> bool {
    client.value("cdn-loop").is_some_and(|value| {
        value.split(',').any(|member| {
            member.split(';').next().is_some_and(|id| id.trim().eq_ignore_ascii_case(CACHE_NAME))
        })
    })
}

/// Returns the path and query of a URL reference to this host, `None` for another host. A relative
/// reference without a leading slash is not resolved.
pub fn own_path(reference: &str, request: &Request<'_>) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let path = match reference.split_once("://") {
        None if reference.starts_with("//") => return None,
        None => reference,
        Some((scheme, rest)) => {
            if !scheme.eq_ignore_ascii_case(request.scheme.as_str()) {
                return None;
            }
            let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
            if !authority.eq_ignore_ascii_case(&forwarded_host(request)) {
                return None;
            }
            rest.strip_prefix(authority).unwrap_or_default()
        }
    };
    path.starts_with('/').then(|| path.to_owned())
}

fn is_spoofed(name: &str) -> bool {
    SPOOFED.contains(&name) || SPOOFED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether a credential is one of the CDN's own, which no upstream may see.
fn is_ours(value: &str, root_token: Option<&str>) -> bool {
    [Some(TOKEN_PREFIX), Some(KEY_PREFIX), root_token].iter().flatten().any(|it| value.contains(it))
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::serve::request::{RequestHeader, RequestHeaders};
    use crate::site::codec;
    use crate::wire::host::Hostname;
    use crate::wire::path::RequestPath;
    use crate::wire::url::Scheme;

    struct Nothing;

    impl RequestHeaders for Nothing {
        fn value(&self, _: RequestHeader) -> Option<String> {
            None
        }
    }

    fn with_request<T>(authority: &str, path: &str, f: impl Fn(&Request<'_>) -> T) -> T {
        let host = Hostname::parse(authority).unwrap();
        let path = RequestPath::parse(path).unwrap();
        let request = Request {
            method: Method::GET,
            scheme: Scheme::Http,
            host: &host,
            authority,
            path: &path,
            query: Some("q=1"),
            headers: &Nothing,
        };
        f(&request)
    }

    fn action(upstream: &str) -> Action {
        let json = format!(r#"{{"prefix":"/api","upstream":"{upstream}"}}"#);
        codec::decode(json.as_bytes()).unwrap()
    }

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append((*name).to_owned(), (*value).to_owned());
        }
        headers
    }

    #[test]
    fn upstreams_see_no_hop_by_hop_or_spoofed_headers() {
        let client = headers(&[
            ("host", "aa.test:8787"),
            ("connection", "X-Secret, close"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("proxy-authorization", "x"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=evil"),
            ("x-original-url", "/admin"),
            ("cf-connecting-ip", "1.2.3.4"),
            ("authorization", "Bearer slv_aa_1_x"),
            ("x-api-key", "slk_aa_1_x"),
            ("cookie", "a=1"),
            ("cdn-loop", "other"),
            ("accept", "*/*"),
        ]);
        let upstream_request = with_request("AA.test:8787", "/api//a%20b", |request| {
            let client = Client { headers: &client, ip: Some("::1"), root_token: None };
            upstream_request(&action("https://up.test"), request, &client)
        });
        assert_eq!(upstream_request.url, "https://up.test/api/a%20b?q=1");
        let seen: Vec<_> = upstream_request.headers.iter().collect();
        assert_eq!(
            seen,
            [
                ("cookie", "a=1"),
                ("cdn-loop", "other, selvedge"),
                ("accept", "*/*"),
                ("x-forwarded-for", "::1"),
                ("forwarded", "for=\"[::1]\";host=\"aa.test:8787\";proto=http"),
                ("x-forwarded-host", "aa.test:8787"),
                ("x-forwarded-proto", "http"),
                ("via", "1.1 selvedge"),
            ]
        );
    }

    #[test]
    fn foreign_credentials_are_forwarded() {
        let client = headers(&[("authorization", "Basic abc"), ("x-api-key", "root")]);
        let upstream_request = with_request("aa.test", "/api/x", |request| {
            let client = Client { headers: &client, ip: None, root_token: Some("root") };
            upstream_request(&action("service:API"), request, &client)
        });
        assert_eq!(upstream_request.url, "http://aa.test/api/x?q=1");
        assert_eq!(upstream_request.headers.value("authorization"), Some("Basic abc"));
        assert!(!upstream_request.headers.contains("x-api-key"), "the root token");
        assert!(!upstream_request.headers.contains("x-forwarded-for"));
    }

    #[test]
    fn references_to_this_host() {
        let rows: [(Option<&str>, &[&str]); 4] = [
            (Some("/a"), &["/a", "HTTP://AA.test:1/a#x"]),
            (Some("/a?b"), &["http://aa.test:1/a?b"]),
            (None, &["https://aa.test:1/a", "http://aa.test/a", "http://evil.test/a"]),
            (None, &["//aa.test:1/a", "//evil.test", "a", ""]),
        ];
        for (path, references) in rows {
            for reference in references {
                let found = with_request("aa.test:1", "/", |request| own_path(reference, request));
                assert_eq!(found.as_deref(), path, "{reference:?}");
            }
        }
    }

    #[test]
    fn loops() {
        for (value, is) in [
            ("selvedge", true),
            ("a, Selvedge;v=1", true),
            ("selvedges", false),
            ("a;b=selvedge", false),
        ] {
            assert_eq!(is_loop(&headers(&[("cdn-loop", value)])), is, "{value}");
        }
    }
}
