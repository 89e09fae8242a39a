//! The edge tier: the runtime's Cache API, used as a key-value store.
//!
//! It is not used as an HTTP cache. Keys are bare URLs that no client can request, entries are
//! status 200 with a lifetime set here, and it never sees ranges or conditions. Measured: `put`
//! resolves when nothing was stored; `match` rejects when the cache is down or not configured.
//!
//! `web_sys::Cache`, because `worker::Cache` passes bodies through wasm, chunk by chunk.

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use web_sys::{Cache, Headers, Response, ResponseInit};
use worker::worker_sys::ext::CacheStorageExt;

use crate::edge::bindings::{fault, global};
use crate::edge::task;
use crate::ports::{Found, Result};

/// The header that holds our own text beside a body.
const HEAD: &str = "selvedge-stored";

fn cache() -> Result<Cache> {
    global().caches().map(|caches| CacheStorageExt::default(&caches)).map_err(fault)
}

async fn matched(url: &str) -> Result<Option<Response>> {
    let found = task::fulfilled(Ok(cache()?.match_with_str(url))).await?;
    Ok((!found.is_undefined()).then(|| found.unchecked_into()))
}

/// Returns the text and the body stored under a URL.
pub async fn find(url: &str) -> Result<Option<Found<JsValue>>> {
    let Some(found) = matched(url).await? else { return Ok(None) };
    let head = found.headers().get(HEAD).map_err(fault)?.unwrap_or_default();
    Ok(Some(Found { head, body: found.body().map_or(JsValue::NULL, Into::into) }))
}

/// Returns the bytes stored under a URL.
pub async fn hold(url: &str) -> Result<Option<ArrayBuffer>> {
    let Some(found) = matched(url).await? else { return Ok(None) };
    task::fulfilled(found.array_buffer()).await.map(|bytes| Some(bytes.unchecked_into()))
}

/// Stores a body and a text under a URL, if the cache takes them.
pub async fn keep(url: &str, head: &str, body: &JsValue, length: u64, ttl_secs: u64) -> Result<()> {
    let response = entry(head, body, length, ttl_secs).map_err(fault)?;
    task::fulfilled(Ok(cache()?.put_with_str(url, &response))).await.map(|_| ())
}

fn entry(head: &str, body: &JsValue, length: u64, ttl_secs: u64) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.append("cache-control", &format!("public, max-age={ttl_secs}"))?;
    headers.append("content-length", &length.to_string())?;
    headers.append("content-type", "application/octet-stream")?;
    headers.append(HEAD, head)?;
    let init = ResponseInit::new();
    init.set_headers_headers(&headers);
    // A stream passes through as well: the constructor's name speaks of its argument's type only.
    Response::new_with_opt_buffer_source_and_init(Some(body.unchecked_ref()), &init)
}
