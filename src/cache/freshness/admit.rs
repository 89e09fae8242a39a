//! Decides whether a response may be stored, and for how long it may then be used.
//!
//! Every clause of RFC 9111 section 3 is checked; the checks that this cache adds only refuse more.

use http::Method;

use crate::cache::freshness::Timing;
use crate::site::action::{Action, CAP_SECS_MAX, SetCookie};
use crate::wire::cache_control::{RequestDirectives, ResponseDirectives, Seconds};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::targeted;
use crate::wire::time::{DeltaSeconds, UnixMillis, UnixSeconds};
use crate::wire::url;
use crate::wire::vary::Vary;

/// The rules of a site for storing responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The age at which an entry becomes unusable.
    pub cap_ms: u64,
    /// Whether a response without an explicit lifetime is given one (RFC 9111 section 4.2.2).
    pub heuristic: bool,
    pub set_cookie: SetCookie,
}

impl Policy {
    pub fn of(action: &Action) -> Self {
        let cap_secs = action.cap.0.min(CAP_SECS_MAX);
        Self {
            cap_ms: DeltaSeconds(cap_secs).millis(),
            heuristic: action.heuristic,
            set_cookie: action.set_cookie,
        }
    }
}

/// The parts of a request and its response that storing depends on.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    pub method: &'a Method,
    /// The authority of the request's URL, as the client sent it.
    pub authority: &'a str,
    pub has_authorization: bool,
    pub directives: RequestDirectives,
    pub status: u16,
    pub headers: &'a Headers,
    /// Whether the response's `Content-Location` is the URL of the request.
    pub is_own_content_location: bool,
    pub extent: Extent,
    pub requested_ms: UnixMillis,
    pub received_ms: UnixMillis,
}

/// How much of a representation the caller can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// A part too: a 206 is treated like a 200.
    Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    Method,
    /// The status code is not final, or specific to this request.
    Status,
    Partial,
    RequestNoStore,
    NoStore,
    SurrogateNoStore,
    /// `must-understand` with an unknown status code.
    NotUnderstood,
    Private,
    SetCookie,
    /// `Vary` contains `*` or too many names.
    Vary,
    /// The request had credentials, and the response does not allow sharing.
    Authorization,
    OffsiteRedirect,
    /// Neither a lifetime nor a validator.
    NoLifetime,
    /// `no-cache` without a validator.
    NoValidator,
    /// Stale on arrival without a validator, or past the cap.
    Stale,
}

impl NotStored {
    /// Returns whether the request is the reason: another client's response might be stored.
    pub fn is_of_request(self) -> bool {
        use NotStored::{Authorization, Method, Partial, RequestNoStore, Status};
        matches!(self, Authorization | Method | Partial | RequestNoStore | Status)
    }

    /// Returns a token (RFC 8941 section 3.3.4) for the `detail` of Cache-Status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::SurrogateNoStore => "surrogate-no-store",
            Self::NotUnderstood => "not-understood",
            Self::Private => "private",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::Authorization => "authorization",
            Self::OffsiteRedirect => "offsite-redirect",
            Self::NoLifetime => "no-lifetime",
            Self::NoValidator => "no-validator",
            Self::Stale => "stale",
        }
    }
}

/// Returns for how long a response may be used once it is stored.
///
/// After a 304, the exchange consists of the stored status and the headers that
/// [`merge_304`](crate::cache::freshness::update::merge_304) returns: lifetime and life start again
/// (RFC 9111 section 4.3.4).
///
/// # Errors
/// [`NotStored`] if it may not be stored.
///
/// # Source
/// RFC 9111 section 3
pub fn admit(policy: &Policy, exchange: &Exchange<'_>) -> Result<Timing, NotStored> {
    let governing = Governing::of(exchange.headers);
    refuse_unstorable(policy, exchange, &governing.said)?;
    let lifetime_ms = lifetime_ms(policy, exchange, &governing);
    if exchange.method == Method::POST && lifetime_ms.is_none() {
        return Err(NotStored::Method);
    }
    let is_validatable = has_validator(exchange.status, exchange.headers);
    if lifetime_ms.is_none() && !is_validatable {
        return Err(NotStored::NoLifetime);
    }
    let timing = timing(policy, exchange, &governing.said, lifetime_ms.unwrap_or(0));
    if is_validatable {
        let timing = Timing { life_ms: policy.cap_ms, ..timing };
        return if timing.initial_age_ms < timing.life_ms {
            Ok(timing)
        } else {
            Err(NotStored::Stale)
        };
    }
    if timing.always_validate {
        return Err(NotStored::NoValidator);
    }
    // A response that was never fresh is not stored just to bridge a lost connection.
    let window_ms = timing.while_revalidate_ms.max(timing.if_error_ms);
    let is_of_use = timing.initial_age_ms < timing.lifetime_ms.saturating_add(window_ms);
    if is_of_use && timing.initial_age_ms < timing.life_ms {
        Ok(timing)
    } else {
        Err(NotStored::Stale)
    }
}

