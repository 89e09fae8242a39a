//! Selvedge: a whole static CDN in one edge worker, and the command line that publishes to it.

pub mod wire;
pub mod site;
pub mod serve;
