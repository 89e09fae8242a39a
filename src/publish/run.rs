//! A publish, from a folder to a live deployment: the protocol.
//!
//! Every step can be made again with the same result, and only the last one changes what is
//! served. The invariant is that a publish that ends anywhere, however it ends, leaves what is
//! served as it was or as it should become, never in between.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::publish::api::{Activated, Committed, LiveView, Server};
use crate::publish::assemble::{build, typed};
use crate::publish::cache::{Cache, Spool};
use crate::publish::client::Client;
use crate::publish::client::payload::Payload;
use crate::publish::clock;
use crate::publish::config::{self, Loaded, not_found, public};
use crate::publish::diff::{self, LiveFiles};
use crate::publish::encode::Effort;
use crate::publish::failure::{Failure, Problem};
use crate::publish::fingerprint;
use crate::publish::hidden;
use crate::publish::hints;
use crate::publish::ingest::{self, IngestOptions, IngestedFile};
use crate::publish::progress::Progress;
use crate::publish::removal;
use crate::publish::scan::{self, ScanOptions};
use crate::publish::types;
use crate::publish::upload::{self, Blob, UploadError, Uploader};
use crate::site::action::Upstream;
use crate::site::api::Activate;
use crate::site::deployment::asset::Class;
use crate::site::deployment::manifest::BuiltManifest;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::source::diagnostic::Located;

/// How often a publish starts over because files changed under it.
pub const ROUNDS_MAX: u32 = 3;

/// How far a publish goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Activate,
    /// Until the deployment has its own address; the stage serves what it served.
    Commit,
    DryRun,
}

/// What happens when another publish came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostRace {
    Refuse,
    Replace,
}

/// Where it is kept what was learned of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachePlace {
    User,
    At(PathBuf),
    Nowhere,
}

/// What to publish, and how.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    pub folder: PathBuf,
    /// The site; made when it doesn't exist and the token may.
    pub site: SiteName,
    pub stage: StageName,
    pub config_file: Option<PathBuf>,
    pub effort: Effort,
    pub cache: CachePlace,
    pub allow_secrets: bool,
    pub extent: Extent,
    pub on_lost_race: OnLostRace,
}

/// What a publish did.
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
                progress.note(&format!("{path} changed meanwhile; reading again"));
                cache.forget(&path, &content);
            }
        }
    }
    Err(Failure::refused(
        "changing-folder",
        "files change all the time while they are published",
        "publish when the build is done; what is served did not change",
    ))
}

struct Publish<'a> {
    options: &'a PublishOptions,
    client: &'a Client,
    progress: &'a dyn Progress,
    server: Server,
    has_site: bool,
    live: Option<LiveView>,
}

/// A folder that can be published.
struct Prepared {
    files: Vec<IngestedFile>,
    fingerprinted: Vec<String>,
    built: BuiltManifest,
    live: Option<LiveFiles>,
    files_read: usize,
    warnings: Vec<Problem>,
    notes: Vec<Problem>,
}

/// The manifest, and what came of comparing it with the live one.
struct Classified {
    fingerprinted: Vec<String>,
    built: BuiltManifest,
    live: Option<LiveFiles>,
    warning: Option<Problem>,
}

/// What was sent, or would be.
#[derive(Default)]
struct Sent {
    blobs: usize,
    bytes: u64,
}

