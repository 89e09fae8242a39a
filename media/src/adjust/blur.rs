//! Gaussian blur.

use crate::image::{Image, Layout};

/// Largest standard deviation that a kernel is used for. Beyond, three box filters differ from a
/// Gaussian by less than 3 % and take the same time for each radius.
const KERNEL_SIGMA_MAX: f64 = 2.0;
/// Bits of the fraction of a sample between the passes of one direction.
const FRACTION_BITS: u32 = 8;
/// Adjacent bytes of a row that are filtered together from top to bottom: a vector's worth.
const LANES: usize = 16;

/// Blurs with a standard deviation in tenths of a pixel.
pub fn blur(image: &mut Image, sigma_tenths: u16) {
    if sigma_tenths == 0 {
        return;
    }
    let translucent = !image.is_opaque();
    if translucent {
        premultiply(&mut image.pixels);
    }
    let width = image.width as usize;
    let sigma = f64::from(sigma_tenths) / 10.0;
    match image.layout {
        Layout::Rgb => blur_plane::<3>(&mut image.pixels, width, sigma),
        Layout::Rgba => blur_plane::<4>(&mut image.pixels, width, sigma),
    }
    if translucent {
        unpremultiply(&mut image.pixels);
    }
}

/// Blurs interleaved channels.
pub(super) fn blur_plane<const CHANNELS: usize>(pixels: &mut [u8], width: usize, sigma: f64) {
    let filter = Filter::new(sigma);
    let stride = width * CHANNELS;
    let mut across = Line::default();
    for row in pixels.chunks_exact_mut(stride) {
        across.samples.clear();
        across.samples.extend(row.as_chunks::<CHANNELS>().0.iter().map(|pixel| pixel.map(widen)));
        filter.apply(&mut across);
        let filtered = row.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(&across.samples);
        filtered.for_each(|(pixel, sample)| *pixel = sample.map(narrow));
    }
    let mut down = Line::<LANES>::default();
    for left in (0..stride).step_by(LANES) {
        let lanes = LANES.min(stride - left);
        down.samples.clear();
        for row in pixels.chunks_exact(stride) {
            let mut sample = [0; LANES];
            let part = sample.iter_mut().zip(&row[left..left + lanes]);
            part.for_each(|(sample, byte)| *sample = widen(*byte));
            down.samples.push(sample);
        }
        filter.apply(&mut down);
        for (row, sample) in pixels.chunks_exact_mut(stride).zip(&down.samples) {
            let part = row[left..left + lanes].iter_mut().zip(sample);
            part.for_each(|(byte, sample)| *byte = narrow(*sample));
        }
    }
}

fn widen(byte: u8) -> u16 {
    u16::from(byte) << FRACTION_BITS
}

