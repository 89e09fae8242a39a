//! A transformation while its parameters are read.

use crate::site::media::canonical::{OPACITY_DEFAULT, OVERLAY_ALIGN, TEXT_COLOUR};
use crate::site::media::config::TEXT_CHARS_MAX;
use crate::site::media::error::MediaError;
use crate::site::media::parameter::Role;
use crate::site::media::size::{Size, scaled};
use crate::site::media::transformation::{
    Align, Colour, Fit, Focus, Format, OVERLAYS_MAX, Overlay, Rect, SIDE_MAX, Text, Transformation,
    Wanted,
};
use crate::site::media::value::{
    Crop, FITS, FLIPS, FORMATS, PIXEL_RATIOS, ROTATIONS, align, colour, crop, fraction, integer,
    path, ratio, rect, side, word,
};

/// The size of text without a size or a box, in pixels.
const TEXT_SIZE_DEFAULT: u16 = 48;
/// Largest blur, in tenths of a pixel.
const BLUR_MAX: u16 = 2000;
/// Qualities are rounded up to multiples of this, so that there are few.
const QUALITY_STEP: u16 = 5;
/// The default quality of JPEG and WebP. With `auto`, it means the default of each format, because
/// many loaders always send it.
pub const QUALITY_DEFAULT: u8 = 75;
/// The default quality of AVIF.
pub const QUALITY_AVIF_DEFAULT: u8 = 50;

#[derive(Default)]
pub struct Draft {
    pub size: Size,
    pub text: DraftText,
    made: Transformation,
    dpr_tenths: Option<u16>,
    crop: Option<Crop>,
    focus: [Option<u16>; 2],
    format: Option<Format>,
    is_auto: bool,
    overlays: [DraftOverlay; OVERLAYS_MAX],
}

#[derive(Default)]
struct DraftOverlay {
    path: Option<String>,
    align: Option<Align>,
    width: Option<u16>,
    opacity: Option<u8>,
}

#[derive(Default)]
pub struct DraftText {
    pub value: Option<String>,
    font: Option<String>,
    size: Option<u16>,
    colour: Option<Colour>,
    bounds: Option<Rect>,
    align: Align,
}

/// Returns a line of text of at most `chars_max` characters.
pub fn line(value: &str, chars_max: u16) -> Option<String> {
    let fits = value.chars().count() <= chars_max.into() && !value.contains(char::is_control);
    fits.then(|| value.to_owned())
}

impl Draft {
    /// Sets what a parameter is about; `None` for a bad value.
    pub fn set(&mut self, role: Role, overlay: usize, value: &str) -> Option<()> {
        let Self { made, text, .. } = self;
        let overlay = self.overlays.get_mut(overlay)?;
        match role {
            Role::Width => self.size.width = Some(side(value)?),
            Role::Height => self.size.height = Some(side(value)?),
            Role::PixelRatio => self.dpr_tenths = Some(word(PIXEL_RATIOS, value)?),
            Role::Ratio => self.size.ratio = Some(ratio(value)?),
            Role::Fit => made.fit = word(FITS, value)?,
            Role::Crop => self.crop = Some(crop(value)?),
            Role::FocusX => self.focus[0] = Some(fraction(value)?),
            Role::FocusY => self.focus[1] = Some(fraction(value)?),
            Role::Rect => made.rect = Some(rect(value)?),
            Role::Rotate => made.rotate = word(ROTATIONS, value)?,
            Role::Flip => made.flip = word(FLIPS, value)?,
            Role::Background => made.background = Some(colour(value)?),
            Role::Blur => made.blur = integer(value, BLUR_MAX)?,
            Role::Sharpen => made.sharpen = percent(value)?,
            Role::Format => self.format = Some(word(FORMATS, value)?),
            // Other words ask for what is done anyway, such as `compress`.
            Role::Auto => self.is_auto = value.split(',').any(|word| word == "format"),
            Role::Quality => {
                let steps = percent(value).filter(|quality| *quality > 0)?;
                let steps = u16::from(steps).div_ceil(QUALITY_STEP);
                made.quality = u8::try_from(steps.saturating_mul(QUALITY_STEP)).ok();
            }
            Role::Text => text.value = Some(line(value, TEXT_CHARS_MAX)?),
            Role::TextAlign => text.align = align(value)?,
            Role::TextBounds => text.bounds = Some(rect(value)?),
            Role::TextColour => text.colour = Some(colour(value)?),
            Role::TextFont => text.font = Some(path(value)?),
            Role::TextSize => text.size = Some(side(value)?),
            Role::Preset | Role::Version | Role::Signature | Role::Expiry => {}
            Role::Overlay => overlay.path = Some(path(value)?),
            Role::OverlayAlign => overlay.align = Some(align(value)?),
            Role::OverlayWidth => overlay.width = Some(side(value)?),
            Role::OverlayOpacity => overlay.opacity = Some(percent(value)?),
        }
        Some(())
    }

