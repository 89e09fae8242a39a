//! The admin API over HTTP: deadlines, retries, and errors that say what to do.
//!
//! Not the protocol, which is `run`. Every call of the API is idempotent, so every call that
//! failed for a reason that may pass is made again. The invariant is that nothing waits for ever.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, SendBody};

use crate::publish::backoff::Backoff;
use crate::publish::clock;
use crate::publish::failure::Failure;
use crate::publish::progress::Step;
use crate::publish::trouble::{Kind, Trouble};

/// Longest answer that is read, in bytes: no blob and no list of the API is longer.
pub const ANSWER_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// How long a connection may take to be made.
pub const CONNECT_SECS_MAX: u64 = 10;
/// Most attempts at a write that the store refuses: the server has made its own before it says so.
const STORE_ATTEMPTS_MAX: u32 = 3;
/// How long a call may take, apart from the time that its bytes need.
pub const CALL_SECS_MAX: u64 = 60;
/// The slowest line that a call is not given up on, in bytes a second.
pub const BYTES_PER_SEC_MIN: u64 = 50_000;
/// Bytes of a download that are held at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// The bytes that a call sends.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// None.
    Nothing,
    /// JSON, as text.
    Json(&'a str),
    /// Bytes at hand.
    Bytes(&'a [u8]),
    /// Bytes of a file, sent as they are read.
    File(&'a Path, u64),
    /// A part of a file, sent as it is read, and shown.
    Part {
        /// The file.
        file: &'a Path,
        /// Where the part begins.
        first: u64,
        /// How long it is.
        length: u64,
        /// How far the whole file is.
        step: &'a Step,
    },
}

/// Header fields that a call sends beside its own.
pub type CallFields<'a> = &'a [(&'a str, &'a str)];

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

/// A connection to the admin API of one server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    is_local: bool,
    token: String,
    backoff: Backoff,
    calls: AtomicU64,
}

/// What came back for a call that was understood.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The length that a HEAD would have had, and everything else has.
    pub length: u64,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at a URL, with a token.
    ///
    /// # Errors
    /// [`Failure`] when the URL is none, or is not the server's root.
    pub fn new(url: &str, token: &str, backoff: Backoff) -> Result<Self, Failure> {
        let hint = "write it as https://example.com or http://localhost:8787";
        let wrong = || Failure::refused("bad-url", format!("{url:?} is not a server's URL"), hint);
        let trimmed = url.trim_end_matches('/');
        let uri: ureq::http::Uri = trimmed.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let is_root = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        if !matches!(uri.scheme_str(), Some("http" | "https")) || !is_root {
            return Err(wrong());
        }
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::refused(
                "bad-token",
                "the token has characters that no token has",
                "copy it again, without spaces or line breaks",
            ));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECS_MAX)))
            .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")));
        let is_local = is_loopback(host);
        if is_local {
            config = config.proxy(None);
        }
        let agent = Agent::new_with_config(config.build());
        let (url, token) = (trimmed.to_owned(), token.to_owned());
        Ok(Self { agent, url, is_local, token, backoff, calls: AtomicU64::new(0) })
    }

    /// The server's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the token is the server's own, which may do everything.
    pub fn is_root(&self) -> bool {
        !self.token.starts_with(crate::site::record::TOKEN_PREFIX)
    }

    /// How many requests were sent, those included that were made again.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What a GET answers, read as JSON; `None` for 404.
    ///
    /// # Errors
    /// [`Failure`] for every other answer that is no success, and for none.
    pub fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        match self.call("GET", path, Payload::Nothing) {
            Ok(answer) => json(path, &answer.body).map(Some),
            Err(failure) if &*failure.code == "not-found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What a GET answers, read as JSON.
    ///
    /// # Errors
    /// [`Failure`] for every answer that is no success, and for none.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        json(path, &self.call("GET", path, Payload::Nothing)?.body)
    }

    /// What a call with a JSON body answers, read as JSON.
    ///
    /// # Errors
    /// [`Failure`] for every answer that is no success, and for none.
    pub fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        json(path, &self.call(method, path, Payload::Json(&body))?.body)
    }

    /// As [`Client::send`], for a call that counts each time that it is made: it is made once.
    ///
    /// # Errors
    /// [`Failure`] for every answer that is no success, and for none; the call may have counted.
    pub fn send_once<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        let answer = self.attempt(method, path, &[], Payload::Json(&body));
        json(path, &answer.map_err(|trouble| trouble.into_failure(1))?.body)
    }

    /// What a call answers, made again as often as it may help.
    ///
    /// # Errors
    /// [`Failure`] for every answer that is no success, and for none.
    pub fn call(&self, method: &str, path: &str, payload: Payload<'_>) -> Result<Answer, Failure> {
        self.call_with(method, path, &[], payload)
    }

    /// As [`Client::call`], with header fields; a `content-type` takes the place of the usual one.
    ///
    /// # Errors
    /// [`Failure`] as of [`Client::call`].
    pub fn call_with(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
    ) -> Result<Answer, Failure> {
        self.persist(|| self.attempt(method, path, fields, payload))
    }

    /// How many bytes of a path's content went to a place that is opened anew for each attempt.
    ///
    /// # Errors
    /// [`Failure`] as of [`Client::call`], and of opening the place or writing to it.
    pub fn download(
        &self,
        path: &str,
        length: u64,
        mut open: impl FnMut() -> Result<Box<dyn Write>, Failure>,
    ) -> Result<u64, Failure> {
        self.persist(|| {
            let seconds = CALL_SECS_MAX + length / BYTES_PER_SEC_MIN;
            let mut response = self.open("GET", path, &[], Payload::Nothing, seconds)?;
            let announced = length_of(&response);
            let mut place = open().map_err(Trouble::of_place)?;
            let mut reader = response.body_mut().as_reader();
            let mut piece = vec![0; PIECE_BYTES];
            let mut copied = 0;
            loop {
                let read = reader.read(&mut piece).map_err(|error| self.cut_off(error))?;
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
    fn persist<T>(&self, mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Failure> {
        let mut failures = 0;
        loop {
            let trouble = match attempt() {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            failures += 1;
            let attempts_max = match trouble.kind {
                Kind::Final => 1,
                Kind::Passing => self.backoff.attempts_max,
                Kind::StoreRefuses => self.backoff.attempts_max.min(STORE_ATTEMPTS_MAX),
                // Nobody listens: most often there is no server, and waiting won't start one. It
                // is another matter once there was an answer.
                Kind::NobodyListens if self.calls() <= u64::from(failures) => 2,
                Kind::NobodyListens => self.backoff.attempts_max,
            };
            if failures >= attempts_max {
                return Err(trouble.into_failure(failures));
            }
            let random = clock::unix_nanos() as u64 / 1_000;
            let millis = self.backoff.pause_millis(failures, trouble.retry_after_secs, random);
            std::thread::sleep(Duration::from_millis(millis));
        }
    }

    fn attempt(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
    ) -> Result<Answer, Trouble> {
        let seconds = CALL_SECS_MAX + payload.length() / BYTES_PER_SEC_MIN;
        let mut response = self.open(method, path, fields, payload, seconds)?;
        let (status, length) = (response.status().as_u16(), length_of(&response));
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| self.trouble(error))?;
        Ok(Answer { status, length: length.unwrap_or(body.len() as u64), body })
    }

    /// A response whose body was not read yet; it is a success.
    fn open(
        &self,
        method: &str,
        path: &str,
        fields: CallFields<'_>,
        payload: Payload<'_>,
        seconds: u64,
    ) -> Result<Response<Body>, Trouble> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET))
            .uri(format!("{}/.selvedge/v1{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
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
        let trouble = |error: ureq::Error| self.trouble(error);
        let response = match payload {
            Payload::Nothing => self.run(request.body(SendBody::none()), seconds),
            Payload::Json(text) => self.run(request.body(text), seconds),
            Payload::Bytes(bytes) => self.run(request.body(bytes), seconds),
            Payload::File(file, _) => {
                let file = File::open(file).map_err(|cause| Trouble::of_file(file, &cause))?;
                self.run(request.body(file), seconds)
            }
            Payload::Part { file, first, length, step } => {
                let opened = File::open(file)
                    .and_then(|mut file| file.seek(SeekFrom::Start(first)).map(|_| file));
                let opened = opened.map_err(|cause| Trouble::of_file(file, &cause))?;
                step.go_to(first);
                let mut shown = Shown { file: opened.take(length), step };
                self.run(request.body(SendBody::from_reader(&mut shown)), seconds)
            }
        };
        let mut response = response.map_err(trouble)?;
        let status = response.status().as_u16();
        let retry_after_secs = header(&response, "retry-after").and_then(|text| text.parse().ok());
        let location = header(&response, "location");
        match status {
            200..=299 => Ok(response),
            300..=399 => Err(self.elsewhere(location)),
            _ => {
                let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
                Err(Trouble::of_answer(status, &body.map_err(trouble)?, retry_after_secs))
            }
        }
    }

    fn cut_off(&self, cause: io::Error) -> Trouble {
        self.trouble(ureq::Error::Io(cause))
    }

    fn run<S: ureq::AsSendBody>(
        &self,
        request: Result<Request<S>, ureq::http::Error>,
        seconds: u64,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self
            .agent
            .configure_request(request?)
            .timeout_global(Some(Duration::from_secs(seconds)))
            .build();
        self.agent.run(request)
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let io_kind = match &error {
            ureq::Error::Io(cause) => Some(cause.kind()),
            _ => None,
        };
        let refused = io_kind == Some(io::ErrorKind::ConnectionRefused)
            || matches!(error, ureq::Error::HostNotFound | ureq::Error::ConnectionFailed);
        let is_final = matches!(
            error,
            ureq::Error::BadUri(_)
                | ureq::Error::Http(_)
                | ureq::Error::Tls(_)
                | ureq::Error::Rustls(_)
                | ureq::Error::InvalidProxyUrl
                | ureq::Error::BodyExceedsLimit(_)
        );
        let kind = match (is_final, refused) {
            (true, _) => Kind::Final,
            (false, true) => Kind::NobodyListens,
            (false, false) => Kind::Passing,
        };
        let hint = if self.is_local {
            "is `make dev` running, and on this port?"
        } else {
            "check --url, the network, and whether the server is up"
        };
        let message = format!("no answer from {}", self.url);
        let mut failure = Failure::failed("unreachable", message, hint);
        failure.why = Some(error.to_string().into());
        Trouble { kind, retry_after_secs: None, failure: failure.into() }
    }

    fn elsewhere(&self, location: Option<String>) -> Trouble {
        let location = location.unwrap_or_else(|| "another address".into());
        let hint = format!("use that server's root as --url: {location}");
        let failure =
            Failure::refused("moved", format!("{} sends its callers elsewhere", self.url), hint);
        Trouble { kind: Kind::Final, retry_after_secs: None, failure: failure.into() }
    }
}

/// A part of a file that says how far it was read.
struct Shown<'a> {
    file: io::Take<File>,
    step: &'a Step,
}

impl Read for Shown<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.step.advance(read as u64);
        Ok(read)
    }
}

/// What some bytes are as JSON.
///
/// # Errors
/// [`Failure`] when they are something else: most often another server's answer.
pub fn json<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let hint = "is this the URL of a Selvedge server of this version? check --url";
        let message = format!("the answer to {path} is not what it should be");
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

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let accepts = |url: &str| Client::new(url, "t", Backoff::default()).is_ok();
        for url in ["http://localhost:8787", "https://example.com/", "http://[::1]:80"] {
            assert!(accepts(url), "{url}");
        }
        for url in ["", "localhost:8787", "ftp://a", "https://a/b", "https://a?x", "nonsense"] {
            assert!(!accepts(url), "{url}");
        }
        assert!(Client::new("http://a", "a b", Backoff::default()).is_err());
        assert!(Client::new("http://a", "", Backoff::default()).is_err());
    }

    #[test]
    fn loopback() {
        for host in ["localhost", "www.localhost", "127.0.0.1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
