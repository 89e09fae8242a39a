//! Who asks for what: one request of an isolate at a time asks for a URL, the others wait for it.
//!
//! Not a queue: nobody is woken. Promises of one request can't be awaited by another, so those who
//! wait look again by timers of their own. The invariant is that a flight ends with whoever leads
//! it, however that one ends, and that nobody waits beyond a deadline of his own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::site::keys::Key;
use crate::wire::time::UnixMillis;

/// Most keys that are remembered; beyond, each asks for itself.
const KEYS_MAX: usize = 2_000;

/// Who asks for what in this isolate.
#[derive(Debug, Default)]
pub struct Flights {
    of: RefCell<HashMap<Key, Traffic>>,
}

impl Flights {
    /// Whose turn it is to ask for what is stored under a key.
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

    /// Whether somebody is still asking.
    pub fn is_in_flight(&self, key: &Key, now: UnixMillis) -> bool {
        self.of.borrow().get(key).is_some_and(|of| now < of.flight_until_ms)
    }

    /// Whether somebody who asked for all got an answer since an instant.
    pub fn is_answered(&self, key: &Key, since: UnixMillis) -> bool {
        self.of.borrow().get(key).is_some_and(|of| since <= of.answered_ms)
    }

    /// Notes that nobody need wait for another who asks for this: there will be nothing to share.
    pub fn note_pass(&self, key: &Key, until: UnixMillis) {
        if let Some(of) = self.of.borrow_mut().get_mut(key) {
            of.pass_until_ms = until;
        }
    }

    /// Whether the caller is to refresh what is stored under a key: true once per `until`.
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

    /// Notes that a refresh is over.
    pub fn end_refresh(&self, key: &Key) {
        if let Some(of) = self.of.borrow_mut().get_mut(key) {
            of.refresh_until_ms = UnixMillis(0);
        }
    }
}

/// Whose turn it is to ask.
pub enum Turn {
    /// The caller's; the others wait until the flight is dropped.
    Lead(Flight),
    /// Another's, who is asking now.
    Wait,
    /// Everybody's.
    Pass,
}

/// That somebody asks for what is stored under a key; it ends when this is dropped.
pub struct Flight {
    flights: Rc<Flights>,
    key: Key,
}

impl Flight {
    /// Notes that there is an answer: who waits for it need not ask in turn, whatever it is.
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

/// Who asks for what is stored under a key, and until when others leave it to them.
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
        let Turn::Lead(flight) = flights.take_turn(&key, now, until) else { panic!("nobody asks") };
        assert!(matches!(flights.take_turn(&key, now, until), Turn::Wait));
        assert!(flights.is_in_flight(&key, UnixMillis(1_999)));
        assert!(!flights.is_in_flight(&key, until), "whoever leads is late");
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
