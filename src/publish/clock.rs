//! The clock of the command line: the one place of the native side that reads one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock: for how long something took.
#[expect(clippy::disallowed_methods, reason = "native only: the clock behind all others")]
pub fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds since 1970: to compare with the times of files.
#[expect(clippy::disallowed_methods, reason = "native only: the clock behind all others")]
pub fn unix_nanos() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128)
}
