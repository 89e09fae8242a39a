//! Classifies failed attempts at a call as temporary or permanent, and explains them.

use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::Timeout;

use crate::publish::client::endpoint::Endpoint;
use crate::publish::failure::{Ending, Failure};
use crate::site::records::site::TokenText;

const LOCAL_HINT: &str = "is `make dev` running, and on this port?";
const NOT_SELVEDGE_HINT: &str = "check --url: it is the root of a Selvedge server, such as \
    https://example.com or http://localhost:8787, and not the address of a site";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    Later,
    /// A few times: a full store stays full.
    FewTimes,
    /// Nothing listens at the address: retry only if something did before.
    IfHeard,
}

#[derive(Debug)]
pub struct AttemptError {
    pub retry: Retry,
    /// Whether the error comes from the server, and not from the network or a gateway.
    pub is_response: bool,
    /// Whether the server may expect TLS where plain HTTP was sent.
    pub may_be_https: bool,
    pub retry_after_secs: Option<u64>,
    /// Ends the command if there is no retry.
    pub failure: Box<Failure>,
}

impl AttemptError {
    pub fn permanent(failure: Failure) -> Self {
        Self::new(Retry::Never, failure)
    }

    /// An `http` URL of a server that speaks https, or the other way round.
    pub fn wrong_scheme(url: &str, scheme: &str) -> Self {
        let (given, rest) = url.split_once("://").unwrap_or_default();
        let message = format!("the server at `{rest}` speaks {scheme}, not {given}");
        let hint = format!("use --url {scheme}://{rest}");
        Self::permanent(Failure::refused("wrong-scheme", message, hint))
    }

    /// A redirect, which is not followed, because the request carries the token.
    pub fn redirect(url: &str, location: Option<String>) -> Self {
        let root = |url: &str| {
            let uri: ureq::http::Uri = url.parse().ok()?;
            Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
        };
        let hint = match location.as_deref().and_then(root) {
            Some(root) => format!("use the root of that server: --url {root}"),
            None => "use the address that it redirects to as --url".to_owned(),
        };
        let to = location.map_or(String::new(), |location| format!(" to `{location}`"));
        let message = format!("`{url}` redirects{to}");
        Self::permanent(Failure::refused("moved", message, hint))
    }

    /// A connection that could not be made, or broke.
    pub fn connection(endpoint: &Endpoint, error: &ureq::Error) -> Self {
        let url = &endpoint.url;
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let text = error.to_string();
        let cause = without_prefix(&text);
        if is_tls(scheme, error, &text) {
            if text.contains("InvalidContentType") {
                return Self::wrong_scheme(url, "http");
            }
            let message = format!("cannot make a secure connection to `{url}`: {cause}");
            let hint = "check the host in --url, the server's certificate, and this machine's date";
            return Self::unreachable(Retry::Never, message, hint);
        }
        if is_lookup(error, &text) {
            // Browsers resolve every name below localhost, systems often don't.
            let root = rest.split_once(".localhost").map(|(_, port)| format!("localhost{port}"));
            let hint = match root {
                Some(root) => format!("use the root of the server: --url {scheme}://{root}"),
                None => "check the spelling of --url, and the network (DNS)".to_owned(),
            };
            let message = format!("cannot resolve the host name of `{url}`");
            let failure = Failure::failed("unreachable", message, hint).because(cause);
            return Self::new(Retry::IfHeard, failure);
        }
        let hint = |remote| if endpoint.is_local { LOCAL_HINT } else { remote };
        if let Some(cause) = not_connected(error, cause) {
            let message = format!("cannot connect to `{url}`: {cause}");
            let hint = hint("check the host and the port in --url, and whether the server is up");
            return Self::unreachable(Retry::IfHeard, message, hint);
        }
        let retry = match error {
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::BodyExceedsLimit(_) => Retry::Never,
            _ => Retry::Later,
        };
        let cause = match io_kind(error) {
            Some(io::ErrorKind::UnexpectedEof) => "closed before the answer was complete",
            _ => cause,
        };
        let message = format!("the connection to `{url}` broke: {cause}");
        let hint = hint("check --url, the network, and whether the server is up");
        let may_be_https = scheme == "http" && !rest.is_empty();
        Self { may_be_https, ..Self::unreachable(retry, message, hint) }
    }

    /// An answer with an error status.
    pub fn answer(url: &str, call: &str, status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
        let is_ours = body["error"].is_object();
        let code = text("code").unwrap_or_else(|| format!("http-{status}"));
        let retry = match status {
            503 if code == "not-stored" => Retry::FewTimes,
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Retry::Later,
            520..=530 if !is_ours => Retry::Later,
            // The bytes were damaged on their way.
            _ if code == "hash-mismatch" => Retry::Later,
            _ => Retry::Never,
        };
        let (message, hint) = match (is_ours, retry) {
            (true, _) => (format!("the server answered {status}"), None),
            (false, Retry::Never) => (
                format!("`{url}` is not a Selvedge server: it answered {status} to {call}"),
                Some(NOT_SELVEDGE_HINT),
            ),
            (false, _) => (
                format!("`{url}` answered {status} to {call}"),
                Some("check whether the server is up: its own errors are JSON, and this was not"),
            ),
        };
        let mut failure = Failure::failed(&code, text("message").unwrap_or(message), "");
        failure.ending = if retry == Retry::Never { Ending::Refused } else { Ending::Failed };
        failure.hint = text("hint").or(hint.map(str::to_owned)).map(Into::into);
        failure.detail = body.get("error").cloned().map(Box::new);
        let is_response = is_ours || !is_gateway_status(status);
        let may_be_https = status == 400 && !is_ours;
        Self { is_response, may_be_https, ..Self::new(retry, failure) }
    }

