//! The query of a URL, as forms and scripts write it: `name=value`, joined by `&`.
//!
//! Not a map: the first parameter of a name counts. The invariant: every text is a query, since
//! what can't be decoded stands as it is.

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::wire::percent::VALUE;

/// Returns the decoded value of the first parameter `name`; empty for one without `=`.
///
/// # Shape
/// `+` is a space; an escape that is none is left alone; bytes that are no UTF-8 become U+FFFD.
///
/// # Source
/// WHATWG URL, application/x-www-form-urlencoded parsing.
///
/// # Example
/// ```
/// use selvedge::wire::query;
///
/// let text = "prefix=a%20b%2F&limit=10&uploads";
/// assert_eq!(query::value(text, "prefix").as_deref(), Some("a b/"));
/// assert_eq!(query::value(text, "uploads").as_deref(), Some(""));
/// assert_eq!(query::value(text, "cursor"), None);
/// ```
pub fn value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (!pair.is_empty() && decode(key) == name).then(|| decode(value))
    })
}

/// Returns the text with everything escaped that could mean something in a query.
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
    fn values() {
        let rows = [
            ("", "a", None),
            ("a", "a", Some("")),
            ("a=", "a", Some("")),
            ("=b", "", Some("b")),
            ("&&", "", None),
            ("a=1&a=2", "a", Some("1")),
            ("b=1&a=2=3", "a", Some("2=3")),
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
    fn encoding_comes_back() {
        for text in ["", "a b", "a/b?c=d&e#f", "é+%", "-._~"] {
            assert_eq!(value(&format!("x={}", encode(text)), "x").as_deref(), Some(text));
        }
    }
}
