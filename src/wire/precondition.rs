//! Preconditions (RFC 9110 section 13), evaluated against the current representation.
//!
//! Whether there is a representation is decided before: a 404 is never a 304.

use crate::wire::date;
use crate::wire::etag::{self, EntityTag, Member};
use crate::wire::time::UnixSeconds;

/// The precondition headers of a request, unparsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    pub if_match: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub if_modified_since: Option<&'a str>,
    pub if_unmodified_since: Option<&'a str>,
}

/// The validators of the current representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validators<'a> {
    /// As sent, with its quotes.
    pub etag: &'a str,
    pub last_modified: Option<UnixSeconds>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Proceed,
    NotModified,
    PreconditionFailed,
}

/// Evaluates the preconditions in the steps of RFC 9110 section 13.2.2.
///
/// An invalid date is ignored, and so is any date if there is no modification date. An
/// `If-None-Match` without a well-formed member is true, so the response is a full one. `now` only
/// decides the century of a two-digit year.
pub fn evaluate(
    is_get_or_head: bool,
    conditions: &Conditions<'_>,
    current: &Validators<'_>,
    now: UnixSeconds,
) -> Verdict {
    // Step 1.
    if let Some(if_match) = conditions.if_match {
        if !lists(if_match, current, |a, b| a.strong_eq(b)) {
            return Verdict::PreconditionFailed;
        }
    // Step 2.
    } else if conditions
        .if_unmodified_since
        .is_some_and(|since| modified(since, current, now) == Some(true))
    {
        return Verdict::PreconditionFailed;
    }
    // Step 3.
    if let Some(if_none_match) = conditions.if_none_match {
        return match lists(if_none_match, current, |a, b| a.weak_eq(b)) {
            false => Verdict::Proceed,
            true if is_get_or_head => Verdict::NotModified,
            true => Verdict::PreconditionFailed,
        };
    }
    // Step 4.
    let since = conditions.if_modified_since.filter(|_| is_get_or_head);
    if since.is_some_and(|since| modified(since, current, now) == Some(false)) {
        return Verdict::NotModified;
    }
    // Step 5 is `if_range_holds`, step 6 the caller's.
    Verdict::Proceed
}

/// Returns whether `If-Range` is absent or true (RFC 9110 sections 8.8.2.2 and 13.1.5).
///
/// A date must be the modification date, and at least a second old: within that second, the
/// representation may have changed twice.
pub fn if_range_holds(value: Option<&str>, current: &Validators<'_>, now: UnixSeconds) -> bool {
    let Some(value) = value else {
        return true;
    };
    if let Some(tag) = EntityTag::parse(value) {
        return EntityTag::parse(current.etag).is_some_and(|current| tag.strong_eq(&current));
    }
    let last_modified = current.last_modified.filter(|date| *date < now);
    last_modified.is_some() && date::parse(value, now) == last_modified
}

/// Returns whether the list is `*` or has the current entity tag.
fn lists(
    value: &str,
    current: &Validators<'_>,
    is_same: fn(&EntityTag<'_>, &EntityTag<'_>) -> bool,
) -> bool {
    let current = EntityTag::parse(current.etag);
    etag::members(value).any(|member| match member {
        Member::Any => true,
        Member::Tag(tag) => current.is_some_and(|current| is_same(&tag, &current)),
    })
}

/// Returns whether the representation was modified after the date; `None` if either is unknown.
fn modified(since: &str, current: &Validators<'_>, now: UnixSeconds) -> Option<bool> {
    Some(current.last_modified? > date::parse(since, now)?)
}

#[cfg(test)]
mod tests {
    use super::Verdict::{NotModified, PreconditionFailed, Proceed};
    use super::{Conditions, Validators, Verdict, evaluate, if_range_holds};
    use crate::wire::time::UnixSeconds;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const CURRENT: Validators<'_> =
        Validators { etag: "\"a\"", last_modified: Some(UnixSeconds(784_111_777)) };

