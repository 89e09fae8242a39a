//! An attempt at a call that failed: why, and whether another may help.
//!
//! Not what a command ends with: that is a [`Failure`], after the last attempt.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::Timeout;

use crate::publish::endpoint::Endpoint;
use crate::publish::failure::{Ending, Failure};
use crate::site::records::site::TokenText;

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Final,
    Passing,
    /// It may, but a store that is full stays full: a few attempts tell.
    StoreRefuses,
    NobodyListens,
}

/// Why an attempt gave nothing.
#[derive(Debug)]
pub struct Trouble {
    pub kind: Kind,
    /// Whether the server itself said so, and not the network or a gateway before it.
    pub is_response: bool,
    /// Whether the server may be one that expects TLS where plain HTTP was sent.
    pub may_be_https: bool,
    pub retry_after_secs: Option<u64>,
    pub failure: Box<Failure>,
}

impl Trouble {
    /// A file that can't be read.
    pub fn of_file(file: &Path, cause: &io::Error) -> Self {
        Self::of_place(Failure::io(file.display(), cause))
    }

    /// Something that trying again does not change.
    pub fn of_place(failure: Failure) -> Self {
        Self::new(Kind::Final, failure)
    }

    /// A server at `http://…` that speaks https, or the other way round.
    pub fn wrong_scheme(url: &str, scheme: &str) -> Self {
        let (given, rest) = url.split_once("://").unwrap_or_default();
        let message = format!("the server at `{rest}` speaks {scheme}, not {given}");
        let hint = format!("use --url {scheme}://{rest}");
        Self::of_place(Failure::refused("wrong-scheme", message, hint))
    }

    /// A redirect: calls are not sent on, for they carry the token.
    pub fn moved(url: &str, location: Option<String>) -> Self {
        let root = |url: &str| {
            let uri: ureq::http::Uri = url.parse().ok()?;
            Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
        };
        let hint = match location.as_deref().and_then(root) {
            Some(root) => format!("use that server's root: --url {root}"),
            None => "use the address that it names as --url".to_owned(),
        };
        let to = location.map_or(String::new(), |location| format!(" to `{location}`"));
        let message = format!("`{url}` redirects its callers{to}");
        Self::of_place(Failure::refused("moved", message, hint))
    }

    /// A connection that could not be made, or broke.
    pub fn of_connection(endpoint: &Endpoint, error: &ureq::Error) -> Self {
        let Endpoint { url, is_local, .. } = endpoint;
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let text = error.to_string();
        let is_tls = scheme == "https" && text.contains("rustls")
            || matches!(error, ureq::Error::Tls(_) | ureq::Error::Rustls(_))
            || matches!(error, ureq::Error::Io(cause) if is_rustls(cause));
        if is_tls && text.contains("InvalidContentType") {
            return Self::wrong_scheme(url, "http");
        }
        let cause = without_prefix(&text);
        let unreachable =
            |message: String, hint: &str| Failure::failed("unreachable", message, hint.to_owned());
        if is_tls {
            let message = format!("cannot make a secure connection to `{url}`: {cause}");
            let hint = "check the host in --url, the server's certificate, and this machine's date";
            return Self::new(Kind::Final, unreachable(message, hint));
        }
        if is_lookup(error, &text) {
            let message = format!("cannot resolve the host name of `{url}`");
            // Browsers resolve every name below localhost, systems often don't.
            let root = rest.split_once(".localhost").map(|(_, port)| format!("localhost{port}"));
            let hint = match root {
                Some(root) => format!("use the server's root: --url {scheme}://{root}"),
                None => "check the spelling of --url, and the network (DNS)".to_owned(),
            };
            let mut failure = unreachable(message, &hint);
            failure.why = Some(cause.into());
            return Self::new(Kind::NobodyListens, failure);
        }
        let is_refused =
            matches!(error, ureq::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused);
        let is_timeout = matches!(error, ureq::Error::Timeout(Timeout::Connect));
        if is_refused || is_timeout || matches!(error, ureq::Error::ConnectionFailed) {
            let cause = match (is_refused, is_timeout) {
                (true, _) => "connection refused",
                (false, true) => "timed out",
                (false, false) => cause,
            };
            let message = format!("cannot connect to `{url}`: {cause}");
            let hint = match *is_local {
                true => LOCAL_HINT,
                false => "check the host and the port in --url, and whether the server is up",
            };
            return Self::new(Kind::NobodyListens, unreachable(message, hint));
        }
        let kind = match error {
            ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::BodyExceedsLimit(_) => Kind::Final,
            _ => Kind::Passing,
        };
        let is_closed =
            matches!(error, ureq::Error::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof);
        let cause = if is_closed { "closed before the answer was complete" } else { cause };
        let message = format!("the connection to `{url}` broke: {cause}");
        let hint = match *is_local {
            true => LOCAL_HINT,
            false => "check --url, the network, and whether the server is up",
        };
        let may_be_https = scheme == "http" && !rest.is_empty();
        Self { may_be_https, ..Self::new(kind, unreachable(message, hint)) }
    }

