//! Actions: upstream HTTP routes of a site.
//!
//! An upstream is a bare origin or a service binding; no part of a request reaches its address.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::host::{Hostname, parse_authority};
use crate::wire::path::{RequestPath, encode};
use crate::wire::text::{is_token_byte, text_form};
use crate::wire::time::DeltaSeconds;
use crate::wire::url::Scheme;

/// Maximum number of actions: each request is compared with all of them.
pub const ACTIONS_MAX: usize = 100;
/// Longest time that an upstream response is used after it was generated: 30 minutes, whatever its
/// headers allow.
pub const CAP_SECS_MAX: u32 = 1_800;
/// Default time that an upstream may take to begin its response.
pub const TIMEOUT_SECS_DEFAULT: u32 = 10;
/// Default time that an upstream may pause within a body.
pub const IDLE_TIMEOUT_SECS_DEFAULT: u32 = 30;
/// Longest timeout of either kind: a connection held for longer is not a web request.
pub const TIMEOUT_SECS_MAX: u32 = 300;
/// Longest name of a service binding in bytes: ample for an identifier.
pub const SERVICE_BYTES_MAX: usize = 64;
/// Maximum number of methods of an action: more than anybody has a use for.
pub const METHODS_MAX: usize = 32;
/// Longest method in bytes: longer than any registered one.
pub const METHOD_BYTES_MAX: usize = 32;

const PREFIX_WANTED: &str = "a prefix is a path such as \"/api/\", not below \"/.selvedge/\"";
const UPSTREAM_WANTED: &str =
    "an upstream is \"https://host\", \"http://host:port\" or \"service:NAME\"";
const CAP_WANTED: &str = "a cap is at most 30 minutes";
const TIMEOUT_WANTED: &str = "a timeout is 1 second to 5 minutes";
const METHODS_WANTED: &str = "methods are up to 32 tokens such as \"GET\"";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub prefix: PathPrefix,
    pub upstream: Upstream,
    /// Whether it takes precedence over collections and assets.
    #[serde(default)]
    pub first: bool,
    /// Longest time that a response is used after it was generated.
    #[serde(default = "default_cap")]
    pub cap: DeltaSeconds,
    /// How long the upstream may take to begin its response.
    #[serde(default = "default_timeout")]
    pub timeout: DeltaSeconds,
    /// How long the upstream may pause within a body.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: DeltaSeconds,
    /// Whether a response without an explicit lifetime gets one (RFC 9111 section 4.2.2).
    #[serde(default)]
    pub heuristic: bool,
    #[serde(default)]
    pub set_cookie: SetCookie,
    /// Empty for all methods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

fn default_cap() -> DeltaSeconds {
    DeltaSeconds(CAP_SECS_MAX)
}

fn default_timeout() -> DeltaSeconds {
    DeltaSeconds(TIMEOUT_SECS_DEFAULT)
}

fn default_idle_timeout() -> DeltaSeconds {
    DeltaSeconds(IDLE_TIMEOUT_SECS_DEFAULT)
}

impl Action {
    /// Returns whether the action handles a method; GET implies HEAD (RFC 9110 section 9.3.2).
    pub fn takes(&self, method: &str) -> bool {
        // No worker can send these (WHATWG Fetch, forbidden methods).
        if matches!(method, "CONNECT" | "TRACE" | "TRACK") {
            return false;
        }
        let asked = if method == "HEAD" { "GET" } else { method };
        self.methods.is_empty() || self.methods.iter().any(|one| one == asked || one == method)
    }

    /// Checks that numbers and methods are within their bounds.
    pub fn check(&self) -> Result<(), &'static str> {
        let timeouts = [self.timeout, self.idle_timeout];
        if self.cap.0 > CAP_SECS_MAX {
            Err(CAP_WANTED)
        } else if !timeouts.iter().all(|timeout| (1..=TIMEOUT_SECS_MAX).contains(&timeout.0)) {
            Err(TIMEOUT_WANTED)
        } else if self.methods.len() > METHODS_MAX || !self.methods.iter().all(|m| is_method(m)) {
            Err(METHODS_WANTED)
        } else {
            Ok(())
        }
    }
}

/// Returns whether a text can be a method: a token (RFC 9110 section 9.1).
pub fn is_method(text: &str) -> bool {
    (1..=METHOD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_token_byte)
}

/// Whether a response with `Set-Cookie` is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetCookie {
    /// A cookie belongs to one client.
    #[default]
    Never,
    /// If its other headers allow it (RFC 9111 section 7.3).
    Store,
}

/// A decoded path that ends with `/`: `/api/` covers `/api` and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

