//! PNG: W3C Portable Network Graphics, third edition.

use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input, skip, take, take_some};
use crate::limits::EXIF_BYTES_MAX;
use crate::probe::check_size;

const SIGNATURE_BYTES: u64 = 8;
const CHECKSUM_BYTES: u64 = 4;

#[derive(Debug, Clone)]
pub(crate) struct Png {
    pub size: Size,
    pub is_interlaced: bool,
    pub bits_per_pixel: u64,
    pub has_alpha: bool,
    pub has_profile: bool,
    pub orientation: Orientation,
}

pub(super) fn read(input: &mut impl Input) -> Result<Png, Fault> {
    input::seek(input, SIGNATURE_BYTES)?;
    let (length, kind) = chunk(input)?;
    if (length, &kind) != (13, b"IHDR") {
        return Err(Fault::Broken);
    }
    let mut png = read_header(take(input)?)?;
    skip(input, CHECKSUM_BYTES)?;
    // A missing end is for the decoder to judge.
    while let Ok((length, kind)) = chunk(input) {
        let mut left = length;
        match &kind {
            b"IEND" => break,
            b"tRNS" => png.has_alpha = true,
            b"iCCP" => png.has_profile = true,
            // It may follow the pixels.
            b"eXIf" => {
                let Ok(exif) = take_some(input, length, EXIF_BYTES_MAX) else { break };
                png.orientation = Orientation::of_exif(&exif);
                left = 0;
            }
            _ => {}
        }
        skip(input, left + CHECKSUM_BYTES)?;
    }
    Ok(png)
}

fn chunk(input: &mut impl Input) -> Result<(u64, [u8; 4]), Fault> {
    let length = u32::from_be_bytes(take(input)?);
    Ok((u64::from(length), take(input)?))
}

fn read_header(header: [u8; 13]) -> Result<Png, Fault> {
    let [w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, _, _, interlace] = header;
    let size = Size {
        width: u32::from_be_bytes([w3, w2, w1, w0]),
        height: u32::from_be_bytes([h3, h2, h1, h0]),
    };
    check_size(size)?;
    let (channels, has_alpha) = match colour {
        0 | 3 => (1, false),
        2 => (3, false),
        4 => (2, true),
        6 => (4, true),
        _ => return Err(Fault::Broken),
    };
    Ok(Png {
        size,
        is_interlaced: interlace != 0,
        bits_per_pixel: u64::from(depth.min(16)) * channels,
        has_alpha,
        has_profile: false,
        orientation: Orientation::default(),
    })
}
