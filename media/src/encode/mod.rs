//! Encodes renditions. Equal pixels give equal bytes, and there is no metadata in them.

use selvedge::site::media::transformation::{Format, Wanted};

use crate::geometry::{AVIF_PIXELS_MAX, WEBP_PIXELS_MAX};
use crate::image::{Image, Size};

pub mod gif;
pub mod jpeg;
pub mod json;
pub mod png;
pub mod thumbhash;

mod palette;

/// Quality of JPEG and WebP unless another is asked for.
const QUALITY: u8 = 75;
/// Quality of AVIF; libaom's scale differs.
const AVIF_QUALITY: u8 = 50;

/// A rendition, or the pixels of one that a wasm module encodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    Done { format: Format, bytes: Vec<u8> },
    ForModule { module: Module, image: Image, quality: u8 },
}

/// An encoder outside of this crate's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// libaom.
    Avif,
    /// libwebp.
    Webp,
}

/// Returns the media type of a rendition.
pub fn media_type(format: Format) -> &'static str {
    match format {
        Format::Avif => "image/avif",
        Format::Webp => "image/webp",
        Format::Jpg => "image/jpeg",
        Format::Png => "image/png",
        Format::Gif => "image/gif",
        Format::Thumbhash => "application/octet-stream",
        Format::Json => "application/json",
    }
}

/// Chooses the format of a rendition. An animation stays one unless a still format is asked for;
/// the encoders of AVIF and WebP encode still images.
pub fn choose(wanted: Wanted, output: Size, is_animated: bool, is_opaque: bool) -> Format {
    match wanted {
        Wanted::Format(format) => format,
        Wanted::Auto { .. } if is_animated => Format::Gif,
        Wanted::Auto { avif: true, .. } if output.pixels() <= AVIF_PIXELS_MAX => Format::Avif,
        Wanted::Auto { webp: true, .. } if output.pixels() <= WEBP_PIXELS_MAX => Format::Webp,
        Wanted::Auto { .. } if is_opaque => Format::Jpg,
        Wanted::Auto { .. } => Format::Png,
    }
}

/// Bytes that encoding takes besides the image.
pub fn working_bytes(format: Format, output: Size) -> u64 {
    let pixels = output.pixels();
    let per_pixel = match format {
        // Another memory.
        Format::Avif | Format::Webp => 0,
        // Planes and coefficients.
        Format::Jpg if pixels <= jpeg::OPTIMISED_PIXELS_MAX => 9,
        Format::Jpg => 1,
        // The file, at worst.
        Format::Png => 4,
        // With alpha, the frame before and what was seen of it, and indices.
        Format::Gif => 14,
        Format::Thumbhash | Format::Json => 1,
    };
    pixels * per_pixel
}

/// Quality for a module.
pub fn module_quality(module: Module, quality: Option<u8>) -> u8 {
    let default = match module {
        Module::Avif => AVIF_QUALITY,
        Module::Webp => QUALITY,
    };
    quality.unwrap_or(default).clamp(1, 100)
}

/// Returns whether all pixels are grey.
fn is_grey(image: &Image) -> bool {
    image.pixels.chunks_exact(image.layout.channels()).all(|pixel| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]];
        red == green && green == blue
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_chooses_the_smallest_that_is_read() {
        use Format::{Avif, Gif, Jpg, Png, Webp};
        const BOTH: Wanted = Wanted::Auto { avif: true, webp: true };
        const AVIF: Wanted = Wanted::Auto { avif: true, webp: false };
        const WEBP: Wanted = Wanted::Auto { avif: false, webp: true };
        const NEITHER: Wanted = Wanted::Auto { avif: false, webp: false };
        let (small, large, huge) = ((2000, 1000), (2000, 1001), (3001, 2000));
        // Wanted, size, animated, opaque.
        let cases = [
            (BOTH, small, false, true, Avif),
            (BOTH, small, false, false, Avif),
            (BOTH, large, false, true, Webp),
            (BOTH, (3000, 2000), false, true, Webp),
            (BOTH, huge, false, true, Jpg),
            (BOTH, huge, false, false, Png),
            (BOTH, small, true, true, Gif),
            (AVIF, small, false, true, Avif),
            (AVIF, large, false, true, Jpg),
            (AVIF, large, false, false, Png),
            (WEBP, small, false, true, Webp),
            (WEBP, small, false, false, Webp),
            (NEITHER, small, false, true, Jpg),
            (NEITHER, small, false, false, Png),
            (NEITHER, small, true, false, Gif),
            (Wanted::Format(Jpg), huge, true, false, Jpg),
            (Wanted::Format(Avif), small, true, true, Avif),
        ];
        for (wanted, (width, height), animated, opaque, expected) in cases {
            let size = Size { width, height };
            let chosen = choose(wanted, size, animated, opaque);
            assert_eq!(chosen, expected, "{wanted:?} {size:?} {animated} {opaque}");
        }
    }

    #[test]
    fn quality_has_defaults_and_bounds() {
        assert_eq!(module_quality(Module::Avif, None), 50);
        assert_eq!(module_quality(Module::Webp, None), 75);
        assert_eq!(module_quality(Module::Avif, Some(0)), 1);
        assert_eq!(module_quality(Module::Webp, Some(101)), 100);
    }
}
