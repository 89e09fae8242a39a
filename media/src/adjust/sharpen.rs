//! Unsharp mask.

use super::blur::blur_plane;
use crate::image::Image;

/// Standard deviation of the mask in pixels: enough for the detail that resizing softens.
const MASK_SIGMA: f64 = 1.0;
/// Contrast between a pixel and its surroundings that is left as it is, in luma: noise.
const THRESHOLD: i32 = 2;

/// Sharpens by an amount in percent: the difference between a pixel's luma and its surroundings
/// grows by so much. Hues stay, because all channels change equally.
pub fn sharpen(image: &mut Image, amount_percent: u8) {
    if amount_percent == 0 {
        return;
    }
    let channels = image.layout.channels();
    let luma: Vec<u8> = image.pixels.chunks_exact(channels).map(luma).collect();
    let mut mask = luma.clone();
    blur_plane::<1>(&mut mask, image.width as usize, MASK_SIGMA);
    let lumas = luma.iter().zip(&mask);
    for (pixel, (luma, mask)) in image.pixels.chunks_exact_mut(channels).zip(lumas) {
        let contrast = i32::from(*luma) - i32::from(*mask);
        if contrast.abs() > THRESHOLD {
            let change = contrast * i32::from(amount_percent) / 100;
            for value in &mut pixel[..3] {
                *value = (i32::from(*value) + change).clamp(0, 255) as u8;
            }
        }
    }
}

/// Returns the luma of a pixel (ITU-R BT.601).
pub fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((red * 299 + green * 587 + blue * 114 + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Layout, Size};

    fn edge(layout: Layout) -> Image {
        let pixel = |at: usize| vec![if at % 20 < 10 { 80 } else { 160 }; layout.channels()];
        let pixels = (0..400).flat_map(pixel).collect();
        Image { width: 20, height: 20, layout, pixels }
    }

    #[test]
    fn edges_gain_contrast() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            let mut before = 0;
            for amount in [0, 1, 50, 100] {
                let mut image = edge(layout);
                sharpen(&mut image, amount);
                let row = image.rows().nth(10).unwrap();
                let at = |x: usize| i32::from(row[x * layout.channels()]);
                // Far from the edge nothing changes.
                assert_eq!((at(0), at(19)), (80, 160));
                let contrast = at(10) - at(9);
                assert!(contrast > before || amount == 1, "{amount}: {contrast}");
                before = contrast;
            }
            assert!(before > 110, "{before}");
        }
    }

    #[test]
    fn alpha_and_plain_colours_stay() {
        let plain = Image::filled(Size { width: 9, height: 9 }, &[10, 200, 30, 77]);
        let mut image = plain.clone();
        sharpen(&mut image, 100);
        assert!(image == plain);
    }

    #[test]
    fn values_do_not_overflow() {
        let pixels = (0..400).flat_map(|at| [if at % 2 == 0 { 0 } else { 255 }; 3]).collect();
        let mut image = Image { width: 20, height: 20, layout: Layout::Rgb, pixels };
        let before = image.clone();
        sharpen(&mut image, 255);
        assert!(image == before);
    }
}
