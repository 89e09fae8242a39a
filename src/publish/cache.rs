//! Remembers hashes and encodings of unchanged files between publishes of a folder.
//!
//! There is one cache per published folder and effort, in the user's cache folder. It is never
//! trusted: blobs are hashed again before they are sent, and an index that is damaged or of another
//! version is ignored. Without a cache, all files are read and encoded, with the same result.
//!
//! The index is binary, because as JSON it takes a second to read for 100,000 files.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::publish::clock;
use crate::publish::encode::{ENCODER_VERSION, Effort};
use crate::publish::pack::{BlobPlace, PackWriter};
use crate::publish::scan::Stat;
use crate::site::deployment::asset::REPRESENTATIONS_MAX;
use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Files that changed less than this long ago are not remembered: they may change again within one
/// tick of the disk's clock (two seconds on FAT), and look unchanged.
pub const SETTLED_NANOS: i128 = 2_000_000_000;
/// Maximum number of packs. Beyond this, the smallest are dropped.
const PACKS_MAX: usize = 64;
const MAGIC: &[u8; 4] = b"SVC1";
const NO_PACK: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    pub stat: Stat,
    pub hash: ContentHash,
    pub is_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    pub coding: Coding,
    pub length: u64,
    pub hash: ContentHash,
    pub place: Option<BlobPlace>,
}

#[derive(Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
    packs: Vec<PathBuf>,
    /// By published path.
    pub files: HashMap<String, KnownFile>,
    /// Encodings worth keeping, by the hash of the content.
    pub encodings: HashMap<ContentHash, Vec<Encoded>>,
}

impl Cache {
    /// Opens the cache of a published folder, empty if it can't be read.
    pub fn open(published: &Path, effort: Effort) -> Self {
        let Some(folder) = folder_for(published, effort) else { return Self::default() };
        Self::open_at(folder)
    }

    pub fn open_at(folder: PathBuf) -> Self {
        let index = fs::read(folder.join("index")).ok();
        let mut cache = index.and_then(|bytes| parse(&bytes, &folder)).unwrap_or_default();
        cache.folder = Some(folder);
        cache
    }

    /// Returns a writer for encoded bytes and the number of its pack. Without a folder, it writes
    /// to the spool.
    pub fn new_pack(&mut self, spool: &Spool) -> (PackWriter, u32) {
        let writer = match &self.folder {
            Some(folder) if fs::create_dir_all(folder).is_ok() => PackWriter::new(folder),
            _ => PackWriter::new(&spool.folder),
        };
        self.packs.push(writer.path().to_owned());
        (writer, self.packs.len() as u32 - 1)
    }

    pub fn pack(&self, place: BlobPlace) -> Option<&Path> {
        self.packs.get(place.pack as usize).map(PathBuf::as_path)
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
        self.drop_packs();
        let temporary = folder.join(format!("index.{:x}", std::process::id()));
        fs::write(&temporary, self.to_bytes())?;
        fs::rename(&temporary, folder.join("index"))?;
        self.remove_unused_packs(&folder);
        Ok(())
    }

    /// Stops using packs that are mostly waste, and the smallest if there are too many.
    fn drop_packs(&mut self) {
        let mut used = vec![0_u64; self.packs.len()];
        for encoded in self.encodings.values().flatten() {
            if let Some(bytes) = encoded.place.and_then(|place| used.get_mut(place.pack as usize)) {
                *bytes += encoded.length;
            }
        }
        let size = |pack: &PathBuf| fs::metadata(pack).map_or(0, |metadata| metadata.len());
        let mut kept: Vec<usize> = (0..self.packs.len())
            .filter(|at| used[*at] > 0 && used[*at] * 2 >= size(&self.packs[*at]))
            .collect();
        kept.sort_by_key(|at| std::cmp::Reverse(used[*at]));
        kept.truncate(PACKS_MAX);
        for encoded in self.encodings.values_mut().flatten() {
            encoded.place = encoded.place.filter(|place| kept.contains(&(place.pack as usize)));
        }
    }

    fn remove_unused_packs(&self, folder: &Path) {
        let used: Vec<_> = self.used_packs().map(|at| &self.packs[at as usize]).collect();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_pack = path.extension().is_some_and(|extension| extension == "pack");
            if is_pack && !used.contains(&&path) {
                // Another publish that is using it encodes the files again.
                let _ = fs::remove_file(path);
            }
        }
    }

    fn used_packs(&self) -> impl Iterator<Item = u32> {
        let places = self.encodings.values().flatten().filter_map(|encoded| encoded.place);
        places.map(|place| place.pack).collect::<BTreeSet<_>>().into_iter()
    }

    fn to_bytes(&self) -> Vec<u8> {
        let packs: Vec<u32> = self.used_packs().collect();
        let mut out = Vec::with_capacity(64 + self.files.len() * 300);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&ENCODER_VERSION.to_le_bytes());
        push_count(&mut out, packs.len());
        for at in &packs {
            let name = self.packs[*at as usize].file_name().unwrap_or_default();
            push_text(&mut out, &name.to_string_lossy());
        }
        push_count(&mut out, self.files.len());
        for (path, known) in &self.files {
            push_text(&mut out, path);
            out.extend_from_slice(&known.stat.size.to_le_bytes());
            out.extend_from_slice(&known.stat.modified_nanos.to_le_bytes());
            out.extend_from_slice(&known.stat.changed_nanos.to_le_bytes());
            out.extend_from_slice(&known.stat.inode.to_le_bytes());
            out.extend_from_slice(&known.hash.0);
            out.push(u8::from(known.is_secret));
        }
        push_count(&mut out, self.encodings.len());
        for (content, encodings) in &self.encodings {
            out.extend_from_slice(&content.0);
            out.push(encodings.len() as u8);
            for encoded in encodings {
                out.push(encoded.coding.code());
                out.extend_from_slice(&encoded.length.to_le_bytes());
                out.extend_from_slice(&encoded.hash.0);
                let position = encoded.place.and_then(|p| packs.binary_search(&p.pack).ok());
                let pack = position.map_or(NO_PACK, |position| position as u32);
                out.extend_from_slice(&pack.to_le_bytes());
                out.extend_from_slice(&encoded.place.map_or(0, |p| p.offset).to_le_bytes());
            }
        }
        let sum = Sha256::digest(&out);
        out.extend_from_slice(&sum);
        out
    }
}

