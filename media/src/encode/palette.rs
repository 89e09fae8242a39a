//! Palettes of images with at most 256 colours.

use crate::image::{Image, Layout};

/// Slots of the hash table: a power of two, sparse enough for short probes.
const SLOTS: usize = 1024;

/// The colours of an image, in order of appearance, and their number at each pixel.
pub struct Palette {
    pub colours: Vec<[u8; 4]>,
    pub indices: Vec<u8>,
}

impl Palette {
    /// Returns `None` if there are more than `max` colours.
    pub fn of(image: &Image, max: usize) -> Option<Self> {
        match image.layout {
            Layout::Rgb => {
                let pixels = image.pixels.as_chunks::<3>().0.iter();
                Self::of_pixels(pixels.map(|[red, green, blue]| [*red, *green, *blue, 255]), max)
            }
            Layout::Rgba => {
                let pixels = image.pixels.as_chunks::<4>().0.iter();
                // All that is transparent is one colour.
                Self::of_pixels(pixels.map(|p| if p[3] == 0 { [0; 4] } else { *p }), max)
            }
        }
    }

    /// Returns `None` if there are more than `max` colours.
    pub fn of_pixels(pixels: impl Iterator<Item = [u8; 4]>, max: usize) -> Option<Self> {
        let mut found = Self { colours: Vec::new(), indices: Vec::new() };
        let mut slots = [None; SLOTS];
        let mut last = None;
        for colour in pixels {
            let index = match last {
                Some((seen, index)) if seen == colour => index,
                _ => found.number(colour, &mut slots, max)?,
            };
            found.indices.push(index);
            last = Some((colour, index));
        }
        Some(found)
    }

    /// Returns the index of a colour, and adds it if it is new.
    fn number(
        &mut self,
        colour: [u8; 4],
        slots: &mut [Option<u8>; SLOTS],
        max: usize,
    ) -> Option<u8> {
        // Fibonacci hashing: the upper 10 bits choose one of 1,024 slots.
        let mut slot = (u32::from_le_bytes(colour).wrapping_mul(0x9e37_79b1) >> 22) as usize;
        loop {
            match slots[slot % SLOTS] {
                Some(index) if self.colours[usize::from(index)] == colour => return Some(index),
                Some(_) => slot += 1,
                None if self.colours.len() == max => return None,
                None => {
                    let index = self.colours.len() as u8;
                    self.colours.push(colour);
                    slots[slot % SLOTS] = Some(index);
                    return Some(index);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(colours: usize, layout: Layout) -> Image {
        let pixels = (0..colours * 2).flat_map(|at| {
            let at = at % colours;
            let pixel = [(at % 16) as u8, (at / 16) as u8, 3, 200];
            pixel.into_iter().take(layout.channels())
        });
        Image { width: colours as u32, height: 2, layout, pixels: pixels.collect() }
    }

    #[test]
    fn up_to_256_colours() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            for count in [1, 2, 255, 256] {
                let palette = Palette::of(&image(count, layout), 256).unwrap();
                assert_eq!(palette.colours.len(), count);
                let alpha = if layout == Layout::Rgb { 255 } else { 200 };
                for (at, index) in palette.indices.iter().enumerate() {
                    let at = at % count;
                    let expected = [(at % 16) as u8, (at / 16) as u8, 3, alpha];
                    assert_eq!(palette.colours[usize::from(*index)], expected);
                }
            }
            assert!(Palette::of(&image(257, layout), 256).is_none());
            assert!(Palette::of(&image(256, layout), 255).is_none());
        }
    }

    #[test]
    fn transparent_pixels_are_one_colour() {
        let pixels = vec![1, 2, 3, 0, 9, 9, 9, 0, 9, 9, 9, 1];
        let image = Image { width: 3, height: 1, layout: Layout::Rgba, pixels };
        let palette = Palette::of(&image, 256).unwrap();
        assert_eq!(palette.colours, [[0; 4], [9, 9, 9, 1]]);
        assert_eq!(palette.indices, [0, 0, 1]);
    }
}
