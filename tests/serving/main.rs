//! Serving and publishing, whole, over ports in memory that fail, lag and lie on command.
//!
//! Not a test of parts: every request goes through the pipeline from its URL to its reply. The same
//! modules run again on wasm32 in a browser, see `browser.rs`.

mod support;

mod actions_flight;
mod actions_purge;
mod cases;
mod collections;
mod faults;
mod invalidation;
mod isolation;
mod model;
mod poisoning;
mod protocol;
mod purge;
mod takedowns;
mod forgetting;
mod deletion;
mod vectors;
#[cfg(not(target_arch = "wasm32"))]
mod warnings;
