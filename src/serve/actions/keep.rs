//! What becomes of a response of an upstream: kept where it may be, freshened, refreshed.

use crate::cache::entry::Entry;
use crate::cache::flight::Flight;
use crate::cache::freshness::Timing;
use crate::cache::freshness::admit::{Exchange, Extent, NotStored, admit, has_validator};
use crate::cache::freshness::update::merge_304;
use crate::cache::memory::HELD_BYTES_MAX;
use crate::cache::variants;
use crate::ports::{EdgeContent, Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::actions::{Plan, fetch};
use crate::serve::outcome::{Outcome, present};
use crate::serve::request::Request;
use crate::serve::response::ReplyBody;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// Largest body of unknown length that is stored, after the response.
const UNKNOWN_BYTES_MAX: u64 = 1024 * 1024;
/// Largest body that is stored at all: the cache takes no more in one piece.
const STORED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long a URL whose response could not be stored is asked for by all at once.
const PASS_MS: u64 = 10_000;

impl<P: Ports> Plan<P> {
    /// A response that just came: kept where it may be, and passed on.
    pub(super) async fn answered(
        &self,
        request: &Request<'_>,
        response: UpstreamResponse<P::Body>,
        asked_ms: UnixMillis,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        // The beginning of something takes no stale copy's place: that may yet bridge a failure.
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
                    self.tiers.memory.flights.note_pass(&self.key, self.now().plus(PASS_MS));
                }
                if reason == Forward::Stale && self.tells_of_all(refusal, response.status) {
                    // What was stored is not what there is any more.
                    variants::give_up(&self.tiers, &self.key, asked_ms).await;
                }
                let detail = Some(refusal.as_str());
                Outcome::relayed(response, CacheStatus { detail, ..CacheStatus::forward(reason) })
            }
        }
    }

    /// A response that may be stored: kept, and passed on.
    pub(super) async fn store(
        &self,
        request: &Request<'_>,
        response: UpstreamResponse<P::Body>,
        timing: Timing,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        let mut status = CacheStatus::forward(reason);
        let age = response.headers.value("age").map(str::to_owned);
        let (mut stored, length) = described(response.status, response.headers, timing);
        // Of a beginning that is longer, nobody holds the whole.
        let bytes_max = if stored.complete.is_some() { HELD_BYTES_MAX } else { STORED_BYTES_MAX };
        let ports = &self.tiers.ports;
        let body = match (response.body, length) {
            (None, _) => {
                status.stored = self.keep(stored.clone(), EdgeContent::Bytes(Vec::new())).await;
                ReplyBody::Empty
            }
            (Some(body), Some(length)) if length <= bytes_max => {
                stored.length = length;
                let Ok((body, content)) = variants::split(ports, body, length).await else {
                    return Outcome::gateway_error(502, "cut-off");
                };
                status.stored = self.keep_copy(stored.clone(), content, flight).await;
                body
            }
            (Some(body), Some(_)) => ReplyBody::Stream(body),
            (Some(body), None) => {
                let Ok((body, copy)) = ports.share(body) else {
                    return Outcome::gateway_error(502, "cut-off");
                };
                self.keep_unknown_behind(stored.clone(), copy, flight);
                ReplyBody::Stream(body)
            }
        };
        let mut outcome = present(ports, request, stored, body, status);
        // It is passed on as it came, whatever was stored of it.
        match age {
            Some(age) => outcome.headers.set("age", age),
            None => outcome.headers.remove("age"),
        }
        outcome
    }

    /// Keeps a response whose body came from the edge tier; the body comes back.
    pub(super) async fn keep_again(
        &self,
        stored: Entry,
        body: P::Body,
    ) -> Result<ReplyBody<P>, Fault> {
        let (body, content) = variants::split(&self.tiers.ports, body, stored.length).await?;
        self.keep_copy(stored, content, None).await;
        Ok(body)
    }

    /// Gives up what may not be stored any more, unless that is for this client's request alone:
    /// then it takes nothing from the others.
    pub(super) async fn give_up(&self, asked_ms: UnixMillis) {
        if !self.has_authorization && !self.directives.no_store {
            variants::give_up(&self.tiers, &self.key, asked_ms).await;
        }
    }

    /// Keeps a copy: a stream behind the response, which has the other half of it, all else before.
    /// Returns whether it is kept; of a stream nobody knows before its end.
    async fn keep_copy(
        &self,
        stored: Entry,
        content: EdgeContent<P>,
        flight: Option<Flight>,
    ) -> bool {
        if !matches!(content, EdgeContent::Stream(..)) {
            return self.keep(stored, content).await;
        }
        let upstream_request = &self.upstream_request.headers;
        variants::keep_behind(&self.tiers, &self.key, stored, content, upstream_request, flight);
        false
    }

    fn keep_unknown_behind(&self, mut stored: Entry, copy: P::Body, flight: Option<Flight>) {
        let plan = self.clone();
        self.tiers.ports.behind(async move {
            if let Ok(held) = plan.tiers.ports.hold_body(copy, UNKNOWN_BYTES_MAX).await {
                stored.length = plan.tiers.ports.held_length(&held);
                plan.keep(stored, EdgeContent::Held(held)).await;
            }
            drop(flight);
        });
    }

    pub(super) fn refresh_behind(&self) {
        variants::refresh_behind(&self.tiers, &self.key, || {
            let plan = self.clone();
            async move { plan.refresh().await }
        });
    }

    /// Brings a stale response up to date, behind the one that was served of it.
    async fn refresh(&self) {
        let claimed =
            variants::claim_refresh(&self.tiers, &self.key, &self.upstream_request.headers).await;
        let Some((stored, body)) = claimed else { return };
        let asked_ms = self.now();
        let upstream_request = match has_validator(stored.status, &stored.headers) {
            true => self.conditional(&stored),
            false => self.upstream_request.clone(),
        };
        // What fails leaves the stale response as it is, to the end of its window.
        let Ok(response) = fetch(&self.tiers.ports, &upstream_request).await else { return };
        if response.status == 304 {
            match self.freshened(stored, &response.headers, asked_ms) {
                // A copy that is gone meanwhile is asked for again by the next request.
                (stored, true) => drop(self.keep_again(stored, body).await),
                (_, false) => self.give_up(asked_ms).await,
            }
            return;
        }
        if response.status >= 500 {
            return;
        }
        let exchange = self.exchange(response.status, &response.headers, asked_ms);
        match admit(&self.policy, &exchange) {
            Ok(timing) => self.store_only(response, timing).await,
            Err(refusal) if self.tells_of_all(refusal, response.status) => {
                variants::give_up(&self.tiers, &self.key, asked_ms).await;
            }
            Err(_) => {}
        }
    }

    /// Whether a response that may not be stored says that what is stored is of no use any more,
    /// and not only that this client can't have it.
    fn tells_of_all(&self, refusal: NotStored, status: u16) -> bool {
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
        let (mut stored, length) = described(response.status, response.headers, timing);
        let content = match (response.body, length) {
            (None, _) => EdgeContent::Bytes(Vec::new()),
            (Some(body), Some(length)) if length <= STORED_BYTES_MAX => {
                stored.length = length;
                EdgeContent::Stream(body, length)
            }
            (Some(body), _) => {
                let held = self.tiers.ports.hold_body(body, UNKNOWN_BYTES_MAX).await;
                let Ok(held) = held else { return };
                stored.length = self.tiers.ports.held_length(&held);
                EdgeContent::Held(held)
            }
        };
        self.keep(stored, content).await;
    }

    pub(super) fn conditional(&self, stored: &Entry) -> UpstreamRequest {
        let mut upstream_request = self.upstream_request.clone();
        let conditions = [("if-none-match", "etag"), ("if-modified-since", "last-modified")];
        for (condition, validator) in conditions {
            if let Some(value) = stored.headers.value(validator) {
                upstream_request.headers.set(condition, value.to_owned());
            }
        }
        upstream_request
    }

    /// A stored response after a 304 to its validation, and whether it may be kept.
    pub(super) fn freshened(
        &self,
        stored: Entry,
        sent: &Headers,
        asked_ms: UnixMillis,
    ) -> (Entry, bool) {
        let mut headers = merge_304(&stored.headers, sent);
        let exchange = self.exchange(stored.status, &headers, asked_ms);
        let admitted = admit(&self.policy, &exchange);
        let received_ms = exchange.received_ms;
        settle(&mut headers, received_ms);
        let timing = admitted.unwrap_or(Timing { received_ms, initial_age_ms: 0, ..stored.timing });
        (Entry { headers, timing, ..stored }, admitted.is_ok())
    }
}

