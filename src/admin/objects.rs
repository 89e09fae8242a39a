//! Objects of collections: writing, reading, listing, deleting.
//!
//! Not how they are served. The invariant is that an object is stored whole or not at all, under a
//! name that is a canonical path, and only in a collection that something live of the site has.

use http::Method;
use serde::Serialize;

use crate::admin::error::AdminError;
use crate::admin::invalidate::{Copies, CopiesView};
use crate::admin::stages::KV_LAG_SECS;
use crate::admin::{Answer, Call};
use crate::ports::body::ResponseBody;
use crate::ports::deadline::{self, persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{Condition, Object, ObjectMeta, ObjectWritten, Ports};
use crate::serve::request::RequestHeader;
use crate::site::collection::{Access, Collection, CollectionName, ObjectName};
use crate::site::config::STAGES_MAX;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys::{self, Key};
use crate::wire::etag::{Member, members};
use crate::wire::headers::Headers;
use crate::wire::path::RequestPath;
use crate::wire::time::UnixMillis;
use crate::wire::{media_type, path, query};

/// Most objects of one page of a listing: what both stores give at once.
pub const LIST_OBJECTS_MAX: u32 = 1_000;
/// Most tags of an object.
pub const TAGS_MAX: usize = 16;
/// Longest tag in bytes.
pub const TAG_BYTES_MAX: usize = 64;
/// Longest list of tags in bytes, commas included: with the rest it fits into KV's 1,024 bytes of
/// metadata.
pub const TAGS_BYTES_MAX: usize = 512;
/// Longest media type in bytes: as above.
pub const MEDIA_TYPE_BYTES_MAX: usize = 150;

/// An object, named in a call.
pub struct Target<'a> {
    site: &'a SiteName,
    collection: &'a CollectionName,
    name: ObjectName,
    /// Where it is stored.
    pub key: Key,
}

/// A collection, and a stage that serves it.
pub struct Served {
    stage: StageName,
    collection: Collection,
}

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

