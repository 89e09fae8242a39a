//! The body of a response, which wasm holds or passes on, but does not copy.

use crate::ports::{Part, Ports};

/// The body of a response.
pub enum ResponseBody<P: Ports> {
    Empty,
    Text(&'static str),
    Bytes(Vec<u8>),
    /// Bytes held in the isolate, or a part of them.
    Held(P::Held, Option<Part>),
    Stream(P::Body),
}
