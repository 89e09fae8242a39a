//! Reads `[media]`, and compiles each preset to a query.

use toml::de::{DeTable, DeValue};

use crate::publish::config::toml_source::{OnLine, TomlSource};
use crate::site::media::check::check;
use crate::site::media::config::{
    MediaConfig, Mode, PRESETS_MAX, Preset, RATIOS_DEFAULT, RATIOS_MAX, Slot, TEXT_CHARS_MAX,
    TTL_SECS_MAX, WIDTHS_DEFAULT, WIDTHS_MAX, is_name,
};
use crate::site::media::error::MediaError;
use crate::site::media::grammar::parse_preset;
use crate::site::media::parameter::{is_parameter, names_in_presets};
use crate::site::media::transformation::{Ratio, SIDE_MAX, Transformation};
use crate::site::media::value::{path, ratio};
use crate::site::source::diagnostic::Located;
use crate::wire::query;

const KEYS: [&str; 8] =
    ["widths", "ratios", "mode", "edge_ttl", "browser_ttl", "adapters", "onerror", "presets"];
/// The keys of a preset's text, and their parameters.
const TEXT_KEYS: [(&str, &str); 6] = [
    ("value", "txt"),
    ("font", "txt-font"),
    ("box", "txt-box"),
    ("size", "txt-size"),
    ("color", "txt-color"),
    ("align", "txt-align"),
];
const SLOT_KEYS: [&str; 2] = ["slot", "max"];
const PRESET_WANTED: &str = "a table for each preset, as in [media.presets.thumb]";
const TEXT_WANTED: &str =
    "a table such as { slot = \"name\", max = 20, font = \"/fonts/script.ttf\" }";

/// A file that presets need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetFile {
    /// Decoded.
    pub path: String,
    pub kind: PresetFileKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresetFileKind {
    Overlay,
    Font,
}

/// Returns the configuration, if the site has one, and the files of its presets.
pub fn media(
    source: &mut TomlSource,
    root: &DeTable,
) -> Option<(MediaConfig, Vec<Located<PresetFile>>)> {
    let (line, table) =
        source.value("media", root.get("media")?, "[media] above its keys", DeValue::as_table)?;
    source.check_keys(table, "[media]", &KEYS);
    let mut config = MediaConfig {
        widths: widths(source, table),
        ratios: ratios(source, table),
        mode: source.choice(table, "mode").unwrap_or_default(),
        onerror: source.choice(table, "onerror").unwrap_or_default(),
        ..MediaConfig::default()
    };
    for (key, ttl) in [("edge_ttl", &mut config.edge_ttl), ("browser_ttl", &mut config.browser_ttl)]
    {
        if let Some((_, written)) = source.duration(table, key, TTL_SECS_MAX) {
            *ttl = written;
        }
    }
    for (line, adapter) in source.choices(table, "adapters") {
        if config.mode != Mode::Bounded {
            let remedy = "Remove it: frameworks neither sign URLs nor name a preset.";
            source.report.warning(line, "the mode refuses the URLs of this adapter", remedy);
        }
        if !config.adapters.contains(&adapter) {
            config.adapters.push(adapter);
        }
    }
    let mut files = Vec::new();
    let presets = source.table(table, "presets", PRESET_WANTED).into_iter().flatten();
    let mut presets: Vec<_> = presets.collect();
    // The parser sorts tables by name.
    presets.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in presets {
        let line = source.line(&name.span());
        let name = name.get_ref().as_ref();
        if !is_name(name) {
            let remedy = "Write 1 to 32 of a-z, 0-9, - and _.";
            source.report.error(line, format!("\"{name}\" is not the name of a preset"), remedy);
            continue;
        }
        if config.presets.len() == PRESETS_MAX {
            let message = format!("more than {PRESETS_MAX} presets, from here on");
            source.report.error(line, message, "Remove some, or sign URLs.");
            break;
        }
        let table = source.value(name, value, PRESET_WANTED, DeValue::as_table);
        let preset = table.and_then(|(_, table)| preset(source, (line, name, table), &mut files));
        config.presets.extend(preset.map(|preset| (name.to_owned(), preset)));
    }
    if let Err(mistake) = check(&config)
        && !source.report.has_errors()
    {
        source.report.mistake(line, &mistake);
    }
    Some((config, files))
}

