//! Properties of the rate limiter over generated requests and clocks: at most the limit and its
//! burst in any window, a wait that suffices, and nothing gained from a clock that goes back.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use selvedge::ports::limiter::{Admission, Limiter, Pace, Rate, WINDOW_SECS};
use selvedge::wire::time::UnixMillis;

const WINDOW_MS: u64 = WINDOW_SECS * 1_000;
const START_MS: u64 = 1_767_323_045_000;

fn limits() -> impl Strategy<Value = u32> {
    prop_oneof![1..=20_u32, 20..=2_000_u32, Just(60_000), Just(1_000_000)]
}

/// Pauses between requests: mostly none or short, some longer than a window.
fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause =
        prop_oneof![4 => Just(0), 4 => 0..=200_u64, 2 => 0..=5_000_u64, 1 => 0..=150_000_u64];
    prop::collection::vec(pause, 1..=600)
}

/// The times, oldest first, at which requests pass.
fn passed(limit: u32, times: &[u64]) -> Vec<u64> {
    let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
    let passes = |now: &u64| pace.take(rate, UnixMillis(*now)) == Admission::Pass;
    let mut passed: Vec<u64> = times.iter().copied().filter(passes).collect();
    passed.sort_unstable();
    passed
}

fn most_in_a_window(passed: &[u64]) -> u64 {
    let until = |first: u64| passed.partition_point(|time| *time < first + WINDOW_MS);
    let counts = passed.iter().enumerate().map(|(at, first)| until(*first) - at);
    counts.max().unwrap_or(0) as u64
}

proptest! {
    #[test]
    fn no_window_holds_more_than_the_limit_and_its_burst(limit in limits(), pauses in pauses()) {
        let mut now = START_MS;
        let times: Vec<u64> = pauses.iter().map(|pause| { now += pause; now }).collect();
        let passed = passed(limit, &times);
        let allowed = u64::from(limit) + Rate::per_minute(limit).burst();
        prop_assert!(most_in_a_window(&passed) <= allowed);
        prop_assert!(!passed.is_empty(), "the first always passes");
    }

    #[test]
    fn a_request_passes_after_its_wait_and_at_the_steady_pace(
        limit in limits(),
        pauses in pauses(),
    ) {
        let (mut pace, rate) = (Pace::default(), Rate::per_minute(limit));
        let mut now = START_MS;
        for pause in pauses {
            now += pause;
            if let Admission::Wait(secs) = pace.take(rate, UnixMillis(now)) {
                prop_assert!((1..=WINDOW_SECS).contains(&secs));
                let mut later = pace;
                let admission = later.take(rate, UnixMillis(now + secs * 1_000));
                prop_assert_eq!(admission, Admission::Pass);
            }
        }
        let step_ms = WINDOW_MS.div_ceil(u64::from(limit));
        let start_ms = now + WINDOW_MS;
        let steady = (0..200).map(|n| UnixMillis(start_ms + n * step_ms));
        let all = steady.into_iter().all(|now| pace.take(rate, now) == Admission::Pass);
        prop_assert!(all);
    }

    #[test]
    fn a_clock_that_goes_back_grants_nothing(
        limit in 1..=200_u32,
        jumps in prop::collection::vec(-90_000..=90_000_i64, 1..=600),
    ) {
        let mut now = START_MS;
        let times: Vec<u64> = jumps
            .iter()
            .map(|jump| { now = now.saturating_add_signed(*jump); now })
            .collect();
        let passed = passed(limit, &times);
        let allowed = u64::from(limit) + Rate::per_minute(limit).burst();
        prop_assert!(most_in_a_window(&passed) <= allowed);
    }

    #[test]
    fn keys_are_independent(
        limit in 1..=100_u32,
        requests in prop::collection::vec((0..4_usize, 0..=500_u64), 1..=400),
    ) {
        let rate = Rate::per_minute(limit);
        let (mut limiter, mut alone) = (Limiter::default(), [Pace::default(); 4]);
        let mut now = START_MS;
        for (key, pause) in requests {
            now += pause;
            let together = limiter.take(&key.to_string(), rate, UnixMillis(now));
            prop_assert_eq!(together, alone[key].take(rate, UnixMillis(now)));
        }
    }
}
