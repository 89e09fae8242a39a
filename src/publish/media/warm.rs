//! Makes renditions ahead, so that no visitor waits for them.
//!
//! Requests go to the deployment's own address: a stage may serve the previous deployment for the
//! bound of its live record. The key of a rendition has no hostname, so the stage finds what was
//! made. What is there already is not made again, so a run that was interrupted continues.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::json;

use crate::publish::client::Client;
use crate::publish::client::visitor::{Visit, Visitor};
use crate::publish::clock;
use crate::publish::failure::{Failure, Problem};
use crate::publish::live_files::LiveFiles;
use crate::publish::media::access::{access, check_enabled, parse_key};
use crate::publish::media::selection::{Choice, Selected, images, select, shapes};
use crate::publish::parallel::in_flight;
use crate::publish::progress::{Progress, Unit};
use crate::publish::text::counted;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::media::address::PREFIX;
use crate::site::media::signature::SigningKey;
use crate::wire::host::Hostname;
use crate::wire::{path, url};

/// Number of renditions that may fail in a row, each after all of its retries, before the command
/// gives up: the media worker is down then.
const FAILURES_MAX: u32 = 8;
const STAYS: &str = "run it again for the rest: what was made stays";

#[derive(Debug, Clone)]
pub struct WarmOptions {
    pub site: SiteName,
    pub stage: StageName,
    pub choice: Choice,
    pub is_dry_run: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Warmed {
    pub site: SiteName,
    pub stage: StageName,
    pub deployment: DeploymentId,
    pub images: usize,
    pub renditions: usize,
    pub made: usize,
    /// Renditions that were there before.
    pub kept: usize,
    pub dry_run: bool,
    /// Of a dry run only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    pub seconds: f64,
}

/// A request that makes a rendition.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub url: String,
    pub accept: &'static str,
}

enum Outcome {
    Made,
    Kept,
    Missed(Missed),
}

/// A rendition that could not be made.
#[derive(Debug, Clone)]
struct Missed {
    path: String,
    /// The query, and the format that was asked for.
    shape: String,
    reason: String,
    /// Whether another run may make it.
    is_passing: bool,
}

/// The address of a deployment.
struct Address<'a> {
    origin: &'a str,
    host: Hostname,
    /// Signed requests are not rate limited. Without a key, the client waits as it is told.
    key: Option<SigningKey>,
}

pub fn warm(
    options: &WarmOptions,
    client: &Client,
    progress: &dyn Progress,
) -> Result<Warmed, Failure> {
    let started = clock::now();
    let WarmOptions { site, stage, choice, is_dry_run } = options;
    let access = access(client, site)?;
    check_enabled(&access)?;
    let live = client.live(site, stage)?.ok_or_else(|| {
        let hint = format!("publish first: selvedge publish FOLDER --site {site} --stage {stage}");
        Failure::refused("not-found", format!("nothing is published on {stage}"), hint)
    })?;
    let files = LiveFiles::read(client, site, &live.deployment, &[])?;
    let config = files.manifest.head().config.media.as_ref().ok_or_else(|| {
        let hint = "add a [media] table to selvedge.toml, and publish";
        Failure::refused("no-media", format!("{stage} of {site} has no [media] table"), hint)
    })?;
    let shapes = shapes(config, choice)?;
    let images = images(&files, choice)?;
    let selected = select(&images, &shapes);
    let key = access.key.as_deref().map(parse_key).transpose()?;
    let address = Address::parse(&live.deployment_url, key)?;
    let mut warmed = Warmed {
        site: site.clone(),
        stage: stage.clone(),
        deployment: live.deployment.clone(),
        images: images.len(),
        renditions: selected.len(),
        made: 0,
        kept: 0,
        dry_run: *is_dry_run,
        requests: Vec::new(),
        seconds: 0.0,
    };
    if *is_dry_run {
        warmed.requests = selected.iter().map(|one| address.request(one)).collect();
        return Ok(warmed);
    }
    let missed = make(&mut warmed, &selected, &address, client, progress)?;
    warmed.seconds = started.elapsed().as_secs_f64();
    if missed.is_empty() { Ok(warmed) } else { Err(incomplete(&warmed, &missed)) }
}

