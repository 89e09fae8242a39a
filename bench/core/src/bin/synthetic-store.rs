//! Writes what a store holds of a synthetic site: `synthetic-store 10000 FOLDER`.
//!
//! # Shape
//! Four files. `values` are all values, one after the other; `index` has a line for each of them,
//! its length and its key. `each-shard` has an address for each shard, `random` has addresses
//! drawn at random, `unknown` has addresses where nothing is, in the shard of `/page`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::Path;
use std::process::ExitCode;

use selvedge::site::deployment::manifest::ShardPlace;
use selvedge_bench::command;
use selvedge_bench::site::{self, mixed};
use selvedge_bench::store::{self, Stored};

/// Addresses that are drawn at random, with repetition.
const RANDOM: usize = 20_000;
/// Addresses where nothing is.
const UNKNOWN: usize = 2;

fn main() -> ExitCode {
    command::run("synthetic-store", write)
}

fn write(count: usize, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let stored = store::stored(count);
    let mut values = BufWriter::new(File::create(folder.join("values"))?);
    stored.values.iter().try_for_each(|(_, bytes)| values.write_all(bytes))?;
    values.flush()?;
    let index = stored.values.iter().map(|(key, bytes)| format!("{} {key}", bytes.len()));
    lines(&folder.join("index"), index)?;
    let paths: Vec<String> = site::paths(count).collect();
    lines(&folder.join("each-shard"), each_shard(&stored, &paths).into_iter())?;
    let random = (0..RANDOM).map(|n| site::address(&paths[mixed(n as u64) as usize % count]));
    lines(&folder.join("random"), random)?;
    lines(&folder.join("unknown"), unknown(&stored))
}

fn lines<T: AsRef<str>>(file: &Path, lines: impl Iterator<Item = T>) -> io::Result<()> {
    let text: String = lines.flat_map(|line| [line.as_ref(), "\n"].map(str::to_owned)).collect();
    fs::write(file, text)
}

/// An address for each shard; for the one that is in the root as well.
fn each_shard<'a>(stored: &Stored, paths: &'a [String]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let first = paths.iter().filter(|path| match stored.manifest.shard_of(path) {
        Some(ShardPlace::Blob(hash)) => seen.insert(Some(hash)),
        Some(ShardPlace::Inline(_)) | None => seen.insert(None),
    });
    first.map(|path| site::address(path)).collect()
}

/// Addresses where nothing is, in the shard of `/page`.
fn unknown(stored: &Stored) -> impl Iterator<Item = String> {
    let place = stored.manifest.shard_of("/page");
    let all = iter::successors(Some(0), |n| Some(n + 1)).map(|n| format!("/nothing/{n}"));
    all.filter(move |path| stored.manifest.shard_of(path) == place).take(UNKNOWN)
}
