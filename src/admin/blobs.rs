//! Finds missing blobs and stores blobs.
//!
//! A blob is stored only if it hashes to its name, so uploads can be repeated, raced and cut off.

use serde_json::json;

use crate::admin::auth::Caller;
use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::{Handler, octets, respond};
use crate::admin::records::list_all;
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::{persistently, within};
use crate::ports::join::join_all;
use crate::ports::{Blob, Ports, Upload};
use crate::serve::draft::Draft;
use crate::site::api::{MissingBlobs, MissingQuestion};
use crate::site::ids::ContentHash;
use crate::site::keys::{self, HexPrefix};

/// Maximum length of a batch in bytes, frames included: it is held in memory while it is checked.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Maximum number of blobs in a batch: each is a write, and the platform limits writes per request.
pub const BATCH_BLOBS_MAX: usize = 256;
pub const MISSING_HASHES_MAX: usize = 10_000;
/// Maximum number of concurrent writes: the platform queues more than six.
const WRITES_AT_ONCE: usize = 4;

impl<P: Ports> Handler<'_, P> {
    pub async fn find_missing_blobs(&self) -> Result<Draft<P>> {
        self.check_site().await?;
        let MissingQuestion { prefix, hashes: mut missing } = self.json().await?;
        let prefix = HexPrefix::parse(&prefix).ok_or(Invalid::HashPrefix)?;
        if missing.len() > MISSING_HASHES_MAX {
            return Err(Invalid::TooManyHashes.into());
        }
        if !missing.iter().all(|hash| prefix.matches(hash)) {
            return Err(Invalid::HashWithoutPrefix.into());
        }
        let keys = list_all(&self.tiers.ports, &keys::blob_prefix(&self.site, &prefix)).await?;
        let hash = |key: &String| ContentHash::parse(key.rsplit('/').next()?).ok();
        let stored: Vec<ContentHash> = keys.iter().filter_map(hash).collect();
        // Keys are listed in ascending order. A blob that the listing leaves out counts as missing:
        // sending it again is harmless.
        missing.retain(|hash| stored.binary_search(hash).is_err());
        Ok(respond(200, &MissingBlobs { missing }))
    }

    /// Stores a batch: frames of hash, length and bytes.
    pub async fn put_blobs(&self) -> Result<Draft<P>> {
        self.check_site().await?;
        let body = self.tiers.ports.request_body(BATCH_BYTES_MAX).await?;
        let frames = frames(&body)?;
        let numbered: Vec<_> = frames.iter().enumerate().collect();
        for group in numbered.chunks(WRITES_AT_ONCE) {
            let writes = group.iter().map(|(_, (hash, bytes))| self.store_blob(hash, bytes));
            for (upload, (at, (hash, _))) in join_all(writes).await.into_iter().zip(group) {
                if upload? == Upload::Mismatch {
                    return Err(AdminError::HashMismatch(*at, *hash));
                }
            }
        }
        Ok(respond(200, &json!({ "stored": frames.len() })))
    }

    async fn store_blob(&self, hash: &ContentHash, bytes: &[u8]) -> Result<Upload> {
        let (ports, ms) = self.store();
        let key = keys::blob(&self.site, hash);
        let stored =
            persistently(ports, ms, || ports.store_blob(&key, Blob::Bytes(bytes), hash)).await;
        stored.map_err(AdminError::of_write)
    }

    pub async fn get_blob(&self, hash: ContentHash) -> Result<Draft<P>> {
        let (ports, ms) = self.store();
        let key = keys::blob(&self.site, &hash);
        let held = persistently(ports, ms, || ports.hold(&key)).await?;
        let held = held.ok_or(Missing::Blob)?;
        let length = ports.held_length(&held);
        Ok(octets(ResponseBody::Held(held, None), length))
    }

    /// Stores the request body as a blob, streamed.
    pub async fn put_blob(&self, hash: ContentHash) -> Result<Draft<P>> {
        self.check_site().await?;
        let (ports, settings) = (&self.tiers.ports, self.settings());
        let (length, length_max) = (self.content_length()?, settings.store.blob_bytes_max());
        if length > length_max {
            return Err(AdminError::TooLarge(length_max));
        }
        let key = keys::blob(&self.site, &hash);
        let upload = ports.store_blob(&key, Blob::RequestBody(length), &hash);
        let upload = within(ports, settings.deadlines.upload_ms, upload).await;
        match upload.map_err(AdminError::of_write)? {
            Upload::Stored => Ok(respond(201, &json!({ "stored": 1 }))),
            Upload::Mismatch => Err(AdminError::HashMismatch(0, hash)),
        }
    }

    /// Checks that the site exists. With a site's own token it does, which saves a read per upload.
    async fn check_site(&self) -> Result<()> {
        match self.caller {
            Caller::Site(..) => Ok(()),
            Caller::Root | Caller::Anonymous => self.usable_site().await.map(drop),
        }
    }
}

fn frames(body: &[u8]) -> Result<Vec<(ContentHash, &[u8])>> {
    let mut frames = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        if frames.len() == BATCH_BLOBS_MAX {
            return Err(Invalid::TooManyBlobs.into());
        }
        let (hash, bytes, tail) = first_frame(rest).ok_or(Invalid::BatchCutOff)?;
        frames.push((hash, bytes));
        rest = tail;
    }
    Ok(frames)
}

fn first_frame(batch: &[u8]) -> Option<(ContentHash, &[u8], &[u8])> {
    let (hash, rest) = batch.split_first_chunk::<32>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((ContentHash(*hash), bytes, rest))
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
        let parsed: Vec<_> = parsed.iter().map(|(_, bytes)| *bytes).collect();
        assert_eq!(parsed, [&b"one"[..], b"", b"three"]);
        for length in 1..batch.len() {
            let whole = [39, 75].contains(&length);
            assert_eq!(frames(&batch[..length]).is_ok(), whole, "{length}");
        }
        let many = frame(b"").repeat(BATCH_BLOBS_MAX);
        assert_eq!(frames(&many).unwrap().len(), BATCH_BLOBS_MAX);
        assert!(frames(&[many, frame(b"")].concat()).is_err());
    }
}
