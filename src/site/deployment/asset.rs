//! An asset: what a path holds, in every content coding that was made of it.
//!
//! Not the bytes: they are blobs, named by hash. The invariant is that an [`Asset`] has an
//! identity representation, so that every request for it has an answer.

use serde::{Deserialize, Serialize};

use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Most representations of one asset: every coding that is known, and room for as many again.
pub const REPRESENTATIONS_MAX: usize = 8;
/// Longest media type in bytes; what fits the one length byte of a manifest entry.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

const WANTED: &str = "an asset needs an identity representation and a media type that can be sent";

/// How long an asset may be kept, and whether it outlives its deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A page. Browsers revalidate it.
    Html,
    /// A file whose name changes with its content. Browsers keep it for a year, and it is still
    /// served after a deployment that lacks it.
    Fingerprinted,
    /// A file whose name may hold a hash. Browsers revalidate it, but it is still served after a
    /// deployment that lacks it.
    Retained,
    /// A file whose name looks fingerprinted, but whose content changed under that name.
    Mutable,
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
            Self::Retained => 3,
            Self::Mutable => 4,
        }
    }

    /// The class that a manifest's byte stands for; an unknown one is the most careful.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Html,
            1 => Self::Fingerprinted,
            3 => Self::Retained,
            4 => Self::Mutable,
            _ => Self::Other,
        }
    }

    /// Whether a file of a retained deployment is served where the live one lacks it.
    pub fn outlives_deployment(self) -> bool {
        matches!(self, Self::Fingerprinted | Self::Retained)
    }
}

/// The bytes of an asset in one content coding.
///
/// # Source
/// RFC 9110 §8.4
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// The content coding.
    pub coding: Coding,
    /// Length in bytes, as sent.
    pub length: u64,
    /// Where the bytes are: `blob/<site>/<hash>`.
    pub hash: ContentHash,
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedAsset")]
pub struct Asset {
    class: Class,
    media_type: Box<str>,
    representations: Vec<Representation>,
}

#[derive(Deserialize)]
struct UncheckedAsset {
    class: Class,
    media_type: String,
    representations: Vec<Representation>,
}

impl TryFrom<UncheckedAsset> for Asset {
    type Error = &'static str;
    fn try_from(asset: UncheckedAsset) -> Result<Self, &'static str> {
        Self::new(asset.class, &asset.media_type, asset.representations).ok_or(WANTED)
    }
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
