//! HTTP grammar: parsers and writers for URLs, hosts, paths, dates and headers.
//!
//! Every parser is total and pure: it accepts any input, reads no clock, does no I/O and never
//! panics.

pub mod text;
pub mod percent;
pub mod url;
pub mod host;
pub mod path;
pub mod query;
pub mod hmac;
pub mod coding;
pub mod etag;
pub mod precondition;
pub mod range;
pub mod date;
pub mod time;
pub mod media_type;
pub mod headers;
pub mod bearer;
pub mod cache_control;
pub mod targeted;
pub mod vary;
pub mod cache_status;
