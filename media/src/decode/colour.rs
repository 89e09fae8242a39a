//! Converts colours to sRGB.

use std::sync::Arc;

use moxcms::{
    Chromaticity, ColorPrimaries, ColorProfile, DataColorSpace, Layout as Samples, ParsingOptions,
    ToneReprCurve, Transform8BitExecutor, TransformOptions, XyY,
};

use crate::decode::{Channels, Pixels};
use crate::image::{Image, Layout};
use crate::limits::PROFILE_BYTES_MAX;

/// Largest lookup table of a profile in entries: 40 points for each of three channels, or 17 for
/// each of four.
const LOOKUP_ENTRIES_MAX: usize = 100_000;
/// By how much a profile may change a colour and still count as sRGB's. There are many versions of
/// that, with tables of different sizes.
const DIFFERENCE_MAX: u8 = 2;

/// What `gAMA` says for the curve of sRGB, which is no power function (PNG section 11.3.2.5).
const SRGB_GAMMA: f32 = 0.454_55;
const GAMMA_DIFFERENCE_MAX: f32 = 0.001;

/// How colours become sRGB.
pub(super) enum Conversion {
    /// They are, or nobody knows better.
    None,
    /// From gray, red, green and blue, or ink, as the image has them.
    Profile(Arc<Transform8BitExecutor>),
    /// From gray, which the image has as red, green and blue.
    GrayProfile(Arc<Transform8BitExecutor>),
}

impl Conversion {
    /// From an ICC profile. A bad one, or one for other channels, is ignored.
    pub(super) fn of_profile(profile: Option<Vec<u8>>, channels: Channels) -> Self {
        let Some(profile) = profile.and_then(with_colour_tags_only) else { return Self::None };
        let options = ParsingOptions {
            max_profile_size: PROFILE_BYTES_MAX as usize,
            max_allowed_clut_size: LOOKUP_ENTRIES_MAX,
            ..ParsingOptions::default()
        };
        let Ok(profile) = ColorProfile::new_from_slice_with_options(&profile, options) else {
            return Self::None;
        };
        Self::of(&profile, channels)
    }

    /// From a power function, and the white, red, green and blue points, as PNG's `gAMA` and `cHRM`
    /// state them.
    pub(super) fn of_primaries(gamma: f32, primaries: [(f32, f32); 4], channels: Channels) -> Self {
        let is_sane = (0.1..=10.0).contains(&gamma)
            && primaries.iter().all(|(x, y)| (0.0..=1.0).contains(x) && (0.01..=1.0).contains(y));
        if !is_sane {
            return Self::None;
        }
        let [white, red, green, blue] = primaries;
        let chromaticity = |(x, y)| Chromaticity { x, y };
        let mut profile = ColorProfile::new_srgb();
        if (gamma - SRGB_GAMMA).abs() > GAMMA_DIFFERENCE_MAX {
            let curve = Some(ToneReprCurve::Parametric(vec![1.0 / gamma]));
            profile.red_trc = curve.clone();
            profile.green_trc = curve.clone();
            profile.blue_trc = curve;
        }
        profile.update_rgb_colorimetry(
            XyY { x: white.0.into(), y: white.1.into(), yb: 1.0 },
            ColorPrimaries {
                red: chromaticity(red),
                green: chromaticity(green),
                blue: chromaticity(blue),
            },
        );
        Self::of(&profile, channels)
    }

    fn of(profile: &ColorProfile, channels: Channels) -> Self {
        let (from, to) = match (profile.color_space, channels) {
            (DataColorSpace::Gray, Channels::Gray | Channels::Rgb) => (Samples::Gray, Samples::Rgb),
            (DataColorSpace::Rgb, Channels::Rgb) => (Samples::Rgb, Samples::Rgb),
            (DataColorSpace::Rgb, Channels::Rgba) => (Samples::Rgba, Samples::Rgba),
            (DataColorSpace::Cmyk, Channels::Cmyk) => (Samples::Rgba, Samples::Rgb),
            _ => return Self::None,
        };
        let options = TransformOptions::default();
        let srgb = ColorProfile::new_srgb();
        let Ok(transform) = profile.create_transform_8bit(from, &srgb, to, options) else {
            return Self::None;
        };
        if from != Samples::Gray && channels != Channels::Cmyk && changes_nothing(&*transform, to) {
            return Self::None;
        }
        match (from, channels) {
            (Samples::Gray, Channels::Rgb) => Self::GrayProfile(transform),
            _ => Self::Profile(transform),
        }
    }

