//! Blobs: which are missing, and uploading them.
//!
//! Not deployments: a blob alone serves nothing. The invariant is that what is stored under a hash
//! hashes to it, so that an upload may be repeated, raced or cut off and never does harm.

use http::Method;
use serde_json::json;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::ports::body::ResponseBody;
use crate::ports::deadline::{self, persistently, within};
use crate::ports::join::join_all;
use crate::ports::{Ports, Upload};
use crate::site::api::{MissingBlobs, MissingQuestion};
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys::{self, HexPrefix};

/// Largest batch in bytes, frames included: it is held in memory while it is checked.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most blobs of a batch: each is a write, and the platform counts them per request.
pub const BATCH_BLOBS_MAX: usize = 256;
/// Most hashes of one question.
pub const MISSING_HASHES_MAX: usize = 10_000;
/// Most pages of a listing that one question reads, at a thousand keys each.
const LIST_PAGES_MAX: usize = 40;
/// The bytes before each blob of a batch: its hash and its length.
const FRAME_HEAD_BYTES: usize = 36;
/// Writes of a batch under way at once: the platform queues what is more than six.
const WRITES_AT_ONCE: usize = 4;

impl<P: Ports> Call<'_, P> {
    /// Which of these hashes the site has no blob for.
    pub async fn missing_blobs(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let question: MissingQuestion = self.json().await?;
        let prefix = HexPrefix::parse(&question.prefix).ok_or(AdminError::Invalid(
            "the prefix is no prefix",
            "up to 4 lower-case hex digits",
        ))?;
        if question.hashes.len() > MISSING_HASHES_MAX {
            return Err(AdminError::Invalid("too many hashes", "ask for 10,000 at most"));
        }
        if !question.hashes.iter().all(|hash| prefix.matches(hash)) {
            return Err(AdminError::Invalid("a hash without the prefix", "group them by prefix"));
        }
        let stored = self.stored(site, &prefix).await?;
        // Keys are listed in ascending order; out of it, some would only be sent again.
        let is_stored = |hash: &ContentHash| stored.binary_search(hash).is_ok();
        let mut missing = question.hashes;
        missing.retain(|hash| !is_stored(hash));
        Ok(Answer::json(200, &MissingBlobs { missing }))
    }

    /// The hashes under a prefix that the site has blobs for, in the order of the listing.
    async fn stored(
        &self,
        site: &SiteName,
        prefix: &HexPrefix,
    ) -> Result<Vec<ContentHash>, AdminError> {
        let ports = &self.tiers.ports;
        let (prefix, ms) = (keys::blob_prefix(site, prefix), ports.settings().deadlines.admin_ms);
        let mut stored = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let page = deadline::list(ports, ms, &prefix, cursor.as_deref()).await?;
            let hash = |key: &String| ContentHash::parse(key.rsplit('/').next()?).ok();
            stored.extend(page.keys.iter().filter_map(hash));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(stored);
            }
        }
        // What was not listed counts as missing: sending it again is harmless.
        Ok(stored)
    }

    /// Stores a batch: frames of hash, length and bytes.
    pub async fn store_blobs(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let body = self.tiers.ports.request_body(BATCH_BYTES_MAX).await?;
        let frames = frames(&body)?;
        let mut at = 0_usize;
        for group in frames.chunks(WRITES_AT_ONCE) {
            let writes = group.iter().map(|(hash, bytes)| self.store_blob(site, hash, bytes));
            for (offset, upload) in join_all(writes).await.into_iter().enumerate() {
                if upload? == Upload::Mismatch {
                    let hash = group.get(offset).map(|(hash, _)| *hash);
                    let index = at.saturating_add(offset);
                    return Err(AdminError::HashMismatch(
                        index,
                        hash.unwrap_or(ContentHash([0; 32])),
                    ));
                }
            }
            at = at.saturating_add(group.len());
        }
        Ok(Answer::json(200, &json!({ "stored": frames.len() })))
    }

    async fn store_blob(
        &self,
        site: &SiteName,
        hash: &ContentHash,
        bytes: &[u8],
    ) -> Result<Upload, AdminError> {
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::blob(site, hash), ports.settings().deadlines.admin_ms);
        persistently(ports, ms, || ports.store_blob(&key, bytes, hash))
            .await
            .map_err(AdminError::of_write)
    }

    /// Gives a blob, or stores one that streams in.
    pub async fn blob(&self, site: &SiteName, hash: ContentHash) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::PUT])?;
        let ports = &self.tiers.ports;
        let (key, settings) = (keys::blob(site, &hash), ports.settings());
        if self.ask.is_read() {
            let ms = settings.deadlines.admin_ms;
            let found = persistently(ports, ms, || ports.hold(&key)).await?;
            let held = found.ok_or(AdminError::NotFound("blob"))?;
            let length = ports.held_length(&held);
            return Ok(Answer::Bytes(ResponseBody::Held(held, None), length));
        }
        let length = self.content_length()?;
        if length > settings.store.blob_bytes_max() {
            return Err(AdminError::TooLarge(settings.store.blob_bytes_max()));
        }
        let upload = ports.store_request_body(&key, length, &hash);
        match within(ports, settings.deadlines.upload_ms, upload)
            .await
            .map_err(AdminError::of_write)?
        {
            Upload::Stored => Ok(Answer::json(201, &json!({ "stored": 1 }))),
            Upload::Mismatch => Err(AdminError::HashMismatch(0, hash)),
        }
    }
}

/// The frames of a batch, each within it.
fn frames(body: &[u8]) -> Result<Vec<(ContentHash, &[u8])>, AdminError> {
    let cut_off = AdminError::Invalid("the batch ends within a frame", "send whole frames");
    let mut frames = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        if frames.len() == BATCH_BLOBS_MAX {
            return Err(AdminError::Invalid("too many blobs", "send 256 in a batch at most"));
        }
        let Some((head, tail)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() else {
            return Err(cut_off);
        };
        let (Some(hash), Some(length)) = (head.first_chunk::<32>(), head.last_chunk::<4>()) else {
            return Err(cut_off);
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((bytes, tail)) = tail.split_at_checked(length) else { return Err(cut_off) };
        frames.push((ContentHash(*hash), bytes));
        rest = tail;
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Vec<u8> {
        let mut frame = ContentHash::of(bytes).0.to_vec();
        frame.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        frame.extend_from_slice(bytes);
        frame
    }

    #[test]
    fn batches() {
        let batch = [frame(b"one"), frame(b""), frame(b"three")].concat();
        let parsed = frames(&batch).unwrap();
        assert_eq!(
            parsed.iter().map(|(_, b)| *b).collect::<Vec<_>>(),
            [&b"one"[..], b"", b"three"]
        );
        for length in 1..batch.len() {
            let whole = [39, 75].contains(&length);
            assert_eq!(frames(&batch[..length]).is_ok(), whole, "{length}");
        }
        let many = frame(b"").repeat(BATCH_BLOBS_MAX);
        assert_eq!(frames(&many).unwrap().len(), BATCH_BLOBS_MAX);
        assert!(frames(&[many, frame(b"")].concat()).is_err());
    }
}
