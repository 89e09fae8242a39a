//! Reads bytes that are outside of linear memory piece by piece, so that they never fill it.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::input::Input;

/// Size of a piece. Each costs a call.
const PIECE_BYTES: u64 = 64 * 1024;

/// Bytes that the function `copy` copies into linear memory; `memory_bytes` returns its size.
pub struct Pieces<C> {
    copy: C,
    memory_bytes: fn() -> u64,
    length: u64,
    piece: Vec<u8>,
    /// Where the piece begins.
    first: u64,
    /// Bytes of the piece that have been read.
    read: usize,
}

impl<C: Fn(Range<u64>, &mut [u8])> Pieces<C> {
    pub fn new(length: u64, copy: C, memory_bytes: fn() -> u64) -> Self {
        Self { copy, memory_bytes, length, piece: Vec::new(), first: 0, read: 0 }
    }
}

impl<C: Fn(Range<u64>, &mut [u8])> Input for Pieces<C> {
    fn memory_bytes(&self) -> u64 {
        (self.memory_bytes)()
    }
}

impl<C> Pieces<C> {
    fn position(&self) -> u64 {
        self.first + self.read as u64
    }

    fn forget(&mut self, position: u64) {
        self.piece.clear();
        self.first = position;
        self.read = 0;
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

    // The decoder of JPEG reads byte by byte: without this, it takes half as long again.
    #[inline]
    fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        if let ([to], Some(from)) = (&mut *buffer, self.piece.get(self.read)) {
            *to = *from;
            self.read += 1;
            return Ok(());
        }
        while !buffer.is_empty() {
            match self.read(buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => buffer = &mut buffer[count..],
            }
        }
        Ok(())
    }
}

impl<C: Fn(Range<u64>, &mut [u8])> BufRead for Pieces<C> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let position = self.position();
        if self.read == self.piece.len() && position < self.length {
            self.forget(position);
            let end = self.length.min(position + PIECE_BYTES);
            self.piece.resize((end - position) as usize, 0);
            (self.copy)(position..end, &mut self.piece);
        }
        Ok(&self.piece[self.read..])
    }

    fn consume(&mut self, count: usize) {
        self.read = self.piece.len().min(self.read + count);
    }
}

impl<C> Seek for Pieces<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position().checked_add_signed(offset),
        };
        let to = to.ok_or(io::ErrorKind::InvalidInput)?;
        match to.checked_sub(self.first) {
            Some(read) if read <= self.piece.len() as u64 => self.read = read as usize,
            _ => self.forget(to),
        }
        Ok(to)
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
            (SeekFrom::Start(PIECE_BYTES - 1), 1),
            (SeekFrom::Current(0), 1),
            (SeekFrom::Start(2 * PIECE_BYTES - 10), 20),
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
        for end in [SeekFrom::Start(LENGTH), SeekFrom::End(7), SeekFrom::End(-1)] {
            pieces.seek(end).unwrap();
            let error = pieces.read_exact(&mut [0; 2]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end:?}");
        }
        pieces.seek(SeekFrom::Start(LENGTH)).unwrap();
        assert!(pieces.read_exact(&mut [0]).is_err());
        for to in [SeekFrom::Current(-1), SeekFrom::End(-1 - LENGTH as i64)] {
            pieces.seek(SeekFrom::Start(0)).unwrap();
            assert!(pieces.seek(to).is_err(), "{to:?}");
        }
    }
}