fn widths(source: &mut TomlSource, table: &DeTable) -> Vec<u16> {
    let Some(value) = table.get("widths") else { return WIDTHS_DEFAULT.to_vec() };
    let line = source.line(&value.span());
    let mut widths = Vec::new();
    let wanted = format!("pixels, from 1 to {SIDE_MAX}");
    for (line, width) in source.integers(table, "widths", &wanted) {
        match u16::try_from(width).ok().filter(|width| (1..=SIDE_MAX).contains(width)) {
            Some(width) => widths.push(width),
            None => {
                let message = format!("{width} is not a width");
                source.report.error(line, message, format!("Write {wanted}."));
            }
        }
    }
    if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
        source.report.error(line, "`widths` allows no width", "Leave it out for the default.");
    }
    widths.sort_unstable();
    widths.dedup();
    at_most(source, line, widths.len(), ("widths", WIDTHS_MAX));
    if widths.is_empty() { WIDTHS_DEFAULT.to_vec() } else { widths }
}

fn ratios(source: &mut TomlSource, table: &DeTable) -> Vec<Ratio> {
    let Some(value) = table.get("ratios") else { return RATIOS_DEFAULT.to_vec() };
    let line = source.line(&value.span());
    let mut ratios = Vec::new();
    for (line, text) in source.strings(table, "ratios") {
        let remedy = "Write width to height, as in \"16:9\".";
        let parsed = source
            .parsed((line, &text), "a ratio", remedy, |text| ratio(text).ok_or(()))
            .map(|(_, ratio)| ratio);
        ratios.extend(parsed.filter(|ratio| !ratios.contains(ratio)));
    }
    at_most(source, line, ratios.len(), ("ratios", RATIOS_MAX));
    ratios
}

fn at_most(source: &mut TomlSource, line: u32, count: usize, (what, max): (&str, usize)) {
    if count > max {
        let remedy = format!("Keep {max}: each multiplies the renditions of an image.");
        source.report.error(line, format!("{count} {what}, more than {max}"), remedy);
    }
}

/// Compiles a preset and notes its files; `None` if something is wrong with it.
fn preset(
    source: &mut TomlSource,
    (line, name, table): (u32, &str, &DeTable),
    files: &mut Vec<Located<PresetFile>>,
) -> Option<Preset> {
    let place = format!("[media.presets.{name}]");
    let names = names_in_presets();
    let known: Vec<&str> = names.iter().map(String::as_str).chain(["text"]).collect();
    source.check_keys(table, &place, &known);
    let mut query = Vec::new();
    let mut is_whole = true;
    for name in &names {
        if let Some(value) = table.get(name.as_str()) {
            let written = parameter(source, (name, name), value, files);
            is_whole &= written.is_some();
            query.extend(written);
        }
    }
    let mut slot = None;
    if let Some(value) = table.get("text") {
        let read = source.value("text", value, TEXT_WANTED, DeValue::as_table);
        let text = read.and_then(|(line, table)| text(source, (line, table), files));
        is_whole &= text.is_some();
        let (parameters, read) = text.unwrap_or_default();
        query.extend(parameters);
        slot = read;
    }
    if !is_whole {
        return None;
    }
    match parse_preset(&query.join("&")) {
        Ok(made) => {
            if made == Transformation::default() {
                let remedy = "Write parameters of URLs, such as w = 300, or remove it.";
                source.report.warning(line, format!("the preset `{name}` does nothing"), remedy);
            }
            Some(Preset { query: made.canonical(), slot })
        }
        Err(error) => {
            source.report.error(line, format!("the preset `{name}`: {error}"), "Correct it.");
            None
        }
    }
}

