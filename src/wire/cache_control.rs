//! The directives of `Cache-Control` (RFC 9111 section 5.2).
//!
//! Parsed by hand so that malformed input never permits anything: a directive that can't be parsed
//! counts if it restricts, and a lifetime that can't be parsed is zero.

use crate::wire::text::{OWS, is_token_byte};
use crate::wire::time::DeltaSeconds;

/// The value of a directive that takes seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    Valid(DeltaSeconds),
    /// Counts as zero: a response with invalid freshness information is stale (RFC 9111 section
    /// 4.2.1).
    Invalid,
}

/// The directives of a response (RFC 9111 section 5.2.2, RFC 5861 sections 3 and 4, RFC 8246
/// section 2).
///
/// Of two lifetimes for one directive, the shorter counts. `no-cache` and `private` with header
/// names apply to the whole response, the strict reading that RFC 9111 sections 5.2.2.4 and 5.2.2.7
/// allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    pub max_age: Option<Seconds>,
    pub s_maxage: Option<Seconds>,
    pub no_cache: bool,
    pub no_store: bool,
    pub private: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    pub immutable: bool,
    pub stale_while_revalidate: Option<Seconds>,
    pub stale_if_error: Option<Seconds>,
}

/// The directives of a request that this cache honours (RFC 9111 sections 5.2.1.5 and 5.2.1.7).
///
/// `max-age`, `min-fresh`, `max-stale` and `no-cache` would let any client send its load past the
/// cache to the origin; RFC 9111 section 5.2.1 allows a cache to ignore them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    pub no_store: bool,
    pub only_if_cached: bool,
}

impl Seconds {
    /// Returns the seconds, zero if invalid.
    pub fn counted(self) -> DeltaSeconds {
        match self {
            Seconds::Valid(seconds) => seconds,
            Seconds::Invalid => DeltaSeconds(0),
        }
    }

    /// A quoted value is invalid (RFC 9111 section 5.2.2.1).
    fn parse(form: Form<'_>) -> Seconds {
        let seconds = match form {
            Form::Token(text) => DeltaSeconds::parse(text),
            Form::Other | Form::Malformed => None,
        };
        seconds.map_or(Seconds::Invalid, Seconds::Valid)
    }

    fn or_shorter(self, earlier: Option<Seconds>) -> Seconds {
        earlier.filter(|earlier| earlier.counted() <= self.counted()).unwrap_or(self)
    }
}

impl ResponseDirectives {
    /// Parses the header; its lines are joined with commas.
    pub fn parse(value: &str) -> ResponseDirectives {
        let mut parsed = ResponseDirectives::default();
        for Directive { name, form } in directives(value) {
            let name = name.to_ascii_lowercase();
            let name = match &*name {
                "public" if form == Form::Malformed => continue,
                // The same restriction, without the permission of RFC 9111 section 3.5.
                "must-revalidate" if form == Form::Malformed => "proxy-revalidate",
                name => name,
            };
            match parsed.slot(name) {
                Some(Slot::Lifetime(lifetime)) => {
                    *lifetime = Some(Seconds::parse(form).or_shorter(*lifetime));
                }
                Some(Slot::Flag(flag)) => *flag = true,
                None => {}
            }
        }
        parsed
    }

    /// Returns the slot of a directive, given in lower case.
    pub fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "max-age" => Slot::Lifetime(&mut self.max_age),
            "s-maxage" => Slot::Lifetime(&mut self.s_maxage),
            "stale-while-revalidate" => Slot::Lifetime(&mut self.stale_while_revalidate),
            "stale-if-error" => Slot::Lifetime(&mut self.stale_if_error),
            "no-cache" => Slot::Flag(&mut self.no_cache),
            "no-store" => Slot::Flag(&mut self.no_store),
            "private" => Slot::Flag(&mut self.private),
            "public" => Slot::Flag(&mut self.public),
            "must-revalidate" => Slot::Flag(&mut self.must_revalidate),
            "proxy-revalidate" => Slot::Flag(&mut self.proxy_revalidate),
            "must-understand" => Slot::Flag(&mut self.must_understand),
            "immutable" => Slot::Flag(&mut self.immutable),
            _ => return None,
        })
    }
}

/// The value of one directive.
#[derive(Debug)]
pub enum Slot<'s> {
    Lifetime(&'s mut Option<Seconds>),
    Flag(&'s mut bool),
}

impl RequestDirectives {
    /// Parses the header; its lines are joined with commas.
    pub fn parse(value: &str) -> RequestDirectives {
        let mut parsed = RequestDirectives::default();
        for Directive { name, .. } in directives(value) {
            parsed.no_store |= name.eq_ignore_ascii_case("no-store");
            parsed.only_if_cached |= name.eq_ignore_ascii_case("only-if-cached");
        }
        parsed
    }
}

#[derive(Clone, Copy)]
struct Directive<'a> {
    name: &'a str,
    form: Form<'a>,
}

