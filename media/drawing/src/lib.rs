//! Draws SVG images and text, with resvg.
//!
//! This is a wasm module beside the media worker's own, because it is larger than that, and few
//! renditions need it. It imports nothing, so a drawing can't reach a file, the network or a clock.
//! The build bounds its memory and, in `scripts/meter.mjs`, its computing time: an SVG of a hundred
//! bytes can ask for years of both, in more ways than a check before drawing could find.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

#[cfg(target_arch = "wasm32")]
mod abi;
pub mod svg;
pub mod text;

/// Why there is no drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not an SVG image, or not a font.
    Broken,
    TooComplex,
}

/// Pixels in sRGB, 4 bytes each: red, green, blue and an alpha that is not premultiplied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Where the drawing goes in the area that it was asked for.
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}
