//! Decides which part of the source becomes how many pixels of the rendition.
//!
//! All of it is integer arithmetic over the source's original size, so the answer doesn't depend on
//! how far the decoder has reduced the image.

use selvedge::site::media::transformation::{
    Fit, Flip, Focus, Format, Rotation, SIDE_MAX, Transformation, Wanted,
};

use crate::image::Size;

/// Most pixels of a rendition.
pub const PIXELS_MAX: u64 = 16_000_000;
/// Most pixels of an AVIF: libaom takes 67 MiB of memory for them.
pub const AVIF_PIXELS_MAX: u64 = 2_000_000;
/// Most pixels of a WebP: libwebp takes 66 MiB of memory for them.
pub const WEBP_PIXELS_MAX: u64 = 6_000_000;
/// Most pixels of all frames of an animation together: each is quantised.
pub const ANIMATION_PIXELS_MAX: u64 = 50_000_000;
/// Largest side that a thumbhash is computed from; it keeps 7 frequencies at most.
pub const THUMBHASH_SIDE_MAX: u32 = 100;
/// Largest side that a source is reduced to where only its colours are of interest.
pub const SAMPLE_SIDE_MAX: u32 = 128;

/// A rectangle of at least one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub x: u32,
    pub y: u32,
    pub size: Size,
}

/// The geometry of a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Size of the source after EXIF orientation.
    pub original: Size,
    /// The part of the source that `rect` names.
    pub part: Window,
    /// The part of the source that is used, in its pixels, before rotation and flip.
    pub window: Window,
    /// The size that `window` is resized to, before rotation.
    pub resized: Size,
    pub rotate: Rotation,
    pub flip: Flip,
    /// Where the image goes in the output, which is larger if it is padded.
    pub image_x: u32,
    pub image_y: u32,
    pub output: Size,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    side: u32,
    pixels: u64,
}

impl Steps {
    /// Computes the steps for a source of `original` size with so many frames. A crop that keeps
    /// the part with the most detail is centred until [`Steps::focused`] moves it.
    pub fn new(transformation: &Transformation, original: Size, frames: usize) -> Self {
        let point = match transformation.focus {
            Focus::Point { x, y } => (x, y),
            Focus::Entropy => (500, 500),
        };
        Self::focused(transformation, original, frames, point)
    }

    /// Computes the steps for a crop around a point, in thousandths of the width and height after
    /// `rect`, rotation and flip.
    pub fn focused(
        transformation: &Transformation,
        original: Size,
        frames: usize,
        (focus_x, focus_y): (u16, u16),
    ) -> Self {
        let original = original.at_least_one();
        if transformation.format == Wanted::Format(Format::Json) {
            return Self::sample(original);
        }
        let part = part(transformation, original);
        let rotate = transformation.rotate;
        let view = turned(part.size, rotate);
        let fitted = fitted(transformation, view, Limits::of(transformation, frames));
        let crop = Window {
            x: centred(focus_x, fitted.crop.width, view.width),
            y: centred(focus_y, fitted.crop.height, view.height),
            size: fitted.crop,
        };
        let window = before_turning(crop, view, rotate, transformation.flip);
        Self {
            original,
            part,
            window: Window { x: part.x + window.x, y: part.y + window.y, ..window },
            resized: turned(fitted.image, rotate),
            rotate,
            flip: transformation.flip,
            image_x: (fitted.output.width - fitted.image.width) / 2,
            image_y: (fitted.output.height - fitted.image.height) / 2,
            output: fitted.output,
        }
    }

    /// Reduces the whole source to a sample of its colours.
    fn sample(original: Size) -> Self {
        let side = Size { width: SAMPLE_SIDE_MAX, height: SAMPLE_SIDE_MAX };
        let output = contained(original, side, false);
        let whole = Window { x: 0, y: 0, size: original };
        Self {
            original,
            part: whole,
            window: whole,
            resized: output,
            rotate: Rotation::None,
            flip: Flip::default(),
            image_x: 0,
            image_y: 0,
            output,
        }
    }

    /// Returns the size below which the decoder must not reduce the source.
    pub fn need(&self) -> Size {
        let scaled = self.scaled();
        Size {
            width: scaled.width.min(self.original.width),
            height: scaled.height.min(self.original.height),
        }
    }

