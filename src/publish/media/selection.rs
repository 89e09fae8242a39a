//! Selects the renditions of a deployment to make ahead: images, times presets and widths, times
//! the formats that clients read.

use std::collections::HashSet;
use std::path::Path;

use ignore::gitignore::Gitignore;

use crate::publish::failure::Failure;
use crate::publish::live_files::LiveFiles;
use crate::publish::patterns::patterns;
use crate::publish::text::first_names;
use crate::site::media::config::{MediaConfig, Mode};
use crate::site::media::grammar::{Authority, parse};
use crate::wire::query;

/// Media types that the media worker reads.
const SOURCE_TYPES: [&str; 5] =
    ["image/jpeg", "image/png", "image/webp", "image/gif", "image/svg+xml"];
const SVG: &str = "image/svg+xml";

/// Clients by the formats that they read. Their `Accept` headers lead to different renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClientFormat {
    /// For clients that read AVIF and WebP: current browsers
    Avif,
    /// For clients that read WebP, but not AVIF: older browsers
    Webp,
    /// For all others: JPEG, or PNG for images with transparency
    Jpg,
}

impl ClientFormat {
    pub const ALL: [Self; 3] = [Self::Avif, Self::Webp, Self::Jpg];

    pub fn accept(self) -> &'static str {
        match self {
            Self::Avif => "image/avif,image/webp,*/*",
            Self::Webp => "image/webp,*/*",
            Self::Jpg => "*/*",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Avif => "avif",
            Self::Webp => "webp",
            Self::Jpg => "jpg",
        }
    }
}

/// The user's choice. Empty lists mean all presets and all formats, and no widths.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub presets: Vec<String>,
    pub widths: Vec<u16>,
    pub formats: Vec<ClientFormat>,
    /// Patterns of paths, as in .gitignore. Those that begin with `!` leave images out.
    pub paths: Vec<String>,
}

/// A transformation, for clients that read some formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub query: String,
    pub format: ClientFormat,
    /// Whether an SVG image is sent as it is.
    is_svg_itself: bool,
}

/// A rendition to make: a decoded path, and its shape.
#[derive(Debug, Clone)]
pub struct Selected<'a> {
    pub path: &'a str,
    pub shape: &'a Shape,
}

/// Returns the shapes that a choice stands for. Those with the same rendition are there once.
pub fn shapes(config: &MediaConfig, choice: &Choice) -> Result<Vec<Shape>, Failure> {
    // With `mode = "signed"`, visitors have signed URLs.
    let authority = match config.mode {
        Mode::Signed => Authority::Signed,
        Mode::Bounded | Mode::Presets => Authority::Anyone,
    };
    let formats: &[_] =
        if choice.formats.is_empty() { &ClientFormat::ALL } else { &choice.formats };
    let (mut shapes, mut known) = (Vec::new(), HashSet::new());
    for query in queries(config, choice)? {
        for format in formats {
            let request = parse(&query, config, Some(format.accept()), authority);
            let request = request.map_err(|error| {
                let hint =
                    "docs/media.md says what visitors may ask for; presets may have anything";
                Failure::refused("disallowed", format!("`{query}`: {error}"), hint)
            })?;
            if known.insert(request.transformation.canonical()) {
                let is_svg_itself = request.is_negotiated() && request.is_plain();
                shapes.push(Shape { query: query.clone(), format: *format, is_svg_itself });
            }
        }
    }
    Ok(shapes)
}

