//! What the pipeline asks of the world: the store, the edge tier, the clock.
//!
//! Not an abstraction over runtimes for its own sake: tests run the pipeline over ports that
//! fail, lag and lie on command. The invariant is that a port never decides anything; it answers,
//! or says that it could not.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

pub mod body;
pub mod deadline;
pub mod join;
pub mod limiter;
pub mod settings;

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::ports::settings::Settings;
use crate::site::action::Upstream;
use crate::site::ids::ContentHash;
use crate::site::keys::Key;
use crate::wire::headers::Headers;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// Why a port gave no answer. Never a reason to say that something does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It failed: worth another try.
    Failed,
    /// It asked for fewer requests: another try makes it worse.
    Busy,
    /// It did not answer in time.
    TimedOut,
    /// It is not there: a binding is missing.
    Missing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "the store failed",
            Self::Busy => "the store is busy",
            Self::TimedOut => "the store did not answer in time",
            Self::Missing => "the store's binding is missing",
        })
    }
}

/// A small value with what it takes to replace it if nobody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub bytes: Vec<u8>,
    /// Names this very value to [`Condition::Is`].
    pub version: String,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// The key is not there.
    Absent,
    /// The key holds this version.
    Is(String),
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The value is stored.
    Done,
    /// The condition did not hold; nothing changed.
    Lost,
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// The bytes are stored.
    Stored,
    /// They did not hash to their name, or not have their length; nothing is stored.
    Mismatch,
}

/// A part of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub first: u64,
    /// How long it is; never zero.
    pub length: u64,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys in ascending order.
    pub keys: Vec<String>,
    /// Where to go on, `None` at the end.
    pub cursor: Option<String>,
}

/// What an upstream is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// Who is asked.
    pub upstream: Upstream,
    /// The absolute URL.
    pub url: String,
    /// The method, as the client wrote it.
    pub method: String,
    /// The headers.
    pub headers: Headers,
    /// Whether the client's body goes along.
    pub with_body: bool,
    /// How long the response may take to begin.
    pub timeout_ms: u64,
    /// How long the body may pause.
    pub idle_ms: u64,
}

/// What an upstream answered.
#[derive(Debug)]
pub struct UpstreamResponse<B> {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body as it came over the wire, its content coding untouched; `None` where there is none.
    pub body: Option<B>,
}

/// What the edge tier holds of our own: a text of ours, and a body.
#[derive(Debug)]
pub struct Found<B> {
    /// What we said of it.
    pub head: String,
    /// The body.
    pub body: B,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The length in bytes.
    pub length: u64,
    /// The entity tag, with its quotes.
    pub etag: String,
    /// The media type that its writer declared.
    pub media_type: String,
    /// Its tags, separated by commas.
    pub tags: String,
    /// When it was written.
    pub written_ms: UnixMillis,
}

/// What became of a read of an object.
#[derive(Debug)]
pub enum Object<B> {
    /// It is there.
    Found(ObjectMeta, B),
    /// It still has the entity tag that is known.
    NotModified(ObjectMeta),
}

/// What becomes of an object's entity tag when it is written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectWritten {
    /// It is stored, with this entity tag.
    Done(String),
    /// The condition did not hold; nothing changed.
    Lost,
}

/// A part of an upload that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Its place among the parts, from 1.
    #[serde(rename = "part")]
    pub number: u16,
    /// Its entity tag, as it was told when it was stored.
    pub etag: String,
}

/// One page of a listing of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// Keys in ascending order, with what is known of each.
    pub objects: Vec<(String, ObjectMeta)>,
    /// Where to go on, `None` at the end.
    pub cursor: Option<String>,
}

/// Why a request's body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// Longer than this many bytes.
    TooLarge(u64),
    /// Cut off, or too slow.
    Broken,
}

