//! Remembers hashes and encodings of unchanged files between publishes of a folder.
//!
//! There is one cache per published folder and effort, in the user's cache folder. It is never
//! trusted: blobs are hashed again before they are sent, and an index that is damaged or of another
//! version is ignored. Without a cache, all files are read and encoded, with the same result.
//!
//! The index is not JSON, which takes a second to read for 100,000 files.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::publish::clock;
use crate::publish::encode::{ENCODER_VERSION, Effort};
use crate::publish::pack::{self, BlobPlace, PackWriter};
use crate::publish::scan::Stat;
use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Files that changed less than this long ago are not remembered: they may change again within one
/// tick of the disk's clock (two seconds on FAT), and look unchanged.
pub const SETTLED_NANOS: i128 = 2_000_000_000;
/// Maximum number of packs. Beyond this, the smallest are dropped.
const PACKS_MAX: usize = 64;
/// Increases when the format of the index changes.
const MAGIC: &[u8; 4] = b"SVC2";

type Files = HashMap<String, KnownFile>;
type Encodings = HashMap<ContentHash, Vec<Encoded>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFile {
    pub stat: Stat,
    pub hash: ContentHash,
    pub is_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoded {
    pub coding: Coding,
    pub length: u64,
    pub hash: ContentHash,
    pub place: Option<BlobPlace>,
}

#[derive(Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
    /// Folder of the packs: the cache's, or a spool.
    packs: PathBuf,
    /// By published path.
    pub files: Files,
    /// Encodings worth keeping, by the hash of the content.
    pub encodings: Encodings,
}

impl Cache {
    /// Opens the cache of a published folder, empty if it can't be read.
    pub fn open(published: &Path, effort: Effort) -> Self {
        let Some(folder) = folder_for(published, effort) else { return Self::default() };
        Self::open_at(folder)
    }

    pub fn open_at(folder: PathBuf) -> Self {
        let index = fs::read(folder.join("index")).ok();
        let (files, encodings) = index.and_then(|bytes| parse(&bytes)).unwrap_or_default();
        Self { packs: folder.clone(), folder: Some(folder), files, encodings }
    }

    /// Returns a writer for encoded bytes. Without a folder, it writes to the spool.
    pub fn new_pack(&mut self, spool: &Spool) -> PackWriter {
        let folder = self.folder.as_ref().filter(|folder| fs::create_dir_all(folder).is_ok());
        self.packs = folder.unwrap_or(&spool.folder).clone();
        PackWriter::new(&self.packs)
    }

    pub fn read(&self, place: BlobPlace, length: u64) -> io::Result<Vec<u8>> {
        pack::read(&pack::path(&self.packs, place.pack), place.offset, length)
    }

    /// Forgets a file and the encodings of its content.
    pub fn forget(&mut self, path: &str, content: &ContentHash) {
        self.files.remove(path);
        self.encodings.remove(content);
    }

