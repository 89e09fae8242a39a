//! Makes a rendition of decoded frames, in the order of
//! [`Transformation`](selvedge::site::media::transformation::Transformation).
//!
//! Frames are pushed one by one, so that an animation is never in memory as a whole.

use selvedge::site::media::transformation::{
    Align, Focus, Format, Overlay, Rotation, Text, Transformation, Wanted,
};

use crate::adjust::{background, blur, focus, sharpen, turn};
use crate::encode::gif::Animation;
use crate::encode::{self, Encoded, Module};
use crate::geometry::{SAMPLE_SIDE_MAX, Steps, contained, turned};
use crate::image::{Decoded, Frame, Image, Layout, Size};
use crate::layer::{Area, composite, overlay_size};
use crate::resize::{self, Part};

/// Most memory that a rendition takes at a time. An isolate has 128 MB, of which the source takes
/// up to 25 MiB.
pub const MEMORY_BYTES_MAX: u64 = 80 << 20;

/// What the header of a source says.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// In pixels after orientation.
    pub size: Size,
    /// The usual file extension.
    pub format: &'static str,
    /// At least one.
    pub frames: usize,
    /// How often an animation is shown; 0 is forever.
    pub loops: u16,
}

/// The rendition would take more than [`MEMORY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuchMemory;

/// Text as an image, and where it goes in its area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnText {
    pub x: u32,
    pub y: u32,
    pub image: Image,
}

/// A rendition in the making. First come the layers, then the frames.
pub struct Renderer<'a> {
    transformation: &'a Transformation,
    source: Source,
    steps: Steps,
    overlays: Vec<(Image, Align, u8)>,
    drawn: Option<DrawnText>,
    result: Option<Composed>,
}

/// Composed frames.
enum Composed {
    Still(Image),
    Animation(Box<Animation>),
}

impl<'a> Renderer<'a> {
    pub fn new(transformation: &'a Transformation, source: Source) -> Self {
        Self {
            transformation,
            source,
            steps: Steps::new(transformation, source.size, source.frames),
            overlays: Vec::new(),
            drawn: None,
            result: None,
        }
    }

    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Returns whether all frames are shown; otherwise, the first is enough.
    pub fn is_animation(&self) -> bool {
        let (wanted, output) = (self.transformation.format, self.steps.output);
        let is_animated = self.source.frames > 1;
        is_animated && encode::choose(wanted, output, true, true) == Format::Gif
    }

    /// Returns the size below which an overlay must not be reduced, unless it is not shown.
    pub fn overlay_need(&self, index: usize, original: Size) -> Option<Size> {
        let overlay = self.overlay(index)?;
        let size = overlay_size(overlay, original, self.steps.output);
        Some(contained(size, original.at_least_one(), false))
    }

    /// Adds the next overlay; of an animation, its first frame.
    pub fn push_overlay(&mut self, decoded: Decoded) -> Result<(), TooMuchMemory> {
        let (Some(overlay), Some(frame)) =
            (self.overlay(self.overlays.len()), decoded.frames.into_iter().next())
        else {
            return Ok(());
        };
        let size = overlay_size(overlay, decoded.original, self.steps.output);
        let part = Part::whole(frame.image.size());
        let resizing = resize::working_bytes(&frame.image, part, size);
        check(self.layer_bytes() + frame.image.pixels.len() as u64 + resizing)?;
        let image = resize::resize(frame.image, part, size);
        self.overlays.push((image, overlay.align, overlay.opacity));
        Ok(())
    }

