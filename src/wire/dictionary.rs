//! Dictionaries of structured fields: what a targeted field such as CDN-Cache-Control is made of.
//!
//! RFC 8941. Every type is read, because one wrong byte makes the whole field count for nothing;
//! only integers and booleans keep their value, because no directive takes another one. The
//! invariant is strictness: what is returned was a dictionary to its last byte.

use std::fmt;

/// A member of a dictionary; its parameters are read and dropped (RFC 9213 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value.
    pub value: Value,
}

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer (RFC 8941 section 3.3.1).
    Integer(i64),
    /// A boolean, or no value at all, which is true (RFC 8941 sections 3.3.6 and 3.2).
    Boolean(bool),
    /// A decimal, string, token, byte sequence or inner list.
    Other,
}

/// Why a text is no dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DictionaryError {
    /// There is no key where one is due.
    Key,
    /// A value is of no type.
    Value,
    /// Something other than a comma follows a member, or a comma ends the text.
    Separator,
}

impl fmt::Display for DictionaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DictionaryError::Key => "a key is missing; keys are lower-case, such as max-age",
            DictionaryError::Value => "a value is of no type that a structured field has",
            DictionaryError::Separator => "members are separated by one comma, and end with none",
        })
    }
}

impl std::error::Error for DictionaryError {}

/// Longest integer in digits (RFC 8941 section 3.3.1).
const INTEGER_DIGITS_MAX: usize = 15;
/// Most digits before and after the point of a decimal (RFC 8941 section 3.3.2).
const DECIMAL_DIGITS_MAX: (usize, usize) = (12, 3);

/// Returns the members of a dictionary in their order; of two with the same key, the last counts.
///
/// # Errors
/// [`DictionaryError`] for anything that RFC 8941 section 4.2 would fail to parse.
///
/// # Source
/// RFC 8941 section 4.2.2, whose algorithms the functions below follow.
///
/// # Example
/// ```
/// use selvedge::wire::dictionary::{Value, parse};
///
/// let members = parse("max-age=600, no-store;x=\"y\"").unwrap();
/// assert_eq!(members[0].value, Value::Integer(600));
/// assert_eq!((members[1].key, members[1].value), ("no-store", Value::Boolean(true)));
/// assert!(parse("max-age=600, &").is_err());
/// ```
pub fn parse(text: &str) -> Result<Vec<Member<'_>>, DictionaryError> {
    let mut input = Input { rest: text.trim_matches(' ') };
    let mut members = Vec::new();
    while !input.rest.is_empty() {
        let key = input.key().ok_or(DictionaryError::Key)?;
        let value = input.member_value().ok_or(DictionaryError::Value)?;
        members.push(Member { key, value });
        input.skip(&[' ', '\t']);
        if input.rest.is_empty() {
            break;
        }
        if !input.takes(',') {
            return Err(DictionaryError::Separator);
        }
        input.skip(&[' ', '\t']);
        if input.rest.is_empty() {
            return Err(DictionaryError::Separator);
        }
    }
    Ok(members)
}

