//! GIF: version 89a.

use crate::fault::Fault;
use crate::image::Size;
use crate::input::{self, Input, skip, take};
use crate::limits::FRAMES_MAX;
use crate::probe::check_size;

#[derive(Debug, Clone)]
pub(crate) struct Gif {
    /// Of the canvas, which frames may exceed.
    pub size: Size,
    pub frames: u32,
    pub loops: u16,
    /// Size of the largest frame.
    pub frame_pixels_max: u64,
    /// Whether a frame asks for the canvas as it was before.
    pub restores: bool,
}

pub(super) fn read(input: &mut impl Input) -> Result<Gif, Fault> {
    input::seek(input, 6)?;
    let [w0, w1, h0, h1, flags, _, _] = take(input)?;
    let size = Size { width: u16_of(w0, w1), height: u16_of(h0, h1) };
    check_size(size)?;
    // Without an extension that says otherwise, an animation is shown once.
    let mut gif = Gif { size, frames: 0, loops: 1, frame_pixels_max: 0, restores: false };
    skip(input, palette_bytes(flags))?;
    // Many files lack the trailer.
    while let Ok([block]) = take(input) {
        match block {
            b'!' => read_extension(input, &mut gif)?,
            b',' => read_frame(input, &mut gif)?,
            b';' => break,
            // Padding after a block, as some programs write it.
            0 => {}
            _ => return Err(Fault::Broken),
        }
        if gif.frames as usize > FRAMES_MAX {
            return Err(Fault::TooManyFrames);
        }
    }
    if gif.frames == 0 { Err(Fault::Broken) } else { Ok(gif) }
}

fn u16_of(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

fn palette_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

fn read_frame(input: &mut impl Input, gif: &mut Gif) -> Result<(), Fault> {
    let [_, _, _, _, w0, w1, h0, h1, flags] = take(input)?;
    let size = Size { width: u16_of(w0, w1), height: u16_of(h0, h1) };
    check_size(size)?;
    gif.frames += 1;
    gif.frame_pixels_max = gif.frame_pixels_max.max(size.pixels());
    // The palette, and the code size.
    skip(input, palette_bytes(flags) + 1)?;
    skip_blocks(input)
}

fn read_extension(input: &mut impl Input, gif: &mut Gif) -> Result<(), Fault> {
    let [label] = take(input)?;
    match label {
        0xf9 => {
            let [length, flags] = take(input)?;
            gif.restores |= flags >> 2 & 7 == 3;
            skip(input, u64::from(length).saturating_sub(1))?;
        }
        0xff => {
            let [length] = take(input)?;
            if length == 11 && &take::<11>(input)? == b"NETSCAPE2.0" {
                let [length, kind] = take(input)?;
                if (length, kind) == (3, 1) {
                    // How often it is repeated after it was shown once.
                    let repeats = u16::from_le_bytes(take(input)?);
                    gif.loops = if repeats == 0 { 0 } else { repeats.saturating_add(1) };
                } else if length > 0 {
                    skip(input, u64::from(length) - 1)?;
                }
            } else if length != 11 {
                skip(input, u64::from(length))?;
            }
        }
        _ => {}
    }
    skip_blocks(input)
}

/// Skips blocks up to an empty one.
fn skip_blocks(input: &mut impl Input) -> Result<(), Fault> {
    loop {
        match take(input)? {
            [0] => return Ok(()),
            [length] => skip(input, u64::from(length))?,
        }
    }
}
