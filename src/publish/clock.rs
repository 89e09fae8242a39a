//! The only place of the native side that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::wire::time::UnixMillis;

#[expect(clippy::disallowed_methods, reason = "native only: the clock behind all others")]
pub fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "native only: the clock behind all others")]
pub fn unix_nanos() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128)
}

pub fn unix_millis() -> UnixMillis {
    UnixMillis(u64::try_from(unix_nanos() / 1_000_000).unwrap_or_default())
}