impl<P: Ports> Call<'_, P> {
    /// Objects of a collection: the list, or one.
    pub async fn objects(
        &self,
        site: &SiteName,
        collection: &str,
        name: &[&str],
    ) -> Result<Answer<P>, AdminError> {
        let collection = CollectionName::parse(collection).map_err(AdminError::Object)?;
        if name.is_empty() {
            self.allow(&[Method::GET])?;
            return self.list_objects(site, &collection).await;
        }
        let name = ObjectName::of_decoded(&name.join("/")).map_err(AdminError::Object)?;
        let key = keys::object(site, &collection, &name);
        let target = Target { site, collection: &collection, name, key };
        if let Some(step) = self.upload_step()? {
            return self.upload(&target, step).await;
        }
        self.allow(&[Method::GET, Method::PUT, Method::DELETE])?;
        match self.ask.method {
            Method::PUT => self.put_object(&target).await,
            Method::DELETE => self.delete_object(&target).await,
            Method::HEAD => self.head_object(&target).await,
            _ => self.get_object(&target).await,
        }
    }

    async fn put_object(&self, target: &Target<'_>) -> Result<Answer<P>, AdminError> {
        let ports = &self.tiers.ports;
        let settings = ports.settings();
        let (wanted, invalidates) = (self.wanted()?, self.invalidates()?);
        let length = self.content_length()?;
        if length > settings.store.blob_bytes_max() {
            return Err(AdminError::ObjectTooLarge(settings.store));
        }
        let meta = self.declared(target, length)?;
        let served = self.served_for(target).await?;
        let condition = match wanted {
            Wanted::Anything => Condition::Any,
            Wanted::Nothing => Condition::Absent,
            Wanted::Tag(etag) => Condition::Is(etag),
            Wanted::Something => {
                let current = self.object_meta(&target.key).await?;
                Condition::Is(current.ok_or(AdminError::PreconditionFailed(None))?.etag)
            }
        };
        let write = ports.object_write(&target.key, &meta, &condition);
        match within(ports, settings.deadlines.upload_ms, write)
            .await
            .map_err(AdminError::of_write)?
        {
            ObjectWritten::Done(etag) => {
                let copies = self.invalidate_target(target, invalidates).await;
                Ok(self.written(target, &served, &etag, length, &copies))
            }
            ObjectWritten::Lost => {
                let current = self.object_meta(&target.key).await?;
                Err(AdminError::PreconditionFailed(current.map(|meta| meta.etag)))
            }
        }
    }

    async fn get_object(&self, target: &Target<'_>) -> Result<Answer<P>, AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        match deadline::object_read(ports, ms, &target.key, None, None).await? {
            Some(Object::Found(meta, body)) => Ok(Answer::Object(meta, ResponseBody::Stream(body))),
            Some(Object::NotModified(_)) | None => Err(self.absent(target).await?),
        }
    }

    async fn head_object(&self, target: &Target<'_>) -> Result<Answer<P>, AdminError> {
        match self.object_meta(&target.key).await? {
            Some(meta) => Ok(Answer::Object(meta, ResponseBody::Empty)),
            None => Err(self.absent(target).await?),
        }
    }

    /// Deletes an object. No store deletes on a condition: the entity tag is looked at just before.
    async fn delete_object(&self, target: &Target<'_>) -> Result<Answer<P>, AdminError> {
        let (ports, invalidates) = (&self.tiers.ports, self.invalidates()?);
        if self.precondition_holds(target).await?.is_none() {
            return Err(self.absent(target).await?);
        }
        let served = self.served(target.site, target.collection).await?;
        let ms = ports.settings().deadlines.admin_ms;
        persistently(ports, ms, || ports.delete(&target.key)).await?;
        let copies = self.invalidate_target(target, invalidates).await;
        let ttl_secs = served.map_or(0, |served| self.object_bound_secs(&served.collection));
        let (name, copies) = (&target.name, self.copies_view(&copies, ttl_secs));
        Ok(Answer::json(200, &DeletedObject { name, deleted: true, copies }))
    }

    /// Invalidates an object that was just changed, unless the call says otherwise.
    pub async fn invalidate_target(&self, target: &Target<'_>, invalidates: bool) -> Copies {
        let Target { site, collection, name, .. } = target;
        self.invalidate_changed(site, collection, name, invalidates).await
    }

    async fn list_objects(
        &self,
        site: &SiteName,
        collection: &CollectionName,
    ) -> Result<Answer<P>, AdminError> {
        let parameter = |name| self.ask.query.and_then(|query| query::value(query, name));
        let raw = ["/", &parameter("prefix").unwrap_or_default()].concat();
        let prefix = RequestPath::parse(&raw).map_err(|_| {
            let hint = "write it as names are listed, without \".\" and \"..\"";
            AdminError::Invalid("the prefix is the beginning of no name", hint)
        })?;
        let prefix = prefix.canonical();
        let prefix = prefix.trim_start_matches('/');
        let limit = match parameter("limit") {
            None => Some(LIST_OBJECTS_MAX),
            Some(text) => text.parse().ok().filter(|n| (1..=LIST_OBJECTS_MAX).contains(n)),
        };
        let hint = "a number from 1 to 1,000";
        let limit = limit.ok_or(AdminError::Invalid("the limit is none", hint))?;
        let cursor = parameter("cursor").filter(|cursor| !cursor.is_empty());
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        let below = keys::object_prefix(site, collection, prefix);
        let list = || ports.object_list(&below, cursor.as_deref(), limit);
        let page = persistently(ports, ms, list).await?;
        if page.objects.is_empty() && cursor.is_none() {
            // An empty collection and one that nobody has are told apart.
            let served = self.served(site, collection).await?;
            served.ok_or(AdminError::NotFound("collection"))?;
        }
        let root = keys::object_prefix(site, collection, "");
        let objects = page.objects.iter();
        let objects = objects.filter_map(|(key, meta)| Some(view(key.strip_prefix(&root)?, meta)));
        let list = ObjectList { objects: objects.collect(), cursor: page.cursor.as_deref() };
        Ok(Answer::json(200, &list))
    }

    /// What is known of an object.
    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>, AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        Ok(persistently(ports, ms, || ports.object_meta(key)).await?)
    }

    /// The entity tag of what is there, when the precondition holds just now.
    pub async fn precondition_holds(
        &self,
        target: &Target<'_>,
    ) -> Result<Option<String>, AdminError> {
        let wanted = self.wanted()?;
        let current = self.object_meta(&target.key).await?.map(|meta| meta.etag);
        let holds = match (&wanted, &current) {
            (Wanted::Anything, _) | (Wanted::Nothing, None) | (Wanted::Something, Some(_)) => true,
            (Wanted::Tag(etag), Some(current)) => etag == current,
            (Wanted::Nothing, Some(_)) | (Wanted::Something | Wanted::Tag(_), None) => false,
        };
        if holds { Ok(current) } else { Err(AdminError::PreconditionFailed(current)) }
    }

    /// What the writer says of an object.
    pub fn declared(&self, target: &Target<'_>, length: u64) -> Result<ObjectMeta, AdminError> {
        let headers = self.tiers.ports.request_headers();
        Ok(ObjectMeta {
            length,
            etag: String::new(),
            media_type: declared_media_type(&headers, &target.name)?,
            tags: declared_tags(&headers)?,
            written_ms: self.tiers.ports.now(),
        })
    }

    /// Whether something live of the site has a collection.
    pub async fn is_served(
        &self,
        site: &SiteName,
        name: &CollectionName,
    ) -> Result<bool, AdminError> {
        Ok(self.served(site, name).await?.is_some())
    }

    /// The collection that an object is to be written to.
    pub async fn served_for(&self, target: &Target<'_>) -> Result<Served, AdminError> {
        let served = self.served(target.site, target.collection).await?;
        served.ok_or(AdminError::NotFound("collection"))
    }

    /// Why there is no object: it may be the collection that is not there.
    async fn absent(&self, target: &Target<'_>) -> Result<AdminError, AdminError> {
        let served = self.served(target.site, target.collection).await?;
        Ok(AdminError::NotFound(if served.is_some() { "object" } else { "collection" }))
    }

    /// The collection of that name, of the first stage that has it; production goes first.
    async fn served(
        &self,
        site: &SiteName,
        name: &CollectionName,
    ) -> Result<Option<Served>, AdminError> {
        let production = StageName::production();
        if let Some(served) = self.served_on(site, production.clone(), name).await? {
            return Ok(Some(served));
        }
        let prefix = keys::live_prefix(site);
        let keys = self.list_all(&prefix).await?;
        let stages =
            keys.iter().filter_map(|key| StageName::parse(key.strip_prefix(&prefix)?).ok());
        for stage in stages.filter(|stage| *stage != production).take(STAGES_MAX) {
            if let Some(served) = self.served_on(site, stage, name).await? {
                return Ok(Some(served));
            }
        }
        self.site_exists(site).await?;
        Ok(None)
    }

    async fn served_on(
        &self,
        site: &SiteName,
        stage: StageName,
        name: &CollectionName,
    ) -> Result<Option<Served>, AdminError> {
        let Some((record, _)) = self.live_record(site, &stage).await? else { return Ok(None) };
        let manifest = self.tiers.manifest(site, &record.deployment).await?;
        let Some(manifest) = manifest else { return Ok(None) };
        let mut collections = manifest.head().config.collections.iter();
        let collection = collections.find(|collection| collection.name == *name).cloned();
        Ok(collection.map(|collection| Served { stage, collection }))
    }

    /// What is said of an object that is stored.
    pub fn written(
        &self,
        target: &Target<'_>,
        served: &Served,
        etag: &str,
        length: u64,
        copies: &Copies,
    ) -> Answer<P> {
        let Served { stage, collection } = served;
        let label = match (collection.access, stage.is_production()) {
            (Access::Key, _) => format!("fresh--{}", target.site),
            (Access::Public, true) => target.site.to_string(),
            (Access::Public, false) => format!("{stage}--{}", target.site),
        };
        let prefix = path::encode(collection.prefix.as_str());
        let url = [&self.address(&label), prefix.trim_start_matches('/'), target.name.as_str()];
        let copies = self.copies_view(copies, self.object_bound_secs(collection));
        let (name, url) = (&target.name, url.concat());
        Answer::json(200, &WrittenObject { name, etag, length, url, copies })
    }

    /// Within how many seconds nobody is served what an object was before, if nothing invalidates
    /// its edge copies.
    fn object_bound_secs(&self, collection: &Collection) -> u64 {
        let lag_secs = match self.tiers.ports.settings().store {
            StoreKind::R2 => 0,
            StoreKind::Kv => KV_LAG_SECS,
        };
        let (ttl, stale) = (collection.edge_ttl, collection.stale_while_revalidate);
        u64::from(ttl.0).saturating_add(u64::from(stale.0)).saturating_add(lag_secs)
    }

    fn wanted(&self) -> Result<Wanted, AdminError> {
        let (if_match, if_none_match) = (
            self.ask.headers.value(RequestHeader::IfMatch),
            self.ask.headers.value(RequestHeader::IfNoneMatch),
        );
        wanted(if_match.as_deref(), if_none_match.as_deref())
    }
}

