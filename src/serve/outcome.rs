//! What a mutable source gives: a response of an upstream or of a store, before the header stage.
//!
//! Not where it comes from. The invariant is RFC 9110's order: conditions are judged on what is
//! there, then the range. A 304 or 206 of a stored response is made here and by nobody else; those
//! of an object are [`crate::serve::objects::uncached`]'s, which has the store send no more than
//! they need.

use crate::cache::entry::Entry;
use crate::ports::{Fault, Part, Ports, UpstreamResponse};
use crate::serve::constant::Constant;
use crate::serve::request::Request;
use crate::serve::response::ReplyBody;
use crate::wire::cache_status::{CacheStatus, Forward, State};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::precondition::{Validators, Verdict};
use crate::wire::range::{self, RangeOutcome};

/// A response without what the header stage adds.
pub struct Outcome<P: Ports> {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: ReplyBody<P>,
    /// How it came about.
    pub cache_status: CacheStatus,
}

impl<P: Ports> Outcome<P> {
    /// A gateway's own answer: constant, and kept by nobody.
    pub fn gateway_error(status: u16, detail: &'static str) -> Self {
        let mut outcome = Self::constant(match status {
            502 => Constant::BadGateway,
            508 => Constant::LoopDetected,
            _ => Constant::GatewayTimeout,
        });
        outcome.cache_status.detail = Some(detail);
        outcome
    }

    /// A constant answer, of a place that is never cached.
    pub fn constant(constant: Constant) -> Self {
        let mut headers = constant.headers();
        headers.set("cache-control", "no-store");
        let body = constant.into();
        let cache_status = CacheStatus::forward(Forward::Bypass);
        Self { status: constant.status(), headers, body, cache_status }
    }

    /// The answer to a method that is not one of these; none are all that a fetch can send.
    ///
    /// # Source
    /// RFC 9110 §15.5.6
    pub fn not_allowed(methods: &[String]) -> Self {
        let mut outcome = Self::constant(Constant::MethodNotAllowed);
        let allow = match methods {
            [] => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
            methods => methods.join(", "),
        };
        outcome.headers.set("allow", allow);
        outcome
    }

    /// The answer to a range that holds no byte of a representation of some length.
    ///
    /// # Source
    /// RFC 9110 §15.5.17
    pub fn unsatisfiable(length: u64) -> Self {
        let mut outcome = Self::constant(Constant::RangeNotSatisfiable);
        outcome.headers.set("content-range", range::content_range_unsatisfied(length));
        outcome
    }

    /// What OPTIONS gets where only reading is possible.
    pub fn options() -> Self {
        let mut headers = Headers::with_capacity(8);
        // A 204 has no `Content-Length` (RFC 9110 §8.6).
        headers.set("allow", "GET, HEAD, OPTIONS");
        headers.set("cache-control", "no-store");
        let cache_status = CacheStatus::forward(Forward::Bypass);
        Self { status: 204, headers, body: ReplyBody::Empty, cache_status }
    }

    /// What is said when an upstream gave no answer.
    pub fn lost(fault: Fault) -> Self {
        match fault {
            Fault::TimedOut => Self::gateway_error(504, "upstream-timeout"),
            Fault::Missing => Self::gateway_error(502, "upstream-missing"),
            Fault::Failed | Fault::Busy => Self::gateway_error(502, "upstream-lost"),
        }
    }

    /// An upstream's response as it came; a status that is none is the upstream's fault.
    ///
    /// # Source
    /// RFC 9110 §15: three digits, of which no runtime sends more than the five classes.
    pub fn relayed(response: UpstreamResponse<P::Body>, cache_status: CacheStatus) -> Self {
        if !(200..=599).contains(&response.status) {
            return Self::gateway_error(502, "upstream-status");
        }
        let body = response.body.map_or(ReplyBody::Empty, ReplyBody::Stream);
        Self { status: response.status, headers: response.headers, body, cache_status }
    }
}

/// What a client gets of a stored response: all of it, a part, or that it has it already.
///
/// # Source
/// RFC 9111 §4.3.2; RFC 9110 §13.2.2, §14.2, §15.4.5
pub fn present<P: Ports>(
    ports: &P,
    request: &Request<'_>,
    stored: Entry,
    body: ReplyBody<P>,
    cache_status: CacheStatus,
) -> Outcome<P> {
    let now = ports.now();
    let mut headers = stored.headers;
    headers.set("age", (stored.timing.age_ms(now) / 1_000).to_string());
    let mut outcome = Outcome { status: stored.status, headers, body, cache_status };
    if !(200..300).contains(&stored.status) {
        return outcome;
    }
    let etag = outcome.headers.value("etag").unwrap_or_default();
    let last_modified = outcome.headers.value("last-modified");
    let last_modified = last_modified.and_then(|text| date::parse(text, now.seconds()).ok());
    let validators = Validators { etag, last_modified };
    match request.evaluate(&validators, now.seconds()) {
        Verdict::Proceed => {}
        Verdict::NotModified => return not_modified(outcome),
        Verdict::PreconditionFailed => {
            return Outcome { cache_status, ..Outcome::constant(Constant::PreconditionFailed) };
        }
    }
    // A stream of unknown length has no ranges.
    let length = outcome.headers.value("content-length").and_then(|text| text.parse().ok());
    let Some(length) = length.filter(|_| stored.status == 200) else { return outcome };
    match request.part(&validators, length, now.seconds()) {
        RangeOutcome::Full => outcome,
        RangeOutcome::Unsatisfiable => Outcome { cache_status, ..Outcome::unsatisfiable(length) },
        RangeOutcome::Part { first, last } => {
            let part = Part { first, length: last.saturating_sub(first).saturating_add(1) };
            outcome.body = match outcome.body {
                ReplyBody::Held(held, _) => ReplyBody::Held(held, Some(part)),
                ReplyBody::Stream(body) => match ports.cut(body, part) {
                    Ok(body) => ReplyBody::Stream(body),
                    Err(fault) => return Outcome::lost(fault),
                },
                other => other,
            };
            outcome.status = 206;
            outcome.headers.set("content-range", range::content_range(first, last, length));
            outcome.headers.set("content-length", part.length.to_string());
            outcome
        }
    }
}

/// What a client gets of a stored response that is used without asking anybody.
pub fn hit<P: Ports>(
    ports: &P,
    request: &Request<'_>,
    stored: Entry,
    body: P::Body,
    detail: &'static str,
) -> Outcome<P> {
    let cache_status = CacheStatus {
        state: State::Hit,
        ttl: Some(stored.timing.ttl_secs(ports.now())),
        stored: false,
        detail: Some(detail),
    };
    let body = if stored.length == 0 { ReplyBody::Empty } else { ReplyBody::Stream(body) };
    present(ports, request, stored, body, cache_status)
}

/// RFC 9110 §15.4.5: what a 200 would have said, but for what describes a body.
fn not_modified<P: Ports>(outcome: Outcome<P>) -> Outcome<P> {
    let mut headers = outcome.headers;
    for name in ["content-length", "content-type", "content-encoding", "content-range"] {
        headers.remove(name);
    }
    Outcome { status: 304, headers, body: ReplyBody::Empty, ..outcome }
}
