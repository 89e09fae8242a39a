//! Reads the orientation from EXIF, the one thing of it that decides pixels.
//!
//! Only the first directory is read, so that cycles and offsets between directories can't matter.
//! EXIF that makes no sense says nothing about the orientation.

use crate::image::{Image, Size};

const TAG_ORIENTATION: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;

/// How stored pixels become upright: EXIF's numbers 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Rows and columns are exchanged, before the mirroring.
    pub transposes: bool,
    /// Left and right are exchanged.
    pub mirrors_x: bool,
    /// Top and bottom are exchanged.
    pub mirrors_y: bool,
}

impl Orientation {
    fn of_number(number: u16) -> Option<Self> {
        let (transposes, mirrors_x, mirrors_y) = match number {
            1 => (false, false, false),
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => return None,
        };
        Some(Self { transposes, mirrors_x, mirrors_y })
    }

    /// Reads the orientation from EXIF, with or without the introducer `Exif\0\0`.
    pub fn of_exif(exif: &[u8]) -> Self {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        Tiff::new(tiff).and_then(|tiff| tiff.orientation()).unwrap_or_default()
    }

    /// Returns the upright size of an image stored in `size`, and the other way round.
    pub fn turn(self, size: Size) -> Size {
        if self.transposes { Size { width: size.height, height: size.width } } else { size }
    }

    /// Makes an image upright.
    pub fn apply(self, image: Image) -> Image {
        let channels = image.layout.channels();
        let mut upright = if self.transposes { transposed(&image) } else { image };
        let row_bytes = upright.width as usize * channels;
        if self.mirrors_x && self.mirrors_y {
            reverse(&mut upright.pixels, channels);
        } else if self.mirrors_x {
            upright.pixels.chunks_exact_mut(row_bytes).for_each(|row| reverse(row, channels));
        } else if self.mirrors_y {
            let mut rows = upright.pixels.chunks_exact_mut(row_bytes);
            while let (Some(top), Some(bottom)) = (rows.next(), rows.next_back()) {
                top.swap_with_slice(bottom);
            }
        }
        upright
    }
}

/// Reverses the order of pixels.
fn reverse(pixels: &mut [u8], channels: usize) {
    pixels.reverse();
    pixels.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
}

/// Side of the square tiles in which an image is transposed, so that both sides of the copy stay in
/// the cache.
const TILE: usize = 32;

