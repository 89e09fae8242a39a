//! Incomplete responses of which only the beginning is stored (RFC 9111 sections 3.3 and 3.4).

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::freshness::admit::admit;
use crate::cache::freshness::update::merge_304;
use crate::cache::memory::HELD_BYTES_MAX;
use crate::ports::bodies::ResponseBody;
use crate::ports::{EdgeContent, Ports, UpstreamResponse};
use crate::serve::actions::{CachedAction, fetch, lost};
use crate::serve::cached;
use crate::serve::draft::Draft;
use crate::serve::request::Request;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::range;
use crate::wire::time::UnixMillis;

impl<P: Ports> CachedAction<P> {
    /// Fetches the rest of an incomplete response.
    pub(super) async fn complete(
        &self,
        request: &Request<'_>,
        entry: Entry,
        body: P::Body,
    ) -> Draft<P> {
        if request.method == Method::GET && !self.client.contains("range") {
            let asked_ms = self.now();
            let mut upstream_request = self.upstream_request.clone();
            upstream_request.headers.set("range", format!("bytes={}-", entry.length));
            if is_strong(entry.etag()) {
                upstream_request.headers.set("if-range", entry.etag().to_owned());
            }
            let response = match fetch(self.ports(), &upstream_request).await {
                Ok(response) => response,
                Err(fault) => return lost(fault),
            };
            if response.status != 206 {
                return self.fetched(request, response, asked_ms, Forward::UriMiss, None).await;
            }
            if let Some((entry, held)) = self.combined(entry, body, response, asked_ms).await {
                let content = EdgeContent::Held(held.clone());
                let status = CacheStatus {
                    stored: self.entries.keep(entry.clone(), content).await,
                    detail: Some("completed"),
                    ..CacheStatus::forward(Forward::UriMiss)
                };
                let body = ResponseBody::Held(held, None);
                return cached::respond(self.ports(), request, entry, body, status);
            }
            self.entries.invalidate(asked_ms).await;
        }
        self.revalidate(request, None, Forward::UriMiss, None).await
    }

    /// Combines both parts, if they have the same strong validator and make up the whole.
    async fn combined(
        &self,
        entry: Entry,
        body: P::Body,
        rest: UpstreamResponse<P::Body>,
        asked_ms: UnixMillis,
    ) -> Option<(Entry, P::Held)> {
        let complete = entry.complete.filter(|complete| *complete <= HELD_BYTES_MAX)?;
        let same = is_strong(entry.etag()) && rest.headers.value("etag") == Some(entry.etag());
        let expected = range::content_range(entry.length, complete.saturating_sub(1), complete);
        if !same || rest.headers.value("content-range") != Some(expected.as_str()) {
            return None;
        }
        let ports = self.ports();
        let head = ports.hold_body(body, entry.length).await.ok()?;
        let tail = ports.hold_body(rest.body?, complete).await.ok()?;
        let whole = [ports.held_bytes(head), ports.held_bytes(tail)].concat();
        if whole.len() as u64 != complete {
            return None;
        }
        let mut headers = merge_304(&entry.headers, &rest.headers);
        headers.remove("content-range");
        headers.remove("age");
        headers.set("content-length", complete.to_string());
        let timing = admit(&self.policy, &self.exchange(200, &headers, asked_ms)).ok()?;
        let entry = Entry { status: 200, headers, timing, length: complete, complete: None };
        Some((entry, ports.held_of(&whole)))
    }
}

/// Returns whether a 206 is worth storing: its rest can be fetched, combined with it and held.
pub(super) fn is_completable(status: u16, headers: &Headers) -> bool {
    let has_strong_validator = headers.value("etag").is_some_and(is_strong);
    has_strong_validator
        && complete_length(status, headers).is_some_and(|complete| complete <= HELD_BYTES_MAX)
}

/// Returns whether an entity tag is a strong validator (RFC 9110 section 8.8.1).
fn is_strong(etag: &str) -> bool {
    !etag.is_empty() && !etag.starts_with("W/")
}

/// Returns the complete length of the representation that a 206 is the beginning of (RFC 9110
/// section 14.4).
pub(super) fn complete_length(status: u16, headers: &Headers) -> Option<u64> {
    let span =
        headers.value("content-range").filter(|_| status == 206)?.strip_prefix("bytes 0-")?;
    let (last, complete) = span.split_once('/')?;
    let (last, complete) = (last.parse::<u64>().ok()?, complete.parse::<u64>().ok()?);
    let length = headers.value("content-length")?.parse::<u64>().ok()?;
    (last.checked_add(1) == Some(length) && length < complete).then_some(complete)
}
