//! Finds the member of a JSON text that a decoding error is about.
//!
//! The text is read again, up to the error. A deserializer that tracks the path, as in
//! `serde_path_to_error`, has the decoders of all types compiled again: 17 KB compressed.

use std::fmt::Write;
use std::ops::Range;

/// A list or an object that the text is inside of.
enum Level {
    List(usize),
    /// The key of the current member, without quotes.
    Object(Option<Range<usize>>),
}

/// Returns the path of the member at the end of `text`, the beginning of a JSON text. It is empty
/// for the whole. A member lasts from the `:` or `[` before it to the `,` or the bracket after it.
pub fn path_at_end(text: &[u8]) -> String {
    let mut levels = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let start = at.saturating_add(1);
        at = start;
        match byte {
            b'[' => levels.push(Level::List(0)),
            b'{' => levels.push(Level::Object(None)),
            b']' | b'}' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::List(index)) => *index = index.saturating_add(1),
                Some(Level::Object(key)) => *key = None,
                None => {}
            },
            b'"' => {
                at = end_of_string(text, start);
                if is_key(text, at)
                    && let Some(Level::Object(key)) = levels.last_mut()
                {
                    *key = Some(start..at.saturating_sub(1));
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for level in &levels {
        // Writing to a string can't fail.
        let _ = match level {
            Level::List(index) => write!(path, "[{index}]"),
            Level::Object(key) => {
                let key = key.clone().and_then(|key| text.get(key)).unwrap_or_default();
                let dot = if path.is_empty() || key.is_empty() { "" } else { "." };
                write!(path, "{dot}{}", String::from_utf8_lossy(key))
            }
        };
    }
    path
}

/// Returns the index behind the quote that ends a string.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut is_escaped = false;
    let mut rest = text.iter().enumerate().skip(start);
    let end = rest.find(|(_, byte)| {
        let ends = **byte == b'"' && !is_escaped;
        is_escaped = **byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at.saturating_add(1))
}

/// Whether the next token is a `:`.
fn is_key(text: &[u8], at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::path_at_end;

    #[test]
    fn paths() {
        let rows = [
            ("", ""),
            ("{", ""),
            ("{}", ""),
            ("7", ""),
            (r#"{"a"#, ""),
            (r#"{"a""#, ""),
            (r#"{"a":"#, "a"),
            (r#"{"a" : "#, "a"),
            (r#"{"a":"b""#, "a"),
            (r#"{"a":"b" "#, "a"),
            (r#"{"a":"b","#, ""),
            (r#"{"a":"b","c":tru"#, "c"),
            (r#"{"a":{"b":[0,{"c":1"#, "a.b[1].c"),
            (r#"{"a":{"b":[0,{"c":1}"#, "a.b[1]"),
            (r#"{"a":{"b":[0,{"c":1}]"#, "a.b"),
            (r#"{"a":{"b":[0,{"c":1}]}"#, "a"),
            (r#"{"a":{"b":[0,{"c":1}]}}"#, ""),
            ("[", "[0]"),
            ("[[],[0,[", "[1][1][0]"),
            (r#"{"a\"]":["\\","x\"\\\"","#, r#"a\"][2]"#),
            (r#"{"é":1"#, "é"),
            ("]}],:\"", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(path_at_end(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(path_at_end(b"{\"\xff\":"), "\u{fffd}");
    }
}
