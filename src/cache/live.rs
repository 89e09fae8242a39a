//! Reads and keeps live records, in memory and at the edge.
//!
//! On a permanent stage no response depends on a record read longer ago than the stale window,
//! unless the store fails; on a sandbox stage every request reads it.

use crate::cache::memory::Memory;
use crate::cache::record_map::{Kept, RecordMap};
use crate::cache::tiers::{Tier, Tiers};
use crate::cache::windows::{self, Current, RecordKey, Use};
use crate::ports::deadline::persistently;
use crate::ports::{EdgeContent, Fault, Ports, Result};
use crate::site::config::StageKind;
use crate::site::ids::{SiteName, StageKey, StageName};
use crate::site::keys;
use crate::site::records::live::LiveRecord;
use crate::wire::time::{DeltaSeconds, UnixMillis};

pub type Live = Current<LiveRecord>;

impl<P: Ports> RecordKey<P> for StageKey {
    type Record = LiveRecord;

    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, LiveRecord> {
        &memory.live
    }

    fn kind(record: &LiveRecord) -> StageKind {
        record.kind
    }

    async fn read(&self, ports: &P, memory: &Memory<P::Held>, ms: u64) -> Result<Option<Live>> {
        let Self(site, stage) = self;
        let asked_ms = ports.now();
        let key = keys::live(site, stage);
        let Some(value) = persistently(ports, ms, || ports.read(&key)).await? else {
            // Otherwise the edge copy would be served as soon as the store fails.
            if memory.live.forget(self) && memory.edge_is_open(asked_ms) {
                put_behind(ports, self, Vec::new());
            }
            return Ok(None);
        };
        let record = LiveRecord::parse(&value.bytes, site, stage).ok_or(Fault::Failed)?;
        Ok(Some(keep(ports, memory, record, asked_ms)))
    }

    async fn read_edge(&self, tiers: &Tiers<P>) -> Option<Kept<LiveRecord>> {
        let Self(site, stage) = self;
        let now = tiers.ports.now();
        let held = tiers.edge(tiers.ports.edge_hold(&keys::live(site, stage))).await?;
        let bytes = tiers.ports.held_bytes(held);
        let (read_ms, record) = bytes.split_first_chunk::<8>()?;
        let read_ms = UnixMillis(u64::from_le_bytes(*read_ms)).min(now);
        let record = LiveRecord::parse(record, site, stage)?;
        tiers.note(Tier::Edge);
        tiers.memory.live.keep_newer(self.clone(), record, read_ms, LiveRecord::is_newer_than);
        tiers.memory.live.find(self)
    }
}

/// Returns the live record of a stage, `None` if the stage was never deployed to.
///
/// # Errors
/// [`Fault`] if the store failed and no kept record may be used instead.
pub async fn live<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    stage: &StageName,
) -> Result<Option<Live>> {
    windows::current(tiers, &StageKey(site.clone(), stage.clone())).await
}

/// Keeps a record that was just read or written, in memory and at the edge. The edge copy starts
/// with the time when it was read, so that its age is right in every isolate.
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
