//! How far a command is: bars on a terminal, a line for each step elsewhere, or nothing.
//!
//! On standard error only: standard output is for results.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::publish::failure::Problem;
use crate::publish::words::counted;

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Bars,
    Lines,
    Silent,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere; nothing when it is not wanted.
    pub fn choose(is_wanted: bool) -> Self {
        match (is_wanted, stderr().is_terminal()) {
            (false, _) => Self::Silent,
            (true, true) => Self::Bars,
            (true, false) => Self::Lines,
        }
    }

    /// A step of a known length.
    pub fn step(self, what: &'static str, total: u64, unit: Unit) -> Step {
        let bar = match self {
            Self::Bars => ProgressBar::new(total),
            Self::Lines | Self::Silent => ProgressBar::hidden(),
        };
        let template = match unit {
            // Files differ too much in what they cost for an estimate.
            Unit::Count => "{msg:>10} {wide_bar:.cyan/dim} {human_pos}/{human_len}",
            Unit::Bytes => "{msg:>10} {wide_bar:.cyan/dim} {amount} {left:>8}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let amount = |state: &ProgressState, out: &mut dyn Write| {
                let total = state.len().unwrap_or(state.pos());
                // Frames around what is counted are sent, too.
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
            let style = style.with_key("amount", amount).with_key("left", left);
            bar.set_style(style.progress_chars("━━╌"));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        if self == Self::Lines && total > 0 {
            let amount = match unit {
                Unit::Count => counted(total as usize, "file"),
                Unit::Bytes => bytes(total),
            };
            eprintln!("{what} {amount}");
        }
        Step { bar }
    }

    /// A remark.
    pub fn note(self, text: &str) {
        if self != Self::Silent {
            eprintln!("{text}");
        }
    }

    /// A warning; shown even where progress is not.
    pub fn warn(self, warning: &Problem) {
        eprintln!("warning: {warning}");
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
}

/// A step under way; it ends when it is dropped.
#[derive(Debug)]
pub struct Step {
    bar: ProgressBar,
}

impl Step {
    /// So much more is done.
    pub fn advance(&self, amount: u64) {
        self.bar.inc(amount);
    }

    /// How much is done.
    #[cfg(test)]
    pub fn done(&self) -> u64 {
        self.bar.position()
    }

    /// So much is done in all: what was to be done after it is begun again.
    pub fn go_to(&self, amount: u64) {
        self.bar.set_position(amount);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How long a step takes, estimated from its average speed.
///
/// Work arrives in batches. The estimate changes only when some of it is done and counts down in
/// between, so it does not climb while a batch is under way.
#[derive(Debug, Default)]
struct Estimate {
    done: u64,
    at: Duration,
    left: Duration,
}

impl Estimate {
    /// The least time and the least share, in percent, before an estimate is worth showing.
    const MIN: (Duration, u64) = (Duration::from_secs(2), 5);

    /// Seconds left, rounded up; `None` while it can't be known, and when it turned out too short.
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

/// A number of bytes for people.
///
/// # Units
/// Powers of 1,000, as disks and networks are sold: `1.5 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1_000.0, next);
    }
    format!("{value:.1} {unit}")
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
    fn no_estimate_is_shown_that_is_worth_nothing() {
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

    #[test]
    fn bytes() {
        let rows = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (1_500_000_000, "1.5 GB"),
        ];
        for (count, expected) in rows {
            assert_eq!(super::bytes(count), expected);
        }
    }
}
