//! Places a line of text in a box.

use resvg::tiny_skia::{Rect, Transform};
use resvg::usvg::Tree;

use crate::svg::render;
use crate::{Drawn, Fault};

/// A place along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    Start,
    Middle,
    End,
}

impl Along {
    fn share(self) -> f32 {
        match self {
            Self::Start => 0.0,
            Self::Middle => 0.5,
            Self::End => 1.0,
        }
    }
}

/// Draws a line of text in a box of `width` and `height`, smaller if it does not fit.
///
/// The drawing has only the part of the box that the text covers. It is empty if there is nothing
/// to see.
pub fn draw(tree: &Tree, width: u32, height: u32, x: Along, y: Along) -> Result<Drawn, Fault> {
    let Some(extent) = extent(tree) else {
        return Ok(Drawn { x: 0, y: 0, width: 0, height: 0, rgba: Vec::new() });
    };
    let (box_width, box_height) = (width as f32, height as f32);
    let scale = (box_width / extent.width()).min(box_height / extent.height()).min(1.0);
    let left = (box_width - extent.width() * scale) * x.share();
    let top = (box_height - extent.height() * scale) * y.share();
    let (first_x, end_x) = covered(left, extent.width() * scale, width);
    let (first_y, end_y) = covered(top, extent.height() * scale, height);
    let transform = Transform::from_scale(scale, scale).post_translate(
        left - extent.left() * scale - first_x as f32,
        top - extent.top() * scale - first_y as f32,
    );
    let (width, height) = (end_x.saturating_sub(first_x), end_y.saturating_sub(first_y));
    let rgba = render(tree, transform, width, height)?;
    Ok(Drawn { x: first_x, y: first_y, width, height, rgba })
}

/// Returns the area that the text needs: its outlines, but at least the height of its lines, so
/// that "ace" and "age" have the same baseline.
fn extent(tree: &Tree) -> Option<Rect> {
    let (line, outlines) = (tree.root().abs_bounding_box(), tree.root().abs_stroke_bounding_box());
    let extent = Rect::from_ltrb(
        line.left().min(outlines.left()),
        line.top().min(outlines.top()),
        line.right().max(outlines.right()),
        line.bottom().max(outlines.bottom()),
    )?;
    (tree.root().has_children() && extent.width() > 0.0 && extent.height() > 0.0).then_some(extent)
}

/// Returns the first pixel that is covered along an axis, and the one after the last.
fn covered(start: f32, length: f32, bound: u32) -> (u32, u32) {
    let first = start.floor().max(0.0) as u32;
    let end = (start + length).ceil().max(0.0) as u32;
    (first.min(bound), end.min(bound))
}
