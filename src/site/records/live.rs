//! The live record: the one mutable record that says which deployment a stage serves.
//!
//! Not a history: it keeps the deployments whose files still work, and what a rollback needs. The
//! invariant is that every change makes a new record with a higher sequence number, a rollback
//! too, so that a reader can tell newer from older whatever order stores show them in.

use serde::{Deserialize, Serialize};

use crate::site::codec;
use crate::site::config::StageKind;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::records::ban::{self, Ban};
use crate::wire::time::UnixMillis;

/// Deployments that stay retained however old they are.
pub const RETAINED_MIN: usize = 10;
/// How long a deployment stays retained however many came after it: 30 days.
pub const RETAINED_MILLIS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Most retained deployments: with a deploy every 30 minutes for a month the record stays small.
pub const RETAINED_MAX: usize = 1_500;

/// A deployment that was live and whose fingerprinted files still work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// The deployment.
    pub deployment: DeploymentId,
    /// When it last became live.
    pub activated_ms: UnixMillis,
    /// When another took its place.
    pub superseded_ms: UnixMillis,
    /// Whether it was rolled back from: a plain rollback does not return to it.
    #[serde(default)]
    pub rolled_back: bool,
}

/// Which deployment a stage serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRecord {
    /// The site.
    pub site: SiteName,
    /// The stage.
    pub stage: StageName,
    /// Whether the stage is cached: taken from the deployment's configuration.
    pub kind: StageKind,
    /// The deployment that is live.
    pub deployment: DeploymentId,
    /// Goes up by one with every change.
    pub seq: u64,
    /// The number of the change that made the deployment live, where invalidations came after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_seq: Option<u64>,
    /// When the deployment became live.
    pub activated_ms: UnixMillis,
    /// The token that made it live: its name, never its text.
    pub by: String,
    /// What was live before, newest first.
    #[serde(default)]
    pub retained: Vec<Retained>,
    /// What was invalidated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bans: Vec<Ban>,
    /// When the site was created; `None` in records written before sites could be deleted.
    ///
    /// Tells a site from an earlier one of the same name, whose sequence numbers may be higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_created_ms: Option<UnixMillis>,
}

/// What became of a request to change the live deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record to write in place of the current one.
    Write(LiveRecord),
    /// It is live already: nothing to write.
    Already(LiveRecord),
}

/// How the change came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A publish or a promotion.
    Forward,
    /// A rollback: what is live now is set aside.
    Back,
}

/// A change of the live deployment, to be made by compare-and-swap.
#[derive(Debug, Clone)]
pub struct Activation<'a> {
    /// The site.
    pub site: &'a SiteName,
    /// The stage.
    pub stage: &'a StageName,
    /// The stage's kind under the deployment's configuration.
    pub kind: StageKind,
    /// What is to be live.
    pub deployment: &'a DeploymentId,
    /// Forward or back.
    pub direction: Move,
    /// Who asks.
    pub by: &'a str,
    /// When.
    pub now: UnixMillis,
    /// When the site was created.
    pub site_created_ms: UnixMillis,
}

impl LiveRecord {
    /// The record that these bytes are, of this site and stage.
    ///
    /// `None` when they are no record, or another's: a store that lies is a store that failed.
    pub fn parse(bytes: &[u8], site: &SiteName, stage: &StageName) -> Option<Self> {
        let record: Self = codec::decode_record(bytes)?;
        (record.site == *site && record.stage == *stage).then_some(record)
    }

    /// The record as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self).into_bytes()
    }

    /// The deployment that a rollback without a name returns to: the newest that was not
    /// itself rolled back from.
    pub fn rollback_target(&self) -> Option<&DeploymentId> {
        self.retained.iter().find(|r| !r.rolled_back).map(|r| &r.deployment)
    }

    /// The record after invalidations; who made the deployment live stays who did.
    pub fn banned(&self, bans: impl IntoIterator<Item = Ban>) -> Self {
        let bans = bans.into_iter().fold(self.bans.clone(), |bans, ban| ban::with(&bans, ban));
        Self {
            seq: self.seq.saturating_add(1),
            activated_seq: Some(self.activated_seq.unwrap_or(self.seq)),
            bans,
            ..self.clone()
        }
    }

    /// Returns the record without a retained deployment, `None` if the deployment isn't retained.
    ///
    /// Like an invalidation, this does not make a concurrent publish lose its race.
    pub fn without_retained(&self, deployment: &DeploymentId) -> Option<Self> {
        let mut retained = self.retained.clone();
        retained.retain(|earlier| earlier.deployment != *deployment);
        (retained.len() < self.retained.len()).then(|| Self {
            seq: self.seq.saturating_add(1),
            activated_seq: Some(self.activated_seq.unwrap_or(self.seq)),
            retained,
            ..self.clone()
        })
    }

    /// Whether this record replaces another of the same stage: it belongs to a newer site, or it is
    /// a later change of the same one.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let order = |record: &Self| (record.site_created_ms, record.seq);
        order(self) > order(other)
    }

    /// Whether the deployment is still the one that was live at a change of this number:
    /// invalidations since then are nobody's race to lose.
    pub fn is_still(&self, seq: u64) -> bool {
        (self.activated_seq.unwrap_or(self.seq)..=self.seq).contains(&seq)
    }

    /// Whether a deployment is live or retained here.
    pub fn names(&self, deployment: &DeploymentId) -> bool {
        self.deployment == *deployment || self.retained.iter().any(|r| r.deployment == *deployment)
    }
}

