//! Decodes a source into upright frames in sRGB, shrunk on the way where that saves memory.
//!
//! JPEG is shrunk by its transform, the other formats by averaging squares of pixels. Only then are
//! colours converted and is the orientation applied.

use std::ops::ControlFlow;

use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::{Decoded, Frame, Image, Layout, Size};
use crate::input::Input;
use crate::limits::MEMORY_BYTES_MAX;
use crate::probe::{Header, Probe};

mod canvas;
mod colour;
mod gif;
mod jpeg;
mod png;
mod shrink;
mod webp;

use colour::Conversion;

/// Decodes all frames. `need` is the upright size below which frames are not shrunk, except to half
/// of it where more does not fit into memory.
pub fn decode(input: &mut impl Input, probe: &Probe, need: Size) -> Result<Decoded, Fault> {
    let all_frames = u64::from(probe.frames);
    collect(input, probe, need, all_frames)
}

/// Decodes the first frame.
pub fn decode_first(input: &mut impl Input, probe: &Probe, need: Size) -> Result<Decoded, Fault> {
    collect(input, probe, need, 1)
}

fn collect(input: &mut impl Input, probe: &Probe, need: Size, kept: u64) -> Result<Decoded, Fault> {
    let mut frames = Vec::new();
    run(input, probe, need, kept, &mut |frame| {
        frames.push(frame);
        if (frames.len() as u64) < kept {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(Decoded { frames, loops: probe.loops, original: probe.upright() })
}

/// Decodes frame after frame, so that only one of them is in memory. All frames have the same size
/// and layout.
pub fn decode_each(
    input: &mut impl Input,
    probe: &Probe,
    need: Size,
    each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
) -> Result<(), Fault> {
    run(input, probe, need, 1, each)
}

fn run(
    input: &mut impl Input,
    probe: &Probe,
    need: Size,
    kept: u64,
    each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let Shrinking { factor, .. } = probe.shrinking(need, kept)?;
    match &probe.header {
        Header::Jpeg(jpeg) => {
            let (pixels, conversion) = jpeg::decode(input, jpeg, factor)?;
            let _ = each(still(pixels, &conversion, probe.orientation));
            Ok(())
        }
        Header::Png(png) => {
            let (pixels, conversion) = png::decode(input, png, factor)?;
            let _ = each(still(pixels, &conversion, probe.orientation));
            Ok(())
        }
        Header::Webp(webp) => webp::decode(input, webp, factor, each),
        Header::Gif(gif) => gif::decode(input, gif, factor, each),
    }
}

/// Pixels as a decoder returns them.
struct Pixels {
    size: Size,
    channels: Channels,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channels {
    Gray,
    Rgb,
    Rgba,
    /// Amounts of ink.
    Cmyk,
}

impl Channels {
    fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// Finishes a still image.
fn still(pixels: Pixels, conversion: &Conversion, orientation: Orientation) -> Frame {
    let image = without_opaque_alpha(conversion.to_srgb(pixels));
    Frame { image: orientation.apply(image), delay_ms: 0 }
}

/// Drops an alpha channel that hides nothing, so that the image can become a JPEG.
fn without_opaque_alpha(mut image: Image) -> Image {
    let is_opaque = |pixel: &[u8]| pixel[3] == u8::MAX;
    if image.layout == Layout::Rgb || !image.pixels.chunks_exact(4).all(is_opaque) {
        return image;
    }
    let count = image.pixels.len() / 4;
    for index in 1..count {
        image.pixels.copy_within(index * 4..index * 4 + 3, index * 3);
    }
    image.pixels.truncate(count * 3);
    image.pixels.shrink_to_fit();
    Image { layout: Layout::Rgb, ..image }
}

/// By how much a source is shrunk while it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shrinking {
    factor: u32,
    /// Estimate of the most memory that decoding takes at once.
    memory_bytes: u64,
}

impl Probe {
    /// Estimates the memory that [`decode`] takes at its peak, result included.
    pub fn memory_bytes(&self, need: Size) -> Result<u64, Fault> {
        Ok(self.shrinking(need, u64::from(self.frames))?.memory_bytes)
    }

    /// Decides how much is shrunk if `kept` frames are in memory at the end: the least that leaves
    /// enough for good quality, or else the least that fits into memory.
    fn shrinking(&self, need: Size, kept: u64) -> Result<Shrinking, Fault> {
        let need = self.orientation.turn(need);
        let factors: &[u32] = match self.header {
            Header::Jpeg(_) => &jpeg::FACTORS,
            _ => &shrink::FACTORS,
        };
        let surplus = match self.header {
            Header::Jpeg(_) => 1,
            _ => shrink::SURPLUS,
        };
        // Enlarging needs no more than there is.
        let need = Size {
            width: need.width.min(self.size.width),
            height: need.height.min(self.size.height),
        };
        let leaves = |factor: u32, least: Size| {
            let left = self.size.shrunk(factor);
            left.width >= least.width && left.height >= least.height
        };
        let best = Size {
            width: need.width.saturating_mul(surplus),
            height: need.height.saturating_mul(surplus),
        };
        let preferred = factors.iter().copied().filter(|factor| leaves(*factor, best)).max();
        let preferred = preferred.unwrap_or(1);
        let half = Size { width: need.width.div_ceil(2), height: need.height.div_ceil(2) };
        let possible = factors.iter().copied().filter(|factor| *factor >= preferred);
        possible
            .filter(|factor| *factor == preferred || leaves(*factor, half))
            .map(|factor| Shrinking { factor, memory_bytes: self.cost_bytes(factor, kept) })
            .find(|shrinking| shrinking.memory_bytes <= MEMORY_BYTES_MAX)
            .ok_or(Fault::TooMuchMemory)
    }

    fn cost_bytes(&self, factor: u32, kept: u64) -> u64 {
        let turns = self.orientation.transposes;
        match &self.header {
            Header::Jpeg(jpeg) => jpeg::cost_bytes(jpeg, factor, turns),
            Header::Png(png) => png::cost_bytes(png, factor, turns),
            Header::Webp(webp) => webp::cost_bytes(webp, factor, turns, kept),
            Header::Gif(gif) => gif::cost_bytes(gif, factor, kept),
        }
    }
}
