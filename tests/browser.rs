//! The pure suite again, on wasm32, in a browser: the same rows, the same checks.
//!
//! `make test` runs it in headless Chromium.
#![cfg(target_arch = "wasm32")]

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[path = "serving/main.rs"]
mod serving;
