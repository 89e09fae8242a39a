//! Serving and publishing, whole, over ports in memory that fail, lag and lie on command.
//!
//! Not a test of parts: every request goes through the pipeline from its URL to its reply. The same
//! modules run again on wasm32 in a browser, see `browser.rs`.

mod support;

mod cases;
mod faults;
mod isolation;
mod live_window;
mod model;
mod protocol;
mod vectors;
