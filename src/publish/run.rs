//! The steps of a publish.
//!
//! Every step can be repeated with the same result, and only the last one changes the site. A
//! publish that is interrupted leaves the site as it was.

use serde::Serialize;
use serde_json::{Value, json};

use crate::publish::cache::{Cache, Spool};
use crate::publish::client::Client;
use crate::publish::client::payload::Payload;
use crate::publish::clock;
use crate::publish::diff;
use crate::publish::failure::{Failure, Problem};
use crate::publish::fingerprint;
use crate::publish::live_files::LiveFiles;
use crate::publish::manifest;
use crate::publish::media::access;
use crate::publish::options::{CachePlace, Extent, OnLostRace, PublishOptions};
use crate::publish::prepare::{self, Folder};
use crate::publish::progress::Progress;
use crate::publish::takedowns;
use crate::publish::upload::{self, Blob, UploadError, Uploader};
use crate::site::api::{Activate, Activated, Committed, Server, StageView};
use crate::site::deployment::asset::Class;
use crate::site::deployment::manifest::BuiltManifest;
use crate::site::ids::{DeploymentId, SiteName, StageName};

/// Number of times that a publish starts over because files changed meanwhile.
const ROUNDS_MAX: u32 = 3;

#[derive(Debug, Clone, Serialize)]
pub struct Published {
    pub deployment: DeploymentId,
    pub site: SiteName,
    pub stage: StageName,
    pub url: Option<String>,
    pub deployment_url: Option<String>,
    pub files: usize,
    pub bytes: u64,
    pub fingerprinted: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprinted_files: Option<Vec<String>>,
    pub files_read: usize,
    pub blobs_sent: usize,
    pub bytes_sent: u64,
    pub blobs_kept: usize,
    pub activated: bool,
    pub changed: bool,
    pub seq: Option<u64>,
    pub effective_within_secs: Option<u64>,
    pub dry_run: bool,
    pub warnings: Vec<Problem>,
    pub notes: Vec<Problem>,
    pub seconds: f64,
}

/// Publishes a folder.
///
/// If the folder has problems, all of them are returned before anything is sent.
pub fn publish(
    options: &PublishOptions,
    client: &Client,
    progress: &dyn Progress,
) -> Result<Published, Failure> {
    let started = clock::now();
    let server = client.server()?;
    let has_site = has_site(client, &options.site)?;
    let live = match has_site {
        true => client.live(&options.site, &options.stage)?,
        false => None,
    };
    let publish = Publish { options, client, progress, server, has_site, live };
    let mut cache = match &options.cache {
        CachePlace::User => Cache::open(&options.folder, options.effort),
        CachePlace::At(folder) => Cache::open_at(folder.clone()),
        CachePlace::Nowhere => Cache::default(),
    };
    for _ in 0..ROUNDS_MAX {
        match publish.round(&mut cache) {
            Ok(mut published) => {
                published.seconds = started.elapsed().as_secs_f64();
                return Ok(published);
            }
            Err(UploadError::Failure(failure)) => return Err(failure.of_upload(client.was_heard())),
            Err(UploadError::Changed(path, content)) => {
                progress.note(&format!("{path} changed meanwhile; reading it again"));
                cache.forget(&path, &content);
            }
        }
    }
    Err(Failure::refused(
        "changing-folder",
        "files keep changing during the publish",
        "publish when the build is done; the site is unchanged",
    ))
}

struct Publish<'a> {
    options: &'a PublishOptions,
    client: &'a Client,
    progress: &'a dyn Progress,
    server: Server,
    has_site: bool,
    live: Option<StageView>,
}

/// A deployment that can be sent.
struct Prepared {
    folder: Folder,
    fingerprinted: Vec<String>,
    built: BuiltManifest,
    live: Option<LiveFiles>,
}

/// The blobs that were sent, or would be by a dry run.
#[derive(Default)]
struct Sent {
    blobs: usize,
    bytes: u64,
}