/// What is left to read. A method that returns None leaves it anywhere: the whole text is refused.
struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    fn takes(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip(&mut self, passed: &[char]) {
        self.rest = self.rest.trim_start_matches(passed);
    }

    /// Takes the bytes at the front for which `holds`.
    fn take(&mut self, holds: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !holds(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// RFC 8941 section 4.2.3.3.
    fn key(&mut self) -> Option<&'a str> {
        let first = self.rest.bytes().next()?;
        (first.is_ascii_lowercase() || first == b'*').then_some(())?;
        Some(self.take(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
        }))
    }

    /// The value and the parameters of a member.
    fn member_value(&mut self) -> Option<Value> {
        let value = match self.takes('=') {
            false => Value::Boolean(true),
            true if self.takes('(') => self.inner_list()?,
            true => self.bare_item()?,
        };
        self.parameters()?;
        Some(value)
    }

    /// RFC 8941 section 4.2.1.2, after its parenthesis.
    fn inner_list(&mut self) -> Option<Value> {
        loop {
            self.skip(&[' ']);
            if self.takes(')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            self.rest.starts_with([' ', ')']).then_some(())?;
        }
    }

    /// RFC 8941 section 4.2.3.2.
    fn parameters(&mut self) -> Option<()> {
        while self.takes(';') {
            self.skip(&[' ']);
            self.key()?;
            if self.takes('=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// RFC 8941 section 4.2.3.1.
    fn bare_item(&mut self) -> Option<Value> {
        match self.rest.bytes().next()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b':' => self.byte_sequence(),
            b'?' => self.boolean(),
            first if first.is_ascii_alphabetic() || first == b'*' => {
                self.take(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                });
                Some(Value::Other)
            }
            _ => None,
        }
    }

    /// RFC 8941 section 4.2.4.
    fn number(&mut self) -> Option<Value> {
        let is_negative = self.takes('-');
        let whole = self.take(|byte| byte.is_ascii_digit());
        if self.takes('.') {
            let fraction = self.take(|byte| byte.is_ascii_digit());
            let (before, after) = DECIMAL_DIGITS_MAX;
            let is_decimal =
                (1..=before).contains(&whole.len()) && (1..=after).contains(&fraction.len());
            return is_decimal.then_some(Value::Other);
        }
        (1..=INTEGER_DIGITS_MAX).contains(&whole.len()).then_some(())?;
        let number: i64 = whole.parse().ok()?;
        Some(Value::Integer(if is_negative { number.saturating_neg() } else { number }))
    }

    /// RFC 8941 section 4.2.5.
    fn string(&mut self) -> Option<Value> {
        self.takes('"').then_some(())?;
        loop {
            self.take(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
            if self.takes('"') {
                return Some(Value::Other);
            }
            (self.takes('\\') && (self.takes('"') || self.takes('\\'))).then_some(())?;
        }
    }

    /// RFC 8941 section 4.2.7; nothing here asks what the base64 says.
    fn byte_sequence(&mut self) -> Option<Value> {
        self.takes(':').then_some(())?;
        self.take(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        self.takes(':').then_some(Value::Other)
    }

    /// RFC 8941 section 4.2.8.
    fn boolean(&mut self) -> Option<Value> {
        self.takes('?').then_some(())?;
        match () {
            () if self.takes('1') => Some(Value::Boolean(true)),
            () if self.takes('0') => Some(Value::Boolean(false)),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DictionaryError, Member, Value, parse};

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
            assert_eq!(parse(text), Ok(vec![Member { key: "a", value }]), "{text:?}");
        }
    }

    #[test]
    fn members_keep_their_order() {
        let keys = |text| parse(text).map(|members| members.iter().map(|m| m.key).collect());
        let rows: [(&str, &[&str]); 5] = [
            ("", &[]),
            ("   ", &[]),
            ("a,b", &["a", "b"]),
            ("a=1 \t,\t *b_-.9=2", &["a", "*b_-.9"]),
            ("a, a=2", &["a", "a"]),
        ];
        for (text, expected) in rows {
            assert_eq!(keys(text), Ok(expected.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn one_wrong_byte_refuses_all() {
        use DictionaryError::{Key, Separator, Value};
        let rows = [
            ("A", Key),
            ("1a", Key),
            ("=1", Key),
            ("a,,b", Key),
            ("a, B", Key),
            ("\u{e9}", Key),
            ("\ta", Key),
            ("a=", Value),
            ("a= 1", Value),
            ("a=&", Value),
            ("a=-", Value),
            ("a=--1", Value),
            ("a=1000000000000000", Value),
            ("a=1.", Value),
            ("a=.5", Value),
            ("a=1.1234", Value),
            ("a=1234567890123.1", Value),
            ("a=\"", Value),
            ("a=\"\\x\"", Value),
            ("a=\"\u{e9}\"", Value),
            ("a=\"\t\"", Value),
            ("a=?", Value),
            ("a=?2", Value),
            ("a=:a", Value),
            ("a=:a-b:", Value),
            ("a=(1", Value),
            ("a=(1,2)", Value),
            ("a=(1\"b\")", Value),
            ("a;", Value),
            ("a;X", Value),
            ("a;x=", Value),
            ("a=@1", Value),
            ("a,", Separator),
            ("a, ", Separator),
            ("a b", Separator),
            ("a =1", Separator),
            ("a=1x", Separator),
            ("a=\"b\"c", Separator),
        ];
        for (text, error) in rows {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }
}
