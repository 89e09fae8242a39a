//! Small images of every kind, most of them encoded here.
#![allow(dead_code)]

use std::io::Cursor;

use jpeg_encoder::{ColorType as JpegColour, Encoder as JpegEncoder, SamplingFactor};
use selvedge_media::fault::Fault;
use selvedge_media::image::{Decoded, Image, Size};
use selvedge_media::{decode, probe};

pub const WIDTH: u32 = 37;
pub const HEIGHT: u32 = 29;

pub const LOSSY: &[u8] = include_bytes!("lossy.webp");
pub const LOSSY_ALPHA: &[u8] = include_bytes!("lossy-alpha.webp");
pub const LOSSLESS_ALPHA: &[u8] = include_bytes!("lossless-alpha.webp");
pub const LOSSY_TURNED: &[u8] = include_bytes!("lossy-exif-icc.webp");
pub const ANIMATED_WEBP: &[u8] = include_bytes!("animated.webp");
pub const ANIMATED_GIF: &[u8] = include_bytes!("animated.gif");
pub const INTERLACED: &[u8] = include_bytes!("interlaced.png");
pub const INTERLACED_PALETTE: &[u8] = include_bytes!("interlaced-palette.png");
pub const CMYK: &[u8] = include_bytes!("cmyk.jpg");
pub const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");

pub const FULL: Size = Size { width: u32::MAX, height: u32::MAX };

/// Decodes all of a file at least as large as `need`.
pub fn decode_to(bytes: &[u8], need: Size) -> Result<Decoded, Fault> {
    let mut input = Cursor::new(bytes);
    let probe = probe::probe(&mut input)?;
    decode::decode(&mut input, &probe, need)
}

/// Decodes a still image at its full size.
#[track_caller]
pub fn still(bytes: &[u8]) -> Image {
    let mut decoded = decode_to(bytes, FULL).unwrap();
    assert_eq!(decoded.frames.len(), 1);
    decoded.frames.remove(0).image
}

/// The colour that the samples have at a place.
pub fn gradient(x: u32, y: u32, size: Size) -> [u8; 3] {
    let part =
        |at: u32, of: u32| (255.0 * f64::from(at) / f64::from(of - 1).max(1.0)).round() as u8;
    [part(x, size.width), part(y, size.height), 128]
}

/// A gradient with `N` channels: gray, or red, green and blue, with or without alpha.
pub fn pixels<const N: usize>(size: Size) -> Vec<u8> {
    let place = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    place
        .flat_map(|(x, y)| {
            let [red, green, blue] = gradient(x, y, size);
            let samples = match N {
                1 => [red, 0, 0, 0],
                2 => [red, 255 - red, 0, 0],
                _ => [red, green, blue, 255 - red],
            };
            samples.into_iter().take(N)
        })
        .collect()
}

pub const SIZE: Size = Size { width: WIDTH, height: HEIGHT };

/// How a JPEG is encoded.
#[derive(Clone)]
pub struct JpegSample {
    pub size: Size,
    pub sampling: SamplingFactor,
    pub scans: Option<u8>,
    pub restart: u16,
    pub profile: Vec<u8>,
    pub exif: Vec<u8>,
}

impl Default for JpegSample {
    fn default() -> Self {
        let sampling = SamplingFactor::F_1_1;
        Self { size: SIZE, sampling, scans: None, restart: 0, profile: vec![], exif: vec![] }
    }
}

impl JpegSample {
    pub fn encode(&self, pixels: &[u8], colour: JpegColour) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes, 95);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_restart_interval(self.restart);
        self.scans.iter().for_each(|scans| encoder.set_progressive_scans(*scans));
        if !self.profile.is_empty() {
            encoder.add_icc_profile(&self.profile).unwrap();
        }
        if !self.exif.is_empty() {
            encoder.add_exif_metadata(&self.exif).unwrap();
        }
        let (width, height) = (self.size.width as u16, self.size.height as u16);
        encoder.encode(pixels, width, height, colour).unwrap();
        bytes
    }

    pub fn rgb(&self) -> Vec<u8> {
        self.encode(&pixels::<3>(self.size), JpegColour::Rgb)
    }
}

/// Encodes a PNG; `with` writes chunks before the pixels.
pub fn png(
    size: Size,
    (colour, depth): (png::ColorType, png::BitDepth),
    rows: &[u8],
    with: impl FnOnce(&mut png::Encoder<&mut Vec<u8>>),
    chunks: &[(&[u8; 4], Vec<u8>)],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    with(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    for (kind, content) in chunks {
        writer.write_chunk(png::chunk::ChunkType(**kind), content).unwrap();
    }
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
    bytes
}

pub fn rgb_png(size: Size, rows: &[u8]) -> Vec<u8> {
    png(size, (png::ColorType::Rgb, png::BitDepth::Eight), rows, |_| {}, &[])
}

pub fn rgba_png(size: Size, rows: &[u8]) -> Vec<u8> {
    png(size, (png::ColorType::Rgba, png::BitDepth::Eight), rows, |_| {}, &[])
}

/// The contents of a chunk `iCCP`.
pub fn iccp(profile: &[u8]) -> Vec<u8> {
    [b"p\0\0".to_vec(), zlib(profile)].concat()
}

/// zlib data, taken from a gray image of one row, whose first byte is its filter.
pub fn zlib(content: &[u8]) -> Vec<u8> {
    let mut stored = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        stored.push(u8::from(blocks.peek().is_none()));
        stored.extend((block.len() as u16).to_le_bytes());
        stored.extend((!(block.len() as u16)).to_le_bytes());
        stored.extend(block);
    }
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    stored.extend((b << 16 | a).to_be_bytes());
    stored
}

