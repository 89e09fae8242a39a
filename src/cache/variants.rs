//! Stored responses of mutable sources in the edge tier: found by URL and selecting headers, kept,
//! and given up.
//!
//! Not a policy: whether one may be stored or used is [`crate::cache::freshness`]'s. The runtime's
//! cache is a plain store here: it sees bare keys, never a `Vary`, a condition or a range. The
//! invariant is that a variant is found by exactly those whose selecting headers it was made for.

use crate::cache::entry::{Entry, Stored, VARIANTS_MAX, Variant};
use crate::cache::flight::Flight;
use crate::cache::memory::HELD_BYTES_MAX;
use crate::cache::tiers::Tiers;
use crate::ports::deadline::within;
use crate::ports::{EdgeContent, Fault, Ports};
use crate::serve::response::ReplyBody;
use crate::site::ids::ContentHash;
use crate::site::keys::{self, Key};
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};
use crate::wire::vary::{self, Vary};

/// How long putting something into the edge tier may take: a client may be waiting for it.
const PUT_DEADLINE_MS: u64 = 500;
/// How long an invalidation is remembered: longer than any request is under way.
const GONE_TTL: DeltaSeconds = DeltaSeconds(300);
/// How long one refresh keeps others of the data centre from starting.
const REFRESH_LOCK: DeltaSeconds = DeltaSeconds(30);
/// How long an index of variants is kept: as long as what it leads to may be.
const INDEX_TTL: DeltaSeconds = DeltaSeconds(30 * 86_400);

/// What a lookup found.
pub enum Lookup<B> {
    /// A response for this very request, and its body.
    Found(Entry, B),
    /// Nothing of this URL.
    UriMiss,
    /// Something of this URL, for other requests.
    VaryMiss,
}

/// What is stored under a key for a request with these headers.
pub async fn find<P: Ports>(tiers: &Tiers<P>, key: &Key, request: &Headers) -> Lookup<P::Body> {
    let variants = match read(tiers, key).await {
        Some((Stored::Response(response), body)) => return Lookup::Found(response, body),
        Some((Stored::Index(_, variants), _)) => variants,
        Some((Stored::Gone(_), _)) | None => return Lookup::UriMiss,
    };
    for variant in &variants {
        if selecting_hash(&variant.names, request) != variant.hash {
            continue;
        }
        let found = read(tiers, &keys::variant(key, &variant.hash)).await;
        if let Some((Stored::Response(response), body)) = found {
            return Lookup::Found(response, body);
        }
    }
    Lookup::VaryMiss
}

/// Keeps a response, unless what it is of was given up since it was asked for.
///
/// The body must be as long as the response says; a stream that is not is not kept.
pub async fn keep<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    response: Entry,
    content: EdgeContent<P>,
    request: &Headers,
) -> bool {
    let ttl = response.timing.keep_secs();
    let Vary::Names(names) = Vary::of(&response.headers) else { return false };
    let requested_ms = response.timing.requested_ms;
    let Some(head) = Stored::Response(response).to_text() else { return false };
    let present = read(tiers, key).await.map(|(stored, _)| stored);
    // What was asked for earlier than what is there may be from before it was given up.
    let (gone_ms, mut variants) = match present {
        Some(Stored::Gone(at)) if requested_ms <= at => return false,
        Some(Stored::Index(at, _)) if requested_ms <= at => return false,
        Some(Stored::Response(other)) if requested_ms < other.timing.requested_ms => return false,
        Some(Stored::Gone(at)) => (at, Vec::new()),
        Some(Stored::Index(at, variants)) => (at, variants),
        Some(Stored::Response(_)) | None => (UnixMillis(0), Vec::new()),
    };
    let hash = selecting_hash(&names, request);
    let place = match names.is_empty() {
        true => key.clone(),
        false => keys::variant(key, &hash),
    };
    let is_kept = put(tiers, &place, &head, content, ttl).await;
    let variant = Variant { names, hash };
    if !is_kept || variant.names.is_empty() || variants.first() == Some(&variant) {
        return is_kept;
    }
    variants.retain(|known| *known != variant);
    variants.insert(0, variant);
    variants.truncate(VARIANTS_MAX);
    put_word(tiers, key, &Stored::Index(gone_ms, variants), INDEX_TTL).await
}

