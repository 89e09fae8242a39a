//! The errors that the server answers by itself, as constants: no byte of a request gets into one.
//!
//! All are `no-store`, so the choice between text and a document needs no `Vary`.

use crate::cache::tiers::Unavailable;
use crate::ports::Fault;
use crate::wire::headers::Headers;
use crate::wire::path::PathError;
use crate::wire::url::UrlError;

/// Seconds after which a client may try again after a failure of the store or of an upstream.
const RETRY_AFTER_SECS: &str = "5";

/// An error that needs nothing of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpError {
    BadRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    PreconditionFailed,
    TooLong,
    RangeNotSatisfiable,
    Misdirected,
    TooManyRequests,
    BadGateway,
    Unavailable,
    GatewayTimeout,
    LoopDetected,
}

impl HttpError {
    pub fn status(self) -> u16 {
        self.status_and_text().0
    }

    /// Returns the body for clients that do not show a page.
    pub fn text(self) -> &'static str {
        self.status_and_text().1
    }

    fn status_and_text(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "400 Bad Request\n"),
            Self::Unauthorized => (401, "401 Unauthorized\n"),
            Self::NotFound => (404, "404 Not Found\n"),
            Self::MethodNotAllowed => (405, "405 Method Not Allowed\n"),
            Self::PreconditionFailed => (412, "412 Precondition Failed\n"),
            Self::TooLong => (414, "414 URI Too Long\n"),
            Self::RangeNotSatisfiable => (416, "416 Range Not Satisfiable\n"),
            Self::Misdirected => (421, "421 Misdirected Request\nNo site has this hostname.\n"),
            Self::TooManyRequests => (429, "429 Too Many Requests\n"),
            Self::BadGateway => (502, "502 Bad Gateway\n"),
            Self::Unavailable => (503, "503 Service Unavailable\n"),
            Self::GatewayTimeout => (504, "504 Gateway Timeout\n"),
            Self::LoopDetected => (508, "508 Loop Detected\n"),
        }
    }

    /// Returns the headers of the text, and those that the status requires.
    pub fn headers(self) -> Headers {
        let mut headers = Headers::with_capacity(12);
        headers.set("content-type", "text/plain; charset=utf-8");
        headers.set("content-length", self.text().len().to_string());
        match self {
            Self::MethodNotAllowed => headers.set("allow", "GET, HEAD, OPTIONS"),
            Self::Unauthorized => headers.set("www-authenticate", "Bearer"),
            Self::BadGateway | Self::Unavailable | Self::GatewayTimeout => {
                headers.set("retry-after", RETRY_AFTER_SECS);
            }
            _ => {}
        }
        headers
    }
}

impl From<UrlError> for HttpError {
    fn from(error: UrlError) -> Self {
        match error {
            UrlError::TooLong => Self::TooLong,
            _ => Self::BadRequest,
        }
    }
}

/// A path that can't be decoded names nothing.
impl From<PathError> for HttpError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::TooLong => Self::TooLong,
            _ => Self::NotFound,
        }
    }
}

impl From<Fault> for HttpError {
    fn from(_: Fault) -> Self {
        Self::Unavailable
    }
}

impl From<Unavailable> for HttpError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}
