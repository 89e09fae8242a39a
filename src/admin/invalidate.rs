//! Invalidates the edge copies of objects: a ban on every permanent stage of the site.
//!
//! Whether a stage's live deployment has the collection makes no difference: copies from an earlier
//! deployment would come back with a rollback. Bans are dated after the object is stored, so a
//! refresh that read the old object is banned with it.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::admin::error::AdminError;
use crate::admin::stages::KV_LAG_SECS;
use crate::admin::{Answer, Call};
use crate::cache::live;
use crate::ports::settings::StoreKind;
use crate::ports::{Fault, Ports};
use crate::site::collection::{CollectionName, ObjectName};
use crate::site::config::StageKind;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys;
use crate::site::records::ban::{Ban, BanScope, BannedObject, OBJECT_BANS_MAX, is_covered};
use crate::site::records::live::{Change, LiveRecord};
use crate::wire::query;
use crate::wire::time::UnixMillis;

/// Pauses between attempts to write a live record, in milliseconds: R2 takes about one write a
/// second of a key. Up to twice as long each, so that writers don't stay in step.
const PAUSES_MS: [u64; 4] = [200, 400, 800, 1_600];

/// Result of invalidating the edge copies of a changed object.
pub enum Copies {
    /// They are banned.
    Invalidated,
    /// The caller asked for them to be left.
    Left,
    /// They could not be banned.
    Pending(AdminError),
}

/// A misspelt member would invalidate the whole collection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalidate {
    names: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Invalidated<'a> {
    collection: &'a CollectionName,
    invalidated: bool,
    effective_within_secs: u64,
}

/// [`Copies`] as the API shows them, among the members of an answer.
#[derive(Serialize)]
pub struct CopiesView {
    invalidated: bool,
    effective_within_secs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
}

#[derive(Serialize)]
struct Warning {
    code: &'static str,
    message: String,
    hint: &'static str,
}

