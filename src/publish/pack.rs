//! Keeps encoded bytes on disk, many blobs to a file.
//!
//! Callers check the hash of each blob that they read; lost or damaged bytes are encoded again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::publish::clock;

/// The position of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobPlace {
    /// Index in the cache's list of packs.
    pub pack: u32,
    pub offset: u64,
}

/// Writes a pack, from several threads.
#[derive(Debug)]
pub struct PackWriter {
    path: PathBuf,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    file: BufWriter<File>,
    length: u64,
}

impl PackWriter {
    /// Names a new pack. The file is created with its first blob.
    pub fn new(folder: &Path) -> Self {
        let name = format!("{:x}-{:x}.pack", clock::unix_nanos(), std::process::id());
        Self { path: folder.join(name), state: Mutex::new(None) }
    }

    /// Appends a blob and returns its offset.
    pub fn append(&self, blob: &[u8]) -> io::Result<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = BufWriter::with_capacity(1 << 20, File::create_new(&self.path)?);
            *state = Some(State { file, length: 0 });
        }
        let Some(state) = state.as_mut() else { return Ok(0) };
        state.file.write_all(blob)?;
        let offset = state.length;
        state.length += blob.len() as u64;
        Ok(offset)
    }

    /// Makes all appended blobs readable.
    pub fn flush(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.as_mut().map_or(Ok(()), |state| state.file.flush())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a blob.
pub fn read(pack: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(pack)?;
    // Checked first, so that a wrong length does not allocate more memory than the file has bytes.
    if offset.checked_add(length).is_none_or(|end| file.metadata().is_ok_and(|m| m.len() < end)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
