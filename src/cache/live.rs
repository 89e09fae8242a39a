//! The freshness of the live record: when it is used as it is, refreshed, or read first.
//!
//! Not the freshness of content, which never changes. The invariant is the bound: on a permanent
//! stage no answer is decided by a record that was read longer ago than the stale window, unless
//! the store fails; on a sandbox stage every request reads it.

use crate::cache::memory::Memory;
use crate::cache::record_map::{Kept, RecordMap};
use crate::cache::tiers::{Tier, Tiers};
use crate::cache::windows::{self, Current, RecordKey, Use};
use crate::ports::deadline::{persistently, within};
use crate::ports::{EdgeContent, Fault, Ports};
use crate::site::config::StageKind;
use crate::site::ids::{SiteName, StageKey, StageName};
use crate::site::keys;
use crate::site::records::live::LiveRecord;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// A live record, and why it may be used.
pub type Live = Current<LiveRecord>;

impl<P: Ports> RecordKey<P> for StageKey {
    type Record = LiveRecord;

    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, LiveRecord> {
        &memory.live
    }

    fn kind(record: &LiveRecord) -> StageKind {
        record.kind
    }

    async fn read(
        &self,
        ports: &P,
        memory: &Memory<P::Held>,
        ms: u64,
    ) -> Result<Option<Live>, Fault> {
        let Self(site, stage) = self;
        let asked_ms = ports.now();
        let key = keys::live(site, stage);
        let Some(value) = persistently(ports, ms, || ports.read(&key)).await? else {
            // The edge copy would come back as soon as the store fails.
            if memory.live.forget(self) && memory.edge_is_open(asked_ms) {
                put_behind(ports, self, Vec::new());
            }
            return Ok(None);
        };
        let record = LiveRecord::parse(&value.bytes, site, stage).ok_or(Fault::Failed)?;
        Ok(Some(keep(ports, memory, record, asked_ms)))
    }
}

/// The live record of a stage, `None` when the stage was never deployed to.
///
/// # Errors
/// [`Fault`] when the store gave none and nothing that may still be used is at hand.
pub async fn live<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    stage: &StageName,
) -> Result<Option<Live>, Fault> {
    let key = StageKey(site.clone(), stage.clone());
    match windows::fresh(tiers, &key, tiers.memory.live.find(&key)) {
        Ok(live) => Ok(Some(live)),
        Err(kept) => Box::pin(not_fresh(tiers, &key, kept)).await,
    }
}

async fn not_fresh<P: Ports>(
    tiers: &Tiers<P>,
    key: &StageKey,
    mut kept: Option<Kept<LiveRecord>>,
) -> Result<Option<Live>, Fault> {
    if kept.is_none() {
        kept = from_edge(tiers, key).await;
    }
    windows::current_of(tiers, key, kept).await
}

/// Keeps a record that was just read or written, in memory and at the edge.
///
/// The edge copy carries when it was read, so that its age counts on in every isolate.
pub fn keep<P: Ports>(
    ports: &P,
    memory: &Memory<P::Held>,
    record: LiveRecord,
    read_ms: UnixMillis,
) -> Live {
    let key = StageKey(record.site.clone(), record.stage.clone());
    let record = memory.live.keep_newer(key.clone(), record, read_ms, LiveRecord::is_newer_than);
    if record.kind == StageKind::Permanent && memory.edge_is_open(read_ms) {
        let mut bytes = read_ms.0.to_le_bytes().to_vec();
        bytes.extend_from_slice(&record.to_bytes());
        put_behind(ports, &key, bytes);
    }
    Live { record, read_ms, use_of: Use::Read }
}

fn put_behind<P: Ports>(ports: &P, StageKey(site, stage): &StageKey, bytes: Vec<u8>) {
    let (copy, key) = (ports.clone(), keys::live(site, stage));
    let ttl = DeltaSeconds::saturating_from(ports.settings().live.if_error_ms / 1_000);
    ports.behind(async move {
        // Best effort: without an entry the store is read again.
        let _ = copy.edge_keep(&key, "", EdgeContent::Bytes(bytes), ttl).await;
    });
}

/// Brings the edge tier's copy into memory, where there is one.
async fn from_edge<P: Ports>(tiers: &Tiers<P>, key: &StageKey) -> Option<Kept<LiveRecord>> {
    let now = tiers.ports.now();
    if !tiers.memory.edge_is_open(now) {
        return None;
    }
    let StageKey(site, stage) = key;
    let ms = tiers.ports.settings().deadlines.edge_ms;
    let found = within(&tiers.ports, ms, tiers.ports.edge_hold(&keys::live(site, stage))).await;
    tiers.memory.note_edge(found.is_ok(), now);
    let bytes = tiers.ports.held_bytes(found.ok().flatten()?);
    let (read_ms, record) = bytes.split_first_chunk::<8>()?;
    let read_ms = UnixMillis(u64::from_le_bytes(*read_ms)).min(now);
    let record = LiveRecord::parse(record, site, stage)?;
    tiers.note(Tier::Edge);
    tiers.memory.live.keep_newer(key.clone(), record, read_ms, LiveRecord::is_newer_than);
    tiers.memory.live.find(key)
}
