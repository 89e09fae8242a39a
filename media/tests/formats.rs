//! Every kind of image is decoded to the right pixels.

mod samples;

use std::io::Cursor;
use std::ops::ControlFlow;

use jpeg_encoder::{ColorType as JpegColour, SamplingFactor};
use moxcms::ColorProfile;
use png::{BitDepth, ColorType};
use samples::*;
use selvedge_media::decode;
use selvedge_media::image::{Image, Layout, Size};
use selvedge_media::probe::{Kind, probe, sniff};

/// Panics if an image is not the gradient, but for some levels of each colour.
#[track_caller]
fn assert_gradient(image: &Image, original: Size, tolerance: u8, name: &str) {
    let channels = image.layout.channels();
    for y in 0..image.height {
        for x in 0..image.width {
            let at = (y * image.width + x) as usize * channels;
            // The middle of the pixels that became this one.
            let scale = |at: u32, from: u32, to: u32| {
                ((f64::from(at) + 0.5) * f64::from(to) / f64::from(from) - 0.5)
                    .clamp(0.0, f64::from(to - 1))
            };
            let (left, top) =
                (scale(x, image.width, original.width), scale(y, image.height, original.height));
            let expected = [
                255.0 * left / f64::from(original.width - 1),
                255.0 * top / f64::from(original.height - 1),
                128.0,
            ];
            for (sample, expected) in image.pixels[at..at + 3].iter().zip(expected) {
                let difference = (f64::from(*sample) - expected).abs();
                assert!(
                    difference <= f64::from(tolerance),
                    "{name} at {x}, {y}: {sample}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn every_sample_is_told_and_decoded() {
    for (name, bytes) in all() {
        let mut input = Cursor::new(&bytes);
        let kind = sniff(&mut input).unwrap();
        let expected = match name.split('-').next().unwrap() {
            "jpeg" => Kind::Jpeg,
            "png" => Kind::Png,
            "webp" => Kind::Webp,
            _ => Kind::Gif,
        };
        assert_eq!(kind, expected, "{name}");
        let probe = probe(&mut input).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        let decoded = decode::decode(&mut input, &probe, FULL)
            .unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!(decoded.original, probe.upright(), "{name}");
        assert_eq!(decoded.frames.len(), probe.frames as usize, "{name}");
        for frame in &decoded.frames {
            let image = &frame.image;
            let size = Size { width: image.width, height: image.height };
            assert_eq!(size, probe.upright(), "{name}");
            let bytes = size.pixels() as usize * image.layout.channels();
            assert_eq!(image.pixels.len(), bytes, "{name}");
        }
    }
}

#[test]
fn jpegs_of_every_sampling_have_the_right_colours() {
    use SamplingFactor::*;
    let size = Size { width: 83, height: 61 };
    for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4] {
        for scans in [None, Some(2), Some(9)] {
            for restart in [0, 3] {
                if scans.is_some() && restart > 0 {
                    continue;
                }
                let sample = JpegSample { size, sampling, scans, restart, ..JpegSample::default() };
                let name = format!("{sampling:?}, {scans:?} scans, restart {restart}");
                let image = still(&sample.rgb());
                assert_eq!(image.layout, Layout::Rgb);
                assert_gradient(&image, size, 12, &name);
            }
        }
    }
}

#[test]
fn jpegs_are_shrunk_by_their_transform_but_never_below_what_is_needed() {
    let size = Size { width: 160, height: 120 };
    for scans in [None, Some(5)] {
        let sample =
            JpegSample { size, scans, sampling: SamplingFactor::F_2_2, ..JpegSample::default() };
        let rgb = sample.rgb();
        let gray = sample.encode(&pixels::<1>(size), JpegColour::Luma);
        for (need, expected) in [
            ((161, 120), 160),
            ((160, 1), 160),
            ((81, 60), 160),
            ((80, 61), 160),
            ((80, 60), 80),
            ((41, 30), 80),
            ((40, 30), 40),
            ((21, 15), 40),
            ((20, 15), 20),
            ((1, 1), 20),
            ((0, 0), 20),
            ((1, 120), 160),
            ((20, 31), 80),
        ] {
            let need = Size { width: need.0, height: need.1 };
            let decoded = decode_to(&rgb, need).unwrap();
            let image = &decoded.frames[0].image;
            assert_eq!((image.width, image.height), (expected, expected * 3 / 4), "{need:?}");
            assert_eq!(decoded.original, size);
            assert_gradient(image, size, 12, &format!("{need:?}"));
            let image = &decode_to(&gray, need).unwrap().frames[0].image;
            assert_eq!((image.width, image.height), (expected, expected * 3 / 4), "{need:?}");
        }
    }
}

#[test]
fn narrow_jpegs_are_shrunk_too() {
    for (width, height) in [(1, 1), (1, 900), (900, 1), (3, 700), (7, 7), (9, 9), (16, 17)] {
        let size = Size { width, height };
        let bytes = JpegSample { size, ..JpegSample::default() }.rgb();
        for need in [(1, 1), (1, 100), (100, 1), (1, 450), (900, 900)] {
            let need = Size { width: need.0, height: need.1 };
            let image = &decode_to(&bytes, need).unwrap().frames[0].image;
            assert!(image.width >= need.width.min(width), "{size:?} to {need:?}");
            assert!(image.height >= need.height.min(height), "{size:?} to {need:?}");
        }
    }
    let tall = JpegSample { size: Size { width: 1, height: 900 }, ..JpegSample::default() }.rgb();
    let image = &decode_to(&tall, Size { width: 1, height: 100 }).unwrap().frames[0].image;
    assert_eq!((image.width, image.height), (1, 113));
}

#[test]
fn pngs_of_every_type_have_the_right_colours() {
    let size = Size { width: 16, height: 3 };
    let gray8: Vec<u8> = pixels::<1>(size);
    let of_gray = |levels: &[u8]| levels.iter().flat_map(|level| [*level; 3]).collect::<Vec<_>>();
    for depth in [BitDepth::One, BitDepth::Two, BitDepth::Four, BitDepth::Eight, BitDepth::Sixteen]
    {
        let bits = depth as usize;
        let shade = |gray: u8| if bits >= 8 { gray } else { gray >> (8 - bits) };
        let packed: Vec<u8> = match bits {
            16 => gray8.iter().flat_map(|gray| [*gray, 77]).collect(),
            _ => gray8
                .chunks(8 / bits)
                .map(|few| {
                    few.iter().fold(0_u32, |byte, gray| byte << bits | u32::from(shade(*gray)))
                        as u8
                })
                .collect(),
        };
        let expected: Vec<u8> = gray8
            .iter()
            .map(|gray| {
                if bits >= 8 {
                    *gray
                } else {
                    (u32::from(shade(*gray)) * 255 / ((1 << bits) - 1)) as u8
                }
            })
            .collect();
        let image = still(&png(size, (ColorType::Grayscale, depth), &packed, |_| {}, &[]));
        assert_eq!((image.layout, image.pixels), (Layout::Rgb, of_gray(&expected)), "{depth:?}");

        if bits <= 8 {
            let palette: Vec<u8> =
                (0..1_u32 << bits).flat_map(|n| [n as u8, 9, 255 - n as u8]).collect();
            let image = still(&png(
                size,
                (ColorType::Indexed, depth),
                &packed,
                |encoder| {
                    encoder.set_palette(palette);
                    encoder.set_trns(vec![0]);
                },
                &[],
            ));
            let expected: Vec<u8> = gray8
                .iter()
                .map(|gray| shade(*gray))
                .flat_map(|n| [n, 9, 255 - n, if n == 0 { 0 } else { 255 }])
                .collect();
            assert_eq!((image.layout, image.pixels), (Layout::Rgba, expected), "palette {depth:?}");
        }
    }
    let wide =
        |bytes: Vec<u8>| bytes.into_iter().flat_map(|sample| [sample, 3]).collect::<Vec<_>>();
    for (colour, samples) in [
        (ColorType::Rgb, pixels::<3>(size)),
        (ColorType::Rgba, pixels::<4>(size)),
        (ColorType::GrayscaleAlpha, pixels::<2>(size)),
    ] {
        let expected: Vec<u8> = match colour {
            ColorType::GrayscaleAlpha => samples
                .chunks(2)
                .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
                .collect(),
            _ => samples.clone(),
        };
        for (depth, rows) in
            [(BitDepth::Eight, samples.clone()), (BitDepth::Sixteen, wide(samples))]
        {
            let image = still(&png(size, (colour, depth), &rows, |_| {}, &[]));
            assert_eq!(image.pixels, expected, "{colour:?} {depth:?}");
        }
    }
}

#[test]
fn interlaced_pngs_have_the_right_colours() {
    let image = still(INTERLACED);
    assert_eq!(image.layout, Layout::Rgba);
    assert_eq!(image.pixels, pixels::<4>(SIZE));
    assert_gradient(&still(INTERLACED_PALETTE), SIZE, 60, "palette");
}

#[test]
fn other_formats_are_shrunk_by_whole_factors_to_twice_what_is_needed() {
    let size = Size { width: 160, height: 120 };
    let rows = pixels::<3>(size);
    let files = [rgb_png(size, &rows), webp(size, &rows, image_webp::ColorType::Rgb8)];
    for file in files {
        for (need, expected) in [
            ((160, 120), 160),
            ((41, 30), 160),
            ((40, 30), 80),
            ((28, 20), 80),
            ((27, 20), 54),
            ((5, 3), 10),
            ((1, 1), 10),
        ] {
            let need = Size { width: need.0, height: need.1 };
            let decoded = decode_to(&file, need).unwrap();
            let image = &decoded.frames[0].image;
            assert_eq!(image.width, expected, "{need:?}");
            assert_eq!(decoded.original, size);
            // Light is averaged, not numbers.
            assert_gradient(image, size, if expected < 50 { 40 } else { 8 }, &format!("{need:?}"));
        }
    }
}

#[test]
fn webp_has_the_right_colours() {
    assert_gradient(&still(LOSSY), SIZE, 24, "lossy");
    let image = still(LOSSY_ALPHA);
    assert_eq!(image.layout, Layout::Rgba);
    let alphas: Vec<u8> = image.pixels.iter().skip(3).step_by(4).copied().collect();
    let expected: Vec<u8> = pixels::<4>(SIZE).into_iter().skip(3).step_by(4).collect();
    assert_eq!(alphas, expected);
    assert_eq!(still(LOSSLESS_ALPHA).pixels, pixels::<4>(SIZE));
    for (colour, rows, expected) in [
        (image_webp::ColorType::Rgb8, pixels::<3>(SIZE), pixels::<3>(SIZE)),
        (image_webp::ColorType::Rgba8, pixels::<4>(SIZE), pixels::<4>(SIZE)),
    ] {
        assert_eq!(still(&webp(SIZE, &rows, colour)).pixels, expected);
    }
}

#[test]
fn alpha_that_hides_nothing_is_dropped() {
    let opaque: Vec<u8> =
        pixels::<3>(SIZE).chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    for file in [rgba_png(SIZE, &opaque), webp(SIZE, &opaque, image_webp::ColorType::Rgba8)] {
        let image = still(&file);
        assert_eq!((image.layout, image.pixels), (Layout::Rgb, pixels::<3>(SIZE)));
    }
    let mut almost = opaque;
    almost[3] = 254;
    assert_eq!(still(&rgba_png(SIZE, &almost)).layout, Layout::Rgba);
}

#[test]
fn orientation_is_applied_in_every_format() {
    // Stored so that each orientation shows the same image.
    let size = Size { width: 3, height: 2 };
    let upright = pixels::<3>(size);
    let shown: Vec<[u8; 3]> = upright.chunks(3).map(|p| p.try_into().unwrap()).collect();
    let orders = [
        (1, [0, 1, 2, 3, 4, 5]),
        (2, [2, 1, 0, 5, 4, 3]),
        (3, [5, 4, 3, 2, 1, 0]),
        (4, [3, 4, 5, 0, 1, 2]),
        (5, [0, 3, 1, 4, 2, 5]),
        (6, [2, 5, 1, 4, 0, 3]),
        (7, [5, 2, 4, 1, 3, 0]),
        (8, [3, 0, 4, 1, 5, 2]),
    ];
    for (number, order) in orders {
        let stored: Vec<u8> = order.iter().flat_map(|index| shown[*index]).collect();
        let turned = if number > 4 { Size { width: 2, height: 3 } } else { size };
        let lossless = webp(turned, &stored, image_webp::ColorType::Rgb8);
        let rgb = (ColorType::Rgb, BitDepth::Eight);
        let mut late = rgb_png(turned, &stored);
        let end = late.len() - 12;
        let after = png(turned, rgb, &stored, |_| {}, &[(b"eXIf", exif(number))]);
        let start = after.windows(4).position(|kind| kind == b"eXIf").unwrap() - 4;
        late.splice(end..end, after[start..start + 12 + exif(number).len()].iter().copied());
        let files = [
            after.clone(),
            late,
            extended_webp(8, turned, &[], &lossless, &[chunk(b"EXIF", &exif(number))]),
            extended_webp(
                8,
                turned,
                &[],
                &lossless,
                &[chunk(b"EXIF", &[b"Exif\0\0".to_vec(), exif(number)].concat())],
            ),
        ];
        for (index, file) in files.iter().enumerate() {
            let image = still(file);
            assert_eq!((image.width, image.height), (3, 2), "{number} in file {index}");
            assert_eq!(image.pixels, upright, "{number} in file {index}");
        }
    }
    let stored = JpegSample {
        size: Size { width: 120, height: 160 },
        exif: exif(6),
        ..JpegSample::default()
    };
    let bytes = stored.rgb();
    let decoded = decode_to(&bytes, Size { width: 80, height: 60 }).unwrap();
    assert_eq!(decoded.original, Size { width: 160, height: 120 });
    let image = &decoded.frames[0].image;
    assert_eq!((image.width, image.height), (80, 60));
    // The top of what is stored is on the right.
    let right = &image.pixels[79 * 3..80 * 3];
    assert!(right[0] < 12 && right[1] < 12, "{right:?}");
    assert_eq!(still(LOSSY_TURNED).width, HEIGHT);
}

/// Display P3 to sRGB by its definition, clipped.
fn from_p3(colour: [u8; 3]) -> [f64; 3] {
    let light = colour.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let matrix = [
        [1.224_940_1, -0.224_940_1, 0.0],
        [-0.042_056_9, 1.042_056_9, 0.0],
        [-0.019_637_6, -0.078_636_1, 1.098_273_6],
    ];
    matrix.map(|row| {
        let light: f64 = row.iter().zip(light).map(|(factor, light)| factor * light).sum();
        let light = light.clamp(0.0, 1.0);
        let value = if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        value * 255.0
    })
}

/// A file in each format, of one colour, with a profile.
fn with_profile(colour: [u8; 3], profile: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let rows = colour.repeat(SIZE.pixels() as usize);
    let transparent: Vec<u8> = rows.chunks(3).flat_map(|p| [p[0], p[1], p[2], 200]).collect();
    let jpeg = JpegSample { profile: profile.to_vec(), ..JpegSample::default() };
    let lossless = webp(SIZE, &rows, image_webp::ColorType::Rgb8);
    let iccp = (b"iCCP", iccp(profile));
    vec![
        ("jpeg", jpeg.encode(&rows, JpegColour::Rgb)),
        (
            "png",
            png(
                SIZE,
                (ColorType::Rgb, BitDepth::Eight),
                &rows,
                |_| {},
                std::slice::from_ref(&iccp),
            ),
        ),
        ("png alpha", png(SIZE, (ColorType::Rgba, BitDepth::Eight), &transparent, |_| {}, &[iccp])),
        ("webp", extended_webp(0x20, SIZE, &[chunk(b"ICCP", profile)], &lossless, &[])),
    ]
}

#[test]
fn profiles_are_converted_to_srgb() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    for colour in [[200, 100, 50], [40, 180, 90], [255, 255, 255], [0, 0, 0], [255, 0, 0]] {
        for (name, file) in with_profile(colour, &p3) {
            let image = still(&file);
            for (sample, expected) in image.pixels.iter().zip(from_p3(colour)) {
                let difference = (f64::from(*sample) - expected).abs();
                // JPEG's own error is added.
                assert!(difference <= 3.0, "{name}: {colour:?} became {sample}, not {expected}");
            }
            if name == "png alpha" {
                assert_eq!(image.pixels[3], 200);
            }
        }
    }
}

#[test]
fn srgb_profiles_change_nothing() {
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    for colour in [[200, 100, 50], [3, 2, 1], [13, 27, 251]] {
        for (name, file) in with_profile(colour, &srgb) {
            let tolerance = if name == "jpeg" { 2 } else { 0 };
            let image = still(&file);
            let is_same = |(a, b): (&u8, u8)| a.abs_diff(b) <= tolerance;
            assert!(
                image.pixels.iter().zip(colour).all(is_same),
                "{name}: {:?}",
                &image.pixels[..3]
            );
        }
    }
}

#[test]
fn gray_profiles_are_applied() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let gray = [55; (WIDTH * HEIGHT) as usize];
    let jpeg = JpegSample { profile: linear.clone(), ..JpegSample::default() };
    let files = [
        jpeg.encode(&gray, JpegColour::Luma),
        png(
            SIZE,
            (ColorType::Grayscale, BitDepth::Eight),
            &gray,
            |_| {},
            &[(b"iCCP", iccp(&linear))],
        ),
    ];
    for file in files {
        let image = still(&file);
        // 55 of 255 of the light is 128 in sRGB.
        assert!(image.pixels.iter().all(|sample| sample.abs_diff(128) <= 2), "{}", image.pixels[0]);
    }
}

#[test]
fn ink_becomes_light() {
    let paper = [0; (WIDTH * HEIGHT * 4) as usize];
    let jpeg = JpegSample::default();
    let profiled = JpegSample { profile: cmyk_profile(), ..jpeg.clone() };
    for colour in [JpegColour::Cmyk, JpegColour::CmykAsYcck] {
        // The encoder stores what it is given as Adobe does.
        let white = still(&jpeg.encode(&paper, colour)).pixels;
        assert!(white.iter().all(|sample| *sample >= 253), "{colour:?}: {:?}", &white[..3]);
        let ink = [0, 255, 255, 0].repeat(paper.len() / 4);
        let red = &still(&jpeg.encode(&ink, colour)).pixels[..3];
        assert!(red[0] > 250 && red[1] < 5 && red[2] < 5, "{colour:?}: {red:?}");
        let black = [0, 0, 0, 255].repeat(paper.len() / 4);
        assert!(still(&jpeg.encode(&black, colour)).pixels.iter().all(|sample| *sample < 5));

        let white = still(&profiled.encode(&paper, colour)).pixels;
        assert!(white.iter().all(|sample| *sample >= 252), "{colour:?}: {:?}", &white[..3]);
        // By the profile, one ink leaves Lab 76.5 of light, which is 189 of 255.
        let cyan = [255, 0, 0, 0].repeat(paper.len() / 4);
        let shade = &still(&profiled.encode(&cyan, colour)).pixels[..3];
        assert!(shade.iter().all(|sample| sample.abs_diff(189) <= 4), "{colour:?}: {shade:?}");
    }
    // sharp's, of a profile that it did not write.
    let image = still(CMYK);
    let last = WIDTH as usize * 3 - 3;
    assert!(image.pixels[0] < 60 && image.pixels[last] > 200, "{:?}", &image.pixels[..3]);
}

#[test]
fn ink_without_adobes_marker_is_not_inverted() {
    let ink = [0, 255, 255, 0].repeat((WIDTH * HEIGHT) as usize);
    let mut bytes = JpegSample::default().encode(&ink, JpegColour::Cmyk);
    let adobe = bytes.windows(5).position(|bytes| bytes == b"Adobe").unwrap();
    bytes[adobe] = b'x';
    // What was stored inverted now counts as ink: cyan and black, that is black.
    let pixel = &still(&bytes).pixels[..3];
    assert!(pixel.iter().all(|sample| *sample < 5), "{pixel:?}");
}

#[test]
fn bad_profiles_are_ignored() {
    let colour = [200, 100, 50];
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut many = p3.clone();
    many[128..132].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut beyond = p3.clone();
    beyond[136..140].copy_from_slice(&u32::MAX.to_be_bytes());
    let bad =
        [vec![1], vec![0; 4000], p3[..p3.len() / 2].to_vec(), gray, cmyk_profile(), many, beyond];
    for profile in bad {
        // A gray profile is for gray images, but PNGs have none of their own.
        for (name, file) in with_profile(colour, &profile) {
            let image = still(&file);
            assert!(image.pixels.len() >= SIZE.pixels() as usize * 3, "{name}");
        }
    }
    let file = &with_profile(colour, &p3[..p3.len() / 2])[1].1;
    assert_eq!(still(file).pixels[..3], colour);
}

#[test]
fn gamma_and_primaries_of_pngs_are_applied() {
    let rgb = (ColorType::Rgb, BitDepth::Eight);
    let rows = [55, 55, 55].repeat(SIZE.pixels() as usize);
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
    let srgb = numbers(&[31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000]);
    let of = |gamma: u32, chunks: &[(&[u8; 4], Vec<u8>)]| {
        let chunks = [&[(b"gAMA", numbers(&[gamma]))], chunks].concat();
        still(&png(SIZE, rgb, &rows, |_| {}, &chunks)).pixels[0]
    };
    let primaries = (b"cHRM", srgb);
    let alone = std::slice::from_ref(&primaries);
    assert!(of(100_000, alone).abs_diff(128) <= 1);
    assert_eq!(of(45_455, alone), 55);
    // Alone it says nothing in browsers either, and `sRGB` is stronger.
    assert_eq!(of(100_000, &[]), 55);
    assert_eq!(of(100_000, &[primaries.clone(), (b"sRGB", vec![0])]), 55);
    for gamma in [0, 1, u32::MAX] {
        assert_eq!(of(gamma, alone), 55);
    }
    assert_eq!(of(100_000, &[(b"cHRM", numbers(&[0; 8]))]), 55);
}

type Shown = (u32, Vec<[u8; 4]>);

/// Returns the delay and pixels of each frame, and the loops.
fn frames(bytes: &[u8]) -> (Vec<Shown>, u16) {
    let decoded = decode_to(bytes, FULL).unwrap();
    let frames = decoded.frames.into_iter().map(|frame| {
        assert_eq!(frame.image.layout, Layout::Rgba);
        (frame.delay_ms, frame.image.pixels.as_chunks::<4>().0.to_vec())
    });
    (frames.collect(), decoded.loops)
}

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const NONE: [u8; 4] = [0; 4];

#[test]
fn gif_frames_are_drawn_on_the_canvas() {
    use gif::DisposalMethod::{Any, Background, Keep, Previous};
    let size = Size { width: 2, height: 2 };
    let file = |dispose| {
        let first = gif::Frame { delay: 7, ..gif_frame((0, 0), (2, 2), vec![1; 4]) };
        let second = gif::Frame {
            dispose,
            transparent: Some(3),
            ..gif_frame((1, 0), (9, 2), [2, 3].repeat(9))
        };
        let second = gif::Frame { width: 1, buffer: vec![2, 3].into(), ..second };
        let third = gif_frame((0, 1), (1, 1), vec![3]);
        gif(size, Some(gif::Repeat::Finite(4)), &[first, second, third])
    };
    for (dispose, third) in [
        (Keep, [RED, GREEN, BLUE, RED]),
        (Any, [RED, GREEN, BLUE, RED]),
        (Background, [RED, NONE, BLUE, NONE]),
        (Previous, [RED, RED, BLUE, RED]),
    ] {
        let (frames, loops) = frames(&file(dispose));
        assert_eq!(frames[0], (70, [RED; 4].to_vec()));
        assert_eq!(frames[1].1, [RED, GREEN, RED, RED]);
        assert_eq!(frames[2].1, third, "{dispose:?}");
        // Shown once, and repeated four times.
        assert_eq!(loops, 5);
    }
    for (repeat, expected) in [
        (None, 1),
        (Some(gif::Repeat::Infinite), 0),
        (Some(gif::Repeat::Finite(u16::MAX)), u16::MAX),
    ] {
        let twice = [gif_frame((0, 0), (2, 2), vec![1; 4]), gif_frame((0, 0), (2, 2), vec![2; 4])];
        assert_eq!(frames(&gif(size, repeat, &twice)).1, expected);
    }
}

#[test]
fn a_single_gif_frame_is_a_still_image() {
    let size = Size { width: 2, height: 2 };
    let image = still(&gif(size, None, &[gif_frame((0, 0), (2, 2), vec![1, 2, 3, 0])]));
    assert_eq!(image.layout, Layout::Rgb);
    assert_eq!(image.pixels, [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0]);
    let image = still(&gif(size, None, &[gif_frame((1, 1), (1, 1), vec![1])]));
    assert_eq!((image.layout, &image.pixels[..4]), (Layout::Rgba, &NONE[..]));
}

#[test]
fn webp_frames_are_drawn_on_the_canvas() {
    let size = Size { width: 4, height: 2 };
    let half = Size { width: 2, height: 2 };
    let rgba = |colours: &[[u8; 4]], size| {
        webp(size, colours.as_flattened(), image_webp::ColorType::Rgba8)
    };
    let file = |flags| {
        riff(&[
            vp8x(0x12, size),
            chunk(b"ANIM", &[9, 9, 9, 255, 3, 0]),
            anmf((0, 0), size, 40, 0, &rgba(&[RED; 8], size)),
            anmf((2, 0), half, 50, flags, &rgba(&[GREEN, NONE, NONE, GREEN], half)),
            anmf((0, 0), half, 60, 0, &rgba(&[BLUE; 4], half)),
        ])
    };
    let rest = |top: [[u8; 4]; 2], bottom: [[u8; 4]; 2], left: [u8; 4]| {
        [left, left, top[0], top[1], left, left, bottom[0], bottom[1]]
    };
    for (flags, second, third) in [
        (0, [[GREEN, RED], [RED, GREEN]], [[GREEN, RED], [RED, GREEN]]),
        (1, [[GREEN, RED], [RED, GREEN]], [[NONE; 2]; 2]),
        (2, [[GREEN, NONE], [NONE, GREEN]], [[GREEN, NONE], [NONE, GREEN]]),
        (3, [[GREEN, NONE], [NONE, GREEN]], [[NONE; 2]; 2]),
    ] {
        let (frames, loops) = frames(&file(flags));
        assert_eq!(loops, 3);
        assert_eq!(frames[0], (40, vec![RED; 8]));
        assert_eq!(frames[1], (50, rest(second[0], second[1], RED).to_vec()), "flags {flags}");
        assert_eq!(frames[2], (60, rest(third[0], third[1], BLUE).to_vec()), "flags {flags}");
    }
}

#[test]
fn animations_have_their_delays_and_loops() {
    for (name, bytes, loops) in [("webp", ANIMATED_WEBP, 3), ("gif", ANIMATED_GIF, 4)] {
        let decoded = decode_to(bytes, FULL).unwrap();
        let delays: Vec<u32> = decoded.frames.iter().map(|frame| frame.delay_ms).collect();
        assert_eq!(delays, [40, 80, 120], "{name}");
        assert!(decoded.loops.abs_diff(loops) <= 1, "{name}: {} loops", decoded.loops);
        let blue = |index: usize| decoded.frames[index].image.pixels[2];
        for (index, expected) in [128, 188, 248].into_iter().enumerate() {
            assert!(blue(index).abs_diff(expected) <= 24, "{name} {index}: {}", blue(index));
        }
    }
}

#[test]
fn frames_can_be_taken_one_by_one() {
    for bytes in [ANIMATED_WEBP, ANIMATED_GIF] {
        let mut input = Cursor::new(bytes);
        let probe = probe(&mut input).unwrap();
        assert!(probe.is_animated());
        let all = decode::decode(&mut input, &probe, FULL).unwrap();
        let first = decode::decode_first(&mut input, &probe, FULL).unwrap();
        assert_eq!(first.frames, all.frames[..1]);
        let mut each = Vec::new();
        let mut take = |frame| {
            each.push(frame);
            if each.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        decode::decode_each(&mut input, &probe, FULL, &mut take).unwrap();
        assert_eq!(each, all.frames[..2]);
    }
}

#[test]
fn a_png_without_its_end_and_a_gif_without_its_trailer_are_decoded() {
    let png = rgb_png(SIZE, &pixels::<3>(SIZE));
    assert_eq!(still(&png[..png.len() - 12]).pixels, pixels::<3>(SIZE));
    let decoded = decode_to(&ANIMATED_GIF[..ANIMATED_GIF.len() - 1], FULL).unwrap();
    assert_eq!(decoded.frames.len(), 3);
}
