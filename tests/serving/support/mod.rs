//! A world in memory: stores and tiers that fail, lag and lie on command.
//!
//! Not a mock of the pipeline: the real one runs over it. The invariant is determinism: the clock
//! moves only when it is told to or when everybody sleeps, and chance comes from a seed.

pub mod acting;
pub mod folder;
pub mod objects;
pub mod ports;
pub mod response;
pub mod upstream;
pub mod world;
