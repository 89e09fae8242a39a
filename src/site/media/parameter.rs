//! The parameters of a URL: names, ranges, and who may use them.

use crate::site::media::error::MediaError;
use crate::site::media::transformation::OVERLAYS_MAX;
use crate::wire::query;

/// What a parameter is about, in the order of [`PARAMETERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Width,
    Height,
    PixelRatio,
    Ratio,
    Fit,
    Crop,
    FocusX,
    FocusY,
    Rect,
    Rotate,
    Flip,
    Background,
    Blur,
    Sharpen,
    Format,
    Auto,
    Quality,
    Text,
    TextAlign,
    TextBounds,
    TextColour,
    TextFont,
    TextSize,
    Preset,
    Version,
    Signature,
    Expiry,
    // Once for each overlay.
    Overlay,
    OverlayAlign,
    OverlayWidth,
    OverlayOpacity,
}

/// Who may use a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Anyone,
    /// Anyone, but not to change a preset.
    WithoutPreset,
    /// Signed URLs and presets.
    Signed,
}

struct Parameter {
    role: Role,
    name: &'static str,
    access: Access,
    /// Completes the sentence "It must be …".
    range: &'static str,
}

const SIDE: &str = "between 1 and 4096";
const FRACTION: &str = "between 0 and 1";
const COLOUR: &str = "a colour of 3, 4, 6 or 8 hexadecimal digits, alpha first";
const PATH: &str = "the path of a file of the site, from `/`";
const ALIGN: &str = "one or two of top, middle, bottom, left, center, right";

const fn row(role: Role, name: &'static str, access: Access, range: &'static str) -> Parameter {
    Parameter { role, name, access, range }
}

const PARAMETERS: [Parameter; 31] = [
    row(Role::Width, "w", Access::Anyone, SIDE),
    row(Role::Height, "h", Access::WithoutPreset, SIDE),
    row(Role::PixelRatio, "dpr", Access::Anyone, "1, 1.5, 2, 3 or 4"),
    row(Role::Ratio, "ar", Access::WithoutPreset, "a ratio such as 16:9"),
    row(Role::Fit, "fit", Access::WithoutPreset, "max, clip, crop, fill, scale or min"),
    row(
        Role::Crop,
        "crop",
        Access::WithoutPreset,
        "top, bottom, left, right, center, entropy or focalpoint",
    ),
    row(Role::FocusX, "fp-x", Access::WithoutPreset, FRACTION),
    row(Role::FocusY, "fp-y", Access::WithoutPreset, FRACTION),
    row(Role::Rect, "rect", Access::Signed, "x,y,width,height in pixels of the source"),
    row(Role::Rotate, "rot", Access::Signed, "0, 90, 180 or 270"),
    row(Role::Flip, "flip", Access::Signed, "h, v or hv"),
    row(Role::Background, "bg", Access::Signed, COLOUR),
    row(Role::Blur, "blur", Access::Signed, "between 0 and 2000"),
    row(Role::Sharpen, "sharp", Access::Signed, "between 0 and 100"),
    row(Role::Format, "fm", Access::Anyone, "avif, webp, jpg, png, gif, thumbhash or json"),
    row(Role::Auto, "auto", Access::Anyone, "format"),
    row(Role::Quality, "q", Access::WithoutPreset, "between 1 and 100"),
    row(Role::Text, "txt", Access::Signed, "at most 200 characters, without control characters"),
    row(Role::TextAlign, "txt-align", Access::Signed, ALIGN),
    row(Role::TextBounds, "txt-box", Access::Signed, "x,y,width,height in pixels of the rendition"),
    row(Role::TextColour, "txt-color", Access::Signed, COLOUR),
    row(Role::TextFont, "txt-font", Access::Signed, PATH),
    row(Role::TextSize, "txt-size", Access::Signed, SIDE),
    row(Role::Preset, "p", Access::Anyone, "the name of a preset"),
    row(Role::Version, "v", Access::Anyone, "a hash"),
    row(Role::Signature, "s", Access::Anyone, "a signature"),
    row(Role::Expiry, "exp", Access::Anyone, "seconds since 1970"),
    row(Role::Overlay, "mark", Access::Signed, PATH),
    row(Role::OverlayAlign, "mark-align", Access::Signed, ALIGN),
    row(Role::OverlayWidth, "mark-w", Access::Signed, SIDE),
    row(Role::OverlayOpacity, "mark-alpha", Access::Signed, "between 0 and 100"),
];

const OVERLAY_ROWS: usize = 4;
/// Room for the value of each parameter, those of overlays as often as there are overlays.
const VALUES: usize = PARAMETERS.len() + OVERLAY_ROWS * (OVERLAYS_MAX - 1);

const REMEDY_SIGN: &str = "sign the URL, or define a preset";
const REMEDY_PRESET: &str = "only `w`, `dpr` and `fm` can be combined with a preset";

impl Role {
    pub fn bad(self) -> MediaError {
        let (parameter, range) =
            PARAMETERS.get(self as usize).map_or(("", ""), |row| (row.name, row.range));
        MediaError::Bad { parameter, range }
    }

    pub fn disallowed(self, remedy: &'static str) -> MediaError {
        let parameter = PARAMETERS.get(self as usize).map_or("", |row| row.name);
        MediaError::Disallowed { parameter, remedy }
    }

    pub fn needs_signature(self) -> MediaError {
        self.disallowed(REMEDY_SIGN)
    }
}

/// Another name of `fm`, with image services that have short ones.
const FORMAT_ALIAS: &str = "f";