/// The world of one request; cloned into what goes on behind the response.
pub trait Ports: Clone + 'static {
    /// A stream that is only passed on: wasm never sees its bytes.
    type Body: 'static;
    /// Bytes held in the isolate that can be a response's body any number of times.
    type Held: Clone + 'static;

    /// The operator's settings.
    fn settings(&self) -> &Settings;
    /// The name of a binding that is not there, when one is needed and missing.
    fn missing_binding(&self) -> Option<&'static str>;
    /// The time.
    fn now(&self) -> UnixMillis;
    /// Waits.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()>;
    /// Goes on with a task behind the response.
    fn behind(&self, task: impl Future<Output = ()> + 'static);
    /// Random bytes, fit for secrets.
    fn random(&self) -> Option<[u8; 39]>;

    /// Reads a small value.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Versioned>, Fault>>;
    /// Writes a small value when a condition holds.
    fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> impl Future<Output = Result<Written, Fault>>;
    /// Deletes a value.
    fn delete(&self, key: &Key) -> impl Future<Output = Result<(), Fault>>;
    /// Deletes values, at most as many as the store's `deletes_max` says.
    fn delete_all(&self, keys: &[Key]) -> impl Future<Output = Result<(), Fault>>;
    /// Lists keys by prefix, a page at a time.
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
    /// Reads a blob to be held.
    fn hold(&self, key: &Key) -> impl Future<Output = Result<Option<Self::Held>, Fault>>;
    /// Stores a blob after its hash was checked.
    fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> impl Future<Output = Result<Upload, Fault>>;
    /// Stores the request's body as a blob, its hash checked while it streams.
    fn store_request_body(
        &self,
        key: &Key,
        length: u64,
        hash: &ContentHash,
    ) -> impl Future<Output = Result<Upload, Fault>>;
    /// Reads the request's body.
    fn request_body(&self, bytes_max: usize) -> impl Future<Output = Result<Vec<u8>, BodyFault>>;

    /// Looks a value up in the edge tier, to be parsed.
    fn edge_read(&self, key: &Key) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>>;
    /// Looks a blob up in the edge tier, to be held.
    fn edge_hold(&self, key: &Key) -> impl Future<Output = Result<Option<Self::Held>, Fault>>;
    /// Looks a blob up in the edge tier, to be passed on.
    fn edge_open(&self, key: &Key) -> impl Future<Output = Result<Option<Self::Body>, Fault>>;
    /// Puts bytes into the edge tier. Says nothing of success: the tier is best effort.
    fn edge_put(
        &self,
        key: &Key,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> impl Future<Output = ()>;

    /// Looks up what we keep in the edge tier, with what we said of it.
    fn stored_find(
        &self,
        key: &Key,
    ) -> impl Future<Output = Result<Option<Found<Self::Body>>, Fault>>;
    /// Keeps something in the edge tier, with what we say of it.
    fn stored_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// All headers of the request, for those who pass them on.
    fn request_headers(&self) -> Headers;
    /// Asks an upstream; never follows a redirect.
    fn fetch(
        &self,
        request: &UpstreamRequest,
    ) -> impl Future<Output = Result<UpstreamResponse<Self::Body>, Fault>>;
    /// All of a stream, to be held; a fault when it is longer, or cut off.
    fn hold_body(
        &self,
        body: Self::Body,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Self::Held, Fault>>;
    /// A part of a stream.
    fn cut(&self, body: Self::Body, part: Part) -> Result<Self::Body, Fault>;
    /// Bytes to be held.
    fn held_of(&self, bytes: &[u8]) -> Self::Held;

    /// Reads an object, or a part of it; not again when it has the entity tag that is known.
    fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> impl Future<Output = Result<Option<Object<Self::Body>>, Fault>>;
    /// What is known of an object.
    fn object_meta(&self, key: &Key) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>>;
    /// Streams the request's body into an object. Of `meta` all counts but the entity tag and the
    /// time, which a store that has a clock reads from its own.
    fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> impl Future<Output = Result<ObjectWritten, Fault>>;
    /// Lists objects by prefix of their keys, a page at a time.
    fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> impl Future<Output = Result<ObjectPage, Fault>>;
    /// Begins an upload of an object in parts: what names it. Of `meta` the media type and the tags
    /// count.
    fn upload_begin(
        &self,
        key: &Key,
        meta: &ObjectMeta,
    ) -> impl Future<Output = Result<String, Fault>>;
    /// Streams the request's body into a part of an upload: its entity tag, `None` where there is
    /// no such upload.
    fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;
    /// Makes an object of the parts of an upload; `None` where there is no such upload, or those
    /// are not its parts.
    fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> impl Future<Output = Result<Option<ObjectMeta>, Fault>>;
    /// Gives an upload up.
    fn upload_drop(&self, key: &Key, upload: &str) -> impl Future<Output = Result<(), Fault>>;

    /// Whether the runtime's rate limiter lets another request of this key pass.
    fn limit(&self, key: &str) -> impl Future<Output = Result<bool, Fault>>;

    /// The length of held bytes.
    fn held_length(&self, held: &Self::Held) -> u64;
    /// The held bytes, copied, to be parsed.
    fn held_bytes(&self, held: &Self::Held) -> Vec<u8>;
    /// The SHA-256 of held bytes: the runtime's own is many times faster than one in wasm, and
    /// copies nothing.
    fn digest(&self, held: &Self::Held) -> impl Future<Output = Result<ContentHash, Fault>>;
    /// Two streams of one, each with all its bytes.
    fn share(&self, body: Self::Body) -> Result<(Self::Body, Self::Body), Fault>;
}

/// What is put into the edge tier.
pub enum EdgeContent<P: Ports> {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// Bytes held in the isolate.
    Held(P::Held),
    /// A stream, and its length.
    Stream(P::Body, u64),
}
