//! The freshness of the live record: when it is used as it is, refreshed, or read first.
//!
//! Not the freshness of content, which never changes. The invariant is the bound: on a permanent
//! stage no answer is decided by a record that was read longer ago than the stale window, unless
//! the store fails; on a sandbox stage every request reads it.

use std::rc::Rc;

use crate::serve::deadline::{self, within};
use crate::serve::freshness::{Freshness, Timing};
use crate::serve::memory::{Kept, Memory};
use crate::serve::ports::{EdgeContent, Fault, Ports};
use crate::serve::settings::LiveWindows;
use crate::serve::tiers::{Tier, Tiers};
use crate::site::config::StageKind;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys;
use crate::site::live::LiveRecord;
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// How long one refresh keeps others from starting: its deadline, and then some.
const REFRESH_LOCK_MS: u64 = 3_000;

/// How long a failed read keeps others from waiting for the next.
const FAILURE_PAUSE_MS: u64 = 2_000;

/// For how long a live record may be used, in which ways.
pub fn timing(kind: StageKind, read_ms: UnixMillis, windows: &LiveWindows) -> Timing {
    let (fresh_ms, stale_ms) = match kind {
        StageKind::Permanent => (windows.fresh_ms, windows.stale_ms.max(windows.fresh_ms)),
        StageKind::Sandbox => (0, 0),
    };
    let life_ms = windows.if_error_ms.max(stale_ms);
    Timing {
        requested_ms: read_ms,
        received_ms: read_ms,
        initial_age_ms: 0,
        lifetime_ms: fresh_ms,
        while_revalidate_ms: stale_ms.saturating_sub(fresh_ms),
        if_error_ms: 0,
        if_lost_ms: life_ms.saturating_sub(fresh_ms),
        life_ms,
        always_validate: false,
        never_stale: false,
    }
}

/// A live record, and why it may be used.
#[derive(Debug, Clone)]
pub struct Live {
    /// The record.
    pub record: Rc<LiveRecord>,
    /// When it was read.
    pub read_ms: UnixMillis,
    /// How it came to be used.
    pub use_of: Use,
}

/// How a live record came to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was at hand and young enough.
    AtHand,
    /// It was read for this request.
    Read,
    /// It is old, but the store failed.
    StaleIfError,
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
    let windows = tiers.ports.settings().live;
    let now = tiers.ports.now();
    let mut kept = tiers.memory.live(site, stage);
    if kept.is_none() {
        kept = Box::pin(from_edge(tiers, site, stage)).await;
    }
    let verdict =
        kept.as_ref().map(|kept| timing(kept.record.kind, kept.read_ms, &windows).judge(now));
    match (kept, verdict) {
        (Some(kept), Some(Freshness::Fresh)) => Ok(Some(as_it_is(&kept))),
        (Some(kept), Some(Freshness::StaleWhileRevalidate)) => {
            refresh_behind(tiers, site, stage, now);
            Ok(Some(as_it_is(&kept)))
        }
        (Some(kept), Some(Freshness::StaleIfError)) => {
            // A permanent stage does not make every client wait for a store that has just failed.
            if kept.record.kind == StageKind::Permanent && now < kept.failing_until_ms {
                return Ok(Some(Live { use_of: Use::StaleIfError, ..as_it_is(&kept) }));
            }
            match Box::pin(from_store(&tiers.ports, &tiers.memory, site, stage)).await {
                Ok(found) => {
                    tiers.note(Tier::Store);
                    Ok(found)
                }
                Err(_) => Ok(Some(Live { use_of: Use::StaleIfError, ..as_it_is(&kept) })),
            }
        }
        (_, Some(Freshness::MustValidate | Freshness::Miss) | None) | (None, _) => {
            tiers.note(Tier::Store);
            Box::pin(from_store(&tiers.ports, &tiers.memory, site, stage)).await
        }
    }
}

fn as_it_is(kept: &Kept<LiveRecord>) -> Live {
    Live { record: kept.record.clone(), read_ms: kept.read_ms, use_of: Use::AtHand }
}

