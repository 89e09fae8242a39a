//! Resizes images with a Lanczos filter in linear light.
//!
//! Averaging encoded values darkens fine detail; light adds up linearly. So rows are decoded to
//! linear light, with alpha premultiplied, resized across, and kept until the rows of the result
//! that need them are done. The sums are in floating point, which SIMD computes four at a time.

use std::sync::LazyLock;

use crate::geometry::Window;
use crate::image::{Image, Layout, Size};

/// Radius of the filter in pixels of the smaller image.
const LOBES: f64 = 3.0;
/// Most rows of the source per row of the result that are filtered. Beyond, several rows are first
/// averaged into one, which bounds the rows that are kept.
const ROWS_MAX: f64 = 8.0;
/// Samples that are summed up together: as many as registers hold.
const LANES: usize = 32;
/// Floats of a pixel that are loaded at once; behind the last pixel, as many are unused.
const LOAD: usize = 4;
/// Entries of the table that encodes light. Encoded values are 2.5 entries apart where they are
/// closest, so every value is encoded as it was decoded.
const ENCODED_MAX: f32 = 8191.0;

static LIGHT: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let encoded = value as f64 / 255.0;
        let light = if encoded <= 0.04045 {
            encoded / 12.92
        } else {
            ((encoded + 0.055) / 1.055).powf(2.4)
        };
        light as f32
    })
});

static ENCODED: LazyLock<[u8; ENCODED_MAX as usize + 1]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let light = index as f64 / f64::from(ENCODED_MAX);
        let encoded = if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
});

/// A part of an image in fractions of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Part {
    /// Converts a window of an image of `original` size to one of the size that it is decoded to.
    pub fn of(window: Window, original: Size, decoded: Size) -> Self {
        let across = f64::from(decoded.width) / f64::from(original.width);
        let down = f64::from(decoded.height) / f64::from(original.height);
        Self {
            left: f64::from(window.x) * across,
            top: f64::from(window.y) * down,
            width: f64::from(window.size.width) * across,
            height: f64::from(window.size.height) * down,
        }
    }

    pub fn whole(size: Size) -> Self {
        Self { left: 0.0, top: 0.0, width: size.width.into(), height: size.height.into() }
    }

    fn is_whole(self, size: Size) -> bool {
        self == Self::whole(size)
    }
}

/// Resizes a part of an image; the whole of an image that has the size already stays as it is.
pub fn resize(image: Image, part: Part, size: Size) -> Image {
    if part.is_whole(size) && image.size() == size { image } else { resized(&image, part, size) }
}

/// Resizes a part of an image.
pub fn resized(image: &Image, part: Part, size: Size) -> Image {
    match image.layout {
        Layout::Rgb => resize_as::<Opaque>(image, part, size),
        Layout::Rgba => resize_as::<Transparent>(image, part, size),
    }
}

/// Bytes that resizing takes besides the image.
pub fn working_bytes(image: &Image, part: Part, size: Size) -> u64 {
    if part.is_whole(size) && image.size() == size {
        return 0;
    }
    let channels = image.layout.channels() as u64;
    let [width, height] =
        [image.width.max(size.width), image.height.max(size.height)].map(u64::from);
    let weights = (width + height) * (2.0 * LOBES + 2.0) as u64;
    let rows = (2.0 * LOBES * ROWS_MAX) as u64 + 1;
    let kept = rows * (u64::from(size.width) * channels + (LANES + LOAD) as u64);
    size.pixels() * channels + (weights + kept + 2 * width * channels) * 4
}

/// A pixel layout and its conversion to and from linear light.
trait Linear {
    const CHANNELS: usize;
    fn decode(encoded: &[u8], into: &mut [f32]);
    fn encode(light: &[f32], into: &mut Vec<u8>);
}

struct Opaque;
struct Transparent;

impl Linear for Opaque {
    const CHANNELS: usize = 3;

    fn decode(encoded: &[u8], into: &mut [f32]) {
        let table = &*LIGHT;
        for (light, value) in into.iter_mut().zip(encoded) {
            *light = table[usize::from(*value)];
        }
    }

    fn encode(light: &[f32], into: &mut Vec<u8>) {
        let table = &*ENCODED;
        into.extend(light.iter().map(|light| encoded(table, *light)));
    }
}

