//! A transformation with all presets, aliases and limits resolved.
//!
//! Numbers are integers, because equal transformations must be equal bytes in a cache key.

use serde::{Deserialize, Serialize};

/// Largest side of a rendition in pixels.
pub const SIDE_MAX: u16 = 4096;
/// Maximum number of overlays: each is another image to decode.
pub const OVERLAYS_MAX: usize = 4;

/// A transformation: how a rendition is made of its source.
///
/// The order of the steps is `rect`, `rotate`, `flip`, resizing with `fit`, `blur`, `sharpen`,
/// overlays, text, encoding. The source's EXIF orientation is applied before all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transformation {
    /// In output pixels: the device pixel ratio is applied.
    pub width: Option<u16>,
    pub height: Option<u16>,
    /// The shape, if it is not given by width and height.
    pub ratio: Option<Ratio>,
    pub fit: Fit,
    /// What a crop keeps.
    pub focus: Focus,
    /// A part of the source, the only one that is used.
    pub rect: Option<Rect>,
    pub rotate: Rotation,
    pub flip: Flip,
    /// Fills padding, and what is transparent if the format has no transparency.
    pub background: Option<Colour>,
    /// Standard deviation of a Gaussian blur in tenths of an output pixel; 0 is none.
    pub blur: u16,
    /// Amount of an unsharp mask in percent; 0 is none.
    pub sharpen: u8,
    pub format: Wanted,
    /// From 1 to 100; `None` for the format's default.
    pub quality: Option<u8>,
    /// From bottom to top.
    pub overlays: Vec<Overlay>,
    pub text: Option<Text>,
}

/// How the source fits a box of the asked width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// All of the source within the box, never enlarged.
    #[default]
    Max,
    /// All of the source within the box, enlarged if it is smaller.
    Clip,
    /// The box, filled; what does not fit is cut off. Enlarges.
    Crop,
    /// All of the source within the box, the rest filled with the background. Enlarges.
    Fill,
    /// The box, distorted.
    Scale,
    /// Like `Crop`, but never enlarged: the box shrinks, and keeps its shape.
    Min,
}

/// What a crop keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// A point, in thousandths of the width and height: the centre is 500, 500, an edge 0 or 1,000.
    Point { x: u16, y: u16 },
    /// The part with the most detail.
    Entropy,
}

impl Default for Focus {
    fn default() -> Self {
        Self::Point { x: 500, y: 500 }
    }
}

/// A shape: width to height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    pub width: u16,
    pub height: u16,
}

/// A part of the source in its pixels, after orientation. Parts beyond the source are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

/// A clockwise rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    #[default]
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

/// Mirrors an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flip {
    /// Left and right are exchanged.
    pub horizontal: bool,
    pub vertical: bool,
}

/// A colour in sRGB, not premultiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

/// A format that renditions are encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Avif,
    Webp,
    Jpg,
    Png,
    Gif,
    /// A placeholder of about 25 bytes, for scripts: <https://evanw.github.io/thumbhash/>.
    Thumbhash,
    /// The size, format and main colour of the source.
    Json,
}

const MEDIA_TYPES: [(Format, &str); 7] = [
    (Format::Avif, "image/avif"),
    (Format::Webp, "image/webp"),
    (Format::Jpg, "image/jpeg"),
    (Format::Png, "image/png"),
    (Format::Gif, "image/gif"),
    (Format::Thumbhash, "application/octet-stream"),
    (Format::Json, "application/json"),
];

impl Format {
    pub fn media_type(self) -> &'static str {
        let found = MEDIA_TYPES.iter().find(|(format, _)| *format == self);
        found.map_or("", |(_, media_type)| media_type)
    }

    pub fn of_media_type(text: &str) -> Option<Self> {
        let found = MEDIA_TYPES.iter().find(|(_, media_type)| *media_type == text);
        found.map(|(format, _)| *format)
    }
}

/// The format that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Format(Format),
    /// The smallest that the client reads. Every client reads JPEG and PNG.
    Auto {
        avif: bool,
        webp: bool,
    },
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Auto { avif: false, webp: false }
    }
}

/// An image on top of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Decoded path in the same site.
    pub path: String,
    pub align: Align,
    /// Width in output pixels; `None` for its own, but never more than the rendition's.
    pub width: Option<u16>,
    /// Opacity in percent.
    pub opacity: u8,
}

/// A place along each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Align {
    pub x: Along,
    pub y: Along,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Along {
    Start,
    #[default]
    Middle,
    End,
}

/// A line of text on top of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub value: String,
    /// Decoded path of a font file in the same site.
    pub font: String,
    /// Height of an em in output pixels. Text that is wider than its box is made smaller.
    pub size: u16,
    pub colour: Colour,
    /// Where the text goes, in output pixels; `None` for the whole rendition.
    pub bounds: Option<Rect>,
    pub align: Align,
}
