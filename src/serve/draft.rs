//! A response before the header stage.

use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::serve::error::HttpError;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;

/// A response before [`finish`](crate::serve::response::finish).
///
/// A status is a plain number everywhere: it is matched against ranges and written as text, and
/// `http::StatusCode` would wrap each of those.
pub struct Draft<P: Ports> {
    pub status: u16,
    pub headers: Headers,
    pub body: ResponseBody<P>,
    /// The error that this is, if it is one of the server's own.
    pub error: Option<HttpError>,
    /// Ignored for assets, whose header stage knows the tiers that were needed.
    pub cache_status: CacheStatus,
}

impl<P: Ports> Draft<P> {
    /// Returns a response that bypassed the caches.
    pub fn new(status: u16, headers: Headers, body: ResponseBody<P>) -> Self {
        let cache_status = CacheStatus::forward(Forward::Bypass);
        Self { status, headers, body, error: None, cache_status }
    }

    pub fn error(error: HttpError) -> Self {
        Self::error_with(error, error.headers())
    }

    /// Returns the response for an error whose headers say more than [`HttpError::headers`].
    pub fn error_with(error: HttpError, mut headers: Headers) -> Self {
        headers.set("cache-control", "no-store");
        let body = ResponseBody::Text(error.text());
        Self { error: Some(error), ..Self::new(error.status(), headers, body) }
    }

    /// Returns the response to OPTIONS for a resource that can only be read.
    pub fn options() -> Self {
        let mut headers = Headers::with_capacity(12);
        // A 204 has no `Content-Length` (RFC 9110 section 8.6).
        headers.set("allow", "GET, HEAD, OPTIONS");
        headers.set("cache-control", "no-store");
        Self::new(204, headers, ResponseBody::Empty)
    }

    pub fn redirect(status: u16, location: String) -> Self {
        let mut headers = Headers::with_capacity(12);
        headers.set("location", location);
        headers.set("content-length", "0");
        Self::new(status, headers, ResponseBody::Empty)
    }

    pub fn detail(mut self, detail: &'static str) -> Self {
        self.cache_status.detail = Some(detail);
        self
    }
}