    /// An answer to a call that is no success.
    pub fn of_answer(
        url: &str,
        call: &str,
        status: u16,
        body: &[u8],
        retry_after_secs: Option<u64>,
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
        let is_ours = body["error"].is_object();
        let code = text("code").unwrap_or_else(|| format!("http-{status}"));
        let is_corrupted = code == "hash-mismatch";
        let kind = match status {
            503 if code == "not-stored" => Kind::StoreRefuses,
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Kind::Passing,
            520..=530 if !is_ours => Kind::Passing,
            _ if is_corrupted => Kind::Passing,
            _ => Kind::Final,
        };
        let ending = match kind {
            Kind::Final => Ending::Refused,
            Kind::Passing | Kind::StoreRefuses | Kind::NobodyListens => Ending::Failed,
        };
        let (message, hint) = match (is_ours, kind) {
            (true, _) => (format!("the server answered {status}"), None),
            (false, Kind::Final) => (
                format!("`{url}` is not a Selvedge server: it answered {status} to {call}"),
                Some(NOT_SELVEDGE_HINT),
            ),
            (false, _) => (
                format!("`{url}` answered {status} to {call}"),
                Some("check whether the server is up; it answers errors as JSON, this was not one"),
            ),
        };
        let mut failure = Failure::failed(&code, text("message").unwrap_or(message), "");
        failure.ending = ending;
        failure.hint = text("hint").or(hint.map(str::to_owned)).map(Into::into);
        failure.detail = body.get("error").cloned().map(Box::new);
        let is_response = is_ours || !is_gateway_status(status);
        let may_be_https = status == 400 && !is_ours;
        Self { is_response, may_be_https, retry_after_secs, ..Self::new(kind, failure) }
    }

    fn new(kind: Kind, failure: Failure) -> Self {
        Self {
            kind,
            is_response: false,
            may_be_https: false,
            retry_after_secs: None,
            failure: failure.into(),
        }
    }

    /// The failure, after a number of attempts.
    pub fn into_failure(self, attempts: u32) -> Failure {
        let mut failure = *self.failure;
        if attempts > 1 {
            let tries = format!("{attempts} attempts were made");
            failure.why = Some(match failure.why {
                Some(why) => format!("{why}; {tries}").into(),
                None => tries.into(),
            });
        }
        failure
    }
}

const LOCAL_HINT: &str = "is `make dev` running, and on this port?";
/// Hint for a server that is not a Selvedge server.
const NOT_SELVEDGE_HINT: &str = "check --url: it is the root of a Selvedge server, such as \
    https://example.com or http://localhost:8787, and not the address of a site";

