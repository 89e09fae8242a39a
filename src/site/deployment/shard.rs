//! A shard of the manifest: a sorted table of paths, searched without parsing.
//!
//! A lookup is a binary search in the stored bytes. Tenants upload them, so every read is checked,
//! and an unreadable entry counts as absent. All numbers are little-endian:
//! ```text
//! 0   "SVS1"
//! 4   u32      number of entries
//! 8   entries x { u64 path hash, u32 offset of the entry }, ascending by hash
//!     entries x { u16 path length, path, u8 class, u8 media type length, media type,
//!                 u8 number of representations,
//!                 representations x { u8 coding, u8 flags, u64 length, 32 bytes hash,
//!                                     32 bytes dictionary hash when flags has DICTIONARY } }
//! ```
//! A representation with an unknown coding or a dictionary (RFC 9842) is skipped, so that a later
//! publisher may write them and an earlier worker does not serve them.

use crate::site::deployment::asset::{Asset, Class, MEDIA_TYPE_BYTES_MAX, Representation};
use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Largest shard in bytes: a cold request waits for one to be read.
pub const SHARD_BYTES_MAX: usize = 256 * 1024;
/// Longest decoded path in bytes: as long as a key of R2.
pub const PATH_BYTES_MAX: usize = 1_024;

const MAGIC: [u8; 4] = *b"SVS1";
const INDEX_AT: usize = 8;
const INDEX_ENTRY_BYTES: usize = 12;
const DICTIONARY: u8 = 1;

const WRONG_VERSION: &str = "not a manifest shard of version 1; publish again with this version";
const TRUNCATED: &str = "the manifest shard is incomplete; publish again";
const TOO_LARGE: &str = "the manifest shard is larger than 256 KiB; publish again";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    bytes: Vec<u8>,
    count: usize,
}

impl Shard {
    /// Checks the index; entries are checked when they are read.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        if bytes.len() > SHARD_BYTES_MAX {
            return Err(TOO_LARGE);
        }
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        if cursor.array::<4>() != Some(MAGIC) {
            return Err(WRONG_VERSION);
        }
        let count = cursor.u32().ok_or(TRUNCATED)? as usize;
        let index_bytes = count.checked_mul(INDEX_ENTRY_BYTES).ok_or(TRUNCATED)?;
        cursor.take(index_bytes).ok_or(TRUNCATED)?;
        Ok(Self { bytes, count })
    }

    /// Returns the asset at a decoded path.
    pub fn lookup(&self, path: &str) -> Option<Asset> {
        let wanted = path_hash(path);
        let mut at = self.first_at_least(wanted);
        while let Some((hash, offset)) = self.index(at) {
            if hash != wanted {
                return None;
            }
            let mut cursor = Cursor { bytes: &self.bytes, at: offset };
            if cursor.path()? == path {
                return cursor.asset();
            }
            at = at.saturating_add(1);
        }
        None
    }

    /// Returns every path with its asset in the order of the index, without unreadable entries.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Asset)> {
        (0..self.count).filter_map(|at| {
            let (_, offset) = self.index(at)?;
            let mut cursor = Cursor { bytes: &self.bytes, at: offset };
            Some((cursor.path()?, cursor.asset()?))
        })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn first_at_least(&self, wanted: u64) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.index(middle) {
                Some((hash, _)) if hash < wanted => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        low
    }

    fn index(&self, at: usize) -> Option<(u64, usize)> {
        if at >= self.count {
            return None;
        }
        let at = at.checked_mul(INDEX_ENTRY_BYTES)?.checked_add(INDEX_AT)?;
        let mut cursor = Cursor { bytes: &self.bytes, at };
        Some((cursor.u64()?, cursor.u32()? as usize))
    }
}

/// Encodes a shard; `None` if a path or media type is too long.
pub fn write<'a>(entries: impl Iterator<Item = (&'a str, &'a Asset)>) -> Option<Vec<u8>> {
    let mut entries: Vec<_> = entries.map(|(path, asset)| (path_hash(path), path, asset)).collect();
    entries.sort_by_key(|(hash, path, _)| (*hash, *path));
    let index_bytes = entries.len().checked_mul(INDEX_ENTRY_BYTES)?;
    let heap_at = index_bytes.checked_add(INDEX_AT)?;
    let mut heap = Vec::new();
    let mut bytes = Vec::with_capacity(heap_at);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&u32::try_from(entries.len()).ok()?.to_le_bytes());
    for (hash, path, asset) in entries {
        let offset = u32::try_from(heap_at.checked_add(heap.len())?).ok()?;
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        write_entry(&mut heap, path, asset)?;
    }
    bytes.extend_from_slice(&heap);
    Some(bytes)
}