impl<P: Ports> Call<'_, P> {
    /// Invalidates objects of a collection by name, or all of them.
    pub async fn invalidate_objects(
        &self,
        site: &SiteName,
        collection: &str,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let collection = CollectionName::parse(collection).map_err(AdminError::Object)?;
        let body: Invalidate = self.json().await?;
        let scopes = scopes(&collection, body.names.as_deref())?;
        if !self.is_served(site, &collection).await? {
            return Err(AdminError::NotFound("collection"));
        }
        self.ban_everywhere(site, &scopes).await?;
        let effective_within_secs = self.permanent_bound_secs();
        let collection = &collection;
        let answer = Invalidated { collection, invalidated: true, effective_within_secs };
        Ok(Answer::json(200, &answer))
    }

    /// Whether a call asks for edge copies to be invalidated; it does unless it says otherwise.
    pub fn invalidates(&self) -> Result<bool, AdminError> {
        match self.ask.query.and_then(|query| query::value(query, "invalidate")).as_deref() {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(AdminError::Invalid(
                "`invalidate` must be true or false",
                "leave it out to invalidate edge copies at once",
            )),
        }
    }

    /// Invalidates an object that was just written or deleted, unless the caller asked not to. The
    /// change is made already: a failure is told, and is no error.
    pub async fn invalidate_changed(
        &self,
        site: &SiteName,
        collection: &CollectionName,
        name: &ObjectName,
        invalidates: bool,
    ) -> Copies {
        if !invalidates {
            return Copies::Left;
        }
        let (collection, name) = (collection.clone(), name.clone());
        let scope = BanScope::Object(BannedObject { collection, name });
        match self.ban_everywhere(site, &[scope]).await {
            Ok(()) => Copies::Invalidated,
            Err(error) => Copies::Pending(error),
        }
    }

    /// Returns the members of an answer that say what became of an object's edge copies.
    pub fn copies_view(&self, copies: &Copies, ttl_secs: u64) -> CopiesView {
        let invalidated = matches!(copies, Copies::Invalidated);
        let secs = if invalidated { self.permanent_bound_secs() } else { ttl_secs };
        let warning = match copies {
            Copies::Pending(error) => Some(Warning {
                code: "not-invalidated",
                message: format!(
                    "the change is made, but edge copies are not invalidated: {error}"
                ),
                hint: "run selvedge purge with --collection or --path, or send the change again",
            }),
            Copies::Invalidated | Copies::Left => None,
        };
        CopiesView { invalidated, effective_within_secs: secs, warning }
    }

    /// Bans scopes on every permanent stage of a site.
    async fn ban_everywhere(&self, site: &SiteName, scopes: &[BanScope]) -> Result<(), AdminError> {
        let since_ms = self.dated();
        let _entered = self.tiers.memory.pending_bans.enter(site, scopes);
        // Most sites have no other, and it must not depend on a listing.
        let production = StageName::production();
        let banned = self.ban_on(site, &production, scopes, since_ms).await;
        let prefix = keys::live_prefix(site);
        let keys = self.list_all(&prefix).await?;
        let stages = keys.iter().filter_map(|key| {
            let stage = StageName::parse(key.strip_prefix(&prefix)?).ok()?;
            Some(stage).filter(|stage| *stage != production)
        });
        let mut outcome = banned;
        for stage in stages {
            let banned = self.ban_on(site, &stage, scopes, since_ms).await;
            outcome = outcome.and(banned);
        }
        outcome
    }

    /// Bans scopes on a stage, whoever else changes its record at the same time.
    async fn ban_on(
        &self,
        site: &SiteName,
        stage: &StageName,
        scopes: &[BanScope],
        since_ms: UnixMillis,
    ) -> Result<(), AdminError> {
        let change = |current: Option<&LiveRecord>| {
            let record = current.ok_or(AdminError::NotFound("stage"))?;
            let is_done = |scope| is_covered(&record.bans, scope, since_ms);
            if record.kind == StageKind::Sandbox || scopes.iter().all(is_done) {
                return Ok(Change::Already(record.clone()));
            }
            let (at_ms, all) = (self.dated(), self.tiers.memory.pending_bans.of(site));
            Ok(Change::Write(record.banned(all.into_iter().map(|scope| Ban { at_ms, scope }))))
        };
        let mut pauses_ms = PAUSES_MS.iter();
        loop {
            match self.change_live(site, stage, &change).await {
                Ok(Change::Already(record)) if record.kind == StageKind::Permanent => {
                    // Another request wrote it: here it is in force at once all the same.
                    let (ports, now) = (&self.tiers.ports, self.tiers.ports.now());
                    live::keep(ports, &self.tiers.memory, record, now);
                    return Ok(());
                }
                Ok(_) | Err(AdminError::NotFound(_)) => return Ok(()),
                Err(error) => match (is_passing(&error), pauses_ms.next()) {
                    (true, Some(pause_ms)) => self.pause(*pause_ms).await,
                    (_, _) if matches!(error, AdminError::LostRace(_)) => {
                        return Err(AdminError::Unavailable(Fault::Busy));
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    /// The time of a ban that is made now. KV may show the old object for a while after a write, so
    /// what is read until then is banned too.
    fn dated(&self) -> UnixMillis {
        let now = self.tiers.ports.now();
        match self.tiers.ports.settings().store {
            StoreKind::R2 => now,
            StoreKind::Kv => now.plus(KV_LAG_SECS.saturating_mul(1_000)),
        }
    }

    async fn pause(&self, ms: u64) {
        let random = self.tiers.ports.random().map_or(0, |[first, ..]| u64::from(first));
        let more_ms = ms.saturating_mul(random) / 256;
        self.tiers.ports.sleep(ms.saturating_add(more_ms)).await;
    }
}

/// Whether a failed write of a live record is worth another attempt.
fn is_passing(error: &AdminError) -> bool {
    matches!(
        error,
        AdminError::LostRace(_)
            | AdminError::NotStored(Fault::Failed)
            | AdminError::Unavailable(Fault::Failed | Fault::Busy)
    )
}

/// Scope of a ban: objects by name, or their collection.
fn scopes(
    collection: &CollectionName,
    names: Option<&[String]>,
) -> Result<Vec<BanScope>, AdminError> {
    let whole = || vec![BanScope::Collection(collection.clone())];
    let Some(names) = names else { return Ok(whole()) };
    if names.is_empty() {
        let hint = "name at least one object, or leave `names` out for the whole collection";
        return Err(AdminError::Invalid("`names` is empty", hint));
    }
    let parsed = names.iter().map(|name| {
        let name = ObjectName::parse(name).map_err(AdminError::Object)?;
        Ok(BanScope::Object(BannedObject { collection: collection.clone(), name }))
    });
    let parsed: Vec<BanScope> = parsed.collect::<Result<_, AdminError>>()?;
    Ok(if parsed.len() > OBJECT_BANS_MAX { whole() } else { parsed })
}
