//! Percent-encoding (RFC 3986 section 2.1): the characters to escape in each part of a URL, and a
//! strict decoder. The crate's own decoder copies a malformed escape.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str};

/// Everything but the unreserved characters (RFC 3986 section 2.3).
pub const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Everything but pchar and `/` (RFC 3986 section 3.3).
pub const PATH: &AsciiSet = &VALUE
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Everything that a query or fragment may not contain in a header.
pub const QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// Decodes a text once; `None` for a malformed escape or invalid UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, utf8_percent_encode};

    use super::{PATH, QUERY, VALUE, percent_decode};

    #[track_caller]
    fn check(set: &'static AsciiSet, unescaped: &str) {
        for byte in 0..=0x7f {
            let character = char::from(byte).to_string();
            let encoded = utf8_percent_encode(&character, set).to_string();
            let is_plain = byte.is_ascii_alphanumeric() || unescaped.contains(&character);
            let expected = if is_plain { character.clone() } else { format!("%{byte:02X}") };
            assert_eq!(encoded, expected);
            assert_eq!(percent_decode(&format!("%{byte:02X}")).as_ref(), Some(&character));
            assert_eq!(percent_decode(&format!("%{byte:02x}")).as_ref(), Some(&character));
        }
    }

    #[test]
    fn other_characters_are_escaped() {
        check(VALUE, "-._~");
        check(PATH, "-._~!$&'()*+,;=:@/");
        check(QUERY, "!$%&'()*+,-./:;=?@[]_{|}~");
    }

    #[test]
    fn malformed_escapes_are_rejected() {
        let rows: [(Option<&str>, &[&str]); 6] = [
            (Some(""), &[""]),
            (Some("a b"), &["a%20b"]),
            (Some("\u{e9}"), &["%C3%a9"]),
            (Some("%41"), &["%2541"]),
            (Some("a+b"), &["a+b"]),
            (None, &["%", "a%4", "%g0", "%0g", "%+1", "%%41", "%4\u{e9}", "%ff"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                assert_eq!(percent_decode(text).as_deref(), expected, "{text:?}");
            }
        }
    }
}
