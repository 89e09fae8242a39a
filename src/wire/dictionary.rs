//! Structured-field dictionaries, as in the targeted header `CDN-Cache-Control` (RFC 9213).
//!
//! Parsed by `sfv` into the types that directives take. RFC 9213 refers to RFC 8941, so dates and
//! display strings (RFC 9651) are rejected.

use std::convert::Infallible;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser, Version};

/// A member without its parameters, which RFC 9213 section 2.1 ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub key: &'a str,
    pub value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    /// A member without a value is true (RFC 8941 section 3.2).
    Boolean(bool),
    /// Any other type.
    Other,
}

/// Parses a dictionary (RFC 8941 section 4.2) into its members in order. Of two with the same key,
/// the last counts.
pub fn parse(text: &str) -> Result<Vec<Member<'_>>, sfv::Error> {
    let parser = Parser::new(text).with_version(Version::Rfc8941);
    parser.parse_dictionary_with_visitor(Members(Vec::new()))
}

struct Members<'a>(Vec<Member<'a>>);

impl<'a> DictionaryVisitor<'a> for Members<'a> {
    type Out = Vec<Member<'a>>;
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        self.0.push(Member { key: key.as_str(), value: Value::Other });
        Ok(self.0.last_mut().map(|member| Entry(&mut member.value)))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

/// Writes the value of a member.
struct Entry<'v>(&'v mut Value);

impl<'a> EntryVisitor<'a> for Entry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        Ok(Ignored)
    }
}

impl<'a> ItemVisitor<'a> for Entry<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Infallible> {
        *self.0 = match item {
            BareItemFromInput::Integer(number) => Value::Integer(number.into()),
            BareItemFromInput::Boolean(value) => Value::Boolean(value),
            _ => Value::Other,
        };
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, Value, parse};

    #[test]
    fn values_of_every_type_are_read() {
        let rows = [
            ("a", Value::Boolean(true)),
            ("a=?1", Value::Boolean(true)),
            ("a=?0", Value::Boolean(false)),
            ("a=0", Value::Integer(0)),
            ("a=-42", Value::Integer(-42)),
            ("a=003600", Value::Integer(3600)),
            ("a=999999999999999", Value::Integer(999_999_999_999_999)),
            ("a=1.5", Value::Other),
            ("a=-123456789012.123", Value::Other),
            ("a=\"\"", Value::Other),
            ("a=\"b, c=\\\"d\\\\\"", Value::Other),
            ("a=token", Value::Other),
            ("a=*t/o:k", Value::Other),
            ("a=:aGVsbG8=:", Value::Other),
            ("a=:aGVsbG8:", Value::Other),
            ("a=::", Value::Other),
            ("a=()", Value::Other),
            ("a=( 1  \"b\";x  c )", Value::Other),
            ("a=(1);y=2", Value::Other),
            ("a;x", Value::Boolean(true)),
            ("a;x=1; y=?0;z=\"a;b\"", Value::Boolean(true)),
            ("a=1;x", Value::Integer(1)),
            ("  a=1  ", Value::Integer(1)),
        ];
        for (text, value) in rows {
            assert_eq!(parse(text).unwrap(), [Member { key: "a", value }], "{text:?}");
        }
    }

    #[test]
    fn members_keep_their_order() {
        let keys = |text| parse(text).unwrap().iter().map(|m| m.key).collect::<Vec<_>>();
        let rows: [(&str, &[&str]); 5] = [
            ("", &[]),
            ("   ", &[]),
            ("a,b", &["a", "b"]),
            ("a=1 \t,\t *b_-.9=2", &["a", "*b_-.9"]),
            ("a, a=2", &["a", "a"]),
        ];
        for (text, expected) in rows {
            assert_eq!(keys(text), expected, "{text:?}");
        }
    }

    #[test]
    fn one_wrong_byte_rejects_everything() {
        let rows = [
            ("A", "expected start of key"),
            ("1a", "expected start of key"),
            ("=1", "expected start of key"),
            ("a,,b", "expected start of key"),
            ("a, B", "expected start of key"),
            ("\u{e9}", "expected start of key"),
            ("\ta", "expected start of key"),
            ("a=", "expected start of bare item"),
            ("a= 1", "expected start of bare item"),
            ("a=&", "expected start of bare item"),
            ("a=-", "expected digit"),
            ("a=--1", "expected digit"),
            ("a=1000000000000000", "too many digits at"),
            ("a=1.", "trailing decimal point"),
            ("a=.5", "expected start of bare item"),
            ("a=1.1234", "too many digits after decimal point"),
            ("a=1234567890123.1", "too many digits before decimal point"),
            ("a=\"", "unterminated string"),
            ("a=\"\\x\"", "invalid escape sequence"),
            ("a=\"\u{e9}\"", "invalid string character"),
            ("a=\"\t\"", "invalid string character"),
            ("a=?", "expected boolean"),
            ("a=?2", "expected boolean"),
            ("a=:a", "unterminated byte sequence"),
            ("a=:a-b:", "invalid byte sequence"),
            ("a=(1", "unterminated inner list"),
            ("a=(1,2)", "expected inner list delimiter"),
            ("a=(1\"b\")", "expected inner list delimiter"),
            ("a;", "expected start of key"),
            ("a;X", "expected start of key"),
            ("a;x=", "expected start of bare item"),
            ("a=@1", "RFC 8941 does not support dates"),
            ("a=%\"x\"", "RFC 8941 does not support display strings"),
            ("a=:a:", "invalid byte sequence"),
            ("a,", "trailing comma"),
            ("a, ", "trailing comma"),
            ("a b", "trailing characters after member"),
            ("a =1", "trailing characters after member"),
            ("a=1x", "trailing characters after member"),
            ("a=\"b\"c", "trailing characters after member"),
        ];
        for (text, error) in rows {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.starts_with(error), "{text:?}: {found}");
        }
    }
}
