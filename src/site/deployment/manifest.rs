//! The manifest of a deployment: a root, named by its hash, and shards.
//!
//! The manifest has everything that serving needs, so a rollback restores all of it. Shards are
//! blobs, except the only one of a small site. The format is our own, because a general one would
//! parse every path before the first lookup.
//! ```text
//! 0   "SVM1"
//! 4   u32 little-endian   length of the head
//! 8   head                JSON, see `Head`; unknown members are ignored
//!     shard               to the end; empty if the head names shards
//! ```
//! The shard of a path is chosen by its [`stem`], which all spellings of a page share: `/a`,
//! `/a/`, `/a.html` and `/a/index.html` are found with one read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::site::codec;
use crate::site::config::{NotFoundMode, SiteConfig};
use crate::site::deployment::asset::Asset;
use crate::site::deployment::shard::{self, PATH_BYTES_MAX, SHARD_BYTES_MAX, Shard, path_hash};
use crate::site::ids::{ContentHash, DeploymentId};

/// Largest root in bytes: read once per isolate and deployment.
pub const ROOT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest shard that stays in the root, so that a small site is two reads, not three.
pub const INLINE_SHARD_BYTES_MAX: usize = 128 * 1024;
/// Usual size of a shard in bytes: if memory can't hold all of them, each unknown path costs a read
/// of this size.
pub const SHARD_BYTES_USUAL: usize = 64 * 1024;
/// Maximum number of shards: a million paths need about 2,000.
pub const SHARDS_MAX: usize = 4_096;
/// Maximum number of paths: the shards of a million take 38 MiB of an isolate.
pub const PATHS_MAX: usize = 1_000_000;
/// Maximum number of `404.html` pages: they are in the root.
pub const NOT_FOUND_PAGES_MAX: usize = 1_000;

/// Pages of a single-page application, in the order to try. Generators that prerender `index.html`
/// (SvelteKit, Nuxt) write the page for all other routes to `200.html`.
pub const APPLICATION_PAGES: [&str; 2] = ["/200.html", "/index.html"];

const MAGIC: [u8; 4] = *b"SVM1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError(Box<str>);

impl ManifestError {
    fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ManifestError {}

const WRONG_SHAPE: &str = "not a manifest of version 1";
const WRONG_ID: &str = "the manifest does not hash to its id";

/// The JSON part of the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub paths: u64,
    /// The sum of their lengths in the identity coding.
    pub bytes: u64,
    pub config: SiteConfig,
    /// `404.html` pages by their folder, `/` or `/a/b/`.
    #[serde(default)]
    pub not_found_pages: BTreeMap<String, Asset>,
    /// The page for navigations, for single-page applications only.
    pub application_page: Option<Asset>,
    /// The path of that page, unless it is one of [`APPLICATION_PAGES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_path: Option<String>,
    /// The shards by index; empty if the only one is in the root.
    #[serde(default)]
    pub shards: Vec<ContentHash>,
}

#[derive(Debug, PartialEq)]
pub enum ShardPlace<'a> {
    Inline(&'a Shard),
    Blob(ContentHash),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    id: DeploymentId,
    head: Head,
    inline: Option<Shard>,
    size_bytes: usize,
}

impl Manifest {
    /// Parses and checks a root, because tenants upload roots.
    pub fn parse(root: &[u8]) -> Result<Self, ManifestError> {
        if root.len() > ROOT_BYTES_MAX {
            let reason = format!("the manifest root is larger than {ROOT_BYTES_MAX} bytes");
            return Err(ManifestError::new(reason));
        }
        let (head, tail) = split(root).ok_or_else(|| ManifestError::new(WRONG_SHAPE))?;
        let head: Head = codec::decode_object(head).map_err(|error| {
            ManifestError::new(format_args!("the manifest's head is broken: {error}"))
        })?;
        head.config.check().map_err(ManifestError::new)?;
        let count = head.shards.len();
        let inline = match count {
            0 => Some(Shard::parse(tail.to_vec()).map_err(ManifestError::new)?),
            _ if count.is_power_of_two() && count <= SHARDS_MAX => None,
            _ => {
                let reason = format_args!("{count} shards: must be a power of two");
                return Err(ManifestError::new(reason));
            }
        };
        Ok(Self { id: DeploymentId::of_root(root), head, inline, size_bytes: root.len() })
    }

    /// Parses a root and checks that it hashes to `id`.
    pub fn parse_as(id: &DeploymentId, root: &[u8]) -> Result<Self, ManifestError> {
        let manifest = Self::parse(root)?;
        if manifest.id == *id { Ok(manifest) } else { Err(ManifestError::new(WRONG_ID)) }
    }

