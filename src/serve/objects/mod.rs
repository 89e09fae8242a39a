//! Collections: an object from the edge tier where its copy may be used, else from the store.
//!
//! Not the fresh host, which keeps nothing, and not where objects are written. The invariant is
//! that whether an object exists is for the store to say, and that a copy is validated with the
//! store's entity tag instead of being read again.

pub mod describe;
pub mod uncached;
pub mod fresh_host;

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::freshness::{Failure, Freshness, Timing};
use crate::cache::tiers::Tiers;
use crate::cache::variants::{self, Lookup};
use crate::ports::{EdgeContent, Fault, Object, ObjectMeta, Ports};
use crate::serve::outcome::{Outcome, hit, present};
use crate::serve::request::Request;
use crate::serve::response::ReplyBody;
use crate::site::collection::{Collection, OBJECT_LIFE_SECS_MAX, ObjectName};
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys::{self, Key, StoredFor};
use crate::site::records::ban::{Ban, Subject};
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// Where the tags of a copy are kept; no client gets the field.
const TAGS_FIELD: &str = "selvedge-tags";

/// What is known of a request for an object before the store is asked.
pub struct Route<'a> {
    /// The collection.
    pub collection: &'a Collection,
    /// The object.
    pub name: &'a ObjectName,
    /// The site.
    pub site: &'a SiteName,
    /// The stage whose copies may be kept; `None` where none is.
    pub stored_for: Option<StoredFor<'a>>,
    /// The bans of the live record.
    pub bans: &'a [Ban],
}

/// What a request for an object gets, `None` where there is no such object.
///
/// # Errors
/// [`Fault`] when the store could not say, and no copy may be used in its place.
pub async fn answer<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    route: &Route<'_>,
) -> Result<Option<Outcome<P>>, Fault> {
    let outcome = match route.stored_for.filter(|_| request.is_read()) {
        Some(of) => {
            let (collection, name) = (route.collection.name.as_str(), route.name.as_str());
            let selected = ContentHash::of(["object ", collection, " ", name].concat().as_bytes());
            let key = keys::stored(route.site, &of, &selected);
            Copy { tiers, route, key }.read(request).await?
        }
        None => from_store(tiers, request, route).await?,
    };
    Ok(outcome.map(|outcome| for_clients(outcome, route.collection)))
}

/// What the store itself gives.
async fn from_store<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    route: &Route<'_>,
) -> Result<Option<Outcome<P>>, Fault> {
    let Route { site, collection, name, .. } = *route;
    // Boxed: a hit does not carry the state of a miss.
    Box::pin(uncached::read(tiers, request, site, collection, name)).await
}

fn for_clients<P: Ports>(mut outcome: Outcome<P>, collection: &Collection) -> Outcome<P> {
    if matches!(outcome.status, 200 | 206 | 304) {
        outcome.headers.set("cache-control", collection.browser.clone());
    }
    outcome.headers.remove(TAGS_FIELD);
    outcome
}

/// An object and where its copy is.
struct Copy<'a, P: Ports> {
    tiers: &'a Tiers<P>,
    route: &'a Route<'a>,
    key: Key,
}

