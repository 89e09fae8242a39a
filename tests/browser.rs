//! The pure suite again, on wasm32, in a browser: the same rows, the same checks.
//!
//! `make test` runs it in headless Chromium. Each file here is a native test of its own as well.
#![cfg(target_arch = "wasm32")]

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

mod support;

mod faults;
mod isolation;
mod live_window;
mod protocol;
mod vectors_whole;
