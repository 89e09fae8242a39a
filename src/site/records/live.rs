//! The live record of a stage: the deployment that it serves, retained deployments and bans.
//!
//! Every change, a rollback included, makes a record with a higher sequence number, so that readers
//! can order records that a store returns out of order.

use serde::{Deserialize, Serialize};

use crate::site::codec;
use crate::site::config::StageKind;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::records::ban::{self, Ban};
use crate::wire::time::UnixMillis;

/// Number of deployments that are retained whatever their age.
pub const RETAINED_MIN: usize = 10;
/// How long every deployment is retained: 30 days.
pub const RETAINED_MILLIS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Maximum number of retained deployments: a deploy every 30 minutes for a month.
pub const RETAINED_MAX: usize = 1_500;

/// An earlier deployment of a stage. Its fingerprinted files are still served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    pub deployment: DeploymentId,
    /// When it last became live.
    pub activated_ms: UnixMillis,
    /// When another deployment replaced it.
    pub superseded_ms: UnixMillis,
    /// Whether it was rolled back from: a rollback without a name does not return to it.
    #[serde(default)]
    pub rolled_back: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRecord {
    pub site: SiteName,
    pub stage: StageName,
    /// Copied from the deployment's configuration.
    pub kind: StageKind,
    pub deployment: DeploymentId,
    /// Increases by one with every change.
    pub seq: u64,
    /// Sequence number of the activation, if other changes followed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_seq: Option<u64>,
    pub activated_ms: UnixMillis,
    /// Name of the token that activated the deployment.
    pub by: String,
    /// Earlier deployments, newest first.
    #[serde(default)]
    pub retained: Vec<Retained>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bans: Vec<Ban>,
    /// When the site was created; `None` in records written before sites could be deleted.
    ///
    /// Tells a site from an earlier one of the same name, whose sequence numbers may be higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_created_ms: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record to write in place of the current one.
    Write(LiveRecord),
    /// The current record, which needs no change.
    Already(LiveRecord),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A publish or a promotion.
    Forward,
    Back,
}

#[derive(Debug, Clone)]
pub struct Activation<'a> {
    pub site: &'a SiteName,
    pub stage: &'a StageName,
    /// The stage's kind in the deployment's configuration.
    pub kind: StageKind,
    pub deployment: &'a DeploymentId,
    pub direction: Move,
    /// Name of the caller's token.
    pub by: &'a str,
    pub now: UnixMillis,
    pub site_created_ms: UnixMillis,
}

impl LiveRecord {
    /// Parses the record of a stage; `None` for that of another one.
    pub fn parse(bytes: &[u8], site: &SiteName, stage: &StageName) -> Option<Self> {
        let record: Self = codec::decode_record(bytes)?;
        (record.site == *site && record.stage == *stage).then_some(record)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self).into_bytes()
    }

    /// Returns the newest retained deployment that was not itself rolled back from.
    pub fn rollback_target(&self) -> Option<&DeploymentId> {
        self.retained.iter().find(|r| !r.rolled_back).map(|r| &r.deployment)
    }

    /// Returns the record with more bans.
    pub fn banned(&self, bans: impl IntoIterator<Item = Ban>) -> Self {
        let bans = bans.into_iter().fold(self.bans.clone(), |bans, ban| ban::with(&bans, ban));
        Self { bans, ..self.next() }
    }

    /// Returns the record without a retained deployment, `None` if the deployment isn't retained.
    pub fn without_retained(&self, deployment: &DeploymentId) -> Option<Self> {
        let mut retained = self.retained.clone();
        retained.retain(|earlier| earlier.deployment != *deployment);
        (retained.len() < self.retained.len()).then(|| Self { retained, ..self.next() })
    }

    /// Returns the record after a change that is not an activation. A concurrent publish does not
    /// lose its race to such a change.
    fn next(&self) -> Self {
        Self {
            seq: self.seq.saturating_add(1),
            activated_seq: Some(self.activated_seq.unwrap_or(self.seq)),
            ..self.clone()
        }
    }

    /// Whether this record replaces another of the same stage: it belongs to a newer site, or it is
    /// a later change of the same one.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let order = |record: &Self| (record.site_created_ms, record.seq);
        order(self) > order(other)
    }

    /// Whether no deployment was activated since the record had a sequence number.
    pub fn is_still(&self, seq: u64) -> bool {
        (self.activated_seq.unwrap_or(self.seq)..=self.seq).contains(&seq)
    }

    /// Whether a deployment is live or retained here.
    pub fn names(&self, deployment: &DeploymentId) -> bool {
        self.deployment == *deployment || self.retained.iter().any(|r| r.deployment == *deployment)
    }
}

