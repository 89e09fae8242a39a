//! The ports of one request. Those to the store, the edge tier and upstreams have their own files.

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
use crate::edge::{bytes, headers, streams, task};
use crate::ports::settings::Settings;
use crate::ports::{Bodies, BodyFault, Clock, Fault, Isolate, Part, Ports, RateLimit, Result};
use crate::site::ids::ContentHash;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

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

    async fn limit(&self, limit: RateLimit, key: &str) -> Result<bool> {
        let binding = match limit {
            RateLimit::Fresh => "FRESH_LIMIT",
            RateLimit::Media => "MEDIA_LIMIT",
        };
        let limiter: RateLimiter = bound(&self.env, binding)?;
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

    fn join(&self, bodies: Vec<JsValue>, length: u64) -> Result<JsValue> {
        streams::join(bodies, length).map(Into::into)
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
