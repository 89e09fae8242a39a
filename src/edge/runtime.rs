//! The ports, over the runtime.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::sys::{self, ExecutionContext, RateLimiter, ReadableStream, Request, Store};
use crate::edge::{cache, kv, r2, task, upstream};
use crate::serve::ports::{
    BodyFault, Condition, EdgeContent, Fault, Found, Listing, Object, ObjectMeta, ObjectPage,
    ObjectWritten, Part, Ports, Upload, UploadedPart, UpstreamRequest, UpstreamResponse, Versioned,
    Written,
};
use crate::serve::settings::{Settings, StoreKind};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::fields::Fields;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// The name of the R2 binding.
const BUCKET: &str = "BUCKET";
/// The name of the KV binding.
const NAMESPACE: &str = "STORE_KV";
/// The name of the rate limiter's binding.
const RATE_LIMIT: &str = "FRESH_LIMIT";
/// Deadline of what goes on behind a response: the runtime ends it after 30 s.
const BEHIND_DEADLINE_MS: u64 = 25_000;

/// The world of one request.
#[derive(Clone)]
pub struct Runtime(Rc<Inner>);

struct Inner {
    request: Rc<Request>,
    env: JsValue,
    context: ExecutionContext,
    settings: Rc<Settings>,
}

impl Runtime {
    /// The world of a request.
    pub fn new(
        request: Rc<Request>,
        env: JsValue,
        context: ExecutionContext,
        settings: Rc<Settings>,
    ) -> Self {
        Self(Rc::new(Inner { request, env, context, settings }))
    }

    fn binding(&self) -> &'static str {
        match self.0.settings.store {
            StoreKind::R2 => BUCKET,
            StoreKind::Kv => NAMESPACE,
        }
    }

    fn store(&self) -> Result<Store, Fault> {
        let store =
            Reflect::get(&self.0.env, &self.binding().into()).map_err(|_| Fault::Missing)?;
        if store.is_object() { Ok(store.unchecked_into()) } else { Err(Fault::Missing) }
    }

    /// The store, where it takes objects in parts.
    fn uploads(&self) -> Result<Store, Fault> {
        match self.0.settings.store {
            StoreKind::R2 => self.store(),
            StoreKind::Kv => Err(Fault::Missing),
        }
    }

    fn base(&self) -> &str {
        self.0.settings.base_domain.as_str()
    }
}

/// A variable of the environment, when it is a text.
pub fn var(env: &JsValue, name: &str) -> Option<String> {
    Reflect::get(env, &name.into()).ok()?.as_string()
}

