//! JSON: how records, heads of manifests and calls of the admin API are read and written.
//!
//! Not its grammar, which is [`crate::site::json_parser`]. The invariant is that a value that is
//! written here is read here and elsewhere as the same value.
//!
//! # Source
//! RFC 8259

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use crate::site::json_parser::{Json, parse};
use crate::wire::coding::Coding;
use crate::wire::host::Hostname;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// Why a text is not the JSON that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    place: Place,
    what: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Unknown,
    Byte(usize),
    Member(&'static str),
}

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// What a value stands for; `None`, noted, when it stands for no such thing.
    fn from_json(json: Reader<'_>) -> Option<Self>;
}

/// A value that is being read. What is wrong with it is noted beside it and not handed up, so that
/// a record of many members is read by little code.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    json: &'a Json<'a>,
    wrong: &'a Cell<Option<JsonError>>,
}

/// What can be written as JSON.
pub trait ToJson {
    /// Appends the value to a text, or nothing when it is to be left out of an object.
    fn write_json(&self, text: &mut String);
}

/// JSON that is written already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

/// A member that is left out when there is nothing in it.
pub struct Sparse<'a, T>(pub &'a T);

/// The value that a text stands for.
///
/// # Errors
/// [`JsonError`] for the first thing that is wrong; it names the place.
///
/// # Example
/// ```
/// use selvedge::site::json::{object, read};
/// use selvedge::site::ids::StageName;
///
/// let stages: Vec<StageName> = read(br#"["production","pr-7"]"#).unwrap();
/// let text = object(&[("stages", &stages)]).into_string();
/// assert_eq!(text, r#"{"stages":["production","pr-7"]}"#);
/// ```
pub fn read<T: FromJson>(text: &[u8]) -> Result<T, JsonError> {
    let (json, wrong) = (parse(text)?, Cell::new(None));
    let read = T::from_json(Reader { json: &json, wrong: &wrong });
    read.ok_or(wrong.get().unwrap_or(JsonError::new("this is not what it should be")))
}

/// A value as a text.
pub fn written(value: &dyn ToJson) -> String {
    let mut text = String::new();
    value.write_json(&mut text);
    text
}

/// An object of these members.
pub fn object(members: &[(&str, &dyn ToJson)]) -> JsonText {
    let mut text = String::new();
    write_object(&mut text, members);
    JsonText(text)
}

/// Appends an object of these members, without those that write nothing.
pub fn write_object(text: &mut String, members: &[(&str, &dyn ToJson)]) {
    text.push('{');
    write_members(text, members);
    text.push('}');
}

impl JsonText {
    /// The object with another member.
    pub fn with(mut self, name: &str, value: &dyn ToJson) -> Self {
        self.0.pop();
        write_members(&mut self.0, &[(name, value)]);
        self.0.push('}');
        self
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'a> Reader<'a> {
    /// Nothing, after it was noted what is wrong; what was noted first stays.
    pub fn wrong<T>(self, what: &'static str) -> Option<T> {
        self.note(JsonError::new(what));
        None
    }

    /// The text that the value is.
    pub fn text(self) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => self.wrong("must be a string"),
        }
    }

