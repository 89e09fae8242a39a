//! The isolate that a request runs in, and the rarely read parts of the client's request.

use std::future::Future;

use crate::ports::fault::Result;
use crate::ports::settings::Settings;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// Why a request's body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// Longer than this many bytes.
    TooLarge(u64),
    /// Cut off, or too slow.
    Broken,
}

/// The requests that one of the runtime's rate limiters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// Requests to fresh hosts.
    Fresh,
    /// Renditions to be made for requests without a signature.
    Media,
}

pub trait Clock {
    fn now(&self) -> UnixMillis;

    async fn sleep(&self, ms: u64);
}

pub trait Isolate {
    fn settings(&self) -> &Settings;

    /// Continues with a task behind the response.
    fn behind(&self, task: impl Future<Output = ()> + 'static);

    /// Returns random bytes, fit for secrets.
    fn random(&self) -> Option<[u8; 39]>;

    /// Asks a rate limiter of the runtime whether another request of this key passes.
    async fn limit(&self, limit: RateLimit, key: &str) -> Result<bool>;

    /// Returns all headers of the request.
    fn request_headers(&self) -> Headers;

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault>;
}
