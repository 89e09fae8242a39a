//! The Range field, for one range of bytes.
//!
//! RFC 9110 section 14. A server may ignore a Range field, so whatever is not exactly one
//! well-formed `bytes` range is [`RangeOutcome::Full`]: no multipart answer, and no work that grows
//! with the field. Not here: If-Range ([`crate::wire::precondition::if_range_holds`]) and the
//! method, which must be GET. By hand: crates parse sets of ranges, which are never served here.

/// What a Range field asks of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// The whole of it: the field is ignored.
    Full,
    /// The bytes from `first` to `last`, both included: a 206.
    ///
    /// # Shape
    /// `first <= last < complete_length`.
    Part {
        /// The offset of the first byte.
        first: u64,
        /// The offset of the last byte.
        last: u64,
    },
    /// Nothing that is there: a 416.
    Unsatisfiable,
}

/// Returns what `value` asks of a representation of `complete_length` bytes.
///
/// A number too great to hold counts as the greatest one. A suffix of an empty representation is
/// `Full`, because it is satisfiable and no Content-Range can say it.
///
/// # Source
/// RFC 9110 sections 14.1.1, 14.1.2 and 14.2.
///
/// # Example
/// ```
/// use selvedge::wire::range::{RangeOutcome, resolve};
///
/// assert_eq!(resolve("bytes=500-", 1000), RangeOutcome::Part { first: 500, last: 999 });
/// assert_eq!(resolve("bytes=1000-", 1000), RangeOutcome::Unsatisfiable);
/// assert_eq!(resolve("bytes=0-1,3-4", 1000), RangeOutcome::Full);
/// ```
pub fn resolve(value: &str, complete_length: u64) -> RangeOutcome {
    match parse(value) {
        Some(Spec::Int { first, .. }) if first >= complete_length => RangeOutcome::Unsatisfiable,
        Some(Spec::Int { first, last }) => {
            RangeOutcome::Part { first, last: last.min(complete_length.saturating_sub(1)) }
        }
        Some(Spec::Suffix { length: 0 }) => RangeOutcome::Unsatisfiable,
        Some(Spec::Suffix { length }) if complete_length > 0 => RangeOutcome::Part {
            first: complete_length.saturating_sub(length),
            last: complete_length.saturating_sub(1),
        },
        Some(Spec::Suffix { .. }) | None => RangeOutcome::Full,
    }
}

/// Returns the Content-Range of a 206.
///
/// # Source
/// RFC 9110 section 14.4.
pub fn content_range(first: u64, last: u64, complete_length: u64) -> String {
    format!("bytes {first}-{last}/{complete_length}")
}

/// Returns the Content-Range of a 416.
///
/// # Source
/// RFC 9110 sections 14.4 and 15.5.17.
pub fn content_range_unsatisfied(complete_length: u64) -> String {
    format!("bytes */{complete_length}")
}

/// One range-spec, as it is written.
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
    // Nothing but overflow is left to fail.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Optional white space (RFC 9110 section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::RangeOutcome::{self, Full, Unsatisfiable};
    use super::{content_range, content_range_unsatisfied, resolve};

    fn part(first: u64, last: u64) -> RangeOutcome {
        RangeOutcome::Part { first, last }
    }

    #[test]
    fn resolves_against_a_length() {
        let rows = [
            ("bytes=0-0", 1000, part(0, 0)),
            ("bytes=999-999", 1000, part(999, 999)),
            ("bytes=1000-1000", 1000, Unsatisfiable),
            ("bytes=500-", 1000, part(500, 999)),
            ("bytes=999-", 1000, part(999, 999)),
            ("bytes=1000-", 1000, Unsatisfiable),
            ("bytes=0-999", 1000, part(0, 999)),
            ("bytes=0-1000", 1000, part(0, 999)),
            ("bytes=0-100000", 1000, part(0, 999)),
            ("bytes=-1", 1000, part(999, 999)),
            ("bytes=-1000", 1000, part(0, 999)),
            ("bytes=-100000", 1000, part(0, 999)),
            ("bytes=-0", 1000, Unsatisfiable),
            ("bytes=007-010", 1000, part(7, 10)),
            ("Bytes=0-0", 1000, part(0, 0)),
            (" bytes=0-0\t", 1000, part(0, 0)),
            ("bytes= 0-0", 1000, part(0, 0)),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=-0", 0, Unsatisfiable),
            ("bytes=-5", 0, Full),
            ("bytes=0-0", 1, part(0, 0)),
            ("bytes=0-99999999999999999999", 1000, part(0, 999)),
            ("bytes=99999999999999999999-", 1000, Unsatisfiable),
            ("bytes=-99999999999999999999", 1000, part(0, 999)),
            ("bytes=99999999999999999999-", u64::MAX, Unsatisfiable),
            ("bytes=0-", u64::MAX, part(0, u64::MAX - 1)),
        ];
        for (value, complete_length, outcome) in rows {
            assert_eq!(resolve(value, complete_length), outcome, "{value:?} of {complete_length}");
        }
    }

    #[test]
    fn ignores_what_is_not_one_range_of_bytes() {
        let rows = [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes 0-1",
            "bytes=0",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=--1",
            "bytes=0--1",
            "bytes=0.5-1",
            "bytes=0x0-0x1",
            "bytes=+0-1",
            "bytes=0 - 1",
            "bytes =0-1",
            "bytes=0-1,3-4",
            "bytes=0-1,",
            ",bytes=0-1",
            "items=0-1",
            "bytes=0-1-2",
            "bytes=\u{661}-",
            "bytes=0-1, bytes=2-3",
            "=0-1",
        ];
        for value in rows {
            assert_eq!(resolve(value, 1000), Full, "{value:?}");
        }
        let many: String = (0..1000).map(|n| format!("{n}-{n},")).collect();
        assert_eq!(resolve(&format!("bytes={many}0-0"), 1000), Full);
    }

    #[test]
    fn writes_content_range() {
        assert_eq!(content_range(0, 499, 1234), "bytes 0-499/1234");
        assert_eq!(content_range_unsatisfied(1000), "bytes */1000");
    }
}
