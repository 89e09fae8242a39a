//! Requests to upstreams.

use crate::ports::bodies::Bodies;
use crate::ports::fault::Result;
use crate::site::action::Upstream;
use crate::wire::headers::Headers;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    pub upstream: Upstream,
    /// The absolute URL.
    pub url: String,
    /// The method, as the client wrote it.
    pub method: String,
    pub headers: Headers,
    /// Whether to send the body of the client's request.
    pub with_body: bool,
    /// Deadline for the response to begin.
    pub timeout_ms: u64,
    /// Longest pause of the response's body.
    pub idle_ms: u64,
}

#[derive(Debug)]
pub struct UpstreamResponse<B> {
    pub status: u16,
    pub headers: Headers,
    /// The body in the content coding that the upstream sent.
    pub body: Option<B>,
}

pub trait Fetch: Bodies {
    /// Sends a request to an upstream. Redirects are not followed.
    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<Self::Body>>;
}
