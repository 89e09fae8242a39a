//! What is published: names, stage policy, configuration, rules, manifests, records, storage keys.
//!
//! Pure values and their formats, shared by the worker that serves them and the command line
//! that makes them. No I/O, no clock, nothing of a runtime.
//!
//! Invariant: whatever comes from a store or a tenant is parsed here, once, into types that
//! can't be wrong; nothing behind this module looks at raw bytes again.

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

pub mod codec;
pub mod ids;
pub mod asset;
pub mod fingerprint;
pub mod shard;
pub mod manifest;
pub mod config;
pub mod rules;
pub mod pattern;
pub mod matching;
pub mod template;
pub mod header_op;
pub mod field_policy;
pub mod dialect;
pub mod fallback;
pub mod headers_file;
pub mod type_rule;
pub mod redirects_file;
pub mod diagnostic;
pub mod action;
pub mod api;
pub mod collection;
pub mod ban;
pub mod takedown;
pub mod live;
pub mod record;
pub mod keys;
