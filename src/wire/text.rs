//! Text, byte by byte: cuts, numbers, escapes.
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

/// Appends the escape of a byte, `%` and two digits.
///
/// # Source
/// RFC 3986 section 2.1.
pub fn push_escape(text: &mut String, byte: u8) {
    text.push('%');
    for digit in [byte >> 4, byte & 0xf] {
        let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
        text.push(digit.to_ascii_uppercase());
    }
}

/// Returns the byte that the two digits of an escape spell, in either case.
///
/// # Source
/// RFC 3986 section 2.1.
pub fn escaped(high: u8, low: u8) -> Option<u8> {
    let [high, low] = [high, low].map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::{escaped, push_escape, push_number, split_once};

    #[test]
    fn escapes_come_back() {
        for byte in 0..=u8::MAX {
            let mut text = String::new();
            push_escape(&mut text, byte);
            let [b'%', high, low] = *text.as_bytes() else { panic!("{text}") };
            assert_eq!(escaped(high, low), Some(byte));
            assert_eq!(escaped(high, low.to_ascii_lowercase()), Some(byte));
        }
        for (high, low) in [(b'g', b'0'), (b'0', b'g'), (b'+', b'1'), (b'%', b'%'), (b'0', 0xff)] {
            assert_eq!(escaped(high, low), None);
        }
    }

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
