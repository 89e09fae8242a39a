//! KV: shows writes late and has no compare-and-swap; conditions are checked by reading first.
//!
//! A lost race is therefore found, by whoever reads back, and not prevented.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::objects;
use crate::edge::sys::{self, Described, KvKey, Page, Store};
use crate::serve::ports::{
    Condition, Fault, Listing, Object, ObjectMeta, ObjectPage, ObjectWritten, Part, Upload,
    Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

thread_local! {
    static ARRAY_BUFFER: JsValue = JsValue::from_str("arrayBuffer");
    static STREAM: JsValue = JsValue::from_str("stream");
    static BLOB_BUFFER: JsValue = blob_options("arrayBuffer");
    static BLOB_STREAM: JsValue = blob_options("stream");
}

/// How long a data centre keeps a blob before it asks again. It never changes, but a data centre
/// that has not heard of it yet remembers that for as long.
const BLOB_TTL_SECS: f64 = 300.0;

fn blob_options(kind: &str) -> JsValue {
    let members = [("type", kind.into()), ("cacheTtl", BLOB_TTL_SECS.into())];
    sys::object(members).unwrap_or_else(|_| kind.into())
}

/// A small value; its version is its hash.
pub async fn read(store: &Store, key: &Key) -> Result<Option<Versioned>, Fault> {
    let call = ARRAY_BUFFER.with(|kind| store.read_with(key.as_str(), kind));
    let value = sys::settled(call).await.map_err(fault)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = sys::copied(value.unchecked_ref());
    let version = ContentHash::of(&bytes).hex();
    Ok(Some(Versioned { bytes, version }))
}

/// A blob, to be held.
pub async fn hold(store: &Store, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
    let call = BLOB_BUFFER.with(|options| store.read_with(key.as_str(), options));
    let value = sys::settled(call).await.map_err(fault)?;
    Ok((!value.is_null()).then(|| value.unchecked_into()))
}

/// A blob or a part of it, to be passed on. KV has no ranges: a part is cut out of the whole, which
/// costs half of what reading a stream up to it does.
pub async fn open(store: &Store, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
    if let Some(part) = part {
        let Some(buffer) = hold(store, key).await? else { return Ok(None) };
        return cut(&buffer, part).map(Some);
    }
    let call = BLOB_STREAM.with(|options| store.read_with(key.as_str(), options));
    let value = sys::settled(call).await.map_err(fault)?;
    Ok((!value.is_null()).then_some(value))
}

/// Writes a small value when a condition seems to hold.
pub async fn write(
    store: &Store,
    key: &Key,
    bytes: &[u8],
    condition: &Condition,
) -> Result<Written, Fault> {
    let holds = match condition {
        Condition::Any => true,
        Condition::Absent => read(store, key).await?.is_none(),
        Condition::Is(version) => {
            read(store, key).await?.is_some_and(|value| value.version == *version)
        }
    };
    if !holds {
        return Ok(Written::Lost);
    }
    put(store, key, bytes).await.map(|()| Written::Done)
}

/// Stores bytes under their hash, after checking it: KV checks nothing.
pub async fn put_checked(
    store: &Store,
    key: &Key,
    bytes: &[u8],
    hash: &ContentHash,
) -> Result<Upload, Fault> {
    if ContentHash::of(bytes) != *hash {
        return Ok(Upload::Mismatch);
    }
    put(store, key, bytes).await.map(|()| Upload::Stored)
}

/// Deletes a value.
pub async fn delete(store: &Store, key: &Key) -> Result<(), Fault> {
    sys::settled(store.delete(key.as_str())).await.map(drop).map_err(fault)
}

/// A page of keys.
pub async fn list(store: &Store, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
    let page = sys::page(store, prefix, cursor).await.map_err(fault)?;
    let keys = page.keys().ok_or(Fault::Failed)?.iter().map(KvKey::name).collect();
    Ok(Listing { keys, cursor: cursor_of(&page) })
}

/// An object of a collection, or a part of it, unless it has the entity tag that is known.
pub async fn read_object(
    store: &Store,
    key: &Key,
    known_etag: Option<&str>,
    part: Option<Part>,
) -> Result<Option<Object<JsValue>>, Fault> {
    let kind = if part.is_some() { &ARRAY_BUFFER } else { &STREAM };
    let Some((meta, value)) = described(store, key, kind).await? else { return Ok(None) };
    if known_etag == Some(&meta.etag) {
        if part.is_none() {
            sys::discard(&value);
        }
        return Ok(Some(Object::NotModified(meta)));
    }
    let body = match part {
        None => value,
        Some(part) => cut(value.unchecked_ref(), part)?,
    };
    Ok(Some(Object::Found(meta, body)))
}

/// What is known of an object of a collection. KV has no way to ask for that alone.
pub async fn object_meta(store: &Store, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
    let found = described(store, key, &STREAM).await?;
    Ok(found.map(|(meta, value)| {
        sys::discard(&value);
        meta
    }))
}

/// Writes an object of a collection when a condition seems to hold.
pub async fn write_object(
    store: &Store,
    key: &Key,
    bytes: &[u8],
    meta: &ObjectMeta,
    condition: &Condition,
) -> Result<ObjectWritten, Fault> {
    let holds = match condition {
        Condition::Any => true,
        Condition::Absent => object_meta(store, key).await?.is_none(),
        Condition::Is(etag) => {
            object_meta(store, key).await?.is_some_and(|found| found.etag == *etag)
        }
    };
    if !holds {
        return Ok(ObjectWritten::Lost);
    }
    let etag = ["\"", &ContentHash::of(bytes).short_hex(), "\""].concat();
    let length = u64::try_from(bytes.len()).map_err(|_| Fault::Failed)?;
    let text = objects::to_text(&ObjectMeta { length, etag: etag.clone(), ..meta.clone() });
    let options = sys::object([("metadata", text.into())]).map_err(fault)?;
    let call = store.put_with(key.as_str(), &Uint8Array::from(bytes).into(), &options);
    sys::settled(call).await.map_err(fault)?;
    Ok(ObjectWritten::Done(etag))
}

/// A page of objects.
pub async fn list_objects(
    store: &Store,
    prefix: &str,
    cursor: Option<&str>,
    count_max: u32,
) -> Result<ObjectPage, Fault> {
    let options = sys::object([
        ("prefix", prefix.into()),
        ("cursor", cursor.map_or(JsValue::UNDEFINED, JsValue::from)),
        ("limit", count_max.into()),
    ]);
    let page = sys::settled(store.list(&options.map_err(fault)?)).await.map_err(fault)?;
    let page: Page = page.unchecked_into();
    let objects = objects::listed(&sys::kv_objects(&page.kv_keys()))?;
    let cursor = cursor_of(&page);
    Ok(ObjectPage { objects, cursor })
}

/// A value with what its metadata say of it; one without is nothing that was written here.
async fn described(
    store: &Store,
    key: &Key,
    kind: &'static std::thread::LocalKey<JsValue>,
) -> Result<Option<(ObjectMeta, JsValue)>, Fault> {
    let call = kind.with(|kind| store.read_described(key.as_str(), kind));
    let found: Described = sys::settled(call).await.map_err(fault)?.unchecked_into();
    let (value, text) = (found.value(), found.metadata().as_string());
    let meta = text.and_then(|text| objects::described(&mut text.split('\n')));
    Ok(meta.filter(|_| !value.is_null()).map(|meta| (meta, value)))
}

/// A part of a value. KV has no ranges: it is cut out of the whole.
fn cut(buffer: &ArrayBuffer, part: Part) -> Result<JsValue, Fault> {
    let end = part.first.checked_add(part.length).ok_or(Fault::Failed)?;
    if end > u64::from(buffer.byte_length()) {
        return Err(Fault::Failed);
    }
    let (first, length) = (part.first as u32, part.length as u32);
    Ok(Uint8Array::new_with_byte_offset_and_length(buffer, first, length).into())
}

fn cursor_of(page: &Page) -> Option<String> {
    page.cursor().filter(|cursor| page.list_complete() != Some(true) && !cursor.is_empty())
}

async fn put(store: &Store, key: &Key, bytes: &[u8]) -> Result<(), Fault> {
    let call = store.put(key.as_str(), &Uint8Array::from(bytes).into());
    sys::settled(call).await.map(drop).map_err(fault)
}

/// KV says `KV GET failed: 429` when it is asked too often.
fn fault(error: JsValue) -> Fault {
    let message = js_sys::Error::from(error).message();
    if String::from(message).contains("429") { Fault::Busy } else { Fault::Failed }
}
