//! Backgrounds: padding, and formats without transparency.

use selvedge::site::media::transformation::Colour;

use crate::image::{Image, Layout, Size};
use crate::layer::over;

/// The background if none is asked for: paper, as imgix has it.
const WHITE: Colour = Colour { red: 255, green: 255, blue: 255, alpha: 255 };

/// Pads an image to `output` with its top left corner at `x`, `y`. Transparent pixels of the image
/// stay as they are.
pub fn pad(image: Image, (x, y): (u32, u32), output: Size, colour: Option<Colour>) -> Image {
    if image.size() == output {
        return image;
    }
    let Colour { red, green, blue, alpha } = colour.unwrap_or(WHITE);
    let image = if alpha == 255 { image } else { image.with_alpha() };
    let channels = image.layout.channels();
    let mut padded = Image::filled(output, &[red, green, blue, alpha][..channels]);
    let (stride, left) = (padded.stride(), x as usize * channels);
    let rows = padded.pixels.chunks_exact_mut(stride).skip(y as usize);
    for (into, row) in rows.zip(image.rows()) {
        into[left..left + row.len()].copy_from_slice(row);
    }
    padded
}

/// Puts an image on an opaque background. Translucent backgrounds are on white.
pub fn flatten(mut image: Image, colour: Option<Colour>) -> Image {
    if image.layout == Layout::Rgb {
        return image;
    }
    let Colour { red, green, blue, alpha } = colour.unwrap_or(WHITE);
    let white = [WHITE.red, WHITE.green, WHITE.blue, WHITE.alpha];
    let background = over([red, green, blue, alpha], white);
    for pixel in image.pixels.as_chunks_mut::<4>().0 {
        *pixel = over(*pixel, background);
    }
    image.without_alpha()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(red: u8, green: u8, blue: u8, alpha: u8) -> Colour {
        Colour { red, green, blue, alpha }
    }

    #[test]
    fn padding_surrounds_the_image() {
        let size = |width, height| Size { width, height };
        let image = || Image::filled(size(1, 1), &[9, 9, 9]);
        let padded = pad(image(), (1, 0), size(3, 2), Some(colour(1, 2, 3, 255)));
        assert_eq!(padded.layout, Layout::Rgb);
        let expected = [1, 2, 3, 9, 9, 9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3];
        assert_eq!(padded.pixels, expected);
        let padded = pad(image(), (0, 0), size(2, 1), Some(colour(1, 2, 3, 4)));
        assert_eq!(padded.pixels, [9, 9, 9, 255, 1, 2, 3, 4]);
        let padded = pad(image(), (0, 0), size(2, 1), None);
        assert_eq!(padded.pixels, [9, 9, 9, 255, 255, 255]);
        // What is transparent stays so.
        let clear = Image::filled(size(1, 1), &[9, 9, 9, 0]);
        let padded = pad(clear, (0, 0), size(2, 1), Some(colour(1, 2, 3, 255)));
        assert_eq!(padded.pixels, [9, 9, 9, 0, 1, 2, 3, 255]);
    }

    #[test]
    fn flattening_shows_the_background() {
        let pixels = vec![10, 20, 30, 0, 10, 20, 30, 255, 0, 0, 0, 128];
        let image = Image { width: 3, height: 1, layout: Layout::Rgba, pixels };
        let flat = flatten(image.clone(), None);
        assert_eq!(flat.layout, Layout::Rgb);
        assert_eq!(flat.pixels, [255, 255, 255, 10, 20, 30, 127, 127, 127]);
        let flat = flatten(image.clone(), Some(colour(100, 0, 0, 255)));
        assert_eq!(flat.pixels, [100, 0, 0, 10, 20, 30, 50, 0, 0]);
        let flat = flatten(image, Some(colour(0, 0, 0, 0)));
        assert_eq!(flat.pixels, [255, 255, 255, 10, 20, 30, 127, 127, 127]);
    }
}
