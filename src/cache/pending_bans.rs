//! Collects the bans of concurrent requests, so that one write of a live record contains them all.
//!
//! A request enters its bans once the object is stored, so a ban is never too early. The request
//! that writes the record includes all entered bans, and the others find theirs in it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::site::ids::SiteName;
use crate::site::records::ban::BanScope;

/// The bans that requests of this isolate want written.
#[derive(Debug, Default)]
pub struct PendingBans {
    entries: RefCell<Vec<Pending>>,
    next_id: Cell<u64>,
}

#[derive(Debug)]
struct Pending {
    id: u64,
    site: SiteName,
    scopes: Vec<BanScope>,
}

/// Bans of one request, removed on drop.
#[derive(Debug)]
pub struct Entered {
    pending: Rc<PendingBans>,
    id: u64,
}

impl PendingBans {
    /// Enters bans for the permanent stages of a site.
    pub fn enter(self: &Rc<Self>, site: &SiteName, scopes: &[BanScope]) -> Entered {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        let entry = Pending { id, site: site.clone(), scopes: scopes.to_vec() };
        self.entries.borrow_mut().push(entry);
        Entered { pending: self.clone(), id }
    }

    pub fn of(&self, site: &SiteName) -> Vec<BanScope> {
        let entries = self.entries.borrow();
        let of_site = entries.iter().filter(|entry| entry.site == *site);
        of_site.flat_map(|entry| entry.scopes.iter().cloned()).collect()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.pending.entries.borrow_mut().retain(|entry| entry.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_of_a_site_and_last_as_long_as_their_request() {
        let pending = Rc::new(PendingBans::default());
        let [aa, bb] = ["aa", "bb"].map(|name| SiteName::parse(name).unwrap());
        let path = |path: &str| BanScope::Path(path.to_owned());
        let first = pending.enter(&aa, &[path("/1"), path("/2")]);
        let second = pending.enter(&aa, &[path("/3")]);
        let other = pending.enter(&bb, &[path("/4")]);
        assert_eq!(pending.of(&aa), [path("/1"), path("/2"), path("/3")]);
        drop(first);
        assert_eq!((pending.of(&aa), pending.of(&bb)), (vec![path("/3")], vec![path("/4")]));
        drop((second, other));
        assert!(pending.of(&aa).is_empty() && pending.entries.borrow().is_empty());
    }
}
