//! Requests to the addresses of a site, as visitors send them: without a token.

use std::io::Read;
use std::time::Duration;

use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::publish::client::attempt_error::is_gateway_status;
use crate::publish::client::backoff::Backoff;
use crate::publish::clock;
use crate::publish::failure::Failure;

/// Timeout of a request: the server's own for a rendition is 20 s by default.
const REQUEST_SECS_MAX: u64 = 60;
/// Maximum number of attempts at a connection. Retries don't help against a wrong DNS record.
const CONNECTIONS_MAX: u32 = 3;
/// Maximum length of the text of an error that is read.
const REASON_BYTES_MAX: u64 = 300;

#[derive(Debug)]
pub struct Visitor {
    pub(super) agent: Agent,
    pub(super) backoff: Backoff,
    /// Where requests are sent: scheme and authority.
    pub(super) origin: String,
    /// The `Host` header: on a local server, few systems resolve the hostnames of sites.
    pub(super) authority: String,
}

/// The response to a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub status: u16,
    pub cache_status: String,
    retry_after_secs: Option<u64>,
}

impl Visit {
    /// Returns whether a retry may have another response.
    pub fn is_passing(&self) -> bool {
        self.status == 429 || is_gateway_status(self.status)
    }
}

impl Visitor {
    /// Sends a HEAD. Responses that may pass are retried, after the pause that they ask for; the
    /// last one is returned.
    pub fn head(&self, target: &str, accept: &str) -> Result<Visit, Failure> {
        let mut failures = 0;
        loop {
            let result = self.send("HEAD", target, accept);
            failures += 1;
            let (retry_after, attempts_max) = match &result {
                Ok(response) => match visit(response) {
                    visit if !visit.is_passing() => return Ok(visit),
                    visit => (visit.retry_after_secs, self.backoff.attempts_max),
                },
                Err(_) => (None, self.backoff.attempts_max.min(CONNECTIONS_MAX)),
            };
            if failures >= attempts_max {
                return result.map(|response| visit(&response)).map_err(|e| self.unreachable(&e));
            }
            let random = clock::unix_nanos() as u64 / 1_000;
            let millis = self.backoff.pause_millis(failures, retry_after, random);
            std::thread::sleep(Duration::from_millis(millis));
        }
    }

    /// Returns the text of an error, if it has one.
    pub fn reason(&self, target: &str, accept: &str) -> Option<String> {
        let mut response = self.send("GET", target, accept).ok()?;
        if !header(&response, "content-type").starts_with("text/plain") {
            return None;
        }
        let mut text = String::new();
        let body = response.body_mut().as_reader();
        body.take(REASON_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        accept: &str,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.origin))
            .header("host", &self.authority)
            .header("accept", accept)
            .body(())?;
        let timeout = Some(Duration::from_secs(REQUEST_SECS_MAX));
        let request = self.agent.configure_request(request).timeout_global(timeout).build();
        self.agent.run(request)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let message = format!("`{}` can't be reached", self.authority);
        let hint = "check that DNS and the certificate cover the addresses of deployments, and that \
                    the server is up";
        Failure::failed("unreachable", message, hint).because(error.to_string())
    }
}

fn visit(response: &Response<Body>) -> Visit {
    Visit {
        status: response.status().as_u16(),
        cache_status: header(response, "cache-status").to_owned(),
        retry_after_secs: header(response, "retry-after").parse().ok(),
    }
}

fn header<'r>(response: &'r Response<Body>, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
