//! Upstreams: asked over the network, or through a service binding.
//!
//! Not a client: redirects are not followed, bodies are neither decoded nor copied, and nothing is
//! tried again. What may be asked was decided before.

use wasm_bindgen::prelude::*;

use crate::edge::asked::{self, Asked, asked};
use crate::edge::block;
use crate::edge::sys::{self, Request};
use crate::serve::ports::{Fault, UpstreamRequest, UpstreamResponse};
use crate::site::action::Upstream;

/// What an upstream answers.
pub fn fetch(
    env: &JsValue,
    client: &Request,
    request: &UpstreamRequest,
) -> Asked<UpstreamResponse<JsValue>> {
    let service = match &request.upstream {
        Upstream::Origin { .. } => None,
        Upstream::Service(name) => Some(name.as_str()),
    };
    let mut block = String::with_capacity(512);
    block::write(&request.fields, &mut block);
    let body = if request.with_body { client.body() } else { JsValue::NULL };
    let (timeout_ms, idle_ms) = (request.timeout_ms as f64, request.idle_ms as f64);
    let (url, method) = (&request.url, &request.method);
    asked(Ok(sys::forward(env, service, url, method, &block, &body, timeout_ms, idle_ms)), response)
}

/// The description of a response and its body; `null` where there is nobody to be asked.
fn response(value: JsValue) -> Result<UpstreamResponse<JsValue>, Fault> {
    let (description, body) = asked::pair(value).ok_or(Fault::Missing)?;
    let description = asked::text(description)?;
    let (status, lines) = description.split_once('\n').ok_or(Fault::Failed)?;
    let status = status.parse().map_err(|_| Fault::Failed)?;
    Ok(UpstreamResponse { status, fields: block::fields(lines), body: asked::body(body)? })
}