impl Publish<'_> {
    fn round(&self, cache: &mut Cache) -> Result<Published, UploadError> {
        // Encoded bytes that no cache keeps live as long as the round that sends them.
        let spool = Spool::new();
        let prepared = self.prepare(cache, &spool).map_err(UploadError::Failure)?;
        let blobs = upload::blobs(&prepared.files, &prepared.built);
        let sent = self.send(&prepared, &blobs, cache)?;
        let mut published = self.published(&prepared, &blobs, &sent);
        self.finish(&prepared, &mut published).map_err(UploadError::Failure)?;
        Ok(published)
    }

    /// Reads the folder and its configuration, and refuses with all that is wrong with them.
    fn prepare(&self, cache: &mut Cache, spool: &Spool) -> Result<Prepared, Failure> {
        let options = self.options;
        let mut loaded = config::load(&options.folder, options.config_file.as_deref());
        let [mut problems, mut warnings, mut notes] = loaded.by_severity();
        let scan = scan::scan(
            &options.folder,
            &ScanOptions {
                ignore: loaded.publish.ignore.clone(),
                include: loaded.publish.include.clone(),
                config_files: loaded.files.clone(),
                file_bytes_max: self.server.limits.blob_bytes_max,
            },
        )?;
        problems.extend(scan.problems);
        warnings.extend(scan.warnings);
        let paths = scan.files.iter().map(|file| file.path.as_str());
        let settled = not_found::settle_files(&mut loaded, &paths.clone().collect(), &mut notes);
        problems.extend(settled.err());
        let redirects = &loaded.config.redirects;
        warnings.extend(hidden::warnings(redirects, paths.clone(), &loaded.files));
        warnings.extend(hidden::route_warnings(&loaded.routes, redirects, paths.clone()));
        notes.extend(public::note(&public::add(&mut loaded, paths)));
        problems.extend(not_allowed(&loaded.upstreams, self.server.allowed_origins.as_deref()));
        let mut typed: Vec<_> =
            scan.files.into_iter().map(|file| typed(file, &loaded.publish)).collect();
        warnings.extend(types::apply(&mut typed, &loaded.types));
        let ingest_options = IngestOptions {
            effort: problems.is_empty().then_some(options.effort),
            allow_secrets: options.allow_secrets,
            progress: self.progress,
        };
        let ingested = ingest::ingest(typed, cache, spool, ingest_options)?;
        if let Err(cause) = cache.save() {
            self.progress
                .note(&format!("the cache can't be written ({cause}); that costs time only"));
        }
        problems.extend(ingested.problems);
        if !problems.is_empty() {
            return Err(Failure::invalid_folder(problems));
        }
        let (files, files_read) = (ingested.files, ingested.files_read);
        let hints = hints::of(&options.folder, &loaded, &files);
        warnings.extend(hints.warnings);
        notes.extend(hints.notes);
        let Classified { fingerprinted, built, live, warning } = self.classify(&files, &loaded)?;
        warnings.extend(warning);
        Ok(Prepared { files, fingerprinted, built, live, files_read, warnings, notes })
    }

    /// Builds the manifest, in which no file counts as fingerprinted that the live deployment has
    /// with other content.
    fn classify(&self, files: &[IngestedFile], loaded: &Loaded) -> Result<Classified, Failure> {
        let (setting, folder) = (&loaded.publish.fingerprint, &self.options.folder);
        let mut classes = fingerprint::classes(files, setting, folder);
        let mut built = build(files, &classes, loaded)?;
        let live = self.live_files(&built);
        let mut warning = None;
        if let Some(live) = &live {
            let demoted = fingerprint::demote(files, &mut classes, live.files());
            warning = fingerprint::warning(&demoted.surprising);
            if demoted.count > 0 {
                built = build(files, &classes, loaded)?;
            }
        }
        let is_fingerprinted = |(_, class): &(_, &Class)| **class == Class::Fingerprinted;
        let fingerprinted = files.iter().zip(&classes).filter(is_fingerprinted);
        let fingerprinted = fingerprinted.map(|(file, _)| file.scanned.path.clone()).collect();
        Ok(Classified { fingerprinted, built, live, warning })
    }

    /// The live deployment, unless the new one is the same.
    fn live_files(&self, built: &BuiltManifest) -> Option<LiveFiles> {
        let live = self.live.as_ref().filter(|live| live.deployment != built.id)?;
        let files = LiveFiles::read(self.client, &self.options.site, live, built);
        if files.is_none() {
            self.progress
                .note("the live deployment can't be read; comparing with the server's blobs");
        }
        files
    }

    /// Sends what the server lacks, unless it has the whole deployment already.
    fn send(
        &self,
        prepared: &Prepared,
        blobs: &[Blob<'_>],
        cache: &Cache,
    ) -> Result<Sent, UploadError> {
        let (options, built) = (self.options, &prepared.built);
        let is_live = self.live.as_ref().is_some_and(|live| live.deployment == built.id);
        if is_live || self.is_committed(&built.id).map_err(UploadError::Failure)? {
            return Ok(Sent::default());
        }
        let wanted: Vec<_> = blobs.iter().map(|blob| blob.hash).collect();
        let (live, limits) = (prepared.live.as_ref(), &self.server.limits);
        let missing = match self.has_site || options.extent != Extent::DryRun {
            true => {
                self.create_site().map_err(UploadError::Failure)?;
                diff::missing(self.client, &options.site, live, &wanted, limits)
                    .map_err(UploadError::Failure)?
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
        self.progress.note(&format!("site {site} does not exist yet; making it"));
        self.client.send::<Value>("PUT", &format!("/sites/{site}"), &json!({})).map(drop)
    }

    /// Commits the deployment, and makes it live.
    fn finish(&self, prepared: &Prepared, published: &mut Published) -> Result<(), Failure> {
        let (options, built) = (self.options, &prepared.built);
        if options.extent == Extent::DryRun {
            return Ok(());
        }
        let path = format!("/sites/{}/deployments/{}", options.site, built.id);
        let answer = self.client.call("PUT", &path, Payload::Bytes(&built.root))?;
        let committed: Committed = self.client.parse(&path, &answer.body)?;
        published.deployment_url = Some(committed.url);
        let files = prepared.files.iter().map(|file| file.scanned.path.as_str());
        published.warnings.extend(removal::warnings(&committed.takedowns, &options.site, files));
        if options.extent == Extent::Commit {
            return Ok(());
        }
        let activated = self.activate(&built.id)?;
        published.activated = true;
        published.changed = activated.changed;
        published.seq = Some(activated.live.seq);
        published.effective_within_secs = Some(activated.effective_within_secs);
        published.url = Some(activated.url);
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
            // Ours: the answer to an earlier attempt was lost on its way.
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
            files: prepared.files.len(),
            bytes: prepared.files.iter().map(|file| file.scanned.stat.size).sum(),
            fingerprinted: prepared.fingerprinted.len(),
            fingerprinted_files: match options.extent {
                Extent::DryRun => Some(prepared.fingerprinted.clone()),
                Extent::Activate | Extent::Commit => None,
            },
            files_read: prepared.files_read,
            blobs_sent: sent.blobs,
            bytes_sent: sent.bytes,
            blobs_kept: blobs.len() - sent.blobs,
            activated: false,
            changed: false,
            seq: None,
            effective_within_secs: None,
            dry_run: options.extent == Extent::DryRun,
            warnings: prepared.warnings.clone(),
            notes: prepared.notes.clone(),
            seconds: 0.0,
        }
    }
}

/// Whether the site exists; with a site's own token it does.
fn has_site(client: &Client, site: &SiteName) -> Result<bool, Failure> {
    if !client.is_root() {
        return Ok(true);
    }
    client.find::<Value>(&format!("/sites/{site}")).map(|found| found.is_some())
}

/// The upstreams that the server refuses; one that does not tell which refuses them itself.
fn not_allowed(upstreams: &[Located<Upstream>], allowed: Option<&[String]>) -> Vec<Problem> {
    let Some(allowed) = allowed else { return Vec::new() };
    let refused = |at: &&Located<Upstream>| !allowed.contains(&at.rule.to_string());
    let problem = |at: &Located<Upstream>| Problem {
        path: None,
        file: Some(at.file.clone()),
        line: Some(at.line as usize),
        message: format!("this server does not allow the upstream {}", at.rule),
        hint: format!(
            "ask the operator to add it to ALLOWED_ORIGINS (for `make dev`, with the line \
             ALLOWED_ORIGINS={} in .dev.vars), or name another",
            at.rule
        ),
    };
    upstreams.iter().filter(refused).map(problem).collect()
}

fn lost_race(failure: Failure, winner: &Value, options: &PublishOptions) -> Failure {
    let who = winner["by"].as_str().unwrap_or("another token");
    let what = winner["deployment"].as_str().unwrap_or("another deployment");
    let mut lost = Failure::refused(
        "lost-race",
        format!("{} was changed meanwhile: {who} made {what} live there", options.stage),
        "look at what is live now, then publish again; or --force to put this one in its place",
    );
    lost.why = Some("what is served is the winner's deployment, whole; yours is stored".into());
    lost.detail = failure.detail;
    lost
}

/// Whether a folder can be looked at, so that a wrong name is told before anything else.
pub fn check_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let hint = "name the folder that holds the built site";
    Err(Failure::refused("invalid-folder", format!("{} is no folder", folder.display()), hint))
}