fn refresh_behind<P: Ports>(tiers: &Tiers<P>, site: &SiteName, stage: &StageName, now: UnixMillis) {
    if !tiers.memory.claim_refresh(site, stage, now, now.plus(REFRESH_LOCK_MS)) {
        return;
    }
    let (ports, memory) = (tiers.ports.clone(), tiers.memory.clone());
    let (site, stage) = (site.clone(), stage.clone());
    tiers.ports.behind(async move {
        // A failed refresh leaves the record as it is; the next request tries again.
        drop(from_store(&ports, &memory, &site, &stage).await);
    });
}

async fn from_store<P: Ports>(
    ports: &P,
    memory: &Memory<P::Held>,
    site: &SiteName,
    stage: &StageName,
) -> Result<Option<Live>, Fault> {
    let key = keys::live(site, stage);
    let asked_ms = ports.now();
    let ms = ports.settings().deadlines.read_ms;
    let read = deadline::read(ports, ms, &key).await;
    if read.is_err() {
        memory.note_live_failure(site, stage, ports.now().plus(FAILURE_PAUSE_MS));
    }
    let Some(value) = read? else {
        memory.forget_live(site, stage);
        return Ok(None);
    };
    let record = LiveRecord::parse(&value.bytes, site, stage).ok_or(Fault::Failed)?;
    Ok(Some(keep(ports, memory, record, asked_ms)))
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
    let record = memory.keep_live(record, read_ms);
    if record.kind == StageKind::Permanent && memory.edge_is_open(read_ms) {
        let mut bytes = read_ms.0.to_le_bytes().to_vec();
        bytes.extend_from_slice(&record.to_bytes());
        let (copy, key) = (ports.clone(), keys::live(&record.site, &record.stage));
        let ttl = DeltaSeconds::saturating_from(ports.settings().live.if_error_ms / 1_000);
        ports.behind(async move {
            copy.edge_put(&key, EdgeContent::Bytes(bytes), ttl).await;
        });
    }
    Live { record, read_ms, use_of: Use::Read }
}

async fn from_edge<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    stage: &StageName,
) -> Option<Kept<LiveRecord>> {
    let now = tiers.ports.now();
    if !tiers.memory.edge_is_open(now) {
        return None;
    }
    let key = keys::live(site, stage);
    let ms = tiers.ports.settings().deadlines.edge_ms;
    let found = within(&tiers.ports, ms, tiers.ports.edge_read(&key)).await;
    tiers.memory.note_edge(found.is_ok(), now);
    let bytes = found.ok().flatten()?;
    let (read_ms, record) = bytes.split_first_chunk::<8>()?;
    let read_ms = UnixMillis(u64::from_le_bytes(*read_ms)).min(now);
    let record = LiveRecord::parse(record, site, stage)?;
    tiers.note(Tier::Edge);
    tiers.memory.keep_live(record, read_ms);
    tiers.memory.live(site, stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_exact() {
        let windows = LiveWindows { fresh_ms: 5_000, stale_ms: 30_000, if_error_ms: 86_400_000 };
        let rows = [
            (StageKind::Permanent, 0, Freshness::Fresh),
            (StageKind::Permanent, 4_999, Freshness::Fresh),
            (StageKind::Permanent, 5_000, Freshness::StaleWhileRevalidate),
            (StageKind::Permanent, 29_999, Freshness::StaleWhileRevalidate),
            (StageKind::Permanent, 30_000, Freshness::StaleIfError),
            (StageKind::Permanent, 86_399_999, Freshness::StaleIfError),
            (StageKind::Permanent, 86_400_000, Freshness::Miss),
            (StageKind::Sandbox, 0, Freshness::StaleIfError),
            (StageKind::Sandbox, 86_400_000, Freshness::Miss),
        ];
        for (kind, age_ms, expected) in rows {
            let read_ms = UnixMillis(1_000);
            let verdict = timing(kind, read_ms, &windows).judge(read_ms.plus(age_ms));
            assert_eq!(verdict, expected, "{kind:?} {age_ms}");
        }
    }
}
