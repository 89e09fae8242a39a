//! R2: strongly consistent, with compare-and-swap by ETag.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::objects;
use crate::edge::sys::{self, Page, R2Object, R2Upload, Store};
use crate::serve::ports::{
    Condition, Fault, Listing, Object, ObjectMeta, ObjectPage, ObjectWritten, Part, Upload,
    UploadedPart, Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

/// An object, `None` where there is none.
async fn object(store: &Store, key: &Key, part: Option<Part>) -> Result<Option<R2Object>, Fault> {
    let call = match part {
        None => store.read(key.as_str()),
        Some(part) => {
            let options = sys::object([("range", range(part)?)]).map_err(failed)?;
            store.read_with(key.as_str(), &options)
        }
    };
    let found = sys::settled(call).await.map_err(failed)?;
    Ok((!found.is_null()).then(|| found.unchecked_into()))
}

/// A small value with its version.
pub async fn read(store: &Store, key: &Key) -> Result<Option<Versioned>, Fault> {
    let Some(object) = object(store, key, None).await? else { return Ok(None) };
    let bytes = sys::copied(&buffer(&object).await?);
    Ok(Some(Versioned { bytes, version: object.etag() }))
}

/// A blob, to be held.
pub async fn hold(store: &Store, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
    match object(store, key, None).await? {
        Some(object) => buffer(&object).await.map(Some),
        None => Ok(None),
    }
}

/// A blob or a part of it, to be passed on.
pub async fn open(store: &Store, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
    Ok(object(store, key, part).await?.map(|object| object.body()))
}

/// Writes a small value when a condition holds.
pub async fn write(
    store: &Store,
    key: &Key,
    bytes: &[u8],
    condition: &Condition,
) -> Result<Written, Fault> {
    let value = Uint8Array::from(bytes).into();
    let options = sys::object([("onlyIf", only_if(condition)?)]).map_err(failed)?;
    let call = store.put_with(key.as_str(), &value, &options);
    let stored = sys::settled(call).await.map_err(failed)?;
    Ok(if stored.is_null() { Written::Lost } else { Written::Done })
}

/// Stores bytes or a stream under their hash; the store checks it.
pub async fn put_checked(
    store: &Store,
    key: &Key,
    body: &JsValue,
    hash: &ContentHash,
) -> Result<Upload, Fault> {
    let options = sys::object([("sha256", hash.hex().into())]).map_err(failed)?;
    match sys::settled(store.put_with(key.as_str(), body, &options)).await {
        Ok(_) => Ok(Upload::Stored),
        Err(error) if has_code(&error, BAD_DIGEST) => Ok(Upload::Mismatch),
        Err(_) => Err(Fault::Failed),
    }
}

/// Deletes an object.
pub async fn delete(store: &Store, key: &Key) -> Result<(), Fault> {
    sys::settled(store.delete(key.as_str())).await.map(drop).map_err(failed)
}

/// A page of keys.
pub async fn list(store: &Store, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
    let page = sys::page(store, prefix, cursor).await.map_err(failed)?;
    let keys = page.objects().ok_or(Fault::Failed)?.iter().map(R2Object::key).collect();
    let cursor = page.cursor().filter(|_| page.truncated() == Some(true));
    Ok(Listing { keys, cursor })
}

/// An object of a collection, or a part of it, unless it has the entity tag that is known.
pub async fn read_object(
    store: &Store,
    key: &Key,
    known_etag: Option<&str>,
    part: Option<Part>,
) -> Result<Option<Object<JsValue>>, Fault> {
    let only_if = match known_etag {
        None => JsValue::UNDEFINED,
        Some(etag) => member("etagDoesNotMatch", opaque(etag))?,
    };
    let range = part.map_or(Ok(JsValue::UNDEFINED), range)?;
    let options = sys::object([("onlyIf", only_if), ("range", range)]).map_err(failed)?;
    let found = sys::settled(store.read_with(key.as_str(), &options)).await.map_err(failed)?;
    if found.is_null() {
        return Ok(None);
    }
    let (meta, object): (_, R2Object) = (described(&found)?, found.unchecked_into());
    // R2 gives an object without a body when the condition does not hold.
    let body = object.body();
    let is_known = body.is_undefined() || body.is_null();
    Ok(Some(if is_known { Object::NotModified(meta) } else { Object::Found(meta, body) }))
}

/// What is known of an object of a collection.
pub async fn object_meta(store: &Store, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
    let found = sys::settled(store.head(key.as_str())).await.map_err(failed)?;
    if found.is_null() { Ok(None) } else { described(&found).map(Some) }
}

/// Writes an object of a collection when a condition holds; when is R2's to say.
pub async fn write_object(
    store: &Store,
    key: &Key,
    body: &JsValue,
    meta: &ObjectMeta,
    condition: &Condition,
) -> Result<ObjectWritten, Fault> {
    let options = described_by(meta, only_if(condition)?)?;
    let call = store.put_with(key.as_str(), body, &options);
    let stored = sys::settled(call).await.map_err(failed)?;
    if stored.is_null() {
        return Ok(ObjectWritten::Lost);
    }
    Ok(ObjectWritten::Done(described(&stored)?.etag))
}

/// Begins an upload in parts: its id.
pub async fn begin_upload(store: &Store, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
    let options = described_by(meta, JsValue::UNDEFINED)?;
    let call = store.begin_upload(key.as_str(), &options);
    let upload: R2Upload = sys::settled(call).await.map_err(failed)?.unchecked_into();
    Ok(upload.id())
}

/// Stores a part of an upload: its entity tag.
pub async fn upload_part(
    store: &Store,
    key: &Key,
    id: &str,
    number: u16,
    body: &JsValue,
) -> Result<Option<String>, Fault> {
    let upload = store.resume_upload(key.as_str(), id).map_err(failed)?;
    let stored = known(sys::settled(upload.part(number, body)).await)?;
    Ok(stored.map(|stored| stored.unchecked_into::<R2Upload>().etag()))
}

/// Makes an object of the parts of an upload.
pub async fn finish_upload(
    store: &Store,
    key: &Key,
    id: &str,
    parts: &[UploadedPart],
) -> Result<Option<ObjectMeta>, Fault> {
    let upload = store.resume_upload(key.as_str(), id).map_err(failed)?;
    let list = js_sys::Array::new();
    for part in parts {
        let (number, etag) = (part.number.into(), part.etag.as_str().into());
        list.push(&sys::object([("partNumber", number), ("etag", etag)]).map_err(failed)?);
    }
    let stored = known(sys::settled(upload.complete(&list)).await)?;
    stored.map(|stored| described(&stored)).transpose()
}

/// Gives an upload up.
pub async fn drop_upload(store: &Store, key: &Key, id: &str) -> Result<(), Fault> {
    let upload = store.resume_upload(key.as_str(), id).map_err(failed)?;
    known(sys::settled(upload.abort()).await).map(drop)
}

/// What a call for an upload gave; nothing when R2 knows no such upload or no such parts.
fn known(settled: Result<JsValue, JsValue>) -> Result<Option<JsValue>, Fault> {
    match settled {
        Ok(value) => Ok(Some(value)),
        Err(error) if BAD_UPLOAD.iter().any(|code| has_code(&error, code)) => Ok(None),
        Err(_) => Err(Fault::Failed),
    }
}

/// A page of objects.
pub async fn list_objects(
    store: &Store,
    prefix: &str,
    cursor: Option<&str>,
    count_max: u32,
) -> Result<ObjectPage, Fault> {
    let include: js_sys::Array =
        ["httpMetadata", "customMetadata"].into_iter().map(JsValue::from_str).collect();
    let options = sys::object([
        ("prefix", prefix.into()),
        ("cursor", cursor.map_or(JsValue::UNDEFINED, JsValue::from)),
        ("limit", count_max.into()),
        ("include", include.into()),
    ]);
    let page = sys::settled(store.list(&options.map_err(failed)?)).await.map_err(failed)?;
    let page: Page = page.unchecked_into();
    let objects = objects::listed(&sys::r2_objects(&page.r2_objects()))?;
    let cursor = page.cursor().filter(|_| page.truncated() == Some(true));
    Ok(ObjectPage { objects, cursor })
}

/// What R2 says of one object.
fn described(object: &JsValue) -> Result<ObjectMeta, Fault> {
    let text = sys::r2_objects(&js_sys::Array::of1(object));
    let listed = objects::listed(&text)?.pop();
    listed.map(|(_, meta)| meta).ok_or(Fault::Failed)
}

fn only_if(condition: &Condition) -> Result<JsValue, Fault> {
    match condition {
        Condition::Any => Ok(JsValue::UNDEFINED),
        Condition::Absent => member("etagDoesNotMatch", "*"),
        Condition::Is(version) => member("etagMatches", opaque(version)),
    }
}

/// What is between the quotes of an entity tag, which is all of it that R2 takes.
fn opaque(etag: &str) -> &str {
    etag.trim_matches('"')
}

fn member(name: &str, value: &str) -> Result<JsValue, Fault> {
    sys::object([(name, value.into())]).map_err(failed)
}

async fn buffer(object: &R2Object) -> Result<ArrayBuffer, Fault> {
    sys::settled(object.array_buffer()).await.map(JsCast::unchecked_into).map_err(failed)
}

fn range(part: Part) -> Result<JsValue, Fault> {
    let (first, length) = (JsValue::from(part.first as f64), JsValue::from(part.length as f64));
    sys::object([("offset", first), ("length", length)]).map_err(failed)
}

/// R2's error for a wrong checksum.
const BAD_DIGEST: &str = "10037";
/// R2's errors for parts that are too small, an upload that is not there, parts that are not, and
/// parts of different lengths.
const BAD_UPLOAD: [&str; 4] = ["10011", "10024", "10025", "10048"];

fn has_code(error: &JsValue, code: &str) -> bool {
    error.dyn_ref::<js_sys::Error>().is_some_and(|e| String::from(e.message()).contains(code))
}

/// The options of a write that say what an object is.
fn described_by(meta: &ObjectMeta, only_if: JsValue) -> Result<JsValue, Fault> {
    let options = sys::object([
        ("onlyIf", only_if),
        ("httpMetadata", member("contentType", &meta.media_type)?),
        ("customMetadata", member("tags", &meta.tags)?),
    ]);
    options.map_err(failed)
}

fn failed(_: JsValue) -> Fault {
    Fault::Failed
}
