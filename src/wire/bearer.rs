//! Bearer tokens (RFC 6750 section 2.1).

/// Maximum length of a token in bytes. Ours have about 90.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Returns the token of an `Authorization` header that has exactly one; two lines, joined by a
/// comma, are rejected.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+');
    let whole = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(plain);
    (scheme.eq_ignore_ascii_case("bearer") && whole).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::{TOKEN_BYTES_MAX, bearer};

    #[test]
    fn only_a_single_token_is_accepted() {
        let rows: [(Option<&str>, &[&str]); 4] = [
            (Some("abc"), &["Bearer abc"]),
            (Some("a-b_c.d"), &["bearer a-b_c.d"]),
            (None, &["Bearer", "Bearer ", "Bearer  abc", "Bearer abc ", "Bearer a, Bearer b"]),
            (None, &["Basic abc", "Token abc", "Bearer a%00", ""]),
        ];
        for (expected, values) in rows {
            for value in values {
                assert_eq!(bearer(value), expected, "{value:?}");
            }
        }
        let long = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(bearer(&long), None);
    }
}
