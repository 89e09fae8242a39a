//! The records of a site that change: what is live, what is banned or taken down, who may do what.

pub mod takedown;
pub mod site;
pub mod view;
pub mod ban;
pub mod live;
