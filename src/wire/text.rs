//! Grammar and number formatting that several parsers share.

/// Optional white space (RFC 9110 section 5.6.3).
pub const OWS: [char; 2] = [' ', '\t'];

/// Returns whether a byte may occur in a token: `tchar` in RFC 9110 section 5.6.2.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Most digits of a number: `u64::MAX` has 20.
const DIGITS_MAX: usize = 20;

/// Appends `number` to `text`, with leading zeros up to `digits` digits.
///
/// Faster than `write!`, which every response would pay for in its date.
pub fn push_number(text: &mut String, number: u64, digits: usize) {
    let digits_before = digits.min(DIGITS_MAX).saturating_sub(1);
    if number >= 10 || digits_before > 0 {
        push_number(text, number / 10, digits_before);
    }
    text.push(char::from(b'0'.saturating_add((number % 10) as u8)));
}

/// Implements the conversions that `#[serde(try_from = "String", into = "String")]` needs, by the
/// type's `parse` and `Display`.
macro_rules! text_form {
    ($type:ty, $error:ty) => {
        impl TryFrom<String> for $type {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    };
}
pub(crate) use text_form;

#[cfg(test)]
mod tests {
    use super::push_number;

    #[test]
    fn numbers_are_padded_with_zeros() {
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