text_form!(PathPrefix, &'static str);

impl PathPrefix {
    /// Parses a percent-encoded path with or without its last slash.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let path = RequestPath::parse(text).map_err(|_| PREFIX_WANTED)?;
        let mut prefix = path.decoded().to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        if prefix.starts_with("/.selvedge/") {
            return Err(PREFIX_WANTED);
        }
        Ok(Self(prefix))
    }

    /// Returns the decoded prefix, which ends with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a decoded path is the prefix or below it.
    pub fn holds(&self, path: &str) -> bool {
        path.starts_with(&self.0) || self.0.strip_suffix('/') == Some(path)
    }

    /// Returns the part of a decoded path below the prefix, `None` if there is none.
    pub fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.0.as_str()).filter(|rest| !rest.is_empty())
    }
}

/// Percent-encoded, as [`PathPrefix::parse`] expects it.
impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

/// The upstream of an action: `https://api.example.com`, `http://127.0.0.1:9000` or
/// `service:NAME`, without path and user information.
///
/// The operator's list of allowed upstreams holds the same texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Upstream {
    /// An origin (RFC 6454 section 4); the port is `None` if it is the scheme's default.
    Origin {
        scheme: Scheme,
        host: Hostname,
        port: Option<u16>,
    },
    Service(String),
}

text_form!(Upstream, &'static str);

impl Upstream {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(name) = text.strip_prefix("service:") {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let is_name = (1..=SERVICE_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
            return is_name.then(|| Self::Service(name.to_owned())).ok_or(UPSTREAM_WANTED);
        }
        let (scheme, authority) = match text.split_once("://") {
            Some(("http", authority)) => (Scheme::Http, authority),
            Some(("https", authority)) => (Scheme::Https, authority),
            _ => return Err(UPSTREAM_WANTED),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = parse_authority(authority).map_err(|_| UPSTREAM_WANTED)?;
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self::Origin { scheme, host, port })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Origin { scheme, host, port } => {
                write!(f, "{}://{host}", scheme.as_str())?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec;

    #[test]
    fn prefixes_cover_whole_segments() {
        let prefix = PathPrefix::parse("/api").unwrap();
        assert_eq!(prefix.as_str(), "/api/");
        for (path, holds, rest) in [
            ("/api", true, None),
            ("/api/", true, None),
            ("/api/x/y", true, Some("x/y")),
            ("/apiary", false, None),
            ("/", false, None),
        ] {
            assert_eq!((prefix.holds(path), prefix.rest(path)), (holds, rest), "{path}");
        }
        assert!(PathPrefix::parse("/").unwrap().holds("/anything"));
        for text in ["", "api", "/a/../b", "/.selvedge/x", "/.selvedge"] {
            assert!(PathPrefix::parse(text).is_err(), "{text:?}");
        }
        for text in ["/", "/a b/", "/%25/", "/%2541/", "/caf\u{e9}/"] {
            let prefix = PathPrefix::parse(text).unwrap();
            let written = codec::encode(&prefix);
            assert_eq!(codec::decode(written.as_bytes()), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn numbers_and_methods_are_bounded() {
        let check = |members: &str| {
            let json = format!(r#"{{"prefix":"/a","upstream":"https://a.test"{members}}}"#);
            codec::decode::<Action>(json.as_bytes()).unwrap().check()
        };
        let many = |count| format!(r#","methods":[{}]"#, vec![r#""GET""#; count].join(","));
        let of_length = |length| format!(r#","methods":["{}"]"#, "A".repeat(length));
        let most = (many(METHODS_MAX), of_length(METHOD_BYTES_MAX));
        let more = (many(METHODS_MAX + 1), of_length(METHOD_BYTES_MAX + 1));
        let rows: [(Result<(), &str>, &[&str]); 6] = [
            (Ok(()), &["", r#","cap":0"#, r#","cap":1800"#, r#","timeout":1"#]),
            (Ok(()), &[r#","timeout":300"#, r#","methods":["GET","M-SEARCH"]"#, &most.0, &most.1]),
            (Err(CAP_WANTED), &[r#","cap":1801"#]),
            (Err(TIMEOUT_WANTED), &[r#","timeout":0"#, r#","timeout":301"#]),
            (Err(TIMEOUT_WANTED), &[r#","idle_timeout":0"#, r#","idle_timeout":301"#]),
            (
                Err(METHODS_WANTED),
                &[r#","methods":[""]"#, r#","methods":["A B"]"#, &more.0, &more.1],
            ),
        ];
        for (expected, actions) in rows {
            for members in actions {
                assert_eq!(check(members), expected, "{members}");
            }
        }
    }

    #[test]
    fn upstreams_are_origins_or_services() {
        for (text, shown) in [
            ("https://api.test", "https://api.test"),
            ("https://api.test/", "https://api.test"),
            ("https://API.test:443", "https://api.test"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("service:AUTH_V2", "service:AUTH_V2"),
        ] {
            assert_eq!(Upstream::parse(text).unwrap().to_string(), shown, "{text}");
        }
        let rejected = "|api.test|ftp://api.test|https://|https://a@b|https://a/b|//a|\
                        https://a?x|https://a\\b|service:|service:a-b|service:a b|https://a:0x1";
        for text in rejected.split('|') {
            assert!(Upstream::parse(text).is_err(), "{text:?}");
        }
    }
}