    pub fn id(&self) -> &DeploymentId {
        &self.id
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Estimates the memory that the manifest takes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes.saturating_mul(2)
    }

    /// Returns the shard of a decoded path and all its spellings.
    pub fn shard_of(&self, path: &str) -> Option<ShardPlace<'_>> {
        match &self.inline {
            Some(shard) => Some(ShardPlace::Inline(shard)),
            None => {
                let index = shard_index(path, self.head.shards.len());
                self.head.shards.get(index).copied().map(ShardPlace::Blob)
            }
        }
    }

    /// Returns the nearest `404.html` up the tree from a decoded path for which `is_shown` returns
    /// true; its argument is the folder with a slash at the end.
    pub fn not_found_page(&self, path: &str, is_shown: &dyn Fn(&str) -> bool) -> Option<&Asset> {
        if self.head.not_found_pages.is_empty() {
            return None;
        }
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            let end = parent.len().saturating_add(1);
            let folder_path = path.get(..end).unwrap_or_default();
            if let Some(page) = self.head.not_found_pages.get(folder_path)
                && is_shown(folder_path)
            {
                return Some(page);
            }
            folder = parent;
        }
        None
    }
}

/// Returns the common part of all spellings of a page: the path without `.html`, `/index` and `/`.
///
/// They are stripped repeatedly, so that adding or removing one never leads to another shard.
pub fn stem(path: &str) -> &str {
    let mut stem = path;
    while let Some(shorter) =
        [".html", "/index", "/"].iter().find_map(|suffix| stem.strip_suffix(suffix))
    {
        stem = shorter;
    }
    stem
}

/// Returns the paths at which an html mode may serve or redirect a file, including its own path.
pub fn spellings(file: &str) -> Vec<Cow<'_, str>> {
    let stem = stem(file);
    let mut spellings = vec![Cow::Borrowed(file)];
    if stem.len() < file.len() {
        spellings.extend([Cow::Borrowed(stem), Cow::Owned([stem, "/"].concat())]);
    }
    spellings.retain(|spelling| !spelling.is_empty());
    spellings
}

#[derive(Debug, Default)]
pub struct ManifestBuilder {
    config: SiteConfig,
    assets: BTreeMap<String, Asset>,
    application_page: Option<String>,
}

/// The bytes of a blob with their hash.
pub type Blob = (ContentHash, Vec<u8>);

/// An encoded manifest; `shards` are blobs.
#[derive(Debug)]
pub struct BuiltManifest {
    pub id: DeploymentId,
    pub root: Vec<u8>,
    pub shards: Vec<Blob>,
}

impl ManifestBuilder {
    pub fn new(config: SiteConfig) -> Self {
        Self { config, assets: BTreeMap::new(), application_page: None }
    }

    /// Replaces [`APPLICATION_PAGES`].
    pub fn set_application_page(&mut self, path: &str) {
        self.application_page = Some(path.to_owned());
    }

    /// Inserts an asset at a decoded path that begins with `/`.
    pub fn insert(&mut self, path: &str, asset: Asset) {
        self.assets.insert(path.to_owned(), asset);
    }

    /// Encodes the manifest; the same input yields the same bytes.
    pub fn build(self) -> Result<BuiltManifest, ManifestError> {
        if self.assets.len() > PATHS_MAX {
            let count = self.assets.len();
            return Err(ManifestError::new(format_args!(
                "{count} paths: a deployment has {PATHS_MAX} at most; split the site"
            )));
        }
        let mut head = self.head()?;
        let whole = write_shard(self.assets.iter())?;
        if whole.len() <= INLINE_SHARD_BYTES_MAX {
            return finish(&head, &whole, Vec::new());
        }
        let usual = whole.len().div_ceil(SHARD_BYTES_USUAL).next_power_of_two();
        let mut count = usual.min(SHARDS_MAX);
        while count <= SHARDS_MAX {
            if let Some(shards) = self.spread(count)? {
                head.shards = shards.iter().map(|(hash, _)| *hash).collect();
                return finish(&head, &[], shards);
            }
            count = count.saturating_mul(2);
        }
        Err(ManifestError::new("the paths are too long for so many; shorten them"))
    }

