//! Upstreams: asked over the network, or through a service binding.
//!
//! Not a client: redirects are not followed, bodies are neither decoded nor copied, and nothing is
//! tried again. What may be asked was decided before.

use js_sys::Reflect;
use wasm_bindgen::prelude::*;

use crate::edge::sys::{self, Request, Response};
use crate::serve::ports::{Fault, UpstreamRequest, UpstreamResponse};
use crate::site::action::Upstream;
use crate::wire::fields::Fields;

/// What an upstream answers.
pub async fn fetch(
    env: &JsValue,
    client: &Request,
    request: &UpstreamRequest,
) -> Result<UpstreamResponse<JsValue>, Fault> {
    let fetcher = match &request.upstream {
        Upstream::Origin { .. } => JsValue::NULL,
        Upstream::Service(name) => {
            let fetcher = Reflect::get(env, &name.into()).map_err(|_| Fault::Missing)?;
            if !fetcher.is_object() {
                return Err(Fault::Missing);
            }
            fetcher
        }
    };
    let mut block = String::with_capacity(512);
    for (name, value) in request.fields.iter() {
        for part in [name, "\n", value, "\n"] {
            block.push_str(part);
        }
    }
    let body = if request.with_body { client.body() } else { JsValue::NULL };
    let (url, method, timeout_ms) = (&request.url, &request.method, request.timeout_ms as f64);
    let answer = sys::forward(&fetcher, url, method, &block, &body, timeout_ms);
    let response: Response = sys::settled(answer).await.map_err(fault)?.unchecked_into();
    let description = sys::describe(&response);
    let (status, block) = description.split_once('\n').ok_or(Fault::Failed)?;
    let status = status.parse().map_err(|_| Fault::Failed)?;
    let fields = fields_of(block);
    let length = fields.value("content-length").and_then(|text| text.parse::<u32>().ok());
    let body = response.body();
    let body = match body.is_null() {
        true => None,
        false => {
            let length = length.map_or(-1.0, f64::from);
            Some(sys::guard(&body, request.idle_ms as f64, length).map_err(|_| Fault::Failed)?)
        }
    };
    Ok(UpstreamResponse { status, fields, body })
}

/// The fields of a block of lines, names and values in turn.
pub fn fields_of(block: &str) -> Fields {
    let mut fields = Fields::with_capacity(24);
    let mut lines = block.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        fields.append(name.to_owned(), value.to_owned());
    }
    fields
}

fn fault(error: JsValue) -> Fault {
    let name = Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string());
    let late = name.as_deref() == Some("TimeoutError");
    if late { Fault::TimedOut } else { Fault::Failed }
}
