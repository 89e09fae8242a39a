//! Decides whether a kept record is used as is, refreshed in the background, or read first.
//!
//! One set of windows bounds how long a change of any record takes to be in force.

use std::hash::Hash;
use std::rc::Rc;

use crate::cache::freshness::{Freshness, Timing};
use crate::cache::memory::Memory;
use crate::cache::record_map::{Kept, RecordMap};
use crate::cache::tiers::{Tier, Tiers};
use crate::ports::settings::LiveWindows;
use crate::ports::{Ports, Result};
use crate::site::config::StageKind;
use crate::wire::time::UnixMillis;

/// How long one refresh keeps others from starting: its deadline, and then some.
const REFRESH_LOCK_MS: u64 = 3_000;

/// How long a failed read keeps others from waiting for the next.
const FAILURE_PAUSE_MS: u64 = 2_000;

/// The key of a record that isolates keep between requests.
#[allow(async_fn_in_trait)]
pub trait RecordKey<P: Ports>: Eq + Hash + Clone + 'static {
    type Record: 'static;

    /// Returns the isolate's records of this kind.
    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, Self::Record>;

    /// Returns which windows apply to a record.
    fn kind(record: &Self::Record) -> StageKind;

    /// Reads the record from the store and keeps it; `None` if there is none.
    async fn read(
        &self,
        ports: &P,
        memory: &Memory<P::Held>,
        ms: u64,
    ) -> Result<Option<Current<Self::Record>>>;

    /// Copies the record from the edge tier into memory, if it is kept there.
    async fn read_edge(&self, _: &Tiers<P>) -> Option<Kept<Self::Record>> {
        None
    }
}

/// A record that may be used for this request.
#[derive(Debug)]
pub struct Current<T> {
    pub record: Rc<T>,
    pub read_ms: UnixMillis,
    pub use_of: Use,
}

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), ..*self }
    }
}

/// Why a record may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was kept, and young enough.
    AtHand,
    /// It was read for this request.
    Read,
    /// The store failed.
    StaleIfError,
}

/// Returns for how long a record may be used, and how.
pub fn timing(kind: StageKind, read_ms: UnixMillis, windows: &LiveWindows) -> Timing {
    let (fresh_ms, stale_ms) = match kind {
        StageKind::Permanent => (windows.fresh_ms, windows.stale_ms.max(windows.fresh_ms)),
        StageKind::Sandbox => (0, 0),
    };
    let life_ms = windows.if_error_ms.max(stale_ms);
    Timing {
        requested_ms: read_ms,
        received_ms: read_ms,
        lifetime_ms: fresh_ms,
        while_revalidate_ms: stale_ms.saturating_sub(fresh_ms),
        if_lost_ms: life_ms.saturating_sub(fresh_ms),
        life_ms,
        ..Timing::default()
    }
}

/// Returns the record under a key, `None` if there is none.
///
/// # Errors
/// If the store failed and no kept record may be used instead.
pub async fn current<P: Ports, K: RecordKey<P>>(
    tiers: &Tiers<P>,
    key: &K,
) -> Result<Option<Current<K::Record>>> {
    let kept = K::map(&tiers.memory).find(key);
    match kept {
        Some(kept) if judge::<P, K>(tiers, &kept) == Freshness::Fresh => {
            Ok(Some(kept.at_hand(Use::AtHand)))
        }
        // Boxed: a warm request does not carry the state of a read.
        kept => Box::pin(not_fresh(tiers, key, kept)).await,
    }
}

fn judge<P: Ports, K: RecordKey<P>>(tiers: &Tiers<P>, kept: &Kept<K::Record>) -> Freshness {
    let windows = tiers.ports.settings().live;
    timing(K::kind(&kept.record), kept.read_ms, &windows).judge(tiers.ports.now())
}

async fn not_fresh<P: Ports, K: RecordKey<P>>(
    tiers: &Tiers<P>,
    key: &K,
    mut kept: Option<Kept<K::Record>>,
) -> Result<Option<Current<K::Record>>> {
    if kept.is_none() {
        kept = key.read_edge(tiers).await;
    }
    let now = tiers.ports.now();
    let freshness = kept.as_ref().map(|kept| judge::<P, K>(tiers, kept));
    match (kept, freshness) {
        (Some(kept), Some(Freshness::Fresh)) => Ok(Some(kept.at_hand(Use::AtHand))),
        (Some(kept), Some(Freshness::StaleWhileRevalidate)) => {
            refresh_behind(tiers, key, now);
            Ok(Some(kept.at_hand(Use::AtHand)))
        }
        (Some(kept), Some(Freshness::StaleIfError)) => {
            // A permanent stage does not make every client wait for a store that has just failed.
            if K::kind(&kept.record) == StageKind::Permanent && now < kept.failing_until_ms {
                return Ok(Some(kept.at_hand(Use::StaleIfError)));
            }
            match Box::pin(read(tiers, key)).await {
                Ok(found) => {
                    tiers.note(Tier::Store);
                    Ok(found)
                }
                Err(_) => Ok(Some(kept.at_hand(Use::StaleIfError))),
            }
        }
        (_, Some(Freshness::MustValidate | Freshness::Miss) | None) | (None, _) => {
            tiers.note(Tier::Store);
            Box::pin(read(tiers, key)).await
        }
    }
}

impl<T> Kept<T> {
    fn at_hand(self, use_of: Use) -> Current<T> {
        Current { record: self.record, read_ms: self.read_ms, use_of }
    }
}

async fn read<P: Ports, K: RecordKey<P>>(
    tiers: &Tiers<P>,
    key: &K,
) -> Result<Option<Current<K::Record>>> {
    let ms = tiers.store_ms(tiers.ports.settings().deadlines.read_ms);
    read_and_note(&tiers.ports, &tiers.memory, key, ms).await
}

async fn read_and_note<P: Ports, K: RecordKey<P>>(
    ports: &P,
    memory: &Memory<P::Held>,
    key: &K,
    ms: u64,
) -> Result<Option<Current<K::Record>>> {
    let found = key.read(ports, memory, ms).await;
    if found.is_err() {
        K::map(memory).note_failure(key, ports.now().plus(FAILURE_PAUSE_MS));
    }
    found
}

fn refresh_behind<P: Ports, K: RecordKey<P>>(tiers: &Tiers<P>, key: &K, now: UnixMillis) {
    if !K::map(&tiers.memory).claim_refresh(key, now, now.plus(REFRESH_LOCK_MS)) {
        return;
    }
    let (ports, memory, key) = (tiers.ports.clone(), tiers.memory.clone(), key.clone());
    tiers.ports.behind(async move {
        // A failed refresh leaves the record as it is; the next request tries again.
        let ms = ports.settings().deadlines.read_ms;
        drop(read_and_note(&ports, &memory, &key, ms).await);
    });
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
