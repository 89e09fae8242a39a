//! The operations that the pipeline needs of the outside world, as small traits.
//!
//! Tests implement them over memory, with failures and delays on demand. An implementation decides
//! nothing: it does what it is asked, or returns a [`Fault`].

// An isolate has one thread, so no caller needs a future to be `Send`.
#![allow(async_fn_in_trait)]

pub mod bodies;
pub mod deadline;
pub mod edge_cache;
pub mod fault;
pub mod isolate;
pub mod join;
pub mod limiter;
pub mod media;
pub mod settings;
pub mod store;
pub mod upstream;

pub use bodies::{Bodies, Part, ResponseBody};
pub use edge_cache::{EdgeCache, EdgeContent, EdgeEntry};
pub use fault::{Fault, Result};
pub use isolate::{BodyFault, Clock, Isolate, RateLimit};
pub use media::Media;
pub use store::{
    Blob, Condition, Listing, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten, Store,
    Upload, UploadedPart, Versioned, Written,
};
pub use upstream::{Fetch, UpstreamRequest, UpstreamResponse};

/// All ports of one request; cloned into work that continues behind the response.
pub trait Ports: Store + EdgeCache + Fetch + Media + Isolate + Clock + Clone + 'static {}