/// Makes the checksums of all chunks right again.
pub fn repair_png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(header) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(header.try_into().unwrap()) as usize;
        let Some(end) = length.checked_add(at + 8).filter(|end| end + 4 <= bytes.len()) else {
            return;
        };
        let sum = crc32(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ 0xedb8_8320 }
        })
    })
}

/// A chunk of RIFF, padded.
pub fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = [kind, &(content.len() as u32).to_le_bytes()[..], content].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

pub fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

/// A lossless WebP.
pub fn webp(size: Size, rows: &[u8], colour: image_webp::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes).encode(rows, size.width, size.height, colour).unwrap();
    bytes
}

/// A WebP with a header chunk, metadata and the picture of `file`.
pub fn extended_webp(
    flags: u8,
    size: Size,
    before: &[Vec<u8>],
    file: &[u8],
    after: &[Vec<u8>],
) -> Vec<u8> {
    let chunks = [&[vp8x(flags, size)], before, &[file[12..].to_vec()], after].concat();
    riff(&chunks)
}

pub fn vp8x(flags: u8, size: Size) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    chunk(b"VP8X", &[vec![flags, 0, 0, 0], side(size.width), side(size.height)].concat())
}

/// A frame of an animation. `flags`: 1 clears its place afterwards, 2 does not blend.
pub fn anmf(at: (u32, u32), size: Size, delay_ms: u32, flags: u8, file: &[u8]) -> Vec<u8> {
    let u24 = |number: u32| number.to_le_bytes()[..3].to_vec();
    let header = [at.0 / 2, at.1 / 2, size.width - 1, size.height - 1, delay_ms].map(u24).concat();
    chunk(b"ANMF", &[header, vec![flags], file[12..].to_vec()].concat())
}

/// EXIF with an orientation.
pub fn exif(number: u8) -> Vec<u8> {
    let entry = [1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0];
    [b"II*\0".to_vec(), vec![8, 0, 0, 0], entry.to_vec()].concat()
}

/// A GIF with a palette of black, red, green and blue; the last one may be transparent.
pub fn gif(size: Size, repeat: Option<gif::Repeat>, frames: &[gif::Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]].concat();
    let mut encoder =
        gif::Encoder::new(&mut bytes, size.width as u16, size.height as u16, &palette).unwrap();
    repeat.into_iter().for_each(|repeat| encoder.set_repeat(repeat).unwrap());
    frames.iter().for_each(|frame| encoder.write_frame(frame).unwrap());
    drop(encoder);
    bytes
}

pub fn gif_frame(at: (u16, u16), size: (u16, u16), indices: Vec<u8>) -> gif::Frame<'static> {
    gif::Frame {
        left: at.0,
        top: at.1,
        width: size.0,
        height: size.1,
        buffer: indices.into(),
        ..gif::Frame::default()
    }
}

/// A colour profile of ink, as a lookup table of two points for each of four inks: paper of Lab
/// 100, 0, 0, and less light with more ink.
pub fn cmyk_profile() -> Vec<u8> {
    let mut lut = b"mft1\0\0\0\0".to_vec();
    lut.extend([4, 3, 2, 0]);
    let identity = [1_i32 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 16];
    lut.extend(identity.iter().flat_map(|number| number.to_be_bytes()));
    (0..4).for_each(|_| lut.extend(0..=255));
    for inks in 0..16_u8 {
        // Ink is cyan, magenta, yellow and black from the highest bit to the lowest.
        let lightness = 255 - 60 * inks.count_ones().min(4) as u8;
        lut.extend([lightness, 128, 128]);
    }
    (0..3).for_each(|_| lut.extend(0..=255));
    icc(b"prtr", b"CMYK", b"Lab ", &[(b"A2B0", lut)])
}