impl Publish<'_> {
    fn round(&self, cache: &mut Cache) -> Result<Published, UploadError> {
        // Holds encoded bytes that no cache keeps until they are sent.
        let spool = Spool::default();
        let prepared = self.prepare(cache, &spool)?;
        let blobs = upload::blobs(&prepared.folder.files, &prepared.built);
        let sent = self.send(&prepared, &blobs, cache)?;
        let mut published = self.published(&prepared, &blobs, &sent);
        published.warnings.extend(self.media_warnings(&prepared.folder));
        self.finish(&prepared, &mut published)?;
        Ok(published)
    }

    /// Builds the manifest. A file whose content differs from the live deployment's does not count
    /// as fingerprinted.
    fn prepare(&self, cache: &mut Cache, spool: &Spool) -> Result<Prepared, Failure> {
        let options = self.options;
        let mut folder = prepare::read(options, &self.server, cache, spool, self.progress)?;
        let (files, loaded) = (&folder.files, &folder.loaded);
        let setting = &loaded.publish.fingerprint;
        let mut classes = fingerprint::classes(files, setting, &options.folder);
        let mut built = manifest::build(files, &classes, loaded)?;
        let live = self.live_files(&built);
        if let Some(live) = &live {
            let demoted = fingerprint::demote(files, &mut classes, live.files());
            if demoted.count > 0 {
                built = manifest::build(files, &classes, loaded)?;
            }
            folder.findings.warnings.extend(fingerprint::warning(&demoted.surprising));
        }
        let is_fingerprinted = |(_, class): &(_, &Class)| **class == Class::Fingerprinted;
        let fingerprinted = files.iter().zip(&classes).filter(is_fingerprinted);
        let fingerprinted = fingerprinted.map(|(file, _)| file.scanned.path.clone()).collect();
        Ok(Prepared { folder, fingerprinted, built, live })
    }

    /// Reads the live deployment, unless the new one is the same.
    fn live_files(&self, built: &BuiltManifest) -> Option<LiveFiles> {
        let live = self.live.as_ref().filter(|live| live.deployment != built.id)?;
        let id = &live.deployment;
        let files = LiveFiles::read(self.client, &self.options.site, id, &built.shards).ok();
        if files.is_none() {
            self.progress
                .note("the live deployment can't be read; asking the server for each file");
        }
        files
    }

    /// Sends the blobs that the server lacks, unless it has the whole deployment.
    fn send(
        &self,
        prepared: &Prepared,
        blobs: &[Blob<'_>],
        cache: &Cache,
    ) -> Result<Sent, UploadError> {
        let (options, built) = (self.options, &prepared.built);
        let is_live = self.live.as_ref().is_some_and(|live| live.deployment == built.id);
        if is_live || self.is_committed(&built.id)? {
            return Ok(Sent::default());
        }
        let wanted: Vec<_> = blobs.iter().map(|blob| blob.hash).collect();
        let (live, limits) = (prepared.live.as_ref(), &self.server.limits);
        let missing = match self.has_site || options.extent != Extent::DryRun {
            true => {
                self.create_site()?;
                diff::missing(self.client, &options.site, live, &wanted, limits)?
            }
            false => wanted.into_iter().collect(),
        };
        let lacking: Vec<_> =
            blobs.iter().filter(|blob| missing.contains(&blob.hash)).copied().collect();
        let bytes = lacking.iter().map(|blob| blob.length).sum();
        if options.extent != Extent::DryRun {
            let uploader = Uploader {
                client: self.client,
                site: &options.site,
                limits: self.server.limits,
                cache,
                effort: options.effort,
                progress: self.progress,
            };
            uploader.send(&lacking)?;
        }
        Ok(Sent { blobs: lacking.len(), bytes })
    }

    fn is_committed(&self, id: &DeploymentId) -> Result<bool, Failure> {
        if !self.has_site {
            return Ok(false);
        }
        let path = format!("/sites/{}/deployments/{id}", self.options.site);
        match self.client.call("GET", &path, Payload::Empty) {
            Ok(_) => Ok(true),
            Err(failure) if &*failure.code == "not-found" => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    fn create_site(&self) -> Result<(), Failure> {
        if self.has_site {
            return Ok(());
        }
        let site = &self.options.site;
        self.progress.note(&format!("creating the site {site}"));
        self.client.send::<Value>("PUT", &format!("/sites/{site}"), &json!({})).map(drop)
    }

    /// Returns warnings about renditions that the server can't make, as far as it tells. A dry run
    /// can't ask about a site that doesn't exist yet.
    fn media_warnings(&self, folder: &Folder) -> Vec<Problem> {
        let options = self.options;
        let has_site = self.has_site || options.extent != Extent::DryRun;
        let config = folder.loaded.config.media.as_ref().filter(|_| has_site);
        let Some(config) = config else { return Vec::new() };
        let access = access::access(self.client, &options.site);
        access.map_or_else(|_| Vec::new(), |access| access::warnings(config, &access))
    }

    /// Commits and activates the deployment.
    fn finish(&self, prepared: &Prepared, published: &mut Published) -> Result<(), Failure> {
        let (options, built) = (self.options, &prepared.built);
        if options.extent == Extent::DryRun {
            return Ok(());
        }
        let path = format!("/sites/{}/deployments/{}", options.site, built.id);
        let answer = self.client.call("PUT", &path, Payload::Bytes(&built.root))?;
        let committed: Committed = self.client.parse(&path, &answer.body)?;
        published.deployment_url = Some(committed.url);
        let files = prepared.folder.files.iter().map(|file| file.scanned.path.as_str());
        published.warnings.extend(takedowns::warnings(&committed.takedowns, &options.site, files));
        if options.extent == Extent::Commit {
            return Ok(());
        }
        let activated = self.activate(&built.id)?;
        published.activated = true;
        published.changed = activated.changed;
        published.seq = Some(activated.live.seq);
        published.effective_within_secs = Some(activated.effective_within_secs);
        published.url = Some(activated.live.url);
        Ok(())
    }

    fn activate(&self, id: &DeploymentId) -> Result<Activated, Failure> {
        let Publish { options, client, .. } = self;
        let expected_seq = match options.on_lost_race {
            OnLostRace::Refuse => Some(self.live.as_ref().map_or(0, |live| live.seq)),
            OnLostRace::Replace => None,
        };
        let path = format!("/sites/{}/stages/{}/activate", options.site, options.stage);
        let request = Activate { deployment: id.clone(), expected_seq };
        let failure = match client.send::<Activated>("POST", &path, &request) {
            Ok(activated) => return Ok(activated),
            Err(failure) if &*failure.code == "lost-race" => failure,
            Err(failure) => return Err(failure),
        };
        let winner = failure.detail.as_ref().map_or(Value::Null, |detail| detail["winner"].clone());
        if winner["deployment"] == id.as_str() {
            // An earlier attempt activated it, and its answer was lost.
            let request = Activate { expected_seq: winner["seq"].as_u64(), ..request };
            return client.send("POST", &path, &request);
        }
        Err(lost_race(failure, &winner, options))
    }

    fn published(&self, prepared: &Prepared, blobs: &[Blob<'_>], sent: &Sent) -> Published {
        let options = self.options;
        Published {
            deployment: prepared.built.id.clone(),
            site: options.site.clone(),
            stage: options.stage.clone(),
            url: None,
            deployment_url: None,
            files: prepared.folder.files.len(),
            bytes: prepared.folder.files.iter().map(|file| file.scanned.stat.size).sum(),
            fingerprinted: prepared.fingerprinted.len(),
            fingerprinted_files: match options.extent {
                Extent::DryRun => Some(prepared.fingerprinted.clone()),
                Extent::Activate | Extent::Commit => None,
            },
            files_read: prepared.folder.files_read,
            blobs_sent: sent.blobs,
            bytes_sent: sent.bytes,
            blobs_kept: blobs.len() - sent.blobs,
            activated: false,
            changed: false,
            seq: None,
            effective_within_secs: None,
            dry_run: options.extent == Extent::DryRun,
            warnings: prepared.folder.findings.warnings.clone(),
            notes: prepared.folder.findings.notes.clone(),
            seconds: 0.0,
        }
    }
}

fn has_site(client: &Client, site: &SiteName) -> Result<bool, Failure> {
    if !client.is_root() {
        // A site's token can't outlive the site.
        return Ok(true);
    }
    client.find::<Value>(&format!("/sites/{site}")).map(|found| found.is_some())
}

fn lost_race(failure: Failure, winner: &Value, options: &PublishOptions) -> Failure {
    let by = winner["by"].as_str().unwrap_or("another token");
    let deployment = winner["deployment"].as_str().unwrap_or("another deployment");
    let mut lost = Failure::refused(
        "lost-race",
        format!("{} changed meanwhile: {by} activated {deployment}", options.stage),
        "check what is live now, then publish again, or add --force to replace it",
    )
    .because("the other deployment is live; yours is stored");
    lost.detail = failure.detail;
    lost
}
