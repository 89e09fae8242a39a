//! Puts overlays and text on an image.
//!
//! Compositing is source-over on encoded sRGB values, as CSS and canvas do it, so that a rendition
//! looks like a preview made in a browser.

use selvedge::site::media::transformation::{Align, Along, Overlay, Rect};

use crate::geometry::contained;
use crate::image::{Image, Layout, Size};

/// Returns the size of an overlay in a rendition: its own or that of the asked width, and within
/// the rendition.
pub fn overlay_size(overlay: &Overlay, original: Size, output: Size) -> Size {
    let original = original.at_least_one();
    let asked = match overlay.width {
        Some(width) if width > 0 => {
            contained(original, Size { width: width.into(), height: u32::MAX }, true)
        }
        _ => original,
    };
    contained(asked, output, false)
}

/// An area of the rendition that a layer is placed in.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    pub size: Size,
}

impl Area {
    pub fn whole(size: Size) -> Self {
        Self { x: 0, y: 0, size }
    }

    /// The part of the rendition that text goes into, if there is any.
    pub fn of_text(bounds: Option<Rect>, output: Size) -> Option<Self> {
        let Some(rect) = bounds else { return Some(Self::whole(output)) };
        let (x, y) = (u32::from(rect.x), u32::from(rect.y));
        let width = output.width.saturating_sub(x).min(rect.width.into());
        let height = output.height.saturating_sub(y).min(rect.height.into());
        (width > 0 && height > 0).then_some(Self { x, y, size: Size { width, height } })
    }
}

/// Composites `layer` over `image`, aligned in an area of it, with an opacity in percent. What is
/// outside the area or the image is cut off.
pub fn composite(image: &mut Image, layer: &Image, area: Area, align: Align, opacity: u8) {
    let across = Span::new(align.x, layer.width, (area.x, area.size.width), image.width);
    let down = Span::new(align.y, layer.height, (area.y, area.size.height), image.height);
    let channels = layer.layout.channels();
    let (stride, to) = (image.stride(), image.layout.channels());
    let rows = layer.rows().skip(down.skipped).take(down.length);
    let into = image.pixels.chunks_exact_mut(stride).skip(down.start);
    for (row, into) in rows.zip(into) {
        let row = &row[across.skipped * channels..][..across.length * channels];
        let into = &mut into[across.start * to..][..across.length * to];
        let pixels = row.chunks_exact(channels).map(|pixel| faded(pixel, opacity));
        match image.layout {
            Layout::Rgb => pixels.zip(into.as_chunks_mut::<3>().0).for_each(|(pixel, under)| {
                let [red, green, blue] = *under;
                let [red, green, blue, _] = over(pixel, [red, green, blue, 255]);
                *under = [red, green, blue];
            }),
            Layout::Rgba => pixels
                .zip(into.as_chunks_mut::<4>().0)
                .for_each(|(pixel, under)| *under = over(pixel, *under)),
        }
    }
}

/// The visible part of a layer along an axis.
struct Span {
    /// First pixel of the layer that is visible.
    skipped: usize,
    /// Where it is in the image.
    start: usize,
    length: usize,
}

impl Span {
    fn new(along: Along, length: u32, (area, area_length): (u32, u32), image: u32) -> Self {
        let room = i64::from(area_length) - i64::from(length);
        let offset = match along {
            Along::Start => 0,
            Along::Middle => room.div_euclid(2),
            Along::End => room,
        };
        let start = i64::from(area) + offset;
        let area_end = (i64::from(area) + i64::from(area_length)).min(image.into());
        let first = start.max(area.into());
        let end = (start + i64::from(length)).min(area_end);
        let index = |value: i64| usize::try_from(value).unwrap_or_default();
        Self { skipped: index(first - start), start: index(first), length: index(end - first) }
    }
}

fn faded(pixel: &[u8], opacity: u8) -> [u8; 4] {
    let alpha = pixel.get(3).map_or(255, |alpha| u32::from(*alpha));
    let alpha = (alpha * u32::from(opacity.min(100)) + 50) / 100;
    [pixel[0], pixel[1], pixel[2], alpha as u8]
}

