//! KV: shows writes late and has no compare-and-swap; conditions are checked by reading first.
//!
//! A lost race is therefore found, by whoever reads back, and not prevented.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::sys::{self, KvKey, Store};
use crate::serve::ports::{Condition, Fault, Listing, Part, Upload, Versioned, Written};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

thread_local! {
    static ARRAY_BUFFER: JsValue = JsValue::from_str("arrayBuffer");
    static STREAM: JsValue = JsValue::from_str("stream");
}

/// A small value; its version is its hash.
pub async fn read(store: &Store, key: &Key) -> Result<Option<Versioned>, Fault> {
    let Some(buffer) = hold(store, key).await? else { return Ok(None) };
    let bytes = sys::copied(&buffer);
    let version = ContentHash::of(&bytes).hex();
    Ok(Some(Versioned { bytes, version }))
}

/// A blob, to be held.
pub async fn hold(store: &Store, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
    let call = ARRAY_BUFFER.with(|kind| store.read_with(key.as_str(), kind));
    let value = sys::settled(call).await.map_err(fault)?;
    Ok((!value.is_null()).then(|| value.unchecked_into()))
}

/// A blob, to be passed on. KV has no ranges: a part is cut out of the whole value.
pub async fn open(store: &Store, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
    if let Some(part) = part {
        let Some(buffer) = hold(store, key).await? else { return Ok(None) };
        let end = part.first.checked_add(part.length).ok_or(Fault::Failed)?;
        if end > u64::from(buffer.byte_length()) {
            return Err(Fault::Failed);
        }
        let (first, length) = (part.first as u32, part.length as u32);
        let bytes = Uint8Array::new_with_byte_offset_and_length(&buffer, first, length);
        return Ok(Some(bytes.into()));
    }
    let call = STREAM.with(|kind| store.read_with(key.as_str(), kind));
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
    let cursor =
        page.cursor().filter(|cursor| page.list_complete() != Some(true) && !cursor.is_empty());
    Ok(Listing { keys, cursor })
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