/// Returns the failure for a server that has been silent for too long.
pub fn silent(endpoint: &Endpoint, why: String, limit: Duration) -> Failure {
    let Endpoint { url, is_local, .. } = endpoint;
    let message = format!("`{url}` has not answered for {:.0} s", limit.as_secs_f64());
    let hint = match *is_local {
        true => "does `make dev` still run, and does it answer? what does it print?",
        false => "check the network and the server's health: GET /.selvedge/health",
    };
    let mut failure = Failure::failed("unreachable", message, hint);
    failure.why = Some(why.into());
    failure
}

/// The failure of an answer that can't be read: another server, or another version, gave it.
pub fn of_version(mut failure: Failure, endpoint: &Endpoint) -> Failure {
    let (url, message) = (&endpoint.url, &failure.message);
    failure.message = format!("`{url}` is not a Selvedge server of this version: {message}");
    failure.hint = Some(NOT_SELVEDGE_HINT.into());
    failure
}

/// A failure, and where the server refuses the token, what the token itself tells.
pub fn of_token(mut failure: Failure, endpoint: &Endpoint) -> Failure {
    let Endpoint { url, is_local, token } = endpoint;
    let own = TokenText::parse(token);
    let hint = match (&*failure.code, own.is_some(), is_local) {
        ("unauthorized", false, true) => {
            "take ADMIN_TOKEN from .dev.vars in the folder where `make dev` runs"
        }
        ("unauthorized", false, false) => {
            "is it the ADMIN_TOKEN of this server, and not of another?"
        }
        ("unauthorized", true, _) => {
            "it has expired, was revoked, or is another server's; with the root token, \
             `selvedge tokens --site SITE create` makes one"
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
    let what = match own {
        Some(token) => format!("the token given is one of the site `{}`", token.site),
        None => "the token given is not a site's, so it must be the root token".to_owned(),
    };
    failure.why = Some(what.into());
    failure.hint = Some(hint.into());
    failure
}

/// Whether a status is one that a gateway gives for a server that does not answer it.
pub fn is_gateway_status(status: u16) -> bool {
    matches!(status, 502..=504 | 520..=530)
}

/// Whether an attempt at TLS failed in a way that shows that the other side speaks it.
pub fn is_tls_peer(error: &ureq::Error) -> bool {
    let text = error.to_string();
    text.contains("fatal alert") || text.contains("invalid peer certificate")
}

fn is_rustls(cause: &io::Error) -> bool {
    let text = cause.to_string();
    text.contains("corrupt message") || text.contains("fatal alert") || text.contains("certificate")
}

/// Whether a host name was not found: the standard library has no kind of error for it.
fn is_lookup(error: &ureq::Error, text: &str) -> bool {
    matches!(error, ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve))
        || text.contains("failed to lookup address")
        || text.contains("No such host is known")
}

/// An error's text without the words for the layer that it comes from.
fn without_prefix(text: &str) -> &str {
    ["io: ", "rustls: ", "protocol: ", "timeout: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &[u8], retry_after_secs: Option<u64>) -> Trouble {
        Trouble::of_answer("http://a", "GET /x", status, body, retry_after_secs)
    }

    #[test]
    fn answers() {
        let lost = br#"{"error":{"code":"lost-race","message":"m","hint":"h","winner":{"seq":2}}}"#;
        let trouble = answer(409, lost, None);
        assert_eq!(trouble.kind, Kind::Final);
        assert_eq!(&*trouble.failure.code, "lost-race");
        assert_eq!(trouble.failure.to_json()["error"]["winner"]["seq"], 2);
        let busy = answer(503, b"", Some(5));
        assert_eq!((busy.kind, busy.retry_after_secs), (Kind::Passing, Some(5)));
        assert_eq!(busy.failure.ending, Ending::Failed);
        let full = br#"{"error":{"code":"not-stored","message":"m","hint":"h"}}"#;
        let full = answer(503, full, Some(2));
        assert_eq!((full.kind, full.failure.ending), (Kind::StoreRefuses, Ending::Failed));
        let other = answer(404, b"<html>", None);
        assert_eq!(&*other.failure.code, "http-404");
        assert!(other.failure.hint.is_some());
    }
}
