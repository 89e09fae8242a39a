//! The edge tier: the runtime's Cache API, used as a key-value store.
//!
//! It is not used as an HTTP cache. Keys are bare URLs that no client can request, entries are
//! status 200 with a lifetime set here, and it never sees ranges or conditions. Measured: `put`
//! resolves when nothing was stored; `match` rejects when the cache is down or not configured.
//!
//! `web_sys::Cache`, because `worker::Cache` passes bodies through wasm, chunk by chunk.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Cache, Headers, Response, ResponseInit};
use worker::worker_sys::ext::CacheStorageExt;

use crate::edge::bindings::{fault, global};
use crate::edge::runtime::Runtime;
use crate::edge::task;
use crate::ports::{EdgeCache, EdgeContent, EdgeEntry, Result};
use crate::site::keys::Key;
use crate::wire::time::DeltaSeconds;

/// Goes up when the format of edge tier entries changes, so that no version reads another's.
const GENERATION: &str = "1";
/// The header that holds our own text beside a body.
const HEAD: &str = "selvedge-stored";

fn cache() -> Result<Cache> {
    global().caches().map(|caches| CacheStorageExt::default(&caches)).map_err(fault)
}

impl Runtime {
    /// Returns the URL of a key in the edge tier: on the base host, below the reserved prefix,
    /// which the worker answers itself.
    fn edge_url(&self, key: &Key) -> String {
        let base = self.settings.base_domain.as_str();
        ["https://", base, "/.selvedge/edge/", GENERATION, "/", key.as_str()].concat()
    }

    async fn matched(&self, key: &Key) -> Result<Option<Response>> {
        let promise = cache()?.match_with_str(&self.edge_url(key));
        let found = task::fulfilled(Ok(promise)).await?;
        Ok((!found.is_undefined()).then(|| found.unchecked_into()))
    }
}

impl EdgeCache for Runtime {
    async fn edge_find(&self, key: &Key) -> Result<Option<EdgeEntry<JsValue>>> {
        let Some(found) = self.matched(key).await? else { return Ok(None) };
        let head = found.headers().get(HEAD).map_err(fault)?.unwrap_or_default();
        Ok(Some(EdgeEntry { head, body: found.body().map_or(JsValue::NULL, Into::into) }))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<ArrayBuffer>> {
        let Some(found) = self.matched(key).await? else { return Ok(None) };
        task::fulfilled(found.array_buffer()).await.map(|bytes| Some(bytes.unchecked_into()))
    }

    async fn edge_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<()> {
        let (body, length) = match content {
            EdgeContent::Bytes(bytes) => (Uint8Array::from(&bytes[..]).into(), bytes.len() as u64),
            EdgeContent::Held(buffer) => (buffer.clone().into(), u64::from(buffer.byte_length())),
            EdgeContent::Stream(stream, length) => (stream, length),
        };
        let response = entry(head, &body, length, ttl.seconds()).map_err(fault)?;
        let promise = cache()?.put_with_str(&self.edge_url(key), &response);
        task::fulfilled(Ok(promise)).await.map(|_| ())
    }
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
