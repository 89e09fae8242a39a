//! Finds out which blobs the server lacks.
//!
//! The server has those of the live deployment. It is asked about the others by prefix of the hash,
//! so that it lists a part of the site's blobs at a time.

use std::collections::HashSet;

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::live_files::LiveFiles;
use crate::publish::parallel::in_flight;
use crate::site::api::{Limits, MissingBlobs, MissingQuestion};
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys::HexPrefix;

/// Maximum number of blobs that the server should list for one question.
pub const LISTED_MAX: usize = 4_000;

/// Returns the wanted blobs that the server lacks.
pub fn missing(
    client: &Client,
    site: &SiteName,
    live: Option<&LiveFiles>,
    wanted: &[ContentHash],
    limits: &Limits,
) -> Result<HashSet<ContentHash>, Failure> {
    let is_named = |hash: &&ContentHash| live.is_some_and(|live| live.names(hash));
    let mut unknown: Vec<_> = wanted.iter().filter(|hash| !is_named(hash)).copied().collect();
    unknown.sort_unstable();
    let named = live.map_or(0, LiveFiles::count);
    let digits = prefix_digits(named.max(unknown.len()));
    let questions = questions(&unknown, digits, limits.missing_hashes_max);
    let path = format!("/sites/{site}/blobs/missing");
    let answers =
        in_flight(&questions, |question| client.send::<MissingBlobs>("POST", &path, question))?;
    Ok(answers.into_iter().flat_map(|answer| answer.missing).collect())
}

/// Returns the number of digits of a prefix that few enough blobs share.
fn prefix_digits(blobs: usize) -> usize {
    let enough = |digits: &usize| blobs >> (4 * digits) <= LISTED_MAX;
    (0..=HexPrefix::DIGITS_MAX).find(enough).unwrap_or(HexPrefix::DIGITS_MAX)
}

fn questions(sorted: &[ContentHash], digits: usize, hashes_max: usize) -> Vec<MissingQuestion> {
    let prefix = |hash: &ContentHash| hash.hex().get(..digits).unwrap_or_default().to_owned();
    let groups = sorted.chunk_by(|one, other| prefix(one) == prefix(other));
    groups
        .flat_map(|group| group.chunks(hashes_max.max(1)))
        .filter_map(|group| {
            Some(MissingQuestion { prefix: prefix(group.first()?), hashes: group.to_vec() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_grow_with_the_site() {
        let rows = [
            (0, 0),
            (4_000, 0),
            (4_001, 1),
            (64_015, 1),
            (64_016, 2),
            (150_000, 2),
            (4_000_000, 3),
        ];
        for (blobs, digits) in rows {
            assert_eq!(prefix_digits(blobs), digits, "{blobs}");
        }
        assert_eq!(prefix_digits(usize::MAX), HexPrefix::DIGITS_MAX);
    }

    #[test]
    fn every_hash_is_asked_for_once_under_its_prefix() {
        let mut hashes: Vec<_> =
            (0..5_000_u32).map(|n| ContentHash::of(&n.to_le_bytes())).collect();
        hashes.sort_unstable();
        for (digits, hashes_max) in [(0, 10_000), (0, 7), (1, 100), (2, 10_000), (4, 1)] {
            let questions = questions(&hashes, digits, hashes_max);
            let all: Vec<_> =
                questions.iter().flat_map(|question| &question.hashes).copied().collect();
            assert_eq!(all, hashes, "{digits} {hashes_max}");
            for MissingQuestion { prefix, hashes } in questions {
                assert!(hashes.len() <= hashes_max && prefix.len() == digits);
                assert!(hashes.iter().all(|hash| hash.hex().starts_with(&prefix)));
            }
        }
    }
}