    fn head(&self) -> Result<Head, ManifestError> {
        let not_found_pages: BTreeMap<_, _> = self
            .assets
            .iter()
            .filter_map(|(path, asset)| {
                let folder = path.strip_suffix("404.html").filter(|f| f.ends_with('/'))?;
                Some((folder.to_owned(), asset.clone()))
            })
            .collect();
        if not_found_pages.len() > NOT_FOUND_PAGES_MAX {
            let count = not_found_pages.len();
            return Err(ManifestError::new(format_args!(
                "{count} pages named 404.html: at most {NOT_FOUND_PAGES_MAX}; keep those that \
                 differ"
            )));
        }
        let (application_page, application_path) = match self.config.not_found {
            NotFoundMode::SinglePageApplication => {
                (self.application_page().cloned(), self.application_page.clone())
            }
            NotFoundMode::Page | NotFoundMode::None => (None, None),
        };
        let lengths = self.assets.values().map(|asset| asset.identity().length);
        Ok(Head {
            paths: self.assets.len() as u64,
            bytes: lengths.fold(0, u64::saturating_add),
            config: self.config.clone(),
            not_found_pages,
            application_page,
            application_path,
            shards: Vec::new(),
        })
    }

    fn application_page(&self) -> Option<&Asset> {
        match &self.application_page {
            Some(page) => self.assets.get(page),
            None => APPLICATION_PAGES.iter().find_map(|page| self.assets.get(*page)),
        }
    }

    /// Encodes `count` shards; `None` if one is too large.
    fn spread(&self, count: usize) -> Result<Option<Vec<Blob>>, ManifestError> {
        let mut parts: Vec<Vec<(&String, &Asset)>> = vec![Vec::new(); count];
        for (path, asset) in &self.assets {
            if let Some(part) = parts.get_mut(shard_index(path, count)) {
                part.push((path, asset));
            }
        }
        let mut shards = Vec::with_capacity(count);
        for part in parts {
            let bytes = write_shard(part.into_iter())?;
            if bytes.len() > SHARD_BYTES_MAX {
                return Ok(None);
            }
            shards.push((ContentHash::of(&bytes), bytes));
        }
        Ok(Some(shards))
    }
}

/// Splits a root into its head and its shard.
fn split(root: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = root.strip_prefix(&MAGIC)?.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn shard_index(path: &str, count: usize) -> usize {
    let mask = (count as u64).saturating_sub(1);
    usize::try_from(path_hash(stem(path)) & mask).unwrap_or(0)
}

fn write_shard<'a>(
    entries: impl Iterator<Item = (&'a String, &'a Asset)> + Clone,
) -> Result<Vec<u8>, ManifestError> {
    let too_long = |(path, _): &(&String, &Asset)| path.len() > PATH_BYTES_MAX;
    let culprit = entries.clone().find(too_long).map(|(path, _)| path.clone());
    shard::write(entries.map(|(path, asset)| (path.as_str(), asset))).ok_or_else(|| {
        let path = culprit.unwrap_or_default();
        ManifestError::new(format_args!(
            "{path}: the path is longer than {PATH_BYTES_MAX} bytes; shorten it"
        ))
    })
}

