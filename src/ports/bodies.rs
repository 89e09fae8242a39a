//! Bodies: streams that are passed on, bytes held in the isolate, and the body of a response.

use crate::ports::fault::Result;
use crate::site::ids::ContentHash;

/// A part of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub first: u64,
    /// Never zero.
    pub length: u64,
}

pub trait Bodies {
    /// A stream that is only passed on: wasm never sees its bytes.
    type Body: 'static;
    /// Bytes held in the isolate. They can be the body of any number of responses.
    type Held: Clone + 'static;

    /// Reads a whole stream. Fails if it is longer than `bytes_max`, or cut off.
    async fn hold_body(&self, body: Self::Body, bytes_max: u64) -> Result<Self::Held>;

    /// Returns a part of a stream.
    fn cut(&self, body: Self::Body, part: Part) -> Result<Self::Body>;

    /// Returns two streams, each with all bytes of `body`.
    fn share(&self, body: Self::Body) -> Result<(Self::Body, Self::Body)>;

    /// Returns a stream of all bytes of some bodies, one after the other. It fails if their length
    /// in all is not `length`.
    fn join(&self, bodies: Vec<Self::Body>, length: u64) -> Result<Self::Body>;

    fn held_of(&self, bytes: &[u8]) -> Self::Held;

    fn held_length(&self, held: &Self::Held) -> u64;

    /// Moves held bytes that nothing else uses into wasm, to be parsed.
    fn held_bytes(&self, held: Self::Held) -> Vec<u8>;

    /// Returns the SHA-256 of held bytes. The runtime's own is many times faster than one in wasm.
    async fn digest(&self, held: &Self::Held) -> Result<ContentHash>;
}

/// The body of a response. Wasm does not copy the bytes that it holds or passes on.
pub enum ResponseBody<P: Bodies> {
    Empty,
    Text(&'static str),
    Bytes(Vec<u8>),
    /// Bytes held in the isolate, or a part of them.
    Held(P::Held, Option<Part>),
    Stream(P::Body),
}
