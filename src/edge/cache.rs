//! The edge tier: the runtime's Cache API, used as a plain store.
//!
//! Not an HTTP cache: keys are bare URLs that no client can ask for, entries are status 200 with a
//! lifetime of their own, and ranges and conditions are never shown to it. Measured: `put`
//! resolves when nothing was stored, `match` throws when the cache is down or none is configured.

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;

use crate::edge::sys::{self, Response};
use crate::serve::ports::Fault;
use crate::site::keys::Key;
use crate::wire::time::DeltaSeconds;

/// Bumped when the form of what is kept changes, so that no version reads another's.
const GENERATION: &str = "1";

/// The field that holds what we say of what is kept.
const HEAD_FIELD: &str = "selvedge-stored";

/// What we said of a kept response; empty when we said nothing.
pub fn head(response: &Response) -> String {
    response.headers().get(HEAD_FIELD).unwrap_or_default()
}

/// The response that is kept under a key.
pub async fn lookup(base: &str, key: &Key) -> Result<Option<Response>, Fault> {
    let cache = sys::default_cache().ok_or(Fault::Missing)?;
    let found = sys::settled(cache.lookup(&url(base, key))).await.map_err(failed)?;
    Ok((!found.is_undefined()).then(|| found.unchecked_into()))
}

/// The bytes of a kept response.
pub async fn buffer(response: &Response) -> Result<ArrayBuffer, Fault> {
    sys::settled(response.array_buffer()).await.map(JsCast::unchecked_into).map_err(failed)
}

/// Keeps a body under a key, if the cache takes it.
///
/// `head` is what we say of it; empty for what speaks for itself.
pub async fn put(
    base: &str,
    key: &Key,
    head: &str,
    body: &JsValue,
    length: u64,
    ttl: DeltaSeconds,
) -> Result<(), Fault> {
    let cache = sys::default_cache().ok_or(Fault::Missing)?;
    let headers = sys::object([
        ("cache-control", format!("public, max-age={}", ttl.seconds()).into()),
        ("content-length", length.to_string().into()),
        ("content-type", "application/octet-stream".into()),
        (HEAD_FIELD, head.into()),
    ]);
    let init = sys::object([("headers", headers.map_err(failed)?)]).map_err(failed)?;
    let response = Response::new(body, &init).map_err(failed)?;
    sys::settled(cache.put(&url(base, key), &response)).await.map(drop).map_err(failed)
}

/// The URL of a key: on the base host, below the reserved prefix, which the worker answers itself.
fn url(base: &str, key: &Key) -> String {
    format!("https://{base}/.selvedge/edge/{GENERATION}/{key}")
}

fn failed(_: JsValue) -> Fault {
    Fault::Failed
}
