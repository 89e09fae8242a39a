//! Parses the query of a URL below `/_media/`: imgix's parameters, within the limits of a site.
//!
//! Unknown and empty parameters are ignored; of two with one name, the last counts. `docs/media.md`
//! has the table.

use crate::site::media::accept::accepted;
use crate::site::media::config::{MediaConfig, Mode, Slot};
use crate::site::media::draft::{Draft, line};
use crate::site::media::error::MediaError;
use crate::site::media::parameter::{Role, Values};
use crate::site::media::size::{Size, listed_ratio};
use crate::site::media::transformation::{Format, Transformation, Wanted};
use crate::wire::query;

const LIST: &str = "list the ratio in `ratios`, sign the URL, or define a preset";
const PRESETS_ONLY: &str = "name a preset, or sign the URL";
const SIGNED_ONLY: &str = "sign the URL";
const NO_WIDTH: &str = "the preset has a height and no width";
/// Fewest hexadecimal digits of a version.
const VERSION_DIGITS_MIN: usize = 8;

/// Whether a URL has a valid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    Anyone,
    Signed,
}

/// What a URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRequest {
    pub transformation: Transformation,
    pub authority: Authority,
    pub has_preset: bool,
    /// Whether the text comes from an unsigned URL, for the slot of a preset. Such a rendition is
    /// never stored.
    pub is_personal: bool,
    /// The first digits of the source's hash, if the URL is for that version only.
    pub version: Option<String>,
}

impl MediaRequest {
    /// Returns whether the format depends on `Accept`.
    pub fn is_negotiated(&self) -> bool {
        matches!(self.transformation.format, Wanted::Auto { .. })
    }

    /// Returns whether the source can stand in for the rendition, because it shows the same.
    pub fn is_plain(&self) -> bool {
        let made = &self.transformation;
        let is_image = !matches!(made.format, Wanted::Format(Format::Json | Format::Thumbhash));
        is_image && !self.has_preset && made.overlays.is_empty() && made.text.is_none()
    }
}

/// Parses a query.
///
/// # Example
/// ```
/// use selvedge::site::media::config::MediaConfig;
/// use selvedge::site::media::grammar::{Authority, parse};
///
/// let config = MediaConfig::default();
/// let request = parse("w=800&ar=4:3&fit=cover", &config, None, Authority::Anyone).unwrap();
/// assert_eq!(request.transformation.canonical(), "fit=crop&h=621&w=828");
/// ```
///
/// # Errors
/// [`MediaError`] for a value out of its range, and for anything that the site does not allow.
pub fn parse(
    query: &str,
    config: &MediaConfig,
    accept: Option<&str>,
    authority: Authority,
) -> Result<MediaRequest, MediaError> {
    let values = Values::read(query);
    let preset = match values.of(Role::Preset) {
        Some(name) => Some(config.presets.get(name).ok_or(Role::Preset.bad())?),
        None => None,
    };
    let is_open = authority == Authority::Anyone;
    if is_open {
        match config.mode {
            Mode::Signed => return Err(Role::Signature.disallowed(SIGNED_ONLY)),
            Mode::Presets if preset.is_none() => {
                return Err(Role::Preset.disallowed(PRESETS_ONLY));
            }
            Mode::Presets | Mode::Bounded => values.check_unsigned(preset.is_some())?,
        }
    }
    let mut draft = Draft::default();
    let mut design = Size::default();
    let mut is_personal = false;
    if let Some(preset) = preset {
        Values::read(&preset.query).each(|role, at, value| draft.set(role, at, value))?;
        design = draft.size;
        if let Some(slot) = &preset.slot {
            draft.text.value = slot_text(query, slot)?;
            is_personal = is_open && draft.text.value.is_some();
        }
    }
    values.each(|role, at, value| draft.set(role, at, value))?;
    if preset.is_some() {
        keep_shape(&mut draft, design, &values)?;
    } else {
        design = draft.size;
    }
    if is_open && preset.is_none() {
        bound(&mut draft, config)?;
    }
    // Presets have exact sizes; only what anybody may ask for is listed.
    let is_listed = is_open && (preset.is_none() || values.of(Role::Width).is_some());
    let listed = is_listed.then_some(config.widths.as_slice());
    let transformation = draft.finish(design, listed, accepted(accept))?;
    if is_open && preset.is_none() && transformation.quality.is_some() {
        return Err(Role::Quality.needs_signature());
    }
    let version = values.of(Role::Version).filter(|version| is_hash(version)).map(str::to_owned);
    let has_preset = preset.is_some();
    Ok(MediaRequest { transformation, authority, has_preset, is_personal, version })
}

/// Parses the query of a preset.
pub fn parse_preset(query: &str) -> Result<Transformation, MediaError> {
    let mut draft = Draft::default();
    Values::read(query).each(|role, at, value| draft.set(role, at, value))?;
    let design = draft.size;
    draft.finish(design, None, Wanted::default())
}

/// Returns the text of a slot.
fn slot_text(query: &str, slot: &Slot) -> Result<Option<String>, MediaError> {
    let given = query::pairs(query).filter(|(name, _)| *name == slot.name).last();
    match given {
        Some((_, value)) if !value.is_empty() => {
            line(&value, slot.chars_max).ok_or(Role::Text.bad()).map(Some)
        }
        _ => Ok(None),
    }
}

/// Gives a preset that is asked for in another width the height of its shape.
fn keep_shape(draft: &mut Draft, design: Size, values: &Values) -> Result<(), MediaError> {
    let is_said = |role| values.of(role).is_some();
    if is_said(Role::Width) && !is_said(Role::Height) && !is_said(Role::Ratio) {
        if design.width.is_none() && design.height.is_some() {
            return Err(Role::Width.disallowed(NO_WIDTH));
        }
        (draft.size.height, draft.size.ratio) = (None, design.shape());
    }
    Ok(())
}

/// Replaces what an unsigned URL says by the nearest that the site lists.
fn bound(draft: &mut Draft, config: &MediaConfig) -> Result<(), MediaError> {
    let size = &mut draft.size;
    match (size.width, size.height, size.ratio) {
        (Some(width), Some(height), _) => {
            let ratio = listed_ratio(width, height, &config.ratios);
            size.ratio = Some(ratio.ok_or(Role::Height.disallowed(LIST))?);
            size.height = None;
        }
        (_, _, Some(ratio)) if !config.ratios.contains(&ratio) => {
            return Err(Role::Ratio.disallowed(LIST));
        }
        _ => {}
    }
    draft.round_focus();
    Ok(())
}

/// Returns whether a text can be the beginning of a hash that nobody meets by accident.
fn is_hash(text: &str) -> bool {
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (VERSION_DIGITS_MIN..=64).contains(&text.len()) && text.bytes().all(is_digit)
}
