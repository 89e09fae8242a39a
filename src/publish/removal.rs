//! Takedowns, and the deletion of deployments and sites.

use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::publish::client::Client;
use crate::publish::failure::{Failure, Problem};
use crate::site::api::{DeletionStep, TakenDown};
use crate::site::ids::{DeploymentId, SiteName};
use crate::site::records::takedown::TakedownPath;
use crate::wire::query;

/// Maximum pause between two calls of a deletion, so that progress is shown.
const PAUSE_SECS_MAX: u64 = 5;

/// A takedown that was undone, or a deployment that was forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Removed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default)]
    pub effective_within_secs: u64,
}

pub fn take_down(client: &Client, site: &SiteName, path: &str) -> Result<TakenDown, Failure> {
    let path = parsed(path)?.to_text();
    client.send("POST", &format!("/sites/{site}/takedowns"), &json!({ "path": path }))
}

pub fn undo(client: &Client, site: &SiteName, path: &str) -> Result<Removed, Failure> {
    let path = parsed(path)?.to_text();
    let call = format!("/sites/{site}/takedowns?path={}", query::encode(&path));
    let mut removed = delete(client, &call)?;
    removed.path = Some(path);
    Ok(removed)
}

pub fn takedowns(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.get(&format!("/sites/{site}/takedowns"))
}

pub fn forget(client: &Client, site: &SiteName, id: &DeploymentId) -> Result<Removed, Failure> {
    let mut removed = delete(client, &format!("/sites/{site}/deployments/{id}"))?;
    removed.deployment = Some(id.clone());
    Ok(removed)
}

/// Deletes a site in several calls. An interrupted deletion can be continued.
pub fn delete_site(
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

/// Returns a warning for each takedown that hides files of a deployment.
pub fn warnings<'a>(
    takedowns: &[TakedownPath],
    site: &SiteName,
    files: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Problem> {
    let warning = |path: &TakedownPath| {
        let text = path.to_text();
        let mut hidden = files.clone().filter(|file| path.hides(file));
        let first = hidden.next()?;
        let message = match hidden.count() {
            0 => format!("taken down as {text}: the deployment's address does not show it"),
            more => format!(
                "taken down as {text}, with {more} more: the deployment's address does not show them"
            ),
        };
        let hint = format!("to show it again: selvedge takedown --site {site} --undo '{text}'");
        Some(Problem::of_path(first, message, hint))
    };
    takedowns.iter().filter_map(warning).collect()
}

fn delete(client: &Client, call: &str) -> Result<Removed, Failure> {
    match client.delete(call)? {
        Some(answer) => client.parse(call, &answer.body),
        None => {
            let effective_within_secs = client.server()?.live_bound_secs;
            Ok(Removed { deployment: None, path: None, effective_within_secs })
        }
    }
}

fn parsed(path: &str) -> Result<TakedownPath, Failure> {
    let hint = "write it as /private/report.pdf, or /private/* for a folder: no host, no query";
    TakedownPath::parse(path)
        .ok_or_else(|| Failure::refused("bad-path", format!("{path:?} is not a path"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_per_takedown() {
        let site = SiteName::parse("www").unwrap();
        let takedowns = ["/about", "/private/*", "/none", "/a%20b"];
        let takedowns = takedowns.map(|text| TakedownPath::parse(text).unwrap());
        let files = ["/a b", "/about.html", "/private/a", "/private/b", "/x"];
        let found = warnings(&takedowns, &site, files.into_iter());
        let paths: Vec<_> = found.iter().map(|warning| warning.path.as_deref().unwrap()).collect();
        assert_eq!(paths, ["/about.html", "/private/a", "/a b"]);
        assert!(found[1].message.contains("1 more"), "{}", found[1].message);
        assert!(found[2].hint.ends_with("--undo '/a%20b'"), "{}", found[2].hint);
        assert_eq!(warnings(&[], &site, files.into_iter()), []);
    }
}
