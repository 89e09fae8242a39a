//! The `Vary` header: the request headers that a stored response depends on (RFC 9111 section 4.1).

use crate::wire::headers::Headers;
use crate::wire::text::is_token_byte;

/// Maximum number of headers that a response may depend on; with more, every client would have a
/// variant.
pub const VARY_NAMES_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// Matches no other request.
    Any,
    /// Lower-case, sorted and unique.
    Names(Vec<String>),
}

impl Vary {
    /// Parses the header; its lines are joined with commas (RFC 9110 section 12.5.5).
    ///
    /// A `*`, an invalid name or more than [`VARY_NAMES_MAX`] names are [`Vary::Any`].
    pub fn parse(value: &str) -> Vary {
        let mut names: Vec<String> = Vec::new();
        for name in value.split(',').map(|name| name.trim_matches(WHITE)) {
            if name == "*" || !name.bytes().all(is_token_byte) {
                return Vary::Any;
            }
            let name = name.to_ascii_lowercase();
            if let Err(at) = names.binary_search(&name)
                && !name.is_empty()
            {
                names.insert(at, name);
            }
            if names.len() > VARY_NAMES_MAX {
                return Vary::Any;
            }
        }
        Vary::Names(names)
    }

    pub fn of(headers: &Headers) -> Vary {
        headers.value("vary").map_or_else(|| Vary::Names(Vec::new()), Vary::parse)
    }
}

/// Returns the normalised values of the named request headers, to be compared or hashed.
///
/// There is a line for each name: `name=value`, or `name` alone without such a header. White space
/// around the commas of a list is ignored, and so is case in `Accept-Language`; the order of a list
/// counts.
pub fn selecting(names: &[String], value_of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut selecting = String::new();
    for name in names {
        selecting.push_str(name);
        if let Some(value) = value_of(name) {
            selecting.push('=');
            push_normalised(&mut selecting, name, &value);
        }
        selecting.push('\n');
    }
    selecting
}

/// White space in a value. Line breaks are not part of one, and would end a line of [`selecting`].
const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Headers with values that belong to one client: they are compared byte for byte.
const EXACT: [&str; 2] = ["authorization", "cookie"];

fn push_normalised(out: &mut String, name: &str, value: &str) {
    let value = value.trim_matches(WHITE);
    let is_exact = EXACT.contains(&name);
    let folds_case = name == "accept-language";
    let (mut quoted, mut escaped) = (false, false);
    // White space that is dropped if a comma follows.
    let mut pending = String::new();
    for character in value.chars() {
        let character = if matches!(character, '\r' | '\n') { ' ' } else { character };
        let is_inside = quoted || is_exact;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if is_inside || !WHITE.contains(&character) {
            if is_inside || character != ',' {
                out.push_str(&pending);
            }
            pending.clear();
            out.push(if folds_case { character.to_ascii_lowercase() } else { character });
        } else if !out.ends_with(',') {
            pending.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{VARY_NAMES_MAX, Vary, selecting};

    #[test]
    fn names_are_folded_sorted_and_bounded() {
        let rows: [(&[&str], &[&str]); 4] = [
            (&[], &["", " , ,"]),
            (&["foo"], &["Foo"]),
            (&["a", "b"], &["b, A,b ,a"]),
            (&["accept", "origin"], &["Origin, accept,, origin"]),
        ];
        for (expected, values) in rows {
            let expected = expected.iter().map(|&name| name.to_owned()).collect();
            let expected = Vary::Names(expected);
            values.iter().for_each(|value| assert_eq!(Vary::parse(value), expected, "{value:?}"));
        }
        for value in ["*", "*, *", ", *", "foo, *", "foo,*,bar", "foo bar", "foo:", "\u{e9}"] {
            assert_eq!(Vary::parse(value), Vary::Any, "{value:?}");
        }
        let list = |count: usize| (0..count).map(|n| format!("x-{n}, ")).collect::<String>();
        assert_ne!(Vary::parse(&list(VARY_NAMES_MAX)), Vary::Any);
        assert_ne!(Vary::parse(&list(VARY_NAMES_MAX).repeat(2)), Vary::Any);
        assert_eq!(Vary::parse(&list(VARY_NAMES_MAX + 1)), Vary::Any);
    }

    #[test]
    fn values_are_compared_as_lists() {
        let rows = [
            ("foo", Some("1,2"), Some(" 1, 2 "), true),
            ("foo", Some("1, 2"), Some("1\t ,\t2"), true),
            ("foo", Some("1 2"), Some("1  2"), false),
            ("foo", Some("1,2"), Some("2,1"), false),
            ("foo", Some("a"), Some("A"), false),
            ("foo", Some("\"1, 2\""), Some("\"1,2\""), false),
            ("foo", Some("\"1\\\", 2\""), Some("\"1\\\",2\""), false),
            ("foo", Some("\"1\", 2"), Some("\"1\",2"), true),
            ("foo", Some(""), None, false),
            ("foo", Some(" "), Some(""), true),
            ("foo", None, None, true),
            ("accept-language", Some("en, de"), Some("eN,De"), true),
            ("accept-language", Some("en, de"), Some("de, en"), false),
            ("accept-language", Some("en;q=0.5"), Some("en"), false),
            ("cookie", Some("a=1, b"), Some("a=1,b"), false),
            ("authorization", Some("A b, c"), Some("A b,c"), false),
        ];
        for (name, one, other, expected) in rows {
            let names = [name.to_owned()];
            let of = |value: Option<&str>| selecting(&names, &|_| value.map(str::to_owned));
            assert_eq!(of(one) == of(other), expected, "{name} {one:?} {other:?}");
        }
    }

    #[test]
    fn each_name_has_its_line() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let value_of = |name: &str| match name {
            "a" => Some(" 1 , 2 ".to_owned()),
            "b" => Some("x\nc=y".to_owned()),
            _ => None,
        };
        assert_eq!(selecting(&names, &value_of), "a=1,2\nb=x c=y\nc\n");
    }
}
