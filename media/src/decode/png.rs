//! Decodes PNG, row by row unless it is interlaced.

use std::io::ErrorKind::UnexpectedEof;

use png::{ColorType, Decoder, DecodingError, Info, Limits, Reader, Transformations};

use crate::decode::colour::Conversion;
use crate::decode::shrink::{self, Shrinker};
use crate::decode::{Channels, Pixels};
use crate::fault::Fault;
use crate::input::{self, Input};
use crate::limits::PROFILE_BYTES_MAX;
use crate::probe::png::Png;

/// Of the decoder: its window, and rows.
const BASE_BYTES: u64 = 1024 * 1024;
/// Rows that the decoder and the expansion keep.
const ROWS: u64 = 12;

/// Estimates the memory at the peak.
pub(super) fn cost_bytes(png: &Png, factor: u32, turns: bool) -> u64 {
    let bytes_per_pixel = if png.has_alpha { 4 } else { 3 };
    let shrunk = png.size.shrunk(factor).pixels() * bytes_per_pixel;
    let whole = if png.is_interlaced { png.size.pixels() * bytes_per_pixel } else { 0 };
    let row = u64::from(png.size.width) * png.bits_per_pixel.div_ceil(8).max(bytes_per_pixel);
    let profile = if png.has_profile { PROFILE_BYTES_MAX } else { 0 };
    let decoder = whole + shrunk + row * ROWS + shrink::cost_bytes(png.size.width);
    let turning = if turns { shrunk * 2 } else { 0 };
    BASE_BYTES + profile + decoder.max(turning)
}

pub(super) fn decode(
    input: &mut impl Input,
    png: &Png,
    factor: u32,
) -> Result<(Pixels, Conversion), Fault> {
    let mut reader = open(input, png)?;
    // Palettes and few bits are expanded to 8 bits, 16 are cut to 8.
    let (colour, _) = reader.output_color_type();
    let has_alpha = matches!(colour, ColorType::Rgba | ColorType::GrayscaleAlpha);
    let channels = if has_alpha { Channels::Rgba } else { Channels::Rgb };
    let conversion = conversion(reader.info(), channels);
    let mut shrinker = Shrinker::new(png.size, channels, factor);
    let mut expanded = Vec::with_capacity(png.size.width as usize * channels.count());
    let mut push = |row: &[u8]| match colour {
        ColorType::Rgb | ColorType::Rgba => shrinker.push(row),
        ColorType::GrayscaleAlpha => {
            expanded.clear();
            expanded.extend(
                row.as_chunks::<2>().0.iter().flat_map(|[gray, a]| [*gray, *gray, *gray, *a]),
            );
            shrinker.push(&expanded);
        }
        ColorType::Grayscale | ColorType::Indexed => {
            expanded.clear();
            expanded.extend(row.iter().flat_map(|gray| [*gray; 3]));
            shrinker.push(&expanded);
        }
    };
    if png.is_interlaced {
        let mut whole = vec![0; reader.output_buffer_size().ok_or(Fault::TooMuchMemory)?];
        let info = reader.next_frame(&mut whole).map_err(fault)?;
        whole.chunks_exact(info.line_size).for_each(&mut push);
    } else {
        for _ in 0..png.size.height {
            push(reader.next_row().map_err(fault)?.ok_or(Fault::Broken)?.data());
        }
        // Checks the checksum, but a missing end is no harm.
        match reader.next_row() {
            Ok(_) => {}
            Err(DecodingError::IoError(error)) if error.kind() == UnexpectedEof => {}
            Err(error) => return Err(fault(error)),
        }
    }
    Ok((shrinker.finish(), conversion))
}

/// Opens the file. A colour profile that is too large, as a bomb is, is ignored.
fn open<'a, I: Input>(input: &'a mut I, png: &Png) -> Result<Reader<&'a mut I>, Fault> {
    let is_bomb = png.has_profile
        && open_with(&mut *input, true)
            .is_err_and(|error| matches!(error, DecodingError::LimitsExceeded));
    open_with(input, !is_bomb).map_err(fault)
}

fn open_with<I: Input>(
    mut input: &mut I,
    with_profile: bool,
) -> Result<Reader<&mut I>, DecodingError> {
    input::seek(&mut input, 0)?;
    let limits = Limits { bytes: PROFILE_BYTES_MAX as usize };
    let mut decoder = Decoder::new_with_limits(input, limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(!with_profile);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info()
}

/// PNG section 4.3: of the ways to state colours, the first of these counts.
fn conversion(info: &Info, channels: Channels) -> Conversion {
    if let Some(profile) = &info.icc_profile {
        return Conversion::of_profile(Some(profile.to_vec()), channels);
    }
    match (info.srgb, info.gama_chunk, info.chrm_chunk) {
        (None, Some(gamma), Some(primaries)) => {
            let point =
                |(x, y): (png::ScaledFloat, png::ScaledFloat)| (x.into_value(), y.into_value());
            let primaries =
                [primaries.white, primaries.red, primaries.green, primaries.blue].map(point);
            Conversion::of_primaries(gamma.into_value(), primaries, channels)
        }
        _ => Conversion::None,
    }
}

fn fault(error: DecodingError) -> Fault {
    match error {
        DecodingError::IoError(error) => error.into(),
        DecodingError::LimitsExceeded => Fault::TooMuchMemory,
        DecodingError::Format(_) | DecodingError::Parameter(_) => Fault::Broken,
    }
}
