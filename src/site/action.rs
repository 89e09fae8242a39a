//! Actions: upstream HTTP routes of a site.
//!
//! Not a client of them: what is asked of an upstream is decided in `serve`. The invariant is that
//! an upstream is a bare origin or a binding, never an address that a request has a part in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::host::{Hostname, parse_authority};
use crate::wire::path::{RequestPath, encode};
use crate::wire::time::DeltaSeconds;
use crate::wire::url::Scheme;

/// Most actions of a site: each request is compared with all of them.
pub const ACTIONS_MAX: usize = 100;
/// Longest time that a response of an upstream is used, from when it was generated.
pub const CAP_SECS_MAX: u32 = 1_800;
/// How long an upstream may take to begin its response, unless the site says otherwise.
pub const TIMEOUT_SECS_DEFAULT: u32 = 10;
/// How long an upstream may pause within a body, unless the site says otherwise.
pub const IDLE_TIMEOUT_SECS_DEFAULT: u32 = 30;
/// Longest timeout of either kind: what holds a connection longer is no web request.
pub const TIMEOUT_SECS_MAX: u32 = 300;
/// Longest name of a service binding in bytes.
pub const SERVICE_BYTES_MAX: usize = 64;
/// Most methods that an action lists: more than anybody has a use for.
pub const METHODS_MAX: usize = 32;
/// Longest method in bytes: longer than any registered one.
pub const METHOD_BYTES_MAX: usize = 32;

/// An upstream HTTP route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The paths that it answers.
    pub prefix: PathPrefix,
    /// Who answers.
    pub upstream: Upstream,
    /// Whether it answers before collections and assets do.
    #[serde(default)]
    pub first: bool,
    /// Longest time that a response is used, from when it was generated.
    #[serde(default = "default_cap")]
    pub cap: DeltaSeconds,
    /// How long the upstream may take to begin its response.
    #[serde(default = "default_timeout")]
    pub timeout: DeltaSeconds,
    /// How long the upstream may pause within a body.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: DeltaSeconds,
    /// Whether a response without an explicit lifetime is given one (RFC 9111 §4.2.2).
    #[serde(default)]
    pub heuristic: bool,
    /// Whether a response with `Set-Cookie` is stored.
    #[serde(default)]
    pub set_cookie: SetCookie,
    /// The methods that it takes; empty for all.
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
    /// Whether it takes a method; who takes GET takes HEAD (RFC 9110 §9.3.2).
    pub fn takes(&self, method: &str) -> bool {
        // These no worker can send (WHATWG Fetch, forbidden methods).
        if matches!(method, "CONNECT" | "TRACE" | "TRACK") {
            return false;
        }
        let asked = if method == "HEAD" { "GET" } else { method };
        self.methods.is_empty() || self.methods.iter().any(|one| one == asked || one == method)
    }

    /// Nothing, when its numbers and methods are within their bounds.
    ///
    /// # Errors
    /// [`ActionError::Cap`], [`ActionError::Timeout`], [`ActionError::Methods`].
    pub fn check(&self) -> Result<(), ActionError> {
        if self.cap.0 > CAP_SECS_MAX {
            return Err(ActionError::Cap);
        }
        let timeouts = [self.timeout, self.idle_timeout];
        if !timeouts.iter().all(|timeout| (1..=TIMEOUT_SECS_MAX).contains(&timeout.0)) {
            return Err(ActionError::Timeout);
        }
        if self.methods.len() > METHODS_MAX || !self.methods.iter().all(|text| is_method(text)) {
            return Err(ActionError::Methods);
        }
        Ok(())
    }
}

/// Whether a text can be a method.
///
/// # Source
/// RFC 9110 §9.1: a token.
pub fn is_method(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=METHOD_BYTES_MAX).contains(&text.len()) && text.bytes().all(token)
}

/// Whether a response with `Set-Cookie` is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetCookie {
    /// Never: a cookie is one client's.
    #[default]
    Never,
    /// As RFC 9111 §7.3 has it: when its other fields allow it.
    Store,
}

/// The paths below a path.
///
/// # Shape
/// `/`-rooted, decoded, no dot segments; ends with `/`. `/api/` holds `/api` and all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The prefix that a text writes, with or without its last slash.
    ///
    /// # Errors
    /// [`ActionError::Prefix`] when it is no canonical path, or is reserved.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let path = RequestPath::parse(text).map_err(|_| ActionError::Prefix)?;
        let mut prefix = path.decoded().to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        if prefix.starts_with("/.selvedge/") {
            return Err(ActionError::Prefix);
        }
        Ok(Self(prefix))
    }

    /// The prefix as text; it ends with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a decoded path is the prefix or below it.
    pub fn holds(&self, path: &str) -> bool {
        path.starts_with(&self.0) || self.0.strip_suffix('/') == Some(path)
    }

    /// What of a decoded path is below the prefix; `None` for the prefix itself and for others.
    pub fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.0.as_str()).filter(|rest| !rest.is_empty())
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = ActionError;
    fn try_from(text: String) -> Result<Self, ActionError> {
        Self::parse(&text)
    }
}