    /// Returns the size to rasterise a vector source at.
    pub fn raster(&self) -> Size {
        let scaled = self.scaled();
        bounded(scaled, scaled, Limits { side: SIDE_MAX.into(), pixels: PIXELS_MAX })
    }

    /// Returns whether a crop leaves anything out, so that its focus matters.
    pub fn crops(&self) -> bool {
        self.window.size != self.part.size
    }

    /// Returns the size of the whole source at the scale of the rendition.
    fn scaled(&self) -> Size {
        let scaled = |original, resized, window| {
            let scaled = (u64::from(original) * u64::from(resized)).div_ceil(u64::from(window));
            u32::try_from(scaled).unwrap_or(u32::MAX)
        };
        let (resized, window) = (self.resized, self.window.size);
        Size {
            width: scaled(self.original.width, resized.width, window.width),
            height: scaled(self.original.height, resized.height, window.height),
        }
    }
}

impl Limits {
    fn of(transformation: &Transformation, frames: usize) -> Self {
        let side = u32::from(SIDE_MAX);
        match transformation.format {
            Wanted::Format(Format::Avif) => Self { side, pixels: AVIF_PIXELS_MAX },
            Wanted::Format(Format::Webp) => Self { side, pixels: WEBP_PIXELS_MAX },
            // Layers and filters are in pixels of the rendition, so they come before reducing it.
            Wanted::Format(Format::Thumbhash) if !has_pixel_units(transformation) => {
                Self { side: THUMBHASH_SIDE_MAX, pixels: PIXELS_MAX }
            }
            Wanted::Format(Format::Gif) | Wanted::Auto { .. } if frames > 1 => {
                let frames = u64::try_from(frames).unwrap_or(u64::MAX);
                Self { side, pixels: PIXELS_MAX.min(ANIMATION_PIXELS_MAX / frames).max(1) }
            }
            _ => Self { side, pixels: PIXELS_MAX },
        }
    }
}

fn has_pixel_units(transformation: &Transformation) -> bool {
    transformation.blur > 0
        || transformation.sharpen > 0
        || !transformation.overlays.is_empty()
        || transformation.text.is_some()
}

/// Returns the part of the source that `rect` names. One without pixels of the source is ignored,
/// because there is nothing to show.
fn part(transformation: &Transformation, original: Size) -> Window {
    let whole = Window { x: 0, y: 0, size: original };
    let Some(rect) = transformation.rect else { return whole };
    let (x, y) = (u32::from(rect.x), u32::from(rect.y));
    let width = original.width.saturating_sub(x).min(rect.width.into());
    let height = original.height.saturating_sub(y).min(rect.height.into());
    if width == 0 || height == 0 { whole } else { Window { x, y, size: Size { width, height } } }
}

/// What [`fitted`] decides, after rotation.
struct Fitted {
    /// The part of the view that is kept.
    crop: Size,
    /// What it is resized to.
    image: Size,
    output: Size,
}

impl Fitted {
    /// All of `view`, resized to `image`.
    fn whole(view: Size, image: Size) -> Self {
        Self { crop: view, image, output: image }
    }
}

fn fitted(transformation: &Transformation, view: Size, limits: Limits) -> Fitted {
    let fit = transformation.fit;
    let (asked, shape) = match asked(transformation, view) {
        Asked::Both { size, shape } => (size, shape),
        // One side says how large, not which shape.
        Asked::One(asked) => {
            let enlarges = !matches!(fit, Fit::Max | Fit::Min);
            return Fitted::whole(view, bounded(contained(view, asked, enlarges), view, limits));
        }
        Asked::Neither => return Fitted::whole(view, bounded(view, view, limits)),
    };
    match fit {
        Fit::Max => Fitted::whole(view, bounded(contained(view, asked, false), view, limits)),
        Fit::Clip => Fitted::whole(view, bounded(contained(view, asked, true), view, limits)),
        Fit::Scale => Fitted::whole(view, bounded(asked, shape, limits)),
        Fit::Fill => {
            let output = bounded(asked, shape, limits);
            Fitted { crop: view, image: contained(view, output, true), output }
        }
        Fit::Crop => {
            let output = bounded(asked, shape, limits);
            Fitted { crop: contained(output, view, true), image: output, output }
        }
        Fit::Min => {
            let crop = contained(shape, view, true);
            let fits = asked.width <= crop.width && asked.height <= crop.height;
            let output = bounded(if fits { asked } else { crop }, shape, limits);
            Fitted { crop, image: output, output }
        }
    }
}

