//! HTTP caching: the freshness engine, cache entries, and the tiers that hold them.
//!
//! [`freshness`] decides, as pure functions. [`tiers`] reads immutable content; [`variants`] reads
//! and writes the cache entries of objects and actions; [`windows`] keeps records.

pub mod freshness;
pub mod entry;
pub mod variants;
pub mod flight;
pub mod memory;
pub mod record_map;
pub mod pending_bans;
pub mod windows;
pub mod live;
pub mod existence;
pub mod tiers;
