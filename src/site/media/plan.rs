//! The request to the media worker: `POST /render?<plan as percent-encoded JSON>`, with the bytes
//! of the source, of each overlay and of the font as its body, one after the other.
//!
//! The response is 200 with the rendition, a `Content-Type` and a `Content-Length`; or a status of
//! [`RenderError`] without a body.

use serde::{Deserialize, Serialize};

use crate::site::codec;
use crate::site::media::transformation::Transformation;
use crate::wire::percent::percent_decode;
use crate::wire::query;

/// Version of everything that decides a rendition's bytes: part of each rendition's key. A release
/// that changes them raises it.
pub const ENGINE_VERSION: u32 = 1;
/// Largest source: 25 MiB, also the largest value of a KV store.
pub const SOURCE_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Largest overlay or font.
pub const PART_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub transformation: Transformation,
    /// Lengths of the parts of the body, in bytes.
    pub source_bytes: u64,
    /// As many as there are overlays.
    pub overlay_bytes: Vec<u64>,
    /// With text only.
    pub font_bytes: Option<u64>,
}

impl Plan {
    /// Returns the target of the request.
    pub fn target(&self) -> String {
        let json = codec::encode(self);
        ["/render?", &query::encode(&json)].concat()
    }

    /// Parses the query of a target.
    pub fn parse(query: &str) -> Option<Self> {
        codec::decode_record(percent_decode(query)?.as_bytes())
    }
}

/// Why the media worker made no rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderError {
    /// 413: the source, an overlay or the font has too many bytes.
    TooLarge,
    /// 415: not an image of a supported format, or a broken one.
    Unsupported,
    /// 422: too many pixels, or too much memory to decode it.
    TooComplex,
    /// 503: too much work at once.
    Busy,
    /// 400: not a plan; the two workers are of different versions.
    BadPlan,
}

impl RenderError {
    const ALL: [Self; 5] =
        [Self::TooLarge, Self::Unsupported, Self::TooComplex, Self::Busy, Self::BadPlan];

    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Unsupported => 415,
            Self::TooComplex => 422,
            Self::Busy => 503,
            Self::BadPlan => 400,
        }
    }

    pub fn of_status(status: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.status() == status)
    }
}
