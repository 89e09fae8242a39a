//! Serving and publishing, whole, over ports in memory that fail, lag and lie on command.
//!
//! Not a test of parts: every request goes through the pipeline from its URL to its reply. The same
//! modules run again on wasm32 in a browser, see `browser.rs`.

mod support;

mod actions_flight;
mod actions_faults;
mod actions_purge;
mod actions_stale;
mod actions_store;
mod cache_status;
mod calls;
mod cases;
mod collections;
mod error_documents;
mod faults;
mod fresh;
mod invalidation;
mod isolation;
mod live_window;
mod model;
mod objects;
mod poisoning;
mod protocol;
mod purge;
mod takedowns;
mod forgetting;
mod deletion;
mod uploads;
mod vectors;
#[cfg(not(target_arch = "wasm32"))]
mod warnings;
