//! Coalesces concurrent requests for the same cache key within an isolate (single-flight).
//!
//! A promise of one request can't be awaited by another, so waiting requests poll by timers, each
//! up to its own deadline. A flight ends when the request that leads it does, in any way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

/// Maximum number of keys tracked. Beyond this, requests are not coalesced.
const KEYS_MAX: usize = 2_000;

#[derive(Debug, Default)]
pub struct Flights {
    of: RefCell<HashMap<Key, Traffic>>,
}

impl Flights {
    /// Returns the part of the caller in fetching a key.
    pub fn take_turn(self: &Rc<Self>, key: &Key, now: UnixMillis, until: UnixMillis) -> Turn {
        let mut traffic = self.of.borrow_mut();
        if traffic.len() >= KEYS_MAX {
            traffic.retain(|_, of| of.is_of_use(now));
            if traffic.len() >= KEYS_MAX {
                return Turn::Pass;
            }
        }
        let of = traffic.entry(key.clone()).or_default();
        if now < of.pass_until_ms {
            return Turn::Pass;
        }
        if now < of.flight_until_ms {
            return Turn::Wait;
        }
        of.flight_until_ms = until;
        Turn::Lead(Flight { flights: self.clone(), key: key.clone() })
    }

    /// Returns whether a request is still fetching the key.
    pub fn is_in_flight(&self, key: &Key, now: UnixMillis) -> bool {
        self.of.borrow().get(key).is_some_and(|of| now < of.flight_until_ms)
    }

    /// Returns whether a flight got a response since the given time.
    pub fn is_answered(&self, key: &Key, since: UnixMillis) -> bool {
        self.of.borrow().get(key).is_some_and(|of| since <= of.answered_ms)
    }

    /// Turns coalescing off for a key whose response can't be shared.
    pub fn note_pass(&self, key: &Key, until: UnixMillis) {
        if let Some(of) = self.of.borrow_mut().get_mut(key) {
            of.pass_until_ms = until;
        }
    }

    /// Returns whether the caller is to refresh a key: true once until the given time.
    pub fn claim_refresh(&self, key: &Key, now: UnixMillis, until: UnixMillis) -> bool {
        let mut traffic = self.of.borrow_mut();
        if traffic.len() >= KEYS_MAX {
            traffic.retain(|_, of| of.is_of_use(now));
        }
        let of = traffic.entry(key.clone()).or_default();
        let claimed = of.refresh_until_ms <= now;
        if claimed {
            of.refresh_until_ms = until;
        }
        claimed
    }

    pub fn end_refresh(&self, key: &Key) {
        if let Some(of) = self.of.borrow_mut().get_mut(key) {
            of.refresh_until_ms = UnixMillis(0);
        }
    }
}

/// The part of a request in fetching a key.
pub enum Turn {
    /// It fetches, and the others wait until the flight is dropped.
    Lead(Flight),
    /// It waits for another request.
    Wait,
    /// It fetches for itself only.
    Pass,
}

/// A fetch that other requests wait for; it ends when this is dropped.
pub struct Flight {
    flights: Rc<Flights>,
    key: Key,
}

impl Flight {
    /// Notes that there is a response, so that waiting requests need not take turns.
    pub fn note_answer(&self, now: UnixMillis) {
        if let Some(of) = self.flights.of.borrow_mut().get_mut(&self.key) {
            of.answered_ms = now;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(of) = self.flights.of.borrow_mut().get_mut(&self.key) {
            of.flight_until_ms = UnixMillis(0);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    flight_until_ms: UnixMillis,
    answered_ms: UnixMillis,
    pass_until_ms: UnixMillis,
    refresh_until_ms: UnixMillis,
}

impl Traffic {
    fn is_of_use(&self, now: UnixMillis) -> bool {
        now < self.flight_until_ms.max(self.pass_until_ms).max(self.refresh_until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::ids::{ContentHash, SiteName, StageName};
    use crate::site::keys::{self, StoredFor};

    fn key() -> Key {
        let site = SiteName::parse("aa").unwrap();
        let of = StoredFor { stage: &StageName::production(), site_created_ms: None };
        keys::stored(&site, &of, &ContentHash::of(b"x"))
    }

    #[test]
    fn one_leads_and_the_others_wait_until_it_is_done_or_late() {
        let (flights, key) = (Rc::new(Flights::default()), key());
        let (now, until) = (UnixMillis(1_000), UnixMillis(2_000));
        let Turn::Lead(flight) = flights.take_turn(&key, now, until) else {
            panic!("no other request")
        };
        assert!(matches!(flights.take_turn(&key, now, until), Turn::Wait));
        assert!(flights.is_in_flight(&key, UnixMillis(1_999)));
        assert!(!flights.is_in_flight(&key, until), "the leader is late");
        assert!(!flights.is_answered(&key, now));
        flight.note_answer(until);
        assert!(flights.is_answered(&key, until) && !flights.is_answered(&key, UnixMillis(2_001)));
        drop(flight);
        assert!(!flights.is_in_flight(&key, now));
        let Turn::Lead(flight) = flights.take_turn(&key, now, until) else { panic!("it is over") };
        flights.note_pass(&key, UnixMillis(1_500));
        drop(flight);
        assert!(matches!(flights.take_turn(&key, now, until), Turn::Pass));
        assert!(matches!(flights.take_turn(&key, UnixMillis(1_500), until), Turn::Lead(_)));
    }

    #[test]
    fn one_refreshes_at_a_time() {
        let (flights, key) = (Flights::default(), key());
        let (now, until) = (UnixMillis(1_000), UnixMillis(2_000));
        assert!(flights.claim_refresh(&key, now, until));
        assert!(!flights.claim_refresh(&key, now, until));
        assert!(flights.claim_refresh(&key, until, UnixMillis(3_000)), "the first one was lost");
        flights.end_refresh(&key);
        assert!(flights.claim_refresh(&key, now, until));
    }
}
