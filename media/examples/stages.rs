//! Prints how long the stages of a rendition take: `stages WIDTH FILE.jpg...`.
//!
//! Each stage is timed five times; the least counts, because the machine may be busy.

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use jpeg_decoder::Decoder;
use selvedge_media::encode::{jpeg, png};
use selvedge_media::image::{Image, Layout, Size};
use selvedge_media::resize::{Part, resized};

const ROUNDS: usize = 5;

fn main() {
    let mut arguments = env::args().skip(1);
    let width = arguments.next().and_then(|width| width.parse().ok());
    let width: u16 = width.expect("usage: stages WIDTH FILE.jpg...");
    for path in arguments {
        let bytes = fs::read(&path).expect("the file can be read");
        let (decoding, image) = timed(|| decode(&bytes, width));
        let height = u32::from(width) * image.height / image.width;
        let size = Size { width: width.into(), height };
        let (resizing, small) = timed(|| resized(&image, Part::whole(image.size()), size));
        let (jpeg_time, jpeg) = timed(|| jpeg::encode(&small, None));
        let (png_time, png) = timed(|| png::encode(&small));
        println!(
            "{path}: decoded to {} x {} in {decoding:.1?}, resized in {resizing:.1?}, \
             JPEG of {} bytes in {jpeg_time:.1?}, PNG of {} bytes in {png_time:.1?}",
            image.width,
            image.height,
            jpeg.len(),
            png.len(),
        );
    }
}

/// Decodes an RGB JPEG, reduced as far as a width allows.
fn decode(bytes: &[u8], width: u16) -> Image {
    let mut decoder = Decoder::new(bytes);
    let (width, height) = decoder.scale(width, 1).expect("a JPEG");
    let pixels = decoder.decode().expect("a JPEG");
    Image { width: width.into(), height: height.into(), layout: Layout::Rgb, pixels }
}

#[expect(clippy::disallowed_methods, reason = "native only")]
fn timed<T>(mut stage: impl FnMut() -> T) -> (Duration, T) {
    let mut run = || {
        let start = Instant::now();
        let made = stage();
        (start.elapsed(), made)
    };
    let first = run();
    (1..ROUNDS).map(|_| run()).fold(first, |a, b| if b.0 < a.0 { b } else { a })
}
