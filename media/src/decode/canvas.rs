//! The canvas of an animation, on which frames are drawn one after the other.

use crate::decode::shrink::Shrinker;
use crate::decode::{Channels, Pixels};
use crate::image::Size;

pub(super) struct Canvas {
    size: Size,
    /// Red, green, blue and alpha, not premultiplied.
    pixels: Vec<[u8; 4]>,
}

/// Where a frame is drawn; parts outside the canvas are cut off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub x: u32,
    pub y: u32,
    pub size: Size,
}

impl Canvas {
    /// Returns a transparent canvas. The colour that a file names as its background is ignored, as
    /// browsers do.
    pub(super) fn new(size: Size) -> Self {
        Self { size, pixels: vec![[0; 4]; size.pixels() as usize] }
    }

    /// Changes the rows at a place, each given with its index in the frame.
    fn rows(&mut self, place: Place, mut change: impl FnMut(usize, &mut [[u8; 4]])) {
        let width = self.size.width as usize;
        let (left, top) = (place.x as usize, place.y as usize);
        let right = width.min(left + place.size.width as usize);
        if left >= right {
            return;
        }
        let rows = self.pixels.chunks_exact_mut(width).skip(top);
        for (index, row) in rows.take(place.size.height as usize).enumerate() {
            change(index, &mut row[left..right]);
        }
    }

    /// Draws a frame; with `blends`, over what is there, otherwise instead of it.
    pub(super) fn draw(
        &mut self,
        place: Place,
        blends: bool,
        mut pixel: impl FnMut(usize) -> [u8; 4],
    ) {
        let width = place.size.width as usize;
        self.rows(place, |y, row| {
            for (x, below) in row.iter_mut().enumerate() {
                let above = pixel(y * width + x);
                *below = if blends { over(above, *below) } else { above };
            }
        });
    }

    pub(super) fn clear(&mut self, place: Place) {
        self.rows(place, |_, row| row.fill([0; 4]));
    }

    pub(super) fn copy(&self) -> Vec<[u8; 4]> {
        self.pixels.clone()
    }

    pub(super) fn restore(&mut self, pixels: Vec<[u8; 4]>) {
        self.pixels = pixels;
    }

    /// Returns what is on the canvas, shrunk.
    pub(super) fn shrunk(&self, factor: u32) -> Pixels {
        let mut shrinker = Shrinker::new(self.size, Channels::Rgba, factor);
        for row in self.pixels.chunks_exact(self.size.width as usize) {
            shrinker.push(row.as_flattened());
        }
        shrinker.finish()
    }
}

/// Blends a pixel over another.
fn over(above: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    match (above[3], below[3]) {
        (u8::MAX, _) | (_, 0) => above,
        (0, _) => below,
        (above_alpha, below_alpha) => {
            // In units of 1/255 of an alpha.
            let above_weight = u32::from(above_alpha) * 255;
            let below_weight = u32::from(below_alpha) * (255 - u32::from(above_alpha));
            let weight = above_weight + below_weight;
            let mix = |above: u8, below: u8| {
                let sum = u32::from(above) * above_weight + u32::from(below) * below_weight;
                ((sum + weight / 2) / weight) as u8
            };
            let [red, green, blue] = [0, 1, 2].map(|index| mix(above[index], below[index]));
            [red, green, blue, ((weight + 127) / 255) as u8]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Size = Size { width: 3, height: 2 };
    const RED: [u8; 4] = [255, 0, 0, 255];

    fn place(x: u32, y: u32, width: u32, height: u32) -> Place {
        Place { x, y, size: Size { width, height } }
    }

    #[test]
    fn frames_are_cut_off_at_the_canvas() {
        for outside in [place(3, 0, 9, 9), place(0, 2, 9, 9), place(70_000, 70_000, 1, 1)] {
            let mut canvas = Canvas::new(CANVAS);
            canvas.draw(outside, false, |_| RED);
            assert_eq!(canvas.pixels, [[0; 4]; 6]);
        }
        let mut canvas = Canvas::new(CANVAS);
        canvas.draw(place(1, 1, 9, 9), false, |index| [index as u8, 0, 0, 255]);
        assert_eq!(canvas.pixels[..4], [[0; 4]; 4]);
        assert_eq!(canvas.pixels[4..], [[0, 0, 0, 255], [1, 0, 0, 255]]);
        canvas.clear(place(2, 0, 1, 2));
        assert_eq!(canvas.pixels[4..], [[0, 0, 0, 255], [0; 4]]);
    }

    #[test]
    fn transparent_pixels_are_drawn_only_without_blending() {
        let mut canvas = Canvas::new(CANVAS);
        canvas.draw(place(0, 0, 3, 2), true, |_| RED);
        canvas.draw(place(0, 0, 3, 2), true, |_| [0, 0, 9, 0]);
        assert_eq!(canvas.pixels, [RED; 6]);
        canvas.draw(place(0, 0, 3, 2), false, |_| [0, 0, 9, 0]);
        assert_eq!(canvas.pixels, [[0, 0, 9, 0]; 6]);
    }

    #[test]
    fn colours_mix_by_alpha() {
        assert_eq!(over([255, 0, 0, 128], [0, 0, 255, 255]), [128, 0, 127, 255]);
        assert_eq!(over([255, 0, 0, 128], [0, 0, 255, 128]), [170, 0, 85, 192]);
        assert_eq!(over([255, 0, 0, 1], [0, 0, 255, 0]), [255, 0, 0, 1]);
    }
}
