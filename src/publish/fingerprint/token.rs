//! Distinguishes random text from words.
//!
//! Random text changes between lower case, upper case, digits and symbols every other character.
//! Words, numbers, dates and versions don't, and their letters follow each other as in English.

/// Number of segments that eight characters of a name hardly ever have: `D_zS66pC` has seven,
/// `K8sProxy` four, `IPv4Addr` three.
const SEGMENTS_STRONG: usize = 5;
/// The same for upper-case base32, which changes class less often: only digits interrupt it.
const SEGMENTS_STRONG_BASE32: usize = 4;
/// The same for 16 characters and more, where a name would have to be hexadecimal by chance.
const SEGMENTS_STRONG_LONG: usize = 4;
const LONG_LENGTH: usize = 16;
/// Minimum number of letters of a wordlike token, and mean number of letters per word.
const LETTERS_MIN: usize = 4;
const WORD_LETTERS_MEAN: usize = 3;
/// Characters of a date without separators, as in `20260131`.
const DATE_LENGTH: usize = 8;

/// The letters that often follow each letter in English words and program names.
const FOLLOWERS: [&str; 26] = [
    "bcdfghiklmnprstuvwxyz", "abceijlorstuy", "aceehiklorstuy", "adegijlmorsuvy",
    "abcdefgilmnopqrstvwxy", "aefilorstuy", "aeghilmnorsuy", "aeilortuy", "abcdefgklmnoprstvxz",
    "aeosu", "aeinsy", "adefilmopstuvy", "abeimnopsuy", "acdefgiklnostuvy",
    "abcdefgiklmnoprstuvwxy", "adehiloprstuy", "u", "abcdefgiklmnoprstuvwy",
    "abcdefhiklmnopqstuwy", "acdehilmoprstuwy", "abcdefgilmnoprst", "aeioy", "adehinorsl",
    "aceiopty", "aeilmnopst", "aeioyz",
];

/// How certainly a token is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Could be a name.
    Weak,
    /// Hardly a name; needs another one beside it.
    Likely,
    /// Not a name.
    Strong,
}

pub fn strength(token: &str) -> Strength {
    let has = |test: fn(&u8) -> bool| token.as_bytes().iter().any(test);
    let (lower, upper) = (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase));
    let (digit, symbol) = (has(u8::is_ascii_digit), has(u8::is_ascii_punctuation));
    let count = segments(token).len();
    let of = |is_strong: bool, is_likely: bool| match (is_strong, is_likely) {
        (true, _) => Strength::Strong,
        (false, true) => Strength::Likely,
        (false, false) => Strength::Weak,
    };
    if is_wordlike(token, Words::Strict) {
        return Strength::Weak;
    }
    match (lower, upper) {
        // Base64url. Without a capital or without a small letter it is a rare accident.
        (true, true) => of(count >= SEGMENTS_STRONG, true),
        _ if symbol || !digit => Strength::Weak,
        // Hexadecimal or base36.
        (true, false) => {
            let is_hex = token.bytes().all(|b| b.is_ascii_hexdigit());
            let strong = match token.len() >= LONG_LENGTH {
                true => SEGMENTS_STRONG_LONG,
                false => SEGMENTS_STRONG,
            };
            of(count >= strong, is_hex || count + 1 >= SEGMENTS_STRONG)
        }
        // Base32 has no 0, 1, 8 and 9.
        (false, true) => {
            let is_base32 = token.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
            of(is_base32 && count >= SEGMENTS_STRONG_BASE32, is_base32)
        }
        (false, false) => Strength::Weak,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Words of frequent pairs of letters only.
    Strict,
    /// One unusual pair of letters is allowed.
    Loose,
}

/// Returns whether a token reads as words, with at most one number before, between or after them.
/// Digits alone do if they are a date.
pub fn is_wordlike(token: &str, words: Words) -> bool {
    if token.bytes().all(|b| b.is_ascii_digit()) {
        return is_date(token);
    }
    let (mut numbers, mut unusual, mut letters, mut words_found) = (0, 0, 0, 0);
    let segments = segments(token);
    for segment in &segments {
        match segment.as_bytes() {
            // Capitals are one word with a number at most: `SETTING2`, but not `TA3APUDE`.
            bytes if segments.len() > 2 && bytes.iter().all(u8::is_ascii_uppercase) => {
                return false;
            }
            [first, ..] if first.is_ascii_digit() => numbers += 1,
            [b'-' | b'_'] => {}
            [_] | [b'-' | b'_', ..] => return false,
            bytes => {
                letters += bytes.len();
                words_found += 1;
                let pairs = bytes.iter().zip(bytes.iter().skip(1));
                unusual += pairs.filter(|(one, next)| !is_usual(**one, **next)).count();
            }
        }
    }
    let unusual_max = match words {
        Words::Strict => 0,
        Words::Loose => 1,
    };
    numbers <= 1
        && letters >= LETTERS_MIN
        && letters >= words_found * WORD_LETTERS_MEAN
        && unusual <= unusual_max
}

