//! The values of parameters, and their words. Total: `None` for anything out of range.

use crate::site::media::transformation::{
    Align, Along, Colour, Fit, Flip, Focus, Format, Ratio, Rect, Rotation, SIDE_MAX,
};
use crate::wire::path::{RequestPath, encode};

/// Words and their meanings; the first word for a meaning is the canonical one.
pub type Words<T> = [(&'static str, T)];

pub const FITS: &Words<Fit> = &[
    ("max", Fit::Max),
    ("clip", Fit::Clip),
    ("crop", Fit::Crop),
    ("fill", Fit::Fill),
    ("scale", Fit::Scale),
    ("min", Fit::Min),
    ("contain", Fit::Max),
    ("inside", Fit::Max),
    ("cover", Fit::Crop),
];

pub const FORMATS: &Words<Format> = &[
    ("avif", Format::Avif),
    ("webp", Format::Webp),
    ("jpg", Format::Jpg),
    ("png", Format::Png),
    ("gif", Format::Gif),
    ("thumbhash", Format::Thumbhash),
    ("json", Format::Json),
    ("jpeg", Format::Jpg),
    ("pjpg", Format::Jpg),
];

pub const ROTATIONS: &Words<Rotation> = &[
    ("0", Rotation::None),
    ("90", Rotation::Quarter),
    ("180", Rotation::Half),
    ("270", Rotation::ThreeQuarters),
];

pub const FLIPS: &Words<Flip> = &[
    ("h", Flip { horizontal: true, vertical: false }),
    ("v", Flip { horizontal: false, vertical: true }),
    ("hv", Flip { horizontal: true, vertical: true }),
    ("vh", Flip { horizontal: true, vertical: true }),
];

/// In tenths.
pub const PIXEL_RATIOS: &Words<u16> = &[
    ("1", 10),
    ("1.5", 15),
    ("2", 20),
    ("3", 30),
    ("4", 40),
    ("1.0", 10),
    ("2.0", 20),
    ("3.0", 30),
    ("4.0", 40),
];

const EDGES: &Words<(Option<Along>, Option<Along>)> = &[
    ("left", (Some(Along::Start), None)),
    ("right", (Some(Along::End), None)),
    ("top", (None, Some(Along::Start))),
    ("bottom", (None, Some(Along::End))),
    ("center", (None, None)),
    ("centre", (None, None)),
    ("middle", (None, None)),
];

pub fn word<T: Copy>(words: &Words<T>, text: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
}

/// Returns the canonical word.
pub fn name<T: PartialEq>(words: &Words<T>, meaning: &T) -> &'static str {
    words.iter().find(|(_, other)| other == meaning).map_or("", |(word, _)| word)
}

/// Parses decimal digits with an optional fraction into units of `10^-places`; further digits of
/// the fraction are dropped. Saturates.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if places > 0 && !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(places);
    Some(whole.bytes().chain(padded).fold(0_u32, |number, digit| {
        let digit = u32::from(digit.saturating_sub(b'0'));
        number.saturating_mul(10).saturating_add(digit)
    }))
}

/// Parses a whole number up to `max`.
pub fn integer(text: &str, max: u16) -> Option<u16> {
    u16::try_from(decimal(text, 0)?).ok().filter(|number| *number <= max)
}

/// Parses a number between 0 and 1 into thousandths.
pub fn fraction(text: &str) -> Option<u16> {
    u16::try_from(decimal(text, 3)?).ok().filter(|number| *number <= 1000)
}

/// Parses the length of a side in pixels.
pub fn side(text: &str) -> Option<u16> {
    integer(text, SIDE_MAX).filter(|side| *side > 0)
}

/// Parses a ratio such as `16:9` or `2.35:1`, and reduces it.
pub fn ratio(text: &str) -> Option<Ratio> {
    let (width, height) = text.split_once(':')?;
    let (width, height) = (decimal(width, 2)?, decimal(height, 2)?);
    let divisor = common_divisor(width, height);
    let reduced = |part: u32| u16::try_from(part.checked_div(divisor)?).ok().filter(|it| *it > 0);
    Some(Ratio { width: reduced(width)?, height: reduced(height)? })
}

/// Returns the greatest common divisor.
pub fn common_divisor(one: u32, other: u32) -> u32 {
    let (mut one, mut other) = (one, other);
    while let Some(rest) = one.checked_rem(other) {
        (one, other) = (other, rest);
    }
    one
}

/// Parses `x,y,width,height`.
pub fn rect(text: &str) -> Option<Rect> {
    let mut numbers = text.split(',').map(|number| integer(number, u16::MAX));
    let mut next = || numbers.next().flatten();
    let rect = Rect { x: next()?, y: next()?, width: next()?, height: next()? };
    (numbers.next().is_none() && rect.width > 0 && rect.height > 0).then_some(rect)
}

/// Parses `RGB`, `ARGB`, `RRGGBB` or `AARRGGBB` in hexadecimal, with or without a `#`.
pub fn colour(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let mut number: u32 = 0;
    for digit in digits.chars() {
        let digit = digit.to_digit(16)?;
        number = number << 4 | digit;
        if digits.len() <= 4 {
            number = number << 4 | digit;
        }
    }
    let number = match digits.len() {
        3 | 6 => number | 0xff00_0000,
        4 | 8 => number,
        _ => return None,
    };
    let [alpha, red, green, blue] = number.to_be_bytes();
    Some(Colour { red, green, blue, alpha })
}

/// Parses words such as `top,left`; an axis without a word is centred.
pub fn align(text: &str) -> Option<Align> {
    text.split(',').try_fold(Align::default(), moved)
}

/// Returns an alignment with the axis that a word is about changed.
fn moved(align: Align, edge: &str) -> Option<Align> {
    let (x, y) = word(EDGES, edge)?;
    Some(Align { x: x.unwrap_or(align.x), y: y.unwrap_or(align.y) })
}

/// What `crop` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    Focus(Focus),
    /// The point of `fp-x` and `fp-y`.
    Point,
}

/// Parses `crop`. `faces` is skipped, as imgix does if it finds none.
pub fn crop(text: &str) -> Option<Crop> {
    let mut edges = Align::default();
    for part in text.split(',') {
        match part {
            "focalpoint" => return Some(Crop::Point),
            "entropy" | "edges" => return Some(Crop::Focus(Focus::Entropy)),
            "faces" => {}
            _ => edges = moved(edges, part)?,
        }
    }
    let thousandths = |along| match along {
        Along::Start => 0,
        Along::Middle => 500,
        Along::End => 1000,
    };
    Some(Crop::Focus(Focus::Point { x: thousandths(edges.x), y: thousandths(edges.y) }))
}

/// Parses the decoded path of a file in the same site. Anything that a browser would take for
/// another host is rejected.
pub fn path(text: &str) -> Option<String> {
    let is_local = text.starts_with('/') && !text.starts_with("//");
    let path = RequestPath::parse(&encode(text)).ok().filter(|_| is_local)?;
    Some(path.decoded().to_owned())
}
