//! How far a command is: bars on a terminal, a line for each step elsewhere, or nothing.
//!
//! On standard error only: standard output is for results.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::publish::failure::Problem;

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Bars that move.
    Bars,
    /// A line for each step.
    Lines,
    /// Nothing.
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
            Unit::Count => "{msg:>10} {wide_bar:.cyan/dim} {human_pos}/{human_len} {eta:>4}",
            Unit::Bytes => "{msg:>10} {wide_bar:.cyan/dim} {bytes}/{total_bytes} {eta:>4}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌"));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        if self == Self::Lines && total > 0 {
            let amount = match unit {
                Unit::Count => total.to_string(),
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
    /// Things.
    Count,
    /// Bytes.
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
