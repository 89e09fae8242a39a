//! Assets: the file that a path names, and the representation of it that a request gets.

pub mod resolve;
pub mod represent;
