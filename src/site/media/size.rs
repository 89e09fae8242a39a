//! The size of a rendition, from what is asked for.

use crate::site::media::transformation::{Ratio, SIDE_MAX};

/// The size that a URL or preset asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    pub width: Option<u16>,
    pub height: Option<u16>,
    /// Counts unless both sides are given.
    pub ratio: Option<Ratio>,
}

impl Size {
    /// Returns width to height, as far as it is known.
    pub fn shape(self) -> Option<Ratio> {
        match (self.width, self.height) {
            (Some(width), Some(height)) => Some(Ratio { width, height }),
            _ => self.ratio,
        }
    }

    /// Returns the size in device pixels: `dpr_tenths` times as large, with the other side if the
    /// shape decides it. Sides beyond [`SIDE_MAX`] are scaled down, in the same shape.
    ///
    /// With `listed`, the width, or a height without a shape, becomes the next listed length.
    pub fn in_device_pixels(self, dpr_tenths: u16, listed: Option<&[u16]>) -> Self {
        let length = |side: u32| {
            let length = scaled(side, dpr_tenths.into(), 10);
            listed.map_or(length, |listed| snapped(length, listed))
        };
        let (width, height) = match (self.width, self.height, self.shape()) {
            (None, None, _) => return self,
            (Some(width), _, None) => (Some(length(width.into())), None),
            (None, Some(height), None) => (None, Some(length(height.into()))),
            (width, height, Some(Ratio { width: across, height: down })) => {
                let (across, down) = (across.into(), down.into());
                let asked = width.map(u32::from);
                let of_height = |height: u16| scaled(height.into(), across, down);
                let width = length(asked.or(height.map(of_height)).unwrap_or(1));
                (Some(width), Some(scaled(width, down, across)))
            }
        };
        let side_max = u32::from(SIDE_MAX);
        let largest = width.max(height).unwrap_or(0).max(side_max);
        let fitted = |side| u16::try_from(scaled(side, side_max, largest)).unwrap_or(SIDE_MAX);
        Self { width: width.map(fitted), height: height.map(fitted), ratio: None }
    }
}

/// Returns `length` times `to`, divided by `from` and rounded, at least 1.
pub fn scaled(length: u32, to: u32, from: u32) -> u32 {
    let product = u64::from(length).saturating_mul(to.into()).saturating_add(u64::from(from / 2));
    let quotient = product.checked_div(from.into()).unwrap_or(0);
    u32::try_from(quotient).unwrap_or(u32::MAX).max(1)
}

/// Returns the first listed length that is no shorter, or the longest.
fn snapped(length: u32, listed: &[u16]) -> u32 {
    let mut lengths = listed.iter().map(|listed| u32::from(*listed));
    let next = lengths.clone().find(|listed| *listed >= length);
    next.or(lengths.next_back()).unwrap_or(length)
}

/// Returns the listed ratio of a width and a height, if one yields this height or the one that is a
/// pixel off: 750 x 422 is 16:9.
pub fn listed_ratio(width: u16, height: u16, ratios: &[Ratio]) -> Option<Ratio> {
    let error = |ratio: &Ratio| {
        let expected = scaled(width.into(), ratio.height.into(), ratio.width.into());
        expected.abs_diff(height.into())
    };
    ratios.iter().min_by_key(|ratio| error(ratio)).filter(|ratio| error(ratio) <= 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u16, height: u16, ratio: Option<(u16, u16)>) -> Size {
        let side = |side| (side > 0).then_some(side);
        let ratio = ratio.map(|(width, height)| Ratio { width, height });
        Size { width: side(width), height: side(height), ratio }
    }

    #[test]
    fn sizes_in_device_pixels() {
        let wide = Some((16, 9));
        let rows = [
            (size(0, 0, None), 20, size(0, 0, None)),
            (size(0, 0, wide), 20, size(0, 0, wide)),
            (size(800, 0, None), 10, size(800, 0, None)),
            (size(801, 0, None), 15, size(1202, 0, None)),
            (size(0, 600, None), 20, size(0, 1200, None)),
            (size(800, 600, None), 20, size(1600, 1200, None)),
            (size(800, 600, wide), 10, size(800, 600, None)),
            (size(800, 0, wide), 10, size(800, 450, None)),
            (size(0, 450, wide), 10, size(800, 450, None)),
            (size(1, 0, Some((100, 1))), 10, size(1, 1, None)),
            (size(0, 1, Some((1, 100))), 10, size(1, 100, None)),
            (size(4096, 0, None), 10, size(4096, 0, None)),
            (size(4096, 0, None), 40, size(4096, 0, None)),
            (size(4096, 2048, None), 20, size(4096, 2048, None)),
            (size(100, 4096, None), 20, size(100, 4096, None)),
            (size(4096, 0, Some((1, 65535))), 40, size(1, 4096, None)),
            (size(0, 4096, Some((65535, 1))), 40, size(4096, 1, None)),
        ];
        for (asked, dpr_tenths, expected) in rows {
            assert_eq!(asked.in_device_pixels(dpr_tenths, None), expected, "{asked:?}");
        }
    }

    #[test]
    fn listed_lengths() {
        let rows = [
            (size(1, 0, None), 10, size(100, 0, None)),
            (size(100, 0, None), 10, size(100, 0, None)),
            (size(101, 0, None), 10, size(300, 0, None)),
            (size(100, 0, None), 20, size(300, 0, None)),
            (size(301, 0, None), 10, size(300, 0, None)),
            (size(0, 250, None), 10, size(0, 300, None)),
            (size(200, 0, Some((3, 2))), 10, size(300, 200, None)),
            (size(0, 100, Some((3, 2))), 10, size(300, 200, None)),
        ];
        for (asked, dpr_tenths, expected) in rows {
            let found = asked.in_device_pixels(dpr_tenths, Some(&[100, 300]));
            assert_eq!(found, expected, "{asked:?}");
        }
    }

    #[test]
    fn ratios_within_a_pixel() {
        let ratios = [(1, 1), (16, 9)].map(|(width, height)| Ratio { width, height });
        let rows = [
            (750, 420, None),
            (750, 421, Some(1)),
            (750, 422, Some(1)),
            (750, 423, Some(1)),
            (750, 424, None),
            (800, 800, Some(0)),
            (2, 2, Some(0)),
            (2, 1, Some(1)),
            (1, 1, Some(0)),
            (4096, 1, None),
        ];
        for (width, height, expected) in rows {
            let expected = expected.map(|index: usize| ratios[index]);
            assert_eq!(listed_ratio(width, height, &ratios), expected, "{width}x{height}");
        }
    }
}
