//! The memory tier: everything that an isolate keeps between requests.
//!
//! Content is immutable and shares one budget. `quick_cache` admits a blob after it was read, where
//! this tier decides before, and its hot share either refuses an entry of the whole budget or lets
//! a scan evict everything.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use crate::cache::entry::Entry;
use crate::cache::flight::Flights;
use crate::cache::pending_bans::PendingBans;
use crate::cache::record_map::RecordMap;
use crate::ports::limiter::{Admission, Limiter, Pace, Rate};
use crate::site::deployment::manifest::Manifest;
use crate::site::deployment::shard::Shard;
use crate::site::ids::{ContentHash, DeploymentId, DeploymentKey, SiteName, StageKey};
use crate::site::records::live::LiveRecord;
use crate::site::records::site::HostRecord;
use crate::site::records::view::SiteView;
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// Largest blob that is held in memory; larger ones are streamed.
pub const HELD_BYTES_MAX: u64 = 64 * 1024;
/// No blob takes more than this share of the budget. A manifest or shard may take all of it,
/// because otherwise every request would read and parse it again.
const BLOB_SHARE: usize = 4;
/// Memory that an entry takes besides its bytes: keys, lists, allocations.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// How far the queue is searched for the next entry to evict.
const LOOK_AHEAD: usize = 8;
/// Counters of demand: a few per blob that fits into memory.
const DEMAND_COUNTERS: usize = 8_192;
/// After this many requests all counters are halved, so that old demand fades.
const DEMAND_HALF_LIFE: u32 = 65_536;

/// Approximate number of recent requests for each blob: a count-min sketch.
///
/// The hash of a blob selects two counters, and the smaller one counts: few other blobs share both.
struct Demand {
    counters: Vec<u8>,
    noted: u32,
}

impl Demand {
    fn new() -> Self {
        Self { counters: vec![0; DEMAND_COUNTERS], noted: 0 }
    }

    fn note(&mut self, hash: &ContentHash) {
        for at in Self::places(hash) {
            if let Some(counter) = self.counters.get_mut(at) {
                *counter = counter.saturating_add(1);
            }
        }
        self.noted = self.noted.saturating_add(1);
        if self.noted >= DEMAND_HALF_LIFE {
            self.noted = 0;
            self.counters.iter_mut().for_each(|counter| *counter /= 2);
        }
    }

    fn of(&self, hash: &ContentHash) -> u8 {
        let count = |at: usize| self.counters.get(at).copied().unwrap_or(0);
        let [one, other] = Self::places(hash);
        count(one).min(count(other))
    }

    fn places(hash: &ContentHash) -> [usize; 2] {
        let [a, b, c, d, ..] = hash.0;
        [[a, b], [c, d]].map(|bytes| usize::from(u16::from_le_bytes(bytes)) % DEMAND_COUNTERS)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContentKey {
    Manifest(SiteName, DeploymentId),
    Shard(SiteName, ContentHash),
    Blob(SiteName, ContentHash),
    Rendition(SiteName, ContentHash),
}

#[derive(Debug, Clone)]
pub enum Content<H> {
    Manifest(Rc<Manifest>),
    Shard(Rc<Shard>),
    /// A blob and its length.
    Blob(H, usize),
    Rendition(Rc<Entry>, H),
}

pub struct Memory<H> {
    pub live: RecordMap<StageKey, LiveRecord>,
    pub hosts: RecordMap<Hostname, HostRecord>,
    pub sites: RecordMap<SiteName, SiteView>,
    /// Deployments that the store had when it was last read.
    pub deployments: RecordMap<DeploymentKey, ()>,
    limiter: RefCell<Limiter>,
    refused: RefCell<Pace>,
    content: RefCell<Lru<ContentKey, Content<H>>>,
    demand: RefCell<Demand>,
    breaker: RefCell<Breaker>,
    pub flights: Rc<Flights>,
    pub pending_bans: Rc<PendingBans>,
}

impl<H: Clone> Memory<H> {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            live: RecordMap::default(),
            hosts: RecordMap::default(),
            sites: RecordMap::default(),
            deployments: RecordMap::default(),
            limiter: RefCell::default(),
            refused: RefCell::default(),
            content: RefCell::new(Lru::new(bytes_max)),
            demand: RefCell::new(Demand::new()),
            breaker: RefCell::default(),
            flights: Rc::default(),
            pending_bans: Rc::default(),
        }
    }

    pub fn take(&self, key: &str, rate: Rate, now: UnixMillis) -> Admission {
        self.limiter.borrow_mut().take(key, rate, now)
    }

    /// Counts a request without a valid key. All of these share one limit, so that they use up no
    /// key's.
    pub fn take_refused(&self, rate: Rate, now: UnixMillis) -> Admission {
        self.refused.borrow_mut().take(rate, now)
    }

