//! The Cache-Control field: what its directives say, read once into headers.
//!
//! RFC 9111 section 5.2. Not a policy: what a cache makes of the directives is decided in `serve`.
//! The invariant is that nothing malformed ever permits: a directive that can't be read counts
//! where it restricts, and a lifetime that can't be read is no lifetime at all. Parsed by hand
//! to keep that distinction.

use crate::wire::dictionary::{Member, Value};
use crate::wire::time::DeltaSeconds;

/// The value of a directive that takes seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// A number of them.
    Valid(DeltaSeconds),
    /// Anything else, which is to say none: what has invalid freshness information is stale (RFC
    /// 9111 section 4.2.1).
    Invalid,
}

/// What a response says to the caches that it passes.
///
/// # Shape
/// A lifetime or window is None where its directive is absent; of two that differ, the shorter
/// counts. `no-cache="field"` and `private="field"` count as if they named no field, the strict
/// reading that RFC 9111 sections 5.2.2.4 and 5.2.2.7 allow.
///
/// # Source
/// RFC 9111 section 5.2.2, RFC 5861 sections 3 and 4, RFC 8246 section 2.
///
/// # Example
/// ```
/// use selvedge::wire::cache_control::{ResponseDirectives, Seconds};
/// use selvedge::wire::time::DeltaSeconds;
///
/// let directives = ResponseDirectives::parse("extension=\"max-age=9\", Max-Age=60, no-cache");
/// assert_eq!(directives.max_age, Some(Seconds::Valid(DeltaSeconds(60))));
/// assert!(directives.no_cache && !directives.no_store);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `max-age`.
    pub max_age: Option<Seconds>,
    /// `s-maxage`.
    pub s_maxage: Option<Seconds>,
    /// `no-cache`, naming headers or not.
    pub no_cache: bool,
    /// `no-store`.
    pub no_store: bool,
    /// `private`, naming headers or not.
    pub private: bool,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// `immutable`.
    pub immutable: bool,
    /// `stale-while-revalidate`.
    pub stale_while_revalidate: Option<Seconds>,
    /// `stale-if-error`.
    pub stale_if_error: Option<Seconds>,
}

/// What a request says to the caches that it passes, as far as this one listens.
///
/// `max-age`, `min-fresh`, `max-stale` and `no-cache` are not listened to: they would let any
/// client send its load past the cache to whoever made the response. RFC 9111 section 5.2.1 leaves
/// that to the cache.
///
/// # Source
/// RFC 9111 sections 5.2.1.5 and 5.2.1.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-store`.
    pub no_store: bool,
    /// `only-if-cached`.
    pub only_if_cached: bool,
}

impl Seconds {
    /// Returns the seconds that count: none, when they can't be read.
    pub fn counted(self) -> DeltaSeconds {
        match self {
            Seconds::Valid(seconds) => seconds,
            Seconds::Invalid => DeltaSeconds(0),
        }
    }

    fn read(form: Form<'_>) -> Seconds {
        // The quoted form is not for these directives (RFC 9111 section 5.2.2.1).
        match form {
            Form::Token(text) => DeltaSeconds::parse(text).map_or(Seconds::Invalid, Seconds::Valid),
            Form::Bare | Form::Quoted | Form::Malformed => Seconds::Invalid,
        }
    }

    /// The shorter of this and what was said before.
    fn or_shorter(self, said: Option<Seconds>) -> Option<Seconds> {
        Some(match said {
            Some(said) if said.counted() <= self.counted() => said,
            _ => self,
        })
    }
}

