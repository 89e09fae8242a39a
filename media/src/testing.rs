//! Values that unit tests share.

use proptest::prelude::*;
use selvedge::site::media::transformation::{
    Align, Along, Colour, Fit, Flip, Focus, Format, Ratio, Rect, Rotation, Text, Transformation,
    Wanted,
};
use selvedge::site::media::value::{FITS, word};

use crate::image::{Image, Layout};

/// An image with smooth and with fine detail, the same at each call. Its right half is translucent
/// if it has alpha.
pub fn pattern(width: u32, height: u32, layout: Layout) -> Image {
    let pixels = (0..height).flat_map(move |y| {
        (0..width).flat_map(move |x| {
            let wave = |period: f64| (f64::from(x + 2 * y) / period).sin() * 60.0;
            let noise = f64::from((x * 7919 + y * 104_729) % 31);
            let alpha = if x * 2 < width { 255 } else { 255 - (y * 200 / height) as u8 };
            let red = (128.0 + wave(40.0) + noise) as u8;
            let green = (128.0 + wave(90.0) + noise) as u8;
            let blue = (x * 255 / width) as u8;
            [red, green, blue, alpha].into_iter().take(layout.channels())
        })
    });
    Image { width, height, layout, pixels: pixels.collect() }
}

/// A transformation that changes nothing.
pub const PLAIN: Transformation = Transformation {
    width: None,
    height: None,
    ratio: None,
    fit: Fit::Max,
    focus: Focus::Point { x: 500, y: 500 },
    rect: None,
    rotate: Rotation::None,
    flip: Flip { horizontal: false, vertical: false },
    background: None,
    blur: 0,
    sharpen: 0,
    format: Wanted::Format(Format::Png),
    quality: None,
    overlays: Vec::new(),
    text: None,
};

pub fn text(value: &str) -> Text {
    Text {
        value: value.to_owned(),
        font: "/font.ttf".to_owned(),
        size: 20,
        colour: Colour { red: 0, green: 0, blue: 0, alpha: 255 },
        bounds: None,
        align: Align { x: Along::Middle, y: Along::Middle },
    }
}

pub fn fit(name: &str) -> Fit {
    word(FITS, name).unwrap()
}

pub fn any_transformation() -> impl Strategy<Value = Transformation> {
    let side = || prop_oneof![1..50_u16, 1..5000_u16, any::<u16>()];
    let fits = prop::sample::select(vec!["max", "clip", "crop", "fill", "scale", "min"]);
    let ratio = (side(), side()).prop_map(|(width, height)| Ratio { width, height });
    let rect = (side(), side(), side(), side());
    let rect = rect.prop_map(|(x, y, width, height)| Rect { x, y, width, height });
    let options = (
        prop::option::of(side()),
        prop::option::of(side()),
        prop::option::of(ratio),
        prop::option::of(rect),
    );
    let rotations =
        vec![Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters];
    let turns = (prop::sample::select(rotations), any::<bool>(), any::<bool>());
    let focus = (0..=1000_u16, 0..=1000_u16).prop_map(|(x, y)| Focus::Point { x, y });
    (options, fits, turns, focus).prop_map(|(options, name, turns, focus)| {
        let (width, height, ratio, rect) = options;
        let (rotate, horizontal, vertical) = turns;
        let (fit, flip) = (fit(name), Flip { horizontal, vertical });
        Transformation { width, height, ratio, rect, fit, rotate, flip, focus, ..PLAIN }
    })
}
