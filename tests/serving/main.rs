//! Serving and publishing, whole, over ports in memory that fail, lag and lie on command.
//!
//! Not a test of parts: every request goes through the pipeline from its URL to its reply. The same
//! modules run again on wasm32 in a browser, see `browser.rs`.

mod support;

mod coalescing;
mod cases;
mod faults;
mod isolation;
mod model;
mod poisoning;
mod protocol;
mod takedowns;
mod forgetting;
mod deletion;
mod under_way;
mod vectors;
#[cfg(not(target_arch = "wasm32"))]
mod warnings;
