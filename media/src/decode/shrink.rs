//! Shrinks an image by a whole factor while its rows arrive, so that it is never in memory at its
//! full size. Squares of pixels are averaged in linear light, weighted by their alpha.

use crate::decode::{Channels, Pixels};
use crate::image::Size;

/// What an image can be shrunk by. A sum of 16 x 16 pixels fits 32 bits.
pub(super) const FACTORS: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/// How much larger than needed the shrunk image stays. Averaging squares is a poor filter: the
/// resampling that follows must have something left to do.
pub(super) const SURPLUS: u32 = 2;

/// Returns the memory that shrinking takes, without the result.
pub(super) fn cost_bytes(width: u32) -> u64 {
    u64::from(width) * 16 + CURVE_BYTES as u64
}

const CURVE_BYTES: usize = 1 << 16;

pub(super) struct Shrinker {
    factor: usize,
    from: Size,
    channels: Channels,
    curve: Option<Curve>,
    /// Of the squares that the next rows belong to: a sum for each channel of each square.
    sums: Vec<u32>,
    rows: u32,
    shrunk: Vec<u8>,
}

impl Shrinker {
    pub(super) fn new(from: Size, channels: Channels, factor: u32) -> Self {
        let to = from.shrunk(factor);
        let row_samples = to.width as usize * channels.count();
        Self {
            factor: factor as usize,
            from,
            channels,
            curve: (factor > 1).then(Curve::new),
            sums: if factor > 1 { vec![0; row_samples] } else { Vec::new() },
            rows: 0,
            shrunk: Vec::with_capacity(row_samples * to.height as usize),
        }
    }

    /// Takes a row of the image, the next one from the top.
    pub(super) fn push(&mut self, row: &[u8]) {
        let Some(curve) = &self.curve else {
            self.shrunk.extend_from_slice(row);
            return;
        };
        match self.channels {
            Channels::Rgba => add_transparent(&mut self.sums, row, self.factor, curve),
            Channels::Rgb => add_opaque::<3>(&mut self.sums, row, self.factor, curve),
            _ => add_opaque::<1>(&mut self.sums, row, self.factor, curve),
        }
        self.rows += 1;
        if self.rows.is_multiple_of(self.factor as u32) || self.rows == self.from.height {
            self.flush();
        }
    }

    /// Averages the sums of a row of squares.
    fn flush(&mut self) {
        let Some(curve) = &self.curve else { return };
        let height = (self.rows as usize - 1) % self.factor + 1;
        let channels = self.channels.count();
        for (index, sums) in self.sums.chunks_exact(channels).enumerate() {
            // The last square may be narrower, and those of the last row lower.
            let width = self.factor.min(self.from.width as usize - index * self.factor);
            let count = (width * height) as u32;
            match sums {
                [red, green, blue, alpha] => {
                    let weight = u64::from((*alpha).max(1));
                    let colour = [red, green, blue]
                        .map(|sum| curve.encode(((u64::from(*sum) + weight / 2) / weight) as u32));
                    self.shrunk.extend(colour);
                    self.shrunk.push(((alpha + count / 2) / count) as u8);
                }
                _ => self.shrunk.extend(sums.iter().map(|sum| curve.encode(sum / count))),
            }
        }
        self.sums.fill(0);
    }

    pub(super) fn finish(self) -> Pixels {
        Pixels {
            size: self.from.shrunk(self.factor as u32),
            channels: self.channels,
            bytes: self.shrunk,
        }
    }
}

/// Shrinks an image that is in memory.
pub(super) fn shrink(pixels: Pixels, factor: u32) -> Pixels {
    if factor == 1 {
        return pixels;
    }
    let mut shrinker = Shrinker::new(pixels.size, pixels.channels, factor);
    let row_bytes = pixels.size.width as usize * pixels.channels.count();
    pixels.bytes.chunks_exact(row_bytes).for_each(|row| shrinker.push(row));
    shrinker.finish()
}

fn add_opaque<const N: usize>(sums: &mut [u32], row: &[u8], factor: usize, curve: &Curve) {
    for (square, sums) in row.chunks(factor * N).zip(sums.as_chunks_mut::<N>().0) {
        for pixel in square.as_chunks::<N>().0 {
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += curve.decode(*sample);
            }
        }
    }
}

