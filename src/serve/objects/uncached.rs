//! An object straight from the store: nothing of it is kept.
//!
//! Not a tier's copy. The invariant is that conditions are judged on what the store has now, and
//! that a part is a part of that, or else the whole is sent.

use http::Method;

use crate::cache::tiers::Tiers;
use crate::ports::deadline::{self, persistently};
use crate::ports::{Fault, Object, ObjectMeta, Part, Ports};
use crate::serve::constant::Constant;
use crate::serve::objects::describe;
use crate::serve::outcome::Outcome;
use crate::serve::request::{Request, RequestHeader};
use crate::serve::response::ReplyBody;
use crate::site::collection::{Collection, ObjectName};
use crate::site::ids::SiteName;
use crate::site::keys::{self, Key};
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::etag::{self, Member};
use crate::wire::headers::Headers;
use crate::wire::precondition::Verdict;
use crate::wire::range::{self, RangeOutcome};

/// What a request for an object gets, `None` where there is no such object.
///
/// # Errors
/// [`Fault`] when the store could not say.
pub async fn read<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
    collection: &Collection,
    name: &ObjectName,
) -> Result<Option<Outcome<P>>, Fault> {
    let read =
        Read { tiers, request, key: keys::object(site, &collection.name, name), collection, name };
    if request.method != Method::GET || request.range().is_some() {
        let Some(meta) = read.meta().await? else { return Ok(None) };
        if let Some(outcome) = read.partly(&meta).await? {
            return Ok(Some(outcome));
        }
    }
    read.whole().await
}

/// An object, or a part of it, unless it still has the entity tag that is known; `None` where there
/// is no such object.
///
/// # Errors
/// [`Fault`] when the store could not say.
pub fn open<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    known_etag: Option<&str>,
    part: Option<Part>,
) -> impl Future<Output = Result<Option<Object<P::Body>>, Fault>> {
    let ms = tiers.store_ms(tiers.ports.settings().deadlines.blob_ms);
    deadline::object_read(&tiers.ports, ms, key, known_etag, part)
}

struct Read<'a, P: Ports> {
    tiers: &'a Tiers<P>,
    request: &'a Request<'a>,
    key: Key,
    collection: &'a Collection,
    name: &'a ObjectName,
}

impl<P: Ports> Read<'_, P> {
    /// What takes less than all of an object; `None` where it takes that.
    async fn partly(&self, meta: &ObjectMeta) -> Result<Option<Outcome<P>>, Fault> {
        match self.request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(Some(Outcome::options())),
            _ => return Ok(Some(Outcome::constant(Constant::MethodNotAllowed))),
        }
        if let Some(outcome) = self.conditional(meta) {
            return Ok(Some(outcome));
        }
        let now = self.tiers.ports.now().seconds();
        let (first, last) = match self.request.part(&describe::validators(meta), meta.length, now) {
            RangeOutcome::Part { first, last } => (first, last),
            RangeOutcome::Unsatisfiable => return Ok(Some(Outcome::unsatisfiable(meta.length))),
            RangeOutcome::Full if self.request.method == Method::HEAD => {
                return Ok(Some(self.full(meta, ReplyBody::Empty)));
            }
            RangeOutcome::Full => return Ok(None),
        };
        let part = Part { first, length: last.saturating_sub(first).saturating_add(1) };
        match open(self.tiers, &self.key, None, Some(part)).await? {
            Some(Object::Found(found, body)) if found.etag == meta.etag => {
                let mut headers = self.headers(meta);
                headers.set("content-range", range::content_range(first, last, meta.length));
                headers.set("content-length", part.length.to_string());
                Ok(Some(outcome(206, headers, ReplyBody::Stream(body))))
            }
            // It was written anew meanwhile: a part of the new one is not what was asked.
            _ => Ok(None),
        }
    }

    /// All of an object, which the store does not send when the client has it.
    async fn whole(&self) -> Result<Option<Outcome<P>>, Fault> {
        let known = self.request.headers.value(RequestHeader::IfNoneMatch);
        let known = known.as_deref().and_then(single_tag);
        let (meta, body) = match open(self.tiers, &self.key, known.as_deref(), None).await? {
            None => return Ok(None),
            Some(Object::Found(meta, body)) => (meta, Some(body)),
            Some(Object::NotModified(meta)) => (meta, None),
        };
        if let Some(outcome) = self.conditional(&meta) {
            return Ok(Some(outcome));
        }
        let Some(body) = body else { return Ok(Some(self.not_modified(&meta))) };
        let body = if meta.length == 0 { ReplyBody::Empty } else { ReplyBody::Stream(body) };
        Ok(Some(self.full(&meta, body)))
    }

    /// The outcome when preconditions decide it.
    fn conditional(&self, meta: &ObjectMeta) -> Option<Outcome<P>> {
        let now = self.tiers.ports.now().seconds();
        match self.request.evaluate(&describe::validators(meta), now) {
            Verdict::Proceed => None,
            Verdict::NotModified => Some(self.not_modified(meta)),
            Verdict::PreconditionFailed => Some(Outcome::constant(Constant::PreconditionFailed)),
        }
    }

    async fn meta(&self) -> Result<Option<ObjectMeta>, Fault> {
        let ports = &self.tiers.ports;
        let ms = self.tiers.store_ms(ports.settings().deadlines.blob_ms);
        persistently(ports, ms, || ports.object_meta(&self.key)).await
    }

    fn full(&self, meta: &ObjectMeta, body: ReplyBody<P>) -> Outcome<P> {
        let mut headers = self.headers(meta);
        headers.set("content-length", meta.length.to_string());
        outcome(200, headers, body)
    }

    fn not_modified(&self, meta: &ObjectMeta) -> Outcome<P> {
        outcome(304, self.headers(meta), ReplyBody::Empty)
    }

    fn headers(&self, meta: &ObjectMeta) -> Headers {
        describe::object_headers(self.collection, self.name.as_str(), meta)
    }
}

fn outcome<P: Ports>(status: u16, headers: Headers, body: ReplyBody<P>) -> Outcome<P> {
    let detail = Some("store");
    let cache_status = CacheStatus { detail, ..CacheStatus::forward(Forward::Bypass) };
    Outcome { status, headers, body, cache_status }
}

/// The entity tag of an `If-None-Match` that has one alone, as a store compares it.
fn single_tag(value: &str) -> Option<String> {
    let mut members = etag::members(value);
    match (members.next(), members.next()) {
        (Some(Member::Tag(tag)), None) => Some(format!("\"{}\"", tag.opaque)),
        _ => None,
    }
}
