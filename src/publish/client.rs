//! The admin API over HTTP: deadlines, retries, and errors that say what to do.
//!
//! Every call of the API is idempotent, so a call that failed for a reason that may pass is made
//! again, until the [`Watchdog`] finds that the server has been silent for too long.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, BodyReader, SendBody};

use crate::publish::backoff::Backoff;
use crate::publish::clock;
use crate::publish::endpoint::Endpoint;
use crate::publish::failure::Failure;
use crate::publish::progress::Step;
use crate::publish::request_body::{RequestBody, Sent};
use crate::publish::trouble::{self, Kind, Trouble};
use crate::publish::watchdog::Watchdog;

/// Longest answer that is read, in bytes: no blob and no list of the API is longer.
pub const ANSWER_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// How long a connection may take to be made.
pub const CONNECT_SECS_MAX: u64 = 10;
/// How long a call may take, apart from the time that its bytes need. The watchdog ends calls to a
/// silent server long before; this ends those to one that answers a few bytes at a time.
pub const CALL_SECS_MAX: u64 = 60;
/// The slowest line that a call is not given up on, in bytes a second.
pub const BYTES_PER_SEC_MIN: u64 = 50_000;
/// How long it may take to find out that a server expects TLS.
const PROBE: Duration = Duration::from_secs(3);
/// Where the API is, on every server.
const API: &str = "/.selvedge/v1";
/// Bytes of a download that are held at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The bytes that a call sends.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    Nothing,
    Json(&'a str),
    Bytes(&'a [u8]),
    File(&'a Path, u64),
    /// A part of a file, sent as it is read, and shown.
    Part {
        file: &'a Path,
        first: u64,
        length: u64,
        step: &'a dyn Step,
    },
}

impl Payload<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Json(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length) | Self::Part { length, .. } => *length,
        }
    }
}

/// Header fields that a call sends beside its own.
pub type CallFields<'a> = &'a [(&'a str, &'a str)];

/// A connection to the admin API of one server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    endpoint: Endpoint,
    backoff: Backoff,
    calls: AtomicU64,
    watchdog: Watchdog,
}

