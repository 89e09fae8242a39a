//! Reads an object from the store, which sends no more than the response needs.

use http::Method;

use crate::cache::tiers::Tiers;
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::persistently;
use crate::ports::{Object, ObjectMeta, Part, Ports, Result};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::objects::describe;
use crate::serve::present::{Found, Open, present};
use crate::serve::request::{Request, RequestHeader};
use crate::site::collection::{Collection, ObjectName};
use crate::site::ids::SiteName;
use crate::site::keys::{self, Key};
use crate::wire::etag::{self, Member};

/// Returns the response for an object, `None` if there is no such object.
///
/// # Errors
/// If the store failed.
pub async fn read<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
    collection: &Collection,
    name: &ObjectName,
) -> Result<Option<Draft<P>>> {
    let key = keys::object(site, &collection.name, name);
    let read = Read { tiers, request, key, collection, name };
    let range = request.range();
    if request.method != Method::GET || range.is_some() {
        let Some(meta) = meta(tiers, &read.key).await? else { return Ok(None) };
        if let Some(draft) = read.partly(&meta, range.as_deref()).await? {
            return Ok(Some(draft));
        }
    }
    read.whole().await
}

/// Opens an object or a part of it, unless it still has the known entity tag; returns `None` if
/// there is no such object.
///
/// # Errors
/// If the store failed.
pub fn open<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
    known_etag: Option<&str>,
    part: Option<Part>,
) -> impl Future<Output = Result<Option<Object<P::Body>>>> {
    let ms = tiers.store_ms(tiers.ports.settings().deadlines.blob_ms);
    persistently(&tiers.ports, ms, move || tiers.ports.object_read(key, known_etag, part))
}

/// Reads the metadata of an object; returns `None` if there is no such object.
///
/// # Errors
/// If the store failed.
pub fn meta<P: Ports>(
    tiers: &Tiers<P>,
    key: &Key,
) -> impl Future<Output = Result<Option<ObjectMeta>>> {
    let ms = tiers.store_ms(tiers.ports.settings().deadlines.blob_ms);
    persistently(&tiers.ports, ms, move || tiers.ports.object_meta(key))
}

struct Read<'a, P: Ports> {
    tiers: &'a Tiers<P>,
    request: &'a Request<'a>,
    key: Key,
    collection: &'a Collection,
    name: &'a ObjectName,
}

impl<P: Ports> Read<'_, P> {
    /// Returns a response that needs less than the whole object; `None` if it needs all of it.
    async fn partly(&self, meta: &ObjectMeta, range: Option<&str>) -> Result<Option<Draft<P>>> {
        match self.request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(Some(Draft::options())),
            _ => return Ok(Some(Draft::error(HttpError::MethodNotAllowed))),
        }
        let (draft, open_as) = self.present(meta, range);
        match open_as {
            Open::Nothing => Ok(Some(draft)),
            Open::Whole => Ok(None),
            Open::Part(part) => match open(self.tiers, &self.key, None, Some(part)).await? {
                Some(Object::Found(found, body)) if found.etag == meta.etag => {
                    Ok(Some(Draft { body: ResponseBody::Stream(body), ..draft }))
                }
                // It was overwritten in the meantime: the client gets all of the new object.
                _ => Ok(None),
            },
        }
    }

    /// Reads all of an object, which the store does not send if the client has it.
    async fn whole(&self) -> Result<Option<Draft<P>>> {
        let known = self.request.headers.value(RequestHeader::IfNoneMatch);
        let known = known.as_deref().and_then(single_tag);
        let (meta, body) = match open(self.tiers, &self.key, known.as_deref(), None).await? {
            None => return Ok(None),
            Some(Object::Found(meta, body)) => (meta, Some(body)),
            Some(Object::NotModified(meta)) => (meta, None),
        };
        let (draft, open_as) = self.present(&meta, None);
        Ok(Some(match (open_as, body) {
            (Open::Whole, Some(body)) if meta.length > 0 => {
                Draft { body: ResponseBody::Stream(body), ..draft }
            }
            (Open::Whole, None) => {
                let headers = self.found(&meta).headers;
                Draft::new(304, headers, ResponseBody::Empty).detail("store")
            }
            _ => draft,
        }))
    }

    fn present(&self, meta: &ObjectMeta, range: Option<&str>) -> (Draft<P>, Open) {
        let now = self.tiers.ports.now().seconds();
        let (draft, open_as) = present(self.request, self.found(meta), range, now);
        let draft = if draft.error.is_none() { draft.detail("store") } else { draft };
        (draft, open_as)
    }

    fn found(&self, meta: &ObjectMeta) -> Found {
        let headers = describe::object_headers(self.collection, self.name.as_str(), meta);
        Found { status: 200, headers, length: Some(meta.length) }
    }
}

/// Returns the entity tag of an `If-None-Match` with a single one, as a store compares it.
fn single_tag(value: &str) -> Option<String> {
    let mut members = etag::members(value);
    match (members.next(), members.next()) {
        (Some(Member::Tag(tag)), None) => Some(format!("\"{}\"", tag.opaque)),
        _ => None,
    }
}
