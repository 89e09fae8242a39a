//! GIF, still and animated.
//!
//! A frame holds only the rectangle that differs from the one before, and within it what is equal
//! is transparent. That needs the canvas to be cleared where something becomes transparent, which
//! the frame before has to ask for: so each frame waits for the next.

use color_quant::NeuQuant;
use gif::{DisposalMethod, Encoder, Repeat};

use super::palette::Palette;
use crate::image::{Frame, Image, Size};

/// Pixels with less alpha are transparent: there is nothing between.
const ALPHA_MIN: u8 = 128;
/// Colours of a frame; one more entry of its palette is transparent.
const COLOURS_MAX: usize = 255;
/// Of so many pixels the quantiser learns from one. The crate's recommendation.
const SAMPLE_FACTOR: i32 = 10;
/// Fewest pixels that the quantiser learns from, where there are as many.
const SAMPLE_MIN: usize = 20_000;
/// Bits of a channel that tell colours apart when the nearest one is looked up.
const LOOKUP_BITS: u32 = 6;
/// Browsers show frames of up to 10 ms for 100 ms; longer ones as long as they say, in hundredths
/// of a second.
const SLOW_MS_MAX: u32 = 10;

/// An animation, encoded frame by frame.
pub struct Animation {
    encoder: Encoder<Vec<u8>>,
    size: Size,
    /// What is seen before the frame that waits.
    canvas: Vec<[u8; 4]>,
    waiting: Option<Waiting>,
}

/// A frame whose successor is unknown.
struct Waiting {
    pixels: Vec<[u8; 4]>,
    delay_ms: u32,
}

/// A rectangle of the canvas: its first column and row, and those behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Animation {
    /// `loops` is how often it is shown; 0 is forever, 1 once.
    pub fn new(size: Size, loops: u16) -> Self {
        let mut encoder = Encoder::new(Vec::new(), size.width as u16, size.height as u16, &[])
            .expect("a Vec takes all bytes");
        let repeat = match loops {
            0 => Some(Repeat::Infinite),
            1 => None,
            // The number of repetitions after the first time.
            loops => Some(Repeat::Finite(loops - 1)),
        };
        if let Some(repeat) = repeat {
            encoder.set_repeat(repeat).expect("a Vec takes all bytes");
        }
        let canvas = vec![[0; 4]; size.pixels() as usize];
        Self { encoder, size, canvas, waiting: None }
    }

    /// Adds a frame of the animation's size.
    pub fn push(&mut self, frame: Frame) {
        let rgba = frame.image.with_alpha().pixels;
        let pixels = rgba.as_chunks::<4>().0.iter().map(|pixel| thresholded(*pixel)).collect();
        let next = Waiting { pixels, delay_ms: frame.delay_ms };
        if let Some(before) = self.waiting.take() {
            let vanishes = |(before, next): (&[u8; 4], &[u8; 4])| before[3] > 0 && next[3] == 0;
            let clears = before.pixels.iter().zip(&next.pixels).any(vanishes);
            self.write(before, clears);
        }
        self.waiting = Some(next);
    }

    pub fn finish(mut self) -> Vec<u8> {
        if let Some(last) = self.waiting.take() {
            self.write(last, false);
        }
        self.encoder.into_inner().expect("a Vec takes all bytes")
    }

    /// Writes a frame, after which the canvas may be cleared.
    fn write(&mut self, frame: Waiting, clears: bool) {
        let width = self.size.width as usize;
        let all = Area { left: 0, top: 0, right: width, bottom: self.size.height as usize };
        // Only what a frame covers is cleared after it.
        let area = if clears { all } else { changed(&self.canvas, &frame.pixels, width) };
        let mut pixels = Vec::with_capacity((area.right - area.left) * (area.bottom - area.top));
        for row in area.top..area.bottom {
            let range = row * width + area.left..row * width + area.right;
            let pairs = frame.pixels[range.clone()].iter().zip(&self.canvas[range]);
            pixels.extend(pairs.map(|(pixel, seen)| if pixel == seen { [0; 4] } else { *pixel }));
        }
        let (palette, indices, transparent) = quantised(&pixels);
        let encoded = self.encoder.write_frame(&gif::Frame {
            delay: hundredths(frame.delay_ms),
            dispose: if clears { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent,
            left: area.left as u16,
            top: area.top as u16,
            width: (area.right - area.left) as u16,
            height: (area.bottom - area.top) as u16,
            palette: Some(palette),
            buffer: indices.into(),
            ..gif::Frame::default()
        });
        encoded.expect("a Vec takes all bytes, and there is an index for each pixel");
        self.canvas = if clears { vec![[0; 4]; frame.pixels.len()] } else { frame.pixels };
    }
}

