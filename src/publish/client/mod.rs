//! A client of the admin API, with timeouts, retries and error messages that say what to do.
//!
//! Every call of the API is idempotent, so a call is retried after a temporary failure, until the
//! [`Watchdog`] finds that the server has been silent for too long.

pub mod attempt_error;
pub mod backoff;
pub mod endpoint;
pub mod payload;
pub mod visitor;
pub mod watchdog;

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, BodyReader, SendBody};

use crate::publish::client::attempt_error::{AttemptError, Retry};
use crate::publish::client::backoff::Backoff;
use crate::publish::client::endpoint::Endpoint;
use crate::publish::client::payload::{Payload, RequestBody, Sent};
use crate::publish::client::visitor::Visitor;
use crate::publish::client::watchdog::Watchdog;
use crate::publish::clock;
use crate::publish::failure::Failure;
use crate::publish::progress::Step;
use crate::site::api::{Server, StageView};
use crate::site::ids::{SiteName, StageName};
use crate::site::records::site::TOKEN_PREFIX;

/// Maximum length of an answer in bytes: no blob and no list of the API is longer.
const ANSWER_BYTES_MAX: u64 = 96 * 1024 * 1024;
const CONNECT_SECS_MAX: u64 = 10;
/// Maximum duration of a call, apart from the time that its bytes need. The watchdog ends calls to
/// a silent server long before; this ends calls to one that answers a few bytes at a time.
const CALL_SECS_MAX: u64 = 60;
/// The slowest connection that a call is not given up on.
const BYTES_PER_SEC_MIN: u64 = 50_000;
/// Timeout for finding out whether a server expects TLS.
const PROBE: Duration = Duration::from_secs(3);
const API: &str = "/.selvedge/v1";
const PIECE_BYTES: usize = 64 * 1024;

pub type Headers<'a> = &'a [(&'a str, &'a str)];

#[derive(Clone, Copy)]
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    headers: Headers<'a>,
    payload: Payload<'a>,
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {API}{}", self.method, self.path)
    }
}

#[derive(Debug)]
pub struct Client {
    agent: Agent,
    endpoint: Endpoint,
    backoff: Backoff,
    calls: AtomicU64,
    watchdog: Watchdog,
}

#[derive(Debug)]
pub struct ApiResponse {
    /// `Content-Length`, also of an answer to HEAD.
    pub length: u64,
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
struct Removed {
    #[serde(default)]
    effective_within_secs: u64,
}

impl Client {
    pub fn new(url: &str, token: &str, backoff: Backoff) -> Result<Self, Failure> {
        let endpoint = Endpoint::parse(url, token)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")));
        if endpoint.is_local {
            config = config.proxy(None);
        }
        let agent = Agent::new_with_config(config.build());
        let limit = Duration::from_millis(backoff.silence_millis_max);
        let watchdog = Watchdog::start(&agent, limit);
        Ok(Self { agent, endpoint, backoff, calls: AtomicU64::new(0), watchdog })
    }

    /// Returns whether the token is the root token, which may do everything.
    pub fn is_root(&self) -> bool {
        !self.endpoint.token.starts_with(TOKEN_PREFIX)
    }

    /// Returns a visitor of an address of a site, such as `https://www.example.com`.
    pub fn visitor(&self, origin: &str) -> Visitor {
        let Self { agent, endpoint, backoff, .. } = self;
        let (_, authority) = origin.split_once("://").unwrap_or_default();
        let origin = if endpoint.is_local { &endpoint.url } else { origin };
        let (origin, authority) = (origin.to_owned(), authority.to_owned());
        Visitor { agent: agent.clone(), backoff: *backoff, origin, authority }
    }

    pub fn was_heard(&self) -> bool {
        self.watchdog.was_heard()
    }

    /// Returns the number of requests sent, retries included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn server(&self) -> Result<Server, Failure> {
        self.get("")
    }

    /// Returns the live record of a stage; `None` if nothing was ever deployed to it.
    pub fn live(&self, site: &SiteName, stage: &StageName) -> Result<Option<StageView>, Failure> {
        self.find(&format!("/sites/{site}/stages/{stage}"))
    }

