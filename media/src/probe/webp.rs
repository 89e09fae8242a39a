//! WebP: RFC 9649.
//!
//! Finds every picture, with the size that its bitstream states: the decoder would allocate that
//! before it compares it with the container's.

use std::ops::Range;

use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input, seek, take, take_some};
use crate::limits::{EXIF_BYTES_MAX, FRAMES_MAX, PROFILE_BYTES_MAX};
use crate::probe::check_size;

const CHUNK_HEADER_BYTES: u64 = 8;
const FRAME_HEADER_BYTES: u64 = 16;

#[derive(Debug, Clone)]
pub(crate) struct Webp {
    /// Of the canvas, for an animation.
    pub size: Size,
    /// At least one.
    pub pictures: Vec<Picture>,
    pub is_animated: bool,
    pub loops: u16,
    pub profile: Option<Range<u64>>,
    pub orientation: Orientation,
}

/// A still image, or the part of the canvas that a frame changes.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub x: u32,
    pub y: u32,
    pub size: Size,
    pub delay_ms: u32,
    /// Whether it is drawn over the canvas; otherwise it replaces a part of it.
    pub blends: bool,
    /// Whether its place becomes transparent after it was shown.
    pub clears: bool,
    pub coding: Coding,
    /// The chunks with its pixels, headers included.
    pub chunks: Range<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Lossy { has_alpha: bool },
    Lossless { has_alpha: bool },
}

impl Webp {
    pub fn has_alpha(&self) -> bool {
        self.is_animated || self.pictures.iter().any(|picture| picture.coding.has_alpha())
    }
}

impl Coding {
    pub fn has_alpha(self) -> bool {
        let (Self::Lossy { has_alpha } | Self::Lossless { has_alpha }) = self;
        has_alpha
    }
}

#[derive(Debug, Clone)]
struct Chunk {
    kind: [u8; 4],
    /// Where its header begins.
    start: u64,
    content: Range<u64>,
}

impl Chunk {
    /// Where the next one begins: contents are padded to an even length.
    fn next(&self) -> u64 {
        self.content.end + (self.content.end - self.content.start) % 2
    }
}

/// Reads the header of the chunk at `start`; `None` if there is none before `end`.
fn chunk(input: &mut impl Input, start: u64, end: u64) -> Result<Option<Chunk>, Fault> {
    let from = start + CHUNK_HEADER_BYTES;
    if from > end {
        return Ok(None);
    }
    seek(input, start)?;
    let kind = take(input)?;
    let length = u64::from(u32::from_le_bytes(take(input)?));
    if from + length > end {
        return Err(Fault::Broken);
    }
    Ok(Some(Chunk { kind, start, content: from..from + length }))
}

pub(super) fn read(input: &mut impl Input) -> Result<Webp, Fault> {
    input::seek(input, 4)?;
    let end = CHUNK_HEADER_BYTES + u64::from(u32::from_le_bytes(take(input)?));
    let first = chunk(input, 12, end)?.ok_or(Fault::Broken)?;
    if &first.kind == b"VP8X" {
        return read_extended(input, &first, end);
    }
    let (size, coding, chunks) = read_picture(input, first.start..end)?;
    Ok(Webp {
        size,
        pictures: vec![still(size, coding, chunks)],
        is_animated: false,
        loops: 0,
        profile: None,
        orientation: Orientation::default(),
    })
}

fn still(size: Size, coding: Coding, chunks: Range<u64>) -> Picture {
    Picture { x: 0, y: 0, size, delay_ms: 0, blends: false, clears: false, coding, chunks }
}

