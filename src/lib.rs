//! Selvedge: a complete static CDN in one edge worker, and the command line that publishes to it.
//!
//! A request goes through these steps. [`pipeline`] has the first six, [`serve::site`] the next
//! three; every await has a timeout and a fallback.
//!
//! 1. The URL and the `Host` header name one hostname.
//! 2. The path is canonicalised; no later step sees the raw one.
//! 3. The hostname names a [destination](site::destination): a stage, a deployment, the fresh
//!    host, or nothing (421). HTTP may be redirected to HTTPS.
//! 4. `/.selvedge/` is reserved on every host; the [admin API](admin) is there on the base domain.
//! 5. The [live record](cache::live) names the deployment of a stage. It is read once, so that a
//!    response never mixes two deployments.
//! 6. The [manifest](site::deployment::manifest) of the deployment has its configuration.
//! 7. Redirect rules: a redirect ends here, a rewrite names another path of the deployment.
//! 8. The path belongs to an [action](serve::actions), to a [rendition](serve::media), to a
//!    [collection](serve::objects), or
//!    [resolves](serve::assets::resolve) to an asset, a redirect to its canonical path, or nothing.
//! 9. The method is checked: 405, or 404 if nothing is there.
//! 10. [`present`](serve::present) decides between 200, 206, 304, 412 and 416. Only then is a body
//!     opened: from memory, from the edge, from the store.
//! 11. [`finish`](serve::response::finish), the header stage, completes every response.
//!
//! Publishing goes the other way: `publish`, on native targets only, turns a folder into blobs and
//! a manifest, and [`admin`] stores them.
//!
//! `wire <- site <- ports <- cache <- serve <- admin <- pipeline <- edge` and
//! `wire <- site <- publish <- cli`. `ARCHITECTURE.md` has the map and the invariants.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]
// Nothing that answers a request may panic.
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

pub mod wire;
pub mod site;
pub mod ports;
pub mod cache;
pub mod serve;
pub mod admin;
pub mod pipeline;
#[cfg(all(target_arch = "wasm32", feature = "edge"))]
#[allow(clippy::arithmetic_side_effects)]
pub mod edge;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::string_slice)]
pub mod publish;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::string_slice)]
pub mod cli;