/// Returns the query of each preset in each width.
fn queries(config: &MediaConfig, choice: &Choice) -> Result<Vec<String>, Failure> {
    let known: Vec<&str> = config.presets.keys().map(String::as_str).collect();
    let mut presets: Vec<&str> = choice.presets.iter().map(String::as_str).collect();
    if let Some(preset) = presets.iter().find(|preset| !known.contains(preset)) {
        let hint = match known.as_slice() {
            [] => "the deployment has no presets: choose widths with --width".to_owned(),
            known => format!("the deployment has {}", known.join(", ")),
        };
        return Err(Failure::refused("no-preset", format!("there is no preset `{preset}`"), hint));
    }
    let is_listed = |width: &&u16| config.mode == Mode::Signed || config.widths.contains(width);
    if let Some(width) = choice.widths.iter().find(|width| !is_listed(width)) {
        let listed: Vec<String> = config.widths.iter().map(u16::to_string).collect();
        let message = format!("{width} is not in `widths`, so no visitor gets this width");
        return Err(Failure::refused("no-width", message, format!("use {}", listed.join(", "))));
    }
    if presets.is_empty() && choice.widths.is_empty() {
        presets = known;
    }
    if presets.is_empty() && choice.widths.is_empty() {
        let message = "nothing to make: the deployment has no presets";
        return Err(Failure::refused("usage", message, "choose widths: --width 640,1080"));
    }
    let presets = presets.iter().map(|name| format!("p={}", query::encode(name)));
    let widths: Vec<String> = choice.widths.iter().map(|width| format!("w={width}")).collect();
    Ok(match (presets.len(), widths.len()) {
        (0, _) => widths,
        (_, 0) => presets.collect(),
        _ => {
            let pair = |preset: String| widths.iter().map(move |width| format!("{preset}&{width}"));
            presets.flat_map(pair).collect()
        }
    })
}

/// Returns the paths of the images that a choice stands for, sorted, and whether each is SVG.
pub fn images<'a>(files: &'a LiveFiles, choice: &Choice) -> Result<Vec<(&'a str, bool)>, Failure> {
    let paths = Paths::parse(&choice.paths)?;
    let config = &files.manifest.head().config;
    let mut images = Vec::new();
    let mut other: Vec<&str> = Vec::new();
    for (path, asset) in files.files() {
        let media_type = asset.media_type().to_ascii_lowercase();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if asset.identity().length == 0
            || !SOURCE_TYPES.contains(&media_type)
            || config.is_of_collection(path)
        {
            continue;
        }
        match paths.holds(path) {
            true => images.push((path, media_type == SVG)),
            false => other.push(path),
        }
    }
    images.sort_unstable();
    other.sort_unstable();
    if images.is_empty() {
        let message = "the deployment has no such image";
        let hint = match other.as_slice() {
            [] => "it has no JPEG, PNG, WebP, GIF or SVG image at all".to_owned(),
            other => {
                format!("--path takes patterns as in .gitignore; it has {}", first_names(other))
            }
        };
        return Err(Failure::refused("no-image", message, hint));
    }
    Ok(images)
}

/// Returns each image in each shape, but for those that an SVG image has by itself.
pub fn select<'a>(images: &[(&'a str, bool)], shapes: &'a [Shape]) -> Vec<Selected<'a>> {
    let of_image = |(path, is_svg): &(&'a str, bool)| {
        let (path, is_svg) = (*path, *is_svg);
        let shapes = shapes.iter().filter(move |shape| !(is_svg && shape.is_svg_itself));
        shapes.map(move |shape| Selected { path, shape })
    };
    images.iter().flat_map(of_image).collect()
}

/// Patterns of paths to take, or of all, and of paths to leave out.
struct Paths {
    taken: Gitignore,
    left_out: Gitignore,
}

impl Paths {
    /// Lines that begin with `!` leave paths out, whatever their order.
    fn parse(lines: &[String]) -> Result<Self, Failure> {
        let (left_out, taken): (Vec<_>, Vec<_>) =
            lines.iter().cloned().partition(|line| line.starts_with('!'));
        let left_out: Vec<_> =
            left_out.iter().map(|line| line.trim_start_matches('!').to_owned()).collect();
        let patterns = |lines: &[String]| patterns(Path::new(""), lines);
        Ok(Self { taken: patterns(&taken)?, left_out: patterns(&left_out)? })
    }

