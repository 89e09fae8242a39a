//! Serving and publishing, from URL to response, over ports in memory that fail and lag on command.
//!
//! Sequences of requests are case files (`tests/cases/README.md`); Rust is for concurrency, random
//! inputs and models. `browser.rs` runs the same modules on wasm32.

mod support;

mod batches;
mod calls;
mod cases;
mod coalescing;
mod faults;
mod media;
mod model;
mod poisoning;
mod races;
mod under_way;
mod vectors;
#[cfg(not(target_arch = "wasm32"))]
mod warnings;