    /// Rounds the point that a crop keeps to quarters of the width and height.
    pub fn round_focus(&mut self) {
        for place in self.focus.iter_mut().flatten() {
            *place = (place.saturating_add(125) / 250).saturating_mul(250);
        }
    }

    /// Returns the transformation. Lengths other than the size are for a rendition of the size
    /// `design`, and are scaled with it.
    pub fn finish(
        mut self,
        design: Size,
        listed: Option<&[u16]>,
        auto: Wanted,
    ) -> Result<Transformation, MediaError> {
        let made = &mut self.made;
        let size = self.size.in_device_pixels(self.dpr_tenths.unwrap_or(10), listed);
        (made.width, made.height, made.ratio) = (size.width, size.height, size.ratio);
        let designed = size.width.zip(design.width).or(size.height.zip(design.height));
        let (to, from) = designed.or(size.width.zip(self.size.width)).unwrap_or((1, 1));
        let resized = |length: u16| {
            let length = scaled(length.into(), to.into(), from.into());
            u16::try_from(length).unwrap_or(SIDE_MAX).min(SIDE_MAX)
        };
        let resized_or_0 = |length: u16| if length == 0 { 0 } else { resized(length) };
        made.blur = resized_or_0(made.blur).min(BLUR_MAX);
        for overlay in self.overlays {
            let Some(path) = overlay.path else { continue };
            made.overlays.push(Overlay {
                path,
                align: overlay.align.unwrap_or(OVERLAY_ALIGN),
                width: overlay.width.map(resized),
                opacity: overlay.opacity.unwrap_or(OPACITY_DEFAULT),
            });
        }
        if let Some(value) = self.text.value {
            let bounds = self.text.bounds;
            let of_bounds = |bounds: Rect| (bounds.height / 4).saturating_mul(3).max(1);
            let size = self.text.size.or(bounds.map(of_bounds)).unwrap_or(TEXT_SIZE_DEFAULT);
            made.text = Some(Text {
                value,
                font: self.text.font.ok_or(Role::TextFont.bad())?,
                size: resized(size),
                colour: self.text.colour.unwrap_or(TEXT_COLOUR),
                bounds: bounds.map(|bounds| Rect {
                    x: resized_or_0(bounds.x),
                    y: resized_or_0(bounds.y),
                    width: resized(bounds.width),
                    height: resized(bounds.height),
                }),
                align: self.text.align,
            });
        }
        made.focus = match (self.crop, self.focus) {
            (Some(Crop::Focus(focus)), _) => focus,
            (_, [x, y]) => Focus::Point { x: x.unwrap_or(500), y: y.unwrap_or(500) },
        };
        made.format = match self.format {
            Some(format @ (Format::Json | Format::Thumbhash)) => Wanted::Format(format),
            Some(format) if !self.is_auto => Wanted::Format(format),
            _ => auto,
        };
        fold(made);
        Ok(self.made)
    }
}

/// Drops what makes no difference, so that it makes none to the canonical form.
fn fold(made: &mut Transformation) {
    let has_box = made.ratio.is_some() || made.width.is_some() && made.height.is_some();
    let has_side = made.width.is_some() || made.height.is_some();
    if !has_box {
        made.fit = match made.fit {
            Fit::Clip | Fit::Crop | Fit::Fill | Fit::Scale if has_side => Fit::Clip,
            _ => Fit::Max,
        };
    }
    if !matches!(made.fit, Fit::Crop | Fit::Min) {
        made.focus = Focus::default();
    }
    let default = match made.format {
        Wanted::Auto { .. } | Wanted::Format(Format::Jpg | Format::Webp) => Some(QUALITY_DEFAULT),
        Wanted::Format(Format::Avif) => Some(QUALITY_AVIF_DEFAULT),
        Wanted::Format(_) => made.quality,
    };
    made.quality = made.quality.filter(|quality| Some(*quality) != default);
}

fn percent(value: &str) -> Option<u8> {
    integer(value, 100).and_then(|percent| u8::try_from(percent).ok())
}
