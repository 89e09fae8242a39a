//! The operations that the pipeline needs of the outside world, as small traits.
//!
//! Tests implement them over memory, with failures and delays on demand. An implementation decides
//! nothing: it does what it is asked, or returns a [`Fault`].

pub mod bodies;
pub mod body;
pub mod client;
pub mod clock;
pub mod deadline;
pub mod edge_cache;
pub mod fault;
pub mod isolate;
pub mod join;
pub mod limiter;
pub mod objects;
pub mod settings;
pub mod store;
pub mod uploads;
pub mod upstream;

pub use bodies::{Bodies, Part};
pub use client::{BodyFault, Client};
pub use clock::Clock;
pub use edge_cache::{EdgeCache, EdgeContent, Found};
pub use fault::Fault;
pub use isolate::Isolate;
pub use limiter::RateLimiter;
pub use objects::{Object, ObjectMeta, ObjectPage, ObjectWritten, Objects};
pub use store::{Blob, Condition, Listing, Store, Upload, Versioned, Written};
pub use uploads::{UploadedPart, Uploads};
pub use upstream::{Fetch, UpstreamRequest, UpstreamResponse};

/// All ports of one request; cloned into work that continues behind the response.
pub trait Ports:
    Store
    + Objects
    + Uploads
    + EdgeCache
    + Fetch
    + Client
    + RateLimiter
    + Isolate
    + Clock
    + Clone
    + 'static
{
}
