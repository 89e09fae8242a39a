//! Collections: an object from the edge tier where its copy may be used, else from the store.
//!
//! Not the fresh host, which keeps nothing, and not where objects are written. The invariant is
//! that whether an object exists is for the store to say, and that a copy is validated with the
//! store's entity tag instead of being read again.

use crate::serve::ask::{Ask, Field};
use crate::serve::deadline;
use crate::serve::freshness::{Failure, Freshness, Timing};
use crate::serve::object;
use crate::serve::outcome::{Outcome, hit, present};
use crate::serve::ports::{EdgeContent, Fault, Object, ObjectMeta, Ports};
use crate::serve::reply::ReplyBody;
use crate::serve::stored::StoredResponse;
use crate::serve::tiers::Tiers;
use crate::serve::uncached;
use crate::serve::variants::{self, Lookup};
use crate::site::ban::{Ban, Subject};
use crate::site::collection::{Collection, OBJECT_LIFE_SECS_MAX, ObjectName};
use crate::site::ids::{ContentHash, SiteName, StageName};
use crate::site::keys::{self, Key};
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::fields::Fields;
use crate::wire::method::Method;
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
    pub stored_for: Option<&'a StageName>,
    /// The bans of the live record.
    pub bans: &'a [Ban],
}

/// What a request for an object gets, `None` where there is no such object.
///
/// # Errors
/// [`Fault`] when the store could not say, and no copy may be used in its place.
pub async fn answer<P: Ports>(
    tiers: &Tiers<P>,
    ask: &Ask<'_>,
    route: &Route<'_>,
) -> Result<Option<Outcome<P>>, Fault> {
    let stage = route.stored_for.filter(|_| ask.is_read());
    let Some(stage) = stage else {
        let read = uncached::read(tiers, ask, route.site, route.collection, route.name).await?;
        return Ok(read.map(|outcome| for_clients(outcome, route.collection)));
    };
    let selected = ["object ", route.collection.name.as_str(), " ", route.name.as_str()].concat();
    let copy = Copy {
        tiers: tiers.clone(),
        site: route.site.clone(),
        key: keys::stored(route.site, stage, &ContentHash::of(selected.as_bytes())),
        collection: route.collection.clone(),
        name: route.name.clone(),
    };
    let outcome = copy.read(ask, route.bans).await?;
    Ok(outcome.map(|outcome| for_clients(outcome, route.collection)))
}

fn for_clients<P: Ports>(mut outcome: Outcome<P>, collection: &Collection) -> Outcome<P> {
    if matches!(outcome.status, 200 | 206 | 304) {
        outcome.fields.set("cache-control", collection.browser.clone());
    }
    outcome.fields.remove(TAGS_FIELD);
    outcome
}

/// An object and where its copy is: all that is needed to read it, now or behind a response.
#[derive(Clone)]
struct Copy<P: Ports> {
    tiers: Tiers<P>,
    site: SiteName,
    key: Key,
    collection: Collection,
    name: ObjectName,
}

impl<P: Ports> Copy<P> {
    async fn read(&self, ask: &Ask<'_>, bans: &[Ban]) -> Result<Option<Outcome<P>>, Fault> {
        let (stored, reason) = match variants::find(&self.tiers, &self.key, &Fields::new()).await {
            Lookup::Found(stored, body) => match self.judge(ask, bans, &stored) {
                Freshness::Fresh => {
                    return Ok(Some(hit(&self.tiers.ports, ask, stored, body, "edge")));
                }
                Freshness::StaleWhileRevalidate => {
                    self.refresh_behind();
                    return Ok(Some(hit(
                        &self.tiers.ports,
                        ask,
                        stored,
                        body,
                        "stale-while-revalidate",
                    )));
                }
                Freshness::Miss => (None, Forward::Stale),
                Freshness::StaleIfError | Freshness::MustValidate => {
                    (Some((stored, body)), Forward::Stale)
                }
            },
            Lookup::UriMiss | Lookup::VaryMiss => (None, Forward::UriMiss),
        };
        let is_part = ask.method != Method::Get || ask.headers.field(Field::Range).is_some();
        if stored.is_none() && is_part {
            // A copy is made of whole objects only.
            return uncached::read(&self.tiers, ask, &self.site, &self.collection, &self.name)
                .await;
        }
        let asked_ms = self.now();
        let known = stored.as_ref().map(|(stored, _)| stored.etag().to_owned());
        match (self.open(known.as_deref()).await, stored) {
            (Ok(Some(Object::Found(meta, body))), _) => {
                let mut status = CacheStatus::forward(reason);
                status.stored = true;
                let stored = self.stored(&meta, asked_ms);
                let body = self.keep(stored.clone(), body).await?;
                Ok(Some(present(&self.tiers.ports, ask, stored, body, status)))
            }
            (Ok(Some(Object::NotModified(meta))), Some((_, body))) => {
                let mut status = CacheStatus::forward(reason);
                status.detail = Some("validated");
                let stored = self.stored(&meta, asked_ms);
                let Ok(body) = self.keep(stored.clone(), body).await else {
                    // The copy that was validated is gone: the store has all of it.
                    return uncached::read(
                        &self.tiers,
                        ask,
                        &self.site,
                        &self.collection,
                        &self.name,
                    )
                    .await;
                };
                Ok(Some(present(&self.tiers.ports, ask, stored, body, status)))
            }
            (Ok(Some(Object::NotModified(_))), None) => Err(Fault::Failed),
            (Ok(None), _) => {
                variants::give_up(&self.tiers, &self.key, asked_ms).await;
                Ok(None)
            }
            (Err(_), Some((stored, body))) if stored.timing.bridges(Failure::Lost, self.now()) => {
                Ok(Some(hit(&self.tiers.ports, ask, stored, body, "stale-if-error")))
            }
            (Err(fault), _) => Err(fault),
        }
    }

