//! Draws images and text natively. What must be stopped by the module's bounds, and would not stop
//! here, is in `tests/e2e/wire/drawing.test.mjs`.
#![cfg(not(target_arch = "wasm32"))]

use selvedge_drawing::svg::{NESTING_MAX, SVG_BYTES_MAX};
use selvedge_drawing::text::Along;
use selvedge_drawing::{Drawn, Fault, svg, text};

const LATIN: &[u8] = include_bytes!("../../../tests/fonts/NotoSans-Latin.ttf");
const ARABIC: &[u8] = include_bytes!("../../../tests/fonts/NotoNaskhArabic-Greeting.ttf");
const DEVANAGARI: &[u8] = include_bytes!("../../../tests/fonts/NotoSansDevanagari-Greeting.ttf");

const RED: [u8; 4] = [255, 0, 0, 255];
const NOTHING: [u8; 4] = [0; 4];

fn image(content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 8 8\">{content}</svg>"
    )
}

fn drawn(svg: &str) -> Result<Drawn, Fault> {
    svg::draw(&svg::parse(svg.as_bytes(), None)?, 8, 8)
}

fn pixel(drawn: &Drawn, x: u32, y: u32) -> [u8; 4] {
    let at = ((y * drawn.width + x) * 4) as usize;
    drawn.rgba[at..at + 4].try_into().unwrap()
}

fn line_in(value: &str, font: &[u8], size: u32, bounds: (u32, u32), x: Along, y: Along) -> Drawn {
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><text xml:space=\"preserve\" \
         font-size=\"{size}\">{value}</text></svg>"
    );
    let tree = svg::parse(svg.as_bytes(), Some(font.to_vec())).unwrap();
    text::draw(&tree, bounds.0, bounds.1, x, y).unwrap()
}

fn line(value: &str, font: &[u8], size: u32) -> Drawn {
    line_in(value, font, size, (1000, 400), Along::Start, Along::Start)
}

#[test]
fn an_image_is_stretched_to_the_size_that_is_asked_for() {
    let svg = image("<rect width=\"4\" height=\"8\" fill=\"red\"/>");
    let tree = svg::parse(svg.as_bytes(), None).unwrap();
    for (width, height) in [(2, 2), (100, 50), (1, 4096), (4096, 1)] {
        let drawn = svg::draw(&tree, width, height).unwrap();
        assert_eq!((drawn.width, drawn.height), (width, height));
        assert_eq!(drawn.rgba.len(), (width * height * 4) as usize);
        if width > 1 {
            assert_eq!(pixel(&drawn, 0, 0), RED);
            assert_eq!(pixel(&drawn, width - 1, height - 1), NOTHING);
        }
    }
    for (width, height, fault) in [
        (0, 8, Fault::Broken),
        (8, 0, Fault::Broken),
        (4097, 1, Fault::TooComplex),
        (1, 4097, Fault::TooComplex),
        (u32::MAX, u32::MAX, Fault::TooComplex),
    ] {
        assert_eq!(svg::draw(&tree, width, height), Err(fault));
    }
}

#[test]
fn alpha_is_not_premultiplied() {
    let half = "<rect width=\"8\" height=\"8\" fill=\"red\" opacity=\"0.5\"/>";
    assert_eq!(pixel(&drawn(&image(half)).unwrap(), 3, 3), [255, 0, 0, 128]);
}

/// Returns whether an image with `content` shows the same as without.
fn shows_nothing(content: &str) -> bool {
    drawn(&image(content)).unwrap().rgba.chunks(4).all(|pixel| pixel == NOTHING)
}

