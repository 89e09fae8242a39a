//! Content codings, made at publish time where they save enough.
//!
//! The output is deterministic: blobs are named by their content, so it is never sent twice.

use std::io::{self, Write};

use crate::wire::coding::Coding;
use crate::wire::media_type;

/// Increases when an encoder or a setting changes, which invalidates caches.
pub const ENCODER_VERSION: u32 = 2;
/// Minimum size to encode: a shorter file fits one packet with its headers, and each coding is one
/// more blob to send and to keep.
pub const ENCODE_BYTES_MIN: u64 = 512;
/// Maximum size to encode: files are held in memory, one per thread.
pub const ENCODE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A coding must save one part in this many: 5 %.
pub const SAVING_DIVISOR: u64 = 20;
/// From this size on, encoders use a lower level, so that a few large files don't delay a publish.
pub const LARGE_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Effort {
    /// For development; a few percent larger
    Fast,
    /// Balanced
    #[default]
    Default,
    /// As small as possible: brotli 11, zstd 19, gzip 9; takes ten times as long
    Best,
}

impl Effort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Default => "default",
            Self::Best => "best",
        }
    }

    pub fn level(self, coding: Coding, length: usize) -> u32 {
        let large = length >= LARGE_BYTES;
        match (coding, self) {
            (Coding::Identity, _) => 0,
            (Coding::Brotli, Self::Fast) => 4,
            (Coding::Brotli, Self::Default) if large => 5,
            (Coding::Brotli, Self::Default) => 7,
            (Coding::Brotli, Self::Best) => 11,
            (Coding::Zstd, Self::Fast) => 3,
            (Coding::Zstd, Self::Default) if large => 9,
            (Coding::Zstd, Self::Default) => 12,
            (Coding::Zstd, Self::Best) => 19,
            (Coding::Gzip, Self::Fast) => 4,
            (Coding::Gzip, Self::Default) => 6,
            (Coding::Gzip, Self::Best) => 9,
        }
    }
}

/// Returns the codings to try. Brotli comes before Zstandard: see [`is_worth_keeping`].
pub fn codings_for(media_type: &str, length: u64) -> &'static [Coding] {
    let sized = (ENCODE_BYTES_MIN..=ENCODE_BYTES_MAX).contains(&length);
    if sized && media_type::is_compressible(media_type) {
        &[Coding::Brotli, Coding::Zstd, Coding::Gzip]
    } else {
        &[]
    }
}

/// Encodes content; `None` if that doesn't save enough.
pub fn encode(coding: Coding, effort: Effort, content: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let level = effort.level(coding, content.len());
    let encoded = match coding {
        Coding::Identity => return Ok(None),
        Coding::Gzip => gzip(content, level)?,
        Coding::Brotli => brotli(content, level)?,
        Coding::Zstd => zstd(content, level)?,
    };
    Ok(saves_enough(content.len() as u64, encoded.len() as u64).then_some(encoded))
}

pub fn saves_enough(content_length: u64, encoded_length: u64) -> bool {
    encoded_length.saturating_add(content_length.div_ceil(SAVING_DIVISOR)) <= content_length
}

/// Returns whether an encoding is worth keeping beside the ones kept so far.
///
/// Every client that accepts Zstandard accepts Brotli, and the shorter one is sent. So a Zstandard
/// that is not shorter than Brotli would never be sent.
pub fn is_worth_keeping(coding: Coding, length: u64, kept: impl Iterator<Item = u64>) -> bool {
    coding != Coding::Zstd || kept.min().is_none_or(|shortest| length < shortest)
}

