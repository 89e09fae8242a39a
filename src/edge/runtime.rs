//! The ports, over the runtime.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::asked::{self, Asked, asked};
use crate::edge::block;
use crate::edge::sys::{self, ExecutionContext, ReadableStream, Request, Store};
use crate::edge::{task, upstream};
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
/// Bumped when the form of what the edge tier keeps changes, so that no version reads another's.
const EDGE_GENERATION: &str = "1";
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
        let store = match self.0.settings.store {
            StoreKind::R2 => sys::bucket(&self.0.env, BUCKET),
            StoreKind::Kv => sys::namespace(&self.0.env, NAMESPACE),
        };
        store.ok_or(Fault::Missing)
    }

    /// The store, where it takes objects in parts.
    fn uploads(&self) -> Result<Store, Fault> {
        match self.0.settings.store {
            StoreKind::R2 => self.store(),
            StoreKind::Kv => Err(Fault::Missing),
        }
    }

    /// The URL of a key in the edge tier: on the base host, below the reserved prefix, which the
    /// worker answers itself.
    fn edge_url(&self, key: &Key) -> String {
        let base = self.0.settings.base_domain.as_str();
        ["https://", base, "/.selvedge/edge/", EDGE_GENERATION, "/", key.as_str()].concat()
    }

    fn write_checked(&self, key: &Key, body: &JsValue, hash: &ContentHash) -> Asked<Upload> {
        let write = |store: Store| store.write_checked(key.as_str(), body, &hash.hex());
        asked(self.store().map(write), asked::uploaded)
    }

    fn keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Asked<()> {
        let (body, length): (JsValue, u64) = match content {
            EdgeContent::Bytes(bytes) => (Uint8Array::from(&bytes[..]).into(), bytes.len() as u64),
            EdgeContent::Held(buffer) => {
                let length = u64::from(buffer.byte_length());
                (buffer.into(), length)
            }
            EdgeContent::Stream(stream, length) => (stream, length),
        };
        let url = self.edge_url(key);
        asked(Ok(sys::keep(&url, head, &body, length as f64, ttl.seconds() as f64)), asked::done)
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
        let promise = task::run_later(in_time(Box::pin(work)));
        self.0.context.wait_until(promise.unchecked_ref());
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    }

    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Versioned>, Fault>> {
        asked(self.store().map(|store| store.read(key.as_str())), asked::versioned)
    }

    fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> impl Future<Output = Result<Written, Fault>> {
        let write = |store: Store| store.write(key.as_str(), &bytes.into(), demand(condition));
        asked(self.store().map(write), asked::written)
    }

    fn delete(&self, key: &Key) -> impl Future<Output = Result<(), Fault>> {
        asked(self.store().map(|store| store.delete(key.as_str())), asked::done)
    }

    fn delete_all(&self, keys: &[Key]) -> impl Future<Output = Result<(), Fault>> {
        let list: Array = keys.iter().map(|key| JsValue::from_str(key.as_str())).collect();
        asked(self.store().map(|store| store.delete_all(&list)), asked::done)
    }

    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Listing, Fault>> {
        asked(self.store().map(|store| store.list(prefix, cursor)), asked::listing)
    }

    fn open(
        &self,
        key: &Key,
        part: Option<Part>,
    ) -> impl Future<Output = Result<Option<JsValue>, Fault>> {
        let (first, length) = range(part);
        asked(self.store().map(|store| store.open(key.as_str(), first, length)), asked::body)
    }

    fn hold(&self, key: &Key) -> impl Future<Output = Result<Option<ArrayBuffer>, Fault>> {
        asked(self.store().map(|store| store.hold(key.as_str())), asked::held)
    }

    fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> impl Future<Output = Result<Upload, Fault>> {
        self.write_checked(key, &Uint8Array::from(bytes), hash)
    }

    fn store_request_body(
        &self,
        key: &Key,
        length: u64,
        hash: &ContentHash,
    ) -> impl Future<Output = Result<Upload, Fault>> {
        // The runtime knows the length of a body that came with one, which R2 asks for.
        let body = self.0.request.body();
        let is_empty = body.is_null() || length == 0;
        let body = if is_empty { Uint8Array::new_with_length(0).into() } else { body };
        self.write_checked(key, &body, hash)
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        let body = sys::hold(&self.0.request.body(), bytes_max as f64);
        let bytes = asked(Ok(body), asked::bytes).await.map_err(|_| BodyFault::Broken)?;
        bytes.ok_or(BodyFault::TooLarge(bytes_max as u64))
    }

    fn edge_read(&self, key: &Key) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>> {
        asked(Ok(sys::kept_bytes(&self.edge_url(key))), asked::bytes)
    }

    fn edge_hold(&self, key: &Key) -> impl Future<Output = Result<Option<ArrayBuffer>, Fault>> {
        asked(Ok(sys::kept_bytes(&self.edge_url(key))), asked::held)
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<JsValue>, Fault> {
        Ok(self.stored_find(key).await?.map(|found| found.body))
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, ttl: DeltaSeconds) {
        // Best effort: what is not kept is read from the store again.
        let _ = self.keep(key, "", content, ttl).await;
    }

    fn stored_find(
        &self,
        key: &Key,
    ) -> impl Future<Output = Result<Option<Found<JsValue>>, Fault>> {
        asked(Ok(sys::kept(&self.edge_url(key))), asked::found)
    }

    fn stored_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> impl Future<Output = Result<(), Fault>> {
        self.keep(key, head, content, ttl)
    }

    fn request_fields(&self) -> Fields {
        block::fields(&sys::fields(&self.0.request))
    }

    fn fetch(
        &self,
        request: &UpstreamRequest,
    ) -> impl Future<Output = Result<UpstreamResponse<JsValue>, Fault>> {
        upstream::fetch(&self.0.env, &self.0.request, request)
    }

    async fn hold_body(&self, body: JsValue, bytes_max: u64) -> Result<ArrayBuffer, Fault> {
        let held = asked(Ok(sys::hold(&body, bytes_max as f64)), asked::held).await?;
        held.ok_or(Fault::Failed)
    }

    fn cut(&self, body: JsValue, part: Part) -> Result<JsValue, Fault> {
        sys::cut(&body, part.first as f64, part.length as f64).map_err(|_| Fault::Failed)
    }

    fn held_of(&self, bytes: &[u8]) -> ArrayBuffer {
        Uint8Array::from(bytes).buffer()
    }

    fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> impl Future<Output = Result<Option<Object<JsValue>>, Fault>> {
        let (first, length) = range(part);
        let read = |store: Store| store.object_read(key.as_str(), known_etag, first, length);
        asked(self.store().map(read), asked::object)
    }

    fn object_meta(&self, key: &Key) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>> {
        asked(self.store().map(|store| store.object_meta(key.as_str())), asked::meta)
    }

    fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> impl Future<Output = Result<ObjectWritten, Fault>> {
        let ObjectMeta { media_type, tags, .. } = meta;
        let (length, written_ms) = (meta.length as f64, meta.written_ms.0 as f64);
        let (body, condition) = (self.0.request.body(), demand(condition));
        let write = |store: Store| {
            let key = key.as_str();
            store.object_write(key, &body, length, media_type, tags, written_ms, condition)
        };
        asked(self.store().map(write), asked::object_written)
    }

    fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> impl Future<Output = Result<ObjectPage, Fault>> {
        let list = |store: Store| store.object_list(prefix, cursor, count_max);
        asked(self.store().map(list), asked::object_page)
    }

    fn upload_begin(
        &self,
        key: &Key,
        meta: &ObjectMeta,
    ) -> impl Future<Output = Result<String, Fault>> {
        let begin = |store: Store| store.upload_begin(key.as_str(), &meta.media_type, &meta.tags);
        asked(self.uploads().map(begin), asked::text)
    }

    fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> impl Future<Output = Result<Option<String>, Fault>> {
        let body = self.0.request.body();
        let put = |store: Store| store.upload_part(key.as_str(), upload, number, &body);
        asked(self.uploads().map(put), asked::optional_text)
    }

    fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>> {
        let list = Array::new();
        for part in parts {
            list.push(&part.number.into());
            list.push(&part.etag.as_str().into());
        }
        let finish = |store: Store| store.upload_finish(key.as_str(), upload, &list);
        asked(self.uploads().map(finish), asked::meta)
    }

    fn upload_drop(&self, key: &Key, upload: &str) -> impl Future<Output = Result<(), Fault>> {
        asked(self.uploads().map(|store| store.upload_drop(key.as_str(), upload)), asked::done)
    }

    fn limit(&self, key: &str) -> impl Future<Output = Result<bool, Fault>> {
        asked(Ok(sys::limit(&self.0.env, RATE_LIMIT, key)), asked::flag)
    }

    fn held_length(&self, held: &ArrayBuffer) -> u64 {
        u64::from(held.byte_length())
    }

    fn held_bytes(&self, held: &ArrayBuffer) -> Vec<u8> {
        sys::copied(held)
    }

    fn digest(&self, held: &ArrayBuffer) -> impl Future<Output = Result<ContentHash, Fault>> {
        asked(Ok(sys::sha256(held)), asked::hash)
    }

    fn share(&self, body: JsValue) -> Result<(JsValue, JsValue), Fault> {
        let stream: ReadableStream = body.unchecked_into();
        let pair = stream.tee().map_err(|_| Fault::Failed)?;
        Ok((pair.get(0), pair.get(1)))
    }
}

/// Work that is given up when the runtime would end it.
async fn in_time(mut work: Pin<Box<dyn Future<Output = ()>>>) -> JsValue {
    let mut deadline = pin!(task::sleep(BEHIND_DEADLINE_MS));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending => deadline.as_mut().poll(cx),
        ready => ready,
    })
    .await;
    JsValue::UNDEFINED
}

/// A condition as the stores' module takes it.
fn demand(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Any => None,
        Condition::Absent => Some("*"),
        Condition::Is(version) => Some(version),
    }
}

/// Where a part begins and how long it is; the length 0 is all that there is.
fn range(part: Option<Part>) -> (f64, f64) {
    part.map_or((0.0, 0.0), |part| (part.first as f64, part.length as f64))
}