#[test]
fn nothing_outside_the_document_is_read() {
    let folder = std::env::temp_dir().join(format!("selvedge-drawing-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let secret = folder.join("secret.svg");
    std::fs::write(&secret, image("<rect width=\"8\" height=\"8\" fill=\"red\"/>")).unwrap();
    let path = secret.display();
    let data = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='8' height='8'\
                %3E%3Crect width='8' height='8'/%3E%3C/svg%3E";
    for href in [
        path.to_string(),
        format!("file://{path}"),
        "http://127.0.0.1/a.svg".to_owned(),
        "//127.0.0.1/a.png".to_owned(),
        data.to_owned(),
    ] {
        for name in ["href", "xlink:href"] {
            let on =
                |element: &str| format!("<{element} width=\"8\" height=\"8\" {name}=\"{href}\"/>");
            assert!(shows_nothing(&on("image")), "image {href}");
            assert!(shows_nothing(&on("use")), "use {href}");
            let filter = format!(
                "<filter id=\"f\">{}</filter><rect width=\"8\" height=\"8\" filter=\"url(#f)\"/>",
                on("feImage")
            );
            assert!(shows_nothing(&filter), "feImage {href}");
        }
        let import = format!("<style>@import url('{href}');</style>");
        assert!(shows_nothing(&import), "{href}");
    }
    let entity = format!(
        "<!DOCTYPE svg [<!ENTITY e SYSTEM \"file://{path}\">]>{}",
        image("<rect width=\"8\" height=\"8\" fill=\"none\"/>&e;")
    );
    assert!(drawn(&entity).is_err_or_empty());
    std::fs::remove_dir_all(&folder).unwrap();
}

trait Emptiness {
    fn is_err_or_empty(&self) -> bool;
}

impl Emptiness for Result<Drawn, Fault> {
    fn is_err_or_empty(&self) -> bool {
        self.as_ref().map_or(true, |drawn| drawn.rgba.iter().all(|byte| *byte == 0))
    }
}

#[test]
fn elements_are_nested_up_to_a_depth() {
    let nested = |depth: usize| {
        // The outermost element counts.
        let groups = depth - 2;
        let inside = "<rect width=\"8\" height=\"8\" fill=\"red\"/>";
        image(&format!("{}{inside}{}", "<g>".repeat(groups), "</g>".repeat(groups)))
    };
    assert_eq!(pixel(&drawn(&nested(NESTING_MAX)).unwrap(), 3, 3), RED);
    assert_eq!(drawn(&nested(NESTING_MAX + 1)), Err(Fault::TooComplex));
    assert_eq!(drawn(&nested(300_000)), Err(Fault::TooComplex));
}

#[test]
fn repeated_elements_are_bounded() {
    let circle = "<g id=\"a\"><use href=\"#b\"/></g><g id=\"b\"><use href=\"#c\"/></g>\
                  <g id=\"c\"><use href=\"#a\"/></g>";
    assert_eq!(drawn(&image(circle)), Err(Fault::TooComplex));
}

#[test]
fn documents_are_bounded() {
    let padded = |bytes: usize| {
        let image = image("<rect width=\"8\" height=\"8\" fill=\"red\"/>");
        format!("{image}{}", " ".repeat(bytes - image.len()))
    };
    assert_eq!(pixel(&drawn(&padded(SVG_BYTES_MAX)).unwrap(), 3, 3), RED);
    assert_eq!(drawn(&padded(SVG_BYTES_MAX + 1)), Err(Fault::TooComplex));
}

#[test]
fn what_is_no_image_is_refused() {
    for broken in ["", " ", "<svg", "<html/>", "{}", "\u{89}PNG", "<svg/>x", "&lol;"] {
        assert_eq!(svg::parse(broken.as_bytes(), None).err(), Some(Fault::Broken), "{broken:?}");
    }
    assert_eq!(svg::parse(b"<svg \xff/>", None).err(), Some(Fault::Broken));
    let empty = image("");
    for font in [&b"x"[..], &[0; 64], &LATIN[..200]] {
        let parsed = svg::parse(empty.as_bytes(), Some(font.to_vec()));
        assert_eq!(parsed.err(), Some(Fault::Broken));
    }
}

#[test]
fn entities_are_expanded_within_bounds() {
    let named = "<!DOCTYPE svg [<!ENTITY red \"#ff0000\">]>".to_owned()
        + &image("<rect width=\"8\" height=\"8\" fill=\"&red;\"/>");
    assert_eq!(pixel(&drawn(&named).unwrap(), 3, 3), RED);
    let laughs: String = (1..10)
        .map(|level| {
            let ten = format!("&l{};", level - 1).repeat(10);
            format!("<!ENTITY l{level} \"{ten}\">")
        })
        .collect();
    let bomb = format!("<!DOCTYPE svg [<!ENTITY l0 \"ha\">{laughs}]>{}", image("&l9;"));
    assert_eq!(drawn(&bomb), Err(Fault::Broken));
    let cycle = format!("<!DOCTYPE svg [<!ENTITY a \"&a;\">]>{}", image("&a;"));
    assert_eq!(drawn(&cycle), Err(Fault::Broken));
}

#[test]
fn text_has_its_size_where_it_fits_and_is_smaller_elsewhere() {
    let large = line("Mug", LATIN, 100);
    let small = line("Mug", LATIN, 50);
    assert!(
        (large.width as i32 - small.width as i32 * 2).abs() <= 2,
        "{} {}",
        large.width,
        small.width
    );
    let fitted = line_in("Mug", LATIN, 100, (large.width / 2, 400), Along::Start, Along::Start);
    assert!(fitted.width <= large.width / 2 && fitted.width + 2 >= large.width / 2);
    assert!((fitted.height as i32 * 2 - large.height as i32).abs() <= 3);
    let low = line_in("Mug", LATIN, 100, (1000, large.height / 4), Along::Start, Along::Start);
    assert!(low.height <= large.height / 4);
    // Never enlarged.
    assert_eq!(line_in("Mug", LATIN, 50, (4000, 4000), Along::Start, Along::Start), small);
}

#[test]
fn text_is_aligned_within_its_box() {
    let bounds = (301, 201);
    let at = |x, y| line_in("Mug", LATIN, 40, bounds, x, y);
    let start = at(Along::Start, Along::Start);
    let middle = at(Along::Middle, Along::Middle);
    let end = at(Along::End, Along::End);
    assert_eq!((start.x, start.y), (0, 0));
    assert_eq!((end.x + end.width, end.y + end.height), bounds);
    let centre = (middle.x * 2 + middle.width, middle.y * 2 + middle.height);
    assert!(centre.0.abs_diff(bounds.0) <= 1 && centre.1.abs_diff(bounds.1) <= 1, "{centre:?}");
    // The same line for letters with and without descenders.
    assert_eq!(line("ace", LATIN, 40).height, line("age", LATIN, 40).height);
}

#[test]
fn text_without_outlines_is_empty() {
    for value in ["", " ", "   "] {
        let drawn = line(value, LATIN, 40);
        assert!(drawn.rgba.iter().all(|byte| *byte == 0), "{value:?}");
    }
    let none = svg::parse(image("<text>a</text>").as_bytes(), None).unwrap();
    let drawn = text::draw(&none, 8, 8, Along::Start, Along::Start).unwrap();
    assert_eq!((drawn.width, drawn.height), (0, 0));
}

#[test]
fn scripts_are_shaped() {
    // Letters of an Arabic word join, so it is narrower than the letters apart.
    let joined = line("سلام", ARABIC, 80);
    let apart: u32 = "سلام".chars().map(|c| line(&c.to_string(), ARABIC, 80).width).sum();
    assert!(joined.width * 10 < apart * 9, "{} of {apart}", joined.width);
    // Right to left: the first letter is on the right.
    let reversed: String = "سلام".chars().rev().collect();
    assert_ne!(line(&reversed, ARABIC, 80), joined);
    // The vowel sign is drawn before its consonant: क + ्ष + ि is one cluster.
    let cluster = line("क्षि", DEVANAGARI, 80);
    let apart: u32 = "कषि".chars().map(|c| line(&c.to_string(), DEVANAGARI, 80).width).sum();
    assert!(cluster.width < apart, "{} of {apart}", cluster.width);
}

#[test]
fn the_font_is_the_given_one_whatever_the_text_asks_for() {
    let named = image("<text y=\"8\" font-family=\"Papyrus\" font-weight=\"900\">a</text>");
    let tree = svg::parse(named.as_bytes(), Some(LATIN.to_vec())).unwrap();
    assert!(svg::draw(&tree, 64, 64).unwrap().rgba.iter().any(|byte| *byte > 0));
}