/// Returns `top` over `bottom`; neither is premultiplied.
pub fn over(top: [u8; 4], bottom: [u8; 4]) -> [u8; 4] {
    let alpha = u32::from(top[3]);
    if alpha == 255 {
        return top;
    }
    // Shares of the two in units of 1 / (255 * 255).
    let (above, below) = (alpha * 255, u32::from(bottom[3]) * (255 - alpha));
    let sum = above + below;
    if alpha == 0 || sum == 0 {
        return bottom;
    }
    let mix = |at: usize| {
        let mixed = u32::from(top[at]) * above + u32::from(bottom[at]) * below;
        ((mixed + sum / 2) / sum) as u8
    };
    [mix(0), mix(1), mix(2), ((sum + 127) / 255) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn align(x: Along, y: Along) -> Align {
        Align { x, y }
    }

    fn overlay(width: Option<u16>) -> Overlay {
        let path = "/a.png".to_owned();
        Overlay { path, align: Align::default(), width, opacity: 100 }
    }

    #[test]
    fn overlays_fit_the_rendition() {
        let cases = [
            (None, size(100, 50), size(800, 600), size(100, 50)),
            (None, size(800, 600), size(800, 600), size(800, 600)),
            (None, size(1600, 600), size(800, 600), size(800, 300)),
            (None, size(100, 1200), size(800, 600), size(50, 600)),
            (Some(200), size(100, 50), size(800, 600), size(200, 100)),
            (Some(50), size(100, 50), size(800, 600), size(50, 25)),
            (Some(900), size(100, 50), size(800, 600), size(800, 400)),
            (Some(400), size(100, 200), size(800, 600), size(300, 600)),
            (Some(1), size(100, 1), size(800, 600), size(1, 1)),
            (Some(0), size(100, 50), size(800, 600), size(100, 50)),
            (None, size(0, 0), size(1, 1), size(1, 1)),
        ];
        for (width, original, output, expected) in cases {
            assert_eq!(overlay_size(&overlay(width), original, output), expected, "{width:?}");
        }
    }

    /// Composites a layer, and shows covered pixels as `#`.
    fn covered(image: Size, layer: Size, area: Area, align: Align) -> String {
        let mut image = Image::filled(image, b"...");
        composite(&mut image, &Image::filled(layer, b"####"), area, align, 100);
        let row = |row: &[u8]| row.iter().step_by(3).map(|b| *b as char).collect::<String>();
        // '#' is 35, as its own alpha; the mixture is neither.
        let text = image.rows().map(row).collect::<Vec<_>>().join("/");
        text.replace(|c| c != '.' && c != '/', "#")
    }

    #[test]
    fn layers_are_aligned() {
        use Along::{End, Middle, Start};
        let whole = Area::whole(size(4, 3));
        let area = |x, y, width, height| Area { x, y, size: size(width, height) };
        let cases = [
            (size(1, 1), whole, Start, Start, "#.../..../...."),
            (size(1, 1), whole, End, Start, "...#/..../...."),
            (size(1, 1), whole, Start, End, "..../..../#..."),
            (size(2, 1), whole, Middle, Middle, "..../.##./...."),
            (size(4, 3), whole, Middle, Middle, "####/####/####"),
            // Larger than the image: cut off evenly.
            (size(9, 9), whole, Middle, Middle, "####/####/####"),
            (size(9, 1), whole, Start, End, "..../..../####"),
            (size(1, 1), area(1, 1, 2, 1), End, Start, "..../..#./...."),
            (size(9, 9), area(1, 1, 2, 1), Middle, Middle, "..../.##./...."),
            // An area partly or wholly outside.
            (size(2, 1), area(3, 0, 2, 1), Start, Start, "...#/..../...."),
            (size(2, 1), area(9, 9, 2, 1), Start, Start, "..../..../...."),
            (size(1, 1), area(0, 0, 0, 0), Middle, Middle, "..../..../...."),
        ];
        for (layer, area, x, y, expected) in cases {
            let got = covered(size(4, 3), layer, area, align(x, y));
            assert_eq!(got, expected, "{layer:?} {area:?} {x:?} {y:?}");
        }
    }

    #[test]
    fn layers_are_cut_off_evenly() {
        let layer = Image { width: 5, height: 1, layout: Layout::Rgb, pixels: (0..15).collect() };
        let mut image = Image::filled(size(3, 1), &[99, 99, 99]);
        let whole = Area::whole(size(3, 1));
        composite(&mut image, &layer, whole, Align::default(), 100);
        assert_eq!(image.pixels, [3, 4, 5, 6, 7, 8, 9, 10, 11]);
        composite(&mut image, &layer, whole, align(Along::End, Along::End), 100);
        assert_eq!(image.pixels, [6, 7, 8, 9, 10, 11, 12, 13, 14]);
    }

    #[test]
    fn text_is_within_the_rendition() {
        let of = |x, y, width, height| {
            let rect = Rect { x, y, width, height };
            let area = Area::of_text(Some(rect), size(100, 50))?;
            Some((area.x, area.y, area.size.width, area.size.height))
        };
        assert_eq!(of(10, 20, 30, 10), Some((10, 20, 30, 10)));
        assert_eq!(of(0, 0, 100, 50), Some((0, 0, 100, 50)));
        assert_eq!(of(99, 49, 65535, 65535), Some((99, 49, 1, 1)));
        assert_eq!(of(100, 0, 10, 10), None);
        assert_eq!(of(0, 50, 10, 10), None);
        assert_eq!(of(0, 0, 0, 10), None);
        assert_eq!(Area::of_text(None, size(100, 50)).unwrap().size, size(100, 50));
    }

    #[test]
    fn opacity() {
        for (opacity, expected) in [(0, 0), (1, 3), (50, 128), (99, 252), (100, 255), (255, 255)] {
            let mut image = Image::filled(size(1, 1), &[0, 0, 0]);
            let white = Image::filled(size(1, 1), &[255, 255, 255]);
            composite(&mut image, &white, Area::whole(size(1, 1)), Align::default(), opacity);
            assert_eq!(image.pixels, [expected; 3], "{opacity}");
        }
    }

    #[test]
    fn source_over() {
        let cases = [
            ([1, 2, 3, 255], [9, 9, 9, 255], [1, 2, 3, 255]),
            ([1, 2, 3, 0], [9, 9, 9, 255], [9, 9, 9, 255]),
            ([1, 2, 3, 0], [9, 9, 9, 7], [9, 9, 9, 7]),
            ([1, 2, 3, 0], [9, 9, 9, 0], [9, 9, 9, 0]),
            ([1, 2, 3, 7], [9, 9, 9, 0], [1, 2, 3, 7]),
            ([200, 0, 0, 128], [0, 0, 0, 255], [100, 0, 0, 255]),
            // Half of half: three quarters are covered, two thirds of it by the upper.
            ([90, 0, 0, 128], [0, 90, 0, 128], [60, 30, 0, 192]),
        ];
        for (top, bottom, expected) in cases {
            assert_eq!(over(top, bottom), expected, "{top:?} {bottom:?}");
        }
    }
}
