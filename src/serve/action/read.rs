//! GET and HEAD of an action: from the edge tier where it may be, else from the upstream.

use crate::serve::action::{Plan, as_the_client_asks, fetch};
use crate::serve::ask::Ask;
use crate::serve::board::{Flight, Turn};
use crate::serve::freshen::merge_304;
use crate::serve::freshness::{self, Failure, Freshness, has_validator};
use crate::serve::memory::HELD_BYTES_MAX;
use crate::serve::outcome::{Outcome, hit, present};
use crate::serve::ports::{EdgeContent, Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::reply::ReplyBody;
use crate::serve::stored::StoredResponse;
use crate::serve::variants::{self, Lookup};
use crate::site::ban::Ban;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::fields::Fields;
use crate::wire::method::Method;
use crate::wire::range;
use crate::wire::time::UnixMillis;

/// How long others wait for the one who asks for the same; then each asks for itself.
const FLIGHT_MS: u64 = 5_000;
/// How often they look.
const FLIGHT_POLL_MS: u64 = 10;

impl<P: Ports> Plan<P> {
    /// GET and HEAD.
    pub(super) async fn read(&self, ask: &Ask<'_>, client: &Fields, bans: &[Ban]) -> Outcome<P> {
        let started_ms = self.now();
        let waits_until = started_ms.plus(FLIGHT_MS);
        let mut turn = None;
        loop {
            let (stored, reason) = match self.find().await {
                Lookup::Found(response, body) => {
                    let verdict = self.judge(ask, bans, &response);
                    match verdict {
                        Freshness::Fresh if response.complete.is_some() => {
                            return self.complete(ask, client, response, body).await;
                        }
                        Freshness::Fresh => {
                            return hit(&self.tiers.ports, ask, response, body, "edge");
                        }
                        Freshness::StaleWhileRevalidate if response.complete.is_none() => {
                            self.refresh_behind();
                            return hit(
                                &self.tiers.ports,
                                ask,
                                response,
                                body,
                                "stale-while-revalidate",
                            );
                        }
                        Freshness::Miss => (None, Forward::Stale),
                        _ if response.complete.is_some() => (None, Forward::Stale),
                        _ => (Some((response, body)), Forward::Stale),
                    }
                }
                Lookup::UriMiss => (None, Forward::UriMiss),
                Lookup::VaryMiss => (None, Forward::VaryMiss),
            };
            if self.directives.only_if_cached {
                // RFC 9111 §5.2.1.7.
                return Outcome::gateway_error(504, "only-if-cached");
            }
            if turn.is_none() {
                turn = Some(self.turn(stored.as_ref().map(|(response, _)| response), ask, client));
            }
            match turn {
                Some(Turn::Wait) if self.now() < waits_until => {
                    let board = &self.tiers.memory.board;
                    while board.is_in_flight(&self.key, self.now()) && self.now() < waits_until {
                        self.tiers.ports.sleep(FLIGHT_POLL_MS).await;
                    }
                    // There is something now, or there never will be; whoever failed or is gone
                    // leaves the turn to another.
                    let is_answered = board.is_answered(&self.key, started_ms);
                    turn = is_answered.then_some(Turn::Pass);
                }
                Some(Turn::Lead(flight)) => {
                    return self.ask(ask, client, stored, reason, Some(flight)).await;
                }
                _ => return self.ask(ask, client, stored, reason, None).await,
            }
        }
    }

    /// Whether this request asks, waits for another that does, or asks beside it.
    pub(super) fn turn(
        &self,
        stored: Option<&StoredResponse>,
        ask: &Ask<'_>,
        client: &Fields,
    ) -> Turn {
        let always = stored.is_some_and(|stored| stored.timing.always_validate);
        let alone = ask.method != Method::Get
            || always
            || self.has_authorization
            || self.directives.no_store
            || client.contains("range");
        if alone {
            return Turn::Pass;
        }
        self.tiers.memory.board.take_turn(&self.key, self.now(), self.now().plus(FLIGHT_MS))
    }

    pub(super) async fn ask(
        &self,
        ask: &Ask<'_>,
        client: &Fields,
        stored: Option<(StoredResponse, P::Body)>,
        reason: Forward,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        match stored {
            Some((stored, body))
                if ask.method == Method::Get && has_validator(stored.status, &stored.fields) =>
            {
                self.validate(ask, client, stored, body, flight).await
            }
            Some((stored, body)) => {
                let request = as_the_client_asks(&self.request, ask, client);
                let asked_ms = self.now();
                match self.fetch(&request, flight.as_ref()).await {
                    Ok(response) if self.is_bridged(&stored, &response) => {
                        self.bridge(ask, stored, body)
                    }
                    Ok(response) => self.answered(ask, response, asked_ms, reason, flight).await,
                    Err(fault) => self.lost(ask, stored, body, fault),
                }
            }
            None => {
                let request = as_the_client_asks(&self.request, ask, client);
                let asked_ms = self.now();
                match self.fetch(&request, flight.as_ref()).await {
                    Ok(response) => self.answered(ask, response, asked_ms, reason, flight).await,
                    Err(fault) => Outcome::lost(fault),
                }
            }
        }
    }

    /// What the upstream answers; those who wait for it are told that it did.
    async fn fetch(
        &self,
        request: &UpstreamRequest,
        flight: Option<&Flight>,
    ) -> Result<UpstreamResponse<P::Body>, Fault> {
        let answer = fetch(&self.tiers.ports, request).await;
        if let (Ok(_), Some(flight)) = (&answer, flight) {
            flight.note_answer(self.now());
        }
        answer
    }

    /// Asks whether a stored response is still right, and answers with what is.
    ///
    /// # Source
    /// RFC 9111 §4.3
    pub(super) async fn validate(
        &self,
        ask: &Ask<'_>,
        client: &Fields,
        stored: StoredResponse,
        body: P::Body,
        flight: Option<Flight>,
    ) -> Outcome<P> {
        let asked_ms = self.now();
        match self.fetch(&self.conditional(&stored), flight.as_ref()).await {
            Err(fault) => self.lost(ask, stored, body, fault),
            Ok(response) if self.is_bridged(&stored, &response) => self.bridge(ask, stored, body),
            Ok(response) if response.status == 304 => {
                let (stored, is_kept) = self.freshened(stored, &response.fields, asked_ms);
                let kept = match is_kept {
                    true => self.keep_again(stored.clone(), body).await,
                    false => self.keep_no_more(body, asked_ms).await,
                };
                drop(flight);
                let Ok(body) = kept else {
                    // The copy that was validated is gone: all of it is asked for.
                    return Box::pin(self.ask(ask, client, None, Forward::Stale, None)).await;
                };
                let mut status = CacheStatus::forward(Forward::Stale);
                status.detail = Some("validated");
                status.ttl = Some(stored.timing.ttl_secs(self.now()));
                present(&self.tiers.ports, ask, stored, body, status)
            }
            Ok(response) => self.answered(ask, response, asked_ms, Forward::Stale, flight).await,
        }
    }

    /// The whole of what only the beginning is stored of.
    ///
    /// # Source
    /// RFC 9111 §3.3 and §3.4: the parts must have the same strong validator.
    pub(super) async fn complete(
        &self,
        ask: &Ask<'_>,
        client: &Fields,
        stored: StoredResponse,
        body: P::Body,
    ) -> Outcome<P> {
        let asked_ms = self.now();
        let rest = format!("bytes={}-", stored.length);
        if ask.method != Method::Get || client.contains("range") {
            return self.ask(ask, client, None, Forward::UriMiss, None).await;
        }
        let mut request = self.request.clone();
        request.fields.set("range", rest);
        if is_strong(stored.etag()) {
            request.fields.set("if-range", stored.etag().to_owned());
        }
        let response = match fetch(&self.tiers.ports, &request).await {
            Ok(response) => response,
            Err(fault) => return Outcome::lost(fault),
        };
        if response.status != 206 {
            return self.answered(ask, response, asked_ms, Forward::UriMiss, None).await;
        }
        match self.joined(stored, body, response, asked_ms).await {
            Some((stored, held)) => {
                let mut status = CacheStatus::forward(Forward::UriMiss);
                status.detail = Some("completed");
                status.stored = self.keep(stored.clone(), EdgeContent::Held(held.clone())).await;
                present(&self.tiers.ports, ask, stored, ReplyBody::Held(held, None), status)
            }
            None => {
                variants::give_up(&self.tiers, &self.key, asked_ms).await;
                self.ask(ask, client, None, Forward::UriMiss, None).await
            }
        }
    }

    pub(super) async fn joined(
        &self,
        stored: StoredResponse,
        body: P::Body,
        rest: UpstreamResponse<P::Body>,
        asked_ms: UnixMillis,
    ) -> Option<(StoredResponse, P::Held)> {
        let complete = stored.complete.filter(|complete| *complete <= HELD_BYTES_MAX)?;
        let same = is_strong(stored.etag()) && rest.fields.value("etag") == Some(stored.etag());
        let expected = range::content_range(stored.length, complete.saturating_sub(1), complete);
        if !same || rest.fields.value("content-range") != Some(expected.as_str()) {
            return None;
        }
        let ports = &self.tiers.ports;
        let head = ports.hold_body(body, stored.length).await.ok()?;
        let tail = ports.hold_body(rest.body?, complete).await.ok()?;
        let whole = [ports.held_bytes(&head), ports.held_bytes(&tail)].concat();
        if whole.len() as u64 != complete {
            return None;
        }
        let mut fields = merge_304(&stored.fields, &rest.fields);
        fields.remove("content-range");
        fields.remove("age");
        fields.set("content-length", complete.to_string());
        let timing = freshness::admit(&self.policy, &self.exchange(200, &fields, asked_ms)).ok()?;
        let stored =
            StoredResponse { status: 200, fields, timing, length: complete, complete: None };
        Some((stored, ports.held_of(&whole)))
    }

    /// Whether a failing response is not shown, but a stale one in its place.
    fn is_bridged(&self, stored: &StoredResponse, response: &UpstreamResponse<P::Body>) -> bool {
        // RFC 5861 §4: these four, and no others.
        matches!(response.status, 500 | 502 | 503 | 504)
            && stored.timing.bridges(Failure::ServerError, self.now())
    }

    /// A stored response in place of one that failed.
    ///
    /// # Source
    /// RFC 5861 §4
    pub(super) fn bridge(
        &self,
        ask: &Ask<'_>,
        stored: StoredResponse,
        body: P::Body,
    ) -> Outcome<P> {
        hit(&self.tiers.ports, ask, stored, body, "stale-if-error")
    }

    /// What there is when the upstream did not answer.
    ///
    /// # Source
    /// RFC 9111 §4.2.4: a disconnected cache may use what is stale, unless that is forbidden.
    pub(super) fn lost(
        &self,
        ask: &Ask<'_>,
        stored: StoredResponse,
        body: P::Body,
        fault: Fault,
    ) -> Outcome<P> {
        if stored.timing.bridges(Failure::Lost, self.now()) {
            return self.bridge(ask, stored, body);
        }
        Outcome::lost(fault)
    }
}

fn is_strong(etag: &str) -> bool {
    !etag.is_empty() && !etag.starts_with("W/")
}
