//! The `Range` header, for a single range of bytes (RFC 9110 section 14).
//!
//! A server may ignore the header, so anything but one well-formed `bytes` range selects the full
//! representation: no multipart response, and no work that grows with the header.

use crate::wire::text::OWS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// The header is ignored.
    Full,
    /// The bytes from `first` to `last`, both included: a 206. `first <= last < complete_length`.
    Part { first: u64, last: u64 },
    /// A 416.
    Unsatisfiable,
}

/// Applies `Range` to a representation of `complete_length` bytes (RFC 9110 sections 14.1.1, 14.1.2
/// and 14.2).
///
/// Numbers saturate. A suffix of an empty representation is `Full`: it is satisfiable, but no
/// `Content-Range` can express it.
pub fn resolve(value: &str, complete_length: u64) -> RangeOutcome {
    let end = complete_length.saturating_sub(1);
    match parse(value) {
        Some(Spec::Int { first, .. }) if first >= complete_length => RangeOutcome::Unsatisfiable,
        Some(Spec::Int { first, last }) => RangeOutcome::Part { first, last: last.min(end) },
        Some(Spec::Suffix { length: 0 }) => RangeOutcome::Unsatisfiable,
        Some(Spec::Suffix { length }) if complete_length > 0 => {
            RangeOutcome::Part { first: complete_length.saturating_sub(length), last: end }
        }
        Some(Spec::Suffix { .. }) | None => RangeOutcome::Full,
    }
}

/// Returns the `Content-Range` of a 206 (RFC 9110 section 14.4).
pub fn content_range(first: u64, last: u64, complete_length: u64) -> String {
    format!("bytes {first}-{last}/{complete_length}")
}

/// Returns the `Content-Range` of a 416 (RFC 9110 sections 14.4 and 15.5.17).
pub fn content_range_unsatisfied(complete_length: u64) -> String {
    format!("bytes */{complete_length}")
}

enum Spec {
    /// `first-` or `first-last`, with `first <= last`.
    Int { first: u64, last: u64 },
    /// `-length`.
    Suffix { length: u64 },
}

fn parse(value: &str) -> Option<Spec> {
    let (unit, set) = value.trim_matches(OWS).split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim_matches(OWS).split_once('-')?;
    if first.is_empty() {
        return Some(Spec::Suffix { length: number(last)? });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    (first <= last).then_some(Spec::Int { first, last })
}

fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Only overflow can make `parse` fail.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::RangeOutcome::{self, Full, Unsatisfiable};
    use super::{content_range, content_range_unsatisfied, resolve};

    fn part(first: u64, last: u64) -> RangeOutcome {
        RangeOutcome::Part { first, last }
    }

    #[test]
    fn ranges_are_clamped_to_the_length() {
        let rows: [(u64, RangeOutcome, &[&str]); 14] = [
            (1000, part(0, 0), &["bytes=0-0", "Bytes=0-0", " bytes=0-0\t", "bytes= 0-0"]),
            (1000, part(7, 10), &["bytes=007-010"]),
            (1000, part(500, 999), &["bytes=500-"]),
            (1000, part(999, 999), &["bytes=999-999", "bytes=999-", "bytes=-1"]),
            (1000, part(0, 999), &["bytes=0-999", "bytes=0-1000", "bytes=0-100000"]),
            (1000, part(0, 999), &["bytes=-1000", "bytes=-100000"]),
            (1000, part(0, 999), &["bytes=0-99999999999999999999", "bytes=-99999999999999999999"]),
            (1000, Unsatisfiable, &["bytes=1000-1000", "bytes=1000-", "bytes=-0"]),
            (1000, Unsatisfiable, &["bytes=99999999999999999999-"]),
            (0, Unsatisfiable, &["bytes=0-", "bytes=0-0", "bytes=-0"]),
            (0, Full, &["bytes=-5"]),
            (1, part(0, 0), &["bytes=0-0"]),
            (u64::MAX, Unsatisfiable, &["bytes=99999999999999999999-"]),
            (u64::MAX, part(0, u64::MAX - 1), &["bytes=0-"]),
        ];
        for (complete_length, outcome, values) in rows {
            for value in values {
                let found = resolve(value, complete_length);
                assert_eq!(found, outcome, "{value:?} of {complete_length}");
            }
        }
    }

    #[test]
    fn anything_but_one_range_of_bytes_is_ignored() {
        #[rustfmt::skip]
        let rows = [
            "", "bytes", "bytes=", "bytes=-", "bytes 0-1", "bytes=0", "bytes=a-b", "bytes=5-2",
            "bytes=--1", "bytes=0--1", "bytes=0.5-1", "bytes=0x0-0x1", "bytes=+0-1", "bytes=0 - 1",
            "bytes =0-1", "bytes=0-1,3-4", "bytes=0-1,", ",bytes=0-1", "items=0-1", "bytes=0-1-2",
            "bytes=\u{661}-", "bytes=0-1, bytes=2-3", "=0-1",
        ];
        for value in rows {
            assert_eq!(resolve(value, 1000), Full, "{value:?}");
        }
        let many: String = (0..1000).map(|n| format!("{n}-{n},")).collect();
        assert_eq!(resolve(&format!("bytes={many}0-0"), 1000), Full);
    }

    #[test]
    fn content_range_is_written() {
        assert_eq!(content_range(0, 499, 1234), "bytes 0-499/1234");
        assert_eq!(content_range_unsatisfied(1000), "bytes */1000");
    }
}
