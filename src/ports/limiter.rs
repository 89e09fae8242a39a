//! The rate limiter of an isolate, for when the runtime's is missing or fails.
//!
//! No window lets more requests pass than the limit and a burst of a tenth of it. A clock that goes
//! back lets none pass.

use std::collections::HashMap;

use crate::wire::time::UnixMillis;

/// The window that a limit counts in.
pub const WINDOW_SECS: u64 = 60;
/// Highest limit. Time is counted in fractions of it, and must not overflow.
const PER_MINUTE_MAX: u32 = 1_000_000;
/// Maximum number of keys kept. Beyond this, counters are reset.
const LIMITED_KEYS_MAX: usize = 4_096;
/// The burst is the limit divided by this.
const BURST_DIVISOR: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_minute: u64,
}

impl Rate {
    pub fn per_minute(count: u32) -> Self {
        Self { per_minute: count.clamp(1, PER_MINUTE_MAX).into() }
    }

    /// Returns how many requests may come at once.
    pub fn burst(self) -> u64 {
        (self.per_minute / BURST_DIVISOR).max(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// Refused; the next request passes after 1 to [`WINDOW_SECS`] seconds.
    Wait(u64),
}

/// The theoretical arrival time of one key (GCRA, ITU-T I.371).
///
/// Its unit is a millisecond divided by the limit, which makes the interval of any limit a whole
/// number: one request takes the length of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    done_at: u64,
}

impl Pace {
    /// Counts a request if it passes.
    pub fn take(&mut self, rate: Rate, now: UnixMillis) -> Admission {
        let cost = WINDOW_SECS.saturating_mul(1_000);
        let now = now.0.saturating_mul(rate.per_minute);
        let begins_at = self.done_at.max(now);
        let tolerance = rate.burst().saturating_sub(1).saturating_mul(cost);
        let early = begins_at.saturating_sub(now).saturating_sub(tolerance);
        if early > 0 {
            let secs = early.div_ceil(rate.per_minute.saturating_mul(1_000));
            // Longer only if the clock went back.
            return Admission::Wait(secs.clamp(1, WINDOW_SECS));
        }
        self.done_at = begins_at.saturating_add(cost);
        Admission::Pass
    }
}

#[derive(Debug, Default)]
pub struct Limiter {
    paces: HashMap<String, Pace>,
}

impl Limiter {
    /// Counts a request of `key` if it passes.
    pub fn take(&mut self, key: &str, rate: Rate, now: UnixMillis) -> Admission {
        if let Some(pace) = self.paces.get_mut(key) {
            return pace.take(rate, now);
        }
        if self.paces.len() >= LIMITED_KEYS_MAX {
            // A key whose time has come is as good as new.
            let now = now.0.saturating_mul(rate.per_minute);
            self.paces.retain(|_, pace| pace.done_at > now);
        }
        if self.paces.len() >= LIMITED_KEYS_MAX {
            self.paces.clear();
        }
        self.paces.entry(key.to_owned()).or_default().take(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(limiter: &mut Limiter, rate: Rate, now_ms: u64) -> bool {
        limiter.take("key", rate, UnixMillis(now_ms)) == Admission::Pass
    }

    #[test]
    fn a_burst_and_then_the_pace() {
        let (mut limiter, rate) = (Limiter::default(), Rate::per_minute(600));
        let at_once = (0..1_000).filter(|_| passes(&mut limiter, rate, 1_000)).count();
        assert_eq!(at_once, 60);
        assert!(!passes(&mut limiter, rate, 1_099));
        assert!(passes(&mut limiter, rate, 1_100), "one each 100 ms");
        assert!(!passes(&mut limiter, rate, 1_100));
        assert!(passes(&mut limiter, rate, 3_600_000));
        let other = limiter.take("other", rate, UnixMillis(1_100));
        assert_eq!(other, Admission::Pass, "keys are independent");
    }

    #[test]
    fn limits_that_do_not_divide_a_minute() {
        for limit in [1, 7, 11, 59, 61, 599, 7_919, PER_MINUTE_MAX] {
            let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
            let mut count = 0_u64;
            for ms in 0..60_000 {
                while pace.take(rate, UnixMillis(1_700_000_000_000 + ms)) == Admission::Pass {
                    count += 1;
                }
            }
            let expected = u64::from(limit) + rate.burst();
            let last_ms = u64::from(limit).div_ceil(60_000);
            assert!(count <= expected && count + last_ms >= expected, "{limit}: {count}");
        }
    }

    #[test]
    fn seconds_to_wait() {
        let rows = [(1, 60), (2, 30), (7, 9), (60, 1), (600, 1)];
        for (limit, secs) in rows {
            let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
            let now = UnixMillis(1_700_000_000_000);
            while pace.take(rate, now) == Admission::Pass {}
            assert_eq!(pace.take(rate, now), Admission::Wait(secs), "{limit}");
            assert_eq!(pace.take(rate, now.plus(secs * 1_000)), Admission::Pass, "{limit}");
            let back = UnixMillis(now.0 - 3_600_000);
            assert_eq!(
                pace.take(rate, back),
                Admission::Wait(WINDOW_SECS),
                "{limit}, an hour back"
            );
        }
        assert_eq!(Rate::per_minute(0), Rate::per_minute(1));
    }

    #[test]
    fn keys_are_bounded() {
        let (mut limiter, rate) = (Limiter::default(), Rate::per_minute(1));
        for n in 0..3 * LIMITED_KEYS_MAX {
            limiter.take(&n.to_string(), rate, UnixMillis(1));
            assert!(limiter.paces.len() <= LIMITED_KEYS_MAX);
        }
        let mut limiter = Limiter::default();
        for n in 0..LIMITED_KEYS_MAX as u64 {
            limiter.take(&n.to_string(), rate, UnixMillis(n));
        }
        limiter.take("one more", rate, UnixMillis(60_010));
        assert_eq!(limiter.paces.len(), LIMITED_KEYS_MAX - 10, "the first eleven had expired");
    }
}