impl Linear for Transparent {
    const CHANNELS: usize = 4;

    fn decode(encoded: &[u8], into: &mut [f32]) {
        let table = &*LIGHT;
        let pixels = encoded.as_chunks::<4>().0;
        for (light, [red, green, blue, alpha]) in into.as_chunks_mut::<4>().0.iter_mut().zip(pixels)
        {
            let alpha = f32::from(*alpha) / 255.0;
            let [red, green, blue] = [red, green, blue].map(|value| table[usize::from(*value)]);
            *light = [red * alpha, green * alpha, blue * alpha, alpha];
        }
    }

    fn encode(light: &[f32], into: &mut Vec<u8>) {
        let table = &*ENCODED;
        into.extend(light.as_chunks::<4>().0.iter().flat_map(|[red, green, blue, alpha]| {
            // Sums of a sharp filter leave the range.
            let value = (alpha * 255.0 + 0.5) as u8;
            let share = if value == 0 { 0.0 } else { 1.0 / alpha.min(1.0) };
            let [red, green, blue] = [red, green, blue].map(|light| encoded(table, light * share));
            [red, green, blue, value]
        }));
    }
}

fn encoded(table: &[u8; ENCODED_MAX as usize + 1], light: f32) -> u8 {
    // The cast makes 0 of what is negative.
    table[((light * ENCODED_MAX + 0.5) as usize).min(table.len() - 1)]
}

/// The pixels that each pixel of a side of the result is a sum of, and their weights.
struct Filter {
    taps: usize,
    firsts: Vec<usize>,
    weights: Vec<f32>,
}

impl Filter {
    /// For `length` pixels from `start` of a side of `whole` pixels, which become `to` pixels.
    fn new(start: f64, length: f64, whole: usize, to: u32) -> Self {
        let scale = length / f64::from(to);
        let stretch = scale.max(1.0);
        let radius = LOBES * stretch;
        let taps = ((2.0 * radius) as usize + 1).min(whole);
        let mut firsts = Vec::with_capacity(to as usize);
        let mut weights = Vec::with_capacity(to as usize * taps);
        for index in 0..to {
            let centre = start + (f64::from(index) + 0.5) * scale - 0.5;
            let first = ((centre - radius).ceil().max(0.0) as usize).min(whole - taps);
            let own = (first..first + taps).map(|at| lanczos((at as f64 - centre) / stretch));
            let sum: f64 = own.clone().sum();
            weights.extend(own.map(|weight| (weight / sum) as f32));
            firsts.push(first);
        }
        Self { taps, firsts, weights }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.firsts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }

    /// Returns the first pixel that is read, and the one behind the last.
    fn read(&self) -> (usize, usize) {
        let first = self.firsts.first().copied().unwrap_or_default();
        let last = self.firsts.last().copied().unwrap_or_default();
        (first, last + self.taps)
    }
}

fn lanczos(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    if x.abs() >= LOBES {
        return 0.0;
    }
    let angle = x * std::f64::consts::PI;
    LOBES * angle.sin() * (angle / LOBES).sin() / (angle * angle)
}

/// Rows of an image in linear light, each the average of `group` rows.
struct Rows<'a> {
    image: &'a Image,
    group: usize,
    /// The columns that are read.
    first: usize,
    end: usize,
    light: Vec<f32>,
    another: Vec<f32>,
}

impl Rows<'_> {
    /// Returns a row; `LOAD` floats more are behind it.
    fn light<L: Linear>(&mut self, index: usize) -> &[f32] {
        let used = (self.end - self.first) * L::CHANNELS;
        let rows = self.image.rows().skip(index * self.group).take(self.group);
        let rows = rows.map(|row| &row[self.first * L::CHANNELS..self.end * L::CHANNELS]);
        let mut count = 0;
        for row in rows {
            if count == 0 {
                L::decode(row, &mut self.light[..used]);
            } else {
                L::decode(row, &mut self.another[..used]);
                self.light.iter_mut().zip(&self.another).for_each(|(sum, light)| *sum += light);
            }
            count += 1;
        }
        if count > 1 {
            self.light.iter_mut().for_each(|sum| *sum /= count as f32);
        }
        &self.light
    }
}

