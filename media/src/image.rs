//! Decoded images.

/// An image in sRGB with 8 bits per channel, its rows from top to bottom without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    /// `width * height * layout.channels()` bytes.
    pub pixels: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Rgb,
    /// Alpha is not premultiplied.
    Rgba,
}

impl Layout {
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture of an animation, as large as the animation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub image: Image,
    /// 0 for a still image.
    pub delay_ms: u32,
}

/// A decoded source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// At least one.
    pub frames: Vec<Frame>,
    /// How often an animation is shown; 0 is forever.
    pub loops: u16,
    /// The source's size in pixels after orientation; decoding may have made the frames smaller.
    pub original: Size,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Returns the size after shrinking by a factor. A part of a pixel at the edge is a pixel.
    pub fn shrunk(self, factor: u32) -> Self {
        Self { width: self.width.div_ceil(factor), height: self.height.div_ceil(factor) }
    }
}