/// Keeps a response behind the one that is sent; a flight that there is of it ends with that.
pub fn keep_behind<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    response: Entry,
    content: EdgeContent<P>,
    request: &Headers,
    flight: Option<Flight>,
) {
    let (behind, key, request) = (tiers.clone(), key.clone(), request.clone());
    tiers.ports.behind(async move {
        keep(&behind, &key, response, content, &request).await;
        drop(flight);
    });
}

/// Gives up all that is stored under a key, in all its variants, and what is being fetched now.
///
/// # Source
/// RFC 9111 §4.4
pub async fn give_up<P: Ports>(tiers: &Tiers<P>, key: &Key, now: UnixMillis) {
    put_word(tiers, key, &Stored::Gone(now), GONE_TTL).await;
}

/// Goes on with a refresh behind the response, unless one of this isolate is under way.
pub fn refresh_behind<P: Ports, F: Future<Output = ()> + 'static>(
    tiers: &Tiers<P>,
    key: &Key,
    refresh: impl FnOnce() -> F,
) {
    let now = tiers.ports.now();
    if !tiers.memory.flights.claim_refresh(key, now, now.plus(REFRESH_LOCK.millis())) {
        return;
    }
    let (memory, key, refresh) = (tiers.memory.clone(), key.clone(), refresh());
    tiers.ports.behind(async move {
        refresh.await;
        memory.flights.end_refresh(&key);
    });
}

/// What is stored under a key for a request, where the caller is to refresh it for this data
/// centre: nobody else does.
pub async fn claim_refresh<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    request: &Headers,
) -> Option<(Entry, P::Body)> {
    let Lookup::Found(stored, body) = find(tiers, key, request).await else { return None };
    let lock = keys::refresh_lock(key);
    let claimed = read(tiers, &lock).await.map(|(stored, _)| stored);
    // What came after a claim was made is what the claim was for.
    if matches!(claimed, Some(Stored::Gone(at)) if stored.timing.received_ms < at) {
        return None;
    }
    put_word(tiers, &lock, &Stored::Gone(tiers.ports.now()), REFRESH_LOCK).await;
    Some((stored, body))
}

/// A body for the client and for the edge tier: held where it is short, else streamed twice.
///
/// # Errors
/// [`Fault`] when it can't be had whole, or is not as long as it is said to be.
pub async fn split<P: Ports>(
    ports: &P,
    body: P::Body,
    length: u64,
) -> Result<(ReplyBody<P>, EdgeContent<P>), Fault> {
    if length > HELD_BYTES_MAX {
        let (body, copy) = ports.share(body)?;
        return Ok((ReplyBody::Stream(body), EdgeContent::Stream(copy, length)));
    }
    let held = ports.hold_body(body, length).await?;
    if ports.held_length(&held) != length {
        return Err(Fault::Failed);
    }
    Ok((ReplyBody::Held(held.clone(), None), EdgeContent::Held(held)))
}

async fn read<P: Ports>(tiers: &Tiers<P>, key: &Key) -> Option<(Stored, P::Body)> {
    let found = tiers.edge(tiers.ports.stored_find(key)).await?;
    Stored::parse(&found.head).map(|stored| (stored, found.body))
}

/// Puts what says all by itself.
async fn put_word<P: Ports>(tiers: &Tiers<P>, key: &Key, word: &Stored, ttl: DeltaSeconds) -> bool {
    let Some(head) = word.to_text() else { return false };
    put(tiers, key, &head, EdgeContent::Bytes(Vec::new()), ttl).await
}

async fn put<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    head: &str,
    content: EdgeContent<P>,
    ttl: DeltaSeconds,
) -> bool {
    if !tiers.memory.edge_is_open(tiers.ports.now()) {
        return false;
    }
    let put = tiers.ports.stored_keep(key, head, content, ttl);
    let done: Result<(), Fault> = within(&tiers.ports, PUT_DEADLINE_MS, put).await;
    done.is_ok()
}

fn selecting_hash(names: &[String], request: &Headers) -> ContentHash {
    let field = |name: &str| request.value(name).map(str::to_owned);
    ContentHash::of(vary::selecting(names, &field).as_bytes())
}
