//! Rotates and mirrors.

use selvedge::site::media::transformation::{Flip, Rotation};

use crate::image::{Image, Layout};

/// Rotates, then mirrors.
pub fn turn(image: Image, rotate: Rotation, flip: Flip) -> Image {
    match image.layout {
        Layout::Rgb => turn_as::<3>(image, rotate, flip),
        Layout::Rgba => turn_as::<4>(image, rotate, flip),
    }
}

fn turn_as<const CHANNELS: usize>(mut image: Image, rotate: Rotation, flip: Flip) -> Image {
    // 180 degrees are both mirrors, and 270 are 90 and both mirrors.
    let quarter = matches!(rotate, Rotation::Quarter | Rotation::ThreeQuarters);
    let half = matches!(rotate, Rotation::Half | Rotation::ThreeQuarters);
    if quarter {
        image = quarter_turn::<CHANNELS>(&image);
    }
    let (horizontal, vertical) = (flip.horizontal != half, flip.vertical != half);
    let pixels = image.pixels.as_chunks_mut::<CHANNELS>().0;
    let width = image.width as usize;
    if horizontal && vertical {
        pixels.reverse();
    } else if horizontal {
        pixels.chunks_exact_mut(width).for_each(<[_]>::reverse);
    } else if vertical {
        let (top, bottom) = pixels.split_at_mut(pixels.len() / 2 / width * width);
        let above = top.chunks_exact_mut(width);
        above.zip(bottom.rchunks_exact_mut(width)).for_each(|(a, b)| a.swap_with_slice(b));
    }
    image
}

/// Rotates by 90 degrees clockwise.
fn quarter_turn<const CHANNELS: usize>(image: &Image) -> Image {
    let (width, height) = (image.width as usize, image.height as usize);
    let source = image.pixels.as_chunks::<CHANNELS>().0;
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for x in 0..width {
        for y in (0..height).rev() {
            pixels.extend_from_slice(&source[y * width + x]);
        }
    }
    Image { width: image.height, height: image.width, layout: image.layout, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three by two pixels; the letters stand for colours.
    fn letters(image: &Image) -> String {
        let channels = image.layout.channels();
        let rows = image.rows().map(|row| row.iter().step_by(channels).map(|b| *b as char));
        rows.map(|row| row.collect::<String>()).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn turns() {
        let cases = [
            (Rotation::None, false, false, "abc/def"),
            (Rotation::Quarter, false, false, "da/eb/fc"),
            (Rotation::Half, false, false, "fed/cba"),
            (Rotation::ThreeQuarters, false, false, "cf/be/ad"),
            (Rotation::None, true, false, "cba/fed"),
            (Rotation::None, false, true, "def/abc"),
            (Rotation::None, true, true, "fed/cba"),
            (Rotation::Quarter, true, false, "ad/be/cf"),
            (Rotation::Quarter, false, true, "fc/eb/da"),
            (Rotation::Half, true, true, "abc/def"),
            (Rotation::ThreeQuarters, true, false, "fc/eb/da"),
        ];
        for layout in [Layout::Rgb, Layout::Rgba] {
            let pixels = b"abcdef".iter().flat_map(|b| vec![*b; layout.channels()]).collect();
            let image = Image { width: 3, height: 2, layout, pixels };
            for (rotate, horizontal, vertical, expected) in cases {
                let turned = turn(image.clone(), rotate, Flip { horizontal, vertical });
                assert_eq!(letters(&turned), expected, "{rotate:?} {horizontal} {vertical}");
            }
        }
    }

    #[test]
    fn a_middle_row_stays() {
        let pixels = b"abcdefghi".iter().flat_map(|b| [*b; 3]).collect();
        let image = Image { width: 3, height: 3, layout: Layout::Rgb, pixels };
        let flip = Flip { horizontal: false, vertical: true };
        assert_eq!(letters(&turn(image, Rotation::None, flip)), "ghi/def/abc");
    }
}