/// The headers that describe an object to who may read it here; browsers are to save it, whatever
/// it is.
pub fn object_headers(meta: &ObjectMeta, headers: &mut Headers) {
    headers.set("content-disposition", "attachment");
    headers.set("etag", meta.etag.clone());
    headers.set("selvedge-media-type", meta.media_type.clone());
    if !meta.tags.is_empty() {
        headers.set("selvedge-tags", meta.tags.clone());
    }
}

/// What must be there for a change to happen.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Anything,
    Nothing,
    Something,
    Tag(String),
}

/// What the preconditions of a change ask for.
///
/// # Source
/// RFC 9110 §13.1.1 and §13.1.2; of their lists only what a store can be asked for.
fn wanted(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Wanted, AdminError> {
    let mut matching = members(if_match.unwrap_or_default());
    match (if_match, if_none_match, matching.next(), matching.next()) {
        (None, None, ..) => Ok(Wanted::Anything),
        (Some(_), None, Some(Member::Any), None) => Ok(Wanted::Something),
        (Some(_), None, Some(Member::Tag(tag)), None) if !tag.weak => {
            Ok(Wanted::Tag(["\"", tag.opaque, "\""].concat()))
        }
        (None, Some(value), ..) if value.trim() == "*" => Ok(Wanted::Nothing),
        _ => Err(AdminError::Invalid(
            "the precondition can't be checked",
            "send If-Match with one strong entity tag or *, or If-None-Match: *",
        )),
    }
}

/// The media type that the writer says, or the name does.
fn declared_media_type(headers: &Headers, name: &ObjectName) -> Result<String, AdminError> {
    let declared = headers.value("content-type").unwrap_or_default().trim();
    let plain = declared.bytes().all(|b| (b' '..=b'~').contains(&b));
    match declared {
        "" => Ok(media_type::of_path(name.as_str()).to_owned()),
        _ if plain && declared.len() <= MEDIA_TYPE_BYTES_MAX && declared.contains('/') => {
            Ok(declared.to_owned())
        }
        _ => Err(AdminError::Invalid(
            "the media type is none",
            "send Content-Type as type/subtype, 150 bytes of ASCII at most, or leave it out",
        )),
    }
}

/// The tags that the writer says, joined by commas.
fn declared_tags(headers: &Headers) -> Result<String, AdminError> {
    let declared = headers.value("selvedge-tags").unwrap_or_default();
    let tags: Vec<&str> = declared.split([',', ' ', '\t']).filter(|tag| !tag.is_empty()).collect();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    let valid = tags.iter().all(|tag| tag.len() <= TAG_BYTES_MAX && tag.bytes().all(plain));
    let joined = tags.join(",");
    if !valid {
        let hint = "a tag is 1 to 64 of A-Z a-z 0-9 _ . : -";
        return Err(AdminError::Invalid("a tag is none", hint));
    }
    if tags.len() > TAGS_MAX || joined.len() > TAGS_BYTES_MAX {
        let hint = "16 tags at most, 512 bytes at most with their commas";
        return Err(AdminError::Invalid("too many tags", hint));
    }
    Ok(joined)
}

fn view<'a>(name: &'a str, meta: &'a ObjectMeta) -> ObjectView<'a> {
    ObjectView {
        name,
        length: meta.length,
        etag: &meta.etag,
        media_type: &meta.media_type,
        tags: meta.tags.split(',').filter(|tag| !tag.is_empty()).collect(),
        written_ms: meta.written_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions() {
        let tag = Wanted::Tag("\"a\"".to_owned());
        let rows = [
            (None, None, Some(Wanted::Anything)),
            (Some("*"), None, Some(Wanted::Something)),
            (Some("\"a\""), None, Some(tag)),
            (None, Some(" * "), Some(Wanted::Nothing)),
            (Some("W/\"a\""), None, None),
            (Some("\"a\", \"b\""), None, None),
            (Some("a"), None, None),
            (Some(""), None, None),
            (None, Some("\"a\""), None),
            (None, Some(""), None),
            (Some("*"), Some("*"), None),
        ];
        for (if_match, if_none_match, expected) in rows {
            let found = wanted(if_match, if_none_match).ok();
            assert_eq!(found, expected, "{if_match:?} {if_none_match:?}");
        }
    }

    #[test]
    fn tags() {
        let long = "a".repeat(TAG_BYTES_MAX);
        let fitting = [long.as_str(); 7].join(",");
        let rows = [
            ("", Some("")),
            ("a", Some("a")),
            (" a,b  c,, d:1.x-_ ", Some("a,b,c,d:1.x-_")),
            (long.as_str(), Some(long.as_str())),
            (fitting.as_str(), Some(fitting.as_str())),
            ("a b;c", None),
            ("é", None),
            ("a,b\nc", None),
        ];
        for (value, expected) in rows {
            let mut headers = Headers::new();
            headers.set("selvedge-tags", value.to_owned());
            assert_eq!(declared_tags(&headers).ok().as_deref(), expected, "{value:?}");
        }
        let mut refused = vec![format!("{long}a"), format!("{fitting},{long}")];
        refused.push(["a"; TAGS_MAX + 1].join(","));
        for value in refused {
            let mut headers = Headers::new();
            headers.set("selvedge-tags", value);
            assert!(declared_tags(&headers).is_err());
        }
        let mut headers = Headers::new();
        headers.set("selvedge-tags", ["a"; TAGS_MAX].join(","));
        assert!(declared_tags(&headers).is_ok());
    }

    #[test]
    fn media_types() {
        let name = ObjectName::parse("a/b.png").unwrap();
        let longest = format!("a/{}", "b".repeat(MEDIA_TYPE_BYTES_MAX - 2));
        let rows = [
            ("", Some("image/png")),
            ("text/plain; charset=utf-8", Some("text/plain; charset=utf-8")),
            (longest.as_str(), Some(longest.as_str())),
            (&format!("{longest}b"), None),
            ("plain", None),
            ("text/é", None),
            ("a/b\tc", None),
        ];
        for (value, expected) in rows {
            let mut headers = Headers::new();
            headers.set("content-type", value.to_owned());
            let found = declared_media_type(&headers, &name).ok();
            assert_eq!(found.as_deref(), expected, "{value:?}");
        }
    }
}
