//! Reads the header of a source before anything is decoded: its format, its size, and what decoding
//! it will cost.
//!
//! The type is that of the bytes; names and declared types are not asked.

use std::io::Read;

use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input};
use crate::limits::{ANIMATION_PIXELS_MAX, FRAMES_MAX, PIXELS_MAX, SIDE_MAX};

pub mod gif;
pub mod jpeg;
pub mod png;
pub mod webp;

use gif::Gif;
use jpeg::Jpeg;
use png::Png;
use webp::Webp;

/// Bytes that are looked at to tell the format. An SVG may begin with a comment.
const SNIFFED_BYTES_MAX: u64 = 4096;

/// A format that sources may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
    Webp,
    Gif,
    /// Has no pixels of its own, so [`probe`] refuses it: it is drawn at the size that is needed.
    Svg,
}

/// Tells the format of a source; anything else is unsupported.
pub fn sniff(input: &mut impl Input) -> Result<Kind, Fault> {
    input::seek(input, 0)?;
    let mut start = Vec::new();
    input.by_ref().take(SNIFFED_BYTES_MAX).read_to_end(&mut start)?;
    input::seek(input, 0)?;
    kind(&start).ok_or(Fault::Unsupported)
}

fn kind(start: &[u8]) -> Option<Kind> {
    match start {
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [b'\x89', b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::Webp),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
        _ => is_svg(start).then_some(Kind::Svg),
    }
}

/// Whether the root element is `svg`, after a prolog and comments.
fn is_svg(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        // An internal subset of a document type ends with `]>`.
        let has_subset = rest.find('[') < rest.find('>') && rest.contains('[');
        let endings =
            [("<!--", "-->"), ("<?", "?>"), ("<!DOCTYPE svg", if has_subset { "]>" } else { ">" })];
        let skipped =
            endings.iter().find_map(|(start, end)| Some((rest.strip_prefix(start)?, end)));
        let Some((within, end)) = skipped else { break };
        let Some((_, after)) = within.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg")
        .is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

/// What the header of a source says.
#[derive(Debug, Clone)]
pub struct Probe {
    pub kind: Kind,
    /// In pixels as they are stored; see [`Self::upright`].
    pub size: Size,
    pub orientation: Orientation,
    /// Whether pixels may be transparent.
    pub has_alpha: bool,
    /// Whether it has a colour profile.
    pub has_profile: bool,
    /// 1 for a still image.
    pub frames: u32,
    /// How often an animation is shown; 0 is forever.
    pub loops: u16,
    pub(crate) header: Header,
}

#[derive(Debug, Clone)]
pub(crate) enum Header {
    Jpeg(Jpeg),
    Png(Png),
    Webp(Webp),
    Gif(Gif),
}

impl Probe {
    /// Returns the size after orientation.
    pub fn upright(&self) -> Size {
        self.orientation.turn(self.size)
    }

    pub fn is_animated(&self) -> bool {
        self.frames > 1
    }
}

/// Reads the header of a source, and refuses what has too many pixels, frames or scans.
pub fn probe(input: &mut impl Input) -> Result<Probe, Fault> {
    let kind = sniff(input)?;
    let probe = match kind {
        Kind::Jpeg => jpeg::read(input).map(|jpeg| Probe {
            kind,
            size: jpeg.size,
            orientation: jpeg.orientation,
            has_alpha: false,
            has_profile: jpeg.profile_bytes > 0,
            frames: 1,
            loops: 0,
            header: Header::Jpeg(jpeg),
        }),
        Kind::Png => png::read(input).map(|png| Probe {
            kind,
            size: png.size,
            orientation: png.orientation,
            has_alpha: png.has_alpha,
            has_profile: png.has_profile,
            frames: 1,
            loops: 0,
            header: Header::Png(png),
        }),
        Kind::Webp => webp::read(input).map(|webp| Probe {
            kind,
            size: webp.size,
            orientation: webp.orientation,
            has_alpha: webp.has_alpha(),
            has_profile: webp.profile.is_some(),
            frames: webp.pictures.len() as u32,
            loops: webp.loops,
            header: Header::Webp(webp),
        }),
        Kind::Gif => gif::read(input).map(|gif| Probe {
            kind,
            size: gif.size,
            orientation: Orientation::default(),
            has_alpha: true,
            has_profile: false,
            frames: gif.frames,
            loops: gif.loops,
            header: Header::Gif(gif),
        }),
        Kind::Svg => Err(Fault::Unsupported),
    }?;
    check_frames(probe.size, probe.frames as usize)?;
    Ok(probe)
}

/// Refuses a size that is beyond the bounds.
fn check_size(size: Size) -> Result<(), Fault> {
    if size.width == 0 || size.height == 0 {
        return Err(Fault::Broken);
    }
    let is_bounded =
        size.width <= SIDE_MAX && size.height <= SIDE_MAX && size.pixels() <= PIXELS_MAX;
    if is_bounded { Ok(()) } else { Err(Fault::TooManyPixels) }
}

fn check_frames(size: Size, frames: usize) -> Result<(), Fault> {
    if frames > FRAMES_MAX {
        return Err(Fault::TooManyFrames);
    }
    let all_pixels = size.pixels().saturating_mul(frames as u64);
    if frames > 1 && all_pixels > ANIMATION_PIXELS_MAX {
        return Err(Fault::TooManyPixels);
    }
    Ok(())
}
