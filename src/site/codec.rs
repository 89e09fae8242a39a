//! Encodes and decodes JSON: records, the heads of manifests, and the bodies of the admin API.
//!
//! The formats are serde derives on their types. Deployment ids are hashes of encoded bytes, so the
//! order of members and the omission of empty ones must never change.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::site::json_path::path_at_end;

/// Maximum length of a message in bytes: a message can repeat part of the input.
const MESSAGE_BYTES_MAX: usize = 500;

/// The message of a decoding error, with the path of the wrong member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<str>);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decodes a JSON object without finding out what is wrong.
pub fn decode_record<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    if is_array(text) { None } else { serde_json::from_slice(text).ok() }
}

/// Decodes a JSON object.
pub fn decode_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, DecodeError> {
    if is_array(text) { Err(DecodeError("must be an object".into())) } else { decode(text) }
}

/// Decodes any JSON value.
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(text).map_err(|error| {
        described(&error, text, &|part| match serde_json::from_slice::<T>(part) {
            Ok(_) => false,
            Err(error) => !error.is_eof(),
        })
    })
}

/// Adds the path of the wrong member to an error. `is_wrong` returns whether a prefix of the text
/// has an error other than its end.
fn described(
    error: &serde_json::Error,
    text: &[u8],
    is_wrong: &dyn Fn(&[u8]) -> bool,
) -> DecodeError {
    let before = error.line().saturating_sub(1);
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(before);
    let at = lines.map(<[u8]>::len).fold(error.column(), usize::saturating_add);
    let read = text.get(..at).unwrap_or(text);
    // serde_json locates an error in a value of the right type behind the next token.
    let shorter = match read.split_last() {
        Some((b',' | b']' | b'}', shorter)) if is_wrong(shorter) => shorter,
        _ => read,
    };
    let mut message = path_at_end(shorter);
    if !message.is_empty() {
        message.push_str(": ");
    }
    message.push_str(&error.to_string());
    DecodeError(bounded(message))
}

/// Encodes a value as JSON without white space.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    // It fails only for maps with keys that are not strings, which no format has.
    serde_json::to_string(value).unwrap_or_default()
}

/// Deserialises a list of at most `MAX` values without ever allocating room for more.
pub fn at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::custom(format_args!("more than {MAX} values")));
            }
            list.push(value);
        }
        Ok(list)
    }
}

/// serde accepts an array for a struct: an empty one would be a request with all its defaults.
fn is_array(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

fn bounded(mut message: String) -> Box<str> {
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message.into()
}
