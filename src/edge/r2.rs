//! R2: strongly consistent, with compare-and-swap by ETag.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::sys::{self, R2Object, Store};
use crate::serve::ports::{Condition, Fault, Listing, Part, Upload, Versioned, Written};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

/// An object, `None` where there is none.
async fn object(store: &Store, key: &Key, part: Option<Part>) -> Result<Option<R2Object>, Fault> {
    let call = match part {
        None => store.read(key.as_str()),
        Some(part) => store.read_with(key.as_str(), &range(part)?),
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
    let only_if = match condition {
        Condition::Any => JsValue::UNDEFINED,
        Condition::Absent => sys::object([("etagDoesNotMatch", "*".into())]).map_err(failed)?,
        Condition::Is(version) => {
            sys::object([("etagMatches", version.as_str().into())]).map_err(failed)?
        }
    };
    let options = sys::object([("onlyIf", only_if)]).map_err(failed)?;
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
        Err(error) if is_bad_digest(&error) => Ok(Upload::Mismatch),
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

async fn buffer(object: &R2Object) -> Result<ArrayBuffer, Fault> {
    sys::settled(object.array_buffer()).await.map(JsCast::unchecked_into).map_err(failed)
}

fn range(part: Part) -> Result<JsValue, Fault> {
    let (first, length) = (JsValue::from(part.first as f64), JsValue::from(part.length as f64));
    let range = sys::object([("offset", first), ("length", length)]).map_err(failed)?;
    sys::object([("range", range)]).map_err(failed)
}

/// R2 answers a wrong checksum with error 10037.
fn is_bad_digest(error: &JsValue) -> bool {
    error.dyn_ref::<js_sys::Error>().is_some_and(|e| String::from(e.message()).contains("10037"))
}

fn failed(_: JsValue) -> Fault {
    Fault::Failed
}
