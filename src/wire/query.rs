//! Query parameters as forms and scripts write them: `name=value`, joined by `&`.
//!
//! Total: text that can't be decoded is taken literally.

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::wire::percent::VALUE;

/// Returns the decoded value of the first parameter called `name`.
pub fn value(query: &str, name: &str) -> Option<String> {
    pairs(query).find_map(|(key, value)| (key == name).then_some(value))
}

/// Returns the decoded names and values of all parameters in order; a value without `=` is empty.
///
/// `+` is a space and invalid UTF-8 becomes U+FFFD, as in WHATWG URL section 5.1
/// (application/x-www-form-urlencoded parsing).
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Escapes a value for a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{encode, value};

    #[test]
    fn the_first_parameter_counts() {
        let rows = [
            ("", "a", None),
            ("a", "a", Some("")),
            ("a=", "a", Some("")),
            ("=b", "", Some("b")),
            ("&&", "", None),
            ("a=1&a=2", "a", Some("1")),
            ("b=1&a=2=3", "a", Some("2=3")),
            ("prefix=a%20b%2F&limit=10&uploads", "prefix", Some("a b/")),
            ("prefix=a%20b%2F&limit=10&uploads", "uploads", Some("")),
            ("prefix=a%20b%2F&limit=10&uploads", "cursor", None),
            ("a=x+y%2Bz", "a", Some("x y+z")),
            ("%61=1", "a", Some("1")),
            ("a=%C3%A9", "a", Some("é")),
            ("a=é", "a", Some("é")),
            ("a=%ff", "a", Some("\u{fffd}")),
            ("a=%", "a", Some("%")),
            ("a=%4", "a", Some("%4")),
            ("a=%zz", "a", Some("%zz")),
            ("a=%+1", "a", Some("% 1")),
        ];
        for (query, name, expected) in rows {
            assert_eq!(value(query, name).as_deref(), expected, "{query:?}");
        }
    }

    #[test]
    fn encoded_values_are_decoded() {
        for text in ["", "a b", "a/b?c=d&e#f", "é+%", "-._~"] {
            assert_eq!(value(&format!("x={}", encode(text)), "x").as_deref(), Some(text));
        }
    }
}