    /// What may be done with a copy now.
    fn judge(&self, ask: &Ask<'_>, bans: &[Ban], stored: &StoredResponse) -> Freshness {
        let subject = Subject {
            path: ask.path.decoded(),
            tags: stored.fields.value(TAGS_FIELD).unwrap_or_default(),
            collection: Some(&self.collection.name),
            requested_ms: stored.timing.requested_ms,
        };
        stored.timing.judge_under(bans, &subject, self.now())
    }

    fn stored(&self, meta: &ObjectMeta, asked_ms: UnixMillis) -> StoredResponse {
        let mut fields = object::object_fields(&self.collection, self.name.as_str(), meta);
        fields.set("content-length", meta.length.to_string());
        if !meta.tags.is_empty() {
            fields.set(TAGS_FIELD, meta.tags.clone());
        }
        let Collection { edge_ttl, stale_while_revalidate, stale_if_error, .. } = self.collection;
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
        StoredResponse { status: 200, fields, timing, length: meta.length, complete: None }
    }

    /// Keeps a copy behind the response; the body comes back.
    async fn keep(&self, stored: StoredResponse, body: P::Body) -> Result<ReplyBody<P>, Fault> {
        let length = stored.length;
        if length == 0 {
            self.keep_behind(stored, EdgeContent::Bytes(Vec::new()));
            return Ok(ReplyBody::Empty);
        }
        let (body, content) = variants::split(&self.tiers.ports, body, length).await?;
        self.keep_behind(stored, content);
        Ok(body)
    }

    fn keep_behind(&self, stored: StoredResponse, content: EdgeContent<P>) {
        let copy = self.clone();
        self.tiers.ports.behind(async move {
            variants::keep(&copy.tiers, &copy.key, stored, content, &Fields::new()).await;
        });
    }

    fn refresh_behind(&self) {
        variants::refresh_behind(&self.tiers, &self.key, || {
            let copy = self.clone();
            async move { copy.refresh().await }
        });
    }

    async fn refresh(&self) {
        let claimed = variants::claim_refresh(&self.tiers, &self.key, &Fields::new()).await;
        let Some((stored, body)) = claimed else { return };
        let asked_ms = self.now();
        let (meta, body) = match self.open(Some(stored.etag())).await {
            Ok(Some(Object::Found(meta, body))) => (meta, body),
            Ok(Some(Object::NotModified(meta))) => (meta, body),
            Ok(None) => return variants::give_up(&self.tiers, &self.key, asked_ms).await,
            // The copy stays as it is, to the end of its window.
            Err(_) => return,
        };
        let stored = self.stored(&meta, asked_ms);
        let content = EdgeContent::Stream(body, meta.length);
        variants::keep(&self.tiers, &self.key, stored, content, &Fields::new()).await;
    }

    async fn open(&self, known_etag: Option<&str>) -> Result<Option<Object<P::Body>>, Fault> {
        let ports = &self.tiers.ports;
        let key = keys::object(&self.site, &self.collection.name, &self.name);
        let ms = self.tiers.store_ms(ports.settings().deadlines.blob_ms);
        deadline::object_read(ports, ms, &key, known_etag, None).await
    }

    fn now(&self) -> UnixMillis {
        self.tiers.ports.now()
    }
}
