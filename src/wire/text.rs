//! Text, byte by byte: cuts and numbers.
//!
//! Not a replacement for the library's own, which look for any needle and write in any format, and
//! carry the machinery for it: these are for what every request needs. The invariant: a delimiter
//! is ASCII, so a cut never falls inside of a character.

/// Returns what is before and after the first `delimiter`; None where there is none.
///
/// # Example
/// ```
/// use selvedge::wire::text::split_once;
///
/// assert_eq!(split_once("a=b=c", b'='), Some(("a", "b=c")));
/// assert_eq!(split_once("abc", b'='), None);
/// ```
pub fn split_once(text: &str, delimiter: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == delimiter)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// Returns `number` with at least `digits` digits, at the end of `text`.
pub fn push_number(text: &mut String, number: u64, digits: usize) {
    /// As many as the largest number has.
    const DIGITS_MAX: usize = 20;
    let (mut rest, mut places) = (number, [b'0'; DIGITS_MAX]);
    let mut first = DIGITS_MAX;
    for place in places.iter_mut().rev() {
        if rest == 0 && DIGITS_MAX.saturating_sub(first) >= digits.max(1) {
            break;
        }
        // A remainder of ten is a digit.
        *place = b'0'.saturating_add((rest % 10) as u8);
        rest /= 10;
        first = first.saturating_sub(1);
    }
    let written = places.get(first..).and_then(|places| std::str::from_utf8(places).ok());
    text.push_str(written.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{push_number, split_once};

    #[test]
    fn splits_at_the_first() {
        assert_eq!(split_once("", b'?'), None);
        assert_eq!(split_once("?", b'?'), Some(("", "")));
        assert_eq!(split_once("é?ü?", b'?'), Some(("é", "ü?")));
    }

    #[test]
    fn writes_numbers() {
        let rows = [
            (0, 0, "0"),
            (0, 1, "0"),
            (0, 2, "00"),
            (7, 2, "07"),
            (10, 2, "10"),
            (2026, 4, "2026"),
            (33, 4, "0033"),
            (u64::MAX, 1, "18446744073709551615"),
            (1, 99, "00000000000000000001"),
        ];
        for (number, digits, expected) in rows {
            let mut text = String::new();
            push_number(&mut text, number, digits);
            assert_eq!(text, expected);
        }
    }
}