fn hundredths(delay_ms: u32) -> u16 {
    let least = if delay_ms > SLOW_MS_MAX { SLOW_MS_MAX / 10 + 1 } else { 0 };
    let rounded = (delay_ms.saturating_add(5) / 10).max(least);
    u16::try_from(rounded).unwrap_or(u16::MAX)
}

/// Encodes a still image.
pub fn encode(image: Image) -> Vec<u8> {
    let mut still = Animation::new(image.size(), 1);
    still.push(Frame { image, delay_ms: 0 });
    still.finish()
}

fn thresholded([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    if alpha < ALPHA_MIN { [0; 4] } else { [red, green, blue, 255] }
}

/// Returns the smallest area that holds all differences, and at least one pixel.
fn changed(before: &[[u8; 4]], after: &[[u8; 4]], width: usize) -> Area {
    let rows = || before.chunks_exact(width).zip(after.chunks_exact(width));
    let top = rows().position(|(before, after)| before != after);
    let Some(top) = top else { return Area { left: 0, top: 0, right: 1, bottom: 1 } };
    let last = rows().rposition(|(before, after)| before != after).unwrap_or(top);
    let (mut left, mut right) = (width, 0);
    for (before, after) in rows().skip(top).take(last - top + 1) {
        let pairs = || before.iter().zip(after);
        if let Some(first) = pairs().position(|(before, after)| before != after) {
            left = left.min(first);
            let last = pairs().rposition(|(before, after)| before != after).unwrap_or(first);
            right = right.max(last + 1);
        }
    }
    Area { left, top, right, bottom: last + 1 }
}

/// Reduces pixels to a palette: its colours, the index of each pixel, and that of transparency.
fn quantised(pixels: &[[u8; 4]]) -> (Vec<u8>, Vec<u8>, Option<u8>) {
    let rgb = |colours: &[[u8; 4]]| colours.iter().flat_map(|c| [c[0], c[1], c[2]]).collect();
    if let Some(Palette { colours, indices }) = Palette::of_pixels(pixels.iter().copied(), 256) {
        let transparent = colours.iter().position(|colour| colour[3] == 0);
        return (rgb(&colours), indices, transparent.map(|index| index as u8));
    }
    let opaque: Vec<u8> = pixels.iter().filter(|pixel| pixel[3] > 0).flatten().copied().collect();
    let factor = if opaque.len() / 4 < SAMPLE_MIN { 1 } else { SAMPLE_FACTOR };
    let quantiser = NeuQuant::new(factor, COLOURS_MAX, &opaque);
    let mut nearest = Nearest::new(&quantiser);
    let indices = pixels.iter().map(|pixel| match pixel[3] {
        0 => COLOURS_MAX as u8,
        _ => nearest.index_of(*pixel),
    });
    let indices = indices.collect();
    let mut palette = quantiser.color_map_rgb();
    palette.extend([0; 3]);
    (palette, indices, Some(COLOURS_MAX as u8))
}

/// Looks up the nearest colours, and remembers them.
struct Nearest<'a> {
    quantiser: &'a NeuQuant,
    known: Vec<Option<u8>>,
}

impl<'a> Nearest<'a> {
    fn new(quantiser: &'a NeuQuant) -> Self {
        Self { quantiser, known: vec![None; 1 << (3 * LOOKUP_BITS)] }
    }

