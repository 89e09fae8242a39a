//! Warns about folders that can be published, but will not work as their author expects.

pub mod site;
pub mod unreachable;
pub mod media;
pub mod other_hosts;
pub mod html;
