//! The parts of the client's request that only few requests are read for.

use std::future::Future;

use crate::wire::headers::Headers;

/// Why a request's body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// Longer than this many bytes.
    TooLarge(u64),
    /// Cut off, or too slow.
    Broken,
}

pub trait Client {
    /// Returns all headers of the request.
    fn request_headers(&self) -> Headers;

    /// Reads the request's body.
    fn request_body(&self, bytes_max: usize) -> impl Future<Output = Result<Vec<u8>, BodyFault>>;
}