    fn overlay(&self, index: usize) -> Option<&'a Overlay> {
        self.transformation.overlays.get(index).filter(|_| !self.shows_facts())
    }

    /// Returns the text and the area that it goes into, if there is any.
    pub fn text_area(&self) -> Option<(&'a Text, Area)> {
        let text = self.text()?;
        Some((text, Area::of_text(text.bounds, self.steps.output)?))
    }

    pub fn push_text(&mut self, drawn: DrawnText) {
        self.drawn = Some(drawn);
    }

    fn text(&self) -> Option<&'a Text> {
        self.transformation.text.as_ref().filter(|_| !self.shows_facts())
    }

    /// Returns whether facts about the source are asked for instead of a rendition.
    fn shows_facts(&self) -> bool {
        self.transformation.format == Wanted::Format(Format::Json)
    }

    /// Adds a frame. Those after the first are ignored if the rendition is no animation.
    pub fn push(&mut self, frame: Frame) -> Result<(), TooMuchMemory> {
        let Frame { image, delay_ms } = frame;
        match &self.result {
            Some(Composed::Still(_)) => {}
            Some(Composed::Animation(_)) => {
                let image = self.compose(image)?;
                if let Some(Composed::Animation(animation)) = &mut self.result {
                    animation.push(Frame { image, delay_ms });
                }
            }
            None => {
                self.find_focus(&image);
                let image = self.compose(image)?;
                self.result = Some(if self.is_animation() {
                    let mut animation = Animation::new(self.steps.output, self.source.loops);
                    animation.push(Frame { image, delay_ms });
                    Composed::Animation(Box::new(animation))
                } else {
                    Composed::Still(image)
                });
            }
        }
        Ok(())
    }

    /// Encodes the rendition. Returns `None` if there was no frame.
    pub fn finish(self) -> Option<Encoded> {
        let image = match self.result? {
            Composed::Still(image) => image,
            Composed::Animation(animation) => {
                return Some(Encoded::Done { format: Format::Gif, bytes: animation.finish() });
            }
        };
        let quality = self.transformation.quality;
        let format =
            encode::choose(self.transformation.format, image.size(), false, image.is_opaque());
        let module = |module, image| {
            let quality = encode::module_quality(module, quality);
            Encoded::ForModule { module, image, quality }
        };
        let bytes = match format {
            Format::Avif => return Some(module(Module::Avif, image)),
            Format::Webp => return Some(module(Module::Webp, image)),
            Format::Jpg => {
                let image = background::flatten(image, self.transformation.background);
                encode::jpeg::encode(&image, quality)
            }
            Format::Png => encode::png::encode(&image),
            Format::Gif => encode::gif::encode(image),
            Format::Thumbhash => encode::thumbhash::encode(image),
            Format::Json => {
                let Source { size, format, frames, .. } = self.source;
                encode::json::encode(&image, size, format, frames)
            }
        };
        Some(Encoded::Done { format, bytes })
    }

    /// Moves a crop to the part with the most detail.
    fn find_focus(&mut self, image: &Image) {
        if self.transformation.focus != Focus::Entropy || !self.steps.crops() {
            return;
        }
        let Steps { original, part, window, rotate, flip, .. } = self.steps;
        let side = Size { width: SAMPLE_SIDE_MAX, height: SAMPLE_SIDE_MAX };
        let sample = contained(part.size, side, false);
        let sample = resize::resized(image, Part::of(part, original, image.size()), sample);
        let sample = turn::turn(sample, rotate, flip);
        let share = |window: u32, part: u32| (u64::from(window) * 1000 / u64::from(part)) as u32;
        let shares = Size {
            width: share(window.size.width, part.size.width),
            height: share(window.size.height, part.size.height),
        };
        let Size { width, height } = turned(shares, rotate);
        let point = focus::most_detailed(&sample, (width, height));
        let (frames, original) = (self.source.frames, self.source.size);
        self.steps = Steps::focused(self.transformation, original, frames, point);
    }

    /// Does everything but encoding.
    fn compose(&self, image: Image) -> Result<Image, TooMuchMemory> {
        let Steps { original, window, resized, rotate, flip, output, .. } = self.steps;
        let part = Part::of(window, original, image.size());
        self.check_memory(&image, part)?;
        let image = resize::resize(image, part, resized);
        if self.shows_facts() {
            return Ok(image);
        }
        let image = turn::turn(image, rotate, flip);
        let corner = (self.steps.image_x, self.steps.image_y);
        let mut image = background::pad(image, corner, output, self.transformation.background);
        blur::blur(&mut image, self.transformation.blur);
        sharpen::sharpen(&mut image, self.transformation.sharpen);
        for (overlay, align, opacity) in &self.overlays {
            composite(&mut image, overlay, Area::whole(output), *align, *opacity);
        }
        if let (Some((_, area)), Some(drawn)) = (self.text_area(), &self.drawn) {
            let DrawnText { x, y, image: text } = drawn;
            let area = Area { x: area.x + x, y: area.y + y, size: text.size() };
            composite(&mut image, text, area, Align::default(), 100);
        }
        Ok(if image.is_opaque() { image.without_alpha() } else { image })
    }

    fn check_memory(&self, image: &Image, part: Part) -> Result<(), TooMuchMemory> {
        let Steps { resized, output, rotate, .. } = self.steps;
        let is_opaque = image.layout == Layout::Rgb;
        let channels = image.layout.channels() as u64;
        let resizing = image.pixels.len() as u64 + resize::working_bytes(image, part, resized);
        let is_sideways = matches!(rotate, Rotation::Quarter | Rotation::ThreeQuarters);
        let is_copied = is_sideways || resized != output;
        // Padding may bring an alpha channel.
        let copies = if is_copied { resized.pixels() * 4 } else { 0 };
        let image = output.pixels() * if is_copied { 4 } else { channels };
        let wanted = self.transformation.format;
        let format = encode::choose(wanted, output, self.source.frames > 1, is_opaque);
        let encoding = image + encode::working_bytes(format, output);
        check(self.layer_bytes() + resizing.max(image + copies).max(encoding))
    }

    fn layer_bytes(&self) -> u64 {
        let overlays = self.overlays.iter().map(|(image, ..)| image);
        let text = self.drawn.iter().map(|drawn| &drawn.image);
        overlays.chain(text).map(|image| image.pixels.len() as u64).sum()
    }
}

