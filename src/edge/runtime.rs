//! The ports of one request, except for the store.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, Request};
use worker::worker_sys::Context;
use worker::{Env, RateLimiter};

use crate::edge::bindings::{bound, fault};
use crate::edge::{bytes, cache, headers, streams, task, upstream};
use crate::ports::settings::Settings;
use crate::ports::{
    Bodies, BodyFault, Clock, EdgeCache, EdgeContent, Fault, Fetch, Found, Isolate, Part, Ports,
    Result, UpstreamRequest, UpstreamResponse,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// The name of the rate limiter's binding.
const RATE_LIMIT: &str = "FRESH_LIMIT";
/// Goes up when the format of edge tier entries changes, so that no version reads another's.
const EDGE_GENERATION: &str = "1";
/// Deadline of work behind a response: the runtime ends it after 30 s.
const BEHIND_DEADLINE_MS: u64 = 25_000;

/// The ports of one request.
#[derive(Clone)]
pub struct Runtime(Rc<Inner>);

pub struct Inner {
    pub request: Request,
    pub env: Env,
    pub settings: Rc<Settings>,
    context: Context,
}

impl Deref for Runtime {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Runtime {
    pub fn new(request: Request, env: Env, context: Context, settings: Rc<Settings>) -> Self {
        Self(Rc::new(Inner { request, env, settings, context }))
    }

    /// Returns the URL of a key in the edge tier: on the base host, below the reserved prefix,
    /// which the worker answers itself.
    fn edge_url(&self, key: &Key) -> String {
        let base = self.settings.base_domain.as_str();
        ["https://", base, "/.selvedge/edge/", EDGE_GENERATION, "/", key.as_str()].concat()
    }
}

impl Ports for Runtime {}

impl Isolate for Runtime {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn behind(&self, work: impl Future<Output = ()> + 'static) {
        let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(work);
        let promise = task::run_later(async {
            let _ = task::within(BEHIND_DEADLINE_MS, work).await;
            JsValue::UNDEFINED
        });
        // It throws only when the request is over already.
        let _ = self.context.wait_until(promise.unchecked_ref());
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    }

    async fn limit(&self, key: &str) -> Result<bool> {
        let limiter: RateLimiter = bound(&self.env, RATE_LIMIT)?;
        limiter.limit(key.to_owned()).await.map(|outcome| outcome.success).map_err(fault)
    }

    fn request_headers(&self) -> Headers {
        headers::from_runtime(&self.request.headers())
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        let bytes_max = bytes_max as u64;
        let held = streams::hold(self.request.body(), bytes_max).await;
        let held = held.map_err(|_| BodyFault::Broken)?.ok_or(BodyFault::TooLarge(bytes_max))?;
        Ok(bytes::taken(&held))
    }
}

impl Clock for Runtime {
    fn now(&self) -> UnixMillis {
        // Before 1970 and after the year 280,000 the cast saturates.
        UnixMillis(task::now_ms() as u64)
    }

    async fn sleep(&self, ms: u64) {
        task::sleep(ms).await;
    }
}

impl Bodies for Runtime {
    type Body = JsValue;
    type Held = ArrayBuffer;

    async fn hold_body(&self, body: JsValue, bytes_max: u64) -> Result<ArrayBuffer> {
        let body = (!body.is_null()).then(|| body.unchecked_into());
        streams::hold(body, bytes_max).await?.ok_or(Fault::Failed)
    }

    fn cut(&self, body: JsValue, part: Part) -> Result<JsValue> {
        streams::cut(body.unchecked_ref::<ReadableStream>(), part).map(Into::into)
    }

    fn share(&self, body: JsValue) -> Result<(JsValue, JsValue)> {
        streams::share(body)
    }

    fn held_of(&self, bytes: &[u8]) -> ArrayBuffer {
        Uint8Array::from(bytes).buffer()
    }

    fn held_length(&self, held: &ArrayBuffer) -> u64 {
        u64::from(held.byte_length())
    }

    fn held_bytes(&self, held: ArrayBuffer) -> Vec<u8> {
        bytes::taken(&held)
    }

    async fn digest(&self, held: &ArrayBuffer) -> Result<ContentHash> {
        bytes::sha256(held).await
    }
}

impl EdgeCache for Runtime {
    async fn edge_find(&self, key: &Key) -> Result<Option<Found<JsValue>>> {
        cache::find(&self.edge_url(key)).await
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<ArrayBuffer>> {
        cache::hold(&self.edge_url(key)).await
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
        cache::keep(&self.edge_url(key), head, &body, length, ttl.seconds()).await
    }
}

impl Fetch for Runtime {
    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<JsValue>> {
        upstream::fetch(&self.env, &self.request, request).await
    }
}