/// Makes the renditions, counts them, and returns those that could not be made.
fn make(
    warmed: &mut Warmed,
    selected: &[Selected<'_>],
    address: &Address<'_>,
    client: &Client,
    progress: &dyn Progress,
) -> Result<Vec<Missed>, Failure> {
    let visitor = client.visitor(address.origin);
    let step = progress.step("making", selected.len() as u64, Unit::Renditions);
    let failures = AtomicU32::new(0);
    let outcomes = in_flight(selected, |one| {
        let target = address.target(one);
        let visit = visitor.head(&target, one.shape.format.accept())?;
        step.advance(1);
        if !visit.is_passing() {
            failures.store(0, Ordering::Relaxed);
        } else if failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
            return Err(down(&visit));
        }
        Ok(outcome(one, &visit, &visitor, &target))
    })?;
    let mut missed = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Made => warmed.made += 1,
            Outcome::Kept => warmed.kept += 1,
            Outcome::Missed(one) => missed.push(one),
        }
    }
    Ok(missed)
}

fn outcome(one: &Selected<'_>, visit: &Visit, visitor: &Visitor, target: &str) -> Outcome {
    let Selected { path, shape } = one;
    let is_said = |word| visit.cache_status.split(';').any(|part| part.trim() == word);
    let reason = match visit.status {
        200..=299 if is_said("detail=original") => "the server sent the original".to_owned(),
        200..=299 if is_said("hit") => return Outcome::Kept,
        200..=299 => return Outcome::Made,
        404 => "404: it is not served at the deployment's address; is it taken down?".to_owned(),
        status if visit.is_passing() => format!("{status}: {}", visit.cache_status),
        status => match visitor.reason(target, shape.format.accept()) {
            Some(text) => format!("{status}: {text}"),
            None => status.to_string(),
        },
    };
    Outcome::Missed(Missed {
        path: (*path).to_owned(),
        shape: format!("{} ({})", shape.query, shape.format.word()),
        reason,
        is_passing: visit.is_passing() || visit.status < 300,
    })
}

impl<'a> Address<'a> {
    fn parse(text: &'a str, key: Option<SigningKey>) -> Result<Self, Failure> {
        let wrong = || {
            let hint = "use the command line of the server's version";
            Failure::failed("bad-answer", format!("the server named no address: {text:?}"), hint)
        };
        let authority = url::split(text).map_err(|_| wrong())?.authority;
        let host = Hostname::parse(authority).map_err(|_| wrong())?;
        Ok(Self { origin: text.trim_end_matches('/'), host, key })
    }

    fn target(&self, one: &Selected<'_>) -> String {
        let path = path::encode(&[PREFIX.trim_end_matches('/'), one.path].concat());
        let query = &one.shape.query;
        match &self.key {
            Some(key) => {
                let signature = key.sign(self.host.as_str(), &path, query);
                format!("{path}?{query}&s={signature}")
            }
            None => format!("{path}?{query}"),
        }
    }

    fn request(&self, one: &Selected<'_>) -> Request {
        let url = format!("{}{}", self.origin, self.target(one));
        Request { url, accept: one.shape.format.accept() }
    }
}

fn down(visit: &Visit) -> Failure {
    let message = format!("the server makes no renditions now: it answers {}", visit.status);
    let seen = format!("Cache-Status: {}", visit.cache_status);
    Failure::failed("unavailable", message, STAYS).because(seen)
}

fn incomplete(warmed: &Warmed, missed: &[Missed]) -> Failure {
    let of_all = counted(warmed.renditions, "rendition");
    let message = format!("{} of {of_all} could not be made", missed.len());
    let mut failure = match missed.iter().any(|one| one.is_passing) {
        true => Failure::failed("not-made", message, STAYS),
        false => {
            let hint = "change these images, or leave them out: --path '!/photo.jpg'";
            Failure::refused("not-made", message, hint)
        }
    };
    failure.problems = problems(missed);
    failure.detail = Some(json!({ "made": warmed.made, "kept": warmed.kept }).into());
    failure
}

/// Returns one problem for each image and reason.
fn problems(missed: &[Missed]) -> Vec<Problem> {
    let mut grouped: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Missed { path, shape, reason, .. } in missed {
        grouped.entry((path, reason)).or_default().push(shape);
    }
    let problem = |((path, reason), shapes): ((&str, &str), Vec<&str>)| {
        let first = shapes.first().copied().unwrap_or_default();
        let message = match shapes.len() {
            0 | 1 => format!("{first}: {reason}"),
            count => format!("{first} and {} more: {reason}", count - 1),
        };
        Problem::of_path(path, message, "")
    };
    grouped.into_iter().map(problem).collect()
}
