//! Failures of the ports.

use std::{fmt, result};

/// The result of a port.
pub type Result<T, E = Fault> = result::Result<T, E>;

/// Why a port failed. Never a reason to conclude that something does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Worth a retry.
    Failed,
    /// The store asked for fewer requests; a retry makes it worse.
    Busy,
    TimedOut,
    /// A binding is missing.
    Missing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "the store failed",
            Self::Busy => "the store is busy",
            Self::TimedOut => "the store did not answer in time",
            Self::Missing => "the store's binding is missing",
        })
    }
}