fn resize_as<L: Linear>(image: &Image, part: Part, size: Size) -> Image {
    let group = (part.height / f64::from(size.height) / ROWS_MAX).ceil().max(1.0);
    let height = image.height.div_ceil(group as u32) as usize;
    let down = Filter::new(part.top / group, part.height / group, height, size.height);
    let across = Filter::new(part.left, part.width, image.width as usize, size.width);
    let (first, end) = across.read();
    let light = vec![0.0; (end - first) * L::CHANNELS + LOAD];
    let another = if group > 1.0 { light.clone() } else { Vec::new() };
    let mut rows = Rows { image, group: group as usize, first, end, light, another };

    let samples = size.width as usize * L::CHANNELS;
    let blocks = (samples + LOAD).div_ceil(LANES);
    // Row `n` is in place `n % taps`.
    let mut kept = vec![[0.0; LANES]; down.taps * blocks];
    let mut next = 0;
    let mut pixels = Vec::with_capacity(samples * size.height as usize);
    let mut places = Vec::with_capacity(down.taps);
    for (first_row, weights) in down.iter() {
        next = next.max(first_row);
        while next < first_row + down.taps {
            let place = next % down.taps * blocks;
            let into = kept[place..place + blocks].as_flattened_mut();
            resize_row::<L>(rows.light::<L>(next), first, &across, into);
            next += 1;
        }
        places.clear();
        places.extend((first_row..).map(|row| row % down.taps * blocks).zip(weights));
        for block in 0..blocks {
            let mut sums = [0.0; LANES];
            for (place, weight) in &places {
                let row = &kept[place + block];
                (0..LANES).for_each(|lane| sums[lane] += row[lane] * **weight);
            }
            let left = samples.saturating_sub(block * LANES);
            L::encode(&sums[..left.min(LANES)], &mut pixels);
        }
    }
    Image { width: size.width, height: size.height, layout: image.layout, pixels }
}

