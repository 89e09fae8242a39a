//! Decodes WebP, picture by picture.
//!
//! The decoder gets each picture as a separate file: a header that is written here, and the chunks
//! that [`probe::webp`](crate::probe::webp) has checked.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use image_webp::{DecodingError, WebPDecoder};

use crate::decode::canvas::{Canvas, Place};
use crate::decode::colour::Conversion;
use crate::decode::shrink::{self, shrink};
use crate::decode::{Channels, Pixels, still};
use crate::fault::Fault;
use crate::image::Frame;
use crate::input::{self, Input};
use crate::limits::{MEMORY_BYTES_MAX, PROFILE_BYTES_MAX};
use crate::probe::webp::{Coding, Picture, Webp};

const BASE_BYTES: u64 = 2 * 1024 * 1024;
/// Of a block of 16 x 16 pixels: 30 bytes, three times while a vector of them doubles.
const BLOCK_BYTES: u64 = 96;

/// Estimates the memory at the peak. Lossless files have as many codes as they like, which can cost
/// more than this; so the decoder is stopped if memory really runs out.
///
/// A lossy file with a wrong length of a partition makes the decoder allocate up to 16 MiB more,
/// just before it fails. Counting that would refuse good files of more than 13 MP.
pub(super) fn cost_bytes(webp: &Webp, factor: u32, turns: bool, kept: u64) -> u64 {
    let decoding = webp.pictures.iter().map(picture_bytes).max().unwrap_or(0);
    let shrunk = webp.size.shrunk(factor).pixels() * 4;
    let turned = if turns { shrunk } else { 0 };
    let working = if webp.is_animated {
        let canvas = webp.size.pixels() * 4;
        canvas + shrunk * (kept - 1) + decoding.max(shrunk + turned)
    } else {
        let decoded = if factor > 1 { webp.size.pixels() * 4 } else { 0 };
        decoding.max(decoded + shrunk).max(shrunk + turned)
    };
    let profile = if webp.profile.is_some() { PROFILE_BYTES_MAX } else { 0 };
    BASE_BYTES + profile + working + shrink::cost_bytes(webp.size.width)
}

fn picture_bytes(picture: &Picture) -> u64 {
    let pixels = picture.size.pixels();
    let blocks =
        u64::from(picture.size.width.div_ceil(16)) * u64::from(picture.size.height.div_ceil(16));
    let compressed = picture.chunks.end - picture.chunks.start;
    // Luma, and chroma at a quarter.
    let planes = blocks * (16 * 16 * 3 / 2 + BLOCK_BYTES) + compressed;
    match picture.coding {
        Coding::Lossy { has_alpha: false } => planes + pixels * 3,
        // Alpha is decoded as a whole image, of which one channel is used.
        Coding::Lossy { has_alpha: true } => planes + pixels * (4 + 4 + 1),
        // The codes of tiles and transformations.
        Coding::Lossless { .. } => pixels * 4 + pixels / 2,
    }
}

pub(super) fn decode(
    input: &mut impl Input,
    webp: &Webp,
    factor: u32,
    each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let profile = read_profile(input, webp);
    if !webp.is_animated {
        let picture = webp.pictures.first().ok_or(Fault::Broken)?;
        let pixels = decode_picture(input, picture)?;
        let conversion = Conversion::of_profile(profile, pixels.channels);
        let _ = each(still(shrink(pixels, factor), &conversion, webp.orientation));
        return Ok(());
    }
    let conversion = Conversion::of_profile(profile, Channels::Rgba);
    let mut canvas = Canvas::new(webp.size);
    for picture in &webp.pictures {
        let place = Place { x: picture.x, y: picture.y, size: picture.size };
        let pixels = decode_picture(input, picture)?;
        match pixels.channels {
            Channels::Rgba => {
                let pixels = pixels.bytes.as_chunks::<4>().0;
                canvas.draw(place, picture.blends, |at| pixels[at]);
            }
            _ => {
                let pixels = pixels.bytes.as_chunks::<3>().0;
                canvas.draw(place, false, |at| {
                    let [red, green, blue] = pixels[at];
                    [red, green, blue, u8::MAX]
                });
            }
        }
        drop(pixels);
        let image = webp.orientation.apply(conversion.to_srgb(canvas.shrunk(factor)));
        if each(Frame { image, delay_ms: picture.delay_ms }).is_break() {
            break;
        }
        if picture.clears {
            canvas.clear(place);
        }
    }
    Ok(())
}