/// The box that is asked for.
enum Asked {
    /// `shape` is that of `size` before rounding.
    Both {
        size: Size,
        shape: Size,
    },
    /// The other side is unlimited.
    One(Size),
    Neither,
}

fn asked(transformation: &Transformation, view: Size) -> Asked {
    let side = |side: Option<u16>| side.filter(|side| *side > 0).map(u32::from);
    let ratio = transformation.ratio.filter(|ratio| ratio.width > 0 && ratio.height > 0);
    let ratio = ratio.map(|ratio| Size { width: ratio.width.into(), height: ratio.height.into() });
    let (size, shape) = match (side(transformation.width), side(transformation.height), ratio) {
        (Some(width), Some(height), _) => (Size { width, height }, Size { width, height }),
        (Some(width), None, Some(shape)) => {
            (Size { width, height: scaled(width, shape.height, shape.width) }, shape)
        }
        (None, Some(height), Some(shape)) => {
            (Size { width: scaled(height, shape.width, shape.height), height }, shape)
        }
        (Some(width), None, None) => return Asked::One(Size { width, height: u32::MAX }),
        (None, Some(height), None) => return Asked::One(Size { width: u32::MAX, height }),
        (None, None, Some(shape)) => match transformation.fit {
            // All of the source is shown, in its own shape.
            Fit::Max | Fit::Clip => return Asked::Neither,
            Fit::Fill => (around(view, shape), shape),
            Fit::Crop | Fit::Min | Fit::Scale => (contained(shape, view, true), shape),
        },
        (None, None, None) => return Asked::Neither,
    };
    Asked::Both { size, shape }
}