fn transposed(image: &Image) -> Image {
    let channels = image.layout.channels();
    let (width, height) = (image.width as usize, image.height as usize);
    let mut pixels = vec![0; image.pixels.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..height.min(top + TILE) {
                for x in left..width.min(left + TILE) {
                    let (from, to) = ((y * width + x) * channels, (x * height + y) * channels);
                    pixels[to..to + channels].copy_from_slice(&image.pixels[from..from + channels]);
                }
            }
        }
    }
    Image { width: image.height, height: image.width, layout: image.layout, pixels }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little_endian: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, is_little_endian })
    }

    fn orientation(&self) -> Option<Orientation> {
        let directory = self.u32(4)? as usize;
        let count = usize::from(self.u16(directory)?);
        let first = directory.checked_add(2)?;
        let entry = (0..count)
            .map(|index| first + index * ENTRY_BYTES)
            .take_while(|entry| entry + ENTRY_BYTES <= self.bytes.len())
            .find(|entry| self.u16(*entry) == Some(TAG_ORIENTATION))?;
        let is_one_short =
            self.u16(entry + 2)? == TYPE_SHORT && self.u32(entry.checked_add(4)?)? == 1;
        is_one_short.then(|| self.u16(entry + 8)).flatten().and_then(Orientation::of_number)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_little_endian { u16::from_le_bytes } else { u16::from_be_bytes }(bytes))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.is_little_endian { u32::from_le_bytes } else { u32::from_be_bytes }(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Layout;

    /// EXIF of one entry, as cameras write it.
    fn exif(is_little_endian: bool, kind: u16, count: u32, value: u16) -> Vec<u8> {
        let u16s = |n: u16| if is_little_endian { n.to_le_bytes() } else { n.to_be_bytes() };
        let u32s = |n: u32| if is_little_endian { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = if is_little_endian { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(u32s(8));
        bytes.extend(u16s(1));
        bytes.extend(u16s(TAG_ORIENTATION));
        bytes.extend(u16s(kind));
        bytes.extend(u32s(count));
        bytes.extend(u16s(value));
        bytes.extend([0; 2]);
        bytes.extend(u32s(8));
        bytes
    }

    #[test]
    fn orientations_are_read_in_both_byte_orders() {
        for number in 1..=8 {
            let expected = Orientation::of_number(number).unwrap();
            for is_little_endian in [true, false] {
                let exif = exif(is_little_endian, TYPE_SHORT, 1, number);
                assert_eq!(Orientation::of_exif(&exif), expected);
                let introduced = [b"Exif\0\0".to_vec(), exif].concat();
                assert_eq!(Orientation::of_exif(&introduced), expected);
            }
        }
    }

    #[test]
    fn senseless_exif_says_nothing() {
        let upright = Orientation::default();
        for number in [0, 9, 0xffff] {
            assert_eq!(Orientation::of_exif(&exif(true, TYPE_SHORT, 1, number)), upright);
        }
        assert_eq!(Orientation::of_exif(&exif(true, 2, 1, 6)), upright);
        assert_eq!(Orientation::of_exif(&exif(true, TYPE_SHORT, 2, 6)), upright);
        let good = exif(false, TYPE_SHORT, 1, 6);
        for length in 0..good.len() - 4 {
            assert_eq!(Orientation::of_exif(&good[..length]), upright, "{length} bytes");
        }
        // The directory of itself, at the end and beyond it, of more entries than there are.
        for (offset, count) in [(0, 1), (4, 1), (21, 1), (u32::MAX, 1), (8, u16::MAX)] {
            let mut odd = good.clone();
            odd[4..8].copy_from_slice(&offset.to_be_bytes());
            odd[8..10].copy_from_slice(&count.to_be_bytes());
            Orientation::of_exif(&odd);
        }
    }

    /// An image of 3 x 2 pixels named by the letters.
    fn letters(text: &str, width: u32, layout: Layout) -> Image {
        let pixels: Vec<u8> = text
            .bytes()
            .flat_map(|b| [b, b + 1, b + 2, b + 3].into_iter().take(layout.channels()))
            .collect();
        Image { width, height: text.len() as u32 / width, layout, pixels }
    }

    #[test]
    fn every_orientation_becomes_upright() {
        // How ABC/DEF looks if it is stored in each orientation.
        let stored = [
            (1, "ABCDEF", 3),
            (2, "CBAFED", 3),
            (3, "FEDCBA", 3),
            (4, "DEFABC", 3),
            (5, "ADBECF", 2),
            (6, "CFBEAD", 2),
            (7, "FCEBDA", 2),
            (8, "DAEBFC", 2),
        ];
        for layout in [Layout::Rgb, Layout::Rgba] {
            for (number, text, width) in stored {
                let orientation = Orientation::of_number(number).unwrap();
                let image = letters(text, width, layout);
                let size = Size { width: image.width, height: image.height };
                let upright = orientation.apply(image);
                assert_eq!(upright, letters("ABCDEF", 3, layout), "orientation {number}");
                assert_eq!(orientation.turn(size), Size { width: 3, height: 2 });
            }
        }
    }

    #[test]
    fn large_images_are_transposed_in_tiles() {
        let (width, height) = (TILE as u32 * 2 + 3, TILE as u32 + 1);
        let pixels = (0..width * height).flat_map(|n| n.to_le_bytes()).collect();
        let image = Image { width, height, layout: Layout::Rgba, pixels };
        let turned = transposed(&image);
        assert_ne!(turned.pixels, image.pixels);
        let at = |image: &Image, x: u32, y: u32| {
            let from = (y * image.width + x) as usize * 4;
            image.pixels[from..from + 4].to_vec()
        };
        assert_eq!(at(&turned, 7, 50), at(&image, 50, 7));
        assert_eq!(transposed(&turned), image);
    }
}
