//! The body of a request, read as the connection takes it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::publish::client::Payload;
use crate::publish::progress::Step;
use crate::publish::trouble::Trouble;
use crate::publish::watchdog::Watchdog;

/// The body of a request that counts what the connection takes of it.
///
/// Bytes beyond those of earlier attempts are a sign of life. Bytes that are sent again are not:
/// sockets have buffers, so a dead server would take some with every attempt.
pub struct RequestBody<'a> {
    source: Source<'a>,
    step: Option<&'a Step>,
    at: u64,
    /// How far the farthest attempt came.
    sent: &'a Cell<u64>,
    watchdog: &'a Watchdog,
}

enum Source<'a> {
    Bytes(&'a [u8]),
    File(io::Take<File>),
}

impl<'a> RequestBody<'a> {
    /// Opens a payload.
    ///
    /// # Errors
    /// [`Trouble`] when its file can't be read.
    pub fn open(
        payload: &Payload<'a>,
        watchdog: &'a Watchdog,
        sent: &'a Cell<u64>,
    ) -> Result<Self, Trouble> {
        let part = |file: &Path, first, length| {
            let opened = File::open(file)
                .and_then(|mut file| file.seek(SeekFrom::Start(first)).map(|_| file));
            let opened = opened.map_err(|cause| Trouble::of_file(file, &cause))?;
            Ok(Source::File(opened.take(length)))
        };
        let (source, step) = match *payload {
            Payload::Nothing => (Source::Bytes(&[]), None),
            Payload::Json(text) => (Source::Bytes(text.as_bytes()), None),
            Payload::Bytes(bytes) => (Source::Bytes(bytes), None),
            Payload::File(file, length) => (part(file, 0, length)?, None),
            Payload::Part { file, first, length, step } => {
                let source = part(file, first, length)?;
                step.go_to(first);
                (source, Some(step))
            }
        };
        Ok(Self { source, step, at: 0, sent, watchdog })
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.source {
            Source::Bytes(bytes) => bytes.read(buffer)?,
            Source::File(file) => file.read(buffer)?,
        };
        if let Some(step) = self.step {
            step.advance(read as u64);
        }
        self.at += read as u64;
        if self.at > self.sent.get() {
            self.sent.set(self.at);
            self.watchdog.heard(false);
        }
        Ok(read)
    }
}