/// Resizes a row whose first pixel is the one of index `start`.
fn resize_row<L: Linear>(row: &[f32], start: usize, filter: &Filter, into: &mut [f32]) {
    for (index, (first, weights)) in filter.iter().enumerate() {
        let from = (first - start) * L::CHANNELS;
        let pixels = row[from..].windows(LOAD).step_by(L::CHANNELS);
        let mut sums = [0.0; LOAD];
        for (pixel, weight) in pixels.zip(weights) {
            (0..LOAD).for_each(|lane| sums[lane] += pixel[lane] * weight);
        }
        // The fourth of three is overwritten by the next pixel.
        into[index * L::CHANNELS..][..LOAD].copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pattern;

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn every_value_is_encoded_as_it_was_decoded() {
        let all: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
        let (mut linear, mut encoded) = (vec![0.0; all.len()], Vec::new());
        Opaque::decode(&all, &mut linear);
        Opaque::encode(&linear, &mut encoded);
        assert_eq!(encoded, all);
        let all: Vec<u8> = (0..=255).flat_map(|value| [value; 4]).collect();
        let (mut linear, mut encoded) = (vec![0.0; all.len()], Vec::new());
        Transparent::decode(&all, &mut linear);
        Transparent::encode(&linear, &mut encoded);
        assert_eq!(encoded, all);
    }

    #[test]
    fn light_is_averaged() {
        // Every other pixel is white: half the light, which is 188 and not 128.
        let pixels = (0..64 * 64).flat_map(|at| [if (at + at / 64) % 2 == 0 { 255 } else { 0 }; 3]);
        let pixels = pixels.collect();
        let board = Image { width: 64, height: 64, layout: Layout::Rgb, pixels };
        let half = resize(board, Part::whole(size(64, 64)), size(16, 16));
        let middle = &half.rows().nth(8).unwrap()[24..27];
        assert!(middle.iter().all(|value| (187..=189).contains(value)), "{middle:?}");
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let pixels = (0..64 * 64)
            .flat_map(|at| if at % 64 < 32 { [255, 0, 0, 255] } else { [0, 255, 0, 0] });
        let pixels = pixels.collect();
        let image = Image { width: 64, height: 64, layout: Layout::Rgba, pixels };
        let half = resize(image, Part::whole(size(64, 64)), size(33, 33));
        let edge = half.pixels.as_chunks::<4>().0.iter().filter(|pixel| pixel[3] > 0);
        assert!(edge.clone().any(|pixel| pixel[3] < 255));
        assert!(edge.clone().all(|pixel| pixel[1] == 0 && pixel[0] == 255));
    }

    #[test]
    fn a_plain_image_stays_plain() {
        let sizes = [size(1, 1), size(2, 700), size(700, 2), size(33, 33), size(100, 90)];
        for (from, to) in sizes.iter().flat_map(|from| sizes.map(|to| (*from, to))) {
            for pixel in [&[200, 100, 3][..], &[255, 0, 9, 130], &[0, 0, 0, 0]] {
                let image = Image::filled(from, pixel);
                let whole = Part::whole(from);
                assert_eq!(resize(image, whole, to), Image::filled(to, pixel), "{from:?} {to:?}");
            }
        }
    }

    /// A sample of the result by the definition of the filter.
    fn exact(image: &Image, part: Part, size: Size, x: u32, y: u32, channel: usize) -> f64 {
        let weights = |start: f64, length: f64, to: u32, index: u32, whole: u32| {
            let scale = length / f64::from(to);
            let centre = start + (f64::from(index) + 0.5) * scale - 0.5;
            let weight = move |at| lanczos((f64::from(at) - centre) / scale.max(1.0));
            let sum: f64 = (0..whole).map(weight).sum();
            (0..whole).map(move |at| weight(at) / sum).collect::<Vec<_>>()
        };
        let across = weights(part.left, part.width, size.width, x, image.width);
        let down = weights(part.top, part.height, size.height, y, image.height);
        let row = |row: &[u8]| -> f64 {
            let samples = row.iter().skip(channel).step_by(image.layout.channels());
            samples.zip(&across).map(|(v, w)| f64::from(LIGHT[usize::from(*v)]) * w).sum()
        };
        image.rows().zip(&down).map(|(r, w)| row(r) * w).sum()
    }

    #[test]
    fn samples_are_those_of_the_filter() {
        let image = pattern(60, 40, Layout::Rgb);
        let parts = [
            Part::whole(image.size()),
            Part { left: 10.3, top: 5.6, width: 33.3, height: 20.7 },
            Part { left: 59.0, top: 39.0, width: 1.0, height: 1.0 },
        ];
        for (part, to) in parts.iter().flat_map(|part| {
            [size(1, 6), size(25, 17), size(60, 11), size(77, 90)].map(|to| (*part, to))
        }) {
            let resized = resized(&image, part, to);
            for (y, row) in resized.rows().enumerate() {
                for (x, value) in row.iter().enumerate() {
                    let (column, channel) = ((x / 3) as u32, x % 3);
                    let light = exact(&image, part, to, column, y as u32, channel);
                    let expected = encoded(&ENCODED, light as f32);
                    assert!(value.abs_diff(expected) <= 1, "{part:?} {to:?} {x} {y}");
                }
            }
        }
    }

    #[test]
    fn averaged_rows_keep_their_place() {
        // Light grows from row to row, so that a shifted result would be darker or brighter.
        for (height, to) in [(900, 100), (1000, 7), (997, 30)] {
            let rows = (0..height).flat_map(|row| [(row * 255 / height) as u8; 3]);
            let pixels = rows.collect();
            let image = Image { width: 1, height, layout: Layout::Rgb, pixels };
            let part = Part::whole(image.size());
            let resized = resized(&image, part, size(1, to));
            for (y, row) in resized.rows().enumerate().skip(1).take(to as usize - 2) {
                let light = exact(&image, part, size(1, to), 0, y as u32, 0);
                let expected = encoded(&ENCODED, light as f32);
                assert!(row[0].abs_diff(expected) <= 1, "{y} of {to}: {} {expected}", row[0]);
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_the_result() {
        let image = Image::filled(size(4000, 3000), &[1, 2, 3]);
        let bytes = |to| working_bytes(&image, Part::whole(image.size()), to);
        assert_eq!(bytes(size(4000, 3000)), 0);
        for to in [size(4000, 1), size(1, 3000), size(1, 1), size(800, 600)] {
            assert!(bytes(to) < 4 << 20, "{to:?}: {}", bytes(to));
        }
    }
}