impl Activation<'_> {
    /// What to write, given the current record.
    pub fn apply(&self, current: Option<&LiveRecord>) -> Change {
        // The record of a deleted site of the same name counts as none.
        let is_ours = |record: &&LiveRecord| {
            record.site_created_ms.is_none_or(|created| created == self.site_created_ms)
        };
        match current.filter(is_ours) {
            Some(record) if record.deployment == *self.deployment && record.kind == self.kind => {
                Change::Already(record.clone())
            }
            current => Change::Write(self.record(current)),
        }
    }

    fn record(&self, current: Option<&LiveRecord>) -> LiveRecord {
        let mut retained = Vec::new();
        if let Some(current) = current {
            if current.deployment != *self.deployment {
                retained.push(Retained {
                    deployment: current.deployment.clone(),
                    activated_ms: current.activated_ms,
                    superseded_ms: self.now,
                    rolled_back: self.direction == Move::Back,
                });
            }
            let others = current
                .retained
                .iter()
                .filter(|r| r.deployment != *self.deployment && r.deployment != current.deployment);
            retained.extend(others.cloned());
        }
        self.forget_the_old(&mut retained);
        LiveRecord {
            site: self.site.clone(),
            stage: self.stage.clone(),
            kind: self.kind,
            deployment: self.deployment.clone(),
            seq: current.map_or(0, |record| record.seq).saturating_add(1),
            activated_seq: None,
            activated_ms: self.now,
            by: self.by.to_owned(),
            retained,
            bans: current.map(|record| record.bans.clone()).unwrap_or_default(),
            site_created_ms: Some(self.site_created_ms),
        }
    }

    fn forget_the_old(&self, retained: &mut Vec<Retained>) {
        let mut position = 0_usize;
        retained.retain(|r| {
            position = position.saturating_add(1);
            position <= RETAINED_MIN || self.now.since(r.superseded_ms) <= RETAINED_MILLIS
        });
        retained.truncate(RETAINED_MAX);
    }
}

#[cfg(test)]
mod tests {
    use crate::site::records::ban::BanScope;

    use super::*;

    const CREATED_MS: UnixMillis = UnixMillis(0);
    const DAY: u64 = 24 * 60 * 60 * 1_000;

    fn id(n: u64) -> DeploymentId {
        DeploymentId::of_root(&n.to_le_bytes())
    }

    fn step(current: Option<&LiveRecord>, n: u64, direction: Move, now: u64) -> LiveRecord {
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        let activation = Activation {
            site: &site,
            stage: &stage,
            kind: StageKind::Permanent,
            deployment: &id(n),
            direction,
            by: "test",
            now: UnixMillis(now),
            site_created_ms: CREATED_MS,
        };
        match activation.apply(current) {
            Change::Write(record) | Change::Already(record) => record,
        }
    }

    #[test]
    fn a_rollback_goes_further_back_each_time_and_up_in_sequence() {
        let v1 = step(None, 1, Move::Forward, 1);
        let v2 = step(Some(&v1), 2, Move::Forward, 2);
        let v3 = step(Some(&v2), 3, Move::Forward, 3);
        assert_eq!(v3.rollback_target(), Some(&id(2)));
        let back = step(Some(&v3), 2, Move::Back, 4);
        assert_eq!((back.seq, &back.deployment), (4, &id(2)));
        assert_eq!(back.rollback_target(), Some(&id(1)));
        assert!(back.names(&id(3)), "what was rolled back from stays retained");
        let further = step(Some(&back), 1, Move::Back, 5);
        assert_eq!(further.rollback_target(), None);
        let forward = step(Some(&further), 3, Move::Forward, 6);
        assert_eq!(forward.rollback_target(), Some(&id(1)));
    }

