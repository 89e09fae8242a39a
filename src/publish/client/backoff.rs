//! Exponential back-off with jitter for retries.

/// Upper bound for the server's `Retry-After`, in milliseconds.
const RETRY_AFTER_MILLIS_MAX: u64 = 60_000;

/// Maximum number of attempts at a write that the store refuses: the server retries by itself.
const STORE_ATTEMPTS_MAX: u32 = 3;

#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub attempts_max: u32,
    /// Pause after the first failure, doubled after each further one.
    pub first_millis: u64,
    pub longest_millis: u64,
    /// Length of a second of the server's `Retry-After`; shorter in tests only.
    pub retry_after_second_millis: u64,
    /// How long the server may be silent, over all calls, before the command gives up.
    pub silence_millis_max: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        // 0.25 + 0.5 + 1 + 2 + 4 + 8 + 8 seconds: long enough for a restart of the server.
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
    pub fn store_attempts_max(&self) -> u32 {
        self.attempts_max.min(STORE_ATTEMPTS_MAX)
    }

    /// Returns the pause after a number of failed attempts, in milliseconds.
    ///
    /// Half of it is jitter, so that clients that failed together don't retry together.
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
