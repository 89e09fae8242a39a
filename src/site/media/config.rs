//! A site's `[media]` configuration, compiled into the manifest.
//!
//! A preset is a query in the grammar of URLs, so one parser reads both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::media::transformation::Ratio;
use crate::wire::time::DeltaSeconds;

/// Default widths: those of `srcset` in common frameworks.
pub const WIDTHS_DEFAULT: [u16; 15] =
    [32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840];
/// Default ratios of width to height.
pub const RATIOS_DEFAULT: [Ratio; 3] =
    [Ratio { width: 1, height: 1 }, Ratio { width: 4, height: 3 }, Ratio { width: 16, height: 9 }];
/// Default time that edges keep renditions: a day.
pub const EDGE_TTL_SECS_DEFAULT: u32 = 86_400;
/// Default time that browsers keep renditions of sources that may change: five minutes.
pub const BROWSER_TTL_SECS_DEFAULT: u32 = 300;
/// Longest lifetime: a year, the maximum that caches treat as meaningful.
pub const TTL_SECS_MAX: u32 = 31_536_000;
/// Maximum number of widths. Each multiplies the renditions that anybody may request.
pub const WIDTHS_MAX: usize = 64;
/// Maximum number of ratios, for the same reason.
pub const RATIOS_MAX: usize = 32;
/// Maximum number of presets, because the worker holds them in memory.
pub const PRESETS_MAX: usize = 64;
/// Longest query of a preset in bytes: four overlays and a text with long paths.
pub const PRESET_BYTES_MAX: usize = 2048;
/// Longest name of a preset or slot in bytes: it is part of URLs.
pub const NAME_BYTES_MAX: usize = 32;
/// Longest text in characters: a line on an image, not a page.
pub const TEXT_CHARS_MAX: u16 = 200;

/// Who may ask for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Listed sizes and shapes are open to anybody; anything else needs a signature or a preset.
    #[default]
    Bounded,
    /// Every URL needs a signature.
    Signed,
    /// Every URL needs a preset or a signature.
    Presets,
}

/// Another host's URLs that are understood too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adapter {
    Netlify,
    Next,
    Vercel,
}

/// The response if no rendition can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    #[default]
    Error,
    /// The source itself.
    Original,
}

/// A named transformation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// In canonical form. With a slot, the value of its text stands for what requests fill in.
    pub query: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}

/// A parameter that fills in the text of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub name: String,
    pub chars_max: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaConfig {
    /// Ascending.
    pub widths: Vec<u16>,
    pub ratios: Vec<Ratio>,
    pub mode: Mode,
    /// How long edges keep a rendition.
    pub edge_ttl: DeltaSeconds,
    /// How long browsers keep a rendition of a source that may change.
    pub browser_ttl: DeltaSeconds,
    pub adapters: Vec<Adapter>,
    pub onerror: OnError,
    pub presets: BTreeMap<String, Preset>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            widths: WIDTHS_DEFAULT.to_vec(),
            ratios: RATIOS_DEFAULT.to_vec(),
            mode: Mode::default(),
            edge_ttl: DeltaSeconds(EDGE_TTL_SECS_DEFAULT),
            browser_ttl: DeltaSeconds(BROWSER_TTL_SECS_DEFAULT),
            adapters: Vec::new(),
            onerror: OnError::default(),
            presets: BTreeMap::new(),
        }
    }
}

/// Returns whether a text can name a preset or a slot.
pub fn is_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}