/// Returns the parameters of a text and its slot.
fn text(
    source: &mut TomlSource,
    (line, table): OnLine<&DeTable>,
    files: &mut Vec<Located<PresetFile>>,
) -> Option<(Vec<String>, Option<Slot>)> {
    let known: Vec<&str> = TEXT_KEYS.iter().map(|(key, _)| *key).chain(SLOT_KEYS).collect();
    source.check_keys(table, "`text`", &known);
    let remedy = "Write the path of a font of the site, as in font = \"/fonts/script.ttf\".";
    source.required((line, table), "font", "text", remedy)?;
    let mut query = Vec::new();
    let mut is_whole = true;
    for (key, name) in TEXT_KEYS {
        if let Some(value) = table.get(key) {
            let written = parameter(source, (key, name), value, files);
            is_whole &= written.is_some();
            query.extend(written);
        }
    }
    if table.get("slot").is_none() {
        let remedy = "Write value = \"Sale\", or slot = \"name\" for a parameter of URLs.";
        source.required((line, table), "value", "text", remedy)?;
        return is_whole.then_some((query, None));
    }
    let slot = slot(source, table)?;
    // Stands for the text of a request.
    query.push(format!("txt={}", slot.name));
    is_whole.then_some((query, Some(slot)))
}

fn slot(source: &mut TomlSource, table: &DeTable) -> Option<Slot> {
    let (line, name) = source.string(table, "slot")?;
    if !is_name(&name) || is_parameter(&name) {
        let remedy = "Write 1 to 32 of a-z, 0-9, - and _ that are no parameter, as in \"name\".";
        source.report.error(line, format!("\"{name}\" can't name a slot"), remedy);
        return None;
    }
    if table.get("value").is_some() {
        let remedy = "Remove `value`: without a text in its slot, the rendition has none.";
        source.report.error(line, "the text has both `slot` and `value`", remedy);
        return None;
    }
    let remedy = format!("Write how many characters fit, from 1 to {TEXT_CHARS_MAX}: max = 20.");
    if table.get("max").is_none() {
        source.report.error(line, "the slot has no `max`", &remedy);
    }
    let (line, max) = source.integer(table, "max")?;
    let chars_max = u16::try_from(max).ok().filter(|max| (1..=TEXT_CHARS_MAX).contains(max));
    if chars_max.is_none() {
        source.report.error(line, format!("{max} is not a value of `max`"), remedy);
    }
    Some(Slot { name, chars_max: chars_max? })
}

/// Returns a key as a parameter of a query, and notes the file that it names.
fn parameter(
    source: &mut TomlSource,
    (key, name): (&str, &str),
    value: &toml::Spanned<DeValue>,
    files: &mut Vec<Located<PresetFile>>,
) -> Option<String> {
    let wanted = "a text, a number, or a list of them";
    let (line, text) = source.value(key, value, wanted, scalars)?;
    if text.is_empty() {
        source.report.error(line, format!("`{key}` is empty"), "Write a value, or remove it.");
        return None;
    }
    let parameter = format!("{name}={}", query::encode(&text));
    // A text needs a font.
    match parse_preset(&format!("txt-font=%2Ff&{parameter}")) {
        Ok(_) => {}
        Err(MediaError::Bad { range, .. } | MediaError::Disallowed { remedy: range, .. }) => {
            let message = format!("\"{text}\" is not a value of `{key}`");
            source.report.error(line, message, format!("It must be {range}."));
            return None;
        }
    }
    let kind = match name {
        "mark" | "mark2" | "mark3" | "mark4" => PresetFileKind::Overlay,
        "txt-font" => PresetFileKind::Font,
        _ => return Some(parameter),
    };
    let path = path(&text)?;
    files.push(source.report.locate(line, PresetFile { path, kind }));
    Some(parameter)
}

fn scalars(value: &DeValue) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Array(list) => {
            let one = |item: &toml::Spanned<DeValue>| match item.get_ref() {
                DeValue::Array(_) => None,
                item => scalars(item),
            };
            list.iter().map(one).collect::<Option<Vec<_>>>()?.join(",")
        }
        _ => return None,
    })
}