    /// Whether the value is this text.
    pub fn is_text(self, text: &str) -> bool {
        matches!(self.json, Json::Text(own) if own == text)
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.json, Json::Null)
    }

    /// The number that the value is.
    pub fn integer(self) -> Option<u64> {
        match self.json {
            Json::Integer(value) => Some(*value),
            _ => self.wrong("must be a number"),
        }
    }

    /// The values of a list.
    pub fn list(self) -> Option<impl ExactSizeIterator<Item = Reader<'a>>> {
        match self.json {
            Json::List(list) => Some(list.iter().map(move |json| Self { json, ..self })),
            _ => self.wrong("must be an array"),
        }
    }

    /// The members of an object, in the order written.
    pub fn members(self) -> Option<impl Iterator<Item = (&'a str, Reader<'a>)>> {
        match self.json {
            Json::Object(members) => {
                Some(members.iter().map(move |(name, json)| (&**name, Self { json, ..self })))
            }
            _ => self.wrong("must be an object"),
        }
    }

    /// A member of an object; it must be there, and once.
    pub fn member<T: FromJson>(self, name: &'static str) -> Option<T> {
        match self.find(name)? {
            Some(found) => T::from_json(found).or_else(|| self.within(name)),
            None => self.wrong("is missing").or_else(|| self.within(name)),
        }
    }

    /// A member of an object, or what stands for it where it is not there.
    pub fn member_or<T: FromJson>(self, name: &'static str, default: T) -> Option<T> {
        match self.find(name)? {
            Some(found) => T::from_json(found).or_else(|| self.within(name)),
            None => Some(default),
        }
    }

    /// Nothing, when an object has no other members than these.
    pub fn only(self, names: &[&str]) -> Option<()> {
        let known = self.members()?.all(|(name, _)| names.contains(&name));
        if known { Some(()) } else { self.wrong("there is a member that is not known") }
    }

    fn find(self, wanted: &'static str) -> Option<Option<Reader<'a>>> {
        let Json::Object(members) = self.json else { return self.wrong("must be an object") };
        let mut found = members.iter().filter(|(name, _)| name == wanted);
        match (found.next(), found.next()) {
            (_, Some(_)) => self.wrong("is there twice").or_else(|| self.within(wanted)),
            (found, None) => Some(found.map(|(_, json)| Self { json, ..self })),
        }
    }

    fn note(self, error: JsonError) {
        if self.wrong.get().is_none() {
            self.wrong.set(Some(error));
        }
    }

    /// Nothing, after it was noted in which member something is wrong; the innermost counts.
    fn within<T>(self, name: &'static str) -> Option<T> {
        let noted = self.wrong.get().filter(|noted| noted.place == Place::Unknown);
        if let Some(noted) = noted {
            self.wrong.set(Some(JsonError { place: Place::Member(name), ..noted }));
        }
        None
    }
}

impl JsonError {
    /// The error of a value that is wrong.
    pub const fn new(what: &'static str) -> Self {
        Self { place: Place::Unknown, what }
    }

    /// The error of a text that is broken so many bytes from its beginning.
    pub fn at(byte: usize, what: &'static str) -> Self {
        Self { place: Place::Byte(byte), what }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Unknown => f.write_str(self.what),
            Place::Byte(at) => write!(f, "byte {at}: {}", self.what),
            Place::Member(name) => write!(f, "{name}: {}", self.what),
        }
    }
}

impl std::error::Error for JsonError {}

fn write_members(text: &mut String, members: &[(&str, &dyn ToJson)]) {
    for (name, value) in members {
        let before = text.len();
        if !text.ends_with('{') {
            text.push(',');
        }
        name.write_json(text);
        text.push(':');
        let named = text.len();
        value.write_json(text);
        if text.len() == named {
            text.truncate(before);
        }
    }
}

fn write_list<'a, T: ToJson + 'a>(text: &mut String, values: impl Iterator<Item = &'a T>) {
    text.push('[');
    for value in values {
        if !text.ends_with('[') {
            text.push(',');
        }
        value.write_json(text);
    }
    text.push(']');
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl ToJson for $type {
            fn write_json(&self, text: &mut String) {
                text.push_str(&self.to_string());
            }
        }

        impl FromJson for $type {
            fn from_json(json: Reader<'_>) -> Option<Self> {
                let fitting = Self::try_from(json.integer()?).ok();
                fitting.or_else(|| json.wrong("the number is too large"))
            }
        }
    )+};
}

integers!(u16, u32, u64, usize);

/// Reads and writes a type as the text that it parses.
macro_rules! json_as_text {
    ($($type:ty: $what:literal),+) => {$(
        impl $crate::site::json::ToJson for $type {
            fn write_json(&self, text: &mut String) {
                self.as_str().write_json(text);
            }
        }

        impl $crate::site::json::FromJson for $type {
            fn from_json(json: $crate::site::json::Reader<'_>) -> Option<Self> {
                Self::parse(json.text()?).ok().or_else(|| json.wrong($what))
            }
        }
    )+};
}
pub(crate) use json_as_text;

