//! The mutable records of a site: live records, bans, takedowns, tokens and hostnames.

pub mod takedown;
pub mod site;
pub mod view;
pub mod ban;
pub mod live;