impl ResponseDirectives {
    /// Returns what a field value says; its lines are joined with commas.
    ///
    /// # Source
    /// RFC 9111 section 5.2: names are compared without regard to case, unknown directives are
    /// ignored.
    pub fn parse(value: &str) -> ResponseDirectives {
        let mut said = ResponseDirectives::default();
        for Directive { name, form } in directives(value) {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let seconds = Seconds::read(form);
            if is("max-age") {
                said.max_age = seconds.or_shorter(said.max_age);
            } else if is("s-maxage") {
                said.s_maxage = seconds.or_shorter(said.s_maxage);
            } else if is("stale-while-revalidate") {
                said.stale_while_revalidate = seconds.or_shorter(said.stale_while_revalidate);
            } else if is("stale-if-error") {
                said.stale_if_error = seconds.or_shorter(said.stale_if_error);
            } else if is("must-revalidate") && form == Form::Malformed {
                // The same restriction, without the permission of RFC 9111 section 3.5.
                said.proxy_revalidate = true;
            } else if !(is("public") && form == Form::Malformed) {
                said.set(name, true);
            }
        }
        said
    }

    /// Returns what the members of a targeted field say.
    ///
    /// A value of another type than its directive takes is none: seconds that can't be read, or a
    /// directive that is there.
    ///
    /// # Source
    /// RFC 9213 section 2.1.
    pub fn of_members(members: &[Member<'_>]) -> ResponseDirectives {
        let mut said = ResponseDirectives::default();
        for Member { key, value } in members {
            let seconds = Some(match value {
                Value::Integer(number) => u64::try_from(*number)
                    .map_or(Seconds::Invalid, |n| Seconds::Valid(DeltaSeconds::saturating_from(n))),
                Value::Boolean(_) | Value::Other => Seconds::Invalid,
            });
            // Of members with the same key, the last one counts (RFC 8941 section 3.2).
            match *key {
                "max-age" => said.max_age = seconds,
                "s-maxage" => said.s_maxage = seconds,
                "stale-while-revalidate" => said.stale_while_revalidate = seconds,
                "stale-if-error" => said.stale_if_error = seconds,
                name => said.set(name, *value != Value::Boolean(false)),
            }
        }
        said
    }

    /// Sets a directive that takes no value.
    fn set(&mut self, name: &str, is_said: bool) {
        let known: [(&str, &mut bool); 8] = [
            ("no-cache", &mut self.no_cache),
            ("no-store", &mut self.no_store),
            ("private", &mut self.private),
            ("public", &mut self.public),
            ("must-revalidate", &mut self.must_revalidate),
            ("proxy-revalidate", &mut self.proxy_revalidate),
            ("must-understand", &mut self.must_understand),
            ("immutable", &mut self.immutable),
        ];
        for (known, said) in known {
            if name.eq_ignore_ascii_case(known) {
                *said = is_said;
            }
        }
    }
}

impl RequestDirectives {
    /// Returns what a field value says; its lines are joined with commas.
    pub fn parse(value: &str) -> RequestDirectives {
        let mut said = RequestDirectives::default();
        for Directive { name, .. } in directives(value) {
            said.no_store |= name.eq_ignore_ascii_case("no-store");
            said.only_if_cached |= name.eq_ignore_ascii_case("only-if-cached");
        }
        said
    }
}

/// A directive as it is written.
#[derive(Clone, Copy)]
struct Directive<'a> {
    name: &'a str,
    form: Form<'a>,
}

/// How the value of a directive is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    /// There is none.
    Bare,
    /// A token.
    Token(&'a str),
    /// A quoted string; nothing here asks what is in it.
    Quoted,
    /// Against the grammar, or after a quote that is, where nothing is sure.
    Malformed,
}

/// The directives of a field value (RFC 9110 section 5.6.1).
fn directives(value: &str) -> Directives<'_> {
    Directives { rest: value, is_sure: true }
}

struct Directives<'a> {
    rest: &'a str,
    /// Whether every quote so far ended where a member does.
    is_sure: bool,
}

impl<'a> Iterator for Directives<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        loop {
            self.rest = self.rest.trim_start_matches(|c| c == ',' || OWS.contains(&c));
            if self.rest.is_empty() {
                return None;
            }
            let directive = self.take();
            if !directive.name.is_empty() {
                return Some(directive);
            }
        }
    }
}

