//! Checks a `[media]` configuration. The worker repeats this check of the publisher, because
//! tenants upload manifests.

use crate::site::media::config::{
    MediaConfig, PRESET_BYTES_MAX, PRESETS_MAX, Preset, RATIOS_MAX, TEXT_CHARS_MAX, TTL_SECS_MAX,
    WIDTHS_MAX, is_name,
};
use crate::site::media::grammar::parse_preset;
use crate::site::media::parameter::is_parameter;
use crate::site::media::transformation::SIDE_MAX;
use crate::site::media::value::common_divisor;
use crate::site::rules::check_count;
use crate::site::rules::mistake::Mistake;

const REMEDY: &str = "Keep within that.";

pub fn check(config: &MediaConfig) -> Result<(), Mistake> {
    for (count, what, max) in [
        (config.widths.len(), "widths", WIDTHS_MAX),
        (config.ratios.len(), "ratios", RATIOS_MAX),
        (config.presets.len(), "presets", PRESETS_MAX),
    ] {
        check_count(count, what, max)?;
    }
    let widths = &config.widths;
    let is_ascending = widths.is_sorted_by(|one, next| one < next);
    let bounds = (widths.first().is_some_and(|first| *first > 0))
        && widths.last().is_some_and(|last| *last <= SIDE_MAX);
    let is_reduced = config.ratios.iter().all(|ratio| {
        ratio.width > 0 && ratio.height > 0 && common_divisor(ratio.width, ratio.height) == 1
    });
    let ttls = [config.edge_ttl, config.browser_ttl];
    for (is_right, message) in [
        (is_ascending && bounds, "`widths` ascend, from 1 to 4096"),
        (is_reduced, "`ratios` are reduced fractions"),
        (ttls.iter().all(|ttl| ttl.0 <= TTL_SECS_MAX), "lifetimes are at most a year"),
    ] {
        if !is_right {
            return Err(Mistake::new(message, REMEDY));
        }
    }
    for (name, preset) in &config.presets {
        if !is_name(name) {
            return Err(Mistake::new("a preset's name is 1 to 32 of a-z, 0-9, - and _", REMEDY));
        }
        check_preset(preset).map_err(|wrong| wrong.of(format_args!("the preset `{name}`:")))?;
    }
    Ok(())
}

fn check_preset(preset: &Preset) -> Result<(), Mistake> {
    let mistake = |message| Err(Mistake::new(message, REMEDY));
    if preset.query.len() > PRESET_BYTES_MAX {
        return mistake("its parameters take more than 2,048 bytes");
    }
    let made =
        parse_preset(&preset.query).map_err(|error| Mistake::new(error.to_string(), REMEDY))?;
    if made.canonical() != preset.query {
        return mistake("its query is not canonical");
    }
    let Some(slot) = &preset.slot else { return Ok(()) };
    if !is_name(&slot.name) || is_parameter(&slot.name) {
        return mistake("its slot has the name of a parameter, or none");
    }
    if !(1..=TEXT_CHARS_MAX).contains(&slot.chars_max) || made.text.is_none() {
        return mistake("its slot takes 1 to 200 characters, of a text");
    }
    Ok(())
}
