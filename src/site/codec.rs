//! Encodes and decodes JSON: records, the heads of manifests, and the bodies of the admin API.
//!
//! The formats themselves are serde derives on their types. Deployment ids are hashes of encoded
//! bytes, so the order of members and which empty ones are left out must never change.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Maximum length of a message, in bytes: a message can repeat a part of the input.
const MESSAGE_BYTES_MAX: usize = 500;

/// The reason that a text can't be decoded, with the path of the wrong member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<str>);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Decodes a JSON object; `None` if it is wrong, without finding out where.
///
/// A tenth faster than [`decode_object`], which tracks the path.
pub fn decode_record<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    if is_array(text) { None } else { serde_json::from_slice(text).ok() }
}

/// Decodes a JSON object.
///
/// # Errors
/// [`DecodeError`] for the first thing that is wrong.
///
/// # Example
/// ```
/// use selvedge::site::codec::decode_object;
/// use selvedge::site::records::site::HostRecord;
///
/// let text = br#"{"host":"www.example.com","site":"www","stage":7}"#;
/// let error = decode_object::<HostRecord>(text).unwrap_err();
/// assert!(error.to_string().starts_with("stage: invalid type: integer `7`"));
/// ```
pub fn decode_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, DecodeError> {
    if is_array(text) { Err(DecodeError("must be an object".into())) } else { decode(text) }
}

/// Decodes any JSON value.
///
/// # Errors
/// [`DecodeError`] for the first thing that is wrong.
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let message = match error.path().iter().next() {
            Some(_) => error.to_string(),
            None => error.inner().to_string(),
        };
        DecodeError(bounded(message))
    })?;
    deserializer.end().map_err(|error| DecodeError(bounded(error.to_string())))?;
    Ok(value)
}

/// Encodes a value as JSON without white space.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    // It fails for maps whose keys are not strings only, which no format has.
    serde_json::to_string(value).unwrap_or_default()
}

/// Deserialises a list of at most `MAX` values, without room for more ever being made.
///
/// # Errors
/// A custom error for a longer list, and those of the values.
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

/// Whether a text is an array. serde takes a struct as an array too: an empty one would be a
/// request with all its defaults.
fn is_array(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

fn bounded(mut message: String) -> Box<str> {
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message.into()
}
