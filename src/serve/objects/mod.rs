//! Collections: serves an object from its cache entry, else from the store.
//!
//! An entry is validated with the store's entity tag instead of being read again.

pub mod describe;
pub mod uncached;
pub mod fresh_host;

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::freshness::{Failure, Freshness, Timing};
use crate::cache::tiers::Tiers;
use crate::cache::variants::{Lookup, Variants, split};
use crate::ports::bodies::ResponseBody;
use crate::ports::{EdgeContent, Fault, Object, ObjectMeta, Ports, Result};
use crate::serve::cached::{self, CacheScope, hit};
use crate::serve::draft::Draft;
use crate::serve::request::Request;
use crate::site::collection::{Collection, OBJECT_LIFE_SECS_MAX, ObjectName};
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys;
use crate::site::records::ban::{Ban, Subject};
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// Holds the tags of an object in its cache entry; removed from responses.
pub(in crate::serve) const TAGS_HEADER: &str = "selvedge-tags";

/// Returns the response for an object, `None` if there is no such object.
///
/// # Errors
/// [`Fault`] if the store failed and no cache entry may be used instead.
pub async fn respond<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    scope: &CacheScope<'_>,
    collection: &Collection,
    name: &ObjectName,
) -> Result<Option<Draft<P>>> {
    let CacheScope { site, bans, .. } = *scope;
    let draft = match scope.stored_for.filter(|_| request.is_read()) {
        Some(of) => {
            let selected = ["object ", collection.name.as_str(), " ", name.as_str()].concat();
            let key = keys::stored(site, &of, &ContentHash::of(selected.as_bytes()));
            let entries = Variants { tiers: tiers.clone(), key, request: Headers::new() };
            CachedObject { entries, site, collection, name }.read(request, bans).await?
        }
        // Boxed: a hit does not carry the state of a miss.
        None => Box::pin(uncached::read(tiers, request, site, collection, name)).await?,
    };
    Ok(draft.map(|mut draft| {
        if matches!(draft.status, 200 | 206 | 304) {
            draft.headers.set("cache-control", collection.browser.clone());
        }
        draft.headers.remove(TAGS_HEADER);
        draft
    }))
}

/// Returns the cache entry of an object.
pub(in crate::serve) fn entry(
    collection: &Collection,
    name: &ObjectName,
    meta: &ObjectMeta,
    asked_ms: UnixMillis,
) -> Entry {
    let mut headers = describe::object_headers(collection, name.as_str(), meta);
    headers.set("content-length", meta.length.to_string());
    if !meta.tags.is_empty() {
        headers.set(TAGS_HEADER, meta.tags.clone());
    }
    let Collection { edge_ttl, stale_while_revalidate, stale_if_error, .. } = *collection;
    let widest = stale_while_revalidate.max(stale_if_error);
    let life_ms = edge_ttl.millis().saturating_add(widest.millis());
    let timing = Timing {
        requested_ms: asked_ms,
        received_ms: asked_ms,
        lifetime_ms: edge_ttl.millis(),
        while_revalidate_ms: stale_while_revalidate.millis(),
        if_error_ms: stale_if_error.millis(),
        if_lost_ms: stale_if_error.millis(),
        life_ms: life_ms.min(DeltaSeconds(OBJECT_LIFE_SECS_MAX).millis()),
        ..Timing::default()
    };
    Entry { status: 200, headers, timing, length: meta.length, complete: None }
}

/// An object of a stage that caches.
struct CachedObject<'a, P: Ports> {
    entries: Variants<P>,
    site: &'a SiteName,
    collection: &'a Collection,
    name: &'a ObjectName,
}

