//! Matching of compiled patterns.
//!
//! Invariant: matching is linear in the length of the text, total, and allocates nothing. Where
//! several matches exist, the one of a greedy regular expression is found: with a splat being
//! `.*` and a placeholder `[^/]+` (`[^.]+` in a host), earlier ones take as much as they can.
//! That match puts every literal as far right as it goes, so one pass from the right finds it.
//! By hand: a regular expression per rule would be compiled again at every cold start.

/// Most captures of one pattern: they live in an array on the stack.
pub const CAPTURES_MAX: usize = 16;

/// A piece of a compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// This very text.
    Literal(Box<str>),
    /// One character or more without a separator, captured in a slot.
    Placeholder(usize),
    /// Anything or nothing, captured in a slot.
    Splat(usize),
}

impl Token {
    /// Returns the text that the tokens match with `x` for whatever they capture.
    pub fn example(tokens: &[Self]) -> String {
        let mut text = String::new();
        for token in tokens {
            match token {
                Self::Literal(literal) => text.push_str(literal),
                Self::Placeholder(_) | Self::Splat(_) => text.push('x'),
            }
        }
        text
    }

    /// Returns the token with its literal text in lower case.
    pub fn lower_case(self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_ascii_lowercase().into()),
            other => other,
        }
    }
}

/// Returns whether the tokens match the whole text, what they capture put into `values`.
///
/// # Shape
/// At most one splat; placeholders hold no `separator`.
pub fn match_tokens<'s>(
    tokens: &[Token],
    text: &'s str,
    separator: char,
    values: &mut [&'s str; CAPTURES_MAX],
) -> bool {
    match_around_splat(tokens, text, separator, values).is_some()
}

fn match_around_splat<'s>(
    tokens: &[Token],
    text: &'s str,
    separator: char,
    values: &mut [&'s str; CAPTURES_MAX],
) -> Option<()> {
    let splat = tokens.iter().enumerate().find_map(|(index, token)| match token {
        Token::Splat(slot) => Some((index, *slot)),
        _ => None,
    });
    let Some((index, slot)) = splat else {
        return place(tokens, text, separator, Left::Start, values).map(|_| ());
    };
    let suffix = tokens.get(index.saturating_add(1)..)?;
    let end = place(suffix, text, separator, Left::Anywhere, values)?;
    let head = text.get(..end)?;
    let start = place_prefix(tokens.get(..index)?, head, separator, values)?;
    capture(values, slot, text.get(start..end)?)
}

/// Where the leftmost token has to begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Start,
    Anywhere,
}

/// Returns where the tokens begin when they end with the text, each as far right as it goes.
fn place<'s>(
    tokens: &[Token],
    text: &'s str,
    separator: char,
    left: Left,
    values: &mut [&'s str; CAPTURES_MAX],
) -> Option<usize> {
    let mut end = text.len();
    // The placeholder whose beginning is not known yet, because what stands left of it is not.
    let mut open: Option<usize> = None;
    for (index, token) in tokens.iter().enumerate().rev() {
        let window = text.get(..end)?;
        let first = index == 0 && left == Left::Start;
        match (token, open.take()) {
            (Token::Literal(literal), None) => {
                let before = window.strip_suffix(&**literal)?;
                if first && !before.is_empty() {
                    return None;
                }
                end = before.len();
            }
            (Token::Literal(literal), Some(slot)) => {
                let room = window.get(..last_char(window)?)?;
                let begin = match first {
                    true => room.starts_with(&**literal).then_some(0)?,
                    false => room.rfind(&**literal)?,
                };
                let value = window.get(begin.saturating_add(literal.len())..)?;
                if value.contains(separator) {
                    return None;
                }
                capture(values, slot, value)?;
                end = begin;
            }
            (Token::Placeholder(slot), None) => open = Some(*slot),
            (Token::Placeholder(slot), Some(touching)) => {
                end = capture_last_char(window, separator, touching, values)?;
                open = Some(*slot);
            }
            (Token::Splat(_), _) => return None,
        }
    }
    let window = text.get(..end)?;
    match (open, left) {
        (None, Left::Start) => (end == 0).then_some(0),
        (None, Left::Anywhere) => Some(end),
        (Some(slot), Left::Anywhere) => capture_last_char(window, separator, slot, values),
        (Some(slot), Left::Start) => {
            if window.is_empty() || window.contains(separator) {
                return None;
            }
            capture(values, slot, window).map(|()| 0)
        }
    }
}

/// Returns where the tokens end when they begin with the text, each as far right as it goes.
fn place_prefix<'s>(
    tokens: &[Token],
    text: &'s str,
    separator: char,
    values: &mut [&'s str; CAPTURES_MAX],
) -> Option<usize> {
    // Placeholders hold no separator, so the last token ends before the next separator of the
    // text that the tokens do not account for.
    let separators = tokens.iter().map(|token| match token {
        Token::Literal(literal) => literal.matches(separator).count(),
        _ => 0,
    });
    let next = text.match_indices(separator).nth(separators.sum());
    let limit = text.get(..next.map_or(text.len(), |(at, _)| at))?;
    let end = match tokens {
        [] => return Some(0),
        [Token::Literal(only)] => return limit.starts_with(&**only).then_some(only.len()),
        [.., Token::Literal(last)] => limit.rfind(&**last)?.saturating_add(last.len()),
        _ => limit.len(),
    };
    place(tokens, limit.get(..end)?, separator, Left::Start, values).map(|_| end)
}

fn capture_last_char<'s>(
    window: &'s str,
    separator: char,
    slot: usize,
    values: &mut [&'s str; CAPTURES_MAX],
) -> Option<usize> {
    let begin = last_char(window)?;
    let value = window.get(begin..)?;
    if value.contains(separator) {
        return None;
    }
    capture(values, slot, value).map(|()| begin)
}

fn last_char(text: &str) -> Option<usize> {
    text.char_indices().next_back().map(|(at, _)| at)
}

fn capture<'s>(values: &mut [&'s str; CAPTURES_MAX], slot: usize, value: &'s str) -> Option<()> {
    *values.get_mut(slot)? = value;
    Some(())
}
