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

    pub fn at_least_one(self) -> Self {
        Self { width: self.width.max(1), height: self.height.max(1) }
    }
}

impl Image {
    pub fn size(&self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// An image of one colour.
    pub fn filled(size: Size, pixel: &[u8]) -> Self {
        let layout = if pixel.len() == 4 { Layout::Rgba } else { Layout::Rgb };
        let pixels = pixel.repeat(size.width as usize * size.height as usize);
        Self { width: size.width, height: size.height, layout, pixels }
    }

    /// Bytes of a row.
    pub fn stride(&self) -> usize {
        self.width as usize * self.layout.channels()
    }

    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.stride().max(1))
    }

    /// Returns whether every pixel is opaque.
    pub fn is_opaque(&self) -> bool {
        match self.layout {
            Layout::Rgb => true,
            Layout::Rgba => self.pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255),
        }
    }

    /// Removes the alpha channel.
    pub fn without_alpha(mut self) -> Self {
        if self.layout == Layout::Rgba {
            let count = self.pixels.len() / 4;
            for at in 0..count {
                self.pixels.copy_within(at * 4..at * 4 + 3, at * 3);
            }
            self.pixels.truncate(count * 3);
            self.pixels.shrink_to_fit();
            self.layout = Layout::Rgb;
        }
        self
    }

    /// Adds an opaque alpha channel.
    pub fn with_alpha(self) -> Self {
        match self.layout {
            Layout::Rgba => self,
            Layout::Rgb => {
                let rgb = self.pixels.as_chunks::<3>().0;
                let pixels = rgb.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
                Self { layout: Layout::Rgba, pixels, ..self }
            }
        }
    }
}
