//! Multipart uploads of objects.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::ports::fault::Fault;
use crate::ports::objects::ObjectMeta;
use crate::site::keys::Key;

/// A stored part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Its place among the parts, from 1.
    #[serde(rename = "part")]
    pub number: u16,
    /// The entity tag that storing the part returned.
    pub etag: String,
}

pub trait Uploads {
    /// Begins an upload and returns its id. Of `meta`, uses the media type and the tags.
    fn upload_begin(
        &self,
        key: &Key,
        meta: &ObjectMeta,
    ) -> impl Future<Output = Result<String, Fault>>;

    /// Streams the body of the client's request into a part. Returns the part's entity tag, or
    /// `None` if there is no such upload.
    fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;

    /// Joins the parts into an object. Returns `None` if there is no such upload or part.
    fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>>;

    fn upload_drop(&self, key: &Key, upload: &str) -> impl Future<Output = Result<(), Fault>>;
}