impl<P: Ports> CachedObject<'_, P> {
    async fn read(&self, request: &Request<'_>, bans: &[Ban]) -> Result<Option<Draft<P>>> {
        let ports = &self.entries.tiers.ports;
        let (stale, reason) =
            match self.entries.find(|entry| self.judge(entry, request, bans)).await {
                Lookup::Fresh(entry, body) => {
                    return Ok(Some(hit(ports, request, entry, body, "edge")));
                }
                Lookup::StaleWhileRevalidate(entry, body) => {
                    self.refresh_behind();
                    return Ok(Some(hit(ports, request, entry, body, "stale-while-revalidate")));
                }
                Lookup::Stale(entry, body) => (Some((entry, body)), Forward::Stale),
                Lookup::Miss(reason) => (None, reason),
            };
        let is_part = request.method != Method::GET || request.range().is_some();
        match stale {
            // Only whole objects are cached.
            None if is_part => self.read_store(request).await,
            stale => Box::pin(self.revalidate(request, stale, reason)).await,
        }
    }

    /// Asks the store whether a stale entry is current, or for the object if there is no entry.
    async fn revalidate(
        &self,
        request: &Request<'_>,
        stale: Option<(Entry, P::Body)>,
        reason: Forward,
    ) -> Result<Option<Draft<P>>> {
        let ports = &self.entries.tiers.ports;
        let mut status = CacheStatus::forward(reason);
        let asked_ms = ports.now();
        let opened = self.open(stale.as_ref().map(|(entry, _)| entry.etag())).await;
        let (entry, body) = match (opened, stale) {
            (Ok(Some(Object::Found(meta, body))), _) => {
                let entry = self.entry(&meta, asked_ms);
                let (body, content) = self.split(body, entry.length).await?;
                status.stored = self.entries.keep_shared(entry.clone(), content, None).await;
                (entry, body)
            }
            (Ok(Some(Object::NotModified(meta))), Some((_, body))) => {
                status.detail = Some("validated");
                let entry = self.entry(&meta, asked_ms);
                let Ok((body, content)) = self.split(body, entry.length).await else {
                    // The body of the entry that was validated is gone.
                    return self.read_store(request).await;
                };
                self.entries.keep_behind(entry.clone(), content, None);
                (entry, body)
            }
            (Ok(Some(Object::NotModified(_))), None) => return Err(Fault::Failed),
            (Ok(None), _) => {
                self.entries.invalidate(asked_ms).await;
                return Ok(None);
            }
            (Err(_), Some((entry, body))) if entry.timing.bridges(Failure::Lost, ports.now()) => {
                return Ok(Some(hit(ports, request, entry, body, "stale-if-error")));
            }
            (Err(fault), _) => return Err(fault),
        };
        Ok(Some(cached::respond(ports, request, entry, body, status)))
    }

    async fn read_store(&self, request: &Request<'_>) -> Result<Option<Draft<P>>> {
        let Self { entries, site, collection, name } = self;
        Box::pin(uncached::read(&entries.tiers, request, site, collection, name)).await
    }

    fn judge(&self, entry: &Entry, request: &Request<'_>, bans: &[Ban]) -> Freshness {
        let subject = Subject {
            path: request.path.decoded(),
            tags: entry.headers.value(TAGS_HEADER).unwrap_or_default(),
            collection: Some(&self.collection.name),
            object: Some(self.name),
            requested_ms: entry.timing.requested_ms,
        };
        entry.timing.judge_under(bans, &subject, self.entries.tiers.ports.now())
    }

    fn entry(&self, meta: &ObjectMeta, asked_ms: UnixMillis) -> Entry {
        entry(self.collection, self.name, meta, asked_ms)
    }

    async fn split(&self, body: P::Body, length: u64) -> Result<(ResponseBody<P>, EdgeContent<P>)> {
        match length {
            0 => Ok((ResponseBody::Empty, EdgeContent::Bytes(Vec::new()))),
            length => split(&self.entries.tiers.ports, body, length).await,
        }
    }

    fn refresh_behind(&self) {
        self.entries.refresh_behind(|| {
            let (entries, site) = (self.entries.clone(), self.site.clone());
            let (collection, name) = (self.collection.clone(), self.name.clone());
            async move {
                let (site, collection, name) = (&site, &collection, &name);
                CachedObject { entries, site, collection, name }.refresh().await;
            }
        });
    }

    async fn refresh(&self) {
        let Some((entry, body)) = self.entries.claim_refresh().await else { return };
        let asked_ms = self.entries.tiers.ports.now();
        let (meta, body) = match self.open(Some(entry.etag())).await {
            Ok(Some(Object::Found(meta, body))) => (meta, body),
            Ok(Some(Object::NotModified(meta))) => (meta, body),
            Ok(None) => return self.entries.invalidate(asked_ms).await,
            // The entry stays as it is, to the end of its window.
            Err(_) => return,
        };
        let content = EdgeContent::Stream(body, meta.length);
        self.entries.keep(self.entry(&meta, asked_ms), content).await;
    }

    async fn open(&self, known_etag: Option<&str>) -> Result<Option<Object<P::Body>>> {
        let key = keys::object(self.site, &self.collection.name, self.name);
        uncached::open(&self.entries.tiers, &key, known_etag, None).await
    }
}
