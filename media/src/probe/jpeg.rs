//! JPEG: ITU-T T.81.
//!
//! All markers are read, up to the end of the image. A scan whose data end early is decoded as
//! zeros, so a small file could ask for any number of passes over all pixels: the number of scans
//! must be known.

use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input, skip, take, take_some};
use crate::limits::{EXIF_BYTES_MAX, PROFILE_BYTES_MAX, SCANNED_PIXELS_MAX, SCANS_MAX};
use crate::probe::check_size;

/// Side of a block of coefficients.
const BLOCK: u64 = 8;
const PROFILE_INTRODUCER: &[u8] = b"ICC_PROFILE\0";
const EXIF_INTRODUCER: &[u8] = b"Exif\0\0";
const ADOBE_INTRODUCER: &[u8] = b"Adobe\0";

#[derive(Debug, Clone)]
pub(crate) struct Jpeg {
    pub size: Size,
    pub components: Vec<Sampling>,
    pub is_progressive: bool,
    pub orientation: Orientation,
    pub profile_bytes: u64,
    /// Whether Adobe's marker is there: with it, CMYK is stored inverted.
    pub is_adobe: bool,
}

/// How many blocks a component has in each minimum coded unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    pub across: u8,
    pub down: u8,
}

impl Jpeg {
    /// Returns the number of blocks of each component, with those that pad the last units.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        let across_max = self.components.iter().map(|sampling| sampling.across).max().unwrap_or(1);
        let down_max = self.components.iter().map(|sampling| sampling.down).max().unwrap_or(1);
        let units_across = u64::from(self.size.width).div_ceil(BLOCK * u64::from(across_max));
        let units_down = u64::from(self.size.height).div_ceil(BLOCK * u64::from(down_max));
        self.components.iter().map(move |sampling| {
            units_across * u64::from(sampling.across) * units_down * u64::from(sampling.down)
        })
    }
}

pub(super) fn read(input: &mut impl Input) -> Result<Jpeg, Fault> {
    let mut frame: Option<Jpeg> = None;
    let mut scans = 0;
    let mut profile_bytes = 0;
    let mut orientation = None;
    let mut is_adobe = false;
    input::seek(input, 2)?;
    loop {
        let marker = next_marker(input)?;
        match marker {
            // Without a length: temporary, restart, start of image.
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 => break,
            _ => {}
        }
        let length = u64::from(u16::from_be_bytes(take(input)?)).checked_sub(2);
        let length = length.ok_or(Fault::Broken)?;
        match marker {
            0xc0..=0xc2 => {
                if frame.is_some() {
                    return Err(Fault::Broken);
                }
                frame = Some(read_frame(marker == 0xc2, &take_some(input, length, length)?)?);
            }
            // Lossless, hierarchical and arithmetic coding.
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => return Err(Fault::Unsupported),
            0xda => {
                scans += 1;
                check_scans(frame.as_ref().ok_or(Fault::Broken)?, scans)?;
                skip(input, length)?;
            }
            0xe1 => {
                let segment = take_some(input, length, EXIF_BYTES_MAX)?;
                if orientation.is_none() && segment.starts_with(EXIF_INTRODUCER) {
                    orientation = Some(Orientation::of_exif(&segment));
                }
            }
            0xe2 => {
                let start = take_some(input, length, PROFILE_INTRODUCER.len() as u64)?;
                profile_bytes += if start == PROFILE_INTRODUCER { length } else { 0 };
            }
            0xee => {
                is_adobe |=
                    take_some(input, length, ADOBE_INTRODUCER.len() as u64)? == ADOBE_INTRODUCER;
            }
            _ => skip(input, length)?,
        }
    }
    if scans == 0 {
        return Err(Fault::Broken);
    }
    // The decoder keeps all of it.
    if profile_bytes > PROFILE_BYTES_MAX {
        return Err(Fault::TooMuchMemory);
    }
    let frame = frame.ok_or(Fault::Broken)?;
    Ok(Jpeg { orientation: orientation.unwrap_or_default(), profile_bytes, is_adobe, ..frame })
}

/// Skips entropy-coded data and fill bytes up to a marker.
fn next_marker(input: &mut impl Input) -> Result<u8, Fault> {
    loop {
        input.skip_until(0xff)?;
        let mut marker = 0xff;
        while marker == 0xff {
            [marker] = take(input)?;
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}

fn read_frame(is_progressive: bool, segment: &[u8]) -> Result<Jpeg, Fault> {
    let [precision, h1, h0, w1, w0, count, components @ ..] = segment else {
        return Err(Fault::Broken);
    };
    let size = Size {
        width: u32::from(u16::from_be_bytes([*w1, *w0])),
        height: u32::from(u16::from_be_bytes([*h1, *h0])),
    };
    if *precision != 8 || size.height == 0 || !matches!(count, 1 | 3 | 4) {
        // A height of 0 is told after the first scan: nobody writes that.
        return Err(Fault::Unsupported);
    }
    check_size(size)?;
    let (components, rest) = components.as_chunks::<3>();
    if components.len() != usize::from(*count) || !rest.is_empty() {
        return Err(Fault::Broken);
    }
    let samplings = components.iter().map(|[_, factors, _]| {
        let sampling = Sampling { across: factors >> 4, down: factors & 15 };
        let is_valid = (1..=4).contains(&sampling.across) && (1..=4).contains(&sampling.down);
        is_valid.then_some(sampling).ok_or(Fault::Broken)
    });
    Ok(Jpeg {
        size,
        components: samplings.collect::<Result<_, _>>()?,
        is_progressive,
        orientation: Orientation::default(),
        profile_bytes: 0,
        is_adobe: false,
    })
}

fn check_scans(frame: &Jpeg, scans: u32) -> Result<(), Fault> {
    let is_bounded = if frame.is_progressive {
        scans <= SCANS_MAX && frame.size.pixels() * u64::from(scans) <= SCANNED_PIXELS_MAX
    } else {
        // Each scan of a sequential image completes a component.
        scans as usize <= frame.components.len()
    };
    if is_bounded { Ok(()) } else { Err(Fault::TooManyScans) }
}
