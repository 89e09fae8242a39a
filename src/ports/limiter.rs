//! A rate limiter of this isolate: how many requests of a key pass in a minute.
//!
//! The stand-in for the runtime's own limiter where that is missing or fails; it knows nothing of
//! other isolates. Pure: time is an argument. The invariant is that in no window more pass than
//! the limit and a burst of a tenth of it, and that a clock that goes back grants nothing.

use std::collections::HashMap;

use crate::wire::time::UnixMillis;

/// The window that a limit counts in.
pub const WINDOW_SECS: u64 = 60;
/// Highest limit: time is counted in fractions of it, and must not overflow.
pub const PER_MINUTE_MAX: u32 = 1_000_000;
/// Most keys that are kept; who has more at once in one isolate has some of them begin anew.
pub const LIMITED_KEYS_MAX: usize = 4_096;
/// The part of the limit that may come at once.
const BURST_DIVISOR: u64 = 10;

/// How much passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_minute: u64,
}

impl Rate {
    /// The rate of so many requests a minute, at least one and at most [`PER_MINUTE_MAX`].
    pub fn per_minute(count: u32) -> Self {
        Self { per_minute: count.clamp(1, PER_MINUTE_MAX).into() }
    }

    /// How many may come at once: a tenth of the limit, at least one.
    pub fn burst(self) -> u64 {
        (self.per_minute / BURST_DIVISOR).max(1)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It is refused; the next may pass after so many seconds, 1 to [`WINDOW_SECS`].
    Wait(u64),
}

/// One key's state: when all that passed is worked off (GCRA, ITU-T I.371).
///
/// # Units
/// Milliseconds times the limit, so that the pace of any limit is a whole number: one request is
/// worth the window's length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    done_at: u64,
}

impl Pace {
    /// What becomes of a request now; it counts only when it passes.
    pub fn take(&mut self, rate: Rate, now: UnixMillis) -> Verdict {
        let cost = WINDOW_SECS.saturating_mul(1_000);
        let now = now.0.saturating_mul(rate.per_minute);
        let begins_at = self.done_at.max(now);
        let tolerance = rate.burst().saturating_sub(1).saturating_mul(cost);
        let early = begins_at.saturating_sub(now).saturating_sub(tolerance);
        if early > 0 {
            let secs = early.div_ceil(rate.per_minute.saturating_mul(1_000));
            // The wait is longer only for a clock that went back.
            return Verdict::Wait(secs.clamp(1, WINDOW_SECS));
        }
        self.done_at = begins_at.saturating_add(cost);
        Verdict::Pass
    }
}

/// The paces of many keys.
#[derive(Debug, Default)]
pub struct Limiter {
    paces: HashMap<String, Pace>,
}

impl Limiter {
    /// What becomes of a request of a key now.
    pub fn take(&mut self, key: &str, rate: Rate, now: UnixMillis) -> Verdict {
        if let Some(pace) = self.paces.get_mut(key) {
            return pace.take(rate, now);
        }
        if self.paces.len() >= LIMITED_KEYS_MAX {
            // Who has worked everything off is as good as never seen.
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
        limiter.take("key", rate, UnixMillis(now_ms)) == Verdict::Pass
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
        assert_eq!(other, Verdict::Pass, "another key's is another's");
    }

    #[test]
    fn limits_that_do_not_divide_a_minute() {
        for limit in [1, 7, 11, 59, 61, 599, 7_919, PER_MINUTE_MAX] {
            let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
            let mut count = 0_u64;
            for ms in 0..60_000 {
                while pace.take(rate, UnixMillis(1_700_000_000_000 + ms)) == Verdict::Pass {
                    count += 1;
                }
            }
            let expected = u64::from(limit) + rate.burst();
            let last_ms = u64::from(limit).div_ceil(60_000);
            assert!(count <= expected && count + last_ms >= expected, "{limit}: {count}");
        }
    }

    #[test]
    fn how_long_to_wait() {
        let rows = [(1, 60), (2, 30), (7, 9), (60, 1), (600, 1)];
        for (limit, secs) in rows {
            let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
            let now = UnixMillis(1_700_000_000_000);
            while pace.take(rate, now) == Verdict::Pass {}
            assert_eq!(pace.take(rate, now), Verdict::Wait(secs), "{limit}");
            assert_eq!(pace.take(rate, now.plus(secs * 1_000)), Verdict::Pass, "{limit}");
            let back = UnixMillis(now.0 - 3_600_000);
            assert_eq!(pace.take(rate, back), Verdict::Wait(WINDOW_SECS), "{limit}, an hour back");
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
        assert_eq!(limiter.paces.len(), LIMITED_KEYS_MAX - 10, "the first eleven had worked off");
    }
}
