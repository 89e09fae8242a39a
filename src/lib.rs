//! Selvedge: a whole static CDN in one edge worker, and the command line that publishes to it.
//!
//! A request, in the order in which the modules meet it:
//!
//! 1. [`wire`] reads what HTTP says: the URL, the host, the path, preconditions, ranges, codings.
//! 2. [`serve::pipeline`] finds out which site, stage and deployment the hostname names, by the
//!    live record, whose freshness [`serve::live`] keeps.
//! 3. [`site::manifest`] holds what a deployment is: which path has which asset, under which rules.
//! 4. [`serve::resolve`] turns the path into an asset, a redirect to its canonical address, or
//!    nothing; [`serve::represent`] selects what of the asset is sent: 200, 206, 304, 412 or 416.
//! 5. [`serve::headers`] completes every response in one place.
//! 6. [`serve::tiers`] opens the body: from memory, from the edge, from the store.
//! 7. `edge`, on wasm32 only, is the rim where a runtime's types become ours and back.
//!
//! Publishing goes the other way: `publish`, on native targets only, turns a folder into blobs and
//! a manifest, and [`serve::admin`] takes them in.
//!
//! `wire <- site <- serve <- edge` and `wire <- site <- publish <- bin`; `edge` and `publish`
//! never see each other. `ARCHITECTURE.md` has the map and the invariants.

pub mod wire;
pub mod site;
pub mod ports;
pub mod cache;
pub mod serve;
pub mod admin;
pub mod pipeline;
#[cfg(target_arch = "wasm32")]
pub mod edge;
#[cfg(not(target_arch = "wasm32"))]
pub mod publish;
#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
