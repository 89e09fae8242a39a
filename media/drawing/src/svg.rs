//! Parses and draws SVG images.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::roxmltree::{self, Document, ParsingOptions};
use resvg::usvg::{Error, FontResolver, ImageHrefResolver, Options, Tree};

use crate::{Drawn, Fault};

/// Largest document. A tree takes several times its size.
pub const SVG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Maximum depth of elements: each level may be a layer of the size of the drawing.
pub const NESTING_MAX: usize = 32;
/// Largest side of a drawing in pixels.
pub const SIDE_MAX: u32 = 4096;

/// Parses a document. Its text is drawn with `font`, whatever it asks for, and is left out without.
///
/// Images in it are left out, because each would be another decoder of untrusted bytes.
pub fn parse(svg: &[u8], font: Option<Vec<u8>>) -> Result<Tree, Fault> {
    if svg.len() > SVG_BYTES_MAX {
        return Err(Fault::TooComplex);
    }
    let text = std::str::from_utf8(svg).map_err(|_| Fault::Broken)?;
    // Drawing programs declare their namespaces as entities.
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| Fault::Broken)?;
    if is_too_deep(&document) {
        return Err(Fault::TooComplex);
    }
    Tree::from_xmltree(&document, &options_with(font)?).map_err(|error| match error {
        // More than a million elements, or 1,024 levels, of which `use` repeats most.
        Error::ElementsLimitReached | Error::ParsingFailed(roxmltree::Error::NodesLimitReached) => {
            Fault::TooComplex
        }
        _ => Fault::Broken,
    })
}

fn is_too_deep(document: &Document) -> bool {
    // The last ancestor is the document itself.
    let deepest = NESTING_MAX + 1;
    document
        .descendants()
        .filter(|node| node.is_element())
        .any(|node| node.ancestors().take(deepest + 1).count() > deepest)
}

fn options_with(font: Option<Vec<u8>>) -> Result<Options<'static>, Fault> {
    let mut fonts = Database::new();
    if let Some(bytes) = font {
        fonts.load_font_data(bytes);
        if fonts.is_empty() {
            return Err(Fault::Broken);
        }
    }
    Ok(Options {
        fontdb: Arc::new(fonts),
        font_resolver: FontResolver {
            select_font: Box::new(|_, fonts| fonts.faces().next().map(|face| face.id)),
            select_fallback: Box::new(|_, _, _| None),
        },
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    })
}

/// Draws all of an image, stretched to a size.
pub fn draw(tree: &Tree, width: u32, height: u32) -> Result<Drawn, Fault> {
    let own = tree.size();
    let scale = Transform::from_scale(width as f32 / own.width(), height as f32 / own.height());
    let rgba = render(tree, scale, width, height)?;
    Ok(Drawn { x: 0, y: 0, width, height, rgba })
}

pub(crate) fn render(
    tree: &Tree,
    transform: Transform,
    width: u32,
    height: u32,
) -> Result<Vec<u8>, Fault> {
    if width > SIDE_MAX || height > SIDE_MAX {
        return Err(Fault::TooComplex);
    }
    let mut pixels = Pixmap::new(width, height).ok_or(Fault::Broken)?;
    resvg::render(tree, transform, &mut pixels.as_mut());
    Ok(pixels.take_demultiplied())
}