fn read_profile(input: &mut impl Input, webp: &Webp) -> Option<Vec<u8>> {
    let range = webp.profile.as_ref()?;
    input::seek(input, range.start).ok()?;
    let length = range.end - range.start;
    input::take_some(input, length, length).ok()
}

fn decode_picture(input: &mut impl Input, picture: &Picture) -> Result<Pixels, Fault> {
    let mut decoder = WebPDecoder::new(PictureFile::new(input, picture)).map_err(fault)?;
    let channels = if decoder.has_alpha() { Channels::Rgba } else { Channels::Rgb };
    let mut bytes = vec![0; decoder.output_buffer_size().ok_or(Fault::TooMuchMemory)?];
    decoder.read_image(&mut bytes).map_err(fault)?;
    if picture.coding == (Coding::Lossless { has_alpha: false }) {
        bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
    Ok(Pixels { size: picture.size, channels, bytes })
}

fn fault(error: DecodingError) -> Fault {
    match error {
        DecodingError::IoError(error) => error.into(),
        DecodingError::ImageTooLarge | DecodingError::MemoryLimitExceeded => Fault::TooMuchMemory,
        DecodingError::UnsupportedFeature(_) => Fault::Unsupported,
        _ => Fault::Broken,
    }
}

/// `RIFF` and its length, `WEBP`, and a chunk `VP8X`.
const HEADER_BYTES: usize = 30;

/// A picture as a separate file.
struct PictureFile<'a, I> {
    header: [u8; HEADER_BYTES],
    input: &'a mut I,
    start: u64,
    length: u64,
    position: u64,
}

impl<'a, I: Input> PictureFile<'a, I> {
    fn new(input: &'a mut I, picture: &Picture) -> Self {
        // Lossless images are always decoded with alpha: without it, they are decoded into a second
        // buffer.
        let has_alpha = picture.coding != (Coding::Lossy { has_alpha: false });
        let length = picture.chunks.end - picture.chunks.start;
        let mut header = *b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let riff_bytes = (HEADER_BYTES as u64 - 8 + length) as u32;
        header[4..8].copy_from_slice(&riff_bytes.to_le_bytes());
        header[20] = if has_alpha { 0x10 } else { 0 };
        header[24..27].copy_from_slice(&(picture.size.width - 1).to_le_bytes()[..3]);
        header[27..30].copy_from_slice(&(picture.size.height - 1).to_le_bytes()[..3]);
        Self { header, input, start: picture.chunks.start, length, position: 0 }
    }

    fn seek_to(&mut self, position: u64) -> io::Result<u64> {
        self.position = position;
        if let Some(offset) = position.checked_sub(HEADER_BYTES as u64) {
            input::seek(self.input, self.start.saturating_add(offset))?;
        }
        Ok(position)
    }
}

impl<I: Input> BufRead for PictureFile<'_, I> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.input.memory_bytes() > MEMORY_BYTES_MAX {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let Some(offset) = self.position.checked_sub(HEADER_BYTES as u64) else {
            return Ok(&self.header[self.position as usize..]);
        };
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(&[]);
        }
        let bytes = self.input.fill_buf()?;
        Ok(&bytes[..bytes.len().min(left)])
    }

    fn consume(&mut self, amount: usize) {
        let before = self.position;
        self.position += amount as u64;
        if before >= HEADER_BYTES as u64 {
            self.input.consume(amount);
        } else if self.position == HEADER_BYTES as u64 {
            // An error shows when the next bytes are read.
            let _ = self.seek_to(self.position);
        }
    }
}

impl<I: Input> Read for PictureFile<'_, I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<I: Input> Seek for PictureFile<'_, I> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => (HEADER_BYTES as u64 + self.length).checked_add_signed(offset),
        };
        self.seek_to(position.ok_or(io::ErrorKind::InvalidInput)?)
    }
}
