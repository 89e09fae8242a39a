//! An explicit-state model of publishing: every order, a crash anywhere, a reader that lags.
//!
//! The live record is changed by the real [`Activation`]; uploads are sets. Seeded mistakes must be
//! found, which shows that the search works.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::{BTreeSet, HashSet};

use selvedge::site::config::StageKind;
use selvedge::site::ids::{DeploymentId, SiteName, StageName};
use selvedge::site::records::live::{Activation, Change, LiveRecord, Move};
use selvedge::wire::time::UnixMillis;

/// Blobs of each deployment: two, of which the first is shared by all.
const BLOBS: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    WritesWithoutComparing,
    PointsBeforeUploading,
    RollsBackToAnOldSequence,
    ReaderTakesWhatItIsShown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Violation {
    /// The live deployment lacks a blob.
    Incomplete,
    /// A reader went from a newer record to an older one.
    WentBack,
    /// Two deployers replaced the same record.
    LostUpdate,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Deployer {
    publishes: u8,
    step: u8,
    read_seq: Option<u64>,
    replaced: Option<u64>,
    is_rollback: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    blobs: BTreeSet<(u8, u8)>,
    history: Vec<(u64, u8)>,
    deployers: Vec<Deployer>,
    reader: Option<u64>,
    went_back: bool,
}

fn id(n: u8) -> DeploymentId {
    DeploymentId::of_root(&[n])
}

fn record(current: Option<(u64, u8)>, publishes: u8, direction: Move) -> (u64, u8) {
    let current = current.map(|(seq, n)| LiveRecord { seq, ..change(None, n, Move::Forward) });
    (change(current.as_ref(), publishes, direction).seq, publishes)
}

fn change(current: Option<&LiveRecord>, publishes: u8, direction: Move) -> LiveRecord {
    let activation = Activation {
        site: &SiteName::parse("aa").unwrap(),
        stage: &StageName::production(),
        kind: StageKind::Permanent,
        deployment: &id(publishes),
        direction,
        by: "model",
        now: UnixMillis(0),
        site_created_ms: UnixMillis(0),
    };
    match activation.apply(current) {
        Change::Write(record) | Change::Already(record) => record,
    }
}

impl State {
    fn violation(&self) -> Option<Violation> {
        let live = self.history.last().map(|(_, n)| *n);
        let whole = |n: u8| (0..BLOBS).all(|blob| self.blobs.contains(&(n, blob)));
        if live.is_some_and(|n| !whole(n)) {
            return Some(Violation::Incomplete);
        }
        let replaced: Vec<_> = self.deployers.iter().filter_map(|d| d.replaced).collect();
        let distinct: HashSet<_> = replaced.iter().collect();
        match (self.went_back, distinct.len() < replaced.len()) {
            (true, _) => Some(Violation::WentBack),
            (_, true) => Some(Violation::LostUpdate),
            _ => None,
        }
    }

    /// Every state that may come next; a crash is a deployer that takes no further step.
    fn next(&self, mistake: Mistake) -> Vec<Self> {
        let mut next = Vec::new();
        for at in 0..self.deployers.len() {
            next.extend(self.deployer_steps(at, mistake));
        }
        // A store that lags may return any earlier record.
        for (seq, _) in &self.history {
            let mut state = self.clone();
            let newer = state.reader.is_none_or(|seen| *seq >= seen);
            if newer || mistake == Mistake::ReaderTakesWhatItIsShown {
                state.went_back |= !newer;
                state.reader = Some(*seq);
            }
            next.push(state);
        }
        next
    }

    fn deployer_steps(&self, at: usize, mistake: Mistake) -> Option<Self> {
        let mut state = self.clone();
        let current = state.history.last().copied();
        let deployer = state.deployers.get_mut(at)?;
        let uploads = if mistake == Mistake::PointsBeforeUploading { 2..4 } else { 0..2 };
        let (read_at, swap_at) = if uploads.start == 0 { (2, 3) } else { (0, 1) };
        let step = deployer.step;
        deployer.step += 1;
        if uploads.contains(&step) {
            let blob = step - uploads.start;
            state.blobs.insert((deployer.publishes, blob));
        } else if step == read_at {
            deployer.read_seq = current.map(|(seq, _)| seq);
        } else if step == swap_at {
            let seq = current.map(|(seq, _)| seq);
            if seq != deployer.read_seq && mistake != Mistake::WritesWithoutComparing {
                return Some(state);
            }
            let direction = if deployer.is_rollback { Move::Back } else { Move::Forward };
            let mut new = record(current, deployer.publishes, direction);
            if current == Some(new) {
                return Some(state);
            }
            if deployer.is_rollback && mistake == Mistake::RollsBackToAnOldSequence {
                let old = state.history.iter().find(|(_, n)| *n == new.1);
                new.0 = old.map_or(new.0, |(seq, _)| *seq);
            }
            let seen = state.reader.is_some_and(|seen| new.0 < seen);
            state.went_back |= seen;
            deployer.replaced = deployer.read_seq;
            state.history.push(new);
        } else {
            return None;
        }
        Some(state)
    }
}

/// Searches all states; the first violation found, and how many states there were.
fn search(mistake: Mistake) -> (Option<Violation>, usize) {
    let deployer = |publishes, is_rollback| Deployer {
        publishes,
        step: 0,
        read_seq: None,
        replaced: None,
        is_rollback,
    };
    let first = State {
        blobs: (0..BLOBS).map(|blob| (1, blob)).collect(),
        history: vec![(1, 1)],
        deployers: vec![deployer(2, false), deployer(3, false), deployer(1, true)],
        reader: None,
        went_back: false,
    };
    let (mut seen, mut open) = (HashSet::new(), vec![first]);
    while let Some(state) = open.pop() {
        if let Some(violation) = state.violation() {
            return (Some(violation), seen.len());
        }
        if seen.insert(state.clone()) {
            open.extend(state.next(mistake));
        }
    }
    (None, seen.len())
}

#[test]
fn the_protocol_holds_in_every_order() {
    let (violation, states) = search(Mistake::None);
    assert_eq!(violation, None);
    assert!(states > 200, "{states} states");
}

#[test]
fn seeded_mistakes_are_found() {
    let rows = [
        (Mistake::WritesWithoutComparing, Violation::LostUpdate),
        (Mistake::PointsBeforeUploading, Violation::Incomplete),
        (Mistake::RollsBackToAnOldSequence, Violation::WentBack),
        (Mistake::ReaderTakesWhatItIsShown, Violation::WentBack),
    ];
    for (mistake, violation) in rows {
        assert_eq!(search(mistake).0, Some(violation));
    }
}