impl Ports for Runtime {
    type Body = JsValue;
    type Held = ArrayBuffer;

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn missing_binding(&self) -> Option<&'static str> {
        self.store().is_err().then(|| self.binding())
    }

    fn now(&self) -> UnixMillis {
        // Before 1970 and after the year 280,000 the cast saturates.
        UnixMillis(task::now_ms() as u64)
    }

    async fn sleep(&self, ms: u64) {
        task::sleep(ms).await;
    }

    fn behind(&self, work: impl Future<Output = ()> + 'static) {
        let promise = task::run_later(async move {
            let (mut work, mut deadline) =
                (Box::pin(work), Box::pin(task::sleep(BEHIND_DEADLINE_MS)));
            std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
                std::task::Poll::Pending => deadline.as_mut().poll(cx),
                ready => ready,
            })
            .await;
            JsValue::UNDEFINED
        });
        self.0.context.wait_until(promise.unchecked_ref());
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::read(&store, key).await,
            StoreKind::Kv => kv::read(&store, key).await,
        }
    }

    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::write(&store, key, bytes, condition).await,
            StoreKind::Kv => kv::write(&store, key, bytes, condition).await,
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::delete(&store, key).await,
            StoreKind::Kv => kv::delete(&store, key).await,
        }
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::list(&store, prefix, cursor).await,
            StoreKind::Kv => kv::list(&store, prefix, cursor).await,
        }
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::open(&store, key, part).await,
            StoreKind::Kv => kv::open(&store, key, part).await,
        }
    }

    async fn hold(&self, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::hold(&store, key).await,
            StoreKind::Kv => kv::hold(&store, key).await,
        }
    }

    async fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => {
                r2::put_checked(&store, key, &Uint8Array::from(bytes).into(), hash).await
            }
            StoreKind::Kv => kv::put_checked(&store, key, bytes, hash).await,
        }
    }

    async fn store_request_body(
        &self,
        key: &Key,
        length: u64,
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let body = self.0.request.body();
        if body.is_null() || length == 0 {
            return self.store_blob(key, &[], hash).await;
        }
        let store = self.store()?;
        match self.0.settings.store {
            // The runtime knows the length of a body that came with one, which R2 asks for.
            StoreKind::R2 => r2::put_checked(&store, key, &body, hash).await,
            StoreKind::Kv => {
                let bytes = buffered(&body).await.map_err(|_| Fault::Failed)?;
                kv::put_checked(&store, key, &sys::copied(&bytes), hash).await
            }
        }
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        let body = self.0.request.body();
        if body.is_null() || body.is_undefined() {
            return Ok(Vec::new());
        }
        bounded(&body, bytes_max).await
    }

    async fn edge_read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.edge_hold(key).await?.map(|buffer| sys::copied(&buffer)))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
        match cache::lookup(self.base(), key).await? {
            Some(response) => cache::buffer(&response).await.map(Some),
            None => Ok(None),
        }
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<JsValue>, Fault> {
        let found = cache::lookup(self.base(), key).await?;
        Ok(found.map(|response| response.body()))
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, ttl: DeltaSeconds) {
        // Best effort: what is not kept is read from the store again.
        let _ = self.stored_keep(key, "", content, ttl).await;
    }

    async fn stored_find(&self, key: &Key) -> Result<Option<Found<JsValue>>, Fault> {
        let found = cache::lookup(self.base(), key).await?;
        Ok(found.map(|response| Found { head: cache::head(&response), body: response.body() }))
    }

    async fn stored_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<(), Fault> {
        let (body, length): (JsValue, u64) = match content {
            EdgeContent::Bytes(bytes) => (Uint8Array::from(&bytes[..]).into(), bytes.len() as u64),
            EdgeContent::Held(buffer) => {
                let length = u64::from(buffer.byte_length());
                (buffer.into(), length)
            }
            EdgeContent::Stream(stream, length) => (stream, length),
        };
        cache::put(self.base(), key, head, &body, length, ttl).await
    }

    fn request_fields(&self) -> Fields {
        upstream::fields_of(&sys::fields(&self.0.request))
    }

    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<JsValue>, Fault> {
        upstream::fetch(&self.0.env, &self.0.request, request).await
    }

    async fn hold_body(&self, body: JsValue, bytes_max: u64) -> Result<ArrayBuffer, Fault> {
        let held = sys::settled(sys::hold(&body, bytes_max as f64)).await;
        held.map(JsCast::unchecked_into).map_err(|_| Fault::Failed)
    }

    fn cut(&self, body: JsValue, part: Part) -> Result<JsValue, Fault> {
        sys::cut(&body, part.first as f64, part.length as f64).map_err(|_| Fault::Failed)
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
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::read_object(&store, key, known_etag, part).await,
            StoreKind::Kv => kv::read_object(&store, key, known_etag, part).await,
        }
    }

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::object_meta(&store, key).await,
            StoreKind::Kv => kv::object_meta(&store, key).await,
        }
    }

    async fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten, Fault> {
        let store = self.store()?;
        let body = self.0.request.body();
        let is_empty = body.is_null() || meta.length == 0;
        match self.0.settings.store {
            StoreKind::R2 => {
                let body = if is_empty { Uint8Array::new_with_length(0).into() } else { body };
                r2::write_object(&store, key, &body, meta, condition).await
            }
            StoreKind::Kv => {
                let bytes_max = usize::try_from(meta.length).unwrap_or(usize::MAX);
                let read = self.request_body(bytes_max).await;
                let bytes = read.map_err(|_| Fault::Failed)?;
                kv::write_object(&store, key, &bytes, meta, condition).await
            }
        }
    }

    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage, Fault> {
        let store = self.store()?;
        match self.0.settings.store {
            StoreKind::R2 => r2::list_objects(&store, prefix, cursor, count_max).await,
            StoreKind::Kv => kv::list_objects(&store, prefix, cursor, count_max).await,
        }
    }

    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
        r2::begin_upload(&self.uploads()?, key, meta).await
    }

    async fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> Result<Option<String>, Fault> {
        r2::upload_part(&self.uploads()?, key, upload, number, &self.0.request.body()).await
    }

    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>, Fault> {
        r2::finish_upload(&self.uploads()?, key, upload, parts).await
    }

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        r2::drop_upload(&self.uploads()?, key, upload).await
    }

    async fn limit(&self, key: &str) -> Result<bool, Fault> {
        let limiter = Reflect::get(&self.0.env, &RATE_LIMIT.into()).map_err(|_| Fault::Missing)?;
        if !limiter.is_object() {
            return Err(Fault::Missing);
        }
        let limiter: RateLimiter = limiter.unchecked_into();
        let options = sys::object([("key", key.into())]).map_err(|_| Fault::Failed)?;
        let outcome = sys::settled(limiter.limit(&options)).await.map_err(|_| Fault::Failed)?;
        let success = Reflect::get(&outcome, &"success".into()).map_err(|_| Fault::Failed)?;
        success.as_bool().ok_or(Fault::Failed)
    }

    fn held_length(&self, held: &ArrayBuffer) -> u64 {
        u64::from(held.byte_length())
    }

    fn held_bytes(&self, held: &ArrayBuffer) -> Vec<u8> {
        sys::copied(held)
    }

    async fn digest(&self, held: &ArrayBuffer) -> Result<ContentHash, Fault> {
        let digest = sys::settled(sys::sha256(held)).await.map_err(|_| Fault::Failed)?;
        let bytes = sys::copied(digest.unchecked_ref());
        bytes.try_into().map(ContentHash).map_err(|_| Fault::Failed)
    }

    fn share(&self, body: JsValue) -> Result<(JsValue, JsValue), Fault> {
        let stream: ReadableStream = body.unchecked_into();
        let pair = stream.tee().map_err(|_| Fault::Failed)?;
        Ok((pair.get(0), pair.get(1)))
    }
}

/// All of a stream.
async fn buffered(body: &JsValue) -> Result<ArrayBuffer, JsValue> {
    let response = sys::Response::new(body, &JsValue::UNDEFINED)?;
    sys::settled(response.array_buffer()).await.map(JsCast::unchecked_into)
}

/// A stream up to a bound; what is longer is not read to its end.
async fn bounded(body: &JsValue, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
    let reader = sys::reader(body).map_err(|_| BodyFault::Broken)?;
    let mut bytes = Vec::new();
    loop {
        let chunk = sys::next_chunk(&reader).await.map_err(|_| BodyFault::Broken)?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if bytes.len().saturating_add(chunk.length() as usize) > bytes_max {
            sys::cancel(&reader);
            return Err(BodyFault::TooLarge(bytes_max as u64));
        }
        let start = bytes.len();
        bytes.resize(start.saturating_add(chunk.length() as usize), 0);
        if let Some(room) = bytes.get_mut(start..) {
            chunk.copy_to(room);
        }
    }
}