impl Activation<'_> {
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
        self.drop_expired(&mut retained);
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

    fn drop_expired(&self, retained: &mut Vec<Retained>) {
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

    fn names() -> (SiteName, StageName) {
        (SiteName::parse("aa").unwrap(), StageName::production())
    }

    fn change(
        site_created_ms: UnixMillis,
        current: Option<&LiveRecord>,
        n: u64,
        direction: Move,
        now: u64,
    ) -> Change {
        let ((site, stage), now) = (names(), UnixMillis(now));
        let (kind, deployment) = (StageKind::Permanent, &id(n));
        let (site, stage, by) = (&site, &stage, "test");
        Activation { site, stage, kind, deployment, direction, by, now, site_created_ms }
            .apply(current)
    }

    fn step(current: Option<&LiveRecord>, n: u64, direction: Move, now: u64) -> LiveRecord {
        match change(CREATED_MS, current, n, direction, now) {
            Change::Write(record) | Change::Already(record) => record,
        }
    }

    #[test]
    fn rollbacks_go_further_back_and_raise_the_sequence_number() {
        let v1 = step(None, 1, Move::Forward, 1);
        let v2 = step(Some(&v1), 2, Move::Forward, 2);
        let v3 = step(Some(&v2), 3, Move::Forward, 3);
        assert_eq!(v3.rollback_target(), Some(&id(2)));
        let back = step(Some(&v3), 2, Move::Back, 4);
        assert_eq!((back.seq, &back.deployment), (4, &id(2)));
        assert_eq!(back.rollback_target(), Some(&id(1)));
        assert!(back.names(&id(3)), "the deployment that was rolled back from stays retained");
        let further = step(Some(&back), 1, Move::Back, 5);
        assert_eq!(further.rollback_target(), None);
        let forward = step(Some(&further), 3, Move::Forward, 6);
        assert_eq!(forward.rollback_target(), Some(&id(1)));
    }

    #[test]
    fn bans_survive_activations_and_win_no_race() {
        let v1 = step(None, 1, Move::Forward, 1);
        let scopes = [BanScope::Tag("a".into()), BanScope::All, BanScope::Path("/x".into())];
        let purged = scopes
            .into_iter()
            .fold(v1.clone(), |record, scope| record.banned([Ban { at_ms: UnixMillis(5), scope }]));
        assert_eq!((purged.seq, purged.bans.len()), (4, 2), "bans that `all` covers are dropped");
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
    fn a_new_site_of_the_same_name_inherits_nothing() {
        let old = step(None, 1, Move::Forward, 1);
        let old = step(Some(&old), 2, Move::Forward, 2);
        let old = old.banned([Ban { at_ms: UnixMillis(3), scope: BanScope::All }]);
        let apply = |current| change(UnixMillis(9), Some(current), 2, Move::Forward, 10);
        let Change::Write(new) = apply(&old) else { panic!("it is live already") };
        assert_eq!((new.seq, new.retained.len(), new.bans.len()), (1, 0, 0));
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new), "whatever their numbers");
        let before = LiveRecord { site_created_ms: None, ..old.clone() };
        let Change::Already(same) = apply(&before) else { panic!("it is new") };
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
        let (site, stage) = names();
        let record = LiveRecord::parse(text.as_bytes(), &site, &stage).unwrap();
        assert_eq!((record.seq, record.site_created_ms), (7, None));
        assert!(!record.to_bytes().windows(9).any(|word| word == b"site_crea"));
    }

    #[test]
    fn an_active_deployment_is_not_activated_again() {
        let v1 = step(None, 1, Move::Forward, 1);
        let again = step(Some(&v1), 1, Move::Forward, 2);
        assert_eq!(again, v1);
    }

    #[test]
    fn ten_deployments_or_thirty_days_are_retained() {
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
    fn a_record_of_another_stage_is_rejected() {
        let v1 = step(None, 1, Move::Forward, 1);
        let (site, stage) = names();
        let bytes = v1.to_bytes();
        assert_eq!(LiveRecord::parse(&bytes, &site, &stage), Some(v1));
        let other = SiteName::parse("bb").unwrap();
        assert_eq!(LiveRecord::parse(&bytes, &other, &stage), None);
        assert_eq!(LiveRecord::parse(&bytes[1..], &site, &stage), None);
    }
}
