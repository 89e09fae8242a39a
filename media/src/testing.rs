//! Values that unit tests share.

use selvedge::site::media::transformation::{
    Align, Along, Colour, Fit, Flip, Focus, Format, Rotation, Text, Transformation, Wanted,
};

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
