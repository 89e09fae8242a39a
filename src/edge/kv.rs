//! KV: eventually consistent, without compare-and-swap.
//!
//! Conditions are checked by reading first. A lost race is therefore not prevented, but found by
//! whoever reads back.

use js_sys::{ArrayBuffer, Object as JsObject, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, Request, Response};
use worker::kv::{Key as Listed, KvStore};

use crate::edge::bindings::fault;
use crate::edge::bytes::{cut, sha256, taken};
use crate::edge::streams::{self, ignore};
use crate::edge::task;
use crate::ports::join::join_all;
use crate::ports::{
    Blob, Condition, Fault, Listing, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten,
    Part, Result, Upload, Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

/// How long a data centre may cache a blob, which never changes. It also remembers for that long
/// that it has not seen a new one yet.
const BLOB_CACHE_SECS: u32 = 300;
/// Number of keys deleted concurrently: the platform queues what exceeds six connections.
const DELETES_AT_ONCE: usize = 6;
/// Maximum number of keys that KV lists at once, and its default.
const LIST_MAX: u32 = 1_000;
/// Hexadecimal digits of the hash in an object's entity tag.
const ETAG_DIGITS: usize = 32;

#[wasm_bindgen]
extern "C" {
    /// Beside `worker`'s `KvStore`, which copies values into wasm and serialises the options of
    /// every call with serde. Listing and deleting go through that.
    #[wasm_bindgen(extends = JsObject)]
    #[derive(Clone)]
    pub type KvNamespace;
    #[wasm_bindgen(method, catch)]
    fn get(this: &KvNamespace, key: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getWithMetadata)]
    fn get_with_metadata(this: &KvNamespace, key: &str, kind: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(
        this: &KvNamespace,
        key: &str,
        value: &JsValue,
        options: &JsValue,
    ) -> Result<Promise, JsValue>;
}

thread_local! {
    static RECORD: JsValue = options(&[("type", "arrayBuffer".into())]);
    static BLOB_BYTES: JsValue =
        options(&[("type", "arrayBuffer".into()), ("cacheTtl", BLOB_CACHE_SECS.into())]);
    static BLOB_STREAM: JsValue =
        options(&[("type", "stream".into()), ("cacheTtl", BLOB_CACHE_SECS.into())]);
}

fn options(values: &[(&str, JsValue)]) -> JsValue {
    let object = JsObject::new();
    for (name, value) in values {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

/// A namespace, and the request whose body may be stored.
pub struct Kv<'a> {
    pub namespace: KvNamespace,
    pub request: &'a Request,
}

impl Kv<'_> {
    /// Returns the namespace as `worker` has it. Its functions are looked up each time, so only
    /// rare operations use it.
    fn store(&self) -> Result<KvStore> {
        let name = "namespace";
        KvStore::from_this(&options(&[(name, self.namespace.clone().into())]), name).map_err(fault)
    }

    async fn get(&self, key: &Key, options: &JsValue) -> Result<Option<JsValue>> {
        let value = task::fulfilled(self.namespace.get(key.as_str(), options)).await?;
        Ok((!value.is_null()).then_some(value))
    }

    async fn put(&self, key: &Key, value: &JsValue, options: &JsValue) -> Result<()> {
        task::fulfilled(self.namespace.put(key.as_str(), value, options)).await.map(|_| ())
    }

    /// Reads a small value; its version is its hash.
    pub async fn read(&self, key: &Key) -> Result<Option<Versioned>> {
        let Some(value) = self.get(key, &RECORD.with(Clone::clone)).await? else {
            return Ok(None);
        };
        let buffer: ArrayBuffer = value.unchecked_into();
        let version = sha256(&buffer).await?.hex();
        Ok(Some(Versioned { bytes: taken(&buffer), version }))
    }

    pub async fn hold(&self, key: &Key) -> Result<Option<ArrayBuffer>> {
        let value = self.get(key, &BLOB_BYTES.with(Clone::clone)).await?;
        Ok(value.map(JsCast::unchecked_into))
    }

    /// KV has no ranges; cutting a buffer costs half as much as reading a stream up to the part.
    pub async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<JsValue>> {
        match part {
            None => self.get(key, &BLOB_STREAM.with(Clone::clone)).await,
            Some(part) => Ok(self.hold(key).await?.map(|bytes| cut(&bytes, part).into())),
        }
    }

    pub async fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Written> {
        if *condition != Condition::Any {
            let current = self.read(key).await?.map(|current| current.version);
            if !is_met(condition, current.as_deref()) {
                return Ok(Written::Lost);
            }
        }
        self.put(key, &Uint8Array::from(bytes), &JsValue::UNDEFINED).await?;
        Ok(Written::Done)
    }

    /// KV does not check the hash, so the check is here.
    pub async fn store_blob(
        &self,
        key: &Key,
        blob: Blob<'_>,
        hash: &ContentHash,
    ) -> Result<Upload> {
        let whole = match blob {
            Blob::Bytes(bytes) => Response::new_with_opt_js_u8_array(Some(&bytes.into())),
            Blob::RequestBody(_) => {
                Response::new_with_opt_readable_stream(self.request.body().as_ref())
            }
        };
        let whole = whole.and_then(|response| response.array_buffer());
        let whole: ArrayBuffer = task::fulfilled(whole).await?.unchecked_into();
        if sha256(&whole).await? != *hash {
            return Ok(Upload::Mismatch);
        }
        self.put(key, &whole, &JsValue::UNDEFINED).await?;
        Ok(Upload::Stored)
    }

    pub async fn delete_all(&self, keys: &[Key]) -> Result<()> {
        let store = self.store()?;
        for some in keys.chunks(DELETES_AT_ONCE) {
            for deleted in join_all(some.iter().map(|key| store.delete(key.as_str()))).await {
                deleted.map_err(fault)?;
            }
        }
        Ok(())
    }

    pub async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing> {
        let (keys, cursor) = self.page(prefix, cursor, LIST_MAX).await?;
        Ok(Listing { keys: keys.into_iter().map(|key| key.name).collect(), cursor })
    }

    pub async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<JsValue>>> {
        let kind = if part.is_some() { "arrayBuffer" } else { "stream" };
        let Some((value, meta)) = self.found(key, kind).await? else { return Ok(None) };
        let is_known = known_etag == Some(meta.etag.as_str());
        Ok(Some(match part {
            _ if is_known => {
                cancel(&value);
                Object::NotModified(meta)
            }
            Some(part) => Object::Found(meta, cut(value.unchecked_ref(), part).into()),
            None => Object::Found(meta, value),
        }))
    }

    /// KV can't return the metadata of one key without its value.
    pub async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>> {
        let Some((value, meta)) = self.found(key, "stream").await? else { return Ok(None) };
        cancel(&value);
        Ok(Some(meta))
    }

    pub async fn object_write(
        &self,
        key: &Key,
        body: ObjectBody<'_, ArrayBuffer>,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten> {
        let bytes = match body {
            ObjectBody::RequestBody => streams::hold(self.request.body(), meta.length).await?,
            ObjectBody::Held(buffer) => Some(buffer.clone()),
        };
        let bytes = bytes.ok_or(Fault::Failed)?;
        if *condition != Condition::Any {
            let current = self.object_meta(key).await?.map(|current| current.etag);
            if !is_met(condition, current.as_deref()) {
                return Ok(ObjectWritten::Lost);
            }
        }
        let digits = sha256(&bytes).await?.hex();
        let etag = format!("\"{}\"", digits.get(..ETAG_DIGITS).unwrap_or_default());
        let text = written(bytes.byte_length(), &etag, meta);
        self.put(key, &bytes, &options(&[("metadata", text.into())])).await?;
        Ok(ObjectWritten::Done(etag))
    }

    pub async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage> {
        let (keys, cursor) = self.page(prefix, cursor, count_max).await?;
        let object = |key: Listed| Some((key.name, parsed(key.metadata?.as_str()?)?));
        Ok(ObjectPage { objects: keys.into_iter().filter_map(object).collect(), cursor })
    }

    async fn page(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<(Vec<Listed>, Option<String>)> {
        let list = self.store()?.list().prefix(prefix.to_owned()).limit(count_max.into());
        let list = match cursor {
            Some(cursor) => list.cursor(cursor.to_owned()),
            None => list,
        };
        let page = list.execute().await.map_err(fault)?;
        Ok((page.keys, page.cursor.filter(|_| !page.list_complete)))
    }

    /// Returns an object's value and metadata. A value without our metadata is not an object.
    async fn found(&self, key: &Key, kind: &str) -> Result<Option<(JsValue, ObjectMeta)>> {
        let found = task::fulfilled(self.namespace.get_with_metadata(key.as_str(), kind)).await?;
        let get = |name: &str| Reflect::get(&found, &name.into()).map_err(fault);
        let (value, metadata) = (get("value")?, get("metadata")?);
        let meta = metadata.as_string().and_then(|text| parsed(&text));
        Ok(meta.filter(|_| !value.is_null()).map(|meta| (value, meta)))
    }
}

/// Cancels a value that is a stream.
fn cancel(value: &JsValue) {
    if let Some(stream) = value.dyn_ref::<ReadableStream>() {
        ignore(&stream.cancel());
    }
}

fn is_met(condition: &Condition, version: Option<&str>) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => version.is_none(),
        Condition::Is(expected) => version == Some(expected),
    }
}

/// Formats an object's metadata: length, entity tag, media type, tags and time, a line each.
fn written(length: u32, etag: &str, meta: &ObjectMeta) -> String {
    let ObjectMeta { media_type, tags, written_ms, .. } = meta;
    format!("{length}\n{etag}\n{media_type}\n{tags}\n{}", written_ms.0)
}

/// Parses an object's metadata. Returns `None` for anything else.
fn parsed(text: &str) -> Option<ObjectMeta> {
    let mut lines = text.split('\n');
    let mut line = || lines.next();
    let meta = ObjectMeta {
        length: line()?.parse().ok()?,
        etag: line()?.to_owned(),
        media_type: line()?.to_owned(),
        tags: line()?.to_owned(),
        written_ms: UnixMillis(line()?.parse().ok()?),
    };
    line().is_none().then_some(meta)
}