/// Returns `length * numerator / denominator`, rounded, and at least 1.
fn scaled(length: u32, numerator: impl Into<u64>, denominator: impl Into<u64>) -> u32 {
    let denominator = denominator.into();
    let scaled = (u64::from(length) * numerator.into() + denominator / 2) / denominator;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// Returns the largest size of the shape of `size` within `limit`, or `size` if that fits and must
/// not be enlarged.
pub fn contained(size: Size, limit: Size, enlarges: bool) -> Size {
    if !enlarges && size.width <= limit.width && size.height <= limit.height {
        return size;
    }
    let width = scaled(limit.height, size.width, size.height);
    let height = scaled(limit.width, size.height, size.width);
    // Either is the limit if the shapes are equal but for rounding; then both are.
    if width == limit.width || height == limit.height {
        limit
    } else if height < limit.height {
        Size { width: limit.width, height }
    } else {
        Size { width, height: limit.height }
    }
}

/// Returns the smallest size of a shape that contains `size`.
fn around(size: Size, shape: Size) -> Size {
    let width = scaled(size.height, shape.width, shape.height);
    let height = scaled(size.width, shape.height, shape.width);
    if width == size.width || height == size.height {
        size
    } else if width > size.width {
        Size { width, ..size }
    } else {
        Size { height, ..size }
    }
}

/// Reduces a size to the limits. `shape` is that of `size` before rounding: rounding twice would
/// give a rendition of the rendition another size.
fn bounded(size: Size, shape: Size, limits: Limits) -> Size {
    let fits =
        |size: Size| size.width.max(size.height) <= limits.side && size.pixels() <= limits.pixels;
    if fits(size) {
        return size;
    }
    let of_side = |side| contained(shape, Size { width: side, height: side }, true);
    let (mut least, mut beyond) = (1, limits.side + 1);
    while beyond - least > 1 {
        let side = least.midpoint(beyond);
        if fits(of_side(side)) {
            least = side;
        } else {
            beyond = side;
        }
    }
    of_side(least)
}

/// Returns where a window of `length` begins that has a point at its centre, as far as it stays
/// within `whole`.
fn centred(thousandths: u16, length: u32, whole: u32) -> u32 {
    let twice = i64::from(whole) * 2 * i64::from(thousandths) / 1000 - i64::from(length);
    let start = (twice / 2).clamp(0, i64::from(whole - length));
    u32::try_from(start).unwrap_or_default()
}

/// Returns the size that an image has after rotation.
pub fn turned(size: Size, rotate: Rotation) -> Size {
    match rotate {
        Rotation::None | Rotation::Half => size,
        Rotation::Quarter | Rotation::ThreeQuarters => {
            Size { width: size.height, height: size.width }
        }
    }
}

/// Returns the window that becomes `window` of `view` by rotation and then flipping.
fn before_turning(window: Window, view: Size, rotate: Rotation, flip: Flip) -> Window {
    let Window { mut x, mut y, size } = window;
    let right = view.width - x - size.width;
    let below = view.height - y - size.height;
    let (from_right, from_below) =
        (if flip.horizontal { x } else { right }, if flip.vertical { y } else { below });
    x = if flip.horizontal { right } else { x };
    y = if flip.vertical { below } else { y };
    let (x, y) = match rotate {
        Rotation::None => (x, y),
        Rotation::Quarter => (y, from_right),
        Rotation::Half => (from_right, from_below),
        Rotation::ThreeQuarters => (from_below, x),
    };
    Window { x, y, size: turned(size, rotate) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PLAIN, any_transformation, fit, text};
    use proptest::prelude::*;
    use selvedge::site::media::transformation::{Ratio, Rect};

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn number(text: &str) -> Option<u16> {
        (text != "-").then(|| text.parse().unwrap())
    }

    fn pair(text: &str, by: char) -> (u32, u32) {
        let (left, right) = text.split_once(by).unwrap();
        (left.parse().unwrap(), right.parse().unwrap())
    }

    /// Source, fit, width, height, ratio; kept part, image, output.
    const FITS: &str = "
        4000x3000 max    800  -    -     4000x3000 800x600   800x600
        4000x3000 max    -    600  -     4000x3000 800x600   800x600
        4000x3000 max    800  800  -     4000x3000 800x600   800x600
        3000x4000 max    800  800  -     3000x4000 600x800   600x800
        4000x3000 max    -    -    -     4000x3000 4000x3000 4000x3000
        640x480   max    800  -    -     640x480   640x480   640x480
        640x480   max    640  -    -     640x480   640x480   640x480
        640x480   max    639  -    -     640x480   639x479   639x479
        640x480   max    800  400  -     640x480   533x400   533x400
        640x480   max    -    -    1:1   640x480   640x480   640x480
        640x480   max    300  -    1:1   640x480   300x225   300x225
        640x480   clip   1280 -    -     640x480   1280x960  1280x960
        640x480   clip   -    960  -     640x480   1280x960  1280x960
        640x480   clip   1280 1280 -     640x480   1280x960  1280x960
        640x480   clip   100  100  -     640x480   100x75    100x75
        640x480   clip   -    -    1:1   640x480   640x480   640x480
        4000x3000 crop   400  400  -     3000x3000 400x400   400x400
        3000x4000 crop   400  400  -     3000x3000 400x400   400x400
        4000x3000 crop   800  600  -     4000x3000 800x600   800x600
        100x100   crop   400  200  -     100x50    400x200   400x200
        4000x3000 crop   1600 -    16:9  4000x2250 1600x900  1600x900
        4000x3000 crop   -    900  16:9  4000x2250 1600x900  1600x900
        4000x3000 crop   -    -    16:9  4000x2250 4000x2250 4000x2250
        4000x3000 crop   -    -    1:1   3000x3000 3000x3000 3000x3000
        4000x3000 crop   400  400  16:9  3000x3000 400x400   400x400
        4000x3000 crop   800  -    -     4000x3000 800x600   800x600
        100x100   crop   200  -    -     100x100   200x200   200x200
        4000x3000 crop   -    -    -     4000x3000 4000x3000 4000x3000
        4000x3000 fill   400  400  -     4000x3000 400x300   400x400
        3000x4000 fill   400  400  -     3000x4000 300x400   400x400
        100x100   fill   400  200  -     100x100   200x200   400x200
        4000x3000 fill   -    -    1:1   4000x3000 4000x3000 4000x4000
        3000x4000 fill   -    -    1:1   3000x4000 3000x4000 4000x4000
        4000x3000 fill   400  -    1:1   4000x3000 400x300   400x400
        4000x3000 fill   400  -    -     4000x3000 400x300   400x300
        4000x3000 scale  400  400  -     4000x3000 400x400   400x400
        100x100   scale  400  200  -     100x100   400x200   400x200
        4000x3000 scale  400  -    -     4000x3000 400x300   400x300
        4000x3000 scale  -    -    1:1   4000x3000 3000x3000 3000x3000
        4000x3000 min    400  400  -     3000x3000 400x400   400x400
        100x100   min    400  200  -     100x50    100x50    100x50
        100x100   min    100  50   -     100x50    100x50    100x50
        100x100   min    101  50   -     100x50    100x50    100x50
        100x100   min    50   101  -     50x100    50x100    50x100
        100x100   min    400  -    -     100x100   100x100   100x100
        100x100   min    -    -    2:1   100x50    100x50    100x50
        1x1       max    800  600  -     1x1       1x1       1x1
        1x1       crop   800  600  -     1x1       800x600   800x600
        1x1       fill   800  600  -     1x1       600x600   800x600
        1x1       min    800  600  -     1x1       1x1       1x1
        10000x1   max    100  -    -     10000x1   100x1     100x1
        1x10000   max    -    100  -     1x10000   1x100     1x100
        10000x1   max    -    -    -     10000x1   4096x1    4096x1
        10000x1   clip   -    100  -     10000x1   4096x1    4096x1
        10000x1   crop   100  100  -     1x1       100x100   100x100
        10000x10  fill   100  100  -     10000x10  100x1     100x100
        1000x14   clip   100  -    -     1000x14   100x1     100x1
        9000x100  max    9000 -    -     9000x100  4096x46   4096x46
        100x100   clip   5000 -    -     100x100   4000x4000 4000x4000
        100x100   crop   5000 2500 -     100x50    4096x2048 4096x2048
        100x100   fill   5000 2500 -     100x100   2048x2048 4096x2048
        100x100   scale  5000 2500 -     100x100   4096x2048 4096x2048
        100x100   crop   4096 4096 -     100x100   4000x4000 4000x4000
        15833x15835 clip 5000 -    -     15833x15835 3999x4000 3999x4000
        3999x4000 clip   5000 -    -     3999x4000 3999x4000 3999x4000
        400x300   max    0    0    0:1   400x300   400x300   400x300
    ";

    #[test]
    fn fits() {
        for row in FITS.trim().lines() {
            let columns: Vec<&str> = row.split_whitespace().collect();
            let [source, name, width, height, ratio, part, image, output] = columns[..] else {
                panic!("{row}")
            };
            let ratio = (ratio != "-").then(|| pair(ratio, ':'));
            let transformation = Transformation {
                fit: fit(name),
                width: number(width),
                height: number(height),
                ratio: ratio.map(|(w, h)| Ratio { width: w as u16, height: h as u16 }),
                ..PLAIN
            };
            let (w, h) = pair(source, 'x');
            let steps = Steps::new(&transformation, size(w, h), 1);
            let shown = |size: Size| format!("{}x{}", size.width, size.height);
            let got = [shown(steps.window.size), shown(steps.resized), shown(steps.output)];
            assert_eq!(got, [part, image, output], "{row}");
        }
    }

    #[test]
    fn parts() {
        let cases = [
            ((0, 0, 400, 300), (0, 0, 400, 300)),
            ((10, 20, 30, 40), (10, 20, 30, 40)),
            ((399, 299, 1, 1), (399, 299, 1, 1)),
            ((399, 299, 50, 50), (399, 299, 1, 1)),
            ((200, 0, 65535, 65535), (200, 0, 200, 300)),
            // Without a pixel of the source: ignored.
            ((400, 0, 10, 10), (0, 0, 400, 300)),
            ((0, 300, 10, 10), (0, 0, 400, 300)),
            ((10, 10, 0, 10), (0, 0, 400, 300)),
            ((65535, 65535, 65535, 65535), (0, 0, 400, 300)),
        ];
        for ((x, y, width, height), expected) in cases {
            let rect = Some(Rect { x, y, width, height });
            let steps = Steps::new(&Transformation { rect, ..PLAIN }, size(400, 300), 1);
            let Window { x, y, size } = steps.window;
            assert_eq!((x, y, size.width, size.height), expected, "{rect:?}");
        }
    }

    #[test]
    fn a_crop_keeps_its_focus() {
        // Thousandths of the width, the left edge of a third of 300 pixels.
        for (x, left) in [(0, 0), (100, 0), (250, 25), (500, 100), (800, 190), (1000, 200)] {
            let transformation = Transformation {
                fit: Fit::Crop,
                width: Some(100),
                height: Some(100),
                focus: Focus::Point { x, y: 0 },
                ..PLAIN
            };
            let window = Steps::new(&transformation, size(300, 100), 1).window;
            assert_eq!((window.x, window.y), (left, 0), "{x}");
        }
        let beyond = Transformation {
            fit: Fit::Crop,
            ratio: Some(Ratio { width: 1, height: 1 }),
            focus: Focus::Point { x: u16::MAX, y: u16::MAX },
            ..PLAIN
        };
        assert_eq!(Steps::new(&beyond, size(300, 100), 1).window.x, 200);
    }

    #[test]
    fn the_focus_is_of_the_turned_image() {
        // The left third of what is seen: where it is in a source of 300 x 100, or 100 x 300.
        let flip = |horizontal, vertical| Flip { horizontal, vertical };
        let cases = [
            (Rotation::None, flip(false, false), size(300, 100), (0, 0)),
            (Rotation::None, flip(true, false), size(300, 100), (200, 0)),
            (Rotation::None, flip(false, true), size(300, 100), (0, 0)),
            (Rotation::Half, flip(false, false), size(300, 100), (200, 0)),
            (Rotation::Half, flip(true, false), size(300, 100), (0, 0)),
            (Rotation::Quarter, flip(false, false), size(100, 300), (0, 200)),
            (Rotation::Quarter, flip(true, false), size(100, 300), (0, 0)),
            (Rotation::ThreeQuarters, flip(false, false), size(100, 300), (0, 0)),
            (Rotation::ThreeQuarters, flip(true, true), size(100, 300), (0, 200)),
        ];
        for (rotate, flip, source, expected) in cases {
            let transformation = Transformation {
                fit: Fit::Crop,
                width: Some(50),
                height: Some(50),
                focus: Focus::Point { x: 0, y: 500 },
                rotate,
                flip,
                ..PLAIN
            };
            let window = Steps::new(&transformation, source, 1).window;
            assert_eq!((window.x, window.y), expected, "{rotate:?} {flip:?}");
        }
    }

    #[test]
    fn formats_have_limits() {
        let of = |format, width, height, frames| {
            let transformation = Transformation {
                format,
                fit: Fit::Scale,
                width: Some(width),
                height: Some(height),
                ..PLAIN
            };
            Steps::new(&transformation, size(10, 10), frames).output
        };
        let [avif, webp, gif] = [Format::Avif, Format::Webp, Format::Gif].map(Wanted::Format);
        assert_eq!(of(avif, 2000, 1000, 1), size(2000, 1000));
        assert_eq!(of(avif, 2000, 1001, 1), size(1999, 1000));
        assert_eq!(of(avif, 4096, 4096, 1), size(1414, 1414));
        assert_eq!(of(webp, 3000, 2000, 1), size(3000, 2000));
        assert_eq!(of(webp, 4096, 4096, 1), size(2449, 2449));
        assert_eq!(of(Wanted::Format(Format::Png), 4000, 4000, 1), size(4000, 4000));
        assert_eq!(of(Wanted::Format(Format::Png), 4001, 4000, 1), size(4000, 3999));
        let auto = Wanted::Auto { avif: true, webp: true };
        assert_eq!(of(auto, 4000, 4000, 1), size(4000, 4000));
        assert_eq!(of(gif, 1000, 1000, 50), size(1000, 1000));
        assert_eq!(of(auto, 1000, 1000, 51), size(990, 990));
        assert_eq!(of(Wanted::Format(Format::Jpg), 1000, 1000, 51), size(1000, 1000));
        assert_eq!(of(gif, 1024, 1024, usize::MAX), size(1, 1));
        let thumbhash = Wanted::Format(Format::Thumbhash);
        assert_eq!(of(thumbhash, 100, 50, 1), size(100, 50));
        assert_eq!(of(thumbhash, 1000, 500, 1), size(100, 50));
        let lettered =
            Transformation { format: thumbhash, width: Some(1000), text: Some(text("x")), ..PLAIN };
        assert_eq!(Steps::new(&lettered, size(1000, 500), 1).output, size(1000, 500));
    }

    #[test]
    fn a_decoder_may_reduce_to_what_is_needed() {
        let of = |transformation: Transformation, width, height| {
            let steps = Steps::new(&transformation, size(width, height), 1);
            (steps.need(), steps.raster())
        };
        let small = Transformation { width: Some(800), ..PLAIN };
        assert_eq!(of(small.clone(), 4000, 3000), (size(800, 600), size(800, 600)));
        // A part of it must have as many pixels.
        let rect = Some(Rect { x: 1000, y: 1000, width: 1000, height: 1000 });
        let part = Transformation { rect, ..small };
        assert_eq!(of(part, 4000, 3000), (size(3200, 2400), size(3200, 2400)));
        let crop = Transformation { fit: Fit::Crop, width: Some(400), height: Some(400), ..PLAIN };
        assert_eq!(of(crop.clone(), 4000, 3000), (size(534, 400), size(534, 400)));
        let turned = Transformation { rotate: Rotation::Quarter, width: Some(300), ..PLAIN };
        assert_eq!(of(turned, 4000, 3000), (size(400, 300), size(400, 300)));
        // Only vectors have more than their size.
        assert_eq!(of(crop, 40, 30), (size(40, 30), size(534, 400)));
        let json = Transformation {
            format: Wanted::Format(Format::Json),
            rect: Some(Rect { x: 0, y: 0, width: 1, height: 1 }),
            ..PLAIN
        };
        assert_eq!(of(json, 4000, 3000), (size(128, 96), size(128, 96)));
    }

    fn any_size() -> impl Strategy<Value = Size> {
        let side = || prop_oneof![1..20_u32, 1..20_000_u32];
        (side(), side()).prop_map(|(width, height)| Size { width, height })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn every_answer_is_within_bounds(
            transformation in any_transformation(), original in any_size(), frames in 1..100_usize,
        ) {
            let steps = Steps::new(&transformation, original, frames);
            let sizes = [steps.window.size, steps.resized, steps.output, steps.need()];
            for size in sizes {
                prop_assert!(size.width > 0 && size.height > 0, "{steps:?}");
            }
            prop_assert!(steps.output.width <= SIDE_MAX.into());
            prop_assert!(steps.output.height <= SIDE_MAX.into());
            prop_assert!(steps.output.pixels() <= PIXELS_MAX);
            let image = turned(steps.resized, steps.rotate);
            prop_assert!(steps.image_x + image.width <= steps.output.width);
            prop_assert!(steps.image_y + image.height <= steps.output.height);
            let Window { x, y, size } = steps.window;
            let part = steps.part;
            prop_assert!(x >= part.x && x + size.width <= part.x + part.size.width);
            prop_assert!(y >= part.y && y + size.height <= part.y + part.size.height);
            prop_assert!(part.x + part.size.width <= original.width);
            prop_assert!(part.y + part.size.height <= original.height);
            let need = steps.need();
            prop_assert!(need.width <= original.width && need.height <= original.height);
        }

        #[test]
        fn max_and_min_never_enlarge(
            transformation in any_transformation(), original in any_size(), min in any::<bool>(),
        ) {
            let fit = if min { Fit::Min } else { Fit::Max };
            let steps = Steps::new(&Transformation { fit, ..transformation }, original, 1);
            prop_assert!(steps.resized.width <= steps.window.size.width);
            prop_assert!(steps.resized.height <= steps.window.size.height);
        }

        #[test]
        fn limits_keep_their_size(
            (width, more) in (9_000..16_384_u32, 0..400_u32),
            transformation in any_transformation(),
        ) {
            // Almost square and enlarged, so that the number of pixels decides.
            let original = size(width, width + more);
            let enlarged = Transformation {
                width: transformation.width.map(|width| width.max(4_200)),
                height: None,
                rect: None,
                rotate: Rotation::None,
                ..transformation
            };
            let once = Steps::new(&enlarged, original, 1).output;
            prop_assert_eq!(Steps::new(&enlarged, once, 1).output, once);
        }

        #[test]
        fn asking_again_changes_nothing(
            transformation in any_transformation(), original in any_size(),
        ) {
            let upright = Transformation { rect: None, rotate: Rotation::None, ..transformation };
            let once = Steps::new(&upright, original, 1).output;
            // A limit that a side meets may round its shape.
            if once.width.max(once.height) < SIDE_MAX.into() {
                prop_assert_eq!(Steps::new(&upright, once, 1).output, once);
            }
        }
    }
}
