//! Shows progress on standard error: bars on a terminal, a line per step elsewhere, or nothing.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::publish::progress::{Progress, Step, Unit};
use crate::publish::text::{bytes, counted};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ProgressDisplay {
    Bars,
    Lines,
    Silent,
}

impl ProgressDisplay {
    pub fn choose(is_wanted: bool) -> Self {
        match (is_wanted, stderr().is_terminal()) {
            (false, _) => Self::Silent,
            (true, true) => Self::Bars,
            (true, false) => Self::Lines,
        }
    }
}

impl Progress for ProgressDisplay {
    fn step(&self, verb: &'static str, total: u64, unit: Unit) -> Box<dyn Step> {
        let bar = match self {
            Self::Bars => ProgressBar::new(total).with_style(style(unit)),
            Self::Lines | Self::Silent => ProgressBar::hidden(),
        };
        bar.set_message(verb);
        bar.enable_steady_tick(Duration::from_millis(200));
        if *self == Self::Lines && total > 0 {
            let amount = match unit {
                Unit::Files => counted(total as usize, "file"),
                Unit::Renditions => counted(total as usize, "rendition"),
                Unit::Bytes => bytes(total),
            };
            eprintln!("{verb} {amount}");
        }
        Box::new(Bar(bar))
    }

    fn note(&self, text: &str) {
        if *self != Self::Silent {
            eprintln!("{text}");
        }
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = match unit {
        // They differ too much in size for an estimate.
        Unit::Files | Unit::Renditions => "{msg:>10} {wide_bar:.cyan/dim} {human_pos}/{human_len}",
        Unit::Bytes => "{msg:>10} {wide_bar:.cyan/dim} {amount} {left:>8}",
    };
    let Ok(style) = ProgressStyle::with_template(template) else {
        return ProgressStyle::default_bar();
    };
    let amount = |state: &ProgressState, out: &mut dyn Write| {
        let total = state.len().unwrap_or(state.pos());
        // Batch frames are counted too, so the position may pass the total.
        let done = state.pos().min(total);
        let _ = write!(out, "{}/{}", bytes(done), bytes(total));
    };
    let estimate = Arc::new(Mutex::new(Estimate::default()));
    let left = move |state: &ProgressState, out: &mut dyn Write| {
        let mut estimate = estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let total = state.len().unwrap_or_default();
        if let Some(left) = estimate.left_secs(state.elapsed(), state.pos(), total) {
            let _ = write!(out, "{left} s left");
        }
    };
    style.with_key("amount", amount).with_key("left", left).progress_chars("━━╌")
}

struct Bar(ProgressBar);

impl Step for Bar {
    fn advance(&self, amount: u64) {
        self.0.inc(amount);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Estimates the time left from the average speed.
///
/// Work arrives in batches, so the estimate changes only when some of it is done and counts down in
/// between. It does not climb while a batch is under way.
#[derive(Debug, Default)]
struct Estimate {
    done: u64,
    at: Duration,
    left: Duration,
}

impl Estimate {
    /// Minimum time and share, in percent, before an estimate is shown.
    const MIN: (Duration, u64) = (Duration::from_secs(2), 5);

    /// Returns the seconds left, rounded up; `None` while unknown or when the estimate ran out.
    fn left_secs(&mut self, elapsed: Duration, done: u64, total: u64) -> Option<u64> {
        if done != self.done {
            let ahead = total.saturating_sub(done) as f64 / done.max(1) as f64;
            (self.done, self.at, self.left) = (done, elapsed, elapsed.mul_f64(ahead));
        }
        let is_early = elapsed < Self::MIN.0 || done.saturating_mul(100) < total * Self::MIN.1;
        let left = self.left.checked_sub(elapsed.saturating_sub(self.at))?;
        (!is_early && !left.is_zero()).then(|| left.as_secs_f64().ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_counts_down_between_batches() {
        let mut estimate = Estimate::default();
        let mut shown = Vec::new();
        // A batch of 10 of 100 every 3 seconds, looked at each second.
        for second in 0..=30 {
            let left = estimate.left_secs(Duration::from_secs(second), second / 3 * 10, 100);
            shown.push(left);
        }
        assert_eq!(shown[..3], [None; 3], "nothing is done yet");
        let expected: Vec<_> = (3..30).map(|second| Some(30 - second)).collect();
        assert_eq!(shown[3..30], expected);
        assert_eq!(shown[30], None, "done");
    }

    #[test]
    fn useless_estimates_are_not_shown() {
        let rows = [
            ((1, 50, 100), None, "too early"),
            ((10, 4, 100), None, "too little"),
            ((10, 5, 100), Some(190), "enough"),
            ((500, 5, 100), None, "the estimate has run out"),
            ((501, 50, 100), Some(501), "and there is a new one"),
            ((502, 0, 0), None, "nothing to do"),
        ];
        let mut estimate = Estimate::default();
        for ((elapsed, done, total), expected, what) in rows {
            let found = estimate.left_secs(Duration::from_secs(elapsed), done, total);
            assert_eq!(found, expected, "{what}");
        }
    }
}