    fn holds(&self, path: &str) -> bool {
        let path = path.trim_start_matches('/');
        let is_match =
            |patterns: &Gitignore| patterns.matched_path_or_any_parents(path, false).is_ignore();
        (self.taken.is_empty() || is_match(&self.taken)) && !is_match(&self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::media::config::Preset;

    fn config(mode: Mode) -> MediaConfig {
        let mut config = MediaConfig { mode, ..MediaConfig::default() };
        for (name, query) in [("card", "ar=4%3A3&fit=crop&w=300"), ("og", "fm=jpg&w=1200")] {
            let preset = Preset { query: query.to_owned(), slot: None };
            config.presets.insert(name.to_owned(), preset);
        }
        config
    }

    fn choice(presets: &[&str], widths: &[u16], formats: &[ClientFormat]) -> Choice {
        Choice {
            presets: presets.iter().map(|&name| name.to_owned()).collect(),
            widths: widths.to_vec(),
            formats: formats.to_vec(),
            paths: Vec::new(),
        }
    }

    fn shown(mode: Mode, choice: &Choice) -> String {
        let found = match shapes(&config(mode), choice) {
            Ok(found) => found,
            Err(failure) => return failure.message,
        };
        let shown = found.iter().map(|shape| format!("{} {:?}", shape.query, shape.format));
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn presets_times_widths_times_formats() {
        use ClientFormat::{Avif, Jpg, Webp};
        let rows: [(Mode, Choice, &str); 9] = [
            // The format of `og` is fixed.
            (
                Mode::Bounded,
                choice(&[], &[], &[]),
                "p=card Avif, p=card Webp, p=card Jpg, p=og Avif",
            ),
            (Mode::Bounded, choice(&["og"], &[], &[Jpg, Avif]), "p=og Jpg"),
            (
                Mode::Presets,
                choice(&["card"], &[64, 640], &[Webp]),
                "p=card&w=64 Webp, p=card&w=640 Webp",
            ),
            (Mode::Bounded, choice(&[], &[640, 640], &[Jpg, Jpg]), "w=640 Jpg"),
            (Mode::Bounded, choice(&["none"], &[], &[]), "there is no preset `none`"),
            (
                Mode::Bounded,
                choice(&[], &[641], &[]),
                "641 is not in `widths`, so no visitor gets this width",
            ),
            (Mode::Signed, choice(&[], &[641], &[Avif]), "w=641 Avif"),
            (Mode::Signed, choice(&[], &[4097], &[]), "`w=4097`: `w` must be between 1 and 4096"),
            (
                Mode::Presets,
                choice(&[], &[640], &[]),
                "`w=640`: `p` is not allowed here: name a preset, or sign the URL",
            ),
        ];
        for (mode, choice, expected) in rows {
            assert_eq!(shown(mode, &choice), expected, "{choice:?}");
        }
        let nothing = shapes(&MediaConfig::default(), &Choice::default()).unwrap_err();
        assert!(nothing.message.starts_with("nothing to make"), "{nothing}");
    }

    #[test]
    fn signatures_change_no_rendition() {
        let config = config(Mode::Bounded);
        let widths = config.widths.clone();
        for choice in [
            choice(&[], &[], &[]),
            choice(&["card", "og"], &widths, &[]),
            choice(&[], &widths, &[]),
        ] {
            for Shape { query, format, .. } in shapes(&config, &choice).unwrap() {
                let [open, signed] = [Authority::Anyone, Authority::Signed].map(|authority| {
                    let request = parse(&query, &config, Some(format.accept()), authority);
                    request.unwrap().transformation.canonical()
                });
                assert_eq!(open, signed, "{query}");
            }
        }
    }

    #[test]
    fn svg_images_are_sent_as_they_are() {
        let config = config(Mode::Bounded);
        let images = [("/a.jpg", false), ("/b.svg", true)];
        let count = |choice: &Choice| select(&images, &shapes(&config, choice).unwrap()).len();
        assert_eq!(count(&choice(&[], &[640], &[])), 3);
        assert_eq!(count(&choice(&["card"], &[], &[])), 6);
    }

    #[test]
    fn path_patterns() {
        let all: &[&str] = &["/a.jpg", "/photos/a.jpg", "/photos/b/a.png"];
        let rows: [(&[&str], &[&str]); 9] = [
            (&[], all),
            (&["/photos/"], &all[1..]),
            (&["/photos/*"], &all[1..]),
            (&["*.jpg"], &all[..2]),
            (&["/*.jpg"], &all[..1]),
            (&["a.*", "!/photos/"], &all[..1]),
            (&["!/photos/"], &all[..1]),
            (&["!a.png", "/photos/"], &all[1..2]),
            (&["/none"], &[]),
        ];
        for (lines, expected) in rows {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            let paths = Paths::parse(&lines).unwrap();
            let found: Vec<&str> = all.iter().copied().filter(|path| paths.holds(path)).collect();
            assert_eq!(found, expected, "{lines:?}");
        }
        for line in ["[z-a]", "![z-a]"] {
            assert!(Paths::parse(&[line.to_owned()]).is_err(), "{line}");
        }
    }
}
