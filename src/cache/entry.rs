//! Serialises the metadata of cache entries, for a response header in the edge tier.
//!
//! It is ASCII text: percent-encoded words, separated by spaces.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::cache::freshness::Timing;
use crate::site::ids::ContentHash;
use crate::wire::headers::Headers;
use crate::wire::percent::percent_decode;
use crate::wire::time::UnixMillis;

/// Maximum length of the text: production refuses responses with more than 32 KB of headers.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Maximum number of variants kept per URL; the oldest are dropped.
pub const VARIANTS_MAX: usize = 32;

const WORD: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Response(Entry),
    /// The variant index, newest first, and the time of the last invalidation.
    Index(UnixMillis, Vec<Variant>),
    /// A tombstone: responses requested up to this time must not be stored.
    Gone(UnixMillis),
}

/// A stored response without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub status: u16,
    pub headers: Headers,
    pub timing: Timing,
    /// The length of the stored body.
    pub length: u64,
    /// The length of the complete body, if only its beginning is stored.
    pub complete: Option<u64>,
}

/// A variant of a URL, as selected by `Vary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Names of the selecting request headers in lower case, in the order of `Vary`.
    pub names: Vec<String>,
    /// The hash of their values, which is part of the variant's key.
    pub hash: ContentHash,
}

impl Stored {
    /// Returns the text, `None` if it is too long to be stored.
    pub fn to_text(&self) -> Option<String> {
        let mut out = String::with_capacity(256);
        match self {
            Self::Gone(at) => {
                out.push_str("gone1");
                push_number(&mut out, at.0);
            }
            Self::Index(gone_ms, variants) => {
                out.push_str("index1");
                push_number(&mut out, gone_ms.0);
                for variant in variants {
                    push_word(&mut out, &variant.names.join(","));
                    push_word(&mut out, &variant.hash.hex());
                }
            }
            Self::Response(response) => response.write(&mut out),
        }
        (out.len() <= HEAD_BYTES_MAX).then_some(out)
    }

    /// Parses a text, `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > HEAD_BYTES_MAX {
            return None;
        }
        let mut words = text.split(' ');
        match words.next()? {
            "gone1" => {
                let at = UnixMillis(number(&mut words)?);
                words.next().is_none().then_some(Self::Gone(at))
            }
            "index1" => {
                let gone_ms = UnixMillis(number(&mut words)?);
                index(words).map(|variants| Self::Index(gone_ms, variants))
            }
            "response1" => Entry::read(words).map(Self::Response),
            _ => None,
        }
    }
}

impl Entry {
    /// Returns the entity tag, empty if there is none.
    pub fn etag(&self) -> &str {
        self.headers.value("etag").unwrap_or_default()
    }

    fn write(&self, out: &mut String) {
        out.push_str("response1");
        let timing = &self.timing;
        let numbers = [
            u64::from(self.status),
            self.length,
            self.complete.map_or(0, |complete| complete.saturating_add(1)),
            timing.requested_ms.0,
            timing.received_ms.0,
            timing.initial_age_ms,
            timing.lifetime_ms,
            timing.while_revalidate_ms,
            timing.if_error_ms,
            timing.if_lost_ms,
            timing.life_ms,
            u64::from(timing.always_validate),
            u64::from(timing.never_stale),
        ];
        for number in numbers {
            push_number(out, number);
        }
        for (name, value) in self.headers.iter() {
            push_word(out, name);
            push_word(out, value);
        }
    }

    fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut next = || number(&mut words);
        let status = u16::try_from(next()?).ok().filter(|status| (200..=599).contains(status))?;
        let (length, complete) = (next()?, next()?.checked_sub(1));
        let timing = Timing {
            requested_ms: UnixMillis(next()?),
            received_ms: UnixMillis(next()?),
            initial_age_ms: next()?,
            lifetime_ms: next()?,
            while_revalidate_ms: next()?,
            if_error_ms: next()?,
            if_lost_ms: next()?,
            life_ms: next()?,
            always_validate: next()? != 0,
            never_stale: next()? != 0,
        };
        let mut headers = Headers::with_capacity(16);
        while let Some(name) = words.next() {
            headers.append(word(name)?, word(words.next()?)?);
        }
        Some(Self { status, headers, timing, length, complete })
    }
}

fn index<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Vec<Variant>> {
    let mut variants = Vec::new();
    while let Some(names) = words.next() {
        if variants.len() == VARIANTS_MAX {
            return None;
        }
        let names = word(names)?.split(',').map(str::to_owned).collect();
        let hash = ContentHash::parse(words.next()?).ok()?;
        variants.push(Variant { names, hash });
    }
    Some(variants)
}

fn push_number(out: &mut String, number: u64) {
    out.push(' ');
    out.push_str(&number.to_string());
}

/// Appends a word; an empty one is written as `%`.
fn push_word(out: &mut String, text: &str) {
    out.push(' ');
    if text.is_empty() {
        out.push('%');
    }
    out.extend(utf8_percent_encode(text, WORD));
}

fn word(text: &str) -> Option<String> {
    match text {
        "" => None,
        "%" => Some(String::new()),
        text => percent_decode(text),
    }
}

fn number<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> Entry {
        let mut headers = Headers::new();
        headers.append("content-type", "text/plain; charset=utf-8");
        headers.append("set-cookie", "a=1");
        headers.append("set-cookie", "b=2");
        headers.append("x-empty", "");
        headers.append("x-odd", "100 % \u{e9}\t\u{1f9f5}");
        let timing = Timing {
            requested_ms: UnixMillis(1),
            received_ms: UnixMillis(u64::MAX),
            initial_age_ms: 3,
            lifetime_ms: 4,
            while_revalidate_ms: 5,
            if_error_ms: 6,
            if_lost_ms: 8,
            life_ms: 7,
            always_validate: true,
            never_stale: false,
        };
        Entry { status: 200, headers, timing, length: 10, complete: Some(0) }
    }

    #[test]
    fn written_metadata_is_read_back() {
        let variant =
            Variant { names: vec!["accept".into(), "foo".into()], hash: ContentHash::of(b"x") };
        let rows = [
            Stored::Response(response()),
            Stored::Response(Entry { complete: None, ..response() }),
            Stored::Index(UnixMillis(0), vec![]),
            Stored::Index(UnixMillis(7), vec![variant; VARIANTS_MAX]),
            Stored::Gone(UnixMillis(9)),
        ];
        for stored in rows {
            let text = stored.to_text().unwrap();
            assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text}");
            assert_eq!(Stored::parse(&text), Some(stored));
            for end in 0..text.len() {
                assert_ne!(
                    Stored::parse(&text[..end]).and_then(|s| s.to_text()),
                    Some(text.clone())
                );
            }
        }
    }

    #[test]
    fn malformed_texts_are_rejected() {
        for text in [
            "",
            " ",
            "gone1",
            "gone1 x",
            "gone1 1 2",
            "gone2 1",
            "index1",
            "index1 a",
            "index1 1 a",
            "index1 1 a zz",
            "response1 200",
            "response1 199 0 0 0 0 0 0 0 0 0 0 0 0",
            "response1 600 0 0 0 0 0 0 0 0 0 0 0 0",
            "response1 200 0 0 0 0 0 0 0 0 0 0 0 0 name",
            "response1 200 0 0 0 0 0 0 0 0 0 0 0 0 n %zz",
        ] {
            assert_eq!(Stored::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_text_is_bounded() {
        let mut long = response();
        long.headers.set("x-long", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(Stored::Response(long).to_text(), None);
    }
}
