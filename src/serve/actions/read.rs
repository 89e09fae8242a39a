//! GET and HEAD of an action: from the edge tier where it may be, else from the upstream.

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::flight::{Flight, Turn};
use crate::cache::freshness::admit::{admit, has_validator};
use crate::cache::freshness::update::merge_304;
use crate::cache::freshness::{Failure, Freshness};
use crate::cache::memory::HELD_BYTES_MAX;
use crate::cache::variants::{self, Lookup};
use crate::ports::{EdgeContent, Ports, UpstreamResponse};
use crate::serve::actions::keep::is_strong;
use crate::serve::actions::{Plan, fetch};
use crate::serve::outcome::{Outcome, hit, present};
use crate::serve::request::Request;
use crate::serve::response::ReplyBody;
use crate::site::records::ban::Ban;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::range;
use crate::wire::time::UnixMillis;

/// How long others wait for the one who asks for the same; then each asks for itself.
const FLIGHT_MS: u64 = 5_000;
/// How often they look.
const FLIGHT_POLL_MS: u64 = 10;

impl<P: Ports> Plan<P> {
    /// GET and HEAD.
    pub(super) async fn read(&self, request: &Request<'_>, bans: &[Ban]) -> Outcome<P> {
        let ports = &self.tiers.ports;
        let started_ms = self.now();
        let waits_until = started_ms.plus(FLIGHT_MS);
        let mut turn = None;
        loop {
            let found =
                variants::find(&self.tiers, &self.key, &self.upstream_request.headers).await;
            let (stored, reason) = match found {
                Lookup::Found(stored, body) => match self.judge(request, bans, &stored) {
                    Freshness::Fresh if stored.complete.is_none() => {
                        return hit(ports, request, stored, body, "edge");
                    }
                    Freshness::Fresh if !self.directives.only_if_cached => {
                        return Box::pin(self.complete(request, stored, body)).await;
                    }
                    Freshness::StaleWhileRevalidate if stored.complete.is_none() => {
                        self.refresh_behind();
                        return hit(ports, request, stored, body, "stale-while-revalidate");
                    }
                    Freshness::Miss => (None, Forward::Stale),
                    _ if stored.complete.is_some() => (None, Forward::Stale),
                    _ => (Some((stored, body)), Forward::Stale),
                },
                Lookup::UriMiss => (None, Forward::UriMiss),
                Lookup::VaryMiss => (None, Forward::VaryMiss),
            };
            if self.directives.only_if_cached {
                // RFC 9111 §5.2.1.7.
                return Outcome::gateway_error(504, "only-if-cached");
            }
            let known = stored.as_ref().map(|(stored, _)| stored);
            let flight = match turn.take().unwrap_or_else(|| self.turn(known, request)) {
                Turn::Wait if self.now() < waits_until => {
                    let flights = &self.tiers.memory.flights;
                    while flights.is_in_flight(&self.key, self.now()) && self.now() < waits_until {
                        ports.sleep(FLIGHT_POLL_MS).await;
                    }
                    // There is something now, or there never will be; whoever failed or is gone
                    // leaves the turn to another.
                    turn = flights.is_answered(&self.key, started_ms).then_some(Turn::Pass);
                    continue;
                }
                Turn::Lead(flight) => Some(flight),
                Turn::Wait | Turn::Pass => None,
            };
            return Box::pin(self.revalidate(request, stored, reason, flight)).await;
        }
    }

    /// Whether this request asks, waits for another that does, or asks beside it.
    fn turn(&self, stored: Option<&Entry>, request: &Request<'_>) -> Turn {
        let always = stored.is_some_and(|stored| stored.timing.always_validate);
        let alone = request.method != Method::GET
            || always
            || self.has_authorization
            || self.directives.no_store
            || self.client.contains("range");
        if alone {
            return Turn::Pass;
        }
        self.tiers.memory.flights.take_turn(&self.key, self.now(), self.now().plus(FLIGHT_MS))
    }

