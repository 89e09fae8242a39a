//! Matches compiled patterns in linear time, without allocating.
//!
//! The match is that of a greedy regular expression with `.*` for a splat and `[^/]+` for a
//! placeholder (`[^.]+` in a host): earlier ones take as much as they can. That match puts every
//! literal as far right as possible, so one pass from the right finds it. Not done with regular
//! expressions, because each rule would be compiled again at every cold start.

/// Maximum number of captures of a pattern: they are an array on the stack.
pub const CAPTURES_MAX: usize = 16;

/// The captured texts by slot.
pub type Values<'s> = [&'s str; CAPTURES_MAX];

/// A piece of a compiled pattern; captures have a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<str>),
    /// At least one character, without a separator.
    Placeholder(usize),
    /// Any text, may be empty.
    Splat(usize),
}

impl Piece {
    /// Returns a text that the pieces match, with `x` for each capture.
    pub fn example(pieces: &[Self]) -> String {
        pieces.iter().map(|piece| piece.text_or("x")).collect()
    }

    /// Returns the literal text, or `capture` for a capture.
    pub fn text_or<'t>(&'t self, capture: &'t str) -> &'t str {
        match self {
            Self::Literal(text) => text,
            Self::Placeholder(_) | Self::Splat(_) => capture,
        }
    }

    pub fn lower_case(self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_ascii_lowercase().into()),
            other => other,
        }
    }
}

/// Matches the pieces, with at most one splat, against the whole text.
pub fn match_pieces<'s>(
    pieces: &[Piece],
    text: &'s str,
    separator: char,
    values: &mut Values<'s>,
) -> Option<()> {
    let splat = pieces.iter().enumerate().find_map(|(index, piece)| match piece {
        Piece::Splat(slot) => Some((index, *slot)),
        _ => None,
    });
    let Some((index, slot)) = splat else {
        return place(pieces, text, separator, Left::Start, values).map(|_| ());
    };
    let suffix = pieces.get(index.saturating_add(1)..)?;
    let end = place(suffix, text, separator, Left::Anywhere, values)?;
    let head = text.get(..end)?;
    let start = place_prefix(pieces.get(..index)?, head, separator, values)?;
    capture(values, slot, text.get(start..end)?)
}

/// Where the leftmost piece has to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Start,
    Anywhere,
}

/// Places the pieces so that they end with the text, each as far right as possible, and returns
/// where they begin.
fn place<'s>(
    pieces: &[Piece],
    text: &'s str,
    separator: char,
    left: Left,
    values: &mut Values<'s>,
) -> Option<usize> {
    let mut end = text.len();
    // The placeholder with a beginning that depends on the next piece to the left.
    let mut open: Option<usize> = None;
    for (index, piece) in pieces.iter().enumerate().rev() {
        let window = text.get(..end)?;
        let first = index == 0 && left == Left::Start;
        match (piece, open.take()) {
            (Piece::Literal(literal), None) => {
                let before = window.strip_suffix(&**literal)?;
                if first && !before.is_empty() {
                    return None;
                }
                end = before.len();
            }
            (Piece::Literal(literal), Some(slot)) => {
                let room = window.get(..last_char(window)?)?;
                let begin = match first {
                    true => room.starts_with(&**literal).then_some(0)?,
                    false => room.rfind(&**literal)?,
                };
                let value = window.get(begin.saturating_add(literal.len())..)?;
                capture_segment(values, slot, value, separator)?;
                end = begin;
            }
            (Piece::Placeholder(slot), None) => open = Some(*slot),
            (Piece::Placeholder(slot), Some(touching)) => {
                end = last_char(window)?;
                capture_segment(values, touching, window.get(end..)?, separator)?;
                open = Some(*slot);
            }
            (Piece::Splat(_), _) => return None,
        }
    }
    let begin = match (open, left) {
        (None, _) => end,
        (Some(_), Left::Start) => 0,
        (Some(_), Left::Anywhere) => last_char(text.get(..end)?)?,
    };
    if let Some(slot) = open {
        capture_segment(values, slot, text.get(begin..end)?, separator)?;
    }
    (left == Left::Anywhere || begin == 0).then_some(begin)
}

/// Places the pieces so that they begin with the text, each as far right as possible, and returns
/// where they end.
fn place_prefix<'s>(
    pieces: &[Piece],
    text: &'s str,
    separator: char,
    values: &mut Values<'s>,
) -> Option<usize> {
    // Placeholders have no separator, so the last piece ends before the first separator that is not
    // part of a literal.
    let separators = pieces.iter().map(|piece| match piece {
        Piece::Literal(literal) => literal.matches(separator).count(),
        _ => 0,
    });
    let next = text.match_indices(separator).nth(separators.sum());
    let limit = text.get(..next.map_or(text.len(), |(at, _)| at))?;
    let end = match pieces {
        [] => return Some(0),
        [Piece::Literal(only)] => return limit.starts_with(&**only).then_some(only.len()),
        [.., Piece::Literal(last)] => limit.rfind(&**last)?.saturating_add(last.len()),
        _ => limit.len(),
    };
    place(pieces, limit.get(..end)?, separator, Left::Start, values).map(|_| end)
}

fn last_char(text: &str) -> Option<usize> {
    text.char_indices().next_back().map(|(at, _)| at)
}

/// Captures the value of a placeholder.
fn capture_segment<'s>(
    values: &mut Values<'s>,
    slot: usize,
    value: &'s str,
    separator: char,
) -> Option<()> {
    let is_segment = !value.is_empty() && !value.contains(separator);
    is_segment.then_some(())?;
    capture(values, slot, value)
}

fn capture<'s>(values: &mut Values<'s>, slot: usize, value: &'s str) -> Option<()> {
    *values.get_mut(slot)? = value;
    Some(())
}