    fn index_of(&mut self, pixel: [u8; 4]) -> u8 {
        let cell = pixel[..3]
            .iter()
            .fold(0, |cell, value| cell << LOOKUP_BITS | usize::from(value >> (8 - LOOKUP_BITS)));
        *self.known[cell].get_or_insert_with(|| self.quantiser.index_of(&pixel) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Layout;
    use crate::testing::pattern;

    /// Frames as they are seen, and what the file stores of them.
    fn shown(bytes: &[u8]) -> (Vec<Vec<[u8; 4]>>, Vec<gif::Frame<'static>>, Repeat) {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(bytes).unwrap();
        let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
        let mut canvas = vec![[0; 4]; width * height];
        let (mut seen, mut stored) = (Vec::new(), Vec::new());
        while let Some(frame) = decoder.read_next_frame().unwrap().cloned() {
            let (left, top) = (usize::from(frame.left), usize::from(frame.top));
            let at = |index: usize| {
                let (x, y) = (index % usize::from(frame.width), index / usize::from(frame.width));
                (top + y) * width + left + x
            };
            let pixels = frame.buffer.as_chunks::<4>().0;
            for (index, pixel) in pixels.iter().enumerate().filter(|(_, pixel)| pixel[3] > 0) {
                canvas[at(index)] = *pixel;
            }
            seen.push(canvas.clone());
            if frame.dispose == DisposalMethod::Background {
                (0..pixels.len()).for_each(|index| canvas[at(index)] = [0; 4]);
            }
            stored.push(frame);
        }
        (seen, stored, decoder.repeat())
    }

    const SIZE: Size = Size { width: 24, height: 16 };

    /// A square of 4 pixels a side on a background.
    fn square(left: usize, top: usize, background: [u8; 4], delay_ms: u32) -> Frame {
        let mut image = Image::filled(SIZE, &background);
        for y in top..top + 4 {
            for x in left..left + 4 {
                let at = (y * 24 + x) * 4;
                image.pixels[at..at + 4].copy_from_slice(&[200, 0, x as u8, 255]);
            }
        }
        Frame { image, delay_ms }
    }

    fn encoded(frames: &[Frame], loops: u16) -> Vec<u8> {
        let mut animation = Animation::new(SIZE, loops);
        frames.iter().for_each(|frame| animation.push(frame.clone()));
        animation.finish()
    }

    #[test]
    fn frames_are_seen_as_they_were() {
        let (grey, clear) = ([90, 90, 90, 255], [0, 0, 0, 0]);
        let places = [(0, 0), (4, 2), (4, 2), (20, 12), (9, 3), (0, 0)];
        let animations = [[grey; 6], [clear; 6], [grey, clear, clear, grey, clear, grey]];
        for backgrounds in animations {
            let frames: Vec<Frame> = places
                .iter()
                .zip(backgrounds)
                .map(|((left, top), background)| square(*left, *top, background, 50))
                .collect();
            let (seen, ..) = shown(&encoded(&frames, 0));
            assert_eq!(seen.len(), frames.len());
            for (at, (seen, frame)) in seen.iter().zip(&frames).enumerate() {
                assert!(seen.as_flattened() == frame.image.pixels, "{backgrounds:?}: {at}");
            }
        }
    }

    #[test]
    fn only_what_changes_is_stored() {
        let grey = [90, 90, 90, 255];
        let frames = [square(0, 0, grey, 50), square(4, 2, grey, 50), square(4, 2, grey, 50)];
        let (_, stored, _) = shown(&encoded(&frames, 0));
        let areas: Vec<_> = stored.iter().map(|f| (f.left, f.top, f.width, f.height)).collect();
        assert_eq!(areas, [(0, 0, 24, 16), (0, 0, 8, 6), (0, 0, 1, 1)]);
        assert!(stored.iter().all(|frame| frame.dispose == DisposalMethod::Keep));
    }

    #[test]
    fn delays_and_loops() {
        let cases = [(0, 0), (10, 1), (11, 2), (15, 2), (20, 2), (24, 2), (25, 3), (40, 4)];
        for (delay_ms, expected) in cases.into_iter().chain([(655_350, 65535), (u32::MAX, 65535)]) {
            assert_eq!(hundredths(delay_ms), expected, "{delay_ms}");
        }
        let frames = [square(0, 0, [0; 4], 70), square(4, 4, [0; 4], 120)];
        for (loops, expected) in
            [(0, Repeat::Infinite), (1, Repeat::Finite(0)), (2, Repeat::Finite(1))]
        {
            let (_, stored, repeat) = shown(&encoded(&frames, loops));
            assert_eq!(repeat, expected, "{loops}");
            assert_eq!([stored[0].delay, stored[1].delay], [7, 12]);
        }
    }

    #[test]
    fn many_colours_become_similar_ones() {
        let image = pattern(120, 90, Layout::Rgb);
        let (seen, ..) = shown(&encode(image.clone()));
        let pairs = seen[0].iter().zip(image.pixels.as_chunks::<3>().0);
        let difference = |(seen, asked): (&[u8; 4], &[u8; 3])| {
            assert_eq!(seen[3], 255);
            (0..3).map(|at| u64::from(seen[at].abs_diff(asked[at]))).sum::<u64>()
        };
        let sum: u64 = pairs.map(difference).sum();
        assert!(sum < 120 * 90 * 3 * 8, "{sum}");
    }

    #[test]
    fn transparency_is_all_or_nothing() {
        let pixels = (0..256).flat_map(|alpha| [alpha as u8, 5, 6, alpha as u8]).collect();
        let image = Image { width: 16, height: 16, layout: Layout::Rgba, pixels };
        let (seen, ..) = shown(&encode(image));
        for (alpha, pixel) in seen[0].iter().enumerate() {
            assert_eq!(pixel[3], if alpha < 128 { 0 } else { 255 }, "{alpha}");
        }
    }
}
