//! From a path to an asset of a deployment, and from the asset to a response.

pub mod resolve;
mod lookup;
mod representation;
mod missing;
mod retained;
