//! Sends blobs: small ones in batches, large ones alone, several requests in parallel.
//!
//! The hash of every blob is checked before it is sent, to notice files that changed since they
//! were read.

use std::collections::HashSet;
use std::fs;
use std::io;

use crate::publish::cache::{Cache, Encoded};
use crate::publish::client::Client;
use crate::publish::client::payload::Payload;
use crate::publish::encode::{self, Effort};
use crate::publish::failure::Failure;
use crate::publish::ingest::IngestedFile;
use crate::publish::parallel::in_flight;
use crate::publish::progress::{Progress, Step, Unit};
use crate::publish::scan::Stat;
use crate::site::api::Limits;
use crate::site::deployment::manifest::BuiltManifest;
use crate::site::ids::{ContentHash, SiteName};
use crate::wire::coding::Coding;

/// Length of the header of a blob in a batch: its hash and its length.
pub const FRAME_HEAD_BYTES: u64 = 36;

#[derive(Debug, Clone, Copy)]
pub struct Blob<'a> {
    pub hash: ContentHash,
    pub length: u64,
    source: Source<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Content(&'a IngestedFile),
    Encoded(&'a IngestedFile, Encoded),
    Shard(&'a [u8]),
}

#[derive(Debug)]
pub enum UploadError {
    /// A file changed since it was read: its path, and its hash before.
    Changed(String, ContentHash),
    Failure(Failure),
}

impl From<Failure> for UploadError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Returns all blobs of a deployment, without duplicates: representations and shards.
pub fn blobs<'a>(files: &'a [IngestedFile], built: &'a BuiltManifest) -> Vec<Blob<'a>> {
    let mut seen = HashSet::with_capacity(files.len() * 4);
    let mut blobs = Vec::with_capacity(files.len() * 4);
    let mut add = |hash, length, source| {
        if seen.insert(hash) {
            blobs.push(Blob { hash, length, source });
        }
    };
    for file in files {
        add(file.hash, file.scanned.stat.size, Source::Content(file));
        for encoded in &file.encodings {
            add(encoded.hash, encoded.length, Source::Encoded(file, *encoded));
        }
    }
    for (hash, bytes) in &built.shards {
        add(*hash, bytes.len() as u64, Source::Shard(bytes));
    }
    blobs
}

#[derive(Clone, Copy)]
pub struct Uploader<'a> {
    pub client: &'a Client,
    pub site: &'a SiteName,
    pub limits: Limits,
    pub cache: &'a Cache,
    pub effort: Effort,
    pub progress: &'a dyn Progress,
}

impl Uploader<'_> {
    pub fn send(&self, blobs: &[Blob<'_>]) -> Result<(), UploadError> {
        let batches = batches(blobs, &self.limits);
        let total = blobs.iter().map(|blob| blob.length).sum();
        let step = self.progress.step("sending", total, Unit::Bytes);
        in_flight(&batches, |batch| match batch {
            [blob] if is_large(blob, &self.limits) => self.send_one(blob, &*step),
            batch => self.send_batch(batch, &*step),
        })
        .map(drop)
    }

    fn send_batch(&self, batch: &[Blob<'_>], step: &dyn Step) -> Result<(), UploadError> {
        let bytes: u64 = batch.iter().map(|blob| blob.length + FRAME_HEAD_BYTES).sum();
        let mut body = Vec::with_capacity(bytes as usize);
        for blob in batch {
            let bytes = self.load(blob)?;
            body.extend_from_slice(&blob.hash.0);
            body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            body.extend_from_slice(&bytes);
        }
        let path = format!("/sites/{}/blobs", self.site);
        let sent = self.client.call_with("POST", &path, &[], Payload::Bytes(&body), Some(step));
        sent.map_err(UploadError::Failure)?;
        Ok(())
    }

    fn send_one(&self, blob: &Blob<'_>, step: &dyn Step) -> Result<(), UploadError> {
        let path = format!("/sites/{}/blobs/{}", self.site, blob.hash);
        let result = match blob.source {
            Source::Content(file) => {
                let payload =
                    Payload::File { file: &file.scanned.file, first: 0, length: blob.length };
                let result = self.client.call_with("PUT", &path, &[], payload, Some(step));
                if result.is_err() && !is_unchanged(file) {
                    return Err(changed(file));
                }
                result
            }
            _ => {
                let bytes = self.load(blob)?;
                self.client.call_with("PUT", &path, &[], Payload::Bytes(&bytes), Some(step))
            }
        };
        result.map(drop).map_err(UploadError::Failure)
    }

    /// Returns the bytes of a blob, with their hash checked.
    fn load(&self, blob: &Blob<'_>) -> Result<Vec<u8>, UploadError> {
        let (file, bytes) = match blob.source {
            Source::Shard(bytes) => return Ok(bytes.to_vec()),
            Source::Content(file) => (file, content(file)?),
            Source::Encoded(file, encoded) => {
                if let Some(bytes) = self.kept(&encoded) {
                    return Ok(bytes);
                }
                (file, self.encode_again(file, encoded.coding)?)
            }
        };
        if ContentHash::of(&bytes) == blob.hash { Ok(bytes) } else { Err(changed(file)) }
    }

    fn kept(&self, encoded: &Encoded) -> Option<Vec<u8>> {
        let bytes = self.cache.read(encoded.place?, encoded.length).ok()?;
        (ContentHash::of(&bytes) == encoded.hash).then_some(bytes)
    }

    fn encode_again(&self, file: &IngestedFile, coding: Coding) -> Result<Vec<u8>, UploadError> {
        let content = content(file)?;
        let encoded = encode::encode(coding, self.effort, &content)
            .map_err(|cause| UploadError::Failure(Failure::io("encoding a file", &cause)))?;
        encoded.ok_or_else(|| changed(file))
    }
}

fn content(file: &IngestedFile) -> Result<Vec<u8>, UploadError> {
    fs::read(&file.scanned.file).map_err(|cause| {
        let path = &file.scanned.path;
        UploadError::Failure(match cause.kind() {
            io::ErrorKind::NotFound => {
                let hint = "another program removes files; publish when it is done";
                Failure::refused("vanished", format!("{path} vanished during the publish"), hint)
            }
            _ => Failure::io(path, &cause),
        })
    })
}

fn changed(file: &IngestedFile) -> UploadError {
    UploadError::Changed(file.scanned.path.clone(), file.hash)
}

fn is_unchanged(file: &IngestedFile) -> bool {
    fs::metadata(&file.scanned.file).is_ok_and(|now| Stat::of(&now) == file.scanned.stat)
}

fn is_large(blob: &Blob<'_>, limits: &Limits) -> bool {
    blob.length.saturating_add(FRAME_HEAD_BYTES) > limits.batch_bytes_max
}

/// Splits blobs into batches that fit one request each.
fn batches<'b, 'a>(blobs: &'b [Blob<'a>], limits: &Limits) -> Vec<&'b [Blob<'a>]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (at, blob) in blobs.iter().enumerate() {
        let frame = blob.length.saturating_add(FRAME_HEAD_BYTES);
        let is_full = bytes.saturating_add(frame) > limits.batch_bytes_max
            || at - start >= limits.batch_blobs_max.max(1);
        if is_full && at > start {
            batches.push(&blobs[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes = bytes.saturating_add(frame);
    }
    if start < blobs.len() {
        batches.push(&blobs[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lengths: &[u64], expected: &[usize]) {
        let limits = Limits {
            blob_bytes_max: 10_000,
            batch_bytes_max: 1_000,
            batch_blobs_max: 3,
            missing_hashes_max: 10,
            ..Limits::default()
        };
        let blob = |length: &u64| Blob {
            hash: ContentHash([0; 32]),
            length: *length,
            source: Source::Shard(b""),
        };
        let blobs: Vec<_> = lengths.iter().map(blob).collect();
        let found: Vec<_> = batches(&blobs, &limits).iter().map(|batch| batch.len()).collect();
        assert_eq!(found, expected, "{lengths:?}");
    }

    #[test]
    fn batches_keep_to_the_limits() {
        check(&[], &[]);
        check(&[0], &[1]);
        check(&[1, 1, 1, 1], &[3, 1]);
        check(&[464, 464], &[2]);
        check(&[464, 465], &[1, 1]);
        check(&[964], &[1]);
        check(&[965], &[1]);
        check(&[1, 5_000, 1], &[1, 1, 1]);
    }
}