/// Returns whether a response can be validated; a 304 stands for a 200 only (RFC 9110 section
/// 15.4.5).
pub fn has_validator(status: u16, headers: &Headers) -> bool {
    let has_etag = headers.value("etag").is_some_and(|etag| !etag.is_empty());
    matches!(status, 200 | 203 | 206)
        && (has_etag || date_of(headers, "last-modified", UnixSeconds(0)).is_some())
}

/// Statuses that may be given a heuristic lifetime (RFC 9110 section 15.1); 206 only if the caller
/// stores parts.
const HEURISTIC: [u16; 12] = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

/// Statuses that depend on a request header that is not part of any cache key (credentials,
/// preconditions, ranges, expectations, protocols).
const ABOUT_THE_REQUEST: [u16; 7] = [304, 401, 407, 412, 416, 417, 426];

/// Returns whether this cache meets the caching requirements of a status code (RFC 9111 section
/// 5.2.2.3): the final codes of RFC 9110 section 15.
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=206 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// The directives of the header that governs.
struct Governing {
    said: ResponseDirectives,
    /// Whether it is `Cache-Control`, besides which `Expires` counts.
    is_cache_control: bool,
}

impl Governing {
    /// A targeted header that is valid and not empty governs alone (RFC 9213 section 2.2).
    fn of(headers: &Headers) -> Self {
        let targeted = headers.value("cdn-cache-control").map(targeted::parse);
        if let Some(Ok(Some(said))) = targeted {
            return Self { said, is_cache_control: false };
        }
        let text = headers.value("cache-control").unwrap_or_default();
        Self { said: ResponseDirectives::parse(text), is_cache_control: true }
    }
}

/// Checks the clauses of RFC 9111 section 3, and this cache's own.
fn refuse_unstorable(
    policy: &Policy,
    exchange: &Exchange<'_>,
    said: &ResponseDirectives,
) -> Result<(), NotStored> {
    let Exchange { status, headers, .. } = *exchange;
    let refuse = |is_refused: bool, why: NotStored| if is_refused { Err(why) } else { Ok(()) };
    // A GET may reuse the response to a POST that names its own URL and a lifetime (RFC 9110
    // section 9.3.3). The lifetime is checked later.
    let is_method = match *exchange.method {
        Method::GET => true,
        Method::POST => status == 200 && exchange.is_own_content_location,
        _ => false,
    };
    refuse(!is_method, NotStored::Method)?;
    let is_final = (200..=599).contains(&status) && !ABOUT_THE_REQUEST.contains(&status);
    refuse(!is_final, NotStored::Status)?;
    refuse(status == 206 && exchange.extent == Extent::Whole, NotStored::Partial)?;
    refuse(exchange.directives.no_store, NotStored::RequestNoStore)?;
    // RFC 9111 section 5.2.2.3: `must-understand` takes the place of `no-store`.
    refuse(said.must_understand && !is_understood(status), NotStored::NotUnderstood)?;
    refuse(said.no_store && !said.must_understand, NotStored::NoStore)?;
    let surrogate = headers.value("surrogate-control").map(ResponseDirectives::parse);
    refuse(surrogate.is_some_and(|said| said.no_store), NotStored::SurrogateNoStore)?;
    refuse(said.private, NotStored::Private)?;
    let sets_cookie = headers.contains("set-cookie") || headers.contains("set-cookie2");
    refuse(sets_cookie && policy.set_cookie == SetCookie::Never, NotStored::SetCookie)?;
    refuse(Vary::of(headers) == Vary::Any, NotStored::Vary)?;
    // RFC 9111 section 3.5.
    let is_shared =
        said.public || said.must_revalidate || matches!(said.s_maxage, Some(Seconds::Valid(_)));
    refuse(exchange.has_authorization && !is_shared, NotStored::Authorization)?;
    let is_offsite = (300..=399).contains(&status)
        && headers.value("location").is_some_and(|to| !stays_on(to, exchange.authority));
    refuse(is_offsite, NotStored::OffsiteRedirect)
}

