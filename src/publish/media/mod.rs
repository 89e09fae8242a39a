//! Renditions from the command line: signed URLs, and renditions made ahead.

pub mod access;
pub mod sign;
pub mod selection;
pub mod warm;
