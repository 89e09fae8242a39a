//! Decodes GIF. Every frame is as large as the canvas.

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit};

use crate::decode::canvas::{Canvas, Place};
use crate::decode::colour::Conversion;
use crate::decode::{shrink, still};
use crate::exif::Orientation;
use crate::fault::Fault;
use crate::image::{Frame, Size};
use crate::input::{self, Input};
use crate::probe::gif::Gif;

/// Most memory for metadata.
const METADATA_BYTES_MAX: NonZeroU64 = NonZeroU64::new(1024 * 1024).unwrap();
const BASE_BYTES: u64 = 512 * 1024 + METADATA_BYTES_MAX.get();

/// Estimates the memory at the peak: the canvas, how it was, a frame, and the results.
pub(super) fn cost_bytes(gif: &Gif, factor: u32, kept: u64) -> u64 {
    let canvas = gif.size.pixels() * 4;
    let before = if gif.restores { canvas } else { 0 };
    let results = gif.size.shrunk(factor).pixels() * 4 * kept;
    let shrinking = shrink::cost_bytes(gif.size.width);
    BASE_BYTES + canvas + before + gif.frame_pixels_max + results + shrinking
}

pub(super) fn decode(
    input: &mut impl Input,
    gif: &Gif,
    factor: u32,
    each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
) -> Result<(), Fault> {
    input::seek(input, 0)?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(METADATA_BYTES_MAX));
    options.allow_unknown_blocks(true);
    let mut decoder = options.read_info(input).map_err(fault)?;
    let mut canvas = Canvas::new(gif.size);
    let mut indices = Vec::new();
    // What follows the last frame is not read: many files lack their trailer.
    for _ in 0..gif.frames {
        let frame = decoder.next_frame_info().map_err(fault)?.ok_or(Fault::Broken)?;
        let place = Place {
            x: frame.left.into(),
            y: frame.top.into(),
            size: Size { width: frame.width.into(), height: frame.height.into() },
        };
        // The header's reader has seen the same frames.
        if place.size.pixels() > gif.frame_pixels_max {
            return Err(Fault::Broken);
        }
        let (dispose, transparent) = (frame.dispose, frame.transparent.map(usize::from));
        let delay_ms = u32::from(frame.delay) * 10;
        indices.clear();
        indices.resize(place.size.pixels() as usize, 0);
        decoder.read_into_buffer(&mut indices).map_err(fault)?;
        let before = (dispose == DisposalMethod::Previous).then(|| canvas.copy());
        let palette = decoder.palette().map_err(fault)?.as_chunks::<3>().0;
        canvas.draw(place, true, |at| {
            let index = usize::from(indices[at]);
            match palette.get(index) {
                Some([red, green, blue]) if transparent != Some(index) => {
                    [*red, *green, *blue, u8::MAX]
                }
                _ => [0; 4],
            }
        });
        let shrunk = canvas.shrunk(factor);
        let frame = if gif.frames == 1 {
            still(shrunk, &Conversion::None, Orientation::default())
        } else {
            Frame { image: Conversion::None.to_srgb(shrunk), delay_ms }
        };
        if each(frame).is_break() {
            break;
        }
        match (dispose, before) {
            (DisposalMethod::Background, _) => canvas.clear(place),
            (_, Some(before)) => canvas.restore(before),
            _ => {}
        }
    }
    Ok(())
}

fn fault(error: DecodingError) -> Fault {
    match error {
        DecodingError::OutOfMemory | DecodingError::MemoryLimit => Fault::TooMuchMemory,
        DecodingError::Io(error) => error.into(),
        _ => Fault::Broken,
    }
}
