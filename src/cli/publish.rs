//! `selvedge publish`.

use std::fmt::Write;

use crate::cli::args::PublishArgs;
use crate::cli::output::{Output, in_force, table};
use crate::cli::progress::ProgressDisplay;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::options::{CachePlace, Extent, OnLostRace, PublishOptions};
use crate::publish::progress::Progress;
use crate::publish::run::{self, Published};
use crate::publish::text::{bytes, counted};
use crate::site::ids::SiteName;

pub fn run(
    args: &PublishArgs,
    client: &Client,
    site: &SiteName,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    let options = PublishOptions {
        folder: args.folder.clone(),
        site: site.clone(),
        stage: args.stage.clone(),
        config_file: args.config.clone(),
        effort: args.effort,
        cache: if args.no_cache { CachePlace::Nowhere } else { CachePlace::User },
        allow_secrets: args.allow_secrets,
        extent: match (args.dry_run, args.no_activate) {
            (true, _) => Extent::DryRun,
            (false, true) => Extent::Commit,
            (false, false) => Extent::Activate,
        },
        on_lost_race: if args.force { OnLostRace::Replace } else { OnLostRace::Refuse },
    };
    let published = run::publish(&options, client, &progress)?;
    // Warnings are shown even with `--quiet`.
    published.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    published.notes.iter().for_each(|note| progress.note(&format!("note: {note}")));
    let json = serde_json::to_value(&published).unwrap_or_default();
    Ok(Output { json, text: summary(&published) })
}

fn summary(published: &Published) -> String {
    let Published { files, stage, site, seconds, .. } = published;
    let verb = match (published.dry_run, published.activated, published.changed) {
        (true, ..) => "Would publish",
        (false, false, _) => "Stored",
        (false, true, true) => "Published",
        (false, true, false) => "Already live:",
    };
    let size = bytes(published.bytes);
    let files = counted(*files, "file");
    let mut text = format!("{verb} {files} ({size}) of {site} in {seconds:.1} s\n");
    let deployment_url = published.deployment_url.clone().unwrap_or_default();
    let mut rows =
        vec![vec!["  deployment".to_owned(), published.deployment.to_string(), deployment_url]];
    if let Some(url) = &published.url {
        rows.push(vec!["  stage".to_owned(), stage.to_string(), url.clone()]);
    }
    text.push_str(&table(&rows));
    let (sent, kept) = (published.blobs_sent, published.blobs_kept);
    let _ = writeln!(text, "  {}", transfer(published.dry_run, sent, published.bytes_sent, kept));
    if published.fingerprinted > 0 {
        let count = counted(published.fingerprinted, "fingerprinted file");
        let _ = writeln!(text, "  {count}, cached by browsers for a year");
    }
    if let Some(seconds) = published.effective_within_secs.filter(|_| published.changed) {
        text.push_str(&in_force(seconds));
    }
    text
}

fn transfer(dry_run: bool, sent: usize, bytes_sent: u64, kept: usize) -> String {
    let done = if dry_run { "to send" } else { "sent" };
    let blobs = |count| counted(count, "blob");
    let size = bytes(bytes_sent);
    match (sent, kept) {
        (0, 0) => format!("nothing {done}"),
        (0, _) => format!("nothing {done}; {} already stored", blobs(kept)),
        (_, 0) => format!("{done} {} ({size})", blobs(sent)),
        (_, _) => format!("{done} {} ({size}); {kept} already stored", blobs(sent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers() {
        let rows = [
            (0, 0, true, "nothing to send"),
            (0, 1, false, "nothing sent; 1 blob already stored"),
            (0, 3, true, "nothing to send; 3 blobs already stored"),
            (1, 0, false, "sent 1 blob (1.5 kB)"),
            (2, 1, false, "sent 2 blobs (1.5 kB); 1 already stored"),
            (2, 9, true, "to send 2 blobs (1.5 kB); 9 already stored"),
        ];
        for (sent, kept, dry_run, expected) in rows {
            assert_eq!(transfer(dry_run, sent, 1_500, kept), expected);
        }
    }
}
