//! What the benchmarks of the pure core stand on: synthetic sites, and a world in memory.
//!
//! Not part of Selvedge. The invariant is that a site of a size is always the same one, so that
//! figures of different days compare.

pub mod site;
pub mod world;