fn read_extended(input: &mut impl Input, first: &Chunk, end: u64) -> Result<Webp, Fault> {
    seek(input, first.content.start)?;
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = take(input)?;
    let size = Size { width: u24(w0, w1, w2) + 1, height: u24(h0, h1, h2) + 1 };
    check_size(size)?;
    let mut webp = Webp {
        size,
        pictures: Vec::new(),
        is_animated: flags & 2 != 0,
        loops: 0,
        profile: None,
        orientation: Orientation::default(),
    };
    let mut next = first.next();
    while let Some(chunk) = chunk(input, next, end)? {
        next = chunk.next();
        let length = chunk.content.end - chunk.content.start;
        match &chunk.kind {
            b"ICCP" if length <= PROFILE_BYTES_MAX => webp.profile = Some(chunk.content),
            b"EXIF" => {
                let exif = take_some(input, length, EXIF_BYTES_MAX)?;
                webp.orientation = Orientation::of_exif(&exif);
            }
            b"ANIM" => {
                let [_, _, _, _, loops @ ..]: [u8; 6] = take(input)?;
                webp.loops = u16::from_le_bytes(loops);
            }
            b"ANMF" if webp.is_animated => {
                if webp.pictures.len() == FRAMES_MAX {
                    return Err(Fault::TooManyFrames);
                }
                webp.pictures.push(read_frame(input, &chunk, size)?);
            }
            b"ALPH" | b"VP8 " | b"VP8L" if !webp.is_animated && webp.pictures.is_empty() => {
                let (own_size, coding, chunks) = read_picture(input, chunk.start..end)?;
                if own_size != size {
                    return Err(Fault::Broken);
                }
                webp.pictures.push(still(size, coding, chunks));
            }
            _ => {}
        }
    }
    if webp.pictures.is_empty() { Err(Fault::Broken) } else { Ok(webp) }
}

fn u24(low: u8, middle: u8, high: u8) -> u32 {
    u32::from_le_bytes([low, middle, high, 0])
}

fn read_frame(input: &mut impl Input, chunk: &Chunk, canvas: Size) -> Result<Picture, Fault> {
    let [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, d0, d1, d2, flags] = take(input)?;
    let (x, y) = (u24(x0, x1, x2) * 2, u24(y0, y1, y2) * 2);
    let size = Size { width: u24(w0, w1, w2) + 1, height: u24(h0, h1, h2) + 1 };
    if x + size.width > canvas.width || y + size.height > canvas.height {
        return Err(Fault::Broken);
    }
    let from = chunk.content.start + FRAME_HEADER_BYTES;
    let (own_size, coding, chunks) = read_picture(input, from..chunk.content.end)?;
    if own_size != size {
        return Err(Fault::Broken);
    }
    let (blends, clears) = (flags & 2 == 0, flags & 1 != 0);
    Ok(Picture { x, y, size, delay_ms: u24(d0, d1, d2), blends, clears, coding, chunks })
}

/// Reads the header of the first picture in a row of chunks.
fn read_picture(
    input: &mut impl Input,
    within: Range<u64>,
) -> Result<(Size, Coding, Range<u64>), Fault> {
    let mut alpha_start = None;
    let mut next = within.start;
    while let Some(chunk) = chunk(input, next, within.end)? {
        next = chunk.next();
        match &chunk.kind {
            b"ALPH" => alpha_start = alpha_start.or(Some(chunk.start)),
            b"VP8 " => {
                let coding = Coding::Lossy { has_alpha: alpha_start.is_some() };
                let start = alpha_start.unwrap_or(chunk.start);
                return Ok((lossy_size(take(input)?)?, coding, start..chunk.content.end));
            }
            b"VP8L" => {
                let (size, has_alpha) = lossless_size(take(input)?)?;
                return Ok((size, Coding::Lossless { has_alpha }, chunk.start..chunk.content.end));
            }
            _ => {}
        }
    }
    Err(Fault::Broken)
}

/// RFC 6386 section 9.1.
fn lossy_size(header: [u8; 10]) -> Result<Size, Fault> {
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = header else {
        return Err(Fault::Broken);
    };
    if tag & 1 != 0 {
        return Err(Fault::Broken);
    }
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    let size = Size { width: side(w0, w1), height: side(h0, h1) };
    check_size(size).map(|()| size)
}

/// RFC 9649 section 3.4.
fn lossless_size(header: [u8; 5]) -> Result<(Size, bool), Fault> {
    let [0x2f, bits @ ..] = header else { return Err(Fault::Broken) };
    let bits = u32::from_le_bytes(bits);
    let size = Size { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 };
    check_size(size).map(|()| (size, bits >> 28 & 1 != 0))
}