impl<P: Ports> Copy<'_, P> {
    async fn read(&self, request: &Request<'_>) -> Result<Option<Outcome<P>>, Fault> {
        let ports = &self.tiers.ports;
        let (stored, reason) = match variants::find(self.tiers, &self.key, &Headers::new()).await {
            Lookup::Found(stored, body) => match self.judge(request, &stored) {
                Freshness::Fresh => return Ok(Some(hit(ports, request, stored, body, "edge"))),
                Freshness::StaleWhileRevalidate => {
                    self.refresh_behind();
                    return Ok(Some(hit(ports, request, stored, body, "stale-while-revalidate")));
                }
                Freshness::Miss => (None, Forward::Stale),
                Freshness::StaleIfError | Freshness::MustValidate => {
                    (Some((stored, body)), Forward::Stale)
                }
            },
            Lookup::UriMiss | Lookup::VaryMiss => (None, Forward::UriMiss),
        };
        let is_part = request.method != Method::GET || request.range().is_some();
        match stored {
            // A copy is made of whole objects only.
            None if is_part => from_store(self.tiers, request, self.route).await,
            stored => Box::pin(self.revalidate(request, stored, reason)).await,
        }
    }

    /// Asks the store whether a copy is still right, where there is one, else for the object.
    async fn revalidate(
        &self,
        request: &Request<'_>,
        stored: Option<(Entry, P::Body)>,
        reason: Forward,
    ) -> Result<Option<Outcome<P>>, Fault> {
        let ports = &self.tiers.ports;
        let mut status = CacheStatus::forward(reason);
        let asked_ms = ports.now();
        let opened = self.open(stored.as_ref().map(|(stored, _)| stored.etag())).await;
        match (opened, stored) {
            (Ok(Some(Object::Found(meta, body))), _) => {
                let stored = self.stored(&meta, asked_ms);
                let body = self.keep_told(stored.clone(), body, &mut status).await?;
                Ok(Some(present(ports, request, stored, body, status)))
            }
            (Ok(Some(Object::NotModified(meta))), Some((_, body))) => {
                status.detail = Some("validated");
                let stored = self.stored(&meta, asked_ms);
                match self.keep(stored.clone(), body).await {
                    Ok(body) => Ok(Some(present(ports, request, stored, body, status))),
                    // The copy that was validated is gone: the store has all of it.
                    Err(_) => from_store(self.tiers, request, self.route).await,
                }
            }
            (Ok(Some(Object::NotModified(_))), None) => Err(Fault::Failed),
            (Ok(None), _) => {
                variants::give_up(self.tiers, &self.key, asked_ms).await;
                Ok(None)
            }
            (Err(_), Some((stored, body))) if stored.timing.bridges(Failure::Lost, ports.now()) => {
                Ok(Some(hit(ports, request, stored, body, "stale-if-error")))
            }
            (Err(fault), _) => Err(fault),
        }
    }

    /// What may be done with a copy now.
    fn judge(&self, request: &Request<'_>, stored: &Entry) -> Freshness {
        let subject = Subject {
            path: request.path.decoded(),
            tags: stored.headers.value(TAGS_FIELD).unwrap_or_default(),
            collection: Some(&self.route.collection.name),
            object: Some(self.route.name),
            requested_ms: stored.timing.requested_ms,
        };
        stored.timing.judge_under(self.route.bans, &subject, self.tiers.ports.now())
    }

    fn stored(&self, meta: &ObjectMeta, asked_ms: UnixMillis) -> Entry {
        let Route { collection, name, .. } = *self.route;
        let mut headers = describe::object_headers(collection, name.as_str(), meta);
        headers.set("content-length", meta.length.to_string());
        if !meta.tags.is_empty() {
            headers.set(TAGS_FIELD, meta.tags.clone());
        }
        let Collection { edge_ttl, stale_while_revalidate, stale_if_error, .. } = *collection;
        let widest = stale_while_revalidate.max(stale_if_error);
        let life_ms = edge_ttl.millis().saturating_add(widest.millis());
        let timing = Timing {
            requested_ms: asked_ms,
            received_ms: asked_ms,
            initial_age_ms: 0,
            lifetime_ms: edge_ttl.millis(),
            while_revalidate_ms: stale_while_revalidate.millis(),
            if_error_ms: stale_if_error.millis(),
            if_lost_ms: stale_if_error.millis(),
            life_ms: life_ms.min(DeltaSeconds(OBJECT_LIFE_SECS_MAX).millis()),
            always_validate: false,
            never_stale: false,
        };
        Entry { status: 200, headers, timing, length: meta.length, complete: None }
    }

    /// Keeps a copy behind the response; the body comes back.
    async fn keep(&self, stored: Entry, body: P::Body) -> Result<ReplyBody<P>, Fault> {
        let (body, content) = self.split(body, stored.length).await?;
        variants::keep_behind(self.tiers, &self.key, stored, content, &Headers::new(), None);
        Ok(body)
    }

    /// Keeps a copy and says whether it is kept: before the response where the body is held, behind
    /// it where it streams, which nobody knows the end of. The body comes back.
    async fn keep_told(
        &self,
        stored: Entry,
        body: P::Body,
        status: &mut CacheStatus,
    ) -> Result<ReplyBody<P>, Fault> {
        let (body, content) = self.split(body, stored.length).await?;
        let none = Headers::new();
        match content {
            EdgeContent::Stream(..) => {
                variants::keep_behind(self.tiers, &self.key, stored, content, &none, None);
            }
            _ => {
                let kept = variants::keep(self.tiers, &self.key, stored, content, &none);
                status.stored = kept.await;
            }
        }
        Ok(body)
    }

    async fn split(
        &self,
        body: P::Body,
        length: u64,
    ) -> Result<(ReplyBody<P>, EdgeContent<P>), Fault> {
        match length {
            0 => Ok((ReplyBody::Empty, EdgeContent::Bytes(Vec::new()))),
            length => variants::split(&self.tiers.ports, body, length).await,
        }
    }

    fn refresh_behind(&self) {
        variants::refresh_behind(self.tiers, &self.key, || {
            let (tiers, key) = (self.tiers.clone(), self.key.clone());
            let Route { collection, name, site, .. } = *self.route;
            let (collection, name, site) = (collection.clone(), name.clone(), site.clone());
            async move {
                let (collection, name, site) = (&collection, &name, &site);
                let route = Route { collection, name, site, stored_for: None, bans: &[] };
                Copy { tiers: &tiers, route: &route, key }.refresh().await;
            }
        });
    }

    async fn refresh(&self) {
        let claimed = variants::claim_refresh(self.tiers, &self.key, &Headers::new()).await;
        let Some((stored, body)) = claimed else { return };
        let asked_ms = self.tiers.ports.now();
        let (meta, body) = match self.open(Some(stored.etag())).await {
            Ok(Some(Object::Found(meta, body))) => (meta, body),
            Ok(Some(Object::NotModified(meta))) => (meta, body),
            Ok(None) => return variants::give_up(self.tiers, &self.key, asked_ms).await,
            // The copy stays as it is, to the end of its window.
            Err(_) => return,
        };
        let stored = self.stored(&meta, asked_ms);
        let content = EdgeContent::Stream(body, meta.length);
        variants::keep(self.tiers, &self.key, stored, content, &Headers::new()).await;
    }

    async fn open(&self, known_etag: Option<&str>) -> Result<Option<Object<P::Body>>, Fault> {
        let Route { site, collection, name, .. } = *self.route;
        let key = keys::object(site, &collection.name, name);
        uncached::open(self.tiers, &key, known_etag, None).await
    }
}
