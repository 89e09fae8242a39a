//! What benchmarks stand on: synthetic sites, what a store holds of them, and a world in memory.
//!
//! Not part of Selvedge. The invariant is that a site of a size is always the same one, so that
//! figures of different days compare.

pub mod command;
pub mod site;
pub mod store;
pub mod world;
