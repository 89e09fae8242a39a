//! The request, read through `web_sys`.

use js_sys::Reflect;
use worker::worker_sys::ext::RequestExt;

use crate::serve::request::{Field, Headers};

/// Reads the header fields that serving asks for.
pub struct RequestHeaders {
    request: web_sys::Request,
    headers: web_sys::Headers,
}

impl RequestHeaders {
    /// Returns the header fields of `request`.
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

impl Headers for RequestHeaders {
    fn field(&self, field: Field) -> Option<String> {
        let value = self.headers.get(field.name()).ok().flatten()?;
        let value = match field {
            Field::AcceptEncoding => self.sent_encoding(value),
            _ => value,
        };
        // For every field read here, empty means the same as absent.
        (!value.is_empty()).then_some(value)
    }
}
