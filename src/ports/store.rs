//! The store of records, manifests, blobs and objects.

use std::slice;

use serde::{Deserialize, Serialize};

use crate::ports::bodies::{Bodies, Part};
use crate::ports::fault::Result;
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

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

/// The bytes of a new object.
#[derive(Debug, Clone, Copy)]
pub enum ObjectBody<'a, H> {
    /// The body of the client's request, as long as the object's metadata says.
    RequestBody,
    Held(&'a H),
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// In bytes.
    pub length: u64,
    /// The entity tag, with its quotes.
    pub etag: String,
    /// The media type that the writer declared.
    pub media_type: String,
    /// Separated by commas.
    pub tags: String,
    pub written_ms: UnixMillis,
}

#[derive(Debug)]
pub enum Object<B> {
    Found(ObjectMeta, B),
    /// The object still has the entity tag that the reader knows.
    NotModified(ObjectMeta),
}

/// The result of a conditional write of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectWritten {
    /// The new entity tag.
    Done(String),
    /// The condition did not hold; nothing changed.
    Lost,
}

/// One page of a listing of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// In ascending order of their keys.
    pub objects: Vec<(String, ObjectMeta)>,
    /// `None` on the last page.
    pub cursor: Option<String>,
}

/// A stored part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Its place among the parts, from 1.
    #[serde(rename = "part")]
    pub number: u16,
    /// The entity tag that storing the part returned.
    pub etag: String,
}

pub trait Store: Bodies {
    /// Returns the name of the store's binding if it is missing.
    fn missing_binding(&self) -> Option<&'static str>;

    /// Reads a small value.
    async fn read(&self, key: &Key) -> Result<Option<Versioned>>;

    /// Writes a small value if the condition holds.
    async fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Written>;

    async fn delete(&self, key: &Key) -> Result<()> {
        self.delete_all(slice::from_ref(key)).await
    }

    /// Deletes values, at most [`deletes_max`](crate::ports::settings::StoreKind::deletes_max).
    async fn delete_all(&self, keys: &[Key]) -> Result<()>;

    /// Lists the keys with a prefix, a page at a time.
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing>;

    /// Opens a blob, or a part of it, as a stream.
    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<Self::Body>>;

    /// Reads a whole blob.
    async fn hold(&self, key: &Key) -> Result<Option<Self::Held>>;

    /// Stores a blob if its bytes have the hash.
    async fn store_blob(&self, key: &Key, blob: Blob<'_>, hash: &ContentHash) -> Result<Upload>;

    /// Reads an object, or a part of it, unless it has the entity tag `known_etag`.
    async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<Self::Body>>>;

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>>;

    /// Writes an object if the condition holds. Ignores the entity tag in `meta`, and the time if
    /// the store has a clock.
    async fn object_write(
        &self,
        key: &Key,
        body: ObjectBody<'_, Self::Held>,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten>;

    /// Lists the objects whose keys have a prefix, a page at a time.
    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage>;

    /// Begins an upload and returns its id. Of `meta`, uses the media type and the tags.
    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String>;

    /// Streams the body of the client's request into a part. Returns the part's entity tag, or
    /// `None` if there is no such upload.
    async fn upload_part(&self, key: &Key, upload: &str, number: u16) -> Result<Option<String>>;

    /// Joins the parts into an object. Returns `None` if there is no such upload or part.
    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>>;

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<()>;
}