/// How the value of a directive is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    Token(&'a str),
    /// No value or a quoted string.
    Other,
    /// Against the grammar, or after a quote that is, where nothing is certain.
    Malformed,
}

/// Iterates over the directives of a header (RFC 9110 section 5.6.1).
fn directives(value: &str) -> Directives<'_> {
    Directives { rest: value, is_certain: true }
}

struct Directives<'a> {
    rest: &'a str,
    /// Whether every quoted string so far ended where a member does.
    is_certain: bool,
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
    /// Takes `token [ "=" ( token / quoted-string ) ]` and anything else before the next comma.
    fn take(&mut self) -> Directive<'a> {
        let (name, after) = take_token(self.rest);
        let (form, after) = match after.strip_prefix('=') {
            None => (Form::Other, after),
            // A quote hides commas only here.
            Some(value) if value.starts_with('"') && !name.is_empty() => {
                match after_quoted_string(value) {
                    Some(after) => (Form::Other, after),
                    None => {
                        // The quote may swallow a directive, which is parsed but only restricts.
                        self.is_certain = false;
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
        let is_whole = self.is_certain && more.trim_matches(OWS).is_empty();
        Directive { name, form: if is_whole { form } else { Form::Malformed } }
    }
}

/// Splits a token off the front of `text` (RFC 9110 section 5.6.2).
fn take_token(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_token_byte(byte));
    end.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// Skips the quoted string at the front of `text` (RFC 9110 section 5.6.4); `None` if it does not
/// end, or does not end where a member does.
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

#[cfg(test)]
mod tests {
    use super::{RequestDirectives, ResponseDirectives, Seconds};
    use crate::wire::time::DeltaSeconds;

    fn valid(seconds: u32) -> Option<Seconds> {
        Some(Seconds::Valid(DeltaSeconds(seconds)))
    }

    const INVALID: Option<Seconds> = Some(Seconds::Invalid);

    #[test]
    fn lifetimes_are_valid_or_invalid() {
        let rows: [(Option<Seconds>, &[&str]); 16] = [
            (None, &["", "x-max-age=60", "max-age-x=60", "extension=\"max-age=3600\""]),
            (valid(60), &["max-age=60", "MAX-Age=60", " , max-age=60\t,"]),
            (valid(60), &["extension=\"max-age=9\", Max-Age=60, no-cache"]),
            (valid(3600), &["max-age=003600"]),
            (valid(2_147_483_647), &["max-age=2147483647"]),
            (valid(1 << 31), &["max-age=2147483648", "max-age=99999999999999999999999"]),
            (valid(0), &["max-age=0", "max-age=600, max-age=0", "max-age=0, max-age=600"]),
            (INVALID, &["max-age", "max-age=", "max-age=-1", "max-age=+1", "max-age=a60"]),
            (INVALID, &["max-age=60a", "max-age=60.0", "max-age=60 1", "max-age=60;x"]),
            (INVALID, &["max-age =60", "max-age= 60", "max-age=\"60\"", "max-age='60'"]),
            (INVALID, &["max-age=600, max-age=x", "max-age=x, max-age=600"]),
            (INVALID, &["extension=\"x\"y, max-age=1", "extension=\"x, max-age=1"]),
            (valid(1), &["max-age=1, extension=\"max-age=3600\""]),
            (valid(1), &["extension=\"max-age=3600\", max-age=1"]),
            (valid(1), &["extension=\"a\\\", max-age=3600\", max-age=1"]),
            (valid(1), &["max-age=1, extension=\"x", "extension='x, max-age=1", "=, max-age=1"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                assert_eq!(ResponseDirectives::parse(text).max_age, expected, "{text:?}");
                let other = text.to_ascii_lowercase().replace("max-age", "stale-if-error");
                assert_eq!(ResponseDirectives::parse(&other).stale_if_error, expected, "{text:?}");
            }
        }
    }

    #[test]
    fn every_directive_is_parsed() {
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
    fn malformed_directives_only_restrict() {
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
        let held = said("extension=\"max-age=9\", Max-Age=60, no-cache");
        assert!(held.no_cache && !held.no_store);
    }

    #[test]
    fn requests_have_two_directives() {
        let said = RequestDirectives::parse("max-age=0, No-Store, only-if-cached=1, no-cache");
        assert_eq!(said, RequestDirectives { no_store: true, only_if_cached: true });
        let said = RequestDirectives::parse("nothing-to-see-here, x=\"no-store\"");
        assert_eq!(said, RequestDirectives::default());
    }
}
