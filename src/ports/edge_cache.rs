//! The edge tier: the cache of a data centre, used as a key-value store.

use crate::ports::bodies::Bodies;
use crate::ports::fault::Result;
use crate::site::keys::Key;
use crate::wire::time::DeltaSeconds;

/// An entry of the edge tier.
#[derive(Debug)]
pub struct EdgeEntry<B> {
    /// The text that was stored beside the body.
    pub head: String,
    pub body: B,
}

/// The body of a new entry.
pub enum EdgeContent<P: Bodies + ?Sized> {
    Bytes(Vec<u8>),
    Held(P::Held),
    /// A stream, and its length.
    Stream(P::Body, u64),
}

pub trait EdgeCache: Bodies {
    /// Looks an entry up.
    async fn edge_find(&self, key: &Key) -> Result<Option<EdgeEntry<Self::Body>>>;

    /// Looks an entry up and reads its body.
    async fn edge_hold(&self, key: &Key) -> Result<Option<Self::Held>>;

    /// Stores an entry. Success does not mean that the tier keeps it.
    async fn edge_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<()>;
}
