//! `selvedge sites`.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::args::{DeleteSiteArgs, SitesAction};
use crate::cli::confirm::confirm;
use crate::cli::output::Output;
use crate::cli::progress::ProgressDisplay;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::progress::Progress;
use crate::publish::text::counted;
use crate::site::api::DeletionStep;
use crate::site::ids::SiteName;

/// How often progress is shown while a large site is deleted: every ten thousand blobs on R2.
const CALLS_PER_NOTE: u64 = 10;
/// Maximum pause between two calls of a deletion, so that progress is shown.
const PAUSE_SECS_MAX: u64 = 5;

pub fn run(
    action: Option<&SitesAction>,
    client: &Client,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    match action {
        None | Some(SitesAction::List) => {
            Ok(Output::list(client.get("/sites")?, "sites", &["site"]))
        }
        Some(SitesAction::Create { name }) => {
            let json = client.send("PUT", &format!("/sites/{name}"), &json!({}))?;
            Ok(Output { json, text: format!("{name} exists\n") })
        }
        Some(SitesAction::Show { name }) => {
            let json: Value = client.get(&format!("/sites/{name}"))?;
            let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
            Ok(Output { json, text })
        }
        Some(SitesAction::Delete(args)) => delete(args, client, progress),
    }
}

fn delete(
    args: &DeleteSiteArgs,
    client: &Client,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    let DeleteSiteArgs { name, yes, allow_default } = args;
    if !yes {
        let site = client.get(&format!("/sites/{name}"))?;
        confirm(&effect(name, &site, client.server()?.live_bound_secs), "Delete it?")?;
    }
    let (mut phase, mut calls, mut count) = (String::new(), 0_u64, 0);
    let mut report = |step: &DeletionStep| {
        if step.phase != phase {
            (calls, count) = (0, 0);
            phase.clone_from(&step.phase);
            match step.phase.as_str() {
                "waiting" => progress.note(&waiting(step.wait_secs)),
                _ if step.done => {}
                phase => progress.note(&format!("deleting {phase}")),
            }
        }
        (calls, count) = (calls + 1, count + step.deleted);
        if calls % CALLS_PER_NOTE == 0 && count > 0 {
            progress.note(&format!("deleting {phase}: {count} so far"));
        }
    };
    let deleted = delete_all(client, name, *allow_default, &mut report)?;
    let json = json!({"site": name, "deleted": true, "things": deleted});
    Ok(Output { json, text: format!("{name} is deleted\n") })
}

/// Deletes a site in several calls, and returns the number of things deleted. An interrupted
/// deletion can be continued.
fn delete_all(
    client: &Client,
    site: &SiteName,
    allow_default: bool,
    report: &mut dyn FnMut(&DeletionStep),
) -> Result<u64, Failure> {
    let query = if allow_default { "?allow_default=true" } else { "" };
    let call = format!("/sites/{site}{query}");
    let (mut deleted, mut has_begun) = (0, false);
    loop {
        let answer = match client.delete(&call) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(deleted),
            // The answer to the last call was lost.
            Err(failure) if has_begun && &*failure.code == "not-found" => return Ok(deleted),
            Err(failure) => return Err(failure),
        };
        let step: DeletionStep = client.parse(&call, &answer.body)?;
        has_begun = true;
        deleted += step.deleted;
        report(&step);
        if step.done {
            return Ok(deleted);
        }
        thread::sleep(Duration::from_secs(step.wait_secs.min(PAUSE_SECS_MAX)));
    }
}

fn waiting(seconds: u64) -> String {
    format!(
        "everything is deleted; the name is free in {seconds} s, when no worker can still serve the \
         site (Ctrl-C is safe; run this again to finish)"
    )
}

fn effect(name: &SiteName, site: &Value, seconds: u64) -> String {
    let count = |member: &str, noun: &str| {
        let count = match &site[member] {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        counted(count, noun)
    };
    format!(
        "This deletes the site {name}: {}, {}, {},\nall deployments, objects and keys. Within \
         {seconds} s none of it is served. This can't be undone.\n",
        count("stages", "stage"),
        count("hosts", "custom hostname"),
        count("tokens", "token"),
    )
}
