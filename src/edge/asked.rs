//! What the runtime was asked for, and what its answers say.
//!
//! Not the asking: that is JavaScript's, one call and one promise each. What a promise gives is
//! plain, so that a port is a call, one await and a function of what came. The invariant is that an
//! answer that can't be read is a fault, never an absence.

use std::pin::Pin;
use std::task::{Context, Poll};

use js_sys::{Array, ArrayBuffer, Promise};
use wasm_bindgen::prelude::*;

use crate::edge::{sys, task};
use crate::serve::ports::{
    Fault, Found, Listing, Object, ObjectMeta, ObjectPage, ObjectWritten, Upload, Versioned,
    Written,
};
use crate::site::ids::ContentHash;
use crate::wire::time::UnixMillis;

/// A promise of the runtime and how its value is read; or a fault at once.
pub struct Asked<T> {
    promised: Result<task::Settled, Fault>,
    read: fn(JsValue) -> Result<T, Fault>,
}

/// What a promise gives, read by a function.
pub fn asked<T>(
    promise: Result<Promise, Fault>,
    read: fn(JsValue) -> Result<T, Fault>,
) -> Asked<T> {
    Asked { promised: promise.map(|promise| task::settled(&promise)), read }
}

impl<T> Future for Asked<T> {
    type Output = Result<T, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        value(&mut self.promised, cx).map(|value| value.and_then(self.read))
    }
}

/// One function for all that is asked.
#[inline(never)]
fn value(
    promised: &mut Result<task::Settled, Fault>,
    cx: &mut Context<'_>,
) -> Poll<Result<JsValue, Fault>> {
    match promised {
        Ok(settled) => Pin::new(settled).poll(cx).map(|outcome| outcome.map_err(fault)),
        Err(fault) => Poll::Ready(Err(*fault)),
    }
}

fn fault(reason: JsValue) -> Fault {
    match sys::fault(&reason) {
        1 => Fault::Busy,
        2 => Fault::TimedOut,
        _ => Fault::Failed,
    }
}

/// Nothing of interest.
pub fn done(_: JsValue) -> Result<(), Fault> {
    Ok(())
}

/// Something, or `null`.
pub fn body(value: JsValue) -> Result<Option<JsValue>, Fault> {
    Ok((!value.is_null()).then_some(value))
}

/// Bytes to be held, or `null`.
pub fn held(value: JsValue) -> Result<Option<ArrayBuffer>, Fault> {
    Ok((!value.is_null()).then(|| value.unchecked_into()))
}

/// Bytes to be parsed, or `null`.
pub fn bytes(value: JsValue) -> Result<Option<Vec<u8>>, Fault> {
    Ok(held(value)?.map(|buffer| sys::taken(&buffer)))
}

/// The SHA-256 of something.
pub fn hash(value: JsValue) -> Result<ContentHash, Fault> {
    let bytes = bytes(value)?.and_then(|bytes| bytes.try_into().ok());
    bytes.map(ContentHash).ok_or(Fault::Failed)
}

/// Whether something holds.
pub fn flag(value: JsValue) -> Result<bool, Fault> {
    value.as_bool().ok_or(Fault::Failed)
}

/// A text.
pub fn text(value: JsValue) -> Result<String, Fault> {
    value.as_string().ok_or(Fault::Failed)
}

/// A text, or `null`.
pub fn optional_text(value: JsValue) -> Result<Option<String>, Fault> {
    if value.is_null() { Ok(None) } else { text(value).map(Some) }
}

/// Bytes and their version, or `null`.
pub fn versioned(value: JsValue) -> Result<Option<Versioned>, Fault> {
    let Some((buffer, version)) = pair(value) else { return Ok(None) };
    let bytes = sys::taken(buffer.unchecked_ref());
    Ok(Some(Versioned { bytes, version: text(version)? }))
}

/// Whether a condition held.
pub fn written(value: JsValue) -> Result<Written, Fault> {
    Ok(if flag(value)? { Written::Done } else { Written::Lost })
}

/// Whether a body had its hash.
pub fn uploaded(value: JsValue) -> Result<Upload, Fault> {
    Ok(if flag(value)? { Upload::Stored } else { Upload::Mismatch })
}

/// A text and a body, or `null`.
pub fn found(value: JsValue) -> Result<Option<Found<JsValue>>, Fault> {
    let Some((head, body)) = pair(value) else { return Ok(None) };
    Ok(Some(Found { head: text(head)?, body }))
}

/// The cursor of the next page, and keys: a line each.
pub fn listing(value: JsValue) -> Result<Listing, Fault> {
    let text = text(value)?;
    let mut lines = text.split('\n');
    let cursor = cursor(&mut lines);
    Ok(Listing { keys: lines.map(str::to_owned).collect(), cursor })
}

/// What is known of an object and its body, which is `null` when the object is known already.
pub fn object(value: JsValue) -> Result<Option<Object<JsValue>>, Fault> {
    let Some((about, body)) = pair(value) else { return Ok(None) };
    let meta = meta_of(&text(about)?)?;
    Ok(Some(if body.is_null() { Object::NotModified(meta) } else { Object::Found(meta, body) }))
}

/// What is known of an object, or `null`.
pub fn meta(value: JsValue) -> Result<Option<ObjectMeta>, Fault> {
    optional_text(value)?.map(|text| meta_of(&text)).transpose()
}

/// The entity tag of what is stored now; `null` where a condition did not hold.
pub fn object_written(value: JsValue) -> Result<ObjectWritten, Fault> {
    Ok(optional_text(value)?.map_or(ObjectWritten::Lost, ObjectWritten::Done))
}

/// The cursor of the next page, and keys, each with what is known of its object.
pub fn object_page(value: JsValue) -> Result<ObjectPage, Fault> {
    let text = text(value)?;
    let mut lines = text.split('\n');
    let cursor = cursor(&mut lines);
    let mut objects = Vec::new();
    while let Some(key) = lines.next() {
        let meta = described(&mut lines).ok_or(Fault::Failed)?;
        objects.push((key.to_owned(), meta));
    }
    Ok(ObjectPage { objects, cursor })
}

/// The two of a pair; `None` for `null`.
pub fn pair(value: JsValue) -> Option<(JsValue, JsValue)> {
    if value.is_null() {
        return None;
    }
    let pair: Array = value.unchecked_into();
    Some((pair.get(0), pair.get(1)))
}

type Lines<'a> = std::str::Split<'a, char>;

fn cursor(lines: &mut Lines<'_>) -> Option<String> {
    lines.next().filter(|cursor| !cursor.is_empty()).map(str::to_owned)
}

fn meta_of(text: &str) -> Result<ObjectMeta, Fault> {
    described(&mut text.split('\n')).ok_or(Fault::Failed)
}

/// What the next lines say of an object; `None` when they are none of ours.
fn described(lines: &mut Lines<'_>) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        length: lines.next()?.parse().ok()?,
        etag: lines.next()?.to_owned(),
        media_type: lines.next()?.to_owned(),
        tags: lines.next()?.to_owned(),
        written_ms: UnixMillis(lines.next()?.parse().ok()?),
    })
}