/// What is stored of a response but for its body, and how long that is, where this is told.
fn described(status: u16, mut headers: Headers, timing: Timing) -> (Entry, Option<u64>) {
    settle(&mut headers, timing.received_ms);
    let length = headers.value("content-length").and_then(|text| text.parse().ok());
    let complete = prefix_of(status, &headers);
    (Entry { status, headers, timing, length: 0, complete }, length)
}

/// Takes out the age, which is told by the time; puts in when a response came where it does not say
/// when it was made.
///
/// # Source
/// RFC 9110 §6.6.1
fn settle(headers: &mut Headers, received_ms: UnixMillis) {
    headers.remove("age");
    if !headers.contains("date") {
        headers.set("date", date::format_imf(received_ms.seconds()));
    }
}

/// Returns whether a 206 is worth storing: the rest of it can be asked for, joined to it and held.
///
/// # Source
/// RFC 9111 §3.4: parts are combined only under one strong validator.
fn is_completable(status: u16, headers: &Headers) -> bool {
    let has_strong_validator = headers.value("etag").is_some_and(is_strong);
    has_strong_validator
        && prefix_of(status, headers).is_some_and(|complete| complete <= HELD_BYTES_MAX)
}

/// Returns whether an entity tag is a strong validator.
///
/// # Source
/// RFC 9110 §8.8.1
pub(super) fn is_strong(etag: &str) -> bool {
    !etag.is_empty() && !etag.starts_with("W/")
}

/// The complete length of what a 206 is the beginning of.
///
/// # Source
/// RFC 9110 §14.4
fn prefix_of(status: u16, headers: &Headers) -> Option<u64> {
    let span =
        headers.value("content-range").filter(|_| status == 206)?.strip_prefix("bytes 0-")?;
    let (last, complete) = span.split_once('/')?;
    let (last, complete) = (last.parse::<u64>().ok()?, complete.parse::<u64>().ok()?);
    let length = headers.value("content-length")?.parse::<u64>().ok()?;
    (last.checked_add(1) == Some(length) && length < complete).then_some(complete)
}
