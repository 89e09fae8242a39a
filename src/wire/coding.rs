//! Content codings, and the choice of one by `Accept-Encoding` (RFC 9110 sections 8.4.1, 12.4.2 and
//! 12.5.3).

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::text::OWS;

/// A content coding of a stored representation: `br` is RFC 7932, `zstd` RFC 8878. The numbers are
/// stored, and must never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    Identity = 0,
    Gzip = 1,
    #[serde(rename = "br")]
    Brotli = 2,
    Zstd = 3,
}

impl Coding {
    /// Every coding, in the order of their codes.
    pub const ALL: [Coding; 4] = [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd];

    /// Returns the token in `Content-Encoding` and `Accept-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    /// Returns the suffix of the entity tag, because representations that differ in coding differ
    /// in entity tag (RFC 9110 section 8.8.3.3).
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Identity => "",
            Coding::Gzip => "-gzip",
            Coding::Brotli => "-br",
            Coding::Zstd => "-zstd",
        }
    }

    /// Returns the number of the coding in stored tables.
    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Coding> {
        Coding::ALL.into_iter().find(|coding| coding.code() == code)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// Chooses one of the `available` codings, given with their lengths in bytes.
///
/// The greatest weight wins, then the shortest. Identity competes only if the client names it: a
/// client that lists a coding wants it. If everything is rejected, the choice is identity, which
/// the RFC allows, because no client is better off with a 406. A malformed member counts as absent;
/// of two for one coding, the last counts.
pub fn negotiate(
    accept_encoding: Option<&str>,
    available: impl Iterator<Item = (Coding, u64)>,
) -> Coding {
    let Some(accepted) = accept_encoding else {
        return Coding::Identity;
    };
    let weights = Weights::parse(accepted);
    available
        .map(|(coding, length)| (weights.of(coding), length, coding))
        .filter(|(weight, ..)| *weight > 0)
        .min_by_key(|(weight, length, _)| (Reverse(*weight), *length))
        .map_or(Coding::Identity, |(.., coding)| coding)
}

/// The weights in `Accept-Encoding`, in thousandths.
#[derive(Default)]
struct Weights {
    /// By code.
    codings: [Option<u16>; Coding::ALL.len()],
    any: Option<u16>,
}

impl Weights {
    fn parse(accepted: &str) -> Weights {
        let mut weights = Weights::default();
        for member in accepted.split(',') {
            let (token, weight) = match member.split_once(';') {
                Some((token, parameter)) => (token, parse_weight(parameter)),
                None => (member, Some(WEIGHT_MAX)),
            };
            if let (Some(slot), Some(_)) = (weights.slot(token.trim_matches(OWS)), weight) {
                *slot = weight;
            }
        }
        weights
    }

    fn slot(&mut self, token: &str) -> Option<&mut Option<u16>> {
        if token == "*" {
            return Some(&mut self.any);
        }
        let token = if token.eq_ignore_ascii_case("x-gzip") { "gzip" } else { token };
        let mut slots = Coding::ALL.into_iter().zip(&mut self.codings);
        slots.find(|(coding, _)| token.eq_ignore_ascii_case(coding.token())).map(|(_, slot)| slot)
    }

    fn of(&self, coding: Coding) -> u16 {
        let own = self.codings.get(usize::from(coding.code())).copied().flatten();
        let any = self.any.filter(|_| coding != Coding::Identity);
        own.or(any).unwrap_or(0)
    }
}

/// The weight of a member without one: 1, in thousandths.
const WEIGHT_MAX: u16 = 1000;

/// Parses `q=` and 0 or 1 with at most three decimals, in thousandths (RFC 9110 section 12.4.2).
pub fn parse_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.trim_matches(OWS).split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 {
        return None;
    }
    let mut thousandths: u16 = match whole {
        "0" => 0,
        "1" => WEIGHT_MAX,
        _ => return None,
    };
    let mut unit: u16 = 100;
    for digit in decimals.chars() {
        let digit = u16::try_from(digit.to_digit(10)?).ok()?;
        thousandths = thousandths.saturating_add(unit.saturating_mul(digit));
        unit /= 10;
    }
    (thousandths <= WEIGHT_MAX).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity, Zstd};
    use super::{Coding, negotiate, parse_weight};

    const ALL: &[(Coding, u64)] = &[(Identity, 1000), (Gzip, 400), (Brotli, 300), (Zstd, 350)];

    #[track_caller]
    fn check(expected: Coding, headers: &[&str]) {
        for accepted in headers {
            assert_eq!(negotiate(Some(accepted), ALL.iter().copied()), expected, "{accepted:?}");
        }
    }

    #[test]
    fn the_greatest_weight_wins_then_the_shortest() {
        check(Brotli, &["gzip, deflate, br, zstd", "gzip, br, zstd", "*", "gzip;q=0.5, *;q=0.9"]);
        check(Brotli, &["gzip ; q=0.5 ,\tbr ;\tq=0.6"]);
        check(Gzip, &["gzip, br;q=0.5", "gzip", "GZIP;Q=1", "x-gzip", "gzip;q=1.0, br;q=0.9"]);
        check(Gzip, &["gzip;q=0.001", "br;q=0.5, gzip;q=0.501", "br;q=0, zstd;q=0, *;q=0.1"]);
        check(Gzip, &[" , ,gzip , "]);
        check(Zstd, &["gzip, zstd", "br;q=0, *"]);
        check(Identity, &["deflate"]);
    }

    #[test]
    fn identity_competes_when_it_is_named() {
        check(Identity, &["gzip;q=0.5, identity", "identity;q=0.5, gzip;q=0.4", "identity"]);
        check(Gzip, &["gzip;q=0.5, identity;q=0.5", "gzip;q=0.5, identity;q=0.4", "gzip;q=0.1"]);
        check(Gzip, &["identity;q=0, gzip;q=0.1"]);
        let tiny = [(Identity, 10), (Gzip, 20)];
        assert_eq!(negotiate(Some("gzip, identity"), tiny.into_iter()), Identity);
        assert_eq!(negotiate(Some("gzip"), tiny.into_iter()), Gzip);
    }

    #[test]
    fn codings_with_weight_zero_are_not_sent() {
        check(Identity, &["gzip;q=0", "gzip;q=0.000, br;q=0.0", "*;q=0", "identity;q=0"]);
        check(Identity, &["gzip, gzip;q=0"]);
        check(Gzip, &["*;q=0, gzip"]);
    }

    #[test]
    fn the_default_is_identity() {
        check(Identity, &["", " "]);
        assert_eq!(negotiate(None, ALL.iter().copied()), Identity);
        assert_eq!(negotiate(Some("gzip, br"), [(Identity, 5)].into_iter()), Identity);
        assert_eq!(negotiate(Some("gzip, br"), [].into_iter()), Identity);
    }

    #[test]
    fn malformed_members_count_as_absent() {
        check(Identity, &["gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=-1", "gzip;q="]);
        check(Identity, &["gzip;q", "gzip;level=9", "gzip;q=1;q=1", "gzip br", "evil, */*;q=0"]);
        check(Gzip, &["gzip;q=1, br;q=x"]);
    }

    #[test]
    fn weights_are_strict() {
        let rows: [(Option<u16>, &[&str]); 6] = [
            (Some(0), &["q=0", "q=0."]),
            (Some(50), &["q=0.05"]),
            (Some(500), &["q=0.5"]),
            (Some(999), &["q=0.999"]),
            (Some(1000), &["q=1", "q=1.000"]),
            (None, &["q=01", "q=.5", "q= 1", "q=1e0", "q=0.\u{661}"]),
        ];
        for (weight, parameters) in rows {
            for parameter in parameters {
                assert_eq!(parse_weight(parameter), weight, "{parameter:?}");
            }
        }
    }

    #[test]
    fn names_are_stable() {
        let rows = [
            (Identity, "identity", "", 0),
            (Gzip, "gzip", "-gzip", 1),
            (Brotli, "br", "-br", 2),
            (Zstd, "zstd", "-zstd", 3),
        ];
        for (coding, token, suffix, code) in rows {
            assert_eq!((coding.token(), coding.suffix(), coding.code()), (token, suffix, code));
            assert_eq!(coding.to_string(), token);
            assert_eq!(Coding::from_code(code), Some(coding));
        }
        assert_eq!(Coding::from_code(4), None);
    }
}
