//! Encoded bytes on disk, many blobs to a file, so that they need not be made again.
//!
//! Not a store: bytes that are lost or damaged are made again from the files. The invariant is
//! that whoever reads a blob compares its hash before it uses it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::publish::clock;

/// Where a blob lies in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The pack, by its position in the cache's list.
    pub pack: u32,
    pub offset: u64,
}

/// A pack being written, by several threads.
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
    /// A new pack in a folder; the file is made with its first blob.
    pub fn new(folder: &Path) -> Self {
        let name = format!("{:x}-{:x}.pack", clock::unix_nanos(), std::process::id());
        Self { path: folder.join(name), state: Mutex::new(None) }
    }

    /// The offset at which a blob now lies.
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

    /// Everything appended so far can be read after this.
    pub fn flush(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.as_mut().map_or(Ok(()), |state| state.file.flush())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The bytes at a place of a pack.
pub fn read(pack: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(pack)?;
    // Checked first, so that a damaged index can't ask for more memory than the file has bytes.
    if offset.checked_add(length).is_none_or(|end| file.metadata().is_ok_and(|m| m.len() < end)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
