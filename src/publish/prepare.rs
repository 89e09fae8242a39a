//! Reads a folder and its configuration, and refuses it with all of its problems.

use std::path::Path;

use crate::publish::cache::{Cache, Spool};
use crate::publish::config::settings::Loaded;
use crate::publish::config::{self, not_found, public};
use crate::publish::failure::{Failure, Findings, Problem};
use crate::publish::ingest::{self, IngestOptions, IngestedFile};
use crate::publish::lint::{media, site, unreachable};
use crate::publish::media_types;
use crate::publish::options::PublishOptions;
use crate::publish::progress::Progress;
use crate::publish::scan;
use crate::site::action::Upstream;
use crate::site::api::Server;
use crate::site::source::diagnostic::Located;

/// A folder that can be published.
pub struct Folder {
    pub files: Vec<IngestedFile>,
    pub files_read: usize,
    pub loaded: Loaded,
    /// Warnings and notes.
    pub findings: Findings,
}

pub fn read(
    options: &PublishOptions,
    server: &Server,
    cache: &mut Cache,
    spool: &Spool,
    progress: &dyn Progress,
) -> Result<Folder, Failure> {
    let mut loaded = config::load(&options.folder, options.config_file.as_deref());
    let mut findings = loaded.findings();
    let scan = scan::scan(&options.folder, &loaded, server.limits.blob_bytes_max)?;
    findings.problems.extend(scan.problems);
    findings.warnings.extend(scan.warnings);
    let paths: Vec<&str> = scan.files.iter().map(|file| file.path.as_str()).collect();
    compare(&mut loaded, &paths, &mut findings);
    let allowed = server.allowed_origins.as_deref();
    findings.problems.extend(not_allowed(&loaded.upstreams, allowed));
    let typed = scan.files.into_iter().map(|file| {
        let media_type = media_types::by_extension(&file.path, &loaded.publish);
        (file, media_type)
    });
    let mut typed: Vec<_> = typed.collect();
    findings.warnings.extend(media_types::apply(&mut typed, &loaded.types));
    media::check(&loaded, &typed, &mut findings);
    let ingest_options = IngestOptions {
        effort: findings.problems.is_empty().then_some(options.effort),
        allow_secrets: options.allow_secrets,
        progress,
    };
    let ingested = ingest::ingest(typed, cache, spool, ingest_options)?;
    if let Err(cause) = cache.save() {
        progress.note(&format!("the cache can't be written, which only costs time: {cause}"));
    }
    findings.problems.extend(ingested.problems);
    if !findings.problems.is_empty() {
        return Err(Failure::invalid_folder(findings.problems));
    }
    let (files, files_read) = (ingested.files, ingested.files_read);
    site::check(&options.folder, &loaded, &files, &mut findings);
    Ok(Folder { files, files_read, loaded, findings })
}

/// Compares the configuration with the files, and completes it with defaults that depend on them.
fn compare(loaded: &mut Loaded, paths: &[&str], findings: &mut Findings) {
    not_found::settle_files(loaded, paths, findings);
    let redirects = &loaded.config.redirects;
    findings.warnings.extend(unreachable::by_redirects(redirects, paths, &loaded.redirects));
    findings.warnings.extend(unreachable::by_routes(&loaded.routes, redirects, paths));
    findings.notes.extend(public::note(&public::add(loaded, paths)));
}

/// Returns a problem for each upstream that the server refuses; an older server does not say.
fn not_allowed(upstreams: &[Located<Upstream>], allowed: Option<&[Upstream]>) -> Vec<Problem> {
    let Some(allowed) = allowed else { return Vec::new() };
    let refused = |at: &&Located<Upstream>| !allowed.contains(&at.rule);
    let problem = |at: &Located<Upstream>| {
        let upstream = &at.rule;
        let message = format!("this server does not allow the upstream {upstream}");
        let hint = format!(
            "ask the operator to add it to ALLOWED_ORIGINS (for `make dev`, the line \
             ALLOWED_ORIGINS={upstream} in .dev.vars), or use another upstream"
        );
        Problem::located(at, message, hint)
    };
    upstreams.iter().filter(refused).map(problem).collect()
}

pub fn check_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!("{} is not a folder", folder.display());
    Err(Failure::refused("invalid-folder", message, "name the folder that holds the built site"))
}
