//! Thumbhash: a placeholder of about 25 bytes.

use thumbhash::rgba_to_thumb_hash;

use crate::geometry::{THUMBHASH_SIDE_MAX, contained};
use crate::image::{Image, Size};
use crate::resize::{Part, resize};

pub fn encode(image: Image) -> Vec<u8> {
    let side = Size { width: THUMBHASH_SIDE_MAX, height: THUMBHASH_SIDE_MAX };
    let (size, whole) = (contained(image.size(), side, false), Part::whole(image.size()));
    let image = resize(image, whole, size).with_alpha();
    rgba_to_thumb_hash(image.width as usize, image.height as usize, &image.pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Layout;
    use crate::testing::pattern;

    #[test]
    fn the_colour_and_the_shape_are_kept() {
        for (width, height) in [(1, 1), (100, 100), (101, 50), (400, 300), (2000, 1), (1, 2000)] {
            let red = Image::filled(Size { width, height }, &[200, 30, 30]);
            let hash = encode(red);
            assert!(hash.len() <= 25, "{width} x {height}: {}", hash.len());
            let (red, green, blue, alpha) = thumbhash::thumb_hash_to_average_rgba(&hash).unwrap();
            assert!(red > 0.7 && green < 0.2 && blue < 0.2 && alpha == 1.0);
            let ratio = thumbhash::thumb_hash_to_approximate_aspect_ratio(&hash).unwrap();
            assert_eq!(ratio > 1.0, width > height, "{width} x {height}: {ratio}");
        }
    }

    #[test]
    fn transparency_is_kept() {
        let hash = encode(pattern(60, 40, Layout::Rgba));
        let (.., alpha) = thumbhash::thumb_hash_to_average_rgba(&hash).unwrap();
        assert!((0.5..0.95).contains(&alpha), "{alpha}");
    }
}