    /// Writes the index and deletes the packs that it does not use.
    pub fn save(&mut self) -> io::Result<()> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        fs::create_dir_all(&folder)?;
        let used = self.drop_packs();
        let temporary = folder.join(format!("index.{:x}", std::process::id()));
        fs::write(&temporary, self.to_bytes()?)?;
        fs::rename(&temporary, folder.join("index"))?;
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_pack = path.extension().is_some_and(|extension| extension == "pack");
            if is_pack && !used.contains(&path) {
                // Another publish that is using it encodes the files again.
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    /// Stops using packs that are mostly waste, and the smallest if there are too many. Returns the
    /// others.
    fn drop_packs(&mut self) -> Vec<PathBuf> {
        let mut used: HashMap<u64, u64> = HashMap::new();
        for encoded in self.encodings.values().flatten() {
            if let Some(place) = encoded.place {
                *used.entry(place.pack).or_default() += encoded.length;
            }
        }
        let path = |pack| pack::path(&self.packs, pack);
        let size = |pack| fs::metadata(path(pack)).map_or(0, |metadata| metadata.len());
        let mut kept: Vec<_> =
            used.into_iter().filter(|(pack, bytes)| *bytes * 2 >= size(*pack)).collect();
        kept.sort_by_key(|(_, bytes)| Reverse(*bytes));
        kept.truncate(PACKS_MAX);
        let is_kept = |place: &BlobPlace| kept.iter().any(|(pack, _)| *pack == place.pack);
        for encoded in self.encodings.values_mut().flatten() {
            encoded.place = encoded.place.filter(is_kept);
        }
        kept.iter().map(|(pack, _)| path(*pack)).collect()
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let index = (ENCODER_VERSION, &self.files, &self.encodings);
        let mut bytes = postcard::to_extend(&index, MAGIC.to_vec()).map_err(io::Error::other)?;
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        Ok(bytes)
    }
}

/// A temporary folder for encoded bytes, removed on drop.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Default for Spool {
    fn default() -> Self {
        let name = format!("selvedge-{:x}-{:x}", std::process::id(), clock::unix_nanos());
        Self { folder: env::temp_dir().join(name) }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the cache folder of a published folder, in `$XDG_CACHE_HOME` or `~/.cache`.
fn folder_for(published: &Path, effort: Effort) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .or_else(|| absolute("LOCALAPPDATA"))?;
    let published = published.canonicalize().ok()?;
    let name = ContentHash::of(published.as_os_str().as_encoded_bytes()).short_hex();
    Some(base.join("selvedge").join(name).join(effort.word()))
}

fn parse(bytes: &[u8]) -> Option<(Files, Encodings)> {
    let (content, sum) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(content).as_slice() != sum {
        return None;
    }
    let index = content.strip_prefix(MAGIC)?;
    let (version, files, encodings) = postcard::from_bytes::<(u32, _, _)>(index).ok()?;
    (version == ENCODER_VERSION).then_some((files, encodings))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                env::temp_dir().join(format!("selvedge-cache-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn filled(folder: &Folder) -> Cache {
        let mut cache = Cache::open_at(folder.0.clone());
        let writer = cache.new_pack(&Spool::default());
        let place = Some(writer.append(b"encoded").unwrap());
        writer.flush().unwrap();
        let stat = Stat { size: 9, modified_nanos: 1, changed_nanos: 2, inode: 3 };
        let hash = ContentHash::of(b"content");
        cache.files.insert("/a".into(), KnownFile { stat, hash, is_secret: false });
        let encoded = ContentHash::of(b"encoded");
        let encoded = Encoded { coding: Coding::Brotli, length: 7, hash: encoded, place };
        cache.encodings.insert(hash, vec![encoded]);
        cache
    }

    #[test]
    fn a_saved_cache_is_read_again() {
        let folder = Folder::new("roundtrip");
        let mut cache = filled(&folder);
        cache.save().unwrap();
        let again = Cache::open_at(folder.0.clone());
        assert_eq!(again.files, cache.files);
        let encoded = again.encodings[&ContentHash::of(b"content")][0];
        assert_eq!(again.read(encoded.place.unwrap(), 7).unwrap(), b"encoded");
    }

    #[test]
    fn a_damaged_index_is_ignored() {
        let folder = Folder::new("damaged");
        filled(&folder).save().unwrap();
        let whole = fs::read(folder.0.join("index")).unwrap();
        for at in 0..whole.len() {
            assert!(parse(&whole[..at]).is_none(), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped).is_none(), "flipped at {at}");
        }
    }

    #[test]
    fn unused_packs_are_removed() {
        let folder = Folder::new("waste");
        let mut cache = filled(&folder);
        cache.save().unwrap();
        let packs = || fs::read_dir(&folder.0).unwrap().count() - 1;
        assert_eq!(packs(), 1);
        cache.forget("/a", &ContentHash::of(b"content"));
        cache.save().unwrap();
        assert_eq!(packs(), 0);
    }

    #[test]
    fn a_damaged_pack_is_an_error() {
        let folder = Folder::new("lost");
        let mut cache = filled(&folder);
        cache.save().unwrap();
        let place = cache.encodings[&ContentHash::of(b"content")][0].place.unwrap();
        let read = |offset| cache.read(BlobPlace { offset, ..place }, 7);
        assert!(read(1).is_err(), "past the end");
        assert!(read(u64::MAX).is_err());
        fs::remove_file(pack::path(&folder.0, place.pack)).unwrap();
        assert!(read(0).is_err());
    }

    #[test]
    fn a_spool_leaves_nothing_behind() {
        let spool = Spool::default();
        let writer = Cache::default().new_pack(&spool);
        writer.append(b"x").unwrap();
        let path = writer.path().to_owned();
        assert!(path.exists());
        drop(spool);
        assert!(!path.exists());
    }
}
