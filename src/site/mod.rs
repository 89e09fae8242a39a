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

pub mod ids;
pub mod keys;
pub mod codec;
pub mod api;
pub mod action;
pub mod collection;
pub mod config;
pub mod rules;
pub mod deployment;
pub mod source;
pub mod records;
