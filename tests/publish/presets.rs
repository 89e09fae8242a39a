//! The files that the presets of `[media]` need.

use super::*;

/// Returns a font without glyphs: the tables `head`, `hhea` and `maxp`.
fn font() -> Vec<u8> {
    let mut head = vec![0; 54];
    head[..4].copy_from_slice(&[0, 1, 0, 0]);
    head[12..16].copy_from_slice(&0x5f0f_3cf5_u32.to_be_bytes());
    head[18..20].copy_from_slice(&1000_u16.to_be_bytes());
    let mut hhea = vec![0; 36];
    hhea[..4].copy_from_slice(&[0, 1, 0, 0]);
    let maxp = vec![0, 0, 0x50, 0, 0, 1];
    let tables = [(b"head", head), (b"hhea", hhea), (b"maxp", maxp)];
    let mut font = vec![0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0];
    let mut at = 12 + 16 * tables.len();
    for (tag, table) in &tables {
        font.extend_from_slice(*tag);
        for number in [0, at as u32, table.len() as u32] {
            font.extend(number.to_be_bytes());
        }
        at += table.len();
    }
    font.extend(tables.into_iter().flat_map(|(_, table)| table));
    font
}

fn configure(folder: &Folder, preset: &str) {
    let toml = format!("[media]\n[media.presets.mug]\nw = 1200\n{preset}\n");
    fs::write(folder.0.join("selvedge.toml"), toml).unwrap();
}

#[test]
fn files_are_checked_before_anything_is_sent() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.write("art/frame.png", &noise(100));
    folder.write("art/my frame.webp", &noise(100));
    folder.write("art/frame.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    folder.write("fonts/a.ttf", &font());
    folder.write("fonts/short.ttf", &font()[..100]);
    folder.write("fonts/a.woff2", b"wOF2");
    let text =
        |file: &str| format!("text = {{ slot = \"name\", max = 20, font = \"/fonts/{file}\" }}");
    let rows = [
        ("mark = \"/art/frame.png\"".to_owned(), None),
        ("mark = \"/art/my frame.webp\"".to_owned(), None),
        ("mark = \"/art//frame.png\"".to_owned(), None),
        (text("a.ttf"), None),
        ("mark2 = \"/art/none.png\"".to_owned(), Some("`/art/none.png` is not in the folder")),
        ("mark = \"/art/Frame.png\"".to_owned(), Some("`/art/Frame.png` is not in the folder")),
        ("mark = \"/art/my%20frame.webp\"".to_owned(), Some("is not in the folder")),
        ("mark = \"/art/frame.svg\"".to_owned(), Some("is not an image for an overlay")),
        ("mark = \"/index.html\"".to_owned(), Some("is not an image for an overlay")),
        (text("none.ttf"), Some("`/fonts/none.ttf` is not in the folder")),
        (text("short.ttf"), Some("is not a font in TrueType or OpenType format")),
        (text("a.woff2"), Some("is not a font in TrueType or OpenType format")),
    ];
    for (preset, expected) in rows {
        configure(&folder, &preset);
        server.reset();
        let options = PublishOptions { extent: Extent::DryRun, ..folder.options() };
        let found = publish(&options, &server, 1);
        let Some(expected) = expected else {
            assert_eq!(found.unwrap().warnings, [], "{preset}");
            continue;
        };
        let failure = found.unwrap_err();
        let [problem] = failure.problems.as_slice() else { panic!("{failure}") };
        assert_eq!(problem.line, Some(4), "{failure}");
        assert!(problem.message.contains(expected), "{failure}");
    }
    configure(&folder, &format!("mark = \"/none.png\"\n{}", text("none.ttf")));
    assert_eq!(folder.publish(&server).unwrap_err().problems.len(), 2);
}

#[test]
fn hidden_files_are_reported() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.write("_media/a.png", &noise(100));
    folder.write("_media.png", &noise(100));
    assert_eq!(folder.publish(&server).unwrap().warnings, []);
    configure(&folder, "");
    let warnings = folder.publish(&server).unwrap().warnings;
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!(warning.message, "1 file below `/_media/` can't be reached: /_media/a.png");
}
