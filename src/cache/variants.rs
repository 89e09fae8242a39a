//! Cache entries of objects and actions in the edge tier, found by URL and selecting headers.
//!
//! The runtime's cache is a plain store here: it sees bare keys, never a `Vary`, a condition or a
//! range.

use crate::cache::entry::{Entry, Stored, VARIANTS_MAX, Variant};
use crate::cache::flight::Flight;
use crate::cache::freshness::Freshness;
use crate::cache::memory::HELD_BYTES_MAX;
use crate::cache::tiers::Tiers;
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::within;
use crate::ports::{EdgeContent, Fault, Ports, Result};
use crate::site::ids::ContentHash;
use crate::site::keys::{self, Key};
use crate::wire::cache_status::Forward;
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};
use crate::wire::vary::{self, Vary};

/// How long putting something into the edge tier may take: a client may be waiting for it.
const PUT_DEADLINE_MS: u64 = 500;
/// How long a tombstone is kept: longer than any request takes.
const GONE_TTL: DeltaSeconds = DeltaSeconds(300);
/// How long one refresh keeps others of the data centre from starting.
const REFRESH_LOCK: DeltaSeconds = DeltaSeconds(30);
/// How long a variant index is kept: as long as the entries that it names may be.
const INDEX_TTL: DeltaSeconds = DeltaSeconds(30 * 86_400);

/// The cache entries of one URL or object.
#[derive(Clone)]
pub struct Variants<P: Ports> {
    pub tiers: Tiers<P>,
    pub key: Key,
    /// The headers of the request to the source, which select a variant.
    pub request: Headers,
}

pub enum Lookup<B> {
    /// The body may be incomplete ([`Entry::complete`]).
    Fresh(Entry, B),
    /// To be used while it is refreshed.
    StaleWhileRevalidate(Entry, B),
    /// To be validated, or used if that fails.
    Stale(Entry, B),
    Miss(Forward),
}

impl<P: Ports> Variants<P> {
    pub async fn find(&self, judge: impl Fn(&Entry) -> Freshness) -> Lookup<P::Body> {
        let (entry, body) = match self.entry().await {
            Ok(found) => found,
            Err(reason) => return Lookup::Miss(reason),
        };
        match judge(&entry) {
            Freshness::Fresh => Lookup::Fresh(entry, body),
            _ if entry.complete.is_some() => Lookup::Miss(Forward::Stale),
            Freshness::StaleWhileRevalidate => Lookup::StaleWhileRevalidate(entry, body),
            Freshness::StaleIfError | Freshness::MustValidate => Lookup::Stale(entry, body),
            Freshness::Miss => Lookup::Miss(Forward::Stale),
        }
    }

    async fn entry(&self) -> Result<(Entry, P::Body), Forward> {
        let variants = match self.read(&self.key).await {
            Some((Stored::Response(entry), body)) => return Ok((entry, body)),
            Some((Stored::Index(_, variants), _)) => variants,
            Some((Stored::Gone(_), _)) | None => return Err(Forward::UriMiss),
        };
        for variant in &variants {
            if self.selecting_hash(&variant.names) != variant.hash {
                continue;
            }
            let found = self.read(&keys::variant(&self.key, &variant.hash)).await;
            if let Some((Stored::Response(entry), body)) = found {
                return Ok((entry, body));
            }
        }
        Err(Forward::VaryMiss)
    }

    /// Keeps an entry unless it was fetched before the URL was invalidated; returns whether it is
    /// kept. A stream that is shorter or longer than the entry says is not kept.
    pub async fn keep(&self, entry: Entry, content: EdgeContent<P>) -> bool {
        let ttl = entry.timing.keep_secs();
        let Vary::Names(names) = Vary::of(&entry.headers) else { return false };
        let requested_ms = entry.timing.requested_ms;
        let Some(head) = Stored::Response(entry).to_text() else { return false };
        let present = self.read(&self.key).await.map(|(stored, _)| stored);
        let (gone_ms, mut variants) = match present {
            Some(Stored::Gone(at) | Stored::Index(at, _)) if requested_ms <= at => return false,
            Some(Stored::Response(other)) if requested_ms < other.timing.requested_ms => {
                return false;
            }
            Some(Stored::Gone(at)) => (at, Vec::new()),
            Some(Stored::Index(at, variants)) => (at, variants),
            Some(Stored::Response(_)) | None => (UnixMillis(0), Vec::new()),
        };
        let hash = self.selecting_hash(&names);
        let key = match names.is_empty() {
            true => self.key.clone(),
            false => keys::variant(&self.key, &hash),
        };
        let is_kept = self.put(&key, &head, content, ttl).await;
        let variant = Variant { names, hash };
        if !is_kept || variant.names.is_empty() || variants.first() == Some(&variant) {
            return is_kept;
        }
        variants.retain(|known| *known != variant);
        variants.insert(0, variant);
        variants.truncate(VARIANTS_MAX);
        self.put_bodiless(&self.key, &Stored::Index(gone_ms, variants), INDEX_TTL).await
    }