    fn conditions<'a>(headers: &[(&str, &'a str)]) -> Conditions<'a> {
        let value =
            |name: &str| headers.iter().find(|header| header.0 == name).map(|header| header.1);
        Conditions {
            if_match: value("if-match"),
            if_none_match: value("if-none-match"),
            if_modified_since: value("if-modified-since"),
            if_unmodified_since: value("if-unmodified-since"),
        }
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Verdict) {
        assert_eq!(evaluate(true, &conditions(headers), &CURRENT, NOW), expected, "{headers:?}");
    }

    #[track_caller]
    fn check_each(name: &str, expected: Verdict, values: &[&str]) {
        values.iter().for_each(|value| check(&[(name, *value)], expected));
    }

    #[test]
    fn if_match_compares_strongly() {
        check_each("if-match", Proceed, &["\"a\"", "\"b\", \"a\"", "*"]);
        check_each("if-match", PreconditionFailed, &["\"b\"", "W/\"a\"", "a", ""]);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        check_each("if-none-match", NotModified, &["\"a\"", "W/\"a\"", "\"b\", \"a\""]);
        check_each("if-none-match", NotModified, &["\"b\",\"a\"", "junk, \"a\"", "*"]);
        check_each("if-none-match", Proceed, &["\"b\"", "\"A\"", "\"abc", "", "a"]);
    }

    #[test]
    fn dates_are_compared_to_the_second() {
        check_each("if-modified-since", Proceed, &[BEFORE, "yesterday"]);
        check_each("if-modified-since", NotModified, &[MODIFIED, AFTER]);
        check_each("if-modified-since", NotModified, &["Fri, 31 Dec 9999 23:59:59 GMT"]);
        check_each("if-unmodified-since", PreconditionFailed, &[BEFORE]);
        check_each("if-unmodified-since", Proceed, &[MODIFIED, AFTER, "yesterday"]);
    }

    #[test]
    fn headers_take_precedence() {
        check(&[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)], Proceed);
        check(&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], PreconditionFailed);
        check(&[("if-match", "\"a\""), ("if-none-match", "\"a\"")], NotModified);
        check(&[("if-none-match", "\"b\""), ("if-modified-since", AFTER)], Proceed);
        check(&[("if-none-match", "junk"), ("if-modified-since", AFTER)], Proceed);
        check(&[("if-unmodified-since", AFTER), ("if-modified-since", AFTER)], NotModified);
        check(&[("if-unmodified-since", BEFORE), ("if-none-match", "\"a\"")], PreconditionFailed);
        check(&[], Proceed);
    }

    #[test]
    fn other_methods_get_a_412_and_no_date_check() {
        let verdict =
            |headers: &[(&str, &str)]| evaluate(false, &conditions(headers), &CURRENT, NOW);
        assert_eq!(verdict(&[("if-none-match", "\"a\"")]), PreconditionFailed);
        assert_eq!(verdict(&[("if-none-match", "*")]), PreconditionFailed);
        assert_eq!(verdict(&[("if-none-match", "\"b\"")]), Proceed);
        assert_eq!(verdict(&[("if-modified-since", AFTER)]), Proceed);
    }

    #[test]
    fn dates_count_only_with_a_modification_date() {
        let current = Validators { etag: "\"a\"", last_modified: None };
        for name in ["if-modified-since", "if-unmodified-since"] {
            for date in [BEFORE, AFTER] {
                let verdict = evaluate(true, &conditions(&[(name, date)]), &current, NOW);
                assert_eq!(verdict, Proceed, "{name}: {date}");
            }
        }
        assert!(!if_range_holds(Some(MODIFIED), &current, NOW));
        assert!(if_range_holds(Some("\"a\""), &current, NOW));
    }

    #[test]
    fn if_range_is_strong() {
        let rows: [(bool, &[Option<&str>]); 3] = [
            (true, &[None, Some("\"a\""), Some(MODIFIED), Some("Sunday, 06-Nov-94 08:49:37 GMT")]),
            (false, &[Some("\"b\""), Some("W/\"a\""), Some("\"a\", \"b\""), Some("*"), Some("a")]),
            (false, &[Some(""), Some(BEFORE), Some(AFTER)]),
        ];
        for (expected, values) in rows {
            for value in values {
                assert_eq!(if_range_holds(*value, &CURRENT, NOW), expected, "{value:?}");
            }
        }
        let modified = UnixSeconds(784_111_777);
        assert!(!if_range_holds(Some(MODIFIED), &CURRENT, modified));
        assert!(if_range_holds(Some(MODIFIED), &CURRENT, UnixSeconds(784_111_778)));
    }
}
