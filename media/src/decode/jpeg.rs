//! Decodes JPEG, shrunk by its transform.

use jpeg_decoder::{Decoder, Error, PixelFormat};

use crate::decode::colour::Conversion;
use crate::decode::{Channels, Pixels};
use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input};
use crate::probe::jpeg::Jpeg;

/// What the transform can shrink by: a block of 8 x 8 coefficients becomes 8, 4, 2 or 1 pixel wide.
pub(super) const FACTORS: [u32; 4] = [1, 2, 4, 8];

/// Of a block: 64 coefficients of 16 bits.
const COEFFICIENTS_BYTES: u64 = 128;
/// Tables, segments and rows of coefficients.
const BASE_BYTES: u64 = 1024 * 1024;

/// Estimates the memory of the decoder at its peak: all coefficients, if the file is progressive,
/// the planes of all components, and the pixels; or that of the conversion after it.
pub(super) fn cost_bytes(jpeg: &Jpeg, factor: u32, turns: bool) -> u64 {
    let blocks: u64 = jpeg.blocks().sum();
    let block_side = u64::from(8 / factor);
    let planes = blocks * block_side * block_side;
    let coefficients = if jpeg.is_progressive { blocks * COEFFICIENTS_BYTES } else { 0 };
    let pixels = jpeg.size.shrunk(factor).pixels();
    let output = match jpeg.components.len() as u64 {
        // The plane is the output.
        1 => 0,
        count => pixels * count,
    };
    let converts = if jpeg.components.len() == 3 { 0 } else { 3 };
    let turned = if turns { 3 } else { 0 };
    let decoder = coefficients + planes + output;
    let after = pixels * (jpeg.components.len() as u64 + converts).max(3 + turned);
    BASE_BYTES + jpeg.profile_bytes * 2 + decoder.max(after)
}

pub(super) fn decode(
    input: &mut impl Input,
    jpeg: &Jpeg,
    factor: u32,
) -> Result<(Pixels, Conversion), Fault> {
    input::seek(input, 0)?;
    let size = jpeg.size.shrunk(factor);
    let mut decoder = Decoder::new(input);
    if factor > 1 {
        // The decoder takes the smallest scale that suffices in one direction. The longer side
        // tells scales apart; the shorter one, which can be a pixel in all of them, must not.
        let is_wide = size.width >= size.height;
        let width = if is_wide { size.width as u16 } else { u16::MAX };
        let height = if is_wide { u16::MAX } else { size.height as u16 };
        decoder.scale(width, height).map_err(fault)?;
    }
    let mut bytes = decoder.decode().map_err(fault)?;
    let info = decoder.info().ok_or(Fault::Broken)?;
    let channels = match info.pixel_format {
        PixelFormat::L8 => Channels::Gray,
        PixelFormat::RGB24 => Channels::Rgb,
        PixelFormat::CMYK32 => Channels::Cmyk,
        PixelFormat::L16 => return Err(Fault::Unsupported),
    };
    let own_size = Size { width: info.width.into(), height: info.height.into() };
    if own_size != size || bytes.len() as u64 != size.pixels() * channels.count() as u64 {
        return Err(Fault::Broken);
    }
    let profile = decoder.icc_profile();
    // Frees the coefficients.
    drop(decoder);
    if channels == Channels::Cmyk && !jpeg.is_adobe {
        // The decoder assumes that amounts of ink are stored inverted, as Adobe does.
        bytes.iter_mut().for_each(|ink| *ink = !*ink);
    }
    let conversion = Conversion::of_profile(profile, channels);
    Ok((Pixels { size, channels, bytes }, conversion))
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Unsupported(_) => Fault::Unsupported,
        Error::Io(error) => error.into(),
        Error::Format(_) | Error::Internal(_) => Fault::Broken,
    }
}
