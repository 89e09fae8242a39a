//! The known word nearest to a mistyped one.
//!
//! For remedies only: nothing is ever taken for what it was near to.

/// Returns the known word that a mistyped one is nearest to, where one is near.
///
/// Near is a distance of a third of the word's length, and at least 1: `header` is `headers`,
/// `x` is nothing. Case and the difference of `-` and `_` cost nothing.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = fold(word);
    let near = (folded.len() / 3).max(1);
    let with_distance = known.into_iter().map(|word| (distance(&folded, &fold(word)), word));
    with_distance.filter(|(distance, _)| *distance <= near).min().map(|(_, word)| word)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().map(|next| if next == '-' { '_' } else { next.to_ascii_lowercase() }).collect()
}

/// Returns the fewest insertions, deletions, replacements and swaps of neighbours that make one
/// word of the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let width = other.len() + 1;
    let mut table = vec![0; (one.len() + 1) * width];
    for row in 0..=one.len() {
        for column in 0..=other.len() {
            let at = row * width + column;
            table[at] = match (row.checked_sub(1), column.checked_sub(1)) {
                (Some(up), Some(left)) => {
                    let changed = usize::from(one[up] != other[left]);
                    let edited = (table[at - 1] + 1)
                        .min(table[at - width] + 1)
                        .min(table[at - width - 1] + changed);
                    let swapped = row > 1
                        && column > 1
                        && one[up] == other[left - 1]
                        && one[up - 1] == other[left];
                    match swapped {
                        true => edited.min(table[at - 2 * width - 2] + 1),
                        false => edited,
                    }
                }
                // One of the two words is used up: the rest of the other is inserted.
                _ => row + column,
            };
        }
    }
    table[table.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let rows = [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("from", "form", 1),
        ];
        for (one, other, expected) in rows {
            assert_eq!(distance(&fold(one), &fold(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn nearest_words() {
        let known = ["headers", "html", "not_found"];
        let rows = [
            ("heder", None),
            ("header", Some("headers")),
            ("hmtl", Some("html")),
            ("htm", Some("html")),
            ("not-found", Some("not_found")),
            ("NotFound", Some("not_found")),
            ("zzz", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
