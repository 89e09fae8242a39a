//! Writes the SVG of a line of text, which the drawing module (`media/drawing`) draws.

use selvedge::site::media::transformation::Text;

/// Returns a document with one line of text in its font size. The drawing module moves it to its
/// place, and makes it smaller if it is too wide for that.
pub fn text_svg(text: &Text) -> String {
    let colour = text.colour;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><text xml:space=\"preserve\" font-size=\"{}\" \
         fill=\"#{:02x}{:02x}{:02x}\" fill-opacity=\"{}\">",
        text.size.max(1),
        colour.red,
        colour.green,
        colour.blue,
        f32::from(colour.alpha) / 255.0,
    );
    for character in text.value.chars() {
        match character {
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '&' => svg.push_str("&amp;"),
            '"' => svg.push_str("&quot;"),
            '\t' | '\n' | '\r' => svg.push(' '),
            _ if is_invisible(character) => {}
            _ => svg.push(character),
        }
    }
    svg.push_str("</text></svg>");
    svg
}

/// Whether a character is left out: XML 1.0 forbids it, or it reorders the text around it.
/// Right-to-left scripts need no control characters.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use selvedge::site::media::transformation::{Align, Colour};
    use selvedge_drawing::{svg, text};

    use super::*;

    const FONT: &[u8] = include_bytes!("../../tests/fonts/NotoSans-Latin.ttf");

    fn text_of(value: &str) -> Text {
        Text {
            value: value.to_owned(),
            font: "/fonts/a.ttf".to_owned(),
            size: 40,
            colour: Colour { red: 0x12, green: 0, blue: 0xff, alpha: 255 },
            bounds: None,
            align: Align::default(),
        }
    }

    fn elements(svg: &str) -> Vec<String> {
        let tags = svg.split('<').skip(1).filter(|tag| !tag.starts_with('/'));
        tags.map(|tag| tag.split([' ', '>', '/']).next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_document_has_one_text_whatever_its_value() {
        let emoji = "😀".repeat(1000);
        let hostile = [
            "",
            " ",
            "</text><image href=\"/etc/passwd\"/>",
            "</text></svg><svg>",
            "]]>",
            "<![CDATA[",
            "<!-- ",
            "&lol; &#0; &#x1f; &amp;lt;image>",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>",
            "<?xml version=\"1.0\"?>",
            "\" onload=\"alert(1)",
            "' fill='url(#a)",
            "\u{0}\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}\u{7f}\u{85}\u{9f}\u{fffe}\u{ffff}",
            "\u{202e}evil\u{2066}\u{2069}\u{200f}\u{61c}",
            "a\nb\tc\rd\u{2028}e",
            emoji.as_str(),
        ];
        for value in hostile {
            let svg = text_svg(&text_of(value));
            assert_eq!(elements(&svg), ["svg", "text"], "{value:?}: {svg}");
            let is_allowed = |c: char| c >= ' ' && !('\u{202a}'..='\u{202e}').contains(&c);
            assert!(svg.chars().all(is_allowed), "{value:?}: {svg}");
            let tree = svg::parse(svg.as_bytes(), Some(FONT.to_vec()));
            let tree = tree.unwrap_or_else(|fault| panic!("{value:?}: {fault:?}"));
            text::draw(&tree, 300, 60, text::Along::Middle, text::Along::Middle).unwrap();
        }
    }

    #[test]
    fn every_character_is_drawn_or_left_out() {
        for number in (0..=0x2fff).chain(0xfff0..=0x1_0010).chain([0x10_ffff]) {
            let Some(character) = char::from_u32(number) else { continue };
            let svg = text_svg(&text_of(&format!("a{character}b")));
            assert!(svg::parse(svg.as_bytes(), None).is_ok(), "U+{number:04X}: {svg}");
        }
    }

    #[test]
    fn markup_is_shown_as_it_was_written() {
        let pixels = |value: &str| {
            let svg = text_svg(&text_of(value));
            let tree = svg::parse(svg.as_bytes(), Some(FONT.to_vec())).unwrap();
            text::draw(&tree, 600, 60, text::Along::Start, text::Along::Start).unwrap()
        };
        assert!(pixels("<b>&amp;").width > pixels("<b>&").width);
        assert!(pixels("<b>&").width > pixels("b").width * 3);
        assert_eq!(pixels("a\u{202e}b"), pixels("ab"));
        assert_ne!(pixels("a  b"), pixels("a b"));
    }

    #[test]
    fn the_colour_and_its_opacity_are_kept() {
        let mut half = text_of("I");
        half.colour.alpha = 51;
        let svg = text_svg(&half);
        let tree = svg::parse(svg.as_bytes(), Some(FONT.to_vec())).unwrap();
        let drawn = text::draw(&tree, 100, 60, text::Along::Start, text::Along::Start).unwrap();
        let darkest = drawn.rgba.chunks(4).max_by_key(|pixel| pixel[3]).unwrap();
        assert_eq!(darkest[3], 51);
        // Straight alpha is restored from premultiplied bytes: 255/51 of a step is lost.
        for (channel, expected) in [(0, 0x12_i16), (1, 0), (2, 0xff)] {
            assert!((i16::from(darkest[channel]) - expected).abs() <= 5, "{darkest:?}");
        }
    }
}
