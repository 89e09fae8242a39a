//! The request to the media worker: `POST /render?lengths=<lengths>&<transformation>`, with the
//! bytes of the source, of each overlay and of the font as its body, one after the other.
//!
//! The transformation is in its canonical form, so both workers share one grammar, and workers of
//! different releases notice it. The response is 200 with the rendition, a `Content-Type` and a
//! `Content-Length`; or a status of [`RenderError`] without a body.

use crate::site::media::grammar::parse_canonical;
use crate::site::media::transformation::Transformation;
use crate::wire::text::push_number;

/// Version of everything that decides a rendition's bytes: part of each rendition's key. A release
/// that changes them raises it.
pub const ENGINE_VERSION: u32 = 1;
/// Largest source: 25 MiB, also the largest value of a KV store.
pub const SOURCE_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Largest overlay or font.
pub const PART_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The path of requests.
const PATH: &str = "/render?lengths=";
/// Maximum number of digits of a length, so that no sum of lengths overflows.
const DIGITS_MAX: usize = 18;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub transformation: Transformation,
    /// Lengths of the parts of the body in bytes: the source, each overlay, the font.
    pub lengths: Vec<u64>,
}

impl Plan {
    /// Parses the query of a target. There are as many lengths as the transformation has parts.
    pub fn parse(query: &str) -> Option<Self> {
        let (lengths, canonical) = query.strip_prefix("lengths=")?.split_once('&')?;
        let transformation = parse_canonical(canonical)?;
        let lengths: Vec<u64> = lengths.split(',').map(length).collect::<Option<_>>()?;
        let parts = [1, transformation.overlays.len(), transformation.text.iter().len()];
        (lengths.len() == parts.iter().sum::<usize>()).then_some(Self { transformation, lengths })
    }
}

/// Returns the target of a request.
pub fn target(canonical: &str, lengths: &[u64]) -> String {
    let mut target = PATH.to_owned();
    for (at, length) in lengths.iter().enumerate() {
        if at > 0 {
            target.push(',');
        }
        push_number(&mut target, *length, 1);
    }
    target.push('&');
    target.push_str(canonical);
    target
}

fn length(text: &str) -> Option<u64> {
    let is_number = text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
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

#[cfg(test)]
mod tests {
    use super::{Plan, target};

    #[test]
    fn plans_have_the_lengths_of_all_parts() {
        let rows = [
            ("lengths=1&", true),
            ("lengths=0&w=800", true),
            ("lengths=1,2,3&mark=%2Fa.png&mark2=%2Fb.png", true),
            ("lengths=1,2,3&mark=%2Fa.png&txt=a&txt-font=%2Ff.ttf&txt-size=9", true),
            ("lengths=1&accept=avif&accept=webp&w=8", true),
            ("lengths=999999999999999999&", true),
            ("lengths=1,2&", false),
            ("lengths=1&mark=%2Fa.png", false),
            ("lengths=1,2,3&mark=%2Fa.png", false),
            ("lengths=1&txt=a&txt-font=%2Ff.ttf&txt-size=9", false),
            ("lengths=&", false),
            ("lengths=,&", false),
            ("lengths=-1&", false),
            ("lengths=+1&", false),
            ("lengths=1.0&", false),
            ("lengths=9999999999999999999&", false),
            ("lengths=1", false),
            ("w=800", false),
            ("", false),
            // Not canonical: of another release, or not of a worker.
            ("lengths=1&w=0800", false),
            ("lengths=1&w=800&h=600", false),
            ("lengths=1&w=800&later=1", false),
            ("lengths=1&accept=webp&accept=avif", false),
            ("lengths=1&accept=avif&fm=jpg", false),
            ("lengths=1&q=75", false),
            ("lengths=1&p=mug", false),
            ("lengths=1&w=4097", false),
            ("lengths=1&%77=800", false),
        ];
        for (query, is_plan) in rows {
            let plan = Plan::parse(query);
            assert_eq!(plan.is_some(), is_plan, "{query}");
            if let Some(Plan { transformation, lengths }) = plan {
                let target = target(&transformation.canonical(), &lengths);
                assert_eq!(target, ["/render?", query].concat());
            }
        }
    }
}