/// Returns the hash by which paths are ordered and spread: FNV-1a, mixed so that every bit counts.
///
/// Not keyed: a tenant with colliding paths only slows down lookups in its own shard.
pub fn path_hash(path: &str) -> u64 {
    let fnv = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

fn write_entry(heap: &mut Vec<u8>, path: &str, asset: &Asset) -> Option<()> {
    if path.len() > PATH_BYTES_MAX || asset.media_type().len() > MEDIA_TYPE_BYTES_MAX {
        return None;
    }
    heap.extend_from_slice(&u16::try_from(path.len()).ok()?.to_le_bytes());
    heap.extend_from_slice(path.as_bytes());
    heap.push(asset.class().code());
    heap.push(u8::try_from(asset.media_type().len()).ok()?);
    heap.extend_from_slice(asset.media_type().as_bytes());
    heap.push(u8::try_from(asset.representations().len()).ok()?);
    for representation in asset.representations() {
        heap.push(representation.coding.code());
        heap.push(0);
        heap.extend_from_slice(&representation.length.to_le_bytes());
        heap.extend_from_slice(&representation.hash.0);
    }
    Some(())
}

/// Inlined, because a release compiled for size would call a function for every number.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    #[inline(always)]
    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    #[inline(always)]
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline(always)]
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn path(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.array()?);
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    fn asset(&mut self) -> Option<Asset> {
        let class = Class::from_code(self.u8()?);
        let media_type_length = self.u8()?;
        let media_type = std::str::from_utf8(self.take(usize::from(media_type_length))?).ok()?;
        let count = self.u8()?;
        let mut representations = Vec::with_capacity(4);
        for _ in 0..count {
            let (coding, flags) = (Coding::from_code(self.u8()?), self.u8()?);
            let (length, hash) = (self.u64()?, ContentHash(self.array()?));
            if flags & DICTIONARY != 0 {
                self.take(32)?;
            } else if let Some(coding) = coding {
                representations.push(Representation { coding, length, hash });
            }
        }
        Asset::new(class, media_type, representations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(n: u64) -> Asset {
        let hash = ContentHash::of(&n.to_le_bytes());
        let identity = Representation { coding: Coding::Identity, length: n, hash };
        let brotli = Representation { coding: Coding::Brotli, length: n / 2, hash };
        Asset::new(Class::Other, "text/plain", vec![identity, brotli]).unwrap()
    }

    fn shard(paths: &[String]) -> Vec<u8> {
        let assets: Vec<_> = (0..paths.len() as u64).map(asset).collect();
        write(paths.iter().map(String::as_str).zip(&assets)).unwrap()
    }

    #[test]
    fn every_path_is_found_and_no_other() {
        let paths: Vec<_> = (0..1_000).map(|n| format!("/p/{n}.html")).collect();
        let shard = Shard::parse(shard(&paths)).unwrap();
        for (n, path) in paths.iter().enumerate() {
            assert_eq!(shard.lookup(path), Some(asset(n as u64)), "{path}");
        }
        assert_eq!(shard.lookup("/p/1000.html"), None);
        assert_eq!(shard.lookup(""), None);
        assert_eq!(shard.iter().count(), 1_000);
    }

    #[test]
    fn an_empty_shard_has_no_paths() {
        let empty = Shard::parse(shard(&[])).unwrap();
        assert_eq!(empty.iter().count(), 0);
        assert_eq!(empty.lookup("/"), None);
    }

    #[test]
    fn invalid_shards_are_rejected() {
        assert_eq!(Shard::parse(b"SVS2\0\0\0\0".to_vec()), Err(WRONG_VERSION));
        assert_eq!(Shard::parse(b"SVS1\x01\0\0\0".to_vec()), Err(TRUNCATED));
        assert_eq!(Shard::parse(vec![0; SHARD_BYTES_MAX + 1]), Err(TOO_LARGE));
        let long = "/".repeat(PATH_BYTES_MAX + 1);
        assert!(write([(long.as_str(), &asset(1))].into_iter()).is_none());
    }

    #[test]
    fn representations_with_a_dictionary_are_skipped() {
        let mut bytes = shard(&["/a".to_owned()]);
        let last = bytes.len() - 42;
        bytes[last + 1] = DICTIONARY;
        bytes.extend_from_slice(&[7; 32]);
        let found = Shard::parse(bytes).unwrap().lookup("/a").unwrap();
        assert_eq!(found.representations().len(), 1);
    }
}