/// What came back for a call that was understood.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub length: u64,
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at a URL, with a token.
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

    /// The server's URL.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Whether the token is the server's own, which may do everything.
    pub fn is_root(&self) -> bool {
        !self.endpoint.token.starts_with(crate::site::records::site::TOKEN_PREFIX)
    }

    /// Whether the server responded to any call.
    pub fn was_heard(&self) -> bool {
        self.watchdog.was_heard()
    }

    /// How many requests were sent, those included that were made again.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What a GET answers, read as JSON; `None` for 404.
    pub fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        match self.call("GET", path, Payload::Nothing) {
            Ok(answer) => self.parsed(path, &answer.body).map(Some),
            Err(failure) if &*failure.code == "not-found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What a GET answers, read as JSON.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.parsed(path, &self.call("GET", path, Payload::Nothing)?.body)
    }

    /// What a call with a JSON body answers, read as JSON.
    pub fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        self.parsed(path, &self.call(method, path, Payload::Json(&body))?.body)
    }

    /// As [`Client::send`], for a call that counts each time that it is made: it is made once.
    pub fn send_once<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        let answer = self.attempt(method, path, &[], Payload::Json(&body), &Sent::default());
        let call = format!("{method} {API}{path}");
        let answer = answer.map_err(|trouble| self.ended(&call, trouble, None, 1));
        self.parsed(path, &answer?.body)
    }

    /// What a call answers, made again as often as it may help.
    pub fn call(&self, method: &str, path: &str, payload: Payload<'_>) -> Result<Answer, Failure> {
        self.call_with(method, path, &[], payload)
    }

    /// As [`Client::call`], with a step that goes on as bytes are sent for the first time.
    pub fn call_in_step(
        &self,
        method: &str,
        path: &str,
        payload: Payload<'_>,
        step: &dyn Step,
    ) -> Result<Answer, Failure> {
        self.persist(&format!("{method} {API}{path}"), Some(step), |sent| {
            self.attempt(method, path, &[], payload, sent)
        })
    }

    /// As [`Client::call`], with header fields; a `content-type` takes the place of the usual one.
    pub fn call_with(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
    ) -> Result<Answer, Failure> {
        self.persist(&format!("{method} {API}{path}"), None, |sent| {
            self.attempt(method, path, fields, payload, sent)
        })
    }

    /// How many bytes of a path's content went to a place that is opened anew for each attempt.
    pub fn download(
        &self,
        path: &str,
        length: u64,
        mut open: impl FnMut() -> Result<Box<dyn Write>, Failure>,
    ) -> Result<u64, Failure> {
        self.persist(&format!("GET {API}{path}"), None, |sent| {
            let seconds = CALL_SECS_MAX + length / BYTES_PER_SEC_MIN;
            let mut response = self.open("GET", path, &[], Payload::Nothing, seconds, sent)?;
            let announced = length_of(&response);
            let mut place = open().map_err(Trouble::of_place)?;
            let mut reader = response.body_mut().as_reader();
            let mut piece = vec![0; PIECE_BYTES];
            let mut copied = 0;
            loop {
                let read = self.read(&mut reader, &mut piece, true);
                let read = read.map_err(|error| self.cut_off(error))?;
                let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                    break;
                };
                let written = place.write_all(bytes);
                written.map_err(|cause| Trouble::of_place(Failure::io("writing", &cause)))?;
                copied += read as u64;
            }
            if announced.is_some_and(|announced| announced != copied) {
                return Err(self.cut_off(io::ErrorKind::UnexpectedEof.into()));
            }
            place.flush().map_err(|cause| Trouble::of_place(Failure::io("writing", &cause)))?;
            Ok(copied)
        })
    }

    /// What an attempt gives, made again as often as it may help.
    ///
    /// Each attempt is told how much of the payload the attempts before it had sent.
    fn persist<T>(
        &self,
        call: &str,
        step: Option<&dyn Step>,
        mut attempt: impl FnMut(&Sent<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        let sent = Sent { step, ..Sent::default() };
        let (mut failures, mut before) = (0, None);
        loop {
            let mut trouble = match attempt(&sent) {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            failures += 1;
            if trouble.may_be_https && !self.was_heard() && self.speaks_https() {
                trouble = Trouble::wrong_scheme(&self.endpoint.url, "https");
            }
            let attempts_max = match trouble.kind {
                Kind::Final => 1,
                Kind::Passing => self.backoff.attempts_max,
                Kind::StoreRefuses => self.backoff.store_attempts_max(),
                // Nobody listens: most often there is no server, and waiting won't start one. It
                // is another matter once there was an answer.
                Kind::NobodyListens if !self.was_heard() => 2,
                Kind::NobodyListens => self.backoff.attempts_max,
            };
            if failures >= attempts_max || self.watchdog.is_expired() {
                return Err(self.ended(call, trouble, before.as_deref(), failures));
            }
            self.pause(failures, &trouble);
            before = Some(trouble.failure.message);
        }
    }

    /// Returns the failure of a call whose last attempt failed.
    fn ended(&self, call: &str, trouble: Trouble, before: Option<&str>, failures: u32) -> Failure {
        if self.watchdog.is_expired() && &*trouble.failure.code == "unreachable" {
            let why = before.map_or_else(|| format!("the last call was {call}"), str::to_owned);
            return trouble::silent(&self.endpoint, why, self.watchdog.limit());
        }
        let failure = trouble.into_failure(failures);
        trouble::of_token(failure, &self.endpoint)
    }

    fn pause(&self, failures: u32, trouble: &Trouble) {
        let random = clock::unix_nanos() as u64 / 1_000;
        let millis = self.backoff.pause_millis(failures, trouble.retry_after_secs, random);
        let pause = Duration::from_millis(millis);
        match trouble.is_response {
            // The server lives, and may have asked for the pause.
            true => std::thread::sleep(pause),
            false => {
                let pause = pause.min(self.watchdog.left());
                self.watchdog.waiting(|| std::thread::sleep(pause));
            }
        }
    }

    /// An answer as JSON; what is none comes from another kind of server.
    fn parsed<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Failure> {
        json(path, body).map_err(|failure| trouble::of_version(failure, &self.endpoint))
    }

    /// Whether an `http` URL is that of a server that expects TLS.
    fn speaks_https(&self) -> bool {
        let Some(rest) = self.endpoint.url.strip_prefix("http://") else { return false };
        let probe = self.agent.get(format!("https://{rest}/.selvedge/health"));
        let probe = probe.config().timeout_global(Some(PROBE)).build();
        match self.watchdog.waiting(|| probe.call()) {
            Ok(_) => true,
            Err(error) => trouble::is_tls_peer(&error),
        }
    }

    fn attempt(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
        sent: &Sent<'_>,
    ) -> Result<Answer, Trouble> {
        let seconds = CALL_SECS_MAX + payload.length() / BYTES_PER_SEC_MIN;
        let mut response = self.open(method, path, fields, payload, seconds, sent)?;
        let (status, length) = (response.status().as_u16(), length_of(&response));
        let body = self.body(&mut response, true)?;
        Ok(Answer { status, length: length.unwrap_or(body.len() as u64), body })
    }

    /// The body of a response, whole. That of a gateway is no sign of life of the server.
    fn body(
        &self,
        response: &mut Response<Body>,
        is_from_server: bool,
    ) -> Result<Vec<u8>, Trouble> {
        let mut reader = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).reader();
        let (mut body, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
        loop {
            let read = self.read(&mut reader, &mut piece, is_from_server);
            let read = read.map_err(|error| self.cut_off(error))?;
            match piece.get(..read) {
                Some(bytes) if !bytes.is_empty() => body.extend_from_slice(bytes),
                _ => return Ok(body),
            }
        }
    }

    fn read(
        &self,
        reader: &mut BodyReader<'_>,
        piece: &mut [u8],
        is_from_server: bool,
    ) -> io::Result<usize> {
        let read = self.watchdog.waiting(|| reader.read(piece));
        if is_from_server && read.as_ref().is_ok_and(|read| *read > 0) {
            self.watchdog.heard(true);
        }
        read
    }

    /// A response whose body was not read yet; it is a success.
    fn open(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
        seconds: u64,
        sent: &Sent<'_>,
    ) -> Result<Response<Body>, Trouble> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET))
            .uri(format!("{}{API}{path}", self.endpoint.url))
            .header("authorization", format!("Bearer {}", self.endpoint.token))
            .header("accept", "application/json");
        match payload {
            Payload::Nothing => {}
            Payload::Json(_) => request = request.header("content-type", "application/json"),
            Payload::Bytes(_) | Payload::File(..) | Payload::Part { .. } => {
                if !fields.iter().any(|(name, _)| *name == "content-type") {
                    request = request.header("content-type", "application/octet-stream");
                }
                request = request.header("content-length", payload.length());
            }
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let call = format!("{method} {API}{path}");
        let response = match payload {
            Payload::Nothing => self.run(request.body(SendBody::none()), seconds),
            Payload::Json(text) => self.run(request.body(text), seconds),
            Payload::Bytes(_) | Payload::File(..) | Payload::Part { .. } => {
                let mut body = RequestBody::open(&payload, &self.watchdog, sent)?;
                self.run(request.body(SendBody::from_reader(&mut body)), seconds)
            }
        };
        let mut response =
            response.map_err(|error| Trouble::of_connection(&self.endpoint, &error))?;
        let status = response.status().as_u16();
        let is_from_server = !trouble::is_gateway_status(status);
        if is_from_server {
            self.watchdog.heard(true);
        }
        let retry_after_secs = header(&response, "retry-after").and_then(|text| text.parse().ok());
        let location = header(&response, "location");
        match status {
            200..=299 => Ok(response),
            300..=399 => Err(Trouble::moved(&self.endpoint.url, location)),
            _ => {
                let body = self.body(&mut response, is_from_server)?;
                let trouble =
                    Trouble::of_answer(&self.endpoint.url, &call, status, &body, retry_after_secs);
                if trouble.is_response {
                    self.watchdog.heard(true);
                }
                Err(trouble)
            }
        }
    }

    fn cut_off(&self, cause: io::Error) -> Trouble {
        Trouble::of_connection(&self.endpoint, &cause.into())
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

/// What some bytes are as JSON.
pub fn json<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let hint = "is this a Selvedge server of this version? check --url";
        let message = format!("the answer to {API}{path} is not the JSON expected");
        let mut failure = Failure::failed("bad-answer", message, hint);
        failure.why = Some(error.to_string().into());
        failure
    })
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn length_of(response: &Response<Body>) -> Option<u64> {
    header(response, "content-length")?.parse().ok()
}
