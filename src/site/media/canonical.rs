//! The canonical form of a transformation: a query with sorted parameters and without defaults.
//! Equal transformations have equal forms, and parsing one yields the transformation again.

use crate::site::media::transformation::{
    Align, Along, Colour, Fit, Flip, Focus, Rect, Rotation, Text, Transformation, Wanted,
};
use crate::site::media::value::{FITS, FLIPS, FORMATS, ROTATIONS, name};
use crate::wire::query;
use crate::wire::text::push_number;

/// Where an overlay goes if its URL does not say: the bottom right corner, as with imgix.
pub const OVERLAY_ALIGN: Align = Align { x: Along::End, y: Along::End };
/// The opacity of overlays, in percent.
pub const OPACITY_DEFAULT: u8 = 100;
/// The colour of text: black.
pub const TEXT_COLOUR: Colour = Colour { red: 0, green: 0, blue: 0, alpha: 255 };

impl Transformation {
    /// Returns the canonical form. The formats that the client reads come first, as `accept`, a
    /// parameter that no URL has.
    pub fn canonical(&self) -> String {
        let mut query = Query(String::new());
        if let Wanted::Auto { avif, webp } = self.format {
            let formats = [("avif", avif), ("webp", webp)];
            for (name, _) in formats.into_iter().filter(|(_, is_read)| *is_read) {
                query.text("accept", name);
            }
        }
        if let Some(ratio) = self.ratio {
            query.text("ar", &joined(&[ratio.width, ratio.height], ':'));
        }
        query.colour("bg", self.background);
        query.number("blur", self.blur);
        if self.focus == Focus::Entropy {
            query.text("crop", "entropy");
        }
        if self.fit != Fit::default() {
            query.text("fit", name(FITS, &self.fit));
        }
        if self.flip != Flip::default() {
            query.text("flip", name(FLIPS, &self.flip));
        }
        if let Wanted::Format(format) = self.format {
            query.text("fm", name(FORMATS, &format));
        }
        if let Focus::Point { x, y } = self.focus {
            query.thousandths("fp-x", x);
            query.thousandths("fp-y", y);
        }
        query.number("h", self.height.unwrap_or(0));
        self.push_overlays(&mut query);
        query.number("q", self.quality.unwrap_or(0).into());
        if let Some(rect) = self.rect {
            query.rect("rect", rect);
        }
        if self.rotate != Rotation::default() {
            query.text("rot", name(ROTATIONS, &self.rotate));
        }
        query.number("sharp", self.sharpen.into());
        if let Some(text) = &self.text {
            query.line_of_text(text);
        }
        query.number("w", self.width.unwrap_or(0));
        query.0
    }

    fn push_overlays(&self, query: &mut Query) {
        for (overlay, number) in self.overlays.iter().zip(["", "2", "3", "4"]) {
            let name = |part: &str| ["mark", number, part].concat();
            query.text(&name(""), &overlay.path);
            query.align(&name("-align"), overlay.align, OVERLAY_ALIGN);
            if overlay.opacity != OPACITY_DEFAULT {
                query.text(&name("-alpha"), &joined(&[overlay.opacity.into()], ','));
            }
            query.number(&name("-w"), overlay.width.unwrap_or(0));
        }
    }
}

struct Query(String);

impl Query {
    fn text(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&query::encode(value));
    }

    /// Adds a number, unless it is 0.
    fn number(&mut self, name: &str, number: u16) {
        if number > 0 {
            self.text(name, &joined(&[number], ','));
        }
    }

    /// Adds a coordinate, unless it is the centre.
    fn thousandths(&mut self, name: &str, number: u16) {
        if number == 500 {
            return;
        }
        let mut text = String::new();
        push_number(&mut text, u64::from(number / 1000), 1);
        text.push('.');
        push_number(&mut text, u64::from(number % 1000), 3);
        self.text(name, &text);
    }

    fn colour(&mut self, name: &str, colour: Option<Colour>) {
        if let Some(Colour { red, green, blue, alpha }) = colour {
            let digits = data_encoding::HEXLOWER.encode(&[alpha, red, green, blue]);
            self.text(name, &digits);
        }
    }

    fn rect(&mut self, name: &str, rect: Rect) {
        self.text(name, &joined(&[rect.x, rect.y, rect.width, rect.height], ','));
    }

    fn align(&mut self, name: &str, align: Align, default: Align) {
        let [x, y] =
            [(align.x, ["left", "center", "right"]), (align.y, ["top", "middle", "bottom"])].map(
                |(along, [start, middle, end])| match along {
                    Along::Start => start,
                    Along::Middle => middle,
                    Along::End => end,
                },
            );
        if align != default {
            self.text(name, &[y, x].join(","));
        }
    }

    fn line_of_text(&mut self, text: &Text) {
        self.text("txt", &text.value);
        self.align("txt-align", text.align, Align::default());
        if let Some(bounds) = text.bounds {
            self.rect("txt-box", bounds);
        }
        if text.colour != TEXT_COLOUR {
            self.colour("txt-color", Some(text.colour));
        }
        self.text("txt-font", &text.font);
        self.number("txt-size", text.size);
    }
}

fn joined(numbers: &[u16], separator: char) -> String {
    let mut text = String::new();
    for number in numbers {
        if !text.is_empty() {
            text.push(separator);
        }
        push_number(&mut text, (*number).into(), 1);
    }
    text
}