fn is_usual(letter: u8, next: u8) -> bool {
    let (letter, next) = (letter.to_ascii_lowercase(), next.to_ascii_lowercase());
    let followers = FOLLOWERS.get(usize::from(letter.wrapping_sub(b'a')));
    followers.is_some_and(|followers| followers.bytes().any(|follower| follower == next))
}

/// Returns whether eight digits are a date of the years 1900 to 2099, in any usual order.
fn is_date(digits: &str) -> bool {
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<u32>().ok());
    let is = |year, one, other| {
        let day_and_month = |day, month| (1..=31).contains(&day) && (1..=12).contains(&month);
        (1900..=2099).contains(&year) && (day_and_month(one, other) || day_and_month(other, one))
    };
    let ordered = |year: (usize, usize), one: (usize, usize), other: (usize, usize)| {
        let parts = (number(year.0, year.1), number(one.0, one.1), number(other.0, other.1));
        matches!(parts, (Some(year), Some(one), Some(other)) if is(year, one, other))
    };
    digits.len() >= DATE_LENGTH
        && (ordered((0, 4), (4, 6), (6, 8)) || ordered((4, 8), (0, 2), (2, 4)))
}

/// Splits a token where the class of its characters changes; a capital belongs to the lower-case
/// letters after it.
fn segments(token: &str) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Symbol,
    }
    let kind = |b: u8| match b {
        b'a'..=b'z' => Kind::Lower,
        b'A'..=b'Z' => Kind::Upper,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Symbol,
    };
    let bytes = token.as_bytes();
    let mut cuts = vec![0];
    for (at, pair) in bytes.windows(2).enumerate() {
        let (one, next) = (kind(pair[0]), kind(pair[1]));
        let after = bytes.get(at + 2).copied().map(kind);
        let begins_word = one == Kind::Upper && next == Kind::Upper && after == Some(Kind::Lower);
        if (one != next && !(one == Kind::Upper && next == Kind::Lower)) || begins_word {
            cuts.push(at + 1);
        }
    }
    cuts.push(bytes.len());
    cuts.windows(2).filter_map(|cut| token.get(cut[0]..cut[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths() {
        let rows: [(Strength, &[&str]); 4] = [
            (Strength::Strong, &["D_zS66pC", "3f2a91bc", "0a1b2c3d4e5f6789", "7TKW5EQZ"]),
            (Strength::Likely, &["DiwrgTda", "SJOJHM7N", "8ffbc119", "K8sProxy", "IPv4Addr"]),
            (Strength::Weak, &["DataGrid", "settings", "Chapter1", "userPro2", "ui-table"]),
            (Strength::Weak, &["SETTINGS", "SETTING2", "decade90", "12345678", "20260131"]),
        ];
        for (expected, tokens) in rows {
            for token in tokens {
                assert_eq!(strength(token), expected, "{token}: {:?}", segments(token));
            }
        }
    }

    #[test]
    fn dates() {
        for date in ["20260131", "20263101", "31012026", "01312026", "202601311200", "19000101"] {
            assert!(is_wordlike(date, Words::Strict), "{date}");
        }
        for number in ["20261332", "18991231", "21000101", "00000000", "99999999", "20260132"] {
            assert!(!is_date(number), "{number}");
        }
    }

    #[test]
    fn splitting() {
        let rows: [(&str, &[&str]); 6] = [
            ("IPv4Addr", &["I", "Pv", "4", "Addr"]),
            ("XMLHttp2", &["XML", "Http", "2"]),
            ("D_zS66pC", &["D", "_", "z", "S", "66", "p", "C"]),
            ("my--grid", &["my", "--", "grid"]),
            ("a", &["a"]),
            ("", &[]),
        ];
        for (token, expected) in rows {
            let found: Vec<&str> = segments(token).into_iter().filter(|s| !s.is_empty()).collect();
            assert_eq!(found, expected, "{token}");
        }
    }
}
