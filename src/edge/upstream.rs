//! Upstreams, over the network or through a service binding.
//!
//! Redirects are not followed and bodies are neither decoded nor copied.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Request, RequestInit, RequestRedirect, Response};
use worker::worker_sys::Fetcher;

use crate::edge::bindings::{bound, fault, global};
use crate::edge::runtime::Runtime;
use crate::edge::{headers, streams, task};
use crate::ports::{Fault, Fetch, Result, UpstreamRequest, UpstreamResponse};
use crate::site::action::Upstream;

impl Fetch for Runtime {
    /// Uses the raw `Fetcher` instead of `worker`'s: that has no `signal` and no
    /// `encodeResponseBody`. The global scope has the same `fetch`, and this binding of it catches
    /// what it throws.
    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<JsValue>> {
        let fetcher: Fetcher = match &request.upstream {
            Upstream::Origin { .. } => global().unchecked_into(),
            Upstream::Service(name) => bound(&self.env, name.as_str())?,
        };
        let init = init(&self.request, request).map_err(fault)?;
        send(&fetcher, &request.url, &init, request.timeout_ms, request.idle_ms).await
    }
}

/// Sends a request, and gives it up if no response begins within `timeout_ms`. The response's body
/// fails if it pauses for longer than `idle_ms`, or has another length than stated.
pub async fn send(
    fetcher: &Fetcher,
    url: &str,
    init: &RequestInit,
    timeout_ms: u64,
    idle_ms: u64,
) -> Result<UpstreamResponse<JsValue>> {
    let controller = AbortController::new().map_err(fault)?;
    init.set_signal(Some(&controller.signal()));
    let promise = fetcher.fetch_with_str_and_init(url, init).map_err(fault)?;
    let Some(response) = task::within(timeout_ms, task::settled(&promise)).await else {
        controller.abort_with_reason(&streams::timeout("the upstream did not answer in time"));
        return Err(Fault::TimedOut);
    };
    let response: Response = response.map_err(fault)?.unchecked_into();
    let headers = headers::from_runtime(&response.headers());
    let length = headers.value("content-length").and_then(length);
    let body = response.body().map(|body| streams::guarded(&body, length, idle_ms));
    let body = body.transpose()?.map(Into::into);
    Ok(UpstreamResponse { status: response.status(), headers, body })
}

fn init(client: &Request, request: &UpstreamRequest) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(&request.method);
    init.set_headers_headers(&headers::to_runtime(&request.headers)?);
    if request.with_body {
        init.set_body_opt_readable_stream(client.body().as_ref());
    }
    init.set_redirect(RequestRedirect::Manual);
    // No crate has these two: the body as it came, and nothing cached on the way.
    Reflect::set(&init, &"encodeResponseBody".into(), &"manual".into())?;
    let cf = Object::new();
    Reflect::set(&cf, &"cacheTtl".into(), &JsValue::from(-1))?;
    Reflect::set(&init, &"cf".into(), &cf)?;
    Ok(init)
}

/// Parses a `Content-Length`.
fn length(value: &str) -> Option<u64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}