    pub fn manifest(&self, site: &SiteName, id: &DeploymentId) -> Option<Rc<Manifest>> {
        let key = ContentKey::Manifest(site.clone(), id.clone());
        match self.content.borrow_mut().touch(&key) {
            Some(Content::Manifest(manifest)) => Some(manifest),
            _ => None,
        }
    }

    pub fn shard(&self, site: &SiteName, hash: &ContentHash) -> Option<Rc<Shard>> {
        let key = ContentKey::Shard(site.clone(), *hash);
        match self.content.borrow_mut().touch(&key) {
            Some(Content::Shard(shard)) => Some(shard),
            _ => None,
        }
    }

    pub fn blob(&self, site: &SiteName, hash: &ContentHash) -> Option<H> {
        self.demand.borrow_mut().note(hash);
        match self.content.borrow_mut().touch(&ContentKey::Blob(site.clone(), *hash)) {
            Some(Content::Blob(held, _)) => Some(held),
            _ => None,
        }
    }

    /// Returns a rendition and its metadata.
    pub fn rendition(&self, site: &SiteName, hash: &ContentHash) -> Option<(Rc<Entry>, H)> {
        self.demand.borrow_mut().note(hash);
        match self.content.borrow_mut().touch(&ContentKey::Rendition(site.clone(), *hash)) {
            Some(Content::Rendition(entry, held)) => Some((entry, held)),
            _ => None,
        }
    }

    /// Returns whether a blob or rendition should be kept: there is room, or it is requested more
    /// often than the entry that it would evict. So reading a whole site once does not empty the
    /// memory.
    pub fn admits(&self, hash: &ContentHash, length: u64) -> bool {
        let cost = cost(usize::try_from(length).unwrap_or(usize::MAX));
        let content = self.content.borrow();
        if cost > content.bytes_max / BLOB_SHARE {
            return false;
        }
        match content.next_out(cost) {
            None => true,
            Some(ContentKey::Blob(_, out) | ContentKey::Rendition(_, out)) => {
                let demand = self.demand.borrow();
                demand.of(hash) > demand.of(out)
            }
            // They never evict a manifest or shard, which every lookup needs.
            Some(ContentKey::Manifest(..) | ContentKey::Shard(..)) => false,
        }
    }

    /// Keeps content and evicts the least recently used; returns whether it is kept. A rendition
    /// replaces an earlier one of its key, which a purge may have ruled out.
    pub fn keep(&self, key: ContentKey, content: Content<H>) -> bool {
        let bytes = match &content {
            Content::Manifest(manifest) => manifest.size_bytes(),
            Content::Shard(shard) => shard.bytes().len(),
            Content::Blob(_, bytes) => *bytes,
            Content::Rendition(entry, _) => usize::try_from(entry.length).unwrap_or(usize::MAX),
        };
        self.content.borrow_mut().insert(key, content, cost(bytes))
    }

    /// Returns whether the edge tier may be read: it has not just failed repeatedly.
    pub fn edge_is_open(&self, now: UnixMillis) -> bool {
        self.breaker.borrow().is_closed(now)
    }

    pub fn note_edge(&self, ok: bool, now: UnixMillis) {
        self.breaker.borrow_mut().note(ok, now);
    }
}

fn cost(bytes: usize) -> usize {
    bytes.saturating_add(ENTRY_OVERHEAD_BYTES)
}

/// A circuit breaker for a tier that keeps failing.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    first_ms: UnixMillis,
    last_ms: UnixMillis,
    open_until_ms: UnixMillis,
}

impl Breaker {
    /// Number of failures within the window that opens it.
    const FAILURES_MAX: u32 = 5;
    /// The window, and how long it stays open.
    const WINDOW_MS: u64 = 10_000;
    /// Failures within this time of each other count as one: after an isolate was suspended, all
    /// its lookups time out at once, which says nothing about the tier.
    const BURST_MS: u64 = 50;

    fn is_closed(&self, now: UnixMillis) -> bool {
        now >= self.open_until_ms
    }

    fn note(&mut self, ok: bool, now: UnixMillis) {
        if ok {
            self.failures = 0;
            return;
        }
        if self.failures == 0 || now.since(self.first_ms) > Self::WINDOW_MS {
            self.failures = 0;
            self.first_ms = now;
        } else if now.since(self.last_ms) < Self::BURST_MS {
            return;
        }
        self.last_ms = now;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= Self::FAILURES_MAX {
            self.failures = 0;
            self.open_until_ms = now.plus(Self::WINDOW_MS);
        }
    }
}

/// A map under a budget with second-chance eviction: a touched entry is passed over once. Exact LRU
/// order would cost a list operation per hit.
struct Lru<K, V> {
    entries: HashMap<K, Slot<V>>,
    queue: std::collections::VecDeque<K>,
    bytes: usize,
    bytes_max: usize,
}

struct Slot<V> {
    value: V,
    cost: usize,
    touched: bool,
}

