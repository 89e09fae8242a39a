//! Entity tags: `"x"` and `W/"x"`, and the lists of them that preconditions carry.
//!
//! RFC 9110 section 8.8.3. Comparison is of the text between the quotes, byte for byte. Nothing
//! here decides what a comparison means; [`crate::wire::precondition`] does. By hand,
//! because a list borrows its members and passes over malformed ones.

/// An entity tag.
///
/// # Source
/// RFC 9110 section 8.8.3.
///
/// # Example
/// ```
/// use selvedge::wire::etag::EntityTag;
///
/// let strong = EntityTag::parse("\"a\"").unwrap();
/// let weak = EntityTag::parse("W/\"a\"").unwrap();
/// assert!(strong.weak_eq(&weak));
/// assert!(!strong.strong_eq(&weak));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it is written `W/"..."`.
    pub weak: bool,
    /// The text between the quotes.
    pub opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Returns the tag that `text` is, with nothing before or after it.
    pub fn parse(text: &'a str) -> Option<EntityTag<'a>> {
        match take_tag(text)? {
            (tag, "") => Some(tag),
            _ => None,
        }
    }

    /// Returns whether both are strong and the same.
    ///
    /// # Source
    /// RFC 9110 section 8.8.3.2, strong comparison.
    pub fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Returns whether both are the same, weak or not.
    ///
    /// # Source
    /// RFC 9110 section 8.8.3.2, weak comparison.
    pub fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// A member of an If-Match or If-None-Match field value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// `*`, standing alone.
    Any,
    /// An entity tag.
    Tag(EntityTag<'a>),
}

/// Returns the members of a field value; malformed ones are passed over.
///
/// # Source
/// RFC 9110 sections 13.1.1 and 13.1.2 (`"*" / #entity-tag`), 5.6.1 (lists).
pub fn members(value: &str) -> Members<'_> {
    match value.trim_matches(OWS) {
        "*" => Members { rest: "", any: true },
        rest => Members { rest, any: false },
    }
}

/// The iterator that [`members`] returns.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a str,
    any: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        if std::mem::take(&mut self.any) {
            return Some(Member::Any);
        }
        loop {
            self.rest = self.rest.trim_start_matches(|c| c == ',' || OWS.contains(&c));
            if self.rest.is_empty() {
                return None;
            }
            let Some((tag, after)) = take_tag(self.rest) else {
                self.rest = after_comma(self.rest);
                continue;
            };
            let after = after.trim_start_matches(OWS);
            if after.is_empty() || after.starts_with(',') {
                self.rest = after;
                return Some(Member::Tag(tag));
            }
            self.rest = after_comma(after);
        }
    }
}

/// Optional white space (RFC 9110 section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

/// Takes an entity tag off the front of `text`.
fn take_tag(text: &str) -> Option<(EntityTag<'_>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let is_opaque = opaque.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    is_opaque.then_some((EntityTag { weak, opaque }, rest))
}

/// What follows the malformed member at the front of `text`: a comma within quotes is a part of it.
fn after_comma(text: &str) -> &str {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    end.and_then(|at| text.split_at_checked(at)).map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::{EntityTag, Member, members};

    #[test]
    fn parses_one_tag() {
        let rows = [
            ("\"a\"", Some((false, "a"))),
            ("W/\"a\"", Some((true, "a"))),
            ("\"\"", Some((false, ""))),
            ("\"a,b\"", Some((false, "a,b"))),
            ("\"\u{e9}\"", Some((false, "\u{e9}"))),
            ("w/\"a\"", None),
            ("W/ \"a\"", None),
            ("a", None),
            ("\"a", None),
            ("a\"", None),
            ("\"a\" ", None),
            ("\"a b\"", None),
            ("\"a\"b\"", None),
            ("*", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let tag = EntityTag::parse(text);
            assert_eq!(tag.map(|tag| (tag.weak, tag.opaque)), expected, "{text:?}");
        }
    }

    /// The table of RFC 9110 section 8.8.3.2.
    #[test]
    fn compares_as_the_table_says() {
        let rows = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"1\"", "\"2\"", false, false),
        ];
        for (a, b, strong, weak) in rows {
            let (tag_a, tag_b) = (EntityTag::parse(a).unwrap(), EntityTag::parse(b).unwrap());
            assert_eq!(tag_a.strong_eq(&tag_b), strong, "{a} {b}");
            assert_eq!(tag_a.weak_eq(&tag_b), weak, "{a} {b}");
        }
    }

    #[test]
    fn lists_pass_over_malformed_members() {
        let rows: &[(&str, &[&str])] = &[
            ("\"a\"", &["a"]),
            ("\"a\", \"b\"", &["a", "b"]),
            ("\"a\",\"b\"", &["a", "b"]),
            (" \t\"a\" ,\t, W/\"b\" ,", &["a", "W/b"]),
            ("\"a,b\", \"c\"", &["a,b", "c"]),
            ("\"a\" \"b\", \"c\"", &["c"]),
            ("\"a\"x, \"c\"", &["c"]),
            ("a, \"c\"", &["c"]),
            ("x\"a,b\", \"c\"", &["c"]),
            ("\"a b\", \"c\"", &["c"]),
            ("*", &["*"]),
            (" * ", &["*"]),
            ("*, \"a\"", &["a"]),
            ("\"a\", *", &["a"]),
            ("\"*\"", &["*\""]),
            ("", &[]),
            (" , ,", &[]),
            ("\"abc", &[]),
            ("W/", &[]),
            ("abc", &[]),
        ];
        for (value, expected) in rows {
            let found: Vec<String> = members(value)
                .map(|member| match member {
                    Member::Any => "*".to_owned(),
                    Member::Tag(tag) if tag.opaque == "*" => "*\"".to_owned(),
                    Member::Tag(tag) if tag.weak => format!("W/{}", tag.opaque),
                    Member::Tag(tag) => tag.opaque.to_owned(),
                })
                .collect();
            assert_eq!(&found, expected, "{value:?}");
        }
    }

    #[test]
    fn long_lists_are_read_to_their_end() {
        let list: String = (0..5000).map(|n| format!("\"e{n}\", ")).collect();
        assert_eq!(members(&list).count(), 5000);
    }
}