fn narrow(sample: u16) -> u8 {
    ((u32::from(sample) + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS) as u8
}

/// Samples along a row or column, and where the next pass writes them.
struct Line<const LANES: usize> {
    samples: Vec<[u16; LANES]>,
    filtered: Vec<[u16; LANES]>,
}

impl<const LANES: usize> Default for Line<LANES> {
    fn default() -> Self {
        Self { samples: Vec::new(), filtered: Vec::new() }
    }
}

enum Filter {
    /// Weights of the centre and of its neighbours on either side, in units of 1 / 65,536.
    Kernel(Vec<u32>),
    /// Radii of box filters, one after the other.
    Boxes([usize; 3]),
}

impl Filter {
    fn new(sigma: f64) -> Self {
        if sigma <= KERNEL_SIGMA_MAX { Self::kernel(sigma) } else { Self::boxes(sigma) }
    }

    fn kernel(sigma: f64) -> Self {
        let radius = (sigma * 3.0).ceil() as usize;
        let weight = |at: usize| (-((at * at) as f64) / (2.0 * sigma * sigma)).exp();
        let sum: f64 = (1..=radius).map(weight).sum::<f64>() * 2.0 + weight(0);
        let mut weights: Vec<u32> =
            (0..=radius).map(|at| (weight(at) / sum * 65536.0).round() as u32).collect();
        // All weights together are one, so that a plain colour stays the same.
        weights[0] = 65536 - 2 * weights[1..].iter().sum::<u32>();
        Self::Kernel(weights)
    }

    /// Three boxes with the variance of the Gaussian, after Kovesi, "Fast almost-Gaussian
    /// filtering".
    fn boxes(sigma: f64) -> Self {
        let ideal = (4.0 * sigma * sigma + 1.0).sqrt();
        let small = ((ideal - 1.0) / 2.0).floor();
        let width = 2.0 * small + 1.0;
        let variance = 12.0 * sigma * sigma;
        let smaller = (3.0 * width * (width + 4.0) + 9.0 - variance) / (4.0 * (width + 1.0));
        let smaller = smaller.round() as usize;
        let small = small as usize;
        Self::Boxes([0, 1, 2].map(|at| if at < smaller { small } else { small + 1 }))
    }

    fn apply<const LANES: usize>(&self, line: &mut Line<LANES>) {
        match self {
            Self::Kernel(weights) => convolve(weights, line),
            Self::Boxes(radii) => radii.iter().for_each(|radius| average(*radius, line)),
        }
    }
}

/// Beyond its ends, a line continues as its last sample.
fn convolve<const LANES: usize>(weights: &[u32], line: &mut Line<LANES>) {
    let Line { samples, filtered } = line;
    filtered.clear();
    let last = samples.len() - 1;
    for at in 0..samples.len() {
        let mut sums = samples[at].map(|sample| u32::from(sample) * weights[0]);
        for (distance, weight) in weights.iter().enumerate().skip(1) {
            let before = &samples[at.saturating_sub(distance)];
            let after = &samples[(at + distance).min(last)];
            for lane in 0..LANES {
                sums[lane] += (u32::from(before[lane]) + u32::from(after[lane])) * weight;
            }
        }
        filtered.push(sums.map(|sum| ((u64::from(sum) + (1 << 15)) >> 16) as u16));
    }
    std::mem::swap(samples, filtered);
}

fn average<const LANES: usize>(radius: usize, line: &mut Line<LANES>) {
    let Line { samples, filtered } = line;
    filtered.clear();
    let last = samples.len() - 1;
    let count = 2 * radius as u64 + 1;
    // A division is a multiplication by the reciprocal in units of 1 / 2^32.
    let reciprocal = ((1_u64 << 32) + count / 2) / count;
    let mut sums = [0_u64; LANES];
    for lane in 0..LANES {
        sums[lane] = u64::from(samples[0][lane]) * (radius as u64 + 1);
    }
    for at in 1..=radius {
        let sample = &samples[at.min(last)];
        (0..LANES).for_each(|lane| sums[lane] += u64::from(sample[lane]));
    }
    for at in 0..samples.len() {
        filtered.push(sums.map(|sum| ((sum * reciprocal + (1 << 31)) >> 32) as u16));
        let leaves = &samples[at.saturating_sub(radius)];
        let enters = &samples[(at + radius + 1).min(last)];
        for lane in 0..LANES {
            sums[lane] = sums[lane] + u64::from(enters[lane]) - u64::from(leaves[lane]);
        }
    }
    std::mem::swap(samples, filtered);
}

fn premultiply(pixels: &mut [u8]) {
    for [red, green, blue, alpha] in pixels.as_chunks_mut::<4>().0 {
        let times = |value: u8| ((u32::from(value) * u32::from(*alpha) + 127) / 255) as u8;
        (*red, *green, *blue) = (times(*red), times(*green), times(*blue));
    }
}

fn unpremultiply(pixels: &mut [u8]) {
    for [red, green, blue, alpha] in pixels.as_chunks_mut::<4>().0 {
        let by = u32::from(*alpha).max(1);
        let over = |value: u8| ((u32::from(value) * 255 + by / 2) / by).min(255) as u8;
        (*red, *green, *blue) = (over(*red), over(*green), over(*blue));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;
    use crate::testing::pattern;

    /// A white point on black, blurred: its standard deviation in both directions.
    fn spread(sigma_tenths: u16) -> (f64, f64) {
        let side = 201_u32;
        let mut image = Image::filled(Size { width: side, height: side }, &[0, 0, 0]);
        // A block, because a point is too faint in 8 bits.
        let half = 20;
        for y in 100 - half..=100 + half {
            for x in 100 - half..=100 + half {
                let at = (y * side as usize + x) * 3;
                image.pixels[at..at + 3].fill(255);
            }
        }
        let block = ((2 * half + 1).pow(2) - 1) as f64 / 12.0;
        blur(&mut image, sigma_tenths);
        let variance = |of: fn(usize) -> usize| {
            let values = image.pixels.chunks_exact(3).enumerate();
            let (sum, weight) = values.fold((0.0, 0.0), |(sum, weight), (at, pixel)| {
                let (value, distance) = (f64::from(pixel[0]), of(at) as f64 - 100.0);
                (sum + value * distance * distance, weight + value)
            });
            (sum / weight - block).max(0.0).sqrt()
        };
        (variance(|at| at % 201), variance(|at| at / 201))
    }

    #[test]
    fn the_spread_is_as_asked() {
        for tenths in [5, 10, 19, 20, 21, 25, 50, 100, 150] {
            let (across, down) = spread(tenths);
            let asked = f64::from(tenths) / 10.0;
            assert!((across - asked).abs() < 0.06 * asked + 0.05, "{tenths}: {across}");
            assert!((down - across).abs() < 0.02 * asked + 0.02, "{tenths}: {down}");
        }
    }

    #[test]
    fn a_plain_colour_stays() {
        for tenths in [1, 3, 10, 20, 21, 300, 2000, u16::MAX] {
            for (width, height) in [(1, 1), (1, 40), (40, 1), (33, 17)] {
                for pixel in [&[255, 1, 128][..], &[255, 1, 128, 255], &[0, 0, 0, 0]] {
                    let plain = Image::filled(Size { width, height }, pixel);
                    let mut blurred = plain.clone();
                    blur(&mut blurred, tenths);
                    assert!(blurred == plain, "{tenths}: {width} x {height}");
                }
            }
        }
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let pixels =
            (0..40 * 4).flat_map(|at| if at % 40 < 20 { [255, 0, 0, 255] } else { [0, 255, 0, 0] });
        let pixels = pixels.collect();
        let mut image = Image { width: 40, height: 4, layout: Layout::Rgba, pixels };
        blur(&mut image, 30);
        let pixels = image.pixels.as_chunks::<4>().0;
        assert!(pixels.iter().all(|pixel| pixel[1] == 0));
        assert!(pixels.iter().all(|pixel| pixel[3] < 16 || pixel[0] > 240));
        assert!(pixels.iter().any(|pixel| (100..150).contains(&pixel[3])));
    }

    #[test]
    fn nothing_is_asked() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            let image = pattern(30, 20, layout);
            let mut same = image.clone();
            blur(&mut same, 0);
            assert!(same == image);
        }
    }
}
