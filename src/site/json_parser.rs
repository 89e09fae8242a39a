//! The grammar of JSON.
//!
//! Not all of it: the only numbers are whole ones from 0 to 2^64 - 1, since nothing of ours has
//! others. The invariant is that parsing is total and bounded, in depth and in memory, and that a
//! text that is a value here is the same value for every other parser.
//!
//! # Source
//! RFC 8259

use std::borrow::Cow;

use crate::site::json::JsonError;

/// Deepest nesting: a manifest's head has seven levels.
pub const DEPTH_MAX: usize = 32;
/// Most values of a text: each takes some 24 bytes of memory, however few it takes of the text.
pub const VALUES_MAX: usize = 500_000;

const NUMBERS: &str = "numbers are whole, from 0 to 18446744073709551615";

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Integer(u64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object, its members in the order written.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The value that a text is.
///
/// # Errors
/// [`JsonError`] with the place, in bytes from the beginning.
pub fn parse(text: &[u8]) -> Result<Json<'_>, JsonError> {
    let text = std::str::from_utf8(text)
        .map_err(|error| JsonError::at(error.valid_up_to(), "this is not UTF-8"))?;
    let mut parser = Parser { text, at: 0, values: 0 };
    let json = parser.value(DEPTH_MAX)?;
    parser.pass_space();
    if parser.at < text.len() { Err(parser.wrong("something follows")) } else { Ok(json) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.values = self.values.saturating_add(1);
        if self.values > VALUES_MAX {
            return Err(self.wrong("more than 500,000 values"));
        }
        self.pass_space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            Some(b'0'..=b'9') => self.integer(),
            Some(b'-') => Err(self.wrong(NUMBERS)),
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        let depth = self.deeper(depth)?;
        let mut list = Vec::new();
        if self.passes(b']') {
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value(depth)?);
            if self.passes(b']') {
                return Ok(Json::List(list));
            }
            if !self.passes(b',') {
                return Err(self.wrong("expected , or ]"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        let depth = self.deeper(depth)?;
        let mut members = Vec::new();
        if self.passes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.pass_space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("expected a name in quotes"));
            }
            let name = self.string()?;
            if !self.passes(b':') {
                return Err(self.wrong("expected :"));
            }
            members.push((name, self.value(depth)?));
            if self.passes(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.passes(b',') {
                return Err(self.wrong("expected , or }"));
            }
        }
    }

    /// Passes the bracket; the depth that is left within.
    fn deeper(&mut self, depth: usize) -> Result<usize, JsonError> {
        self.at = self.at.saturating_add(1);
        depth.checked_sub(1).ok_or_else(|| self.wrong("nested deeper than 32 levels"))
    }

    fn word(&mut self) -> Result<Json<'a>, JsonError> {
        let words =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = words.into_iter().find(|(word, _)| rest.starts_with(word));
        let (word, json) = found.ok_or_else(|| self.wrong("expected a value"))?;
        self.at = self.at.saturating_add(word.len());
        Ok(json)
    }

    fn integer(&mut self) -> Result<Json<'a>, JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at = self.at.saturating_add(1);
        }
        let digits = self.text.get(from..self.at).unwrap_or_default();
        let is_whole = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        let is_plain = digits == "0" || !digits.starts_with('0');
        let value = digits.parse().ok().filter(|_| is_whole && is_plain);
        value.map(Json::Integer).ok_or_else(|| self.wrong(NUMBERS))
    }

    /// The string whose quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at = self.at.saturating_add(1);
        let mut decoded = String::new();
        loop {
            let from = self.at;
            while self.peek().is_some_and(|b| b >= b' ' && b != b'"' && b != b'\\') {
                self.at = self.at.saturating_add(1);
            }
            let plain = self.text.get(from..self.at).unwrap_or_default();
            match self.next() {
                Some(b'"') if decoded.is_empty() => return Ok(Cow::Borrowed(plain)),
                Some(b'"') => {
                    decoded.push_str(plain);
                    return Ok(Cow::Owned(decoded));
                }
                Some(b'\\') => {
                    decoded.push_str(plain);
                    let character = self.escaped();
                    decoded.push(character.ok_or_else(|| self.wrong("this is no escape"))?);
                }
                _ => return Err(self.wrong("expected the end of the string")),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            _ => return None,
        })
    }

    /// The character of one UTF-16 unit, or of two that belong together.
    fn code_point(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        let second = (self.next() == Some(b'\\') && self.next() == Some(b'u')).then(|| self.unit());
        char::decode_utf16([first, second??]).next()?.ok()
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at.checked_add(4)?)?;
        self.at = self.at.checked_add(4)?;
        let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
    }

    fn pass_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn passes(&mut self, byte: u8) -> bool {
        self.pass_space();
        let is_next = self.peek() == Some(byte);
        self.at = self.at.saturating_add(usize::from(is_next));
        is_next
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> JsonError {
        JsonError::at(self.at, what)
    }
}
