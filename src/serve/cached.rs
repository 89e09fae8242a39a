//! The response that a client gets of a cache entry.

use crate::cache::entry::Entry;
use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::present::{Found, Open, present};
use crate::serve::request::Request;
use crate::site::ids::SiteName;
use crate::site::keys::StoredFor;
use crate::site::records::ban::Ban;
use crate::wire::cache_status::CacheStatus;

/// The cache entries that a request may use.
#[derive(Clone, Copy)]
pub struct CacheScope<'a> {
    pub site: &'a SiteName,
    /// The stage whose entries these are; `None` if it caches nothing.
    pub stored_for: Option<StoredFor<'a>>,
    pub bans: &'a [Ban],
}

/// Headers that a 304 for a cache entry leaves out: they describe a body (RFC 9110 section 15.4.5).
const BODY_HEADERS: [&str; 4] =
    ["content-length", "content-type", "content-encoding", "content-range"];

/// Returns the response for an entry that was fetched or validated just now.
///
/// # Source
/// RFC 9111 section 4.3.2; RFC 9110 section 14.2
pub fn respond<P: Ports>(
    ports: &P,
    request: &Request<'_>,
    entry: Entry,
    body: ResponseBody<P>,
    cache_status: CacheStatus,
) -> Draft<P> {
    let now = ports.now();
    let Entry { status, mut headers, timing, .. } = entry;
    headers.set("age", (timing.age_ms(now) / 1_000).to_string());
    if !(200..300).contains(&status) {
        return Draft { cache_status, ..Draft::new(status, headers, body) };
    }
    // A stream of unknown length has no ranges.
    let length = headers.value("content-length").filter(|_| status == 200);
    let length = length.and_then(|text| text.parse().ok());
    let found = Found { status, headers, length };
    let (mut draft, open) = present(request, found, request.range().as_deref(), now.seconds());
    draft.body = match (open, body) {
        (Open::Nothing, _) => draft.body,
        (Open::Part(part), ResponseBody::Held(held, _)) => ResponseBody::Held(held, Some(part)),
        (Open::Part(part), ResponseBody::Stream(body)) => match ports.cut(body, part) {
            Ok(body) => ResponseBody::Stream(body),
            Err(_) => return Draft::error(HttpError::BadGateway).detail("upstream-lost"),
        },
        (Open::Whole | Open::Part(_), body) => body,
    };
    if draft.status == 304 {
        BODY_HEADERS.iter().for_each(|name| draft.headers.remove(name));
    }
    Draft { cache_status, ..draft }
}

/// Returns the response for an entry that is used without asking its source.
pub fn hit<P: Ports>(
    ports: &P,
    request: &Request<'_>,
    entry: Entry,
    body: P::Body,
    detail: &'static str,
) -> Draft<P> {
    let ttl = Some(entry.timing.ttl_secs(ports.now()));
    let cache_status = CacheStatus { ttl, detail: Some(detail), ..CacheStatus::hit() };
    let body = if entry.length == 0 { ResponseBody::Empty } else { ResponseBody::Stream(body) };
    respond(ports, request, entry, body, cache_status)
}