/// Returns whether a `Location` stays on the authority, however leniently a client parses it.
fn stays_on(location: &str, authority: &str) -> bool {
    if location.contains(|c: char| c == '\\' || c.is_ascii_control()) {
        return false;
    }
    if let Ok(parts) = url::split(location) {
        return url::authority_agrees(&parts, Some(authority));
    }
    let path = location.trim_start_matches(' ').split(['?', '#']).next().unwrap_or_default();
    let first = path.split('/').next().unwrap_or_default();
    !path.starts_with("//") && !first.contains(':')
}

/// Returns the freshness lifetime; `None` if there is none, which is not the same as zero.
///
/// # Source
/// RFC 9111 sections 4.2.1 and 4.2.2
fn lifetime_ms(policy: &Policy, exchange: &Exchange<'_>, governing: &Governing) -> Option<u64> {
    let Exchange { status, headers, .. } = *exchange;
    let said = &governing.said;
    let received = exchange.received_ms.seconds();
    let date = date_of(headers, "date", received).unwrap_or(received);
    if let Some(seconds) = said.s_maxage.or(said.max_age) {
        return Some(seconds.counted().millis());
    }
    if governing.is_cache_control && headers.contains("expires") {
        // A date that can't be read is in the past (RFC 9111 section 5.3).
        let expires = date_of(headers, "expires", received).unwrap_or(UnixSeconds(0));
        return Some(expires.since(date).saturating_mul(1_000));
    }
    let may_guess = policy.heuristic
        && exchange.method == Method::GET
        && (said.public || HEURISTIC.contains(&status));
    if !may_guess {
        return None;
    }
    let last_modified = date_of(headers, "last-modified", received)?;
    // A tenth of its age (RFC 9111 section 4.2.2).
    Some(date.since(last_modified).saturating_mul(100))
}

fn timing(
    policy: &Policy,
    exchange: &Exchange<'_>,
    said: &ResponseDirectives,
    lifetime_ms: u64,
) -> Timing {
    // RFC 9111 sections 4.2.4 and 5.2.2.10.
    let never_stale =
        said.must_revalidate || said.proxy_revalidate || said.no_cache || said.s_maxage.is_some();
    let window_ms = |seconds: Option<Seconds>, otherwise_ms: u64| match seconds {
        _ if never_stale => 0,
        Some(seconds) => seconds.counted().millis(),
        None => otherwise_ms,
    };
    let lifetime_ms = lifetime_ms.min(policy.cap_ms);
    let while_revalidate_ms = window_ms(said.stale_while_revalidate, 0);
    let if_error_ms = window_ms(said.stale_if_error, 0);
    // An old copy is better than an error, unless the upstream says otherwise.
    let if_lost_ms = window_ms(said.stale_if_error, policy.cap_ms.saturating_sub(lifetime_ms));
    let widest_ms = while_revalidate_ms.max(if_error_ms).max(if_lost_ms);
    Timing {
        requested_ms: exchange.requested_ms,
        received_ms: exchange.received_ms,
        initial_age_ms: initial_age_ms(exchange),
        lifetime_ms,
        while_revalidate_ms,
        if_error_ms,
        if_lost_ms,
        life_ms: lifetime_ms.saturating_add(widest_ms).min(policy.cap_ms),
        always_validate: said.no_cache,
        never_stale,
    }
}

/// Returns the corrected initial age (RFC 9111 section 4.2.3).
fn initial_age_ms(exchange: &Exchange<'_>) -> u64 {
    let Exchange { headers, received_ms, .. } = *exchange;
    // In whole seconds, like the Date.
    let received = received_ms.seconds();
    let date = date_of(headers, "date", received).unwrap_or(received);
    let apparent_age_ms = received.since(date).saturating_mul(1_000);
    // The first member counts; an invalid one is ignored (RFC 9111 section 5.1).
    let first = headers.value("age").and_then(|ages| ages.split(',').next()).unwrap_or_default();
    let age_value = DeltaSeconds::parse(first.trim()).unwrap_or_default();
    let response_delay_ms = received_ms.since(exchange.requested_ms);
    apparent_age_ms.max(age_value.millis().saturating_add(response_delay_ms))
}

fn date_of(headers: &Headers, name: &str, now: UnixSeconds) -> Option<UnixSeconds> {
    date::parse(headers.value(name)?, now)
}

#[cfg(test)]
mod tests;
