//! The store of objects.

use std::future::Future;

use crate::ports::bodies::{Bodies, Part};
use crate::ports::fault::Fault;
use crate::ports::store::Condition;
use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

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

pub trait Objects: Bodies {
    /// Reads an object, or a part of it, unless it has the entity tag `known_etag`.
    fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> impl Future<Output = Result<Option<Object<Self::Body>>, Fault>>;

    fn object_meta(&self, key: &Key) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>>;

    /// Streams the body of the client's request into an object. Ignores the entity tag in `meta`,
    /// and the time if the store has a clock.
    fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> impl Future<Output = Result<ObjectWritten, Fault>>;

    /// Lists the objects whose keys have a prefix, a page at a time.
    fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> impl Future<Output = Result<ObjectPage, Fault>>;
}