/// Returns the index of a name's value.
fn index(name: &str) -> Option<usize> {
    let overlays = ["mark2", "mark3", "mark4"].into_iter().zip(1..);
    let overlay = overlays
        .into_iter()
        .find_map(|(mark, overlay)| Some((["mark", name.strip_prefix(mark)?].concat(), overlay)));
    let (name, overlay) = match &overlay {
        Some((name, overlay)) => (name.as_str(), *overlay),
        None if name == FORMAT_ALIAS => ("fm", 0),
        None => (name, 0),
    };
    let row = PARAMETERS.iter().position(|row| row.name == name)?;
    Some(row.saturating_add(OVERLAY_ROWS.saturating_mul(overlay)))
}

/// Returns the role of a value, and the number of its overlay from 0.
fn role(index: usize) -> (Role, usize) {
    let overlay = index.saturating_sub(Role::Overlay as usize) / OVERLAY_ROWS;
    let row = PARAMETERS.get(index.saturating_sub(OVERLAY_ROWS.saturating_mul(overlay)));
    (row.map_or(Role::Version, |row| row.role), overlay)
}

/// Returns the names of the parameters that a preset may set, but for those of its text.
pub fn names_in_presets() -> Vec<String> {
    let is_set = |row: &&Parameter| match row.role {
        Role::PixelRatio | Role::Auto => false,
        Role::Width | Role::Format => true,
        _ => row.access != Access::Anyone && !row.name.starts_with("txt"),
    };
    let overlays = ["2", "3", "4"].into_iter().flat_map(|number| {
        let rows = PARAMETERS.iter().filter_map(|row| row.name.strip_prefix("mark"));
        rows.map(move |part| ["mark", number, part].concat())
    });
    let names = PARAMETERS.iter().filter(is_set).map(|row| row.name.to_owned());
    names.chain(overlays).collect()
}

/// Returns whether a name has a meaning of its own, so that no slot can have it.
pub fn is_parameter(name: &str) -> bool {
    index(name).is_some()
}

/// The values of a query, by parameter and overlay.
pub struct Values([Option<String>; VALUES]);

impl Values {
    pub fn read(query: &str) -> Self {
        let mut values = [const { None }; VALUES];
        for (name, value) in query::pairs(query) {
            let amplience = name.strip_prefix('$').and_then(|name| name.strip_suffix('$'));
            let (index, value) = match amplience {
                Some(preset) => (Some(Role::Preset as usize), preset.to_owned()),
                None => (index(&name), value),
            };
            if let Some(slot) = index.and_then(|index| values.get_mut(index)) {
                *slot = Some(value).filter(|value| !value.is_empty());
            }
        }
        Self(values)
    }

    pub fn of(&self, role: Role) -> Option<&str> {
        self.0.get(role as usize)?.as_deref()
    }

    /// Calls `set` with each value, its parameter and the number of its overlay, from 0.
    pub fn each(
        &self,
        mut set: impl FnMut(Role, usize, &str) -> Option<()>,
    ) -> Result<(), MediaError> {
        for (index, value) in self.0.iter().enumerate() {
            let (role, overlay) = role(index);
            if let Some(value) = value {
                set(role, overlay, value).ok_or(role.bad())?;
            }
        }
        Ok(())
    }

    /// Checks that an unsigned URL may use its parameters.
    pub fn check_unsigned(&self, has_preset: bool) -> Result<(), MediaError> {
        for (index, _) in self.0.iter().enumerate().filter(|(_, value)| value.is_some()) {
            let (role, _) = role(index);
            match PARAMETERS.get(role as usize).map(|row| row.access) {
                Some(Access::Anyone) => {}
                Some(Access::WithoutPreset) if !has_preset => {}
                _ if has_preset => return Err(role.disallowed(REMEDY_PRESET)),
                _ => return Err(role.needs_signature()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_roles() {
        for (at, row) in PARAMETERS.iter().enumerate() {
            assert_eq!(row.role as usize, at, "{}", row.name);
            assert_eq!(index(row.name), Some(at));
            assert_eq!(role(at), (row.role, 0));
        }
    }

    #[test]
    fn overlays_are_numbered() {
        let first = Role::Overlay as usize;
        let rows = [
            ("mark", Some(first)),
            ("mark-alpha", Some(first + 3)),
            ("mark2", Some(first + 4)),
            ("mark2-align", Some(first + 5)),
            ("mark4-alpha", Some(VALUES - 1)),
            ("mark1", None),
            ("mark5", None),
            ("mark22", None),
            ("mark-", None),
            ("mark2w", None),
            ("f", Some(Role::Format as usize)),
            ("", None),
            ("W", None),
        ];
        for (name, expected) in rows {
            assert_eq!(index(name), expected, "{name:?}");
        }
        assert_eq!(role(first + 5), (Role::OverlayAlign, 1));
        assert_eq!(role(VALUES - 1), (Role::OverlayOpacity, 3));
    }

    #[test]
    fn the_last_value_counts() {
        let rows = [
            ("", None),
            ("w=1", Some("1")),
            ("w=1&w=2", Some("2")),
            ("w=1&w=", None),
            ("w", None),
            ("%77=%31", Some("1")),
            ("x=1&&=&w=3&y", Some("3")),
        ];
        for (query, expected) in rows {
            assert_eq!(Values::read(query).of(Role::Width), expected, "{query:?}");
        }
        for query in ["p=mug", "$mug$", "%24mug%24=x", "p=cup&$mug$"] {
            assert_eq!(Values::read(query).of(Role::Preset), Some("mug"), "{query:?}");
        }
        for query in ["$", "$$", "$mug", "mug$"] {
            assert_eq!(Values::read(query).of(Role::Preset), None, "{query:?}");
        }
    }
}
