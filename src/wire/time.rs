//! Instants and spans. `now` is always an argument, and arithmetic saturates: no time from a store
//! or a client can overflow.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct UnixMillis(pub u64);

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

/// A span in whole seconds, at most [`DeltaSeconds::MAX`] (RFC 9111 section 1.2.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DeltaSeconds(pub u32);

impl UnixMillis {
    /// Rounds down.
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.0 / 1000)
    }

    pub fn plus(self, millis: u64) -> UnixMillis {
        UnixMillis(self.0.saturating_add(millis))
    }

    /// Returns the milliseconds since `earlier`, 0 if that is later.
    pub fn since(self, earlier: UnixMillis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl UnixSeconds {
    /// Returns the seconds since `earlier`, 0 if that is later.
    pub fn since(self, earlier: UnixSeconds) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl DeltaSeconds {
    /// The value of any longer span (RFC 9111 section 1.2.2).
    pub const MAX: DeltaSeconds = DeltaSeconds(1 << 31);

    pub fn saturating_from(seconds: u64) -> DeltaSeconds {
        match u32::try_from(seconds) {
            Ok(seconds) if seconds <= DeltaSeconds::MAX.0 => DeltaSeconds(seconds),
            _ => DeltaSeconds::MAX,
        }
    }

    /// Parses decimal digits and nothing else; a number that is too large saturates.
    pub fn parse(text: &str) -> Option<DeltaSeconds> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| DeltaSeconds::saturating_from(text.parse().unwrap_or(u64::MAX)))
    }

    pub fn seconds(self) -> u64 {
        u64::from(self.0)
    }

    pub fn millis(self) -> u64 {
        self.seconds().saturating_mul(1000)
    }
}

impl fmt::Display for DeltaSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{DeltaSeconds, UnixMillis, UnixSeconds};

    #[test]
    fn instants_saturate() {
        assert_eq!(UnixMillis(1999).seconds(), UnixSeconds(1));
        assert_eq!(UnixMillis(u64::MAX).plus(1), UnixMillis(u64::MAX));
        assert_eq!(UnixMillis(5).since(UnixMillis(3)), 2);
        assert_eq!(UnixMillis(3).since(UnixMillis(5)), 0);
        assert_eq!(UnixSeconds(3).since(UnixSeconds(4)), 0);
    }

    #[test]
    fn spans_clamp_at_two_to_the_31() {
        let rows: [(Option<u32>, &[&str]); 5] = [
            (Some(0), &["0"]),
            (Some(60), &["60", "0060"]),
            (Some(2_147_483_647), &["2147483647"]),
            (Some(2_147_483_648), &["2147483648", "2147483649", "99999999999999999999999"]),
            (None, &["", "-1", "+1", "1.5", "1 ", "\u{661}"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                assert_eq!(DeltaSeconds::parse(text), expected.map(DeltaSeconds), "{text:?}");
            }
        }
        assert_eq!(DeltaSeconds(2).millis(), 2000);
        assert_eq!(DeltaSeconds(86_400).to_string(), "86400");
    }
}