/// Reads and writes an enum as one word for each variant.
macro_rules! json_as_word {
    ($type:ty, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $crate::site::json::ToJson for $type {
            fn write_json(&self, text: &mut String) {
                let word = match self { $(Self::$variant => $word,)+ };
                word.write_json(text);
            }
        }

        impl $crate::site::json::FromJson for $type {
            fn from_json(json: $crate::site::json::Reader<'_>) -> Option<Self> {
                match json.text()? {
                    $($word => Some(Self::$variant),)+
                    _ => json.wrong(concat!("must be one of", $(" ", $word),+)),
                }
            }
        }
    };
}
pub(crate) use json_as_word;

json_as_text!(Hostname: "must be a hostname");
json_as_word!(Coding, Identity = "identity", Gzip = "gzip", Brotli = "br", Zstd = "zstd");

impl ToJson for str {
    fn write_json(&self, text: &mut String) {
        text.push('"');
        for character in self.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\0'..'\u{10}' => push_control(text, "\\u000", character),
                '\u{10}'..' ' => push_control(text, "\\u001", character),
                _ => text.push(character),
            }
        }
        text.push('"');
    }
}

fn push_control(text: &mut String, start: &str, character: char) {
    text.push_str(start);
    text.extend(char::from_digit(u32::from(character) & 15, 16));
}

impl ToJson for String {
    fn write_json(&self, text: &mut String) {
        self.as_str().write_json(text);
    }
}

impl FromJson for String {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        json.text().map(str::to_owned)
    }
}

impl ToJson for () {
    fn write_json(&self, text: &mut String) {
        text.push_str("null");
    }
}

impl FromJson for () {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        if json.is_null() { Some(()) } else { json.wrong("must be null") }
    }
}

impl ToJson for bool {
    fn write_json(&self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }
}

impl FromJson for bool {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        match json.json {
            Json::Bool(value) => Some(*value),
            _ => json.wrong("must be true or false"),
        }
    }
}

impl ToJson for UnixMillis {
    fn write_json(&self, text: &mut String) {
        self.0.write_json(text);
    }
}

impl FromJson for UnixMillis {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        u64::from_json(json).map(Self)
    }
}

impl ToJson for DeltaSeconds {
    fn write_json(&self, text: &mut String) {
        self.0.write_json(text);
    }
}

impl FromJson for DeltaSeconds {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        u32::from_json(json).map(Self)
    }
}

impl ToJson for JsonText {
    fn write_json(&self, text: &mut String) {
        text.push_str(&self.0);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write_json(&self, text: &mut String) {
        (**self).write_json(text);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write_json(&self, text: &mut String) {
        match self {
            Some(value) => value.write_json(text),
            None => text.push_str("null"),
        }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        if json.is_null() { Some(None) } else { T::from_json(json).map(Some) }
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write_json(&self, text: &mut String) {
        write_list(text, self.iter());
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        let mut list = Vec::new();
        for value in json.list()? {
            list.push(T::from_json(value)?);
        }
        Some(list)
    }
}

impl<T: ToJson> ToJson for Sparse<'_, Vec<T>> {
    fn write_json(&self, text: &mut String) {
        if !self.0.is_empty() {
            self.0.write_json(text);
        }
    }
}

impl<T: ToJson> ToJson for Sparse<'_, Option<T>> {
    fn write_json(&self, text: &mut String) {
        if let Some(value) = self.0 {
            value.write_json(text);
        }
    }
}

impl<K: ToJson, V: ToJson> ToJson for BTreeMap<K, V> {
    fn write_json(&self, text: &mut String) {
        text.push('{');
        for (name, value) in self {
            if !text.ends_with('{') {
                text.push(',');
            }
            name.write_json(text);
            text.push(':');
            value.write_json(text);
        }
        text.push('}');
    }
}

impl<K: FromJson + Ord, V: FromJson> FromJson for BTreeMap<K, V> {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        let mut map = BTreeMap::new();
        for (name, value) in json.members()? {
            let name = Json::Text(Cow::Borrowed(name));
            let name = K::from_json(Reader { json: &name, wrong: value.wrong })?;
            map.insert(name, V::from_json(value)?);
        }
        Some(map)
    }
}