    /// Returns the image in sRGB.
    pub(super) fn to_srgb(&self, pixels: Pixels) -> Image {
        let Pixels { size, channels, bytes } = pixels;
        let layout = if channels == Channels::Rgba { Layout::Rgba } else { Layout::Rgb };
        let row = size.width as usize * channels.count();
        let converted = match (self, channels) {
            (Self::None, Channels::Rgb | Channels::Rgba) => bytes,
            (Self::None, Channels::Gray) => bytes.iter().flat_map(|gray| [*gray; 3]).collect(),
            (Self::None, Channels::Cmyk) => bytes.as_chunks::<4>().0.iter().flat_map(ink).collect(),
            (Self::Profile(transform), Channels::Rgb | Channels::Rgba) => {
                in_place(&**transform, bytes, row)
            }
            (Self::Profile(transform), Channels::Gray | Channels::Cmyk) => {
                let mut converted = vec![0; size.pixels() as usize * 3];
                let rows = converted.chunks_exact_mut(size.width as usize * 3);
                for (from, to) in bytes.chunks_exact(row).zip(rows) {
                    // Fails for rows of different lengths only.
                    let _ = transform.transform(from, to);
                }
                converted
            }
            (Self::GrayProfile(transform), _) => gray_in_place(&**transform, bytes, row),
        };
        Image { width: size.width, height: size.height, layout, pixels: converted }
    }
}

/// Converts ink to sRGB without a profile.
fn ink([cyan, magenta, yellow, black]: &[u8; 4]) -> [u8; 3] {
    let paper = |ink: &u8| {
        let light = u32::from(u8::MAX - ink) * u32::from(u8::MAX - black);
        ((light + 127) / 255) as u8
    };
    [paper(cyan), paper(magenta), paper(yellow)]
}

fn in_place(transform: &Transform8BitExecutor, mut bytes: Vec<u8>, row_bytes: usize) -> Vec<u8> {
    let mut source = vec![0; row_bytes];
    for row in bytes.chunks_exact_mut(row_bytes) {
        source.copy_from_slice(row);
        let _ = transform.transform(&source, row);
    }
    bytes
}

fn gray_in_place(
    transform: &Transform8BitExecutor,
    mut bytes: Vec<u8>,
    row_bytes: usize,
) -> Vec<u8> {
    let mut source = vec![0; row_bytes / 3];
    for row in bytes.chunks_exact_mut(row_bytes) {
        source.iter_mut().zip(row.iter().step_by(3)).for_each(|(gray, red)| *gray = *red);
        let _ = transform.transform(&source, row);
    }
    bytes
}

/// Whether a transformation leaves a cube of colours as they are.
fn changes_nothing(transform: &Transform8BitExecutor, samples: Samples) -> bool {
    let steps = || (0..=u8::MAX).step_by(51);
    let colours = steps().flat_map(|red| {
        steps().flat_map(move |green| steps().map(move |blue| [red, green, blue, u8::MAX]))
    });
    let from: Vec<u8> =
        colours.flat_map(|colour| colour.into_iter().take(samples.channels())).collect();
    let mut to = vec![0; from.len()];
    transform.transform(&from, &mut to).is_ok()
        && from.iter().zip(&to).all(|(from, to)| from.abs_diff(*to) <= DIFFERENCE_MAX)
}

const PROFILE_HEADER_BYTES: usize = 128;
const TAG_BYTES: usize = 12;
/// Tags that decide colours: primaries, curves, lookup tables, and how the white was adapted.
const COLOUR_TAGS: [&[u8; 4]; 13] = [
    b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"chad", b"A2B0",
    b"A2B1", b"A2B2", b"cicp",
];

/// Drops all tags but those that decide colours, and all repeated ones: the parser would copy each,
/// texts included, and many tags may name the same megabytes. `None` for a profile that is cut off.
fn with_colour_tags_only(mut profile: Vec<u8>) -> Option<Vec<u8>> {
    let length = profile.len();
    let first_tag = PROFILE_HEADER_BYTES + 4;
    let count = u32::from_be_bytes(*profile.get(PROFILE_HEADER_BYTES..first_tag)?.first_chunk()?);
    let tags = profile[first_tag..].as_chunks::<TAG_BYTES>().0.get(..count as usize)?;
    let mut kept: Vec<[u8; TAG_BYTES]> = Vec::new();
    for tag in tags {
        let [k0, k1, k2, k3, o3, o2, o1, o0, s3, s2, s1, s0] = *tag;
        let kind = [k0, k1, k2, k3];
        if !COLOUR_TAGS.contains(&&kind) || kept.iter().any(|tag| tag.starts_with(&kind)) {
            continue;
        }
        let (offset, size) =
            (u32::from_be_bytes([o3, o2, o1, o0]), u32::from_be_bytes([s3, s2, s1, s0]));
        if u64::from(offset) + u64::from(size) > length as u64 {
            return None;
        }
        kept.push(*tag);
    }
    profile[PROFILE_HEADER_BYTES..first_tag].copy_from_slice(&(kept.len() as u32).to_be_bytes());
    let kept = kept.concat();
    profile[first_tag..first_tag + kept.len()].copy_from_slice(&kept);
    Some(profile)
}
