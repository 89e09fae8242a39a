//! Checks the files that the presets of `[media]` need, and warns about files that renditions hide.

use std::fs;

use crate::publish::config::media::{PresetFile, PresetFileKind};
use crate::publish::config::settings::Loaded;
use crate::publish::failure::{Findings, Problem};
use crate::publish::scan::ScannedFile;
use crate::publish::text::{counted, first_names};
use crate::site::media::address::PREFIX;
use crate::site::media::plan::PART_BYTES_MAX;
use crate::site::source::diagnostic::Located;

/// Media types of overlays.
const OVERLAY_TYPES: [&str; 4] = ["image/png", "image/webp", "image/jpeg", "image/gif"];

/// `files`: those to publish, with their media types.
pub fn check(loaded: &Loaded, files: &[(ScannedFile, String)], findings: &mut Findings) {
    if loaded.config.media.is_none() {
        return;
    }
    for needed in &loaded.preset_files {
        findings.problems.extend(problem(needed, files));
    }
    let hidden = files.iter().map(|(file, _)| file.path.as_str());
    let hidden: Vec<&str> = hidden.filter(|path| path.starts_with(PREFIX)).collect();
    if !hidden.is_empty() {
        let (files, names) = (counted(hidden.len(), "file"), first_names(&hidden));
        findings.warnings.push(Problem {
            message: format!("{files} below `{PREFIX}` can't be reached: {names}"),
            hint: "move them: with [media] in selvedge.toml, renditions are served there".into(),
            ..Problem::default()
        });
    }
}

fn problem(needed: &Located<PresetFile>, files: &[(ScannedFile, String)]) -> Option<Problem> {
    let path = &needed.rule.path;
    let found = files.iter().find(|(file, _)| file.path == *path);
    let Some((file, media_type)) = found else {
        let message = format!("the file `{path}` is not in the folder");
        return Some(Problem::located(needed, message, "write its path from the root of the site"));
    };
    if file.stat.size > PART_BYTES_MAX {
        let size = file.stat.size;
        let message = format!("the file `{path}` has {size} bytes, more than {PART_BYTES_MAX}");
        return Some(Problem::located(needed, message, "make it smaller"));
    }
    let is_usable = match needed.rule.kind {
        PresetFileKind::Overlay => OVERLAY_TYPES.contains(&media_type.as_str()),
        // A file that can't be read is reported anyway.
        PresetFileKind::Font => fs::read(&file.file).map_or(true, |bytes| is_font(&bytes)),
    };
    let (what, hint) = match needed.rule.kind {
        PresetFileKind::Overlay => ("an image for an overlay", "use PNG, WebP, JPEG or GIF"),
        PresetFileKind::Font => ("a font in TrueType or OpenType format", "convert it to .ttf"),
    };
    let message = format!("the file `{path}` is not {what}");
    (!is_usable).then(|| Problem::located(needed, message, hint))
}

fn is_font(bytes: &[u8]) -> bool {
    ttf_parser::Face::parse(bytes, 0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::scan::Stat;

    #[test]
    fn sizes_are_bounded() {
        let rule = PresetFile { path: "/a.png".to_owned(), kind: PresetFileKind::Overlay };
        let needed = Located { file: "selvedge.toml".to_owned(), line: 3, rule };
        for (size, fits) in [(0, true), (PART_BYTES_MAX, true), (PART_BYTES_MAX + 1, false)] {
            let stat = Stat { size, ..Stat::default() };
            let file = ScannedFile { path: "/a.png".to_owned(), file: "a.png".into(), stat };
            let files = [(file, "image/png".to_owned())];
            assert_eq!(problem(&needed, &files).is_none(), fits, "{size}");
        }
    }
}
