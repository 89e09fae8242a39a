//! Entity tags, and the lists of them in `If-Match` and `If-None-Match` (RFC 9110 section 8.8.3).

use std::iter;

use crate::wire::text::OWS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    pub weak: bool,
    /// The text between the quotes.
    pub opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Parses exactly one entity tag.
    pub fn parse(text: &'a str) -> Option<EntityTag<'a>> {
        match take_tag(text)? {
            (tag, "") => Some(tag),
            _ => None,
        }
    }

    /// Compares two tags strongly (RFC 9110 section 8.8.3.2).
    pub fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Compares two tags weakly (RFC 9110 section 8.8.3.2).
    pub fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// `*`, if it is the whole list.
    Any,
    Tag(EntityTag<'a>),
}

/// Returns the members of `If-Match` or `If-None-Match`, without malformed ones (RFC 9110 sections
/// 5.6.1, 13.1.1 and 13.1.2).
pub fn members(value: &str) -> impl Iterator<Item = Member<'_>> {
    let (any, mut rest) = match value.trim_matches(OWS) {
        "*" => (Some(Member::Any), ""),
        tags => (None, tags),
    };
    let tags = iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c| c == ',' || OWS.contains(&c));
            if rest.is_empty() {
                return None;
            }
            let Some((tag, after)) = take_tag(rest) else {
                rest = after_comma(rest);
                continue;
            };
            let after = after.trim_start_matches(OWS);
            if after.is_empty() || after.starts_with(',') {
                rest = after;
                return Some(Member::Tag(tag));
            }
            rest = after_comma(after);
        }
    });
    any.into_iter().chain(tags)
}

/// Splits an entity tag off the front of `text`.
fn take_tag(text: &str) -> Option<(EntityTag<'_>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let is_opaque = opaque.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    is_opaque.then_some((EntityTag { weak, opaque }, rest))
}

/// Skips the malformed member at the front of `text`; a comma in quotes is part of it.
fn after_comma(text: &str) -> &str {
    let mut quoted = false;
    let is_end = |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    text.split_once(is_end).map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::{EntityTag, Member, members};

    #[test]
    fn a_single_tag_is_parsed() {
        let rows = [
            ("\"a\"", (false, "a")),
            ("W/\"a\"", (true, "a")),
            ("\"\"", (false, "")),
            ("\"a,b\"", (false, "a,b")),
            ("\"\u{e9}\"", (false, "\u{e9}")),
        ];
        for (text, expected) in rows {
            let tag = EntityTag::parse(text).unwrap();
            assert_eq!((tag.weak, tag.opaque), expected, "{text:?}");
        }
        let malformed =
            ["w/\"a\"", "W/ \"a\"", "a", "\"a", "a\"", "\"a\" ", "\"a b\"", "\"a\"b\"", "*", ""];
        for text in malformed {
            assert!(EntityTag::parse(text).is_none(), "{text:?}");
        }
    }

    /// The table of RFC 9110 section 8.8.3.2.
    #[test]
    fn comparison_is_strong_or_weak() {
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
    fn malformed_members_are_skipped() {
        let rows: [(&[&str], &[&str]); 9] = [
            (&["a"], &["\"a\"", "*, \"a\"", "\"a\", *"]),
            (&["a", "b"], &["\"a\", \"b\"", "\"a\",\"b\""]),
            (&["a", "W/b"], &[" \t\"a\" ,\t, W/\"b\" ,"]),
            (&["a,b", "c"], &["\"a,b\", \"c\""]),
            (&["c"], &["\"a\" \"b\", \"c\"", "\"a\"x, \"c\"", "a, \"c\""]),
            (&["c"], &["x\"a,b\", \"c\"", "\"a b\", \"c\""]),
            (&["*"], &["*", " * "]),
            (&["*\""], &["\"*\""]),
            (&[], &["", " , ,", "\"abc", "W/", "abc"]),
        ];
        let shown = |member| match member {
            Member::Any => "*".to_owned(),
            Member::Tag(tag) if tag.opaque == "*" => "*\"".to_owned(),
            Member::Tag(tag) if tag.weak => format!("W/{}", tag.opaque),
            Member::Tag(tag) => tag.opaque.to_owned(),
        };
        for (expected, values) in rows {
            for value in values {
                let found: Vec<String> = members(value).map(shown).collect();
                assert_eq!(found, expected, "{value:?}");
            }
        }
    }

    #[test]
    fn long_lists_are_read_to_the_end() {
        let list: String = (0..5000).map(|n| format!("\"e{n}\", ")).collect();
        assert_eq!(members(&list).count(), 5000);
    }
}
