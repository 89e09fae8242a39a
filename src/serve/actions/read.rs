//! GET and HEAD of an action: from the edge tier if allowed, else from the upstream.

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::flight::{Flight, Turn};
use crate::cache::freshness::Failure;
use crate::cache::freshness::admit::has_validator;
use crate::cache::variants::Lookup;
use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::serve::actions::{CachedAction, fetch, lost};
use crate::serve::cached::{self, hit};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::request::Request;
use crate::site::records::ban::Ban;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::time::UnixMillis;

/// How long requests wait for another that fetches the same; then each fetches by itself.
const FLIGHT_MS: u64 = 5_000;
/// How often they look.
const FLIGHT_POLL_MS: u64 = 10;

impl<P: Ports> CachedAction<P> {
    pub(super) async fn read(&self, request: &Request<'_>, bans: &[Ban]) -> Draft<P> {
        let ports = self.ports();
        let started_ms = self.now();
        let mut turn = None;
        loop {
            let found = self.entries.find(|entry| self.judge(request, bans, entry)).await;
            let (stale, reason) = match found {
                Lookup::Fresh(entry, body) if entry.complete.is_none() => {
                    return hit(ports, request, entry, body, "edge");
                }
                Lookup::Fresh(entry, body) if !self.directives.only_if_cached => {
                    return Box::pin(self.complete(request, entry, body)).await;
                }
                Lookup::StaleWhileRevalidate(entry, body) => {
                    self.refresh_behind();
                    return hit(ports, request, entry, body, "stale-while-revalidate");
                }
                Lookup::Fresh(..) => (None, Forward::Stale),
                Lookup::Stale(entry, body) => (Some((entry, body)), Forward::Stale),
                Lookup::Miss(reason) => (None, reason),
            };
            if self.directives.only_if_cached {
                // RFC 9111 section 5.2.1.7.
                return Draft::error(HttpError::GatewayTimeout).detail("only-if-cached");
            }
            let waits_until = started_ms.plus(FLIGHT_MS);
            let known = stale.as_ref().map(|(entry, _)| entry);
            let flight = match turn.take().unwrap_or_else(|| self.turn(known, request)) {
                Turn::Wait if self.now() < waits_until => {
                    let (flights, key) = (&self.entries.tiers.memory.flights, &self.entries.key);
                    while flights.is_in_flight(key, self.now()) && self.now() < waits_until {
                        ports.sleep(FLIGHT_POLL_MS).await;
                    }
                    // After a response, there is an entry now or never will be. After a failure,
                    // another request takes the turn.
                    turn = flights.is_answered(key, started_ms).then_some(Turn::Pass);
                    continue;
                }
                Turn::Lead(flight) => Some(flight),
                Turn::Wait | Turn::Pass => None,
            };
            return Box::pin(self.revalidate(request, stale, reason, flight)).await;
        }
    }

    /// Returns whether this request fetches for others, waits for another, or fetches by itself.
    fn turn(&self, stale: Option<&Entry>, request: &Request<'_>) -> Turn {
        let always = stale.is_some_and(|entry| entry.timing.always_validate);
        let alone = request.method != Method::GET
            || always
            || self.has_authorization
            || self.directives.no_store
            || self.client.contains("range");
        if alone {
            return Turn::Pass;
        }
        let (now, until) = (self.now(), self.now().plus(FLIGHT_MS));
        self.entries.tiers.memory.flights.take_turn(&self.entries.key, now, until)
    }

    /// Validates a stale entry, or fetches the response if there is none.
    ///
    /// # Source
    /// RFC 9111 section 4.3; section 4.2.4 and RFC 5861 section 4 for failures
    pub(super) async fn revalidate(
        &self,
        request: &Request<'_>,
        stale: Option<(Entry, P::Body)>,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Draft<P> {
        let validated = stale.as_ref().map(|(entry, _)| entry).filter(|entry| {
            request.method == Method::GET && has_validator(entry.status, &entry.headers)
        });
        let (upstream_request, validates) = match validated {
            Some(entry) => (self.conditional(entry), true),
            None => (self.own_request(request), false),
        };
        let asked_ms = self.now();
        let fetched = fetch(self.ports(), &upstream_request).await;
        if let (Ok(_), Some(flight)) = (&fetched, &flight) {
            flight.note_answer(self.now());
        }
        let failure = match &fetched {
            // RFC 5861 section 4: these four only.
            Ok(response) if matches!(response.status, 500 | 502 | 503 | 504) => {
                Some(Failure::ServerError)
            }
            Ok(_) => None,
            Err(_) => Some(Failure::Lost),
        };
        match (fetched, stale) {
            (_, Some((entry, body)))
                if failure.is_some_and(|of| entry.timing.bridges(of, self.now())) =>
            {
                hit(self.ports(), request, entry, body, "stale-if-error")
            }
            (Ok(response), Some((entry, body))) if validates && response.status == 304 => {
                let (entry, is_storable) = self.updated(entry, &response.headers, asked_ms);
                self.validated(request, entry, body, is_storable, asked_ms, flight).await
            }
            (Ok(response), _) => self.fetched(request, response, asked_ms, reason, flight).await,
            (Err(fault), _) => lost(fault),
        }
    }

    async fn validated(
        &self,
        request: &Request<'_>,
        entry: Entry,
        body: P::Body,
        is_storable: bool,
        asked_ms: UnixMillis,
        flight: Option<Flight>,
    ) -> Draft<P> {
        let kept = match is_storable {
            true => self.keep_again(entry.clone(), body).await,
            false => {
                self.invalidate_for_all(asked_ms).await;
                Ok(ResponseBody::Stream(body))
            }
        };
        drop(flight);
        let Ok(body) = kept else {
            // The body of the entry that was validated is gone: fetch all of it.
            return Box::pin(self.revalidate(request, None, Forward::Stale, None)).await;
        };
        let status = CacheStatus {
            detail: Some("validated"),
            ttl: Some(entry.timing.ttl_secs(self.now())),
            ..CacheStatus::forward(Forward::Stale)
        };
        cached::respond(self.ports(), request, entry, body, status)
    }
}
