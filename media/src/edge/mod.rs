//! The rim: the only code that knows the runtime. wasm32 only.
//!
//! The entry module calls [`body_bytes`] before it reads a body, and then [`render`]. An error is
//! the status of a [`RenderError`].

use std::arch::wasm32::memory_size;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use selvedge::site::media::plan::RenderError;

use crate::parts::{Parts, plan};

/// Size of a page of linear memory.
const PAGE_BYTES: usize = 65_536;

#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Returns the size of linear memory.
#[wasm_bindgen]
pub fn memory_bytes() -> usize {
    memory_size::<0>() * PAGE_BYTES
}

/// Returns the length of the body of a plan.
#[wasm_bindgen]
pub fn body_bytes(json: &str) -> Result<f64, u16> {
    let parts = plan(json).and_then(|plan| Parts::of(&plan));
    parts.map(|parts| parts.bytes as f64).map_err(RenderError::status)
}

/// Returns the bytes of a rendition, its type, and how long the steps took.
#[wasm_bindgen]
pub fn render(_json: &str, _body: &Uint8Array) -> Result<Array, u16> {
    Err(RenderError::Unsupported.status())
}