fn check(bytes: u64) -> Result<(), TooMuchMemory> {
    if bytes > MEMORY_BYTES_MAX { Err(TooMuchMemory) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PLAIN, any_transformation, pattern, text};
    use proptest::prelude::*;
    use selvedge::site::media::transformation::{Along, Colour, Fit, Flip, Rect};

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn source(size: Size, frames: usize) -> Source {
        Source { size, format: "png", frames, loops: 0 }
    }

    fn render(transformation: &Transformation, original: Size, images: Vec<Image>) -> Encoded {
        let mut renderer = Renderer::new(transformation, source(original, images.len()));
        for image in images {
            renderer.push(Frame { image, delay_ms: 50 }).unwrap();
        }
        renderer.finish().unwrap()
    }

    fn render_one(transformation: &Transformation, image: Image) -> Encoded {
        render(transformation, image.size(), vec![image])
    }

    /// Renders as PNG, and returns the pixels in RGBA.
    fn pixels_of(transformation: &Transformation, original: Size, image: Image) -> Image {
        let format = Wanted::Format(Format::Png);
        let transformation = Transformation { format, ..transformation.clone() };
        let Encoded::Done { bytes, .. } = render(&transformation, original, vec![image]) else {
            panic!("no PNG")
        };
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        if info.color_type == png::ColorType::GrayscaleAlpha {
            pixels = pixels.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect();
        }
        let (width, height) = (info.width, info.height);
        Image { width, height, layout: Layout::Rgba, pixels }
    }

    /// Four plain quarters: `a` and `b` above `c` and `d`.
    fn quarters(width: u32, height: u32) -> Image {
        let pixel = |x: u32, y: u32| match (x * 2 < width, y * 2 < height) {
            (true, true) => [200, 0, 0],
            (false, true) => [0, 200, 0],
            (true, false) => [0, 0, 200],
            (false, false) => [200, 200, 0],
        };
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
        Image { width, height, layout: Layout::Rgb, pixels: pixels.collect() }
    }

    /// Names the quarter or other colour at a place in thousandths.
    fn colour(image: &Image, x: u32, y: u32) -> char {
        let (x, y) = (image.width * x / 1000, image.height * y / 1000);
        let at = (y * image.width + x) as usize * 4;
        let near = |wanted: [u8; 3]| {
            image.pixels[at..at + 3].iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 12)
        };
        match image.pixels[at + 3] {
            0 => ' ',
            _ if near([200, 0, 0]) => 'a',
            _ if near([0, 200, 0]) => 'b',
            _ if near([0, 0, 200]) => 'c',
            _ if near([200, 200, 0]) => 'd',
            _ if near([255, 255, 255]) => 'w',
            _ if near([0, 0, 0]) => 'k',
            _ => '?',
        }
    }

    fn corners(image: &Image) -> String {
        let places = [(100, 100), (900, 100), (100, 900), (900, 900)];
        places.iter().map(|(x, y)| colour(image, *x, *y)).collect()
    }

    #[test]
    fn steps_are_in_order() {
        let flipped = |horizontal, vertical| Flip { horizontal, vertical };
        let rotated = |rotate| Transformation { rotate, ..PLAIN };
        let part = |x, width| Some(Rect { x, y: 0, width, height: 80 });
        let cropped = |width, height, x, y| Transformation {
            fit: Fit::Crop,
            width: Some(width),
            height: Some(height),
            focus: Focus::Point { x, y },
            ..PLAIN
        };
        let quarter = rotated(Rotation::Quarter);
        let cases = [
            ("abcd", 120, 80, PLAIN),
            ("badc", 120, 80, Transformation { flip: flipped(true, false), ..PLAIN }),
            ("cdab", 120, 80, Transformation { flip: flipped(false, true), ..PLAIN }),
            ("cadb", 80, 120, quarter.clone()),
            ("dcba", 120, 80, rotated(Rotation::Half)),
            ("bdac", 80, 120, rotated(Rotation::ThreeQuarters)),
            // First rotated, then mirrored.
            ("acbd", 80, 120, Transformation { flip: flipped(true, false), ..quarter.clone() }),
            // The right half, then rotated, then halved.
            ("dbdb", 40, 30, Transformation { rect: part(60, 60), width: Some(40), ..quarter }),
            // The left half, then cropped.
            ("aacc", 60, 60, Transformation { rect: part(0, 60), ..cropped(60, 60, 500, 500) }),
            ("bbdd", 20, 60, cropped(20, 60, 1000, 500)),
            // After rotation, the upper half of what is seen is the left half.
            (
                "caca",
                60,
                20,
                Transformation { rotate: Rotation::Quarter, ..cropped(60, 20, 500, 0) },
            ),
        ];
        for (expected, width, height, transformation) in cases {
            // However far the decoder has reduced the source.
            for scale in [1, 2] {
                let decoded = quarters(120 / scale, 80 / scale);
                let image = pixels_of(&transformation, size(120, 80), decoded);
                assert_eq!(image.size(), size(width, height), "{transformation:?}");
                assert_eq!(corners(&image), expected, "{transformation:?}");
            }
        }
    }

    #[test]
    fn padding_is_the_background() {
        let fill = |background| Transformation {
            fit: Fit::Fill,
            width: Some(80),
            height: Some(80),
            background,
            ..PLAIN
        };
        let look = |background| {
            let image = pixels_of(&fill(background), size(80, 40), quarters(80, 40));
            [50, 400, 950].map(|y| colour(&image, 100, y)).iter().collect::<String>()
        };
        assert_eq!(look(None), "waw");
        assert_eq!(look(Some(Colour { red: 0, green: 0, blue: 0, alpha: 255 })), "kak");
        assert_eq!(look(Some(Colour { red: 0, green: 0, blue: 0, alpha: 0 })), " a ");
    }

    fn overlay(x: Along, y: Along, opacity: u8) -> Overlay {
        Overlay { path: "/o.png".to_owned(), align: Align { x, y }, width: Some(40), opacity }
    }

    #[test]
    fn layers_are_above_the_image() {
        let overlays =
            vec![overlay(Along::End, Along::Start, 100), overlay(Along::Start, Along::End, 0)];
        let mut lettered = text("x");
        lettered.bounds = Some(Rect { x: 0, y: 0, width: 50, height: 40 });
        let transformation = Transformation { overlays, text: Some(lettered), ..PLAIN };
        let mut renderer = Renderer::new(&transformation, source(size(200, 100), 1));
        let black = |size| {
            let image = Image::filled(size, &[0, 0, 0]);
            Decoded { frames: vec![Frame { image, delay_ms: 0 }], loops: 0, original: size }
        };
        assert_eq!(renderer.overlay_need(0, size(80, 20)), Some(size(40, 10)));
        renderer.push_overlay(black(size(80, 20))).unwrap();
        assert_eq!(renderer.overlay_need(1, size(4, 4)), Some(size(4, 4)));
        renderer.push_overlay(black(size(4, 4))).unwrap();
        assert_eq!(renderer.overlay_need(2, size(4, 4)), None);
        // One more than asked for is ignored.
        renderer.push_overlay(black(size(4, 4))).unwrap();
        assert_eq!(renderer.text_area().map(|(_, area)| area.size), Some(size(50, 40)));
        let image = Image::filled(size(10, 10), &[255, 255, 255, 255]);
        renderer.push_text(DrawnText { x: 20, y: 15, image });
        let image = renderer.compose(quarters(200, 100)).unwrap().with_alpha();
        // The first is 40 x 10 pixels in the upper right, the text in the middle of its box.
        assert_eq!((colour(&image, 990, 50), colour(&image, 810, 50)), ('k', 'k'));
        assert_eq!((colour(&image, 990, 150), colour(&image, 790, 50)), ('b', 'b'));
        assert_eq!((colour(&image, 125, 200), colour(&image, 20, 20)), ('w', 'a'));
        assert_eq!(colour(&image, 20, 980), 'c');
    }

    #[test]
    fn formats() {
        let of = |format, image: Image| render_one(&Transformation { format, ..PLAIN }, image);
        let [rgb, rgba] = [Layout::Rgb, Layout::Rgba].map(|layout| pattern(60, 40, layout));
        let auto = |avif, webp| Wanted::Auto { avif, webp };
        let starts = |encoded: Encoded, format: Format, magic: &[u8]| {
            let Encoded::Done { format: got, bytes } = encoded else { panic!("{format:?}") };
            assert_eq!(got, format);
            assert!(bytes.starts_with(magic), "{format:?}: {:?}", &bytes[..8]);
        };
        let png = b"\x89PNG\r\n\x1a\n";
        starts(of(auto(false, false), rgb.clone()), Format::Jpg, b"\xff\xd8\xff");
        starts(of(auto(false, false), rgba.clone()), Format::Png, png);
        starts(of(Wanted::Format(Format::Jpg), rgba.clone()), Format::Jpg, b"\xff\xd8\xff");
        starts(of(Wanted::Format(Format::Png), rgb.clone()), Format::Png, png);
        starts(of(Wanted::Format(Format::Gif), rgba.clone()), Format::Gif, b"GIF89a");
        let Encoded::Done { bytes, .. } = of(Wanted::Format(Format::Thumbhash), rgb.clone()) else {
            panic!()
        };
        assert!((15..30).contains(&bytes.len()));
        let module = |module, quality, image: &Image| Encoded::ForModule {
            module,
            quality,
            image: image.clone(),
        };
        assert!(of(auto(true, true), rgba.clone()) == module(Module::Avif, 50, &rgba));
        assert!(of(auto(false, true), rgb.clone()) == module(Module::Webp, 75, &rgb));
        // Alpha that hides nothing is dropped.
        assert!(of(auto(false, true), rgb.clone().with_alpha()) == module(Module::Webp, 75, &rgb));
        starts(of(auto(false, false), rgb.with_alpha()), Format::Jpg, b"\xff\xd8\xff");
    }

    #[test]
    fn facts_are_of_the_source() {
        let transformation = Transformation {
            format: Wanted::Format(Format::Json),
            rect: Some(Rect { x: 0, y: 0, width: 1, height: 1 }),
            rotate: Rotation::Quarter,
            overlays: vec![overlay(Along::End, Along::Start, 100)],
            text: Some(text("x")),
            ..PLAIN
        };
        let renderer = Renderer::new(&transformation, source(size(800, 400), 3));
        assert_eq!(renderer.overlay_need(0, size(9, 9)), None);
        assert!(renderer.text_area().is_none());
        assert_eq!(renderer.steps().need(), size(128, 64));
        let frames = vec![Image::filled(size(200, 100), &[10, 20, 30]); 3];
        let Encoded::Done { bytes, format: Format::Json } =
            render(&transformation, size(800, 400), frames)
        else {
            panic!()
        };
        let expected =
            r##"{"width":800,"height":400,"format":"png","frames":3,"color":"#0a141e"}"##;
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn an_animation_stays_one_unless_a_still_format_is_asked_for() {
        let frames = || vec![quarters(40, 40), pattern(40, 40, Layout::Rgb), quarters(40, 40)];
        let of = |format| {
            let transformation = Transformation { format, width: Some(20), ..PLAIN };
            let is_animation =
                Renderer::new(&transformation, source(size(40, 40), 3)).is_animation();
            (is_animation, render(&transformation, size(40, 40), frames()))
        };
        for format in [Wanted::Format(Format::Gif), Wanted::Auto { avif: true, webp: true }] {
            let (is_animation, encoded) = of(format);
            assert!(is_animation);
            let Encoded::Done { format: Format::Gif, bytes } = encoded else { panic!() };
            let mut decoder = gif::DecodeOptions::new().read_info(&bytes[..]).unwrap();
            assert_eq!((decoder.width(), decoder.height()), (20, 20));
            let mut count = 0;
            while let Some(frame) = decoder.read_next_frame().unwrap() {
                assert_eq!(frame.delay, 5);
                count += 1;
            }
            assert_eq!(count, 3);
        }
        let (is_animation, encoded) = of(Wanted::Format(Format::Webp));
        assert!(!is_animation);
        let first =
            Transformation { format: Wanted::Format(Format::Webp), width: Some(20), ..PLAIN };
        assert!(encoded == render_one(&first, quarters(40, 40)));
    }

    #[test]
    fn entropy_crops_to_the_detail() {
        let mut image = Image::filled(size(300, 100), &[128, 128, 128]);
        let detail = pattern(60, 60, Layout::Rgb);
        let whole = Area { x: 230, y: 20, size: size(60, 60) };
        composite(&mut image, &detail, whole, Align::default(), 100);
        let crop = |rotate| Transformation {
            fit: Fit::Crop,
            width: Some(100),
            height: Some(100),
            focus: Focus::Entropy,
            rotate,
            ..PLAIN
        };
        for rotate in [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters] {
            let transformation = crop(rotate);
            let mut renderer = Renderer::new(&transformation, source(image.size(), 1));
            renderer.find_focus(&image);
            let window = renderer.steps.window;
            assert!((190..=200).contains(&window.x), "{rotate:?}: {window:?}");
        }
    }

    #[test]
    fn too_much_memory_is_refused() {
        let of = |format, output, decoded: Image| {
            let transformation = Transformation {
                format: Wanted::Format(format),
                width: Some(output),
                fit: Fit::Clip,
                ..PLAIN
            };
            let mut renderer = Renderer::new(&transformation, source(decoded.size(), 1));
            renderer.push(Frame { image: decoded, delay_ms: 0 }).map(|()| "made")
        };
        let square = |side, pixel: &[u8]| Image::filled(size(side, side), pixel);
        let (rgb, rgba) = (&[1, 2, 3][..], &[1, 2, 3, 4]);
        assert_eq!(of(Format::Jpg, 2000, square(2000, rgb)), Ok("made"));
        // An image that is not resized is not copied.
        assert_eq!(of(Format::Jpg, 3900, square(3900, rgb)), Ok("made"));
        assert_eq!(of(Format::Jpg, 3899, square(3900, rgb)), Err(TooMuchMemory));
        assert_eq!(of(Format::Png, 3900, square(3900, rgba)), Err(TooMuchMemory));
        assert_eq!(of(Format::Gif, 2000, square(2000, rgb)), Ok("made"));
        assert_eq!(of(Format::Gif, 2400, square(2400, rgb)), Err(TooMuchMemory));
    }

    #[test]
    fn without_a_frame_there_is_no_rendition() {
        assert!(Renderer::new(&PLAIN, source(size(1, 1), 1)).finish().is_none());
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        for format in [Format::Jpg, Format::Png, Format::Gif, Format::Thumbhash, Format::Json] {
            let transformation = Transformation {
                format: Wanted::Format(format),
                width: Some(70),
                blur: 15,
                sharpen: 30,
                focus: Focus::Entropy,
                ..PLAIN
            };
            let make = || render_one(&transformation, pattern(200, 150, Layout::Rgba));
            assert!(make() == make(), "{format:?}");
        }
    }

    /// Transformations of few pixels, with all that [`any_transformation`] leaves out.
    fn any_small_transformation() -> impl Strategy<Value = Transformation> {
        let filters = (0..400_u16, 0..=100_u8, any::<bool>());
        let width = prop::option::of(any::<u16>());
        (any_transformation(), filters, width).prop_map(|(transformation, filters, width)| {
            let (blur, sharpen, is_entropy) = filters;
            let side = |side: Option<u16>| side.map(|side| side % 200 + 1);
            let mark = overlay(Along::End, Along::Middle, 50);
            Transformation {
                width: side(transformation.width).or(Some(100)),
                height: side(transformation.height),
                blur,
                sharpen,
                focus: if is_entropy { Focus::Entropy } else { transformation.focus },
                format: Wanted::Format(Format::Webp),
                overlays: vec![Overlay { width, ..mark }],
                ..transformation
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None, cases: 128, ..Default::default()
        })]

        #[test]
        fn every_transformation_has_a_rendition(
            transformation in any_small_transformation(),
            (width, height, scale) in (1..120_u32, 1..120_u32, 1..9_u32),
            is_opaque in any::<bool>(),
        ) {
            let layout = if is_opaque { Layout::Rgb } else { Layout::Rgba };
            let original = size(width * scale, height * scale);
            let mut renderer = Renderer::new(&transformation, source(original, 1));
            let output = renderer.steps().output;
            prop_assume!(output.pixels() < 400_000);
            let still = |image| Frame { image, delay_ms: 0 };
            let frames = vec![still(pattern(9, 5, Layout::Rgba))];
            renderer.push_overlay(Decoded { frames, loops: 0, original: size(90, 50) }).unwrap();
            renderer.push(still(pattern(width, height, layout))).unwrap();
            let Some(Encoded::ForModule { image, .. }) = renderer.finish() else { panic!() };
            prop_assert_eq!(image.size(), output);
            let bytes = output.pixels() * image.layout.channels() as u64;
            prop_assert_eq!(image.pixels.len() as u64, bytes);
        }
    }
}
