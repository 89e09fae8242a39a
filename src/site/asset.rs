//! An asset: what a path holds, in every content coding that was made of it.
//!
//! Not the bytes: they are blobs, named by hash. The invariant is that an [`Asset`] has an
//! identity representation, so that every request for it has an answer.

use crate::site::ids::ContentHash;
use crate::site::json::{FromJson, Reader, ToJson, json_as_word, write_object};
use crate::wire::coding::Coding;
use crate::wire::path::file_extension;

/// Most representations of one asset: every coding that is known, and room for as many again.
pub const REPRESENTATIONS_MAX: usize = 8;
/// Longest media type in bytes; what fits the one length byte of a manifest entry.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Fewest characters of a fingerprint in a file name: bundlers write 8 or more.
pub const FINGERPRINT_CHARS_MIN: usize = 8;

const WANTED: &str = "an asset needs an identity representation and a media type that can be sent";

/// Which lifetime an asset gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A page: revalidated by browsers.
    Html,
    /// A file whose name changes with its content: kept for a year.
    Fingerprinted,
    /// Anything else.
    Other,
}

impl Class {
    /// The byte that stands for the class in a manifest.
    pub fn code(self) -> u8 {
        match self {
            Self::Html => 0,
            Self::Fingerprinted => 1,
            Self::Other => 2,
        }
    }

    /// The class that a manifest's byte stands for; an unknown one is the most careful.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Html,
            1 => Self::Fingerprinted,
            _ => Self::Other,
        }
    }
}

/// The bytes of an asset in one content coding.
///
/// # Source
/// RFC 9110 §8.4
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Representation {
    /// The content coding.
    pub coding: Coding,
    /// Length in bytes, as sent.
    pub length: u64,
    /// Where the bytes are: `blob/<site>/<hash>`.
    pub hash: ContentHash,
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    class: Class,
    media_type: Box<str>,
    representations: Vec<Representation>,
}

impl Asset {
    /// The asset, when the identity representation stands first and the media type can be sent.
    pub fn new(
        class: Class,
        media_type: &str,
        representations: Vec<Representation>,
    ) -> Option<Self> {
        let identity_first = representations.first()?.coding == Coding::Identity;
        let bounded = representations.len() <= REPRESENTATIONS_MAX;
        let sendable = is_media_type(media_type);
        (identity_first && bounded && sendable).then(|| Self {
            class,
            media_type: media_type.into(),
            representations,
        })
    }

    /// Which lifetime the asset gets.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The media type, as sent in `Content-Type`.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// All representations, identity first.
    pub fn representations(&self) -> &[Representation] {
        &self.representations
    }

    /// The identity representation: the content itself.
    pub fn identity(&self) -> Representation {
        let none =
            Representation { coding: Coding::Identity, length: 0, hash: ContentHash([0; 32]) };
        self.representations.first().copied().unwrap_or(none)
    }

    /// The representation in a coding, or identity where there is none.
    pub fn representation(&self, coding: Coding) -> Representation {
        let found = self.representations.iter().find(|r| r.coding == coding);
        found.copied().unwrap_or_else(|| self.identity())
    }

    /// Whether requests can get different representations, so that `Vary` must say so.
    ///
    /// # Source
    /// RFC 9110 §12.5.5
    pub fn is_negotiated(&self) -> bool {
        self.representations.len() > 1
    }
}

json_as_word!(Class, Html = "html", Fingerprinted = "fingerprinted", Other = "other");

impl ToJson for Representation {
    fn write_json(&self, text: &mut String) {
        let Self { coding, length, hash } = self;
        write_object(text, &[("coding", coding), ("length", length), ("hash", hash)]);
    }
}

impl FromJson for Representation {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        let (coding, length) = (json.member("coding")?, json.member("length")?);
        Some(Self { coding, length, hash: json.member("hash")? })
    }
}

impl ToJson for Asset {
    fn write_json(&self, text: &mut String) {
        let members: [(&str, &dyn ToJson); 3] = [
            ("class", &self.class),
            ("media_type", &&*self.media_type),
            ("representations", &self.representations),
        ];
        write_object(text, &members);
    }
}

impl FromJson for Asset {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        let media_type: String = json.member("media_type")?;
        let (class, representations) = (json.member("class")?, json.member("representations")?);
        Self::new(class, &media_type, representations).or_else(|| json.wrong(WANTED))
    }
}

/// Whether a path's file name holds a fingerprint of the content, as bundlers write it.
///
/// A token of eight characters or more between dots, hyphens and underscores: hexadecimal with
/// both letters and digits, or mixed case with digits. Dates, words and version numbers are not
/// taken for one: a wrong yes is kept by browsers for a year, a wrong no costs a revalidation.
///
/// # Example
/// ```
/// use selvedge::site::asset::has_fingerprint;
/// assert!(has_fingerprint("/assets/app.3f2a91bc.js"));
/// assert!(!has_fingerprint("/report-20260131.pdf"));
/// ```
pub fn has_fingerprint(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match file_extension(path) {
        None | Some("html" | "htm") => return false,
        Some(_) => {}
    }
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.split(['.', '-', '_']).any(is_fingerprint)
}

fn is_fingerprint(token: &str) -> bool {
    let has = |test: fn(&u8) -> bool| token.as_bytes().iter().any(test);
    let all = |test: fn(&u8) -> bool| token.as_bytes().iter().all(test);
    let hexadecimal =
        all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && has(u8::is_ascii_lowercase);
    let mixed = all(u8::is_ascii_alphanumeric)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase);
    token.len() >= FINGERPRINT_CHARS_MIN && has(u8::is_ascii_digit) && (hexadecimal || mixed)
}

/// Whether a text can be sent as a media type: printable ASCII with a slash, and bounded.
pub fn is_media_type(text: &str) -> bool {
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.contains('/')
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints() {
        let yes = [
            "/assets/app.3f2a91bc.js",
            "/index-Di4rgTda.js",
            "/_next/static/chunks/23-8c1d5f0a9b3e4d21.js",
            "/font.1a2b3c4d.woff2",
            "/static.files/rustdoc-ca0dd0c4.css",
        ];
        let no = [
            "/app.js",
            "/report-20260131.pdf",
            "/bootstrap-datepicker.js",
            "/MyDatePicker.js",
            "/jquery-3.7.1.min.js",
            "/3f2a91bc",
            "/page.3f2a91bc.html",
            "/3f2a91b.js",
            "/deadbeef.js",
            "/a.3f2a91bc/x.js",
        ];
        for path in yes {
            assert!(has_fingerprint(path), "{path}");
        }
        for path in no {
            assert!(!has_fingerprint(path), "{path}");
        }
    }

    #[test]
    fn an_asset_has_an_identity_representation() {
        let of = |coding| Representation { coding, length: 1, hash: ContentHash([1; 32]) };
        assert!(Asset::new(Class::Other, "a/b", vec![of(Coding::Identity)]).is_some());
        assert!(Asset::new(Class::Other, "a/b", vec![of(Coding::Brotli)]).is_none());
        assert!(Asset::new(Class::Other, "a/b", vec![]).is_none());
        assert!(Asset::new(Class::Other, "a/b\r\nX: y", vec![of(Coding::Identity)]).is_none());
        let many = vec![of(Coding::Identity); REPRESENTATIONS_MAX + 1];
        assert!(Asset::new(Class::Other, "a/b", many).is_none());
    }
}
