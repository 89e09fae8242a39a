//! A bounded map of mutable records that an isolate keeps, each with when it was read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use crate::wire::time::UnixMillis;

/// Maximum number of records kept per map. An isolate that serves more re-reads some of them.
pub const RECORDS_MAX: usize = 2_000;

/// A record with when it was read from the store.
#[derive(Debug)]
pub struct Kept<T> {
    pub record: Rc<T>,
    pub read_ms: UnixMillis,
    /// Until then, no other request refreshes it.
    pub refreshing_until_ms: UnixMillis,
    /// Until then, no request waits for another read, because the last one failed.
    pub failing_until_ms: UnixMillis,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), ..*self }
    }
}

impl<T> Kept<T> {
    fn new(record: Rc<T>, read_ms: UnixMillis) -> Self {
        let never = UnixMillis(0);
        Self { record, read_ms, refreshing_until_ms: never, failing_until_ms: never }
    }
}

pub struct RecordMap<K, T>(RefCell<HashMap<K, Kept<T>>>);

impl<K, T> Default for RecordMap<K, T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Eq + Hash + Clone, T> RecordMap<K, T> {
    pub fn find(&self, key: &K) -> Option<Kept<T>> {
        self.0.borrow().get(key).cloned()
    }

    /// Keeps a record in place of whatever is kept.
    pub fn keep(&self, key: K, record: T, read_ms: UnixMillis) -> Rc<T> {
        self.keep_newer(key, record, read_ms, |_, _| true)
    }

    /// Keeps a record unless the kept one is as new, and returns the newer of the two.
    ///
    /// Stores may return an older record after a newer one.
    pub fn keep_newer(
        &self,
        key: K,
        record: T,
        read_ms: UnixMillis,
        is_newer: impl Fn(&T, &T) -> bool,
    ) -> Rc<T> {
        let mut records = self.0.borrow_mut();
        if let Some(kept) = records.get_mut(&key) {
            kept.refreshing_until_ms = UnixMillis(0);
            kept.failing_until_ms = UnixMillis(0);
            if !is_newer(&record, &kept.record) {
                kept.read_ms = kept.read_ms.max(read_ms);
                return kept.record.clone();
            }
        } else if records.len() >= RECORDS_MAX {
            let oldest = records.iter().min_by_key(|(_, kept)| kept.read_ms);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| records.remove(&key));
        }
        let record = Rc::new(record);
        records.insert(key, Kept::new(record.clone(), read_ms));
        record
    }

    /// Removes a record; returns whether there was one.
    pub fn forget(&self, key: &K) -> bool {
        self.0.borrow_mut().remove(key).is_some()
    }

    /// Notes that reading a record failed; until then, no request waits for another attempt.
    pub fn note_failure(&self, key: &K, until: UnixMillis) {
        if let Some(kept) = self.0.borrow_mut().get_mut(key) {
            kept.failing_until_ms = until;
        }
    }

    /// Returns whether the caller is to refresh a record: true once until the given time.
    pub fn claim_refresh(&self, key: &K, now: UnixMillis, until: UnixMillis) -> bool {
        match self.0.borrow_mut().get_mut(key) {
            Some(kept) if kept.refreshing_until_ms <= now => {
                kept.refreshing_until_ms = until;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_bounded_and_the_oldest_goes() {
        let map: RecordMap<usize, usize> = RecordMap::default();
        for n in 0..=RECORDS_MAX {
            map.keep(n, n, UnixMillis(n as u64));
        }
        assert!(map.find(&0).is_none() && map.find(&1).is_some());
        assert!(map.find(&RECORDS_MAX).is_some());
        map.keep(1, 7, UnixMillis(9_999));
        assert!(map.find(&2).is_some(), "replacing one evicts none");
        assert!(map.forget(&1) && !map.forget(&1));
    }

    #[test]
    fn one_refresh_at_a_time() {
        let map: RecordMap<u8, u8> = RecordMap::default();
        let claim = |now| map.claim_refresh(&1, UnixMillis(now), UnixMillis(now + 10));
        assert!(!claim(0), "there is nothing to refresh");
        map.keep(1, 1, UnixMillis(0));
        assert!(claim(0) && !claim(9) && claim(10));
        map.keep(1, 2, UnixMillis(10));
        assert!(claim(11), "it was read meanwhile");
    }
}