    #[test]
    fn invalidations_go_along_and_win_no_race() {
        let v1 = step(None, 1, Move::Forward, 1);
        let scopes = [BanScope::Tag("a".into()), BanScope::All, BanScope::Path("/x".into())];
        let purged = scopes
            .into_iter()
            .fold(v1.clone(), |record, scope| record.banned([Ban { at_ms: UnixMillis(5), scope }]));
        assert_eq!((purged.seq, purged.bans.len()), (4, 2), "what all covers is dropped");
        assert_eq!((&purged.deployment, &purged.by), (&v1.deployment, &v1.by));
        let rows = [(0, false), (1, true), (3, true), (4, true), (5, false)];
        for (seq, is_still) in rows {
            assert_eq!(purged.is_still(seq), is_still, "{seq}");
        }
        let v2 = step(Some(&purged), 2, Move::Forward, 6);
        assert_eq!((v2.seq, &v2.bans), (5, &purged.bans), "a deploy drops no ban");
        assert!(v2.is_still(5) && !v2.is_still(4));
        let back = step(Some(&v2), 1, Move::Back, 7);
        assert_eq!(back.bans, purged.bans, "nor does a rollback");
        let read = LiveRecord::parse(&purged.to_bytes(), &purged.site, &purged.stage);
        assert_eq!(read, Some(purged));
    }

    #[test]
    fn a_forgotten_deployment_leaves_the_record_and_wins_no_race() {
        let v1 = step(None, 1, Move::Forward, 1);
        let v2 = step(Some(&v1), 2, Move::Forward, 2);
        let v3 = step(Some(&v2), 3, Move::Forward, 3);
        assert_eq!(v3.without_retained(&id(3)), None, "it is live, not retained");
        let without = v3.without_retained(&id(2)).unwrap();
        assert_eq!((without.seq, without.names(&id(2)), without.names(&id(1))), (4, false, true));
        assert!(without.is_still(3) && without.is_still(4) && !without.is_still(2));
        assert_eq!(without.rollback_target(), Some(&id(1)));
        assert_eq!(without.without_retained(&id(2)), None);
        assert!(without.is_newer_than(&v3) && !v3.is_newer_than(&without));
    }

    #[test]
    fn a_site_of_the_same_name_takes_nothing_over() {
        let old = step(None, 1, Move::Forward, 1);
        let old = step(Some(&old), 2, Move::Forward, 2);
        let old = old.banned([Ban { at_ms: UnixMillis(3), scope: BanScope::All }]);
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        let activation = Activation {
            site: &site,
            stage: &stage,
            kind: StageKind::Permanent,
            deployment: &id(2),
            direction: Move::Forward,
            by: "test",
            now: UnixMillis(10),
            site_created_ms: UnixMillis(9),
        };
        let Change::Write(new) = activation.apply(Some(&old)) else { panic!("it is live already") };
        assert_eq!((new.seq, new.retained.len(), new.bans.len()), (1, 0, 0));
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new), "whatever their numbers");
        let before = LiveRecord { site_created_ms: None, ..old.clone() };
        let Change::Already(same) = activation.apply(Some(&before)) else { panic!("it is new") };
        assert_eq!(same, before, "a record without the time is of the same site");
        assert!(old.is_newer_than(&before));
    }

    #[test]
    fn a_record_of_an_earlier_version_still_parses() {
        let text = format!(
            r#"{{"site":"aa","stage":"production","kind":"permanent","deployment":"{}","seq":7,
            "activated_ms":5,"by":"root","retained":[]}}"#,
            id(1)
        );
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        let record = LiveRecord::parse(text.as_bytes(), &site, &stage).unwrap();
        assert_eq!((record.seq, record.site_created_ms), (7, None));
        assert!(!record.to_bytes().windows(9).any(|word| word == b"site_crea"));
    }

    #[test]
    fn what_is_live_already_is_not_written_again() {
        let v1 = step(None, 1, Move::Forward, 1);
        let again = step(Some(&v1), 1, Move::Forward, 2);
        assert_eq!(again, v1);
    }

    #[test]
    fn ten_deployments_or_thirty_days_whichever_is_more() {
        let mut old = step(None, 0, Move::Forward, 0);
        for n in 1..=15 {
            old = step(Some(&old), n, Move::Forward, n);
        }
        assert_eq!(old.retained.len(), 15, "all are young");
        let much_later = step(Some(&old), 16, Move::Forward, 40 * DAY);
        assert_eq!(much_later.retained.len(), RETAINED_MIN, "the rest is old");
        let edge = step(Some(&old), 16, Move::Forward, 12 + RETAINED_MILLIS);
        assert_eq!(edge.retained.len(), RETAINED_MIN, "superseded at 7 and later, or among ten");
    }

    #[test]
    fn a_record_of_another_stage_is_no_record() {
        let v1 = step(None, 1, Move::Forward, 1);
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        let bytes = v1.to_bytes();
        assert_eq!(LiveRecord::parse(&bytes, &site, &stage), Some(v1));
        let other = SiteName::parse("bb").unwrap();
        assert_eq!(LiveRecord::parse(&bytes, &other, &stage), None);
        assert_eq!(LiveRecord::parse(&bytes[1..], &site, &stage), None);
    }
}
