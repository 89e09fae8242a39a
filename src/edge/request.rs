//! The request, read through `web_sys`.

use js_sys::Reflect;
use worker::worker_sys::ext::RequestExt;

use crate::serve::request::{RequestHeader, RequestHeaders};

/// Reads the headers that serving asks for.
pub struct LazyHeaders {
    request: web_sys::Request,
    headers: web_sys::Headers,
}

impl LazyHeaders {
    /// Returns the headers of `request`.
    pub fn of(request: web_sys::Request) -> Self {
        let headers = request.headers();
        Self { request, headers }
    }

    /// Returns the `Accept-Encoding` that the client sent.
    ///
    /// Cloudflare rewrites it to `gzip, br` and keeps the original in `cf`. The runtime parses
    /// `cf` when it is first touched, so it is read only where it can make a difference.
    /// `worker::Cf` has no `clientAcceptEncoding`, hence `Reflect`.
    fn sent_encoding(&self, accepted: String) -> String {
        if !matches!(accepted.as_str(), "br, gzip" | "gzip, br") {
            return accepted;
        }
        let sent = RequestExt::cf(&self.request)
            .and_then(|cf| Reflect::get(&cf, &"clientAcceptEncoding".into()).ok())
            .and_then(|sent| sent.as_string());
        sent.unwrap_or(accepted)
    }
}

impl RequestHeaders for LazyHeaders {
    fn value(&self, header: RequestHeader) -> Option<String> {
        let value = self.headers.get(header.name()).ok().flatten()?;
        let value = match header {
            RequestHeader::AcceptEncoding => self.sent_encoding(value),
            _ => value,
        };
        // For every header read here, empty means the same as absent.
        (!value.is_empty()).then_some(value)
    }
}
