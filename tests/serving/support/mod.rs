//! A world in memory: stores and tiers that fail, lag and return bad data on command.
//!
//! The real pipeline runs over it. Runs are deterministic: the clock moves only on command or when
//! every task sleeps, and random numbers come from a seed.

pub mod acting;
pub mod case_file;
pub mod expect;
pub mod faults;
pub mod folder;
pub mod media;
pub mod objects;
pub mod ports;
pub mod response;
pub mod run;
pub mod upstream;
pub mod upstream_rules;
pub mod world;