    /// Asks whether what is stored is still right, where there is something, else for all of it.
    ///
    /// # Source
    /// RFC 9111 §4.3; §4.2.4 and RFC 5861 §4 for what is served when that fails.
    async fn revalidate(
        &self,
        request: &Request<'_>,
        stored: Option<(Entry, P::Body)>,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        let validated = stored.as_ref().map(|(stored, _)| stored).filter(|stored| {
            request.method == Method::GET && has_validator(stored.status, &stored.headers)
        });
        let (upstream_request, validates) = match validated {
            Some(stored) => (self.conditional(stored), true),
            None => (self.own_request(request), false),
        };
        let asked_ms = self.now();
        let answer = fetch(&self.tiers.ports, &upstream_request).await;
        if let (Ok(_), Some(flight)) = (&answer, &flight) {
            // Those who wait for it need not ask in turn.
            flight.note_answer(self.now());
        }
        let failure = match &answer {
            // RFC 5861 §4: these four, and no others.
            Ok(response) if matches!(response.status, 500 | 502 | 503 | 504) => {
                Some(Failure::ServerError)
            }
            Ok(_) => None,
            Err(_) => Some(Failure::Lost),
        };
        match (answer, stored) {
            (_, Some((stored, body)))
                if failure.is_some_and(|of| stored.timing.bridges(of, self.now())) =>
            {
                hit(&self.tiers.ports, request, stored, body, "stale-if-error")
            }
            (Ok(response), Some((stored, body))) if validates && response.status == 304 => {
                let (stored, is_kept) = self.freshened(stored, &response.headers, asked_ms);
                self.validated(request, stored, body, is_kept, asked_ms, flight).await
            }
            (Ok(response), _) => self.answered(request, response, asked_ms, reason, flight).await,
            (Err(fault), _) => Outcome::lost(fault),
        }
    }

    /// A stored response that was right once more.
    async fn validated(
        &self,
        request: &Request<'_>,
        stored: Entry,
        body: P::Body,
        is_kept: bool,
        asked_ms: UnixMillis,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        let kept = match is_kept {
            true => self.keep_again(stored.clone(), body).await,
            false => {
                self.give_up(asked_ms).await;
                Ok(ReplyBody::Stream(body))
            }
        };
        drop(flight);
        let Ok(body) = kept else {
            // The copy that was validated is gone: all of it is asked for.
            return Box::pin(self.revalidate(request, None, Forward::Stale, None)).await;
        };
        let status = CacheStatus {
            detail: Some("validated"),
            ttl: Some(stored.timing.ttl_secs(self.now())),
            ..CacheStatus::forward(Forward::Stale)
        };
        present(&self.tiers.ports, request, stored, body, status)
    }

    /// The whole of what only the beginning is stored of.
    ///
    /// # Source
    /// RFC 9111 §3.3 and §3.4: the parts must have the same strong validator.
    async fn complete(&self, request: &Request<'_>, stored: Entry, body: P::Body) -> Outcome<P> {
        if request.method == Method::GET && !self.client.contains("range") {
            let asked_ms = self.now();
            let mut upstream_request = self.upstream_request.clone();
            upstream_request.headers.set("range", format!("bytes={}-", stored.length));
            if is_strong(stored.etag()) {
                upstream_request.headers.set("if-range", stored.etag().to_owned());
            }
            let response = match fetch(&self.tiers.ports, &upstream_request).await {
                Ok(response) => response,
                Err(fault) => return Outcome::lost(fault),
            };
            if response.status != 206 {
                return self.answered(request, response, asked_ms, Forward::UriMiss, None).await;
            }
            if let Some((stored, held)) = self.joined(stored, body, response, asked_ms).await {
                let mut status = CacheStatus::forward(Forward::UriMiss);
                status.detail = Some("completed");
                status.stored = self.keep(stored.clone(), EdgeContent::Held(held.clone())).await;
                let body = ReplyBody::Held(held, None);
                return present(&self.tiers.ports, request, stored, body, status);
            }
            variants::give_up(&self.tiers, &self.key, asked_ms).await;
        }
        self.revalidate(request, None, Forward::UriMiss, None).await
    }

    async fn joined(
        &self,
        stored: Entry,
        body: P::Body,
        rest: UpstreamResponse<P::Body>,
        asked_ms: UnixMillis,
    ) -> Option<(Entry, P::Held)> {
        let complete = stored.complete.filter(|complete| *complete <= HELD_BYTES_MAX)?;
        let same = is_strong(stored.etag()) && rest.headers.value("etag") == Some(stored.etag());
        let expected = range::content_range(stored.length, complete.saturating_sub(1), complete);
        if !same || rest.headers.value("content-range") != Some(expected.as_str()) {
            return None;
        }
        let ports = &self.tiers.ports;
        let head = ports.hold_body(body, stored.length).await.ok()?;
        let tail = ports.hold_body(rest.body?, complete).await.ok()?;
        let whole = [ports.held_bytes(&head), ports.held_bytes(&tail)].concat();
        if whole.len() as u64 != complete {
            return None;
        }
        let mut headers = merge_304(&stored.headers, &rest.headers);
        headers.remove("content-range");
        headers.remove("age");
        headers.set("content-length", complete.to_string());
        let timing = admit(&self.policy, &self.exchange(200, &headers, asked_ms)).ok()?;
        let stored = Entry { status: 200, headers, timing, length: complete, complete: None };
        Some((stored, ports.held_of(&whole)))
    }
}
