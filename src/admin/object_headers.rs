//! Parses the headers of a change to an object, and writes those of a response with one.

use crate::admin::error::{Invalid, Result};
use crate::admin::handler::octets;
use crate::ports::bodies::ResponseBody;
use crate::ports::{ObjectMeta, Ports};
use crate::serve::draft::Draft;
use crate::site::collection::ObjectName;
use crate::site::records::ban;
use crate::wire::etag::{Member, members};
use crate::wire::headers::Headers;
use crate::wire::media_type;

/// Maximum number of tags of an object.
pub const TAGS_MAX: usize = 16;
/// Maximum length of a tag in bytes.
pub const TAG_BYTES_MAX: usize = 64;
/// Maximum length of all tags in bytes, commas included: with the media type and the rest they fit
/// into the 1,024 bytes of KV's metadata.
pub const TAGS_BYTES_MAX: usize = 512;
/// Maximum length of a media type in bytes, for the same reason.
const MEDIA_TYPE_BYTES_MAX: usize = 150;

/// The condition of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Precondition {
    None,
    Absent,
    Present,
    Etag(String),
}

impl Precondition {
    /// Parses `If-Match` and `If-None-Match` (RFC 9110 sections 13.1.1 and 13.1.2), as far as a
    /// store can check them.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self> {
        let mut matching = members(if_match.unwrap_or_default());
        match (if_match, if_none_match, matching.next(), matching.next()) {
            (None, None, ..) => Ok(Self::None),
            (Some(_), None, Some(Member::Any), None) => Ok(Self::Present),
            (Some(_), None, Some(Member::Tag(tag)), None) if !tag.weak => {
                Ok(Self::Etag(["\"", tag.opaque, "\""].concat()))
            }
            (None, Some(value), ..) if value.trim() == "*" => Ok(Self::Absent),
            _ => Err(Invalid::Precondition.into()),
        }
    }

    /// Whether the condition holds for the entity tag of the current object.
    pub fn holds(&self, current: Option<&str>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::Etag(etag) => current == Some(etag),
        }
    }
}

/// Returns the declared media type, or the one that the name implies.
pub fn media_type(headers: &Headers, name: &ObjectName) -> Result<String> {
    let declared = headers.value("content-type").unwrap_or_default().trim();
    let is_plain = declared.bytes().all(|b| (b' '..=b'~').contains(&b));
    match declared {
        "" => Ok(media_type::of_path(name.as_str()).to_owned()),
        _ if is_plain && declared.len() <= MEDIA_TYPE_BYTES_MAX && declared.contains('/') => {
            Ok(declared.to_owned())
        }
        _ => Err(Invalid::MediaType.into()),
    }
}

/// Returns the declared tags, joined by commas.
pub fn tags(headers: &Headers) -> Result<String> {
    let declared = headers.value("selvedge-tags").unwrap_or_default();
    let tags: Vec<&str> = ban::tags(declared).collect();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    if !tags.iter().all(|tag| tag.len() <= TAG_BYTES_MAX && tag.bytes().all(is_plain)) {
        return Err(Invalid::Tag.into());
    }
    let joined = tags.join(",");
    if tags.len() > TAGS_MAX || joined.len() > TAGS_BYTES_MAX {
        return Err(Invalid::TooManyTags.into());
    }
    Ok(joined)
}

/// Returns the response with an object; browsers save it, whatever its type.
pub fn draft<P: Ports>(meta: ObjectMeta, body: ResponseBody<P>) -> Draft<P> {
    let mut draft = octets(body, meta.length);
    draft.headers.set("etag", meta.etag);
    draft.headers.set("selvedge-media-type", meta.media_type);
    if !meta.tags.is_empty() {
        draft.headers.set("selvedge-tags", meta.tags);
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions() {
        let tag = Precondition::Etag("\"a\"".to_owned());
        let rows = [
            (None, None, Some(Precondition::None)),
            (Some("*"), None, Some(Precondition::Present)),
            (Some("\"a\""), None, Some(tag)),
            (None, Some(" * "), Some(Precondition::Absent)),
            (Some("W/\"a\""), None, None),
            (Some("\"a\", \"b\""), None, None),
            (Some("a"), None, None),
            (Some(""), None, None),
            (None, Some("\"a\""), None),
            (None, Some(""), None),
            (Some("*"), Some("*"), None),
        ];
        for (if_match, if_none_match, expected) in rows {
            let found = Precondition::parse(if_match, if_none_match).ok();
            assert_eq!(found, expected, "{if_match:?} {if_none_match:?}");
        }
    }

    #[test]
    fn tags() {
        let long = "a".repeat(TAG_BYTES_MAX);
        let fitting = [long.as_str(); 7].join(",");
        let most = ["a"; TAGS_MAX].join(",");
        let rows = [
            ("", Some("")),
            ("a", Some("a")),
            (" a,b  c,, d:1.x-_ ", Some("a,b,c,d:1.x-_")),
            (&long, Some(&long)),
            (&fitting, Some(&fitting)),
            (&most, Some(&most)),
            ("a b;c", None),
            ("é", None),
            ("a,b\nc", None),
            (&format!("{long}a"), None),
            (&format!("{fitting},{long}"), None),
            (&format!("{most},a"), None),
        ];
        for (value, expected) in rows {
            let mut headers = Headers::new();
            headers.set("selvedge-tags", value.to_owned());
            assert_eq!(super::tags(&headers).ok().as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn media_types() {
        let name = ObjectName::parse("a/b.png").unwrap();
        let longest = format!("a/{}", "b".repeat(MEDIA_TYPE_BYTES_MAX - 2));
        let rows = [
            ("", Some("image/png")),
            ("text/plain; charset=utf-8", Some("text/plain; charset=utf-8")),
            (longest.as_str(), Some(longest.as_str())),
            (&format!("{longest}b"), None),
            ("plain", None),
            ("text/é", None),
            ("a/b\tc", None),
        ];
        for (value, expected) in rows {
            let mut headers = Headers::new();
            headers.set("content-type", value.to_owned());
            let found = media_type(&headers, &name).ok();
            assert_eq!(found.as_deref(), expected, "{value:?}");
        }
    }
}
