//! JPEG: baseline, with chroma at half resolution as sharp has it.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::{QUALITY, is_grey};
use crate::image::{Image, Layout};

/// Most pixels that Huffman tables are optimised for: 9 bytes of memory each, because all
/// coefficients are kept until the tables are known. Files become 2 to 6 % smaller.
pub(super) const OPTIMISED_PIXELS_MAX: u64 = 4_000_000;

/// Encodes an image; its alpha channel is ignored.
pub fn encode(image: &Image, quality: Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let quality = quality.unwrap_or(QUALITY).clamp(1, 100);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(image.size().pixels() <= OPTIMISED_PIXELS_MAX);
    let (width, height) = (image.width as u16, image.height as u16);
    let encoded = if is_grey(image) {
        let channels = image.layout.channels();
        let luma: Vec<u8> = image.pixels.iter().step_by(channels).copied().collect();
        encoder.encode(&luma, width, height, ColorType::Luma)
    } else {
        let colours = match image.layout {
            Layout::Rgb => ColorType::Rgb,
            Layout::Rgba => ColorType::Rgba,
        };
        encoder.encode(&image.pixels, width, height, colours)
    };
    encoded.expect("a Vec takes all bytes, and sides have at most 4,096 pixels");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;
    use crate::testing::pattern;
    use jpeg_decoder::{Decoder, PixelFormat};

    fn decoded(bytes: &[u8]) -> (Vec<u8>, jpeg_decoder::ImageInfo) {
        let mut decoder = Decoder::new(bytes);
        let pixels = decoder.decode().unwrap();
        (pixels, decoder.info().unwrap())
    }

    fn difference(a: &[u8], b: &[u8]) -> f64 {
        assert_eq!(a.len(), b.len());
        let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        for (width, height) in [(1, 1), (7, 9), (16, 16), (17, 33), (300, 200)] {
            let image = pattern(width, height, Layout::Rgb);
            let (pixels, info) = decoded(&encode(&image, Some(95)));
            assert_eq!((u32::from(info.width), u32::from(info.height)), (width, height));
            assert!(difference(&pixels, &image.pixels) < 12.0, "{width} x {height}");
        }
    }

    #[test]
    fn quality_costs_bytes() {
        let image = pattern(300, 200, Layout::Rgb);
        let sizes = [1, 50, 75, 90, 100].map(|quality| encode(&image, Some(quality)).len());
        assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
        assert_eq!(encode(&image, None), encode(&image, Some(75)));
        assert_eq!(encode(&image, Some(0)), encode(&image, Some(1)));
        assert_eq!(encode(&image, Some(255)), encode(&image, Some(100)));
    }

    #[test]
    fn grey_images_have_one_channel() {
        let mut image = Image::filled(Size { width: 40, height: 30 }, &[90, 90, 90]);
        let (pixels, info) = decoded(&encode(&image, None));
        assert_eq!(info.pixel_format, PixelFormat::L8);
        assert!(pixels.iter().all(|value| value.abs_diff(90) <= 1));
        image.pixels[1] = 91;
        assert_eq!(decoded(&encode(&image, None)).1.pixel_format, PixelFormat::RGB24);
    }

    #[test]
    fn large_images_are_encoded_without_keeping_coefficients() {
        for (height, is_optimised) in [(2000, true), (2001, false)] {
            let plain = Image::filled(Size { width: 2000, height }, &[200, 100, 50]);
            let bytes = encode(&plain, None);
            // Standard tables: 12 codes of DC luma, and so on, in 420 bytes of segments.
            let tables: usize = segments(&bytes, 0xc4).iter().sum();
            assert_eq!(tables < 400, is_optimised, "{tables}");
        }
    }

    /// Lengths of the segments of a marker.
    fn segments(bytes: &[u8], marker: u8) -> Vec<usize> {
        let mut at = 2;
        let mut found = Vec::new();
        while bytes[at] == 0xff && bytes[at + 1] != 0xda {
            let length = usize::from(bytes[at + 2]) << 8 | usize::from(bytes[at + 3]);
            found.extend((bytes[at + 1] == marker).then_some(length));
            at += 2 + length;
        }
        found
    }

    #[test]
    fn there_is_no_metadata() {
        let bytes = encode(&pattern(20, 20, Layout::Rgb), None);
        // JFIF is a header of 16 bytes; EXIF and profiles would be in APP1 and APP2.
        assert_eq!(segments(&bytes, 0xe0), [16]);
        for marker in (0xe1..=0xef).chain([0xfe]) {
            assert!(segments(&bytes, marker).is_empty(), "{marker:x}");
        }
    }
}
