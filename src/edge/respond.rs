//! From a reply to a `Response`, in one crossing.

use std::cell::RefCell;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::block;
use crate::edge::runtime::Runtime;
use crate::edge::sys;
use crate::serve::ports::Part;
use crate::serve::reply::{Reply, ReplyBody};

thread_local! {
    static BLOCK: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The `Response` that a reply is.
pub fn response(reply: Reply<Runtime>) -> JsValue {
    let body = match reply.body {
        ReplyBody::Empty => empty_body(reply.status, reply.fields.value("content-length")),
        ReplyBody::Constant(constant, form) => constant.body(form).into(),
        ReplyBody::Bytes(bytes) => Uint8Array::from(&bytes[..]).into(),
        ReplyBody::Held(buffer, part) => held(&buffer, part),
        ReplyBody::Stream(stream) => stream,
    };
    // What an upstream sent beside such a status is no body (RFC 9110 §6.4.1), and would throw.
    let body = if matches!(reply.status, 204 | 205 | 304) { JsValue::NULL } else { body };
    BLOCK.with(|block| {
        let mut block = block.borrow_mut();
        block.clear();
        block::write(&reply.fields, &mut block);
        sys::respond(reply.status, &block, &body)
    })
}

/// No body at all, but for statuses whose length would be lost without one.
///
/// The runtime sends `Content-Length: 0` for empty bytes, and of a null body keeps the field for
/// HEAD only. An empty string would do too, but brings a `Content-Type` along.
fn empty_body(status: u16, content_length: Option<&str>) -> JsValue {
    match (status, content_length) {
        (204 | 205 | 304, _) => JsValue::NULL,
        (_, Some("0")) => Uint8Array::new_with_length(0).into(),
        _ => JsValue::NULL,
    }
}

fn held(buffer: &ArrayBuffer, part: Option<Part>) -> JsValue {
    match part {
        None => buffer.into(),
        Some(part) => {
            // Held bytes are at most 64 KiB, so both fit.
            let (first, length) = (part.first as u32, part.length as u32);
            Uint8Array::new_with_byte_offset_and_length(buffer, first, length).into()
        }
    }
}
