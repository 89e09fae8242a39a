//! The body of a request, read as the connection takes it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::publish::client::Payload;
use crate::publish::progress::Step;
use crate::publish::trouble::Trouble;
use crate::publish::watchdog::Watchdog;

/// How much of a payload was sent, over all attempts at a call.
#[derive(Default)]
pub struct Sent<'a> {
    /// How far the farthest attempt came, in bytes.
    pub farthest: Cell<u64>,
    /// The step that bytes count for when they are sent for the first time.
    pub step: Option<&'a dyn Step>,
}

/// The body of a request that counts what the connection takes of it.
///
/// Bytes beyond those of earlier attempts are a sign of life. Bytes that are sent again are not:
/// sockets have buffers, so a dead server would take some with every attempt.
pub struct RequestBody<'a> {
    source: Source<'a>,
    step: Option<&'a dyn Step>,
    at: u64,
    sent: &'a Sent<'a>,
    watchdog: &'a Watchdog,
}

enum Source<'a> {
    Bytes(&'a [u8]),
    File(io::Take<File>),
}

impl<'a> RequestBody<'a> {
    /// Opens a payload.
    pub fn open(
        payload: &Payload<'a>,
        watchdog: &'a Watchdog,
        sent: &'a Sent<'a>,
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

        fn go_to(&self, amount: u64) {
            self.0.store(amount, Ordering::Relaxed);
        }
    }

    #[test]
    fn bytes_count_when_they_are_sent_for_the_first_time() {
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
