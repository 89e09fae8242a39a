//! The manifest of a deployment, its shards, and the assets that they describe.

pub mod asset;
pub mod fingerprint;
pub mod shard;
pub mod manifest;
