//! The store of records, manifests and blobs.

use std::future::Future;
use std::slice;

use crate::ports::bodies::{Bodies, Part};
use crate::ports::fault::Fault;
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

/// A small value, and the version that [`Condition::Is`] compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    pub bytes: Vec<u8>,
    pub version: String,
}

/// The precondition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Any,
    /// The key does not exist.
    Absent,
    /// The key has this version, or the object this entity tag.
    Is(String),
}

/// The result of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The condition did not hold; nothing changed.
    Lost,
}

/// The bytes of a new blob.
#[derive(Debug, Clone, Copy)]
pub enum Blob<'a> {
    Bytes(&'a [u8]),
    /// The body of the client's request, of this length.
    RequestBody(u64),
}

/// The result of storing a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    Stored,
    /// The bytes have another hash or length; nothing is stored.
    Mismatch,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In ascending order.
    pub keys: Vec<String>,
    /// `None` on the last page.
    pub cursor: Option<String>,
}

pub trait Store: Bodies {
    /// Returns the name of the store's binding if it is missing.
    fn missing_binding(&self) -> Option<&'static str>;

    /// Reads a small value.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Versioned>, Fault>>;

    /// Writes a small value if the condition holds.
    fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> impl Future<Output = Result<Written, Fault>>;

    fn delete(&self, key: &Key) -> impl Future<Output = Result<(), Fault>> {
        self.delete_all(slice::from_ref(key))
    }

    /// Deletes values, at most [`deletes_max`](crate::ports::settings::StoreKind::deletes_max).
    fn delete_all(&self, keys: &[Key]) -> impl Future<Output = Result<(), Fault>>;

    /// Lists the keys with a prefix, a page at a time.
    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Listing, Fault>>;

    /// Opens a blob, or a part of it, as a stream.
    fn open(
        &self,
        key: &Key,
        part: Option<Part>,
    ) -> impl Future<Output = Result<Option<Self::Body>, Fault>>;

    /// Reads a whole blob.
    fn hold(&self, key: &Key) -> impl Future<Output = Result<Option<Self::Held>, Fault>>;

    /// Stores a blob if its bytes have the hash.
    fn store_blob(
        &self,
        key: &Key,
        blob: Blob<'_>,
        hash: &ContentHash,
    ) -> impl Future<Output = Result<Upload, Fault>>;
}