/// An ICC profile of some tags.
pub fn icc(
    class: &[u8; 4],
    colours: &[u8; 4],
    space: &[u8; 4],
    tags: &[(&[u8; 4], Vec<u8>)],
) -> Vec<u8> {
    let mut header = [0; 128];
    header[8] = 2;
    header[12..16].copy_from_slice(class);
    header[16..20].copy_from_slice(colours);
    header[20..24].copy_from_slice(space);
    header[36..40].copy_from_slice(b"acsp");
    for (at, number) in [(68, 0x0000_f6d6_u32), (72, 0x0001_0000), (76, 0x0000_d32d)] {
        header[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    let mut offset = 132 + tags.len() * 12;
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    for (kind, content) in tags {
        table.extend(*kind);
        table.extend((offset as u32).to_be_bytes());
        table.extend((content.len() as u32).to_be_bytes());
        offset += content.len();
    }
    let contents = tags.iter().flat_map(|(_, content)| content.clone()).collect();
    let mut profile = [header.to_vec(), table, contents].concat();
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

/// One small image of every kind, by name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    use image_webp::ColorType as WebpColour;
    use png::{BitDepth, ColorType};
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let jpeg = JpegSample::default();
    let turned = JpegSample { exif: exif(6), profile: p3.clone(), ..jpeg.clone() };
    let subsampled = JpegSample { sampling: SamplingFactor::F_2_2, restart: 2, ..jpeg.clone() };
    let progressive = JpegSample { scans: Some(6), ..subsampled.clone() };
    let inks = pixels::<4>(SIZE);
    let palette: Vec<u8> = (0..=255).flat_map(|n| [n, 255 - n, 7]).collect();
    let lossless = webp(SIZE, &pixels::<3>(SIZE), WebpColour::Rgb8);
    let frames = [
        gif_frame((0, 0), (8, 8), (0..64).map(|n| n % 4).collect()),
        gif::Frame {
            transparent: Some(3),
            dispose: gif::DisposalMethod::Previous,
            interlaced: true,
            ..gif_frame((2, 3), (4, 5), vec![1; 20])
        },
        gif_frame((0, 0), (3, 3), vec![2; 9]),
    ];
    let eight = Size { width: 8, height: 8 };
    let picture = webp(eight, &pixels::<4>(eight), WebpColour::Rgba8);
    vec![
        ("jpeg", jpeg.rgb()),
        ("jpeg-turned", turned.rgb()),
        ("jpeg-420", subsampled.rgb()),
        ("jpeg-progressive", progressive.rgb()),
        ("jpeg-progressive-sharp", PROGRESSIVE.to_vec()),
        ("jpeg-gray", jpeg.encode(&pixels::<1>(SIZE), JpegColour::Luma)),
        ("jpeg-cmyk", CMYK.to_vec()),
        (
            "jpeg-ycck",
            JpegSample { profile: cmyk_profile(), ..jpeg }.encode(&inks, JpegColour::CmykAsYcck),
        ),
        ("png", rgb_png(SIZE, &pixels::<3>(SIZE))),
        (
            "png-profile",
            png(
                SIZE,
                (ColorType::Rgba, BitDepth::Eight),
                &pixels::<4>(SIZE),
                |_| {},
                &[(b"iCCP", iccp(&p3)), (b"eXIf", exif(5))],
            ),
        ),
        (
            "png-gray-alpha-16",
            png(
                SIZE,
                (ColorType::GrayscaleAlpha, BitDepth::Sixteen),
                &pixels::<4>(SIZE),
                |_| {},
                &[],
            ),
        ),
        (
            "png-palette",
            png(
                SIZE,
                (ColorType::Indexed, BitDepth::Eight),
                &pixels::<1>(SIZE),
                |encoder| {
                    encoder.set_palette(palette);
                    encoder.set_trns(vec![0, 100, 200]);
                },
                &[],
            ),
        ),
        ("png-interlaced", INTERLACED.to_vec()),
        ("png-interlaced-palette", INTERLACED_PALETTE.to_vec()),
        ("webp-lossy", LOSSY.to_vec()),
        ("webp-lossy-alpha", LOSSY_ALPHA.to_vec()),
        ("webp-lossy-turned", LOSSY_TURNED.to_vec()),
        ("webp-lossless", lossless.clone()),
        ("webp-lossless-alpha", LOSSLESS_ALPHA.to_vec()),
        (
            "webp-extended",
            extended_webp(
                0x28,
                SIZE,
                &[chunk(b"ICCP", &p3)],
                &lossless,
                &[chunk(b"EXIF", &exif(8)), chunk(b"XMP ", b"<x/>")],
            ),
        ),
        ("webp-animated", ANIMATED_WEBP.to_vec()),
        (
            "webp-animated-lossless",
            riff(&[
                vp8x(0x12, SIZE),
                chunk(b"ANIM", &[0, 0, 0, 0, 2, 0]),
                anmf((0, 0), SIZE, 100, 0, &lossless),
                anmf((2, 4), eight, 50, 1, &picture),
                anmf((10, 20), eight, 50, 2, &picture),
            ]),
        ),
        ("gif", gif(eight, None, &frames[..1])),
        ("gif-animated", gif(eight, Some(gif::Repeat::Finite(2)), &frames)),
        ("gif-animated-sharp", ANIMATED_GIF.to_vec()),
    ]
}
