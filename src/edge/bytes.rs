//! Bytes in buffers of the runtime.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::bindings::{fault, global};
use crate::edge::task;
use crate::ports::{Fault, Part, Result};
use crate::site::ids::ContentHash;

/// Copies a buffer that nothing else uses into wasm, and frees its memory.
///
/// V8 does not see how much memory its garbage holds: without this, reading the manifest of a
/// million paths shard by shard left four times its size behind.
pub fn taken(buffer: &ArrayBuffer) -> Vec<u8> {
    let bytes = Uint8Array::new(buffer).to_vec();
    let _ = buffer.transfer_with_length(0);
    bytes
}

/// Returns a view of a part of a buffer.
pub fn cut(buffer: &ArrayBuffer, part: Part) -> Uint8Array {
    // A buffer has less than 4 GiB.
    let (first, length) = (part.first as u32, part.length as u32);
    Uint8Array::new_with_byte_offset_and_length(buffer, first, length)
}

/// Returns the SHA-256 of a buffer. The runtime's own is many times faster than one in wasm.
pub async fn sha256(buffer: &ArrayBuffer) -> Result<ContentHash> {
    let crypto = global().crypto().map_err(fault)?;
    let digest = crypto.subtle().digest_with_str_and_buffer_source("SHA-256", buffer);
    let digest: ArrayBuffer = task::fulfilled(digest).await?.unchecked_into();
    taken(&digest).try_into().map(ContentHash).map_err(|_| Fault::Failed)
}