    fn unreachable(retry: Retry, message: String, hint: &str) -> Self {
        Self::new(retry, Failure::failed("unreachable", message, hint))
    }

    fn new(retry: Retry, failure: Failure) -> Self {
        Self {
            retry,
            is_response: false,
            may_be_https: false,
            retry_after_secs: None,
            failure: failure.into(),
        }
    }

    /// Returns the failure of a call after a number of attempts.
    pub fn into_failure(self, attempts: u32) -> Failure {
        match attempts {
            0 | 1 => *self.failure,
            _ => self.failure.because(format!("{attempts} attempts were made")),
        }
    }
}

/// Returns the failure for a server that has been silent for too long.
pub fn silent(endpoint: &Endpoint, why: String, limit: Duration) -> Failure {
    let message = format!("`{}` has not answered for {:.0} s", endpoint.url, limit.as_secs_f64());
    let hint = match endpoint.is_local {
        true => "check whether `make dev` still runs, and what it prints",
        false => "check the network and the server's health: GET /.selvedge/health",
    };
    Failure::failed("unreachable", message, hint).because(why)
}

/// Returns the failure for an answer that is not the JSON of the API.
pub fn unexpected(endpoint: &Endpoint, path: &str, error: &serde_json::Error) -> Failure {
    let message = format!(
        "`{}` is not a Selvedge server of this version: unexpected answer to {path}",
        endpoint.url
    );
    Failure::failed("bad-answer", message, NOT_SELVEDGE_HINT).because(error.to_string())
}

/// Explains the kind of token used, if the server refuses it.
pub fn with_token_hint(mut failure: Failure, endpoint: &Endpoint) -> Failure {
    let Endpoint { url, is_local, token } = endpoint;
    let site_token = TokenText::parse(token);
    let hint = match (&*failure.code, site_token.is_some(), is_local) {
        ("unauthorized", false, true) => {
            "use the ADMIN_TOKEN of .dev.vars in the folder where `make dev` runs"
        }
        ("unauthorized", false, false) => "check that it is the ADMIN_TOKEN of this server",
        ("unauthorized", true, _) => {
            "it has expired, was revoked, or belongs to another server; create one with the root \
             token: selvedge tokens --site SITE create"
        }
        ("forbidden", true, _) => {
            "use a token of this site with the scope for this, or the root token"
        }
        _ => return failure,
    };
    failure.message = match &*failure.code {
        "unauthorized" => format!("`{url}` does not accept the token"),
        _ => "the token does not allow this".to_owned(),
    };
    let why = match site_token {
        Some(token) => format!("the token is one of the site `{}`", token.site),
        None => "the token is not a site's, so it must be the root token".to_owned(),
    };
    failure.why = Some(why.into());
    failure.hint = Some(hint.into());
    failure
}

/// Returns whether a gateway sends this status when the server behind it does not answer.
pub fn is_gateway_status(status: u16) -> bool {
    matches!(status, 502..=504 | 520..=530)
}

/// Returns whether a failed handshake shows that the other side speaks TLS.
pub fn is_tls_peer(error: &ureq::Error) -> bool {
    let text = error.to_string();
    text.contains("fatal alert") || text.contains("invalid peer certificate")
}

fn is_tls(scheme: &str, error: &ureq::Error, text: &str) -> bool {
    let is_rustls = ["corrupt message", "fatal alert", "certificate"];
    scheme == "https" && text.contains("rustls")
        || matches!(error, ureq::Error::Tls(_) | ureq::Error::Rustls(_))
        || matches!(error, ureq::Error::Io(_)) && is_rustls.iter().any(|word| text.contains(word))
}

/// Returns whether a host name was not found; the standard library has no error kind for it.
fn is_lookup(error: &ureq::Error, text: &str) -> bool {
    matches!(error, ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve))
        || text.contains("failed to lookup address")
        || text.contains("No such host is known")
}

/// Returns the cause if no connection was made.
fn not_connected<'t>(error: &ureq::Error, cause: &'t str) -> Option<&'t str> {
    match error {
        _ if io_kind(error) == Some(io::ErrorKind::ConnectionRefused) => Some("connection refused"),
        ureq::Error::Timeout(Timeout::Connect) => Some("timed out"),
        ureq::Error::ConnectionFailed => Some(cause),
        _ => None,
    }
}

fn io_kind(error: &ureq::Error) -> Option<io::ErrorKind> {
    match error {
        ureq::Error::Io(cause) => Some(cause.kind()),
        _ => None,
    }
}

/// Removes the name of the layer that an error's text begins with.
fn without_prefix(text: &str) -> &str {
    ["io: ", "rustls: ", "protocol: ", "timeout: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &[u8]) -> AttemptError {
        AttemptError::answer("http://a", "GET /x", status, body)
    }

    #[test]
    fn answers() {
        let lost = br#"{"error":{"code":"lost-race","message":"m","hint":"h","winner":{"seq":2}}}"#;
        let lost = answer(409, lost);
        assert_eq!(lost.retry, Retry::Never);
        assert_eq!(&*lost.failure.code, "lost-race");
        assert_eq!(lost.failure.to_json()["error"]["winner"]["seq"], 2);
        let busy = answer(503, b"");
        assert_eq!((busy.retry, busy.failure.ending), (Retry::Later, Ending::Failed));
        let full = br#"{"error":{"code":"not-stored","message":"m","hint":"h"}}"#;
        let full = answer(503, full);
        assert_eq!((full.retry, full.failure.ending), (Retry::FewTimes, Ending::Failed));
        let other = answer(404, b"<html>");
        assert_eq!(&*other.failure.code, "http-404");
        assert!(other.failure.hint.is_some());
    }
}