/// A temporary folder for encoded bytes, removed on drop.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    pub fn new() -> Self {
        let name = format!("selvedge-{:x}-{:x}", std::process::id(), clock::unix_nanos());
        Self { folder: env::temp_dir().join(name) }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
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

fn push_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn parse(bytes: &[u8], folder: &Path) -> Option<Cache> {
    let (content, sum) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(content).as_slice() != sum {
        return None;
    }
    let mut reader = IndexReader(content);
    if reader.array::<4>()? != *MAGIC || u32::from_le_bytes(reader.array()?) != ENCODER_VERSION {
        return None;
    }
    let mut cache = Cache::default();
    for _ in 0..reader.count()? {
        let name = reader.text()?;
        // A name, not a path: an index never leads out of its folder.
        cache.packs.push(folder.join(Path::new(name).file_name()?));
    }
    for _ in 0..reader.count()? {
        let path = reader.text()?.to_owned();
        let stat = Stat {
            size: u64::from_le_bytes(reader.array()?),
            modified_nanos: i128::from_le_bytes(reader.array()?),
            changed_nanos: i128::from_le_bytes(reader.array()?),
            inode: u64::from_le_bytes(reader.array()?),
        };
        let hash = ContentHash(reader.array()?);
        let is_secret = reader.array::<1>()? != [0];
        cache.files.insert(path, KnownFile { stat, hash, is_secret });
    }
    for _ in 0..reader.count()? {
        let content = ContentHash(reader.array()?);
        let [count] = reader.array()?;
        if usize::from(count) >= REPRESENTATIONS_MAX {
            return None;
        }
        let encodings: Option<Vec<_>> =
            (0..count).map(|_| reader.encoded(cache.packs.len())).collect();
        cache.encodings.insert(content, encodings?);
    }
    Some(cache)
}

struct IndexReader<'a>(&'a [u8]);

impl<'a> IndexReader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn count(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.array()?);
        let (text, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn encoded(&mut self, packs: usize) -> Option<Encoded> {
        let [coding] = self.array()?;
        let coding = Coding::from_code(coding)?;
        let length = u64::from_le_bytes(self.array()?);
        let hash = ContentHash(self.array()?);
        let pack = u32::from_le_bytes(self.array()?);
        let offset = u64::from_le_bytes(self.array()?);
        let place = ((pack as usize) < packs).then_some(BlobPlace { pack, offset });
        Some(Encoded { coding, length, hash, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::pack;

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
        let (writer, pack) = cache.new_pack(&Spool::new());
        let offset = writer.append(b"encoded").unwrap();
        writer.flush().unwrap();
        let stat = Stat { size: 9, modified_nanos: 1, changed_nanos: 2, inode: 3 };
        let hash = ContentHash::of(b"content");
        cache.files.insert("/a".into(), KnownFile { stat, hash, is_secret: false });
        let place = Some(BlobPlace { pack, offset });
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
        let place = encoded.place.unwrap();
        let bytes = pack::read(again.pack(place).unwrap(), place.offset, 7);
        assert_eq!(bytes.unwrap(), b"encoded");
    }

    #[test]
    fn a_damaged_index_is_ignored() {
        let folder = Folder::new("damaged");
        filled(&folder).save().unwrap();
        let whole = fs::read(folder.0.join("index")).unwrap();
        for at in 0..whole.len() {
            assert!(parse(&whole[..at], &folder.0).is_none(), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped, &folder.0).is_none(), "flipped at {at}");
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
        let pack = cache.pack(place).unwrap().to_owned();
        assert!(pack::read(&pack, 1, 7).is_err(), "past the end");
        assert!(pack::read(&pack, u64::MAX, 7).is_err());
        fs::remove_file(&pack).unwrap();
        assert!(pack::read(&pack, 0, 7).is_err());
    }

    #[test]
    fn a_spool_leaves_nothing_behind() {
        let spool = Spool::new();
        let (writer, _) = Cache::default().new_pack(&spool);
        writer.append(b"x").unwrap();
        let path = writer.path().to_owned();
        assert!(path.exists());
        drop(spool);
        assert!(!path.exists());
    }
}