impl From<PathPrefix> for String {
    /// Returns the prefix as [`PathPrefix::parse`] reads it: percent-encoded.
    fn from(prefix: PathPrefix) -> String {
        encode(&prefix.0)
    }
}

/// Who answers for an action; its text is what the operator's list of allowed upstreams holds.
///
/// # Shape
/// `https://api.example.com`, `http://127.0.0.1:9000`, or `service:NAME`: a scheme, a host and a
/// port, or the name of a service binding; no path, no user information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Upstream {
    /// An origin (RFC 6454 §4).
    Origin {
        /// The scheme.
        scheme: Scheme,
        /// The host.
        host: Hostname,
        /// The port, where it is not the scheme's own.
        port: Option<u16>,
    },
    /// A service binding of the worker.
    Service(String),
}

impl Upstream {
    /// The upstream that a text names.
    ///
    /// # Errors
    /// [`ActionError::Upstream`] for anything but an origin or a service.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        if let Some(name) = text.strip_prefix("service:") {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let is_name = (1..=SERVICE_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
            return is_name.then(|| Self::Service(name.to_owned())).ok_or(ActionError::Upstream);
        }
        let (scheme, authority) = match text.split_once("://") {
            Some(("http", authority)) => (Scheme::Http, authority),
            Some(("https", authority)) => (Scheme::Https, authority),
            _ => return Err(ActionError::Upstream),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = parse_authority(authority).map_err(|_| ActionError::Upstream)?;
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self::Origin { scheme, host, port })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Origin { scheme, host, port } => {
                write!(f, "{}://{}", scheme.as_str(), host.as_str())?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

impl TryFrom<String> for Upstream {
    type Error = ActionError;
    fn try_from(text: String) -> Result<Self, ActionError> {
        Self::parse(&text)
    }
}

impl From<Upstream> for String {
    fn from(upstream: Upstream) -> String {
        upstream.to_string()
    }
}

/// Why an action can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionError {
    /// Its prefix is no path.
    Prefix,
    /// Its upstream is neither an origin nor a service.
    Upstream,
    /// Its cap is over [`CAP_SECS_MAX`].
    Cap,
    /// One of its timeouts is zero or over [`TIMEOUT_SECS_MAX`].
    Timeout,
    /// Its methods are more than [`METHODS_MAX`], or one of them is none.
    Methods,
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "a prefix is a path such as \"/api/\", not below \"/.selvedge/\"",
            Self::Upstream => {
                "an upstream is \"https://host\", \"http://host:port\" or \"service:NAME\""
            }
            Self::Cap => "a cap is 30 minutes at most",
            Self::Timeout => "a timeout is 1 second to 5 minutes",
            Self::Methods => "methods are up to 32 tokens such as \"GET\"",
        })
    }
}

impl std::error::Error for ActionError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec;

    #[test]
    fn prefixes_hold_whole_segments() {
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
    fn bounds() {
        let check = |members: &str| {
            let json = format!(r#"{{"prefix":"/a","upstream":"https://a.test"{members}}}"#);
            codec::decode::<Action>(json.as_bytes()).unwrap().check()
        };
        let many = |count| format!(r#","methods":[{}]"#, vec![r#""GET""#; count].join(","));
        let of_length = |length| format!(r#","methods":["{}"]"#, "A".repeat(length));
        let rows = [
            ("", Ok(())),
            (r#","cap":0"#, Ok(())),
            (r#","cap":1800"#, Ok(())),
            (r#","cap":1801"#, Err(ActionError::Cap)),
            (r#","timeout":0"#, Err(ActionError::Timeout)),
            (r#","timeout":1"#, Ok(())),
            (r#","timeout":300"#, Ok(())),
            (r#","timeout":301"#, Err(ActionError::Timeout)),
            (r#","idle_timeout":0"#, Err(ActionError::Timeout)),
            (r#","idle_timeout":301"#, Err(ActionError::Timeout)),
            (r#","methods":["GET","M-SEARCH"]"#, Ok(())),
            (r#","methods":[""]"#, Err(ActionError::Methods)),
            (r#","methods":["A B"]"#, Err(ActionError::Methods)),
            (&many(METHODS_MAX), Ok(())),
            (&many(METHODS_MAX + 1), Err(ActionError::Methods)),
            (&of_length(METHOD_BYTES_MAX), Ok(())),
            (&of_length(METHOD_BYTES_MAX + 1), Err(ActionError::Methods)),
        ];
        for (members, expected) in rows {
            assert_eq!(check(members), expected, "{members}");
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
        for text in [
            "",
            "api.test",
            "ftp://api.test",
            "https://",
            "https://a@b",
            "https://a/b",
            "//a",
            "https://a?x",
            "https://a\\b",
            "service:",
            "service:a-b",
            "service:a b",
            "https://a:0x1",
        ] {
            assert!(Upstream::parse(text).is_err(), "{text:?}");
        }
    }
}