fn finish(head: &Head, inline: &[u8], shards: Vec<Blob>) -> Result<BuiltManifest, ManifestError> {
    let head = codec::encode(head);
    let too_large = |bytes: usize| {
        ManifestError::new(format_args!(
            "the manifest root takes {bytes} bytes of {ROOT_BYTES_MAX}; use fewer redirects or \
             rules"
        ))
    };
    let length = u32::try_from(head.len()).map_err(|_| too_large(head.len()))?;
    let root = [MAGIC.as_slice(), &length.to_le_bytes(), head.as_bytes(), inline].concat();
    if root.len() > ROOT_BYTES_MAX {
        return Err(too_large(root.len()));
    }
    Ok(BuiltManifest { id: DeploymentId::of_root(&root), root, shards })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::deployment::asset::{Class, Representation};
    use crate::wire::coding::Coding;

    fn asset(text: &str) -> Asset {
        let hash = ContentHash::of(text.as_bytes());
        let length = text.len() as u64;
        let identity = Representation { coding: Coding::Identity, length, hash };
        Asset::new(Class::Other, "text/plain", vec![identity]).unwrap()
    }

    fn built(paths: impl Iterator<Item = String>) -> BuiltManifest {
        let mut builder = ManifestBuilder::default();
        paths.for_each(|path| builder.insert(&path, asset(&path)));
        builder.build().unwrap()
    }

    fn lookup(built: &BuiltManifest, manifest: &Manifest, path: &str) -> Option<Asset> {
        match manifest.shard_of(path)? {
            ShardPlace::Inline(shard) => shard.lookup(path),
            ShardPlace::Blob(wanted) => {
                let (_, bytes) = built.shards.iter().find(|(hash, _)| *hash == wanted)?;
                Shard::parse(bytes.clone()).unwrap().lookup(path)
            }
        }
    }

    #[test]
    fn spellings_share_a_stem() {
        let rows: [(&str, &[&str]); 5] = [
            ("", &["/", "/index.html", "/index"]),
            ("/a", &["/a", "/a/", "/a.html", "/a/index.html", "/a/index/index.html"]),
            ("/a", &["/a.html.html", "/a.html/index.html"]),
            ("/xindex", &["/xindex"]),
            ("/a.js", &["/a.js"]),
        ];
        for (expected, paths) in rows {
            for path in paths {
                assert_eq!(stem(path), expected, "{path}");
            }
        }
    }

    #[test]
    fn a_small_site_has_one_object() {
        let built = built((0..100).map(|n| format!("/{n}.html")));
        assert!(built.shards.is_empty());
        let manifest = Manifest::parse_as(&built.id, &built.root).unwrap();
        assert_eq!(manifest.head().paths, 100);
        assert_eq!(lookup(&built, &manifest, "/7.html"), Some(asset("/7.html")));
        assert_eq!(lookup(&built, &manifest, "/100.html"), None);
    }

    #[test]
    fn a_large_site_is_spread_and_every_spelling_shares_a_shard() {
        let built = built((0..20_000).map(|n| format!("/docs/{n}/index.html")));
        let manifest = Manifest::parse(&built.root).unwrap();
        assert!(built.shards.len() > 1);
        assert!(built.shards.iter().all(|(_, bytes)| bytes.len() <= SHARD_BYTES_MAX));
        for n in (0..20_000).step_by(997) {
            let path = format!("/docs/{n}/index.html");
            assert_eq!(lookup(&built, &manifest, &path), Some(asset(&path)));
            let spellings =
                [format!("/docs/{n}"), format!("/docs/{n}/"), format!("/docs/{n}.html")];
            for spelling in spellings {
                assert_eq!(manifest.shard_of(&spelling), manifest.shard_of(&path));
            }
        }
    }

    #[test]
    fn one_edited_file_changes_one_shard() {
        let paths = || (0..20_000).map(|n| format!("/docs/{n}/index.html"));
        let before = built(paths());
        let mut builder = ManifestBuilder::default();
        paths().for_each(|path| builder.insert(&path, asset(&path)));
        builder.insert("/docs/77/index.html", asset("edited"));
        let after = builder.build().unwrap();
        let known: Vec<_> = before.shards.iter().map(|(hash, _)| hash).collect();
        let changed = after.shards.iter().filter(|(hash, _)| !known.contains(&hash)).count();
        assert_eq!(changed, 1);
        assert_ne!(before.id, after.id);
    }

    #[test]
    fn the_same_input_has_the_same_id() {
        let one = built(["/a".to_owned(), "/b".to_owned()].into_iter());
        let two = built(["/b".to_owned(), "/a".to_owned()].into_iter());
        assert_eq!(one.id, two.id);
    }

    #[test]
    fn the_nearest_not_found_page_is_found() {
        let pages = ["/404.html", "/es/404.html", "/a404.html", "/x/y/404.html"];
        let manifest = Manifest::parse(&built(pages.iter().map(|p| (*p).to_owned())).root).unwrap();
        let rows = [
            ("/", "/404.html"),
            ("/nope", "/404.html"),
            ("/es/nope", "/es/404.html"),
            ("/es/a/b/", "/es/404.html"),
            ("/x/nope", "/404.html"),
            ("/x/y/nope", "/x/y/404.html"),
        ];
        for (path, page) in rows {
            assert_eq!(manifest.not_found_page(path, &|_| true), Some(&asset(page)), "{path}");
        }
    }

    #[test]
    fn invalid_manifests_are_rejected() {
        let root = built(["/a".to_owned()].into_iter()).root;
        for length in 0..root.len() {
            assert!(Manifest::parse(&root[..length]).is_err() || length >= 8, "{length}");
        }
        let other = DeploymentId::of_root(b"other");
        let error = |parsed: Result<Manifest, ManifestError>| parsed.unwrap_err().to_string();
        assert_eq!(error(Manifest::parse_as(&other, &root)), WRONG_ID);
        let large = error(Manifest::parse(&vec![0; ROOT_BYTES_MAX + 1]));
        assert_eq!(large, "the manifest root is larger than 2097152 bytes");
        assert_eq!(error(Manifest::parse(b"SVM2\0\0\0\0")), WRONG_SHAPE);
        let mut builder = ManifestBuilder::default();
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
        builder.insert(&long, asset("x"));
        let error = builder.build().unwrap_err().to_string();
        assert_eq!(error, format!("{long}: the path is longer than 1024 bytes; shorten it"));
    }
}
