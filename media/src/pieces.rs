//! Reads bytes that are outside of linear memory piece by piece, so that they never fill it.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::input::Input;

/// Size of a piece. Each costs a call.
const PIECE_BYTES: u64 = 64 * 1024;

/// Bytes that the function `copy` copies into linear memory. `memory_bytes` returns the size of that.
pub struct Pieces<C> {
    copy: C,
    memory_bytes: fn() -> u64,
    length: u64,
    position: u64,
    /// The bytes from `first` on.
    piece: Vec<u8>,
    first: u64,
}

impl<C: Fn(Range<u64>, &mut [u8])> Pieces<C> {
    pub fn new(length: u64, copy: C, memory_bytes: fn() -> u64) -> Self {
        Self { copy, memory_bytes, length, position: 0, piece: Vec::new(), first: 0 }
    }
}

impl<C: Fn(Range<u64>, &mut [u8])> Input for Pieces<C> {
    fn memory_bytes(&self) -> u64 {
        (self.memory_bytes)()
    }
}

impl<C: Fn(Range<u64>, &mut [u8])> Read for Pieces<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<C: Fn(Range<u64>, &mut [u8])> BufRead for Pieces<C> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let held = self.first..self.first + self.piece.len() as u64;
        if !held.contains(&self.position) {
            self.first = self.position.min(self.length);
            let end = self.length.min(self.first + PIECE_BYTES);
            self.piece.resize((end - self.first) as usize, 0);
            (self.copy)(self.first..end, &mut self.piece);
        }
        let from = (self.position - self.first).min(self.piece.len() as u64);
        Ok(&self.piece[from as usize..])
    }

    fn consume(&mut self, count: usize) {
        self.position += count as u64;
    }
}

impl<C> Seek for Pieces<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LENGTH: u64 = 2 * PIECE_BYTES + 1_000;

    fn bytes() -> Vec<u8> {
        (0..LENGTH).map(|at| (at * 7 + (at >> 8)) as u8).collect()
    }

    #[test]
    fn all_is_read_in_pieces() {
        let bytes = bytes();
        let calls = Cell::new(0);
        let mut pieces = Pieces::new(
            LENGTH,
            |range: Range<u64>, to: &mut [u8]| {
                calls.set(calls.get() + 1);
                to.copy_from_slice(&bytes[range.start as usize..range.end as usize]);
            },
            || 0,
        );
        let mut read = Vec::new();
        pieces.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert!((3..=4).contains(&calls.get()), "{} calls", calls.get());
    }

    #[test]
    fn positions_are_found() {
        let bytes = bytes();
        let mut pieces = Pieces::new(
            LENGTH,
            |range: Range<u64>, to: &mut [u8]| {
                to.copy_from_slice(&bytes[range.start as usize..range.end as usize]);
            },
            || 0,
        );
        let rows = [
            (SeekFrom::Start(PIECE_BYTES - 2), 5),
            (SeekFrom::Current(-5), 5),
            (SeekFrom::Start(0), 1),
            (SeekFrom::End(-3), 3),
            (SeekFrom::End(0), 0),
            (SeekFrom::Start(LENGTH + 5), 0),
            (SeekFrom::Start(u64::MAX), 0),
            (SeekFrom::Start(PIECE_BYTES), 4),
        ];
        for (to, count) in rows {
            let at = pieces.seek(to).unwrap();
            let mut read = vec![0; count];
            pieces.read_exact(&mut read).unwrap();
            if count == 0 {
                assert_eq!(pieces.fill_buf().unwrap(), b"", "{to:?}");
                continue;
            }
            assert_eq!(read, bytes[at as usize..at as usize + count], "{to:?}");
        }
        for to in [SeekFrom::Current(-1), SeekFrom::End(-1 - LENGTH as i64)] {
            pieces.seek(SeekFrom::Start(0)).unwrap();
            assert!(pieces.seek(to).is_err(), "{to:?}");
        }
    }
}