    /// Sends a GET and parses the answer; `None` for a 404.
    pub fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(failure) if &*failure.code == "not-found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.parse(path, &self.call("GET", path, Payload::Empty)?.body)
    }

    pub fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        self.parse(path, &self.call(method, path, Payload::Json(&body))?.body)
    }

    /// As [`Client::send`], without retries: for a call that is not idempotent. If it fails, it may
    /// have taken effect.
    pub fn send_once<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        let call = Call { method, path, headers: &[], payload: Payload::Json(&body) };
        let answer = self.attempt(&call, &Sent::default());
        self.parse(path, &answer.map_err(|error| self.failure(&call, error, None, 1))?.body)
    }

    /// Deletes something. Returns `None` if a retry finds it gone, because an earlier attempt whose
    /// answer was lost did it.
    pub fn delete(&self, path: &str) -> Result<Option<ApiResponse>, Failure> {
        let before = self.calls();
        match self.call("DELETE", path, Payload::Empty) {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if &*failure.code == "not-found" && self.calls() > before + 1 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes something, and returns the seconds until that is in force everywhere.
    pub fn remove(&self, path: &str) -> Result<u64, Failure> {
        match self.delete(path)? {
            Some(answer) => {
                let removed: Removed = self.parse(path, &answer.body)?;
                Ok(removed.effective_within_secs)
            }
            None => Ok(self.server()?.live_bound_secs),
        }
    }

    /// Sends a request, with retries.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<ApiResponse, Failure> {
        self.call_with(method, path, &[], payload, None)
    }

    /// As [`Client::call`], with headers, and a step that advances as bytes are sent for the first
    /// time. A `content-type` replaces the usual one.
    pub fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        payload: Payload<'_>,
        step: Option<&dyn Step>,
    ) -> Result<ApiResponse, Failure> {
        let call = Call { method, path, headers, payload };
        self.retry(&call, step, |sent| self.attempt(&call, sent))
    }

    /// Writes the content of a path to a target that is opened again for each attempt.
    pub fn download(
        &self,
        path: &str,
        length: u64,
        mut open: impl FnMut() -> Result<Box<dyn Write>, Failure>,
    ) -> Result<u64, Failure> {
        let call = Call { method: "GET", path, headers: &[], payload: Payload::Empty };
        let write_failed = |cause| AttemptError::permanent(Failure::io("writing", &cause));
        self.retry(&call, None, |sent| {
            let mut response = self.open(&call, length, sent)?;
            let announced = length_of(&response);
            let mut target = open().map_err(AttemptError::permanent)?;
            let mut reader = response.body_mut().as_reader();
            let mut copied = 0;
            self.read_all(&mut reader, true, |bytes| {
                copied += bytes.len() as u64;
                target.write_all(bytes).map_err(write_failed)
            })?;
            if announced.is_some_and(|announced| announced != copied) {
                return Err(self.cut_off(io::ErrorKind::UnexpectedEof.into()));
            }
            target.flush().map_err(write_failed)?;
            Ok(copied)
        })
    }

    pub fn parse<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            attempt_error::unexpected(&self.endpoint, &format!("{API}{path}"), &error)
        })
    }

    fn retry<T>(
        &self,
        call: &Call<'_>,
        step: Option<&dyn Step>,
        mut attempt: impl FnMut(&Sent<'_>) -> Result<T, AttemptError>,
    ) -> Result<T, Failure> {
        let sent = Sent { step, ..Sent::default() };
        let (mut failures, mut previous) = (0, None);
        loop {
            let mut error = match attempt(&sent) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            if error.may_be_https && !self.was_heard() && self.speaks_https() {
                error = AttemptError::wrong_scheme(&self.endpoint.url, "https");
            }
            let attempts_max = match error.retry {
                Retry::Never => 1,
                Retry::Later => self.backoff.attempts_max,
                Retry::FewTimes => self.backoff.store_attempts_max(),
                // Usually there is no server, and waiting won't start one. Once it has answered, it
                // may be restarting.
                Retry::IfHeard if !self.was_heard() => 2,
                Retry::IfHeard => self.backoff.attempts_max,
            };
            if failures >= attempts_max || self.watchdog.is_expired() {
                return Err(self.failure(call, error, previous.as_deref(), failures));
            }
            self.pause(failures, &error);
            previous = Some(error.failure.message);
        }
    }

    fn failure(
        &self,
        call: &Call<'_>,
        error: AttemptError,
        previous: Option<&str>,
        failures: u32,
    ) -> Failure {
        if self.watchdog.is_expired() && &*error.failure.code == "unreachable" {
            let why = previous.map_or_else(|| format!("the last call was {call}"), str::to_owned);
            return attempt_error::silent(&self.endpoint, why, self.watchdog.limit());
        }
        attempt_error::with_token_hint(error.into_failure(failures), &self.endpoint)
    }

    fn pause(&self, failures: u32, error: &AttemptError) {
        let random = clock::unix_nanos() as u64 / 1_000;
        let millis = self.backoff.pause_millis(failures, error.retry_after_secs, random);
        let pause = Duration::from_millis(millis);
        match error.is_response {
            // The server is alive, and may have asked for the pause.
            true => std::thread::sleep(pause),
            false => {
                let pause = pause.min(self.watchdog.left());
                self.watchdog.waiting(|| std::thread::sleep(pause));
            }
        }
    }

    /// Returns whether a server at an `http` URL expects TLS.
    fn speaks_https(&self) -> bool {
        let Some(rest) = self.endpoint.url.strip_prefix("http://") else { return false };
        let probe = self.agent.get(format!("https://{rest}/.selvedge/health"));
        let probe = probe.config().timeout_global(Some(PROBE)).build();
        match self.watchdog.waiting(|| probe.call()) {
            Ok(_) => true,
            Err(error) => attempt_error::is_tls_peer(&error),
        }
    }

    fn attempt(&self, call: &Call<'_>, sent: &Sent<'_>) -> Result<ApiResponse, AttemptError> {
        let mut response = self.open(call, call.payload.length(), sent)?;
        let length = length_of(&response);
        let body = self.body(&mut response, true)?;
        Ok(ApiResponse { length: length.unwrap_or(body.len() as u64), body })
    }

    fn body(
        &self,
        response: &mut Response<Body>,
        is_from_server: bool,
    ) -> Result<Vec<u8>, AttemptError> {
        let mut reader = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).reader();
        let mut body = Vec::new();
        self.read_all(&mut reader, is_from_server, |bytes| {
            body.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(body)
    }

    /// Reads to the end. Bytes from a gateway don't show that the server is alive.
    fn read_all(
        &self,
        reader: &mut BodyReader<'_>,
        is_from_server: bool,
        mut take: impl FnMut(&[u8]) -> Result<(), AttemptError>,
    ) -> Result<(), AttemptError> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = self.watchdog.waiting(|| reader.read(&mut piece));
            let read = read.map_err(|error| self.cut_off(error))?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            if is_from_server {
                self.watchdog.heard(true);
            }
            take(bytes)?;
        }
    }

    /// Returns a successful response whose body is not read yet.
    fn open(
        &self,
        call: &Call<'_>,
        bytes: u64,
        sent: &Sent<'_>,
    ) -> Result<Response<Body>, AttemptError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let seconds = CALL_SECS_MAX + bytes / BYTES_PER_SEC_MIN;
        let request = self.request(call);
        let response = match call.payload {
            Payload::Empty => self.run(request.body(SendBody::none()), seconds),
            Payload::Json(text) => self.run(request.body(text), seconds),
            Payload::Bytes(_) | Payload::File { .. } => {
                let mut body = RequestBody::open(&call.payload, &self.watchdog, sent)?;
                self.run(request.body(SendBody::from_reader(&mut body)), seconds)
            }
        };
        let mut response =
            response.map_err(|error| AttemptError::connection(&self.endpoint, &error))?;
        let status = response.status().as_u16();
        let is_from_server = !attempt_error::is_gateway_status(status);
        if is_from_server {
            self.watchdog.heard(true);
        }
        match status {
            200..=299 => Ok(response),
            300..=399 => {
                Err(AttemptError::redirect(&self.endpoint.url, header(&response, "location")))
            }
            _ => {
                let body = self.body(&mut response, is_from_server)?;
                let mut error =
                    AttemptError::answer(&self.endpoint.url, &call.to_string(), status, &body);
                let retry_after = header(&response, "retry-after");
                error.retry_after_secs = retry_after.and_then(|text| text.parse().ok());
                if error.is_response {
                    self.watchdog.heard(true);
                }
                Err(error)
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> ureq::http::request::Builder {
        let mut request = Request::builder()
            .method(Method::from_bytes(call.method.as_bytes()).unwrap_or(Method::GET))
            .uri(format!("{}{API}{}", self.endpoint.url, call.path))
            .header("authorization", format!("Bearer {}", self.endpoint.token))
            .header("accept", "application/json");
        match call.payload {
            Payload::Empty => {}
            Payload::Json(_) => request = request.header("content-type", "application/json"),
            Payload::Bytes(_) | Payload::File { .. } => {
                if !call.headers.iter().any(|(name, _)| *name == "content-type") {
                    request = request.header("content-type", "application/octet-stream");
                }
                request = request.header("content-length", call.payload.length());
            }
        }
        call.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    fn cut_off(&self, cause: io::Error) -> AttemptError {
        AttemptError::connection(&self.endpoint, &cause.into())
    }

    fn run<S: ureq::AsSendBody>(
        &self,
        request: Result<Request<S>, ureq::http::Error>,
        seconds: u64,
    ) -> Result<Response<Body>, ureq::Error> {
        let connect = self.watchdog.left().min(Duration::from_secs(CONNECT_SECS_MAX));
        let request = self
            .agent
            .configure_request(request?)
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_global(Some(Duration::from_secs(seconds)))
            .build();
        self.watchdog.waiting(|| self.agent.run(request))
    }
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn length_of(response: &Response<Body>) -> Option<u64> {
    header(response, "content-length")?.parse().ok()
}
