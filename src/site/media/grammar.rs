//! Parses the query of a URL below `/_media/`: imgix's parameters, within the limits of a site.
//!
//! Unknown and empty parameters are ignored; of two with one name, the last counts. `docs/media.md`
//! has the table.

use crate::site::media::accept::accepted;
use crate::site::media::config::{MediaConfig, Mode, Slot};
use crate::site::media::draft::{Draft, QUALITY_DEFAULT, line};
use crate::site::media::error::MediaError;
use crate::site::media::parameter::{Role, Values};
use crate::site::media::size::{Size, listed_ratio};
use crate::site::media::transformation::{Flip, Format, Rotation, Transformation, Wanted};
use crate::wire::query;

const LIST: &str = "list the ratio in `ratios`, sign the URL, or define a preset";
const PRESETS_ONLY: &str = "name a preset, or sign the URL";
const SIGNED_ONLY: &str = "sign the URL";
const NO_WIDTH: &str = "the preset has a height, but no width or ratio";
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
        // A part or a blur may be there to hide the rest.
        let is_whole = made.rect.is_none() && made.blur == 0;
        let is_upright = made.rotate == Rotation::default() && made.flip == Flip::default();
        let is_bare = made.overlays.is_empty() && made.text.is_none();
        is_image && is_whole && is_upright && is_bare && !self.has_preset
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
    let mut transformation = draft.finish(design, listed, accepted(accept))?;
    if is_open && preset.is_none() {
        // Many loaders always send this one.
        if transformation.quality.take().is_some_and(|quality| quality != QUALITY_DEFAULT) {
            return Err(Role::Quality.needs_signature());
        }
    }
    let version = values.of(Role::Version).filter(|version| is_hash(version)).map(str::to_owned);
    let has_preset = preset.is_some();
    Ok(MediaRequest { transformation, authority, has_preset, is_personal, version })
}

/// Parses the query of a preset.
pub fn parse_preset(query: &str) -> Result<Transformation, MediaError> {
    parse_as_written(query, Wanted::default())
}

/// Parses the canonical form of a transformation; `None` for any other text.
pub fn parse_canonical(text: &str) -> Option<Transformation> {
    let reads = |format| text.split('&').any(|parameter| parameter == format);
    let auto = Wanted::Auto { avif: reads("accept=avif"), webp: reads("accept=webp") };
    let made = parse_as_written(text, auto).ok()?;
    (made.canonical() == text).then_some(made)
}

