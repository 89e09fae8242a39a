//! Reads, hashes and encodes files in parallel, and skips those that did not change.
//!
//! Holds at most one file per thread in memory. A file that changes while it is read is read again,
//! so its hash and its encodings are always of the same bytes.

use std::fs::File;
use std::io::{self, Read};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::publish::cache::{Cache, Encoded, KnownFile, SETTLED_NANOS, Spool};
use crate::publish::clock;
use crate::publish::encode::{self, ENCODE_BYTES_MAX, Effort};
use crate::publish::failure::{Failure, Problem};
use crate::publish::pack::PackWriter;
use crate::publish::private_keys::{self, HEAD_BYTES};
use crate::publish::progress::{Progress, Unit};
use crate::publish::scan::{ScannedFile, Stat};
use crate::site::ids::ContentHash;
use crate::wire::coding::Coding;

/// Maximum number of attempts to read a file that keeps changing.
pub const READS_MAX: u32 = 4;
/// How often the cache is saved, so that an interrupted run loses little.
pub const CHECKPOINT_SECS: u64 = 10;

const CHUNK_FILES: usize = 1_024;

#[derive(Debug, Clone)]
pub struct IngestedFile {
    pub scanned: ScannedFile,
    pub media_type: String,
    pub hash: ContentHash,
    pub encodings: Vec<Encoded>,
}

#[derive(Debug, Default)]
pub struct Ingested {
    pub files: Vec<IngestedFile>,
    pub problems: Vec<Problem>,
    pub files_read: usize,
}

#[derive(Clone, Copy)]
pub struct IngestOptions<'a> {
    /// `None` for a folder that is refused anyway: its files are only checked.
    pub effort: Option<Effort>,
    pub allow_secrets: bool,
    pub progress: &'a dyn Progress,
}

pub fn ingest(
    files: Vec<(ScannedFile, String)>,
    cache: &mut Cache,
    spool: &Spool,
    options: IngestOptions<'_>,
) -> Result<Ingested, Failure> {
    let pack = cache.new_pack(spool);
    let step = options.progress.step("reading", files.len() as u64, Unit::Files);
    let mut ingested = Ingested::default();
    let mut last_save = clock::now();
    let total = files.len();
    let present: std::collections::HashSet<String> =
        files.iter().map(|(file, _)| file.path.clone()).collect();
    cache.files.retain(|path, _| present.contains(path));
    let mut rest = files.into_iter();
    loop {
        let chunk: Vec<_> = rest.by_ref().take(CHUNK_FILES).collect();
        if chunk.is_empty() {
            break;
        }
        let worker = Worker { cache, pack: &pack, options };
        let results: Vec<_> = chunk
            .into_par_iter()
            .map(|(file, media_type)| {
                let result = worker.file(file, media_type);
                step.advance(1);
                result
            })
            .collect();
        for result in results {
            absorb(&mut ingested, cache, options, result)?;
        }
        if clock::now().duration_since(last_save).as_secs() >= CHECKPOINT_SECS {
            // A failure only costs time at the next run.
            let _ = pack.flush().and_then(|()| cache.save());
            last_save = clock::now();
        }
    }
    pack.flush().map_err(|cause| Failure::io(pack.path().display(), &cause))?;
    debug_assert_eq!(ingested.files.len() + ingested.problems.len(), total);
    Ok(ingested)
}

struct Ingestion {
    file: IngestedFile,
    is_secret: bool,
    was_read: bool,
}

enum IngestError {
    Problem(Problem),
    Failure(Failure),
}

fn absorb(
    ingested: &mut Ingested,
    cache: &mut Cache,
    options: IngestOptions<'_>,
    result: Result<Ingestion, IngestError>,
) -> Result<(), Failure> {
    let Ingestion { file, is_secret, was_read } = match result {
        Ok(outcome) => outcome,
        Err(IngestError::Failure(failure)) => return Err(failure),
        Err(IngestError::Problem(problem)) => {
            ingested.problems.push(problem);
            return Ok(());
        }
    };
    let stat = file.scanned.stat;
    let last_change = stat.modified_nanos.max(stat.changed_nanos);
    if last_change.saturating_add(SETTLED_NANOS) < clock::unix_nanos() {
        let known = KnownFile { stat, hash: file.hash, is_secret };
        cache.files.insert(file.scanned.path.clone(), known);
    } else {
        cache.files.remove(&file.scanned.path);
    }
    let size = file.scanned.stat.size;
    if options.effort.is_some() && !encode::codings_for(&file.media_type, size).is_empty() {
        cache.encodings.entry(file.hash).or_insert_with(|| file.encodings.clone());
    }
    ingested.files_read += usize::from(was_read);
    if is_secret && !options.allow_secrets {
        ingested.problems.push(Problem::of_path(
            &file.scanned.path,
            "holds a private key",
            "leave it out with an ignore pattern, or add --allow-secrets if it is meant to be public",
        ));
        return Ok(());
    }
    ingested.files.push(file);
    Ok(())
}

struct Worker<'a> {
    cache: &'a Cache,
    pack: &'a PackWriter,
    options: IngestOptions<'a>,
}

