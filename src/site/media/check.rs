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
        ratio.width > 0
            && common_divisor(ratio.width.into(), ratio.height.into()) == 1
            && ratio.height > 0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec::decode;

    #[track_caller]
    fn checked(rows: &[(String, bool)]) {
        for (json, is_right) in rows {
            let config: MediaConfig = decode(json.as_bytes()).unwrap();
            let found = check(&config);
            assert_eq!(found.is_ok(), *is_right, "{json} {found:?}");
        }
    }

    #[test]
    fn lists_and_lifetimes() {
        let widths = |count: u16| {
            let list: Vec<_> = (1..=count).map(|width| width.to_string()).collect();
            format!(r#"{{"widths":[{}]}}"#, list.join(","))
        };
        let ratios = |count: u16| {
            let one = |n| format!(r#"{{"width":1,"height":{n}}}"#);
            format!(r#"{{"ratios":[{}]}}"#, (1..=count).map(one).collect::<Vec<_>>().join(","))
        };
        checked(&[
            ("{}".to_owned(), true),
            (widths(64), true),
            (widths(65), false),
            (widths(0), false),
            (r#"{"widths":[1,4096]}"#.to_owned(), true),
            (r#"{"widths":[1,4097]}"#.to_owned(), false),
            (r#"{"widths":[0,1]}"#.to_owned(), false),
            (r#"{"widths":[2,1]}"#.to_owned(), false),
            (r#"{"widths":[1,1]}"#.to_owned(), false),
            (ratios(32), true),
            (ratios(33), false),
            (ratios(0), true),
            (r#"{"ratios":[{"width":2,"height":2}]}"#.to_owned(), false),
            (r#"{"ratios":[{"width":1,"height":0}]}"#.to_owned(), false),
            (r#"{"ratios":[{"width":0,"height":1}]}"#.to_owned(), false),
            (r#"{"edge_ttl":31536000,"browser_ttl":31536000}"#.to_owned(), true),
            (r#"{"edge_ttl":31536001}"#.to_owned(), false),
            (r#"{"browser_ttl":31536001}"#.to_owned(), false),
        ]);
        for json in [
            r#"{"widths":[65536]}"#, r#"{"mode":"open"}"#, r#"{"adapters":["imgix"]}"#,
            r#"{"onerror":""}"#, r#"{"presets":{"a":{}}}"#,
        ] {
            assert!(decode::<MediaConfig>(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn presets_and_slots() {
        let presets = |count: usize| {
            let one = |n| format!(r#""p{n}":{{"query":"w=1"}}"#);
            format!(r#"{{"presets":{{{}}}}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
        };
        let preset =
            |name: &str, preset: &str| format!(r#"{{"presets":{{"{name}":{{{preset}}}}}}}"#);
        let query = |query: &str| preset("a", &format!(r#""query":"{query}""#));
        let slot = |name: &str, chars_max: u16, query: &str| {
            let slot = format!(r#"{{"name":"{name}","chars_max":{chars_max}}}"#);
            preset("a", &format!(r#""query":"{query}","slot":{slot}"#))
        };
        let text = "txt=name&txt-font=%2Ff&txt-size=9";
        let font =
            |bytes: usize| format!("txt=a&txt-font=%2F{}&txt-size=9", "f".repeat(bytes - 29));
        checked(&[
            (presets(64), true),
            (presets(65), false),
            (query("w=9"), true),
            (query(""), true),
            (query("w=0"), false),
            (query("w=9&h=9"), false),
            (query("w=9&s=x"), false),
            (query("p=a"), false),
            (query("txt=a&txt-size=9"), false),
            (query(&font(2048)), true),
            (query(&font(2049)), false),
            (preset("", r#""query":"w=1""#), false),
            (preset("A", r#""query":"w=1""#), false),
            (preset(&"a".repeat(32), r#""query":"w=1""#), true),
            (preset(&"a".repeat(33), r#""query":"w=1""#), false),
            (slot("name", 20, text), true),
            (slot("name", 200, text), true),
            (slot("name", 201, text), false),
            (slot("name", 0, text), false),
            (slot("", 20, text), false),
            (slot("w", 20, text), false),
            (slot("mark2-w", 20, text), false),
            (slot("name", 20, "w=9"), false),
        ]);
    }
}