impl<'a> Directives<'a> {
    /// Takes a `token [ "=" ( token / quoted-string ) ]`, and what else is before the next comma.
    fn take(&mut self) -> Directive<'a> {
        let (name, after) = take_token(self.rest);
        let (form, after) = match after.strip_prefix('=') {
            None => (Form::Bare, after),
            // Only here may a quote begin: anywhere else it hides no comma.
            Some(value) if value.starts_with('"') && !name.is_empty() => {
                match after_quoted_string(value) {
                    Some(after) => (Form::Quoted, after),
                    None => {
                        // What the quote swallows may be a directive: it is read, but it only
                        // restricts.
                        self.is_sure = false;
                        (Form::Malformed, value)
                    }
                }
            }
            Some(value) => match take_token(value) {
                ("", after) => (Form::Malformed, after),
                (token, after) => (Form::Token(token), after),
            },
        };
        let end = after.find(',').unwrap_or(after.len());
        let (more, rest) = after.split_at_checked(end).unwrap_or((after, ""));
        self.rest = rest;
        let is_read = self.is_sure && more.trim_matches(OWS).is_empty();
        Directive { name, form: if is_read { form } else { Form::Malformed } }
    }
}

/// Takes a token off the front of `text` (RFC 9110 section 5.6.2).
fn take_token(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_token_byte(byte));
    end.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// Whether a byte may stand in a token.
///
/// # Source
/// RFC 9110 section 5.6.2, `tchar`.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What follows the quoted string at the front of `text` (RFC 9110 section 5.6.4); None where it
/// does not end, or not where a member does.
fn after_quoted_string(text: &str) -> Option<&str> {
    let mut escaped = false;
    let inner = text.strip_prefix('"')?;
    let end = inner.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    })?;
    let after = inner.get(end..)?.strip_prefix('"')?;
    let next = after.trim_start_matches(OWS);
    (next.is_empty() || next.starts_with(',')).then_some(after)
}

