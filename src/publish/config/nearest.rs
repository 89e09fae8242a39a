//! Suggests the known word nearest to a mistyped one.

use strsim::osa_distance;

/// Returns the known word within a distance of a third of the word's length, at least 1.
///
/// Case, and `-` instead of `_`, don't count.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = fold(word);
    let near = (folded.chars().count() / 3).max(1);
    let with_distance = known.into_iter().map(|word| (osa_distance(&folded, &fold(word)), word));
    with_distance.filter(|(distance, _)| *distance <= near).min().map(|(_, word)| word)
}

fn fold(word: &str) -> String {
    word.chars().map(|next| if next == '-' { '_' } else { next.to_ascii_lowercase() }).collect()
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
            assert_eq!(osa_distance(&fold(one), &fold(other)), expected, "{one} {other}");
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
