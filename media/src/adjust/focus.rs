//! Finds the part of an image with the most detail.

use super::sharpen::luma;
use crate::image::Image;

/// Returns the centre of the window with the most detail, in thousandths of the width and height,
/// for windows that are as wide or as high as the image. The shares are those of the window in
/// thousandths. Of equal windows, the one nearest to the centre.
pub fn most_detailed(image: &Image, (width_share, height_share): (u32, u32)) -> (u16, u16) {
    let (across, down) = detail(image);
    (best(&across, width_share), best(&down, height_share))
}

/// Sums the contrast between neighbours, for each column and for each row.
fn detail(image: &Image) -> (Vec<u64>, Vec<u64>) {
    let channels = image.layout.channels();
    let visible = |pixel: &[u8]| {
        // What is transparent has no detail; on white, its outline has.
        let alpha = pixel.get(3).map_or(255, |alpha| u32::from(*alpha));
        (u32::from(luma(pixel)) * alpha + 255 * (255 - alpha)) / 255
    };
    let width = image.width as usize;
    let lumas: Vec<u32> = image.pixels.chunks_exact(channels).map(visible).collect();
    let (mut across, mut down) = (vec![0; width], vec![0; image.height as usize]);
    for (at, luma) in lumas.iter().enumerate() {
        let (x, y) = (at % width, at / width);
        let right = if x + 1 < width { lumas[at + 1] } else { *luma };
        let below = lumas.get(at + width).unwrap_or(luma);
        let contrast = u64::from(luma.abs_diff(right) + luma.abs_diff(*below));
        across[x] += contrast;
        down[y] += contrast;
    }
    (across, down)
}

/// Returns the middle of the best window along an axis, in thousandths.
fn best(detail: &[u64], share: u32) -> u16 {
    let length = detail.len();
    let window = (length * share as usize).div_ceil(1000).clamp(1, length);
    let mut sum: u64 = detail[..window].iter().sum();
    let rank = |sum: u64, start: usize| {
        let from_centre = (2 * start + window).abs_diff(length);
        (sum, std::cmp::Reverse(from_centre))
    };
    let mut found = (rank(sum, 0), 0);
    for start in 1..=length - window {
        sum = sum + detail[start + window - 1] - detail[start - 1];
        found = found.max((rank(sum, start), start));
    }
    let middle = (2 * found.1 + window) * 500 / length;
    middle.min(1000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Layout, Size};

    /// A grey image with a checkerboard of 20 pixels a side at a place.
    fn image(width: u32, height: u32, (left, top): (u32, u32), layout: Layout) -> Image {
        let mut image = Image::filled(Size { width, height }, &[128; 4][..layout.channels()]);
        for y in top..top + 20 {
            for x in left..left + 20 {
                let at = (y * width + x) as usize * layout.channels();
                image.pixels[at..at + 3].fill(if (x + y) % 2 == 0 { 0 } else { 255 });
            }
        }
        image
    }

    #[test]
    fn the_window_covers_the_detail() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            for left in [0, 10, 40, 60, 80] {
                let wide = image(100, 50, (left, 10), layout);
                let (x, y) = most_detailed(&wide, (500, 1000));
                let (start, end) = (u32::from(x) / 10 - 25, u32::from(x) / 10 + 25);
                assert!(start <= left && end >= left + 20, "{left}: {x}");
                assert_eq!(y, 500);
                let high = image(50, 100, (10, left), layout);
                let (x, y) = most_detailed(&high, (1000, 500));
                assert_eq!(x, 500);
                let (start, end) = (u32::from(y) / 10 - 25, u32::from(y) / 10 + 25);
                assert!(start <= left && end >= left + 20, "{left}: {y}");
            }
        }
    }

    #[test]
    fn without_detail_it_is_the_centre() {
        for (width, height) in [(100, 50), (101, 50), (1, 1), (2, 1), (1, 64)] {
            let plain = Image::filled(Size { width, height }, &[9, 9, 9]);
            let (x, y) = most_detailed(&plain, (500, 500));
            assert!((480..=520).contains(&x) || width < 3, "{width}: {x}");
            assert!((480..=520).contains(&y) || height < 3, "{height}: {y}");
        }
        // Shares that rounding has made nothing.
        let plain = Image::filled(Size { width: 64, height: 64 }, &[9, 9, 9]);
        most_detailed(&plain, (0, 0));
    }
}
