//! Where the bytes of a source come from.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

/// A source, read from its beginning, in pieces: its bytes never have to be in linear memory all
/// at once.
pub trait Input: BufRead + Seek {
    /// Returns how much memory is in use in bytes, or 0 if that is unknown. A decoder whose needs
    /// show only while it works stops above
    /// [`MEMORY_BYTES_MAX`](crate::limits::MEMORY_BYTES_MAX).
    fn memory_bytes(&self) -> u64 {
        0
    }
}

impl<T: AsRef<[u8]>> Input for Cursor<T> {}

/// Reads bytes of a fixed number.
pub(crate) fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads `length` bytes, but at most `max`, and skips the rest.
pub(crate) fn take_some(input: &mut impl Input, length: u64, max: u64) -> io::Result<Vec<u8>> {
    let wanted = length.min(max);
    let mut bytes = Vec::new();
    let read = input.by_ref().take(wanted).read_to_end(&mut bytes)? as u64;
    if read < wanted {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    skip(input, length - wanted)?;
    Ok(bytes)
}

/// Skips bytes, possibly beyond the end.
pub(crate) fn skip(input: &mut impl Seek, bytes: u64) -> io::Result<()> {
    input.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))
}

pub(crate) fn seek(input: &mut impl Seek, position: u64) -> io::Result<()> {
    input.seek(SeekFrom::Start(position)).map(|_| ())
}
