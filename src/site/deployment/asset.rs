//! An asset: the content of a path in each of its codings, as hashes of blobs.
//!
//! Every asset has an identity representation, so that every request for it can be satisfied.

use serde::{Deserialize, Serialize};

use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Maximum number of representations: every known coding, and room for as many again.
pub const REPRESENTATIONS_MAX: usize = 8;
/// Longest media type in bytes: its length is one byte in a manifest entry.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

const WANTED: &str = "an asset needs an identity representation and a media type that can be sent";

/// Decides how long an asset is cached, and whether it outlives its deployment. The numbers are
/// stored in manifests, and must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Html = 0,
    /// The name changes with the content: cached for a year, and still served after a deployment
    /// that lacks it.
    Fingerprinted = 1,
    /// The name may have a hash: revalidated, but still served after a deployment that lacks it.
    Retained = 3,
    /// The name looks fingerprinted, but the content changed under it.
    Mutable = 4,
    Other = 2,
}

impl Class {
    /// Returns the byte of the class in a manifest.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Converts a byte of a manifest; an unknown class is treated as `Other`, the safe choice.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Html,
            1 => Self::Fingerprinted,
            3 => Self::Retained,
            4 => Self::Mutable,
            _ => Self::Other,
        }
    }

    /// Returns whether a retained deployment's file is served if the live one lacks it.
    pub fn outlives_deployment(self) -> bool {
        matches!(self, Self::Fingerprinted | Self::Retained)
    }
}

/// An asset in one content coding (RFC 9110 section 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    pub coding: Coding,
    /// In bytes, as sent.
    pub length: u64,
    /// Names the blob.
    pub hash: ContentHash,
}

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
    /// Returns the asset if the first representation is identity and the media type can be sent.
    pub fn new(
        class: Class,
        media_type: &str,
        representations: Vec<Representation>,
    ) -> Option<Self> {
        let identity_first = representations.first()?.coding == Coding::Identity;
        let bounded = representations.len() <= REPRESENTATIONS_MAX;
        let sendable = is_sendable_type(media_type);
        (identity_first && bounded && sendable).then(|| Self {
            class,
            media_type: media_type.into(),
            representations,
        })
    }

    pub fn class(&self) -> Class {
        self.class
    }

    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns all representations, identity first.
    pub fn representations(&self) -> &[Representation] {
        &self.representations
    }

    pub fn identity(&self) -> Representation {
        let none =
            Representation { coding: Coding::Identity, length: 0, hash: ContentHash([0; 32]) };
        self.representations.first().copied().unwrap_or(none)
    }

    /// Returns the representation in a coding, or identity without one.
    pub fn representation(&self, coding: Coding) -> Representation {
        let found = self.representations.iter().find(|r| r.coding == coding);
        found.copied().unwrap_or_else(|| self.identity())
    }

    /// Returns whether responses differ in coding, and so need `Vary` (RFC 9110 section 12.5.5).
    pub fn is_negotiated(&self) -> bool {
        self.representations.len() > 1
    }
}

/// Returns whether a text can be sent as a media type: printable ASCII with a slash, and bounded.
/// Looser than [`crate::wire::media_type::is_media_type`], because it decides about stored assets.
pub fn is_sendable_type(text: &str) -> bool {
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.contains('/')
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_need_an_identity_representation() {
        let of = |coding| Representation { coding, length: 1, hash: ContentHash([1; 32]) };
        assert!(Asset::new(Class::Other, "a/b", vec![of(Coding::Identity)]).is_some());
        assert!(Asset::new(Class::Other, "a/b", vec![of(Coding::Brotli)]).is_none());
        assert!(Asset::new(Class::Other, "a/b", vec![]).is_none());
        assert!(Asset::new(Class::Other, "a/b\r\nX: y", vec![of(Coding::Identity)]).is_none());
        let many = vec![of(Coding::Identity); REPRESENTATIONS_MAX + 1];
        assert!(Asset::new(Class::Other, "a/b", many).is_none());
    }
}
