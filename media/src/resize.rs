//! Resizes images with a Lanczos filter in linear light.
//!
//! Averaging encoded values darkens fine detail; light adds up linearly. So pixels are decoded to
//! 16 bits of linear light, with alpha premultiplied, and encoded again afterwards. That happens a
//! strip of rows at a time: a strip stays in the processor's cache, and the 16-bit pixels of the
//! whole image would take more memory than the image.

use std::sync::LazyLock;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U16x3, U16x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::geometry::Window;
use crate::image::{Image, Layout, Size};

/// Bytes of a strip's source pixels in linear light.
const STRIP_BYTES: usize = 2 << 20;
/// Rows of the source beyond a strip that its filter reads, for each row of the source per row of
/// the output: the radius of Lanczos.
const RADIUS: f64 = 3.0;
/// Bits of linear light that choose an encoded value. Neighbours are 20 of 65,536 apart where they
/// are closest, so that 8 can share an entry and every value is still encoded as it was decoded.
const INDEX_SHIFT: usize = 3;

static LINEAR: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let encoded = value as f64 / 255.0;
        let linear = if encoded <= 0.04045 {
            encoded / 12.92
        } else {
            ((encoded + 0.055) / 1.055).powf(2.4)
        };
        (linear * 65535.0).round() as u16
    })
});

static ENCODED: LazyLock<[u8; 65536 >> INDEX_SHIFT]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let middle = (index << INDEX_SHIFT) as f64 + (1 << INDEX_SHIFT) as f64 / 2.0 - 0.5;
        let linear = middle / 65535.0;
        let encoded = if linear <= 0.003_130_8 {
            linear * 12.92
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
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
        Layout::Rgb => resize_as::<Opaque>(image, part, size, STRIP_BYTES),
        Layout::Rgba => resize_as::<Transparent>(image, part, size, STRIP_BYTES),
    }
}

/// Bytes that resizing takes besides the image.
pub fn working_bytes(image: &Image, part: Part, size: Size) -> u64 {
    if part.is_whole(size) && image.size() == size {
        return 0;
    }
    // The strip in linear light, premultiplied, resized across, and resized.
    size.pixels() * image.layout.channels() as u64 + 4 * STRIP_BYTES as u64
}

/// A pixel layout and its conversion to and from linear light.
trait Linear {
    type Pixel: PixelTrait;
    fn decode(encoded: &[u8], into: &mut Vec<Self::Pixel>);
    fn encode(pixels: &[Self::Pixel], into: &mut [u8]);
}

struct Opaque;
struct Transparent;

impl Linear for Opaque {
    type Pixel = U16x3;

    fn decode(encoded: &[u8], into: &mut Vec<U16x3>) {
        let linear = &*LINEAR;
        let pixels = encoded.as_chunks::<3>().0.iter();
        into.extend(pixels.map(|pixel| U16x3::new(pixel.map(|value| linear[usize::from(value)]))));
    }

    fn encode(pixels: &[U16x3], into: &mut [u8]) {
        let encoded = &*ENCODED;
        for (into, pixel) in into.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            *into = pixel.0.map(|value| encoded[usize::from(value) >> INDEX_SHIFT]);
        }
    }
}

impl Linear for Transparent {
    type Pixel = U16x4;

    fn decode(encoded: &[u8], into: &mut Vec<U16x4>) {
        let linear = &*LINEAR;
        let pixels = encoded.as_chunks::<4>().0.iter();
        into.extend(pixels.map(|&[red, green, blue, alpha]| {
            let [red, green, blue] = [red, green, blue].map(|value| linear[usize::from(value)]);
            U16x4::new([red, green, blue, u16::from(alpha) * 257])
        }));
    }

    fn encode(pixels: &[U16x4], into: &mut [u8]) {
        let encoded = &*ENCODED;
        for (into, pixel) in into.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
            let [red, green, blue, alpha] = pixel.0;
            let [red, green, blue] =
                [red, green, blue].map(|value| encoded[usize::from(value) >> INDEX_SHIFT]);
            *into = [red, green, blue, ((u32::from(alpha) + 128) / 257) as u8];
        }
    }
}

/// Rows or columns of an image that a filter reads for a part of it.
fn read(start: f64, length: f64, scale: f64, whole: u32) -> std::ops::Range<usize> {
    let margin = RADIUS * scale.max(1.0) + 1.0;
    let first = (start - margin).floor().max(0.0) as usize;
    let end = (start + length + margin).ceil() as usize;
    first..end.min(whole as usize)
}

fn resize_as<L: Linear>(image: &Image, part: Part, size: Size, strip_bytes: usize) -> Image {
    let (across, down) = (part.width / f64::from(size.width), part.height / f64::from(size.height));
    let columns = read(part.left, part.width, across, image.width);
    let row_bytes = columns.len() * size_of::<L::Pixel>();
    let strip = ((strip_bytes / row_bytes) as f64 / down) as u32;
    // Below 16 rows, most of the work would be done twice.
    let strip = strip.clamp(16, size.height.max(16));

    let channels = image.layout.channels();
    let mut resizer = Resizer::new();
    let mut linear = Vec::new();
    let stride = size.width as usize * channels;
    let mut pixels = vec![0; stride * size.height as usize];
    for first in (0..size.height).step_by(strip as usize) {
        let height = strip.min(size.height - first);
        let top = part.top + f64::from(first) * down;
        let rows = read(top, f64::from(height) * down, down, image.height);
        linear.clear();
        for row in image.rows().skip(rows.start).take(rows.len()) {
            L::decode(&row[columns.start * channels..columns.end * channels], &mut linear);
        }
        let source = TypedImageRef::new(columns.len() as u32, rows.len() as u32, &linear)
            .expect("as many rows as columns.len() fit");
        let mut resized = TypedImage::new(size.width, height);
        let (left, top) = (part.left - columns.start as f64, top - rows.start as f64);
        // Rounded sums may exceed the whole by a trifle.
        let width = part.width.min(columns.len() as f64 - left);
        let height = (f64::from(height) * down).min(rows.len() as f64 - top);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(left, top, width, height);
        resizer
            .resize_typed(&source, &mut resized, &options)
            .expect("the part is within the image");
        L::encode(resized.pixels(), &mut pixels[first as usize * stride..]);
    }
    Image { width: size.width, height: size.height, layout: image.layout, pixels }
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
        let (mut linear, mut encoded) = (Vec::new(), vec![0; all.len()]);
        Opaque::decode(&all, &mut linear);
        Opaque::encode(&linear, &mut encoded);
        assert_eq!(encoded, all);
        let all: Vec<u8> = (0..=255).flat_map(|value| [value; 4]).collect();
        let (mut linear, mut encoded) = (Vec::new(), vec![0; all.len()]);
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
    fn strips_join_without_a_seam() {
        let part = Part { left: 10.3, top: 5.6, width: 170.0, height: 590.7 };
        for size in [size(70, 300), size(200, 580), size(170, 700)] {
            let rgb = pattern(200, 600, Layout::Rgb);
            let one = resize_as::<Opaque>(&rgb, part, size, usize::MAX);
            let several = resize_as::<Opaque>(&rgb, part, size, 16 << 10);
            assert_eq!(one, several);
            let rgba = pattern(200, 600, Layout::Rgba);
            let one = resize_as::<Transparent>(&rgba, part, size, usize::MAX);
            let several = resize_as::<Transparent>(&rgba, part, size, 16 << 10);
            assert_eq!(one, several);
        }
    }
}
