//! R2: strongly consistent, with compare-and-swap by entity tag.

use js_sys::{ArrayBuffer, Error};
use wasm_bindgen::prelude::*;
use web_sys::Request;
use worker::worker_sys::{R2Bucket, R2ObjectBody};
use worker::{
    Bucket, Conditional, Data, HttpMetadata, Include, ListOptionsBuilder, Object as R2Object,
    PutOptionsBuilder, Range,
};

use crate::edge::bindings::{fault, has_code};
use crate::edge::bytes::taken;
use crate::edge::task;
use crate::ports::{
    Blob, Condition, Fault, Listing, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten,
    Part, Result, Upload, UploadedPart, Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

/// R2's error for a wrong checksum.
const BAD_DIGEST: [&str; 1] = ["10037"];
/// R2's errors for parts that are too small, an unknown upload, unknown parts, and parts of
/// different lengths.
const BAD_UPLOAD: [&str; 4] = ["10011", "10024", "10025", "10048"];
/// The key of custom metadata that holds an object's tags.
const TAGS: &str = "tags";

/// A bucket, and the request whose body may be stored.
pub struct R2<'a> {
    pub bucket: Bucket,
    pub request: &'a Request,
}

impl R2<'_> {
    /// Reads an object's body without copying it into wasm, as `ObjectBody::bytes` does.
    async fn get(&self, key: &Key) -> Result<Option<R2ObjectBody>> {
        let raw: &R2Bucket = self.bucket.as_ref().unchecked_ref();
        let found = task::fulfilled(raw.get(key.to_string(), JsValue::UNDEFINED)).await?;
        Ok((!found.is_null()).then(|| found.unchecked_into()))
    }

    /// Returns the request's body as R2 takes it. The runtime knows its length, which R2 needs.
    fn body(&self, length: u64) -> Data {
        let body = self.request.body().filter(|_| length > 0);
        body.map_or(Data::Bytes(Vec::new()), Data::ReadableStream)
    }

    async fn find(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<R2Object>> {
        let mut get = self.bucket.get(key.as_str());
        if let Some(Part { first: offset, length }) = part {
            get = get.range(Range::OffsetWithLength { offset, length });
        }
        if let Some(etag) = known_etag {
            get = get.only_if(not_matching(opaque(etag)));
        }
        get.execute().await.map_err(fault)
    }

    pub async fn read(&self, key: &Key) -> Result<Option<Versioned>> {
        let Some(found) = self.get(key).await? else { return Ok(None) };
        let bytes = taken(&bytes_of(&found).await?);
        Ok(Some(Versioned { bytes, version: found.etag().map_err(fault)? }))
    }

    pub async fn hold(&self, key: &Key) -> Result<Option<ArrayBuffer>> {
        let Some(found) = self.get(key).await? else { return Ok(None) };
        bytes_of(&found).await.map(Some)
    }

    pub async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<JsValue>> {
        if part.is_some() {
            return self.find(key, None, part).await?.map(|object| body_of(&object)).transpose();
        }
        let Some(found) = self.get(key).await? else { return Ok(None) };
        found.body().map(|body| Some(body.into())).map_err(fault)
    }

    pub async fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Written> {
        let put = only_if(self.bucket.put(key.as_str(), bytes.to_vec()), condition);
        let stored = put.execute().await.map_err(fault)?;
        Ok(if stored.is_some() { Written::Done } else { Written::Lost })
    }

    /// R2 checks the hash.
    pub async fn store_blob(
        &self,
        key: &Key,
        blob: Blob<'_>,
        hash: &ContentHash,
    ) -> Result<Upload> {
        let data = match blob {
            Blob::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
            Blob::RequestBody(length) => self.body(length),
        };
        let put = self.bucket.put(key.as_str(), data).sha256(hash.0.to_vec()).execute().await;
        let stored = unless(put, &BAD_DIGEST)?;
        Ok(if stored.is_some() { Upload::Stored } else { Upload::Mismatch })
    }

    pub async fn delete_all(&self, keys: &[Key]) -> Result<()> {
        self.bucket.delete_multiple(keys.iter().map(Key::as_str).collect()).await.map_err(fault)
    }

    pub async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing> {
        let (objects, cursor) = page(self.bucket.list().prefix(prefix), cursor).await?;
        Ok(Listing { keys: objects.iter().map(R2Object::key).collect(), cursor })
    }

    pub async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<JsValue>>> {
        let Some(object) = self.find(key, known_etag, part).await? else { return Ok(None) };
        let meta = meta_of(&object)?;
        // R2 returns an object without a body if the condition does not hold.
        Ok(Some(match object.body() {
            Some(_) => Object::Found(meta, body_of(&object)?),
            None => Object::NotModified(meta),
        }))
    }

    pub async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>> {
        let found = self.bucket.head(key.as_str()).await.map_err(fault)?;
        found.map(|object| meta_of(&object)).transpose()
    }

    pub async fn object_write(
        &self,
        key: &Key,
        body: ObjectBody<'_, ArrayBuffer>,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten> {
        let data = match body {
            ObjectBody::RequestBody => self.body(meta.length),
            // Passes a buffer as it is, where `Data::Bytes` would copy it into wasm and out again.
            ObjectBody::Held(buffer) => Data::ReadableStream(buffer.clone().unchecked_into()),
        };
        let put = self.bucket.put(key.as_str(), data);
        let put = put.http_metadata(http_metadata(meta)).custom_metadata(custom_metadata(meta));
        let put = only_if(put, condition);
        let stored = put.execute().await.map_err(fault)?;
        Ok(stored.map_or(ObjectWritten::Lost, |object| ObjectWritten::Done(object.http_etag())))
    }

    pub async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage> {
        let include = vec![Include::HttpMetadata, Include::CustomMetadata];
        let list = self.bucket.list().prefix(prefix).limit(count_max).include(include);
        let (objects, cursor) = page(list, cursor).await?;
        let objects = objects.iter().map(|object| Ok((object.key(), meta_of(object)?)));
        Ok(ObjectPage { objects: objects.collect::<Result<_>>()?, cursor })
    }

    pub async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String> {
        let create =
            self.bucket.create_multipart_upload(key.as_str()).http_metadata(http_metadata(meta));
        let create = create.custom_metadata(custom_metadata(meta));
        Ok(create.execute().await.map_err(fault)?.upload_id().await)
    }

    /// Returns the part's entity tag, or `None` if there is no such upload.
    pub async fn upload_part(&self, key: &Key, id: &str, number: u16) -> Result<Option<String>> {
        let upload = self.bucket.resume_multipart_upload(key.as_str(), id).map_err(fault)?;
        let part = upload.upload_part(number, self.body(u64::MAX)).await;
        Ok(unless(part, &BAD_UPLOAD)?.map(|part| part.etag()))
    }

    /// Returns the object's metadata, or `None` if there is no such upload or part.
    pub async fn upload_finish(
        &self,
        key: &Key,
        id: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>> {
        let upload = self.bucket.resume_multipart_upload(key.as_str(), id).map_err(fault)?;
        let part = |part: &UploadedPart| worker::UploadedPart::new(part.number, part.etag.clone());
        let object = upload.complete(parts.iter().map(part)).await;
        unless(object, &BAD_UPLOAD)?.map(|object| meta_of(&object)).transpose()
    }

    pub async fn upload_drop(&self, key: &Key, id: &str) -> Result<()> {
        let upload = self.bucket.resume_multipart_upload(key.as_str(), id).map_err(fault)?;
        unless(upload.abort().await, &BAD_UPLOAD).map(|_| ())
    }
}

/// Returns `None` if R2 failed with one of `codes`.
fn unless<T>(result: worker::Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result.map_err(JsValue::from) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<Error>() && has_code(&error, codes) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

async fn bytes_of(found: &R2ObjectBody) -> Result<ArrayBuffer> {
    task::fulfilled(found.array_buffer()).await.map(JsCast::unchecked_into)
}

fn body_of(object: &R2Object) -> Result<JsValue> {
    match object.body().ok_or(Fault::Failed)?.response_body().map_err(fault)? {
        worker::ResponseBody::Stream(stream) => Ok(stream.into()),
        _ => Err(Fault::Failed),
    }
}

/// Objects written by something else may have neither a media type nor tags.
fn meta_of(object: &R2Object) -> Result<ObjectMeta> {
    let tags = object.custom_metadata().map_err(fault)?.remove(TAGS);
    Ok(ObjectMeta {
        length: object.size(),
        etag: object.http_etag(),
        media_type: object.http_metadata().content_type.unwrap_or_default(),
        tags: tags.unwrap_or_default(),
        written_ms: UnixMillis(object.uploaded().as_millis()),
    })
}

fn http_metadata(meta: &ObjectMeta) -> HttpMetadata {
    HttpMetadata { content_type: Some(meta.media_type.clone()), ..HttpMetadata::default() }
}

fn custom_metadata(meta: &ObjectMeta) -> [(String, String); 1] {
    [(TAGS.to_owned(), meta.tags.clone())]
}

fn only_if<'a>(put: PutOptionsBuilder<'a>, condition: &Condition) -> PutOptionsBuilder<'a> {
    match condition {
        Condition::Any => put,
        Condition::Absent => put.only_if(not_matching("*".to_owned())),
        Condition::Is(etag) => {
            put.only_if(Conditional { etag_matches: Some(opaque(etag)), ..Conditional::default() })
        }
    }
}

fn not_matching(etag: String) -> Conditional {
    Conditional { etag_does_not_match: Some(etag), ..Conditional::default() }
}

async fn page(
    list: ListOptionsBuilder<'_>,
    cursor: Option<&str>,
) -> Result<(Vec<R2Object>, Option<String>)> {
    let list = match cursor {
        Some(cursor) => list.cursor(cursor),
        None => list,
    };
    let page = list.execute().await.map_err(fault)?;
    Ok((page.objects(), page.cursor().filter(|_| page.truncated())))
}

/// Returns an entity tag without its quotes, as R2 takes it.
fn opaque(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