fn gzip(content: &[u8], level: u32) -> io::Result<Vec<u8>> {
    // No name and no time in the header: they would make the same content a new blob.
    let output = Vec::with_capacity(content.len() / 3);
    let mut encoder = flate2::write::GzEncoder::new(output, flate2::Compression::new(level));
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(content: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: level as i32,
        lgwin: 22,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut output = Vec::with_capacity(content.len() / 3);
    brotli::BrotliCompress(&mut &content[..], &mut output, &params)?;
    Ok(output)
}

fn zstd(content: &[u8], level: u32) -> io::Result<Vec<u8>> {
    // Browsers refuse windows above 8 MiB (RFC 9659 section 3); these levels stay within.
    zstd::bulk::compress(content, level as i32)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn text(bytes: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut out = Vec::new();
        while out.len() < bytes {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            out.extend_from_slice(
                format!("<li><a href=\"/{}\">{state}</a>\n", state >> 20).as_bytes(),
            );
        }
        out.truncate(bytes);
        out
    }

    fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Gzip => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out)),
            Coding::Brotli => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out)),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(bytes).unwrap();
                decoder.window_log_max(23).unwrap();
                decoder.read_to_end(&mut out).unwrap();
            }
            Coding::Identity => out.extend_from_slice(bytes),
        }
        out
    }

    #[test]
    fn every_coding_at_every_effort_decodes_to_the_content() {
        for bytes in [64, 1_000, LARGE_BYTES - 1, LARGE_BYTES] {
            let content = text(bytes);
            // The best effort is the same for all lengths, and takes long.
            let efforts = [Effort::Fast, Effort::Default, Effort::Best];
            for effort in efforts.into_iter().take(if bytes < LARGE_BYTES - 1 { 3 } else { 2 }) {
                for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
                    let Some(encoded) = encode(coding, effort, &content).unwrap() else {
                        assert!(bytes < 1_000, "{coding:?} {effort:?} {bytes}");
                        continue;
                    };
                    assert!(decode(coding, &encoded) == content, "{coding:?} {effort:?} {bytes}");
                    assert_eq!(encode(coding, effort, &content).unwrap(), Some(encoded));
                }
            }
        }
    }

    #[test]
    fn zstandard_windows_stay_within_browser_limits() {
        // Larger than the largest window, and repetitive, so that it takes no time.
        let content = text(64 * 1024).repeat(160);
        let encoded = zstd(&content, 19).unwrap();
        assert!(decode(Coding::Zstd, &encoded) == content);
    }

    #[test]
    fn noise_is_not_encoded() {
        let mut state = 7_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(4_096)
        .collect();
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            assert_eq!(encode(coding, Effort::Default, &noise).unwrap(), None);
        }
    }

    #[test]
    fn savings() {
        let rows =
            [(100, 95, true), (100, 96, false), (99, 94, true), (99, 95, false), (20, 19, true)];
        for (content, encoded, expected) in rows {
            assert_eq!(saves_enough(content, encoded), expected, "{encoded} of {content}");
        }
    }

    #[test]
    fn zstandard_is_kept_only_if_shorter_than_brotli() {
        let rows = [
            (Coding::Zstd, 9, vec![10], true),
            (Coding::Zstd, 10, vec![10], false),
            (Coding::Zstd, 10, vec![], true),
            (Coding::Gzip, 20, vec![10, 9], true),
            (Coding::Brotli, 20, vec![], true),
        ];
        for (coding, length, kept, expected) in rows {
            let found = is_worth_keeping(coding, length, kept.iter().copied());
            assert_eq!(found, expected, "{coding:?} {length} beside {kept:?}");
        }
    }

    #[test]
    fn codings_by_type_and_length() {
        let rows = [
            ("text/html; charset=utf-8", ENCODE_BYTES_MIN - 1, 0),
            ("text/html; charset=utf-8", ENCODE_BYTES_MIN, 3),
            ("text/html; charset=utf-8", ENCODE_BYTES_MAX, 3),
            ("text/html; charset=utf-8", ENCODE_BYTES_MAX + 1, 0),
            ("image/png", 1_000, 0),
            ("image/svg+xml", 1_000, 3),
        ];
        for (media_type, length, expected) in rows {
            assert_eq!(codings_for(media_type, length).len(), expected, "{media_type} {length}");
        }
    }
}
