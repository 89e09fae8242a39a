//! Request bodies, read as the connection takes them.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::publish::client::attempt_error::AttemptError;
use crate::publish::client::watchdog::Watchdog;
use crate::publish::failure::Failure;
use crate::publish::progress::Step;

#[derive(Clone, Copy)]
pub enum Payload<'a> {
    Empty,
    Json(&'a str),
    Bytes(&'a [u8]),
    /// `length` bytes of a file from `first` on.
    File {
        file: &'a Path,
        first: u64,
        length: u64,
    },
}

impl Payload<'_> {
    pub fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Json(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

/// Counts the bytes of a payload that were sent, over all attempts at a call.
#[derive(Default)]
pub struct Sent<'a> {
    /// How far the farthest attempt came, in bytes.
    pub farthest: Cell<u64>,
    /// Advances when bytes are sent for the first time.
    pub step: Option<&'a dyn Step>,
}

/// A request body that counts the bytes that the connection takes.
///
/// Bytes beyond those of earlier attempts are a sign of life. Repeated bytes are not: sockets have
/// buffers, so a dead server would take some with every attempt.
pub struct RequestBody<'a> {
    source: Box<dyn Read + 'a>,
    at: u64,
    sent: &'a Sent<'a>,
    watchdog: &'a Watchdog,
}

impl<'a> RequestBody<'a> {
    pub fn open(
        payload: &Payload<'a>,
        watchdog: &'a Watchdog,
        sent: &'a Sent<'a>,
    ) -> Result<Self, AttemptError> {
        let source: Box<dyn Read + 'a> = match *payload {
            Payload::Empty => Box::new(io::empty()),
            Payload::Json(text) => Box::new(text.as_bytes()),
            Payload::Bytes(bytes) => Box::new(bytes),
            Payload::File { file, first, length } => {
                let opened = File::open(file)
                    .and_then(|mut file| file.seek(SeekFrom::Start(first)).map(|_| file));
                let opened = opened.map_err(|cause| {
                    AttemptError::permanent(Failure::io(file.display(), &cause))
                })?;
                Box::new(opened.take(length))
            }
        };
        Ok(Self { source, at: 0, sent, watchdog })
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.at += read as u64;
        let farthest = self.sent.farthest.replace(self.at.max(self.sent.farthest.get()));
        if self.at > farthest {
            if let Some(step) = self.sent.step {
                step.advance(self.at - farthest);
            }
            self.watchdog.heard(false);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use ureq::Agent;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Step for Counter {
        fn advance(&self, amount: u64) {
            self.0.fetch_add(amount, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_bytes_sent_for_the_first_time_count() {
        let watchdog = Watchdog::start(&Agent::new_with_defaults(), Duration::from_secs(60));
        let step = Counter::default();
        let sent = Sent { step: Some(&step), ..Sent::default() };
        // Each attempt reads so many bytes before its connection breaks.
        for (read, expected) in [(4, 4), (3, 4), (9, 9), (10, 10), (10, 10)] {
            let payload = Payload::Bytes(b"0123456789");
            let mut body = RequestBody::open(&payload, &watchdog, &sent).unwrap();
            let mut piece = vec![0; read];
            body.read_exact(&mut piece).unwrap();
            assert_eq!(
                (sent.farthest.get(), step.0.load(Ordering::Relaxed)),
                (expected, expected),
                "{read}"
            );
        }
    }
}