impl Worker<'_> {
    fn file(&self, scanned: ScannedFile, media_type: String) -> Result<Ingestion, IngestError> {
        if let Some(outcome) = self.recognised(&scanned, &media_type) {
            return Ok(outcome);
        }
        for _ in 0..READS_MAX {
            match self.read(&scanned, &media_type) {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(stop) => return Err(stop),
            }
        }
        Err(IngestError::Problem(Problem::of_path(
            &scanned.path,
            "keeps changing while it is read",
            "publish when the build is done",
        )))
    }

    /// Returns the file as the cache knows it, if it has not changed.
    fn recognised(&self, scanned: &ScannedFile, media_type: &str) -> Option<Ingestion> {
        let known = self.cache.files.get(&scanned.path)?;
        if known.stat != scanned.stat {
            return None;
        }
        let encodings = if self.codings(media_type, scanned.stat.size).is_empty() {
            Vec::new()
        } else {
            self.cache.encodings.get(&known.hash)?.clone()
        };
        let (scanned, media_type) = (scanned.clone(), media_type.to_owned());
        let file = IngestedFile { scanned, media_type, hash: known.hash, encodings };
        Some(Ingestion { file, is_secret: known.is_secret, was_read: false })
    }

    /// Reads a file; `None` if it changed meanwhile.
    fn read(
        &self,
        scanned: &ScannedFile,
        media_type: &str,
    ) -> Result<Option<Ingestion>, IngestError> {
        let unreadable = |cause: io::Error| IngestError::Problem(unreadable(&scanned.path, &cause));
        let mut open = File::open(&scanned.file).map_err(unreadable)?;
        let stat = Stat::of(&open.metadata().map_err(unreadable)?);
        let (hash, head, content) = digest(&mut open, stat.size).map_err(unreadable)?;
        let length = content.as_ref().map_or(stat.size, |content| content.len() as u64);
        if Stat::of(&open.metadata().map_err(unreadable)?) != stat || length != stat.size {
            return Ok(None);
        }
        let is_secret = private_keys::is_private_key(&scanned.path, &head);
        let encodings = match content {
            Some(content) => self.encodings(&hash, media_type, &content)?,
            None => Vec::new(),
        };
        let scanned = ScannedFile { stat, ..scanned.clone() };
        let file = IngestedFile { scanned, media_type: media_type.to_owned(), hash, encodings };
        Ok(Some(Ingestion { file, is_secret, was_read: true }))
    }

    fn encodings(
        &self,
        hash: &ContentHash,
        media_type: &str,
        content: &[u8],
    ) -> Result<Vec<Encoded>, IngestError> {
        let codings = self.codings(media_type, content.len() as u64);
        if codings.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(known) = self.cache.encodings.get(hash) {
            return Ok(known.clone());
        }
        let effort = self.options.effort.unwrap_or_default();
        let mut encodings = Vec::with_capacity(codings.len());
        for coding in codings {
            let encoded = encode::encode(*coding, effort, content)
                .map_err(|cause| IngestError::Failure(Failure::io("encoding a file", &cause)))?;
            let Some(encoded) = encoded else { continue };
            let kept = encodings.iter().map(|kept: &Encoded| kept.length);
            if !encode::is_worth_keeping(*coding, encoded.len() as u64, kept) {
                continue;
            }
            let place = self.pack.append(&encoded).map_err(|cause| {
                IngestError::Failure(Failure::io(self.pack.path().display(), &cause))
            })?;
            encodings.push(Encoded {
                coding: *coding,
                length: encoded.len() as u64,
                hash: ContentHash::of(&encoded),
                place: Some(place),
            });
        }
        Ok(encodings)
    }

    fn codings(&self, media_type: &str, length: u64) -> &'static [Coding] {
        match self.options.effort {
            Some(_) => encode::codings_for(media_type, length),
            None => &[],
        }
    }
}

fn unreadable(path: &str, cause: &io::Error) -> Problem {
    if cause.kind() == io::ErrorKind::NotFound {
        let hint = "another program removes files; publish when it is done";
        return Problem::of_path(path, "vanished during the publish", hint);
    }
    Problem::of_path(path, format!("can't be read: {cause}"), "check its permissions")
}

/// Returns the hash, the first bytes, and the content if it is small enough to be encoded.
fn digest(file: &mut File, size: u64) -> io::Result<(ContentHash, Vec<u8>, Option<Vec<u8>>)> {
    if size <= ENCODE_BYTES_MAX {
        // One byte of room more than the size, so that the end is seen without growing.
        let mut content = Vec::with_capacity(size as usize + 1);
        file.take(ENCODE_BYTES_MAX + 1).read_to_end(&mut content)?;
        let head = content.get(..HEAD_BYTES).unwrap_or(&content).to_vec();
        return Ok((ContentHash::of(&content), head, Some(content)));
    }
    let mut hasher = Sha256::new();
    let mut head = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { break };
        if head.is_empty() {
            head = part.get(..HEAD_BYTES).unwrap_or(part).to_vec();
        }
        hasher.update(part);
    }
    Ok((ContentHash(hasher.finalize().into()), head, None))
}
