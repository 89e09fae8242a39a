//! Builds the runtime's `Response`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use web_sys::{Response, ResponseInit};
use worker::worker_sys::ext::ResponseInitExt;

use crate::edge::bytes::cut;
use crate::edge::headers;
use crate::edge::runtime::Runtime;
use crate::ports::bodies::ResponseBody;
use crate::serve::response;
use crate::wire::headers::Headers;

/// Maximum number of header blocks kept. When there are more, all are forgotten.
const BLOCKS_MAX: usize = 512;

/// Status and headers of responses built earlier, by their text.
///
/// Building `Headers` costs two calls for each field. Within a second the same asset has the same
/// headers to the letter, so most responses reuse an entry.
#[derive(Default)]
struct Blocks {
    known: HashMap<Box<str>, ResponseInit>,
    /// Scratch space for the text of a block.
    text: String,
}

thread_local! {
    static BLOCKS: RefCell<Blocks> = RefCell::new(Blocks::default());
}

pub fn response(response: response::Response<Runtime>) -> JsValue {
    let (status, headers, body) = response.into_parts();
    // A status without a body must have none (RFC 9110 section 6.4.1), and the constructor throws.
    let body = match body {
        _ if matches!(status, 101 | 204 | 205 | 304) => JsValue::NULL,
        ResponseBody::Empty => empty_body(headers.value("content-length")),
        ResponseBody::Text(text) => text.into(),
        ResponseBody::Bytes(bytes) => Uint8Array::from(&bytes[..]).into(),
        ResponseBody::Held(buffer, None) => buffer.into(),
        ResponseBody::Held(buffer, Some(part)) => cut(&buffer, part).into(),
        ResponseBody::Stream(stream) => stream,
    };
    let built = init(status, &headers).and_then(|init| {
        // Every kind of body takes this constructor: it passes the value on as it is.
        Response::new_with_opt_buffer_source_and_init(Some(body.unchecked_ref()), &init)
    });
    match built {
        Ok(response) => response.into(),
        // The entry module answers 503.
        Err(error) => wasm_bindgen::throw_val(error),
    }
}

fn init(status: u16, headers: &Headers) -> Result<ResponseInit, JsValue> {
    BLOCKS.with_borrow_mut(|Blocks { known, text }| {
        text.clear();
        let _ = write!(text, "{status}");
        for (name, value) in headers.iter() {
            for part in ["\n", name, "\n", value] {
                text.push_str(part);
            }
        }
        if let Some(init) = known.get(text.as_str()) {
            return Ok(init.clone());
        }
        let mut init = ResponseInit::new();
        init.set_status(status);
        init.set_headers_headers(&headers::to_runtime(headers)?);
        if headers.contains("content-encoding") {
            // The body is in that coding already.
            init.encode_body("manual")?;
        }
        if known.len() >= BLOCKS_MAX {
            known.clear();
        }
        known.insert(text.as_str().into(), init.clone());
        Ok(init)
    })
}

/// Returns the body of a response without content.
///
/// The runtime sends `Content-Length: 0` only for an empty body; with a null body it keeps the
/// field for HEAD alone. An empty string would add a `Content-Type`.
fn empty_body(content_length: Option<&str>) -> JsValue {
    match content_length {
        Some("0") => Uint8Array::new_with_length(0).into(),
        _ => JsValue::NULL,
    }
}