impl<K: Eq + Hash + Clone, V: Clone> Lru<K, V> {
    fn new(bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), queue: Default::default(), bytes: 0, bytes_max }
    }

    /// Returns the entry that would be evicted first, `None` if there is room.
    fn next_out(&self, cost: usize) -> Option<&K> {
        let is_full = self.bytes.saturating_add(cost) > self.bytes_max;
        let mut oldest = self.queue.iter().take(LOOK_AHEAD);
        let untouched = |key: &&K| self.entries.get(*key).is_none_or(|slot| !slot.touched);
        is_full.then(|| oldest.find(untouched).or(self.queue.front())).flatten()
    }

    fn touch(&mut self, key: &K) -> Option<V> {
        let slot = self.entries.get_mut(key)?;
        slot.touched = true;
        Some(slot.value.clone())
    }

    /// Returns whether the key now has a value.
    fn insert(&mut self, key: K, value: V, cost: usize) -> bool {
        if let Some(slot) = self.entries.get_mut(&key) {
            self.bytes = self.bytes.saturating_sub(slot.cost).saturating_add(cost);
            (slot.value, slot.cost) = (value, cost);
            return true;
        }
        if cost > self.bytes_max {
            return false;
        }
        while self.bytes.saturating_add(cost) > self.bytes_max {
            let Some(oldest) = self.queue.pop_front() else { return false };
            self.evict(oldest);
        }
        self.bytes = self.bytes.saturating_add(cost);
        self.queue.push_back(key.clone());
        self.entries.insert(key, Slot { value, cost, touched: false });
        true
    }

    fn evict(&mut self, oldest: K) {
        match self.entries.get_mut(&oldest) {
            Some(slot) if slot.touched => {
                slot.touched = false;
                self.queue.push_back(oldest);
            }
            Some(slot) => {
                self.bytes = self.bytes.saturating_sub(slot.cost);
                self.entries.remove(&oldest);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_and_used_entries_stay() {
        let mut lru: Lru<u32, u32> = Lru::new(1_000);
        for key in 0..10 {
            lru.insert(key, key, 100);
        }
        assert_eq!(lru.touch(&0), Some(0));
        lru.insert(10, 10, 100);
        assert_eq!(lru.touch(&0), Some(0), "used");
        assert_eq!(lru.touch(&1), None, "forgotten");
        assert!(lru.bytes <= 1_000);
        lru.insert(11, 11, 1_001);
        assert_eq!(lru.touch(&11), None, "more than the budget");
        lru.insert(12, 12, 1_000);
        assert_eq!(lru.touch(&12), Some(12), "the whole budget");
        lru.insert(12, 13, 400);
        assert_eq!((lru.touch(&12), lru.bytes), (Some(13), 400), "replaced");
        for key in 100..10_000 {
            lru.insert(key, key, 250);
            assert!(lru.bytes <= 1_000 && lru.queue.len() == lru.entries.len());
        }
    }

    #[test]
    fn a_scan_evicts_nothing() {
        let memory: Memory<u32> = Memory::new(100_000);
        let site = SiteName::parse("aa").unwrap();
        let hash = |n: u32| ContentHash::of(&n.to_le_bytes());
        let ask = |n: u32| {
            if memory.blob(&site, &hash(n)).is_some() {
                return true;
            }
            if memory.admits(&hash(n), 9_744) {
                memory.keep(ContentKey::Blob(site.clone(), hash(n)), Content::Blob(n, 9_744));
            }
            false
        };
        for n in (0..10).cycle().take(50) {
            ask(n);
        }
        assert!((0..10).all(ask), "ten fit");
        assert!(!(1_000..3_000).any(ask), "each of these is requested once");
        assert!((0..10).all(ask), "and evicts nothing");
        assert!((0..20).any(|_| ask(5_000)), "a blob in demand is admitted");
        let quarter = 25_000 - ENTRY_OVERHEAD_BYTES as u64;
        let empty: Memory<u32> = Memory::new(100_000);
        assert!(empty.admits(&hash(1), quarter), "a quarter of the budget");
        assert!(!empty.admits(&hash(1), quarter + 1), "no blob takes more");
    }

    #[test]
    fn the_breaker_opens_after_five_failures_and_closes_again() {
        let mut breaker = Breaker::default();
        for n in 0..4 {
            breaker.note(false, UnixMillis(1_000 + 50 * n));
        }
        assert!(breaker.is_closed(UnixMillis(1_200)));
        breaker.note(false, UnixMillis(1_199));
        assert!(breaker.is_closed(UnixMillis(1_200)), "of the same burst as the fourth");
        breaker.note(false, UnixMillis(1_200));
        assert!(!breaker.is_closed(UnixMillis(1_200)));
        assert!(!breaker.is_closed(UnixMillis(11_199)));
        assert!(breaker.is_closed(UnixMillis(11_200)));
        breaker.note(false, UnixMillis(20_000));
        breaker.note(true, UnixMillis(20_001));
        for n in 0..4 {
            breaker.note(false, UnixMillis(20_002 + 50 * n));
        }
        assert!(breaker.is_closed(UnixMillis(20_200)), "a success starts the count again");
    }
}
