//! Stores responses of an upstream, updates them after a 304, and refreshes them in the background.

use crate::cache::entry::Entry;
use crate::cache::flight::Flight;
use crate::cache::freshness::Timing;
use crate::cache::freshness::admit::{Exchange, Extent, NotStored, admit, has_validator};
use crate::cache::freshness::update::merge_304;
use crate::cache::memory::HELD_BYTES_MAX;
use crate::cache::variants::split;
use crate::ports::bodies::ResponseBody;
use crate::ports::{EdgeContent, Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::actions::partial::{complete_length, is_completable};
use crate::serve::actions::{CachedAction, fetch, relayed};
use crate::serve::cached;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::request::Request;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// Largest body of unknown length that is stored, after the response.
const UNKNOWN_BYTES_MAX: u64 = 1024 * 1024;
/// Largest body that is stored: the runtime's cache takes no larger one.
const STORED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long requests for a URL are not coalesced after its response could not be stored.
const PASS_MS: u64 = 10_000;

impl<P: Ports> CachedAction<P> {
    /// Stores a response if allowed, and passes it on.
    pub(super) async fn fetched(
        &self,
        request: &Request<'_>,
        response: UpstreamResponse<P::Body>,
        asked_ms: UnixMillis,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Draft<P> {
        // An incomplete response does not replace a stale one, which may yet bridge a failure.
        let is_part =
            is_completable(response.status, &response.headers) && reason != Forward::Stale;
        let exchange = Exchange {
            method: &request.method,
            extent: if is_part { Extent::Part } else { Extent::Whole },
            ..self.exchange(response.status, &response.headers, asked_ms)
        };
        match admit(&self.policy, &exchange) {
            Ok(timing) => self.store(request, response, timing, reason, flight).await,
            Err(refusal) => {
                if flight.is_some() && !refusal.is_of_request() {
                    let until = self.now().plus(PASS_MS);
                    self.entries.tiers.memory.flights.note_pass(&self.entries.key, until);
                }
                if reason == Forward::Stale && self.is_for_all(refusal, response.status) {
                    self.entries.invalidate(asked_ms).await;
                }
                let detail = Some(refusal.as_str());
                relayed(response, CacheStatus { detail, ..CacheStatus::forward(reason) })
            }
        }
    }

    /// Stores a response and passes it on.
    pub(super) async fn store(
        &self,
        request: &Request<'_>,
        response: UpstreamResponse<P::Body>,
        timing: Timing,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Draft<P> {
        let mut status = CacheStatus::forward(reason);
        let age = response.headers.value("age").map(str::to_owned);
        let (mut entry, length) = entry_of(response.status, response.headers, timing);
        // A longer beginning could not be held to be combined with the rest.
        let bytes_max = if entry.complete.is_some() { HELD_BYTES_MAX } else { STORED_BYTES_MAX };
        let ports = self.ports();
        let body = match (response.body, length) {
            (None, _) => {
                let empty = EdgeContent::Bytes(Vec::new());
                status.stored = self.entries.keep(entry.clone(), empty).await;
                ResponseBody::Empty
            }
            (Some(body), Some(length)) if length <= bytes_max => {
                entry.length = length;
                let Ok((body, content)) = split(ports, body, length).await else {
                    return Draft::error(HttpError::BadGateway).detail("cut-off");
                };
                status.stored = self.entries.keep_shared(entry.clone(), content, flight).await;
                body
            }
            (Some(body), Some(_)) => ResponseBody::Stream(body),
            (Some(body), None) => {
                let Ok((body, copy)) = ports.share(body) else {
                    return Draft::error(HttpError::BadGateway).detail("cut-off");
                };
                self.keep_unknown_behind(entry.clone(), copy, flight);
                ResponseBody::Stream(body)
            }
        };
        let mut draft = cached::respond(ports, request, entry, body, status);
        // This client gets the Age that the upstream sent.
        match age {
            Some(age) => draft.headers.set("age", age),
            None => draft.headers.remove("age"),
        }
        draft
    }

    /// Keeps an updated entry with the body that it had.
    pub(super) async fn keep_again(
        &self,
        entry: Entry,
        body: P::Body,
    ) -> Result<ResponseBody<P>, Fault> {
        let (body, content) = split(self.ports(), body, entry.length).await?;
        self.entries.keep_shared(entry, content, None).await;
        Ok(body)
    }

    /// Invalidates an entry that may not be stored any more, unless only this client's request
    /// forbids it.
    pub(super) async fn invalidate_for_all(&self, asked_ms: UnixMillis) {
        if !self.has_authorization && !self.directives.no_store {
            self.entries.invalidate(asked_ms).await;
        }
    }

    fn keep_unknown_behind(&self, mut entry: Entry, copy: P::Body, flight: Option<Flight>) {
        let entries = self.entries.clone();
        self.ports().behind(async move {
            let ports = &entries.tiers.ports;
            if let Ok(held) = ports.hold_body(copy, UNKNOWN_BYTES_MAX).await {
                entry.length = ports.held_length(&held);
                entries.keep(entry, EdgeContent::Held(held)).await;
            }
            drop(flight);
        });
    }

    pub(super) fn refresh_behind(&self) {
        self.entries.refresh_behind(|| {
            let action = self.clone();
            async move { action.refresh().await }
        });
    }

    async fn refresh(&self) {
        let Some((entry, body)) = self.entries.claim_refresh().await else { return };
        let asked_ms = self.now();
        let upstream_request = match has_validator(entry.status, &entry.headers) {
            true => self.conditional(&entry),
            false => self.upstream_request.clone(),
        };
        // After a failure, the stale entry stays as it is, to the end of its window.
        let Ok(response) = fetch(self.ports(), &upstream_request).await else { return };
        if response.status == 304 {
            match self.updated(entry, &response.headers, asked_ms) {
                // If the body is gone, the next request fetches it.
                (entry, true) => drop(self.keep_again(entry, body).await),
                (_, false) => self.invalidate_for_all(asked_ms).await,
            }
            return;
        }
        if response.status >= 500 {
            return;
        }
        let exchange = self.exchange(response.status, &response.headers, asked_ms);
        match admit(&self.policy, &exchange) {
            Ok(timing) => self.store_only(response, timing).await,
            Err(refusal) if self.is_for_all(refusal, response.status) => {
                self.entries.invalidate(asked_ms).await;
            }
            Err(_) => {}
        }
    }

    /// Returns whether a response that may not be stored makes the entry useless for all clients,
    /// as opposed to this one.
    fn is_for_all(&self, refusal: NotStored, status: u16) -> bool {
        match status {
            200..=399 => {
                !refusal.is_of_request() && !self.upstream_request.headers.contains("cookie")
            }
            400 | 405 | 406 | 408 | 411 | 413..=415 | 422 | 429 | 431 => false,
            400..=499 => !refusal.is_of_request(),
            _ => false,
        }
    }

    async fn store_only(&self, response: UpstreamResponse<P::Body>, timing: Timing) {
        let (mut entry, length) = entry_of(response.status, response.headers, timing);
        let content = match (response.body, length) {
            (None, _) => EdgeContent::Bytes(Vec::new()),
            (Some(body), Some(length)) if length <= STORED_BYTES_MAX => {
                entry.length = length;
                EdgeContent::Stream(body, length)
            }
            (Some(body), _) => {
                let held = self.ports().hold_body(body, UNKNOWN_BYTES_MAX).await;
                let Ok(held) = held else { return };
                entry.length = self.ports().held_length(&held);
                EdgeContent::Held(held)
            }
        };
        self.entries.keep(entry, content).await;
    }

    /// Returns the request that validates an entry.
    pub(super) fn conditional(&self, entry: &Entry) -> UpstreamRequest {
        let mut request = self.upstream_request.clone();
        let conditions = [("if-none-match", "etag"), ("if-modified-since", "last-modified")];
        for (condition, validator) in conditions {
            if let Some(value) = entry.headers.value(validator) {
                request.headers.set(condition, value.to_owned());
            }
        }
        request
    }

    /// Returns an entry after a 304, and whether it may still be stored.
    pub(super) fn updated(
        &self,
        entry: Entry,
        sent: &Headers,
        asked_ms: UnixMillis,
    ) -> (Entry, bool) {
        let mut headers = merge_304(&entry.headers, sent);
        let exchange = self.exchange(entry.status, &headers, asked_ms);
        let admitted = admit(&self.policy, &exchange);
        let received_ms = exchange.received_ms;
        set_date(&mut headers, received_ms);
        let timing = admitted.unwrap_or(Timing { received_ms, initial_age_ms: 0, ..entry.timing });
        (Entry { headers, timing, ..entry }, admitted.is_ok())
    }
}

/// Returns the entry for a response without its body, and the length of that, if known.
fn entry_of(status: u16, mut headers: Headers, timing: Timing) -> (Entry, Option<u64>) {
    set_date(&mut headers, timing.received_ms);
    let length = headers.value("content-length").and_then(|text| text.parse().ok());
    let complete = complete_length(status, &headers);
    (Entry { status, headers, timing, length: 0, complete }, length)
}

/// Removes `Age`, which is computed anew for each use, and adds `Date` if it is missing (RFC 9110
/// section 6.6.1).
fn set_date(headers: &mut Headers, received_ms: UnixMillis) {
    headers.remove("age");
    if !headers.contains("date") {
        headers.set("date", date::format_imf(received_ms.seconds()));
    }
}