/// Parses a query without presets and limits.
fn parse_as_written(query: &str, auto: Wanted) -> Result<Transformation, MediaError> {
    let mut draft = Draft::default();
    Values::read(query).each(|role, at, value| draft.set(role, at, value))?;
    let design = draft.size;
    draft.finish(design, None, auto)
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
        if design.height.is_some() && design.width.is_none() && design.ratio.is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::media::config::{Preset, Slot, WIDTHS_DEFAULT};

    fn config() -> MediaConfig {
        let mut config = MediaConfig::default();
        let font = "txt-font=%2Ff.ttf&txt-size=90";
        for (name, query, slot) in [
            ("thumb", "fit=crop&fm=jpg&h=200&q=90&w=300".to_owned(), None),
            ("tall", "h=400".to_owned(), None),
            ("wide", "ar=16%3A9&fit=crop".to_owned(), None),
            ("soft", "blur=50".to_owned(), None),
            (
                "mug",
                format!(
                    "h=900&mark=%2Fframe.png&mark-w=600&txt=name&txt-box=300%2C0%2C600%2C120&{font}&w=1200"
                ),
                Some(Slot { name: "name".to_owned(), chars_max: 5 }),
            ),
        ] {
            config.presets.insert(name.to_owned(), Preset { query, slot });
        }
        crate::site::media::check::check(&config).unwrap();
        config
    }

    #[track_caller]
    fn check(authority: Authority, rows: &[(&str, &str)]) {
        let config = config();
        for (query, expected) in rows {
            let found = match parse(query, &config, None, authority) {
                Ok(request) => request.transformation.canonical(),
                Err(MediaError::Bad { parameter, .. }) => format!("400 {parameter}"),
                Err(MediaError::Disallowed { parameter, .. }) => format!("403 {parameter}"),
            };
            assert_eq!(found, *expected, "{query}");
        }
    }

    #[test]
    fn sizes_of_signed_urls() {
        check(
            Authority::Signed,
            &[
                ("", ""),
                ("w=800", "w=800"),
                ("w=1&h=4096", "h=4096&w=1"),
                ("w=801&dpr=1.5", "w=1202"),
                ("w=800&h=500&dpr=2", "h=1000&w=1600"),
                ("w=3000&h=1500&dpr=2", "h=2048&w=4096"),
                ("h=100&ar=3:2", "h=100&w=150"),
                ("ar=32:18&fit=crop", "ar=16%3A9&fit=crop"),
                ("ar=2.35:1&w=470", "h=200&w=470"),
                ("w=4097", "400 w"),
                ("w=0", "400 w"),
                ("w=-1", "400 w"),
                ("w=+1", "400 w"),
                ("w=1e3", "400 w"),
                ("w=0x10", "400 w"),
                ("w=1.0", "400 w"),
                ("w=99999999999999999999", "400 w"),
                ("w=%D9%A1", "400 w"),
                ("h=none", "400 h"),
                ("dpr=1.25&w=1", "400 dpr"),
                ("dpr=5&w=1", "400 dpr"),
                ("dpr=3", ""),
                ("ar=16x9", "400 ar"),
                ("ar=0:9", "400 ar"),
                ("ar=9:0.001", "400 ar"),
                ("ar=:", "400 ar"),
                ("fit=evil", "400 fit"),
            ],
        );
    }

    #[test]
    fn fits_and_crops() {
        check(
            Authority::Signed,
            &[
                // They count where there is a box, and something to cut off.
                ("fit=crop&w=10", "fit=clip&w=10"),
                ("fit=min&w=10", "w=10"),
                ("fit=crop", ""),
                ("fit=crop&crop=top&w=10", "fit=clip&w=10"),
                ("fit=cover&w=10&h=10", "fit=crop&h=10&w=10"),
                ("fit=contain&w=10&h=10", "h=10&w=10"),
                ("fit=inside&w=10&h=10", "h=10&w=10"),
                ("fit=fill&w=10&h=10&crop=top", "fit=fill&h=10&w=10"),
                ("fit=scale&w=10&h=10", "fit=scale&h=10&w=10"),
                ("fit=min&w=9&h=9&crop=top,left", "fit=min&fp-x=0.000&fp-y=0.000&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=bottom", "fit=min&fp-y=1.000&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=center", "fit=min&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=faces,right", "fit=min&fp-x=1.000&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=faces,entropy", "crop=entropy&fit=min&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=edges", "crop=entropy&fit=min&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=entropy&fp-x=.1", "400 fp-x"),
                ("fit=min&w=9&h=9&crop=focalpoint", "fit=min&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=focalpoint&fp-x=0.1", "fit=min&fp-x=0.100&h=9&w=9"),
                ("fit=min&w=9&h=9&fp-x=0.12345&fp-y=1", "fit=min&fp-x=0.123&fp-y=1.000&h=9&w=9"),
                ("fit=min&w=9&h=9&crop=top&fp-x=0.1", "fit=min&fp-y=0.000&h=9&w=9"),
                ("crop=nose", "400 crop"),
                ("fp-x=1.001", "400 fp-x"),
                ("fp-y=2", "400 fp-y"),
            ],
        );
    }

    #[test]
    fn looks() {
        check(
            Authority::Signed,
            &[
                ("rect=1,2,3,4", "rect=1%2C2%2C3%2C4"),
                ("rect=1,2,3", "400 rect"),
                ("rect=1,2,3,4,5", "400 rect"),
                ("rect=1,2,0,4", "400 rect"),
                ("rot=90&flip=h", "flip=h&rot=90"),
                ("rot=360", "400 rot"),
                ("rot=0", ""),
                ("flip=vh", "flip=hv"),
                ("flip=x", "400 flip"),
                ("bg=fff", "bg=ffffffff"),
                ("bg=8123", "bg=88112233"),
                ("bg=%23aAbBcC", "bg=ffaabbcc"),
                ("bg=80aabbcc", "bg=80aabbcc"),
                ("bg=red", "400 bg"),
                ("bg=ffg", "400 bg"),
                ("bg=fffff", "400 bg"),
                ("bg=é12", "400 bg"),
                ("blur=2000&sharp=100", "blur=2000&sharp=100"),
                ("blur=2001", "400 blur"),
                ("sharp=101", "400 sharp"),
                ("blur=0&sharp=0", ""),
                ("blur=30&w=100&dpr=2", "blur=60&w=200"),
            ],
        );
    }

    #[test]
    fn formats_and_qualities() {
        check(
            Authority::Signed,
            &[
                ("fm=jpeg", "fm=jpg"),
                ("f=webp", "fm=webp"),
                ("fm=exe", "400 fm"),
                ("f=png%0d%0aX-A:1", "400 fm"),
                ("fm=jpg&auto=format", ""),
                ("fm=jpg&auto=compress", "fm=jpg"),
                ("fm=json&auto=compress,format", "fm=json"),
                ("fm=thumbhash&auto=format", "fm=thumbhash"),
                ("auto=", ""),
                ("q=75", ""),
                ("q=75&fm=jpg", "fm=jpg"),
                ("q=75&fm=avif", "fm=avif&q=75"),
                ("q=50&fm=avif", "fm=avif"),
                ("q=50", "q=50"),
                ("q=1", "q=5"),
                ("q=81", "q=85"),
                ("q=100", "q=100"),
                ("q=80&fm=png", "fm=png"),
                ("q=0", "400 q"),
                ("q=101", "400 q"),
            ],
        );
    }

    #[test]
    fn overlays_and_text() {
        check(
            Authority::Signed,
            &[
                ("mark=/a%20b.png", "mark=%2Fa%20b.png"),
                ("mark=/a.png&mark-align=bottom,right&mark-alpha=100", "mark=%2Fa.png"),
                ("mark=/a.png&mark-align=top", "mark=%2Fa.png&mark-align=top%2Ccenter"),
                ("mark=/a.png&mark-align=center", "mark=%2Fa.png&mark-align=middle%2Ccenter"),
                (
                    "mark3=/c.png&mark3-w=9&mark=/a.png&mark-alpha=0",
                    "mark=%2Fa.png&mark-alpha=0&mark2=%2Fc.png&mark2-w=9",
                ),
                ("mark-w=9&mark-align=top", ""),
                ("mark=/a.png&mark-w=100&w=50&dpr=3", "mark=%2Fa.png&mark-w=300&w=150"),
                ("mark=a.png", "400 mark"),
                ("mark=//a.test/b.png", "400 mark"),
                ("mark=https://a.test/b.png", "400 mark"),
                ("mark=/%5Ca.test/b.png", "400 mark"),
                ("mark2=/a/../b.png", "400 mark"),
                ("mark=/100%25.png", "mark=%2F100%25.png"),
                ("mark-alpha=101", "400 mark-alpha"),
                ("mark-align=north", "400 mark-align"),
                ("txt=Hi", "400 txt-font"),
                ("txt=Hi&txt-font=/f.ttf", "txt=Hi&txt-font=%2Ff.ttf&txt-size=48"),
                (
                    "txt=Hi+you&txt-font=/f.ttf&txt-box=0,0,90,40&txt-align=left&txt-color=fff",
                    "txt=Hi%20you&txt-align=middle%2Cleft&txt-box=0%2C0%2C90%2C40&txt-color=ffffffff\
                 &txt-font=%2Ff.ttf&txt-size=30",
                ),
                ("txt=a%0ab&txt-font=/f.ttf", "400 txt"),
                ("txt-font=/f.ttf&txt-size=9", ""),
            ],
        );
        let long = |chars| format!("txt={}&txt-font=/f.ttf", "é".repeat(chars));
        assert!(parse(&long(200), &config(), None, Authority::Signed).is_ok());
        assert_eq!(parse(&long(201), &config(), None, Authority::Signed), Err(Role::Text.bad()));
    }

    #[test]
    fn unsigned_urls_are_bounded() {
        check(
            Authority::Anyone,
            &[
                ("", ""),
                ("utm_source=x&W=1", ""),
                ("w=1", "w=32"),
                ("w=800", "w=828"),
                ("w=3840", "w=3840"),
                ("w=3841", "w=3840"),
                ("w=400&dpr=2", "w=828"),
                ("h=300", "h=384"),
                ("w=828&h=828", "h=828&w=828"),
                ("w=800&h=600&fit=crop", "fit=crop&h=621&w=828"),
                ("w=750&h=421&fit=crop", "fit=crop&h=422&w=750"),
                ("w=750&h=423&fit=crop", "fit=crop&h=422&w=750"),
                ("w=750&h=424", "403 h"),
                ("w=800&ar=16:9", "h=466&w=828"),
                ("h=600&ar=4:3", "h=621&w=828"),
                ("w=800&ar=3:2", "403 ar"),
                ("ar=1:1&fit=crop", "ar=1%3A1&fit=crop"),
                (
                    "w=32&h=32&fit=crop&fp-x=0.124&fp-y=0.125",
                    "fit=crop&fp-x=0.000&fp-y=0.250&h=32&w=32",
                ),
                (
                    "w=32&h=32&fit=crop&fp-x=0.874&fp-y=0.875",
                    "fit=crop&fp-x=0.750&fp-y=1.000&h=32&w=32",
                ),
                ("fm=webp&auto=compress", "fm=webp"),
                ("q=75", ""),
                ("q=75&fm=avif", "fm=avif"),
                ("q=71&fm=avif", "fm=avif"),
                ("q=50&fm=avif", "fm=avif"),
                ("q=50", "403 q"),
                ("q=80&fm=png", "fm=png"),
                ("q=500", "400 q"),
                ("rect=0,0,1,1", "403 rect"),
                ("rot=0", "403 rot"),
                ("flip=h", "403 flip"),
                ("bg=fff", "403 bg"),
                ("blur=10", "403 blur"),
                ("sharp=10", "403 sharp"),
                ("mark=/a.png", "403 mark"),
                ("mark4-w=1", "403 mark-w"),
                ("txt=Hi&txt-font=/f.ttf", "403 txt"),
                ("txt-size=9", "403 txt-size"),
                ("p=none", "400 p"),
            ],
        );
    }

    /// `docs/media.md` has the number, times 7 formats and 4 kinds of clients.
    #[test]
    fn unsigned_renditions_are_finite() {
        let lengths = [1, 33, 65, 97, 257, 400, 650, 751, 829, 1100, 1201, 1921, 2049, 4096];
        let lengths = lengths.into_iter().chain(WIDTHS_DEFAULT);
        let ratios = ["1:1", "4:3", "16:9"];
        let mut sizes = vec![String::new()];
        sizes.extend(ratios.map(|ratio| format!("&ar={ratio}")));
        for length in lengths {
            sizes.extend([format!("&w={length}"), format!("&h={length}")]);
            sizes.extend([format!("&w={length}&h={length}"), format!("&w={length}&dpr=1.5")]);
            sizes.extend(ratios.map(|ratio| format!("&w={length}&ar={ratio}")));
            sizes.extend(ratios.map(|ratio| format!("&h={length}&ar={ratio}")));
        }
        let mut crops = vec!["&crop=entropy".to_owned(), "&crop=top,right".to_owned()];
        for x in 0..=8 {
            let points =
                (0..=8).map(|y| format!("&fp-x={}&fp-y={}", x as f32 / 8.0, y as f32 / 8.0));
            crops.extend(points);
        }
        let config = MediaConfig::default();
        let mut found = std::collections::BTreeSet::new();
        for size in &sizes {
            for fit in ["max", "clip", "crop", "fill", "scale", "min"] {
                let is_cut = matches!(fit, "crop" | "min");
                for crop in crops.iter().take(if is_cut { crops.len() } else { 1 }) {
                    let query = format!("fit={fit}{size}{crop}");
                    let request = parse(&query, &config, None, Authority::Anyone).unwrap();
                    found.insert(request.transformation.canonical());
                }
            }
        }
        assert_eq!(found.len(), 2_749);
    }

    #[test]
    fn presets_keep_their_shape() {
        let mug = "mark=%2Fframe.png";
        let half = "h=480&mark=%2Fframe.png&mark-w=320&w=640";
        let text = "txt-font=%2Ff.ttf";
        check(
            Authority::Anyone,
            &[
                ("p=thumb", "fit=crop&fm=jpg&h=200&q=90&w=300"),
                ("$thumb$", "fit=crop&fm=jpg&h=200&q=90&w=300"),
                ("p=thumb&dpr=1.5", "fit=crop&fm=jpg&h=300&q=90&w=450"),
                ("p=thumb&w=60", "fit=crop&fm=jpg&h=43&q=90&w=64"),
                ("p=thumb&w=60&dpr=2", "fit=crop&fm=jpg&h=85&q=90&w=128"),
                ("p=thumb&fm=png", "fit=crop&fm=png&h=200&w=300"),
                ("p=thumb&auto=format", "fit=crop&h=200&q=90&w=300"),
                ("p=thumb&h=100", "403 h"),
                ("p=thumb&ar=1:1", "403 ar"),
                ("p=thumb&fit=max", "403 fit"),
                ("p=thumb&q=75", "403 q"),
                ("p=thumb&blur=1", "403 blur"),
                ("p=thumb&txt=x", "403 txt"),
                ("p=tall", "h=400"),
                ("p=tall&dpr=2", "h=800"),
                ("p=tall&w=100", "403 w"),
                ("p=wide", "ar=16%3A9&fit=crop"),
                ("p=wide&w=1000", "fit=crop&h=608&w=1080"),
                ("p=soft&w=1000", "blur=54&w=1080"),
                ("p=mug", &format!("h=900&{mug}&mark-w=600&w=1200")),
                ("p=mug&name=", &format!("h=900&{mug}&mark-w=600&w=1200")),
                ("p=mug&w=600", half),
                (
                    "p=mug&name=Zo%C3%AB",
                    &format!(
                        "h=900&{mug}&mark-w=600&txt=Zo%C3%AB&txt-box=300%2C0%2C600%2C120&{text}&txt-size=90&w=1200"
                    ),
                ),
                (
                    "p=mug&name=x&w=600&name=Ann",
                    "h=480&mark=%2Fframe.png&mark-w=320&txt=Ann&txt-box=160%2C0%2C320%2C64\
                 &txt-font=%2Ff.ttf&txt-size=48&w=640",
                ),
                ("p=mug&name=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9&w=x", "400 w"),
                ("p=mug&name=123456", "400 txt"),
                ("p=mug&name=a%00", "400 txt"),
                ("name=Ann", ""),
            ],
        );
        check(
            Authority::Signed,
            &[
                ("p=thumb&w=60", "fit=crop&fm=jpg&h=40&q=90&w=60"),
                ("p=thumb&w=60&h=60&q=50", "fit=crop&fm=jpg&h=60&q=50&w=60"),
                ("p=tall&w=100", "403 w"),
                ("p=soft&rot=90", "blur=50&rot=90"),
            ],
        );
    }

    #[test]
    fn modes() {
        let with = |mode| MediaConfig { mode, ..config() };
        let status = |mode, query, authority| {
            let found = parse(query, &with(mode), None, authority);
            found.map_or_else(MediaError::status, |_| 200)
        };
        for (mode, anyone, with_preset) in
            [(Mode::Bounded, 200, 200), (Mode::Presets, 403, 200), (Mode::Signed, 403, 403)]
        {
            assert_eq!(status(mode, "", Authority::Anyone), anyone, "{mode:?}");
            assert_eq!(status(mode, "w=64", Authority::Anyone), anyone, "{mode:?}");
            assert_eq!(status(mode, "p=thumb&w=64", Authority::Anyone), with_preset, "{mode:?}");
            for query in ["", "w=65", "blur=10", "p=thumb"] {
                assert_eq!(status(mode, query, Authority::Signed), 200, "{mode:?} {query}");
            }
        }
    }

    #[test]
    fn requests_tell_what_serving_needs() {
        let of = |query: &str, authority| {
            parse(query, &config(), Some("image/avif"), authority).unwrap()
        };
        let open = |query: &str| of(query, Authority::Anyone);
        assert!(open("").is_negotiated() && open("p=mug").is_negotiated());
        assert!(!open("fm=jpg").is_negotiated() && !open("p=thumb").is_negotiated());
        assert_eq!(open("w=64").transformation.canonical(), "accept=avif&w=64");
        assert!(open("p=mug&name=Ann").is_personal);
        assert!(!open("p=mug").is_personal && !open("p=mug&name=").is_personal);
        assert!(!of("p=mug&name=Ann", Authority::Signed).is_personal);
        assert!(open("w=64&fm=webp").is_plain() && of("q=90", Authority::Signed).is_plain());
        for query in ["blur=9", "rect=0,0,9,9", "rot=90", "flip=h"] {
            assert!(!of(query, Authority::Signed).is_plain(), "{query}");
        }
        for query in ["p=soft", "p=mug", "fm=json", "fm=thumbhash"] {
            assert!(!open(query).is_plain(), "{query}");
        }
        let text = "txt=a&txt-font=/f.ttf";
        for query in ["mark=/a.png", text, "blur=9", "rect=0,0,1,1", "rot=90", "flip=h"] {
            assert!(!of(query, Authority::Signed).is_plain(), "{query}");
        }
        let digits = "0123456789abcdef".repeat(4);
        for (version, is_hash) in [
            ("0123abcd", true),
            (digits.as_str(), true),
            ("0123abc", false),
            ("0123ABCD", false),
            ("", false),
            ("x123abcd", false),
            (&digits.repeat(2), false),
        ] {
            let expected = is_hash.then(|| version.to_owned());
            assert_eq!(open(&format!("v={version}")).version, expected, "{version}");
        }
    }
}
