//! Keeps encoded bytes on disk, many blobs to a file.
//!
//! Callers check the hash of each blob that they read; lost or damaged bytes are encoded again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::publish::clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobPlace {
    /// When the pack was begun, in nanoseconds: its name.
    pub pack: u64,
    pub offset: u64,
}

/// Writes a pack, from several threads.
#[derive(Debug)]
pub struct PackWriter {
    pack: u64,
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
        let pack = clock::unix_nanos() as u64;
        Self { pack, path: path(folder, pack), state: Mutex::new(None) }
    }

    pub fn append(&self, blob: &[u8]) -> io::Result<BlobPlace> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match &mut *state {
            Some(state) => state,
            none => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let file = BufWriter::with_capacity(1 << 20, File::create_new(&self.path)?);
                none.insert(State { file, length: 0 })
            }
        };
        state.file.write_all(blob)?;
        let offset = state.length;
        state.length += blob.len() as u64;
        Ok(BlobPlace { pack: self.pack, offset })
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

pub fn path(folder: &Path, pack: u64) -> PathBuf {
    folder.join(format!("{pack:x}.pack"))
}

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