    /// Keeps an entry in the background; the flight ends with that.
    pub fn keep_behind(&self, entry: Entry, content: EdgeContent<P>, flight: Option<Flight>) {
        let variants = self.clone();
        self.tiers.ports.behind(async move {
            variants.keep(entry, content).await;
            drop(flight);
        });
    }

    /// Keeps an entry before the response if its body is held, behind it if it streams to the
    /// client as well. Returns whether it is known to be kept.
    pub async fn keep_shared(
        &self,
        entry: Entry,
        content: EdgeContent<P>,
        flight: Option<Flight>,
    ) -> bool {
        if matches!(content, EdgeContent::Stream(..)) {
            self.keep_behind(entry, content, flight);
            return false;
        }
        self.keep(entry, content).await
    }

    /// Invalidates all variants, and any response to a request sent until now.
    ///
    /// # Source
    /// RFC 9111 section 4.4
    pub async fn invalidate(&self, now: UnixMillis) {
        self.put_bodiless(&self.key, &Stored::Gone(now), GONE_TTL).await;
    }

    /// Runs a refresh behind the response, unless this isolate is running one for the URL.
    pub fn refresh_behind<F: Future<Output = ()> + 'static>(&self, refresh: impl FnOnce() -> F) {
        let now = self.tiers.ports.now();
        let until = now.plus(REFRESH_LOCK.millis());
        if !self.tiers.memory.flights.claim_refresh(&self.key, now, until) {
            return;
        }
        let (memory, key, refresh) = (self.tiers.memory.clone(), self.key.clone(), refresh());
        self.tiers.ports.behind(async move {
            refresh.await;
            memory.flights.end_refresh(&key);
        });
    }

    /// Claims the refresh of the entry for this data centre; `None` if another request has.
    pub async fn claim_refresh(&self) -> Option<(Entry, P::Body)> {
        let (entry, body) = self.entry().await.ok()?;
        let lock = keys::refresh_lock(&self.key);
        let claimed = self.read(&lock).await.map(|(stored, _)| stored);
        // An entry received after the claim is the result of that refresh.
        if matches!(claimed, Some(Stored::Gone(at)) if entry.timing.received_ms < at) {
            return None;
        }
        self.put_bodiless(&lock, &Stored::Gone(self.tiers.ports.now()), REFRESH_LOCK).await;
        Some((entry, body))
    }

    /// Claims the making of an entry for this data centre; false if another request has within the
    /// last `ms`.
    pub async fn claim(&self, ms: u64) -> bool {
        let lock = keys::refresh_lock(&self.key);
        let now = self.tiers.ports.now();
        let claimed = self.read(&lock).await.map(|(stored, _)| stored);
        if matches!(claimed, Some(Stored::Gone(at)) if now < at.plus(ms)) {
            return false;
        }
        let ttl = DeltaSeconds::saturating_from(ms.div_ceil(1_000));
        self.put_bodiless(&lock, &Stored::Gone(now), ttl).await;
        true
    }

    async fn read(&self, key: &Key) -> Option<(Stored, P::Body)> {
        let found = self.tiers.edge(self.tiers.ports.edge_find(key)).await?;
        Stored::parse(&found.head).map(|stored| (stored, found.body))
    }

    async fn put_bodiless(&self, key: &Key, stored: &Stored, ttl: DeltaSeconds) -> bool {
        let Some(head) = stored.to_text() else { return false };
        self.put(key, &head, EdgeContent::Bytes(Vec::new()), ttl).await
    }

    async fn put(&self, key: &Key, head: &str, content: EdgeContent<P>, ttl: DeltaSeconds) -> bool {
        let ports = &self.tiers.ports;
        if !self.tiers.memory.edge_is_open(ports.now()) {
            return false;
        }
        let put = ports.edge_keep(key, head, content, ttl);
        within(ports, PUT_DEADLINE_MS, put).await.is_ok()
    }

    fn selecting_hash(&self, names: &[String]) -> ContentHash {
        let value = |name: &str| self.request.value(name).map(str::to_owned);
        ContentHash::of(vary::selecting(names, &value).as_bytes())
    }
}

/// Returns a body twice, for the client and the edge tier: held if it is short, else as streams.
///
/// # Errors
/// [`Fault`] if a short body can't be read to its end, or has another length.
pub async fn split<P: Ports>(
    ports: &P,
    body: P::Body,
    length: u64,
) -> Result<(ResponseBody<P>, EdgeContent<P>)> {
    if length > HELD_BYTES_MAX {
        let (body, copy) = ports.share(body)?;
        return Ok((ResponseBody::Stream(body), EdgeContent::Stream(copy, length)));
    }
    let held = ports.hold_body(body, length).await?;
    if ports.held_length(&held) != length {
        return Err(Fault::Failed);
    }
    Ok((ResponseBody::Held(held.clone(), None), EdgeContent::Held(held)))
}
