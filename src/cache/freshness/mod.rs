//! The freshness engine, shared by live records, collections and actions (RFC 9111, RFC 5861).
//!
//! [`admit`] decides whether a response may be stored and for how long, [`judge`] whether a stored
//! one may be used, [`update`] merges the headers of a 304. Pure: time is an argument.

pub mod admit;
pub mod judge;
pub mod update;

pub use judge::{Failure, Freshness, Timing};
