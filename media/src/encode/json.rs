//! Facts about a source, as JSON.

use serde::Serialize;

use crate::image::{Image, Size};

/// Bits of a channel that tell colours apart when the main one is counted.
const COLOUR_BITS: u32 = 4;
/// Least alpha of pixels that count.
const ALPHA_MIN: u8 = 128;

#[derive(Serialize)]
struct Facts<'a> {
    width: u32,
    height: u32,
    format: &'a str,
    /// 1 for a still image.
    frames: usize,
    /// The main colour, as CSS has it; `null` if everything is transparent.
    color: Option<String>,
}

/// Encodes the facts of a source of `original` size, of which `sample` is a small version.
pub fn encode(sample: &Image, original: Size, format: &str, frames: usize) -> Vec<u8> {
    let Size { width, height } = original;
    let color =
        main_colour(sample).map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"));
    serde_json::to_vec(&Facts { width, height, format, frames, color }).unwrap_or_default()
}

/// Returns the average of the colours that are most frequent. The average of all would be grey.
fn main_colour(image: &Image) -> Option<[u8; 3]> {
    // The number of pixels and the sum of each channel.
    let mut bins = vec![[0_u64; 4]; 1 << (3 * COLOUR_BITS)];
    for pixel in image.pixels.chunks_exact(image.layout.channels()) {
        if pixel.get(3).is_none_or(|alpha| *alpha >= ALPHA_MIN) {
            let bin = pixel[..3]
                .iter()
                .fold(0, |bin, value| bin << COLOUR_BITS | usize::from(value >> (8 - COLOUR_BITS)));
            bins[bin][3] += 1;
            (0..3).for_each(|at| bins[bin][at] += u64::from(pixel[at]));
        }
    }
    let [red, green, blue, count] = bins.into_iter().max_by_key(|bin| bin[3])?;
    (count > 0).then(|| [red, green, blue].map(|sum| ((sum + count / 2) / count) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Layout;

    #[test]
    fn facts() {
        // Three pixels of about the same blue, one green, many transparent red ones.
        let mut pixels = vec![16, 32, 200, 255, 18, 34, 202, 255, 17, 33, 201, 128, 0, 255, 0, 255];
        pixels.extend([255, 0, 0, 127].repeat(8));
        let image = Image { width: 12, height: 1, layout: Layout::Rgba, pixels };
        let json = encode(&image, Size { width: 4000, height: 3000 }, "png", 1);
        let text = String::from_utf8(json).unwrap();
        let expected =
            r##"{"width":4000,"height":3000,"format":"png","frames":1,"color":"#1121c9"}"##;
        assert_eq!(text, expected);
    }

    #[test]
    fn without_a_visible_pixel_there_is_no_colour() {
        let clear = Image::filled(Size { width: 2, height: 2 }, &[9, 9, 9, 0]);
        let json = encode(&clear, Size { width: 2, height: 2 }, "gif", 12);
        let text = String::from_utf8(json).unwrap();
        assert_eq!(text, r#"{"width":2,"height":2,"format":"gif","frames":12,"color":null}"#);
        let plain = Image::filled(Size { width: 2, height: 2 }, &[255, 254, 0]);
        assert_eq!(main_colour(&plain), Some([255, 254, 0]));
    }
}
