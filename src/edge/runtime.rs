//! The ports, over the runtime.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, Request};
use worker::worker_sys::Context;
use worker::{Bucket, Data, Env, RateLimiter};

use crate::edge::bindings::{self, bound, copied, fault, taken};
use crate::edge::kv::{Kv, KvNamespace};
use crate::edge::r2::R2;
use crate::edge::{cache, headers, streams, task, upstream};
use crate::ports::settings::{Settings, StoreKind};
use crate::ports::{
    BodyFault, Condition, EdgeContent, Fault, Found, Listing, Object, ObjectMeta, ObjectPage,
    ObjectWritten, Part, Ports, Upload, UploadedPart, UpstreamRequest, UpstreamResponse, Versioned,
    Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// The name of the R2 binding.
const BUCKET: &str = "BUCKET";
/// The name of the KV binding.
const NAMESPACE: &str = "STORE_KV";
/// The name of the rate limiter's binding.
const RATE_LIMIT: &str = "FRESH_LIMIT";
/// Goes up when the format of edge tier entries changes, so that no version reads another's.
const EDGE_GENERATION: &str = "1";
/// Deadline of work behind a response: the runtime ends it after 30 s.
const BEHIND_DEADLINE_MS: u64 = 25_000;

/// The ports of one request.
#[derive(Clone)]
pub struct Runtime(Rc<Inner>);

struct Inner {
    request: Request,
    env: Env,
    context: Context,
    settings: Rc<Settings>,
}

enum Store {
    R2(R2),
    Kv(Kv),
}

/// Calls the same method of either store.
macro_rules! with_store {
    ($runtime:expr, $store:ident => $call:expr) => {
        match $runtime.store()? {
            Store::R2($store) => $call,
            Store::Kv($store) => $call,
        }
    };
}

impl Runtime {
    /// Returns the ports of `request`.
    pub fn new(request: Request, env: Env, context: Context, settings: Rc<Settings>) -> Self {
        Self(Rc::new(Inner { request, env, context, settings }))
    }

    fn store(&self) -> Result<Store, Fault> {
        Ok(match self.0.settings.store {
            StoreKind::R2 => Store::R2(R2(bound::<Bucket>(&self.0.env, BUCKET)?)),
            StoreKind::Kv => Store::Kv(Kv(bound::<KvNamespace>(&self.0.env, NAMESPACE)?)),
        })
    }

    /// Returns the bucket; KV takes no uploads in parts.
    fn bucket(&self) -> Result<R2, Fault> {
        match self.store()? {
            Store::R2(bucket) => Ok(bucket),
            Store::Kv(_) => Err(Fault::Missing),
        }
    }

    /// Returns the URL of a key in the edge tier: on the base host, below the reserved prefix,
    /// which the worker answers itself.
    fn edge_url(&self, key: &Key) -> String {
        let base = self.0.settings.base_domain.as_str();
        ["https://", base, "/.selvedge/edge/", EDGE_GENERATION, "/", key.as_str()].concat()
    }
}

impl Ports for Runtime {
    type Body = JsValue;
    type Held = ArrayBuffer;

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn missing_binding(&self) -> Option<&'static str> {
        let name = match self.0.settings.store {
            StoreKind::R2 => BUCKET,
            StoreKind::Kv => NAMESPACE,
        };
        self.store().is_err().then_some(name)
    }

    fn now(&self) -> UnixMillis {
        // Before 1970 and after the year 280,000 the cast saturates.
        UnixMillis(task::now_ms() as u64)
    }

    async fn sleep(&self, ms: u64) {
        task::sleep(ms).await;
    }

    fn behind(&self, work: impl Future<Output = ()> + 'static) {
        let work: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(work);
        let promise = task::run_later(async {
            let _ = task::within(BEHIND_DEADLINE_MS, work).await;
            JsValue::UNDEFINED
        });
        // It throws only when the request is over already.
        let _ = self.0.context.wait_until(promise.unchecked_ref());
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, Fault> {
        with_store!(self, store => store.read(key.as_str()).await)
    }

    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, Fault> {
        with_store!(self, store => store.write(key.as_str(), bytes, condition).await)
    }

    async fn delete(&self, key: &Key) -> Result<(), Fault> {
        with_store!(self, store => store.delete(key.as_str()).await)
    }

    async fn delete_all(&self, keys: &[Key]) -> Result<(), Fault> {
        let keys = keys.iter().map(Key::as_str).collect();
        with_store!(self, store => store.delete_all(keys).await)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        with_store!(self, store => store.list(prefix, cursor).await)
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
        with_store!(self, store => store.open(key.as_str(), part).await)
    }

    async fn hold(&self, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
        with_store!(self, store => store.hold(key.as_str()).await)
    }

    async fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let key = key.as_str();
        match self.store()? {
            Store::R2(store) => store.write_checked(key, Data::Bytes(bytes.to_vec()), hash).await,
            Store::Kv(store) => {
                store.write_checked(key, Uint8Array::from(bytes).into(), hash).await
            }
        }
    }

    async fn store_request_body(
        &self,
        key: &Key,
        length: u64,
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let Some(body) = self.0.request.body().filter(|_| length > 0) else {
            return self.store_blob(key, &[], hash).await;
        };
        let key = key.as_str();
        match self.store()? {
            Store::R2(store) => store.write_checked(key, Data::ReadableStream(body), hash).await,
            Store::Kv(store) => store.write_checked(key, body.into(), hash).await,
        }
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        let bytes_max = bytes_max as u64;
        let held = streams::hold(self.0.request.body(), bytes_max).await;
        let held = held.map_err(|_| BodyFault::Broken)?.ok_or(BodyFault::TooLarge(bytes_max))?;
        Ok(taken(&held))
    }

    async fn edge_read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.edge_hold(key).await?.map(|buffer| taken(&buffer)))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
        cache::bytes(&self.edge_url(key)).await
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<JsValue>, Fault> {
        Ok(self.stored_find(key).await?.map(|found| found.body))
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, ttl: DeltaSeconds) {
        // Best effort: without an entry the store is read again.
        let _ = self.stored_keep(key, "", content, ttl).await;
    }

    async fn stored_find(&self, key: &Key) -> Result<Option<Found<JsValue>>, Fault> {
        cache::find(&self.edge_url(key)).await
    }

    async fn stored_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<(), Fault> {
        cache::keep(&self.edge_url(key), head, content, ttl.seconds()).await
    }

    fn request_headers(&self) -> Headers {
        headers::from_runtime(&self.0.request.headers())
    }

    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<JsValue>, Fault> {
        upstream::fetch(&self.0.env, &self.0.request, request).await
    }

    async fn hold_body(&self, body: JsValue, bytes_max: u64) -> Result<ArrayBuffer, Fault> {
        let body = (!body.is_null()).then(|| body.unchecked_into());
        streams::hold(body, bytes_max).await?.ok_or(Fault::Failed)
    }

    fn cut(&self, body: JsValue, part: Part) -> Result<JsValue, Fault> {
        streams::cut(body.unchecked_ref::<ReadableStream>(), part).map(Into::into)
    }

    fn held_of(&self, bytes: &[u8]) -> ArrayBuffer {
        Uint8Array::from(bytes).buffer()
    }

    async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<JsValue>>, Fault> {
        with_store!(self, store => store.object_read(key.as_str(), known_etag, part).await)
    }

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
        with_store!(self, store => store.object_meta(key.as_str()).await)
    }

    async fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten, Fault> {
        let body = self.0.request.body();
        with_store!(self, store => store.object_write(key.as_str(), body, meta, condition).await)
    }

    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage, Fault> {
        with_store!(self, store => store.object_list(prefix, cursor, count_max).await)
    }

    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
        self.bucket()?.upload_begin(key.as_str(), meta).await
    }

    async fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> Result<Option<String>, Fault> {
        let body = self.0.request.body();
        self.bucket()?.upload_part(key.as_str(), upload, number, body).await
    }

    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>, Fault> {
        self.bucket()?.upload_finish(key.as_str(), upload, parts).await
    }

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        self.bucket()?.upload_drop(key.as_str(), upload).await
    }

    async fn limit(&self, key: &str) -> Result<bool, Fault> {
        let limiter: RateLimiter = bound(&self.0.env, RATE_LIMIT)?;
        limiter.limit(key.to_owned()).await.map(|outcome| outcome.success).map_err(fault)
    }

    fn held_length(&self, held: &ArrayBuffer) -> u64 {
        u64::from(held.byte_length())
    }

    fn held_bytes(&self, held: &ArrayBuffer) -> Vec<u8> {
        copied(held)
    }

    async fn digest(&self, held: &ArrayBuffer) -> Result<ContentHash, Fault> {
        bindings::sha256(held).await
    }

    fn share(&self, body: JsValue) -> Result<(JsValue, JsValue), Fault> {
        streams::share(body)
    }
}