fn add_transparent(sums: &mut [u32], row: &[u8], factor: usize, curve: &Curve) {
    for (square, sums) in row.chunks(factor * 4).zip(sums.as_chunks_mut::<4>().0) {
        for [red, green, blue, alpha] in square.as_chunks::<4>().0 {
            let weight = u32::from(*alpha);
            sums[0] += curve.decode(*red) * weight;
            sums[1] += curve.decode(*green) * weight;
            sums[2] += curve.decode(*blue) * weight;
            sums[3] += weight;
        }
    }
}

/// The transfer function of sRGB, between 8 bits and 16 bits of linear light.
struct Curve {
    linear: Box<[u16; 256]>,
    encoded: Box<[u8]>,
}

impl Curve {
    fn new() -> Self {
        let light = |encoded: f32| {
            let light = if encoded <= 0.040_45 {
                encoded / 12.92
            } else {
                ((encoded + 0.055) / 1.055).powf(2.4)
            };
            (light * f32::from(u16::MAX)).round() as u16
        };
        let mut linear = Box::new([0; 256]);
        let mut encoded = vec![u8::MAX; CURVE_BYTES];
        let mut from = 0;
        for value in 0..=u8::MAX {
            linear[usize::from(value)] = light(f32::from(value) / 255.0);
            // As far as the light halfway to the next value.
            let to = usize::from(light((f32::from(value) + 0.5).min(255.0) / 255.0));
            encoded[from..to].fill(value);
            from = to;
        }
        Self { linear, encoded: encoded.into_boxed_slice() }
    }

    fn decode(&self, value: u8) -> u32 {
        u32::from(self.linear[usize::from(value)])
    }

    fn encode(&self, light: u32) -> u8 {
        self.encoded.get(light as usize).copied().unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrink(from: (u32, u32), channels: Channels, factor: u32, bytes: &[u8]) -> Pixels {
        let size = Size { width: from.0, height: from.1 };
        super::shrink(Pixels { size, channels, bytes: bytes.to_vec() }, factor)
    }

    #[test]
    fn flat_colours_stay_what_they_are() {
        for factor in FACTORS {
            for value in 0..=255 {
                let shrunk = shrink((17, 5), Channels::Rgb, factor, &[value; 17 * 5 * 3]);
                let expected = Size { width: 17, height: 5 }.shrunk(factor);
                assert_eq!(shrunk.size, expected);
                assert_eq!(shrunk.bytes, vec![value; expected.pixels() as usize * 3]);
            }
        }
        for value in 0..=255 {
            let pixel = [value, 255 - value, 7, value];
            let expected = if value == 0 { [0; 4] } else { pixel };
            let shrunk = shrink((16, 16), Channels::Rgba, 16, &pixel.repeat(256));
            assert_eq!(shrunk.bytes, expected, "{value}");
        }
    }

    #[test]
    fn averages_are_of_light() {
        // Half of the light of white is 188, not 128.
        let bytes = [[255; 3], [0; 3], [0; 3], [255; 3]].concat();
        assert_eq!(shrink((2, 2), Channels::Rgb, 2, &bytes).bytes, [188; 3]);
        assert_eq!(shrink((2, 2), Channels::Gray, 2, &[255, 0, 0, 255]).bytes, [188]);
    }

    #[test]
    fn transparent_pixels_have_no_colour() {
        let bytes = [[200, 100, 50, 255], [0, 255, 0, 0], [200, 100, 50, 255], [9, 9, 9, 0]];
        assert_eq!(shrink((2, 2), Channels::Rgba, 2, &bytes.concat()).bytes, [200, 100, 50, 128]);
    }

    #[test]
    fn the_largest_sums_fit() {
        let white = [255; 16 * 16 * 4];
        assert_eq!(shrink((16, 16), Channels::Rgba, 16, &white).bytes, [255; 4]);
    }

    #[test]
    fn squares_at_the_edge_are_smaller() {
        let row = [[10; 3], [10; 3], [90; 3]].concat();
        let bytes = [row.clone(), row, [[30; 3], [30; 3], [200; 3]].concat()].concat();
        let shrunk = shrink((3, 3), Channels::Rgb, 2, &bytes);
        assert_eq!(shrunk.bytes, [[10; 3], [90; 3], [30; 3], [200; 3]].concat());
    }
}