/// Optional white space (RFC 9110 section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::{RequestDirectives, ResponseDirectives, Seconds};
    use crate::wire::dictionary;
    use crate::wire::time::DeltaSeconds;

    fn valid(seconds: u32) -> Option<Seconds> {
        Some(Seconds::Valid(DeltaSeconds(seconds)))
    }

    const INVALID: Option<Seconds> = Some(Seconds::Invalid);

    #[test]
    fn lifetimes_are_read_or_are_none() {
        let rows = [
            ("", None),
            ("max-age=60", valid(60)),
            ("MAX-Age=60", valid(60)),
            (" , max-age=60\t,", valid(60)),
            ("max-age=003600", valid(3600)),
            ("max-age=2147483647", valid(2_147_483_647)),
            ("max-age=2147483648", valid(1 << 31)),
            ("max-age=99999999999999999999999", valid(1 << 31)),
            ("max-age=0", valid(0)),
            ("max-age", INVALID),
            ("max-age=", INVALID),
            ("max-age=-1", INVALID),
            ("max-age=+1", INVALID),
            ("max-age=a60", INVALID),
            ("max-age=60a", INVALID),
            ("max-age=60.0", INVALID),
            ("max-age=60 1", INVALID),
            ("max-age=60;x", INVALID),
            ("max-age =60", INVALID),
            ("max-age= 60", INVALID),
            ("max-age=\"60\"", INVALID),
            ("max-age='60'", INVALID),
            ("x-max-age=60", None),
            ("max-age-x=60", None),
            ("max-age=600, max-age=0", valid(0)),
            ("max-age=0, max-age=600", valid(0)),
            ("max-age=600, max-age=x", INVALID),
            ("max-age=x, max-age=600", INVALID),
            ("max-age=1, extension=\"max-age=3600\"", valid(1)),
            ("extension=\"max-age=3600\", max-age=1", valid(1)),
            ("extension=\"a\\\", max-age=3600\", max-age=1", valid(1)),
            ("extension=\"max-age=3600\"", None),
            ("extension=\"x\"y, max-age=1", INVALID),
            ("extension=\"x, max-age=1", INVALID),
            ("max-age=1, extension=\"x", valid(1)),
            ("extension='x, max-age=1", valid(1)),
            ("=, max-age=1", valid(1)),
        ];
        for (value, expected) in rows {
            assert_eq!(ResponseDirectives::parse(value).max_age, expected, "{value:?}");
            let targeted = value.to_ascii_lowercase().replace("max-age", "stale-if-error");
            assert_eq!(ResponseDirectives::parse(&targeted).stale_if_error, expected, "{value:?}");
        }
    }

    #[test]
    fn every_directive_has_its_field() {
        let said = ResponseDirectives::parse(
            "max-age=1, s-maxage=2, no-cache, no-store, private, public, must-revalidate, \
             proxy-revalidate, must-understand, immutable, stale-while-revalidate=3, \
             stale-if-error=4",
        );
        let all = ResponseDirectives {
            max_age: valid(1),
            s_maxage: valid(2),
            no_cache: true,
            no_store: true,
            private: true,
            public: true,
            must_revalidate: true,
            proxy_revalidate: true,
            must_understand: true,
            immutable: true,
            stale_while_revalidate: valid(3),
            stale_if_error: valid(4),
        };
        assert_eq!(said, all);
        assert_eq!(ResponseDirectives::parse("foo, bar=1, baz=\"no-store\""), Default::default());
    }

    #[test]
    fn what_is_malformed_restricts_and_permits_nothing() {
        let said = ResponseDirectives::parse;
        for value in
            ["no-store;x", "no-store x", "no-store =1", "no-store=\"", "a\"b, no-store, c\""]
        {
            assert!(said(value).no_store, "{value:?}");
        }
        for value in ["x=\"a, no-store", "x=\"a, no-store=\"b\"", "=\"a, no-store\""] {
            assert!(said(value).no_store, "{value:?}");
        }
        assert!(!said("x=\"a, no-store\"").no_store);
        for value in ["public;x", "public x", "x=\"a, public"] {
            assert!(!said(value).public, "{value:?}");
        }
        assert!(said("public=1").public);
        let held = said("must-revalidate x");
        assert!(held.proxy_revalidate && !held.must_revalidate);
        assert!(said("private=\"set-cookie\"").private && said("no-cache=\"a, b\"").no_cache);
    }

    #[test]
    fn members_say_the_same() {
        let rows = [
            ("max-age=60", valid(60)),
            ("max-age=99999999999", valid(1 << 31)),
            ("max-age=-1", INVALID),
            ("max-age=1.0", INVALID),
            ("max-age=\"60\"", INVALID),
            ("max-age", INVALID),
            ("max-age=60, max-age=5", valid(5)),
            ("max-age=5, max-age=60", valid(60)),
            ("max-age=60;a=1", valid(60)),
        ];
        for (value, expected) in rows {
            let members = dictionary::parse(value).unwrap();
            assert_eq!(ResponseDirectives::of_members(&members).max_age, expected, "{value}");
        }
        let said = |value| ResponseDirectives::of_members(&dictionary::parse(value).unwrap());
        assert!(said("no-store").no_store && said("no-store=1").no_store);
        assert!(said("private=\"a\"").private);
        assert!(!said("no-store=?0").no_store);
        assert_eq!(said("s-maxage=1, stale-while-revalidate=2").s_maxage, valid(1));
    }

    #[test]
    fn requests_are_heard_in_two_things() {
        let said = RequestDirectives::parse("max-age=0, No-Store, only-if-cached=1, no-cache");
        assert_eq!(said, RequestDirectives { no_store: true, only_if_cached: true });
        let said = RequestDirectives::parse("nothing-to-see-here, x=\"no-store\"");
        assert_eq!(said, RequestDirectives::default());
    }
}
