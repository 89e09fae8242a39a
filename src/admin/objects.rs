//! Writes, reads, lists and deletes objects of collections.
//!
//! An object is stored whole or not at all, in a collection that a live deployment has.

use http::Method;
use serde::Serialize;

use crate::admin::collections::{ObjectId, Served};
use crate::admin::error::{AdminError, Invalid, Result};
use crate::admin::handler::{Handler, respond};
use crate::admin::invalidate::CopiesView;
use crate::admin::object_headers::{self, Precondition};
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::{persistently, within};
use crate::ports::{Condition, Object, ObjectBody, ObjectMeta, ObjectWritten, Ports};
use crate::serve::draft::Draft;
use crate::serve::request::RequestHeader;
use crate::site::collection::{CollectionName, ObjectName};
use crate::site::keys;
use crate::site::records::ban;
use crate::wire::path::RequestPath;
use crate::wire::time::UnixMillis;

/// Maximum number of objects per page of a listing: the page size of both stores.
const LIST_OBJECTS_MAX: u32 = 1_000;

#[derive(Serialize)]
struct WrittenObject<'a> {
    name: &'a ObjectName,
    etag: &'a str,
    length: u64,
    url: String,
    #[serde(flatten)]
    copies: CopiesView,
}

#[derive(Serialize)]
struct DeletedObject<'a> {
    name: &'a ObjectName,
    deleted: bool,
    #[serde(flatten)]
    copies: CopiesView,
}

