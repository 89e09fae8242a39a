//! How often, and how far apart, a call that failed is made again.
//!
//! Not the calls, and no clock: what is random comes in as a number. The invariant is that a pause
//! is never longer than its bound, whatever a server asks for.

/// The longest that a server's `Retry-After` is obeyed for, in milliseconds.
pub const RETRY_AFTER_MILLIS_MAX: u64 = 60_000;

/// Maximum number of attempts at a write that the store refuses: the server retries by itself.
const STORE_ATTEMPTS_MAX: u32 = 3;

/// How often, and how far apart, a call is made again.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub attempts_max: u32,
    /// The pause after the first failure, doubled after each further one.
    pub first_millis: u64,
    pub longest_millis: u64,
    /// What a second of the server's `Retry-After` counts for; less in tests only.
    pub retry_after_second_millis: u64,
    /// How long a server may be silent before the command gives up, over all calls.
    pub silence_millis_max: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        // 0.25 + 0.5 + 1 + 2 + 4 + 8 + 8 seconds: a restart of the server is sat out.
        Self {
            attempts_max: 8,
            first_millis: 250,
            longest_millis: 8_000,
            retry_after_second_millis: 1_000,
            // With a last attempt to connect, less than half a minute.
            silence_millis_max: 25_000,
        }
    }
}

impl Backoff {
    /// Returns the maximum number of attempts at a write that the store refuses.
    pub fn store_attempts_max(&self) -> u32 {
        self.attempts_max.min(STORE_ATTEMPTS_MAX)
    }

    /// The pause after a number of failed attempts, in milliseconds.
    ///
    /// Half of it is random, so that clients that failed together don't come back together.
    pub fn pause_millis(&self, failures: u32, retry_after_secs: Option<u64>, random: u64) -> u64 {
        let doubled = self.first_millis.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let half = doubled.min(self.longest_millis) / 2;
        let own = half + if half == 0 { 0 } else { random % half };
        let asked = retry_after_secs.unwrap_or(0).saturating_mul(self.retry_after_second_millis);
        own.max(asked.min(RETRY_AFTER_MILLIS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        let backoff = Backoff::default();
        let rows = [
            (1, None, 0, 125),
            (1, None, 124, 249),
            (2, None, 0, 250),
            (6, None, 0, 4_000),
            (30, None, 0, 4_000),
            (1, Some(3), 0, 3_000),
            (1, Some(9_999), 0, RETRY_AFTER_MILLIS_MAX),
        ];
        for (failures, retry_after, random, expected) in rows {
            assert_eq!(backoff.pause_millis(failures, retry_after, random), expected);
        }
    }
}
