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

pub mod pipeline;
pub mod ask;
pub mod route;
pub mod freshness;
pub mod freshen;
pub mod windows;
pub mod live;
pub mod site_view;
pub mod deployment_host;
pub mod site;
pub mod resolve;
pub mod represent;
pub mod object;
pub mod fresh;
pub mod limiter;
pub mod headers;
pub mod constant;
pub mod error_document;
pub mod stored;
pub mod variants;
pub mod board;
pub mod upstream;
pub mod action;
pub mod collection;
pub mod uncached;
pub mod outcome;
pub mod reply;
pub mod tiers;
pub mod memory;
pub mod record_map;
pub mod pending_bans;
pub mod deadline;
pub mod join;
pub mod ports;
pub mod settings;
pub mod admin;
