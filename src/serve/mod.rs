//! Decisions: from a request as data to a reply as data, over ports.
//!
//! Not a runtime: nothing here knows where it runs. Read [`pipeline`] first; the other modules are
//! its steps, in the order in which a request meets them.

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

pub mod request;
pub mod response;
pub mod route;
pub mod headers;
pub mod constant;
pub mod error_document;
pub mod outcome;
pub mod assets;
pub mod objects;
pub mod actions;
pub mod deployment_host;
pub mod site;