#[derive(Serialize)]
struct ObjectList<'a> {
    objects: Vec<ObjectView<'a>>,
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct ObjectView<'a> {
    name: &'a str,
    length: u64,
    etag: &'a str,
    media_type: &'a str,
    tags: Vec<&'a str>,
    written_ms: UnixMillis,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn put_object(&self, object: ObjectId) -> Result<Draft<P>> {
        let (ports, settings) = (&self.tiers.ports, self.settings());
        let (precondition, invalidates) = (self.precondition()?, self.invalidates()?);
        let length = self.content_length()?;
        if length > settings.store.blob_bytes_max() {
            return Err(AdminError::ObjectTooLarge(settings.store));
        }
        let meta = self.declared(&object, length)?;
        let served = self.served(&object.collection).await?;
        let condition = match precondition {
            Precondition::None => Condition::Any,
            Precondition::Absent => Condition::Absent,
            Precondition::Etag(etag) => Condition::Is(etag),
            Precondition::Present => {
                let current = self.object_meta(&object).await?;
                Condition::Is(current.ok_or(AdminError::PreconditionFailed(None))?.etag)
            }
        };
        let write = ports.object_write(&object.key, ObjectBody::RequestBody, &meta, &condition);
        let written = within(ports, settings.deadlines.upload_ms, write).await;
        match written.map_err(AdminError::of_write)? {
            ObjectWritten::Done(etag) => {
                Ok(self.written(&object, &served, &etag, length, invalidates).await)
            }
            ObjectWritten::Lost => {
                let current = self.object_meta(&object).await?;
                Err(AdminError::PreconditionFailed(current.map(|meta| meta.etag)))
            }
        }
    }

    pub async fn get_object(&self, object: ObjectId) -> Result<Draft<P>> {
        if self.request.method == Method::HEAD {
            let meta = self.object_meta(&object).await?;
            let Some(meta) = meta else { return Err(self.absent(&object).await) };
            return Ok(object_headers::draft(meta, ResponseBody::Empty));
        }
        let (ports, ms) = self.store();
        match persistently(ports, ms, || ports.object_read(&object.key, None, None)).await? {
            Some(Object::Found(meta, body)) => {
                Ok(object_headers::draft(meta, ResponseBody::Stream(body)))
            }
            Some(Object::NotModified(_)) | None => Err(self.absent(&object).await),
        }
    }

    /// Deletes an object. No store deletes conditionally, so the precondition is checked first.
    pub async fn delete_object(&self, object: ObjectId) -> Result<Draft<P>> {
        let invalidates = self.invalidates()?;
        if self.check_precondition(&object).await?.is_none() {
            return Err(self.absent(&object).await);
        }
        let served = self.find_served(&object.collection).await?;
        self.delete(&object.key).await?;
        let ttl_secs = served.map_or(0, |served| self.copies_ttl_secs(&served));
        let copies = self.invalidate_copies(&object, invalidates, ttl_secs).await;
        Ok(respond(200, &DeletedObject { name: &object.name, deleted: true, copies }))
    }

    pub async fn list_objects(&self, collection: CollectionName) -> Result<Draft<P>> {
        let raw = ["/", &self.query("prefix").unwrap_or_default()].concat();
        let prefix = RequestPath::parse(&raw);
        let prefix = prefix.map_err(|_| Invalid::ListPrefix)?;
        let prefix = prefix.canonical();
        let prefix = prefix.trim_start_matches('/');
        let limit = match self.query("limit") {
            None => Some(LIST_OBJECTS_MAX),
            Some(text) => text.parse().ok().filter(|n| (1..=LIST_OBJECTS_MAX).contains(n)),
        };
        let limit = limit.ok_or(Invalid::ListLimit)?;
        let cursor = self.query("cursor").filter(|cursor| !cursor.is_empty());
        let (ports, ms) = self.store();
        let below = keys::object_prefix(&self.site, &collection, prefix);
        let list = || ports.object_list(&below, cursor.as_deref(), limit);
        let page = persistently(ports, ms, list).await?;
        if page.objects.is_empty() && cursor.is_none() {
            // The collection may be empty, or not exist.
            self.served(&collection).await?;
        }
        let root = keys::object_prefix(&self.site, &collection, "");
        let objects = page.objects.iter();
        let objects = objects.filter_map(|(key, meta)| Some(view(key.strip_prefix(&root)?, meta)));
        let list = ObjectList { objects: objects.collect(), cursor: page.cursor.as_deref() };
        Ok(respond(200, &list))
    }

    async fn object_meta(&self, object: &ObjectId) -> Result<Option<ObjectMeta>> {
        let (ports, ms) = self.store();
        Ok(persistently(ports, ms, || ports.object_meta(&object.key)).await?)
    }

    fn precondition(&self) -> Result<Precondition> {
        let if_match = self.request.headers.value(RequestHeader::IfMatch);
        let if_none_match = self.request.headers.value(RequestHeader::IfNoneMatch);
        Precondition::parse(if_match.as_deref(), if_none_match.as_deref())
    }

    /// Checks the precondition against the current object; returns its entity tag.
    pub async fn check_precondition(&self, object: &ObjectId) -> Result<Option<String>> {
        let precondition = self.precondition()?;
        let current = self.object_meta(object).await?.map(|meta| meta.etag);
        match precondition.holds(current.as_deref()) {
            true => Ok(current),
            false => Err(AdminError::PreconditionFailed(current)),
        }
    }

    /// Returns the metadata that the request declares.
    pub fn declared(&self, object: &ObjectId, length: u64) -> Result<ObjectMeta> {
        let headers = self.tiers.ports.request_headers();
        Ok(ObjectMeta {
            length,
            etag: String::new(),
            media_type: object_headers::media_type(&headers, &object.name)?,
            tags: object_headers::tags(&headers)?,
            written_ms: self.tiers.ports.now(),
        })
    }

    /// Invalidates the edge copies of an object that was just stored, and describes it.
    pub async fn written(
        &self,
        object: &ObjectId,
        served: &Served,
        etag: &str,
        length: u64,
        invalidates: bool,
    ) -> Draft<P> {
        let ttl_secs = self.copies_ttl_secs(served);
        let copies = self.invalidate_copies(object, invalidates, ttl_secs).await;
        let (name, url) = (&object.name, self.object_url(served, &object.name));
        respond(200, &WrittenObject { name, etag, length, url, copies })
    }
}

fn view<'a>(name: &'a str, meta: &'a ObjectMeta) -> ObjectView<'a> {
    ObjectView {
        name,
        length: meta.length,
        etag: &meta.etag,
        media_type: &meta.media_type,
        tags: ban::tags(&meta.tags).collect(),
        written_ms: meta.written_ms,
    }
}
