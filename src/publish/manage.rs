//! Manages deployments, sites, tokens, keys and hostnames, and purges caches.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::api::{Activated, Purged, StageView};
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::records::ban::BanScope;
use crate::site::records::site::Scope;

#[derive(Deserialize)]
struct Stages {
    stages: BTreeMap<StageName, StageView>,
}

/// Returns the live records of all stages, or of one.
pub fn deployments(
    client: &Client,
    site: &SiteName,
    stage: Option<&StageName>,
) -> Result<Vec<StageView>, Failure> {
    match stage {
        Some(stage) => Ok(client.live(site, stage)?.into_iter().collect()),
        None => {
            let found: Stages = client.get(&format!("/sites/{site}/deployments"))?;
            Ok(found.stages.into_values().collect())
        }
    }
}

pub fn promote(
    client: &Client,
    site: &SiteName,
    from: &StageName,
    to: &StageName,
) -> Result<Activated, Failure> {
    client.send("POST", &format!("/sites/{site}/promote"), &json!({"from": from, "to": to}))
}

/// Returns a stage to a deployment, or to the previous one.
pub fn roll_back(
    client: &Client,
    site: &SiteName,
    stage: &StageName,
    deployment: Option<&DeploymentId>,
) -> Result<Activated, Failure> {
    let target = match deployment {
        Some(deployment) => deployment.clone(),
        // With an explicit target, a retry does not go back twice.
        None => previous(client, site, stage)?,
    };
    let path = format!("/sites/{site}/stages/{stage}/rollback");
    client.send("POST", &path, &json!({ "deployment": target }))
}

fn previous(client: &Client, site: &SiteName, stage: &StageName) -> Result<DeploymentId, Failure> {
    let hint = "`selvedge deployments` lists all deployments";
    let live = client.live(site, stage)?.ok_or_else(|| {
        Failure::refused("not-found", format!("nothing has been published to {stage}"), hint)
    })?;
    let target = live.retained.into_iter().find(|retained| !retained.rolled_back);
    target.map(|retained| retained.deployment).ok_or_else(|| {
        Failure::refused("not-found", format!("{stage} has no deployment to return to"), hint)
    })
}

pub fn purge(
    client: &Client,
    site: &SiteName,
    stage: &StageName,
    scope: &BanScope,
) -> Result<Purged, Failure> {
    let mut body = match scope {
        BanScope::All => json!({ "all": true }),
        scope => json!(scope),
    };
    body["stage"] = json!(stage);
    client.send("POST", &format!("/sites/{site}/purge"), &body)
}

pub fn sites(client: &Client) -> Result<Value, Failure> {
    client.get("/sites")
}

pub fn site(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.get(&format!("/sites/{site}"))
}

pub fn create_site(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.send("PUT", &format!("/sites/{site}"), &json!({}))
}

pub fn tokens(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.get(&format!("/sites/{site}/tokens"))
}

/// Creates a token. Only the answer contains its text.
pub fn create_token(
    client: &Client,
    site: &SiteName,
    name: &str,
    scopes: &[Scope],
    expires_secs: Option<u64>,
) -> Result<Value, Failure> {
    let path = format!("/sites/{site}/tokens");
    let body = json!({"name": name, "scopes": scopes, "expires_secs": expires_secs});
    client.send_once("POST", &path, &body)
}

pub fn revoke_token(client: &Client, site: &SiteName, id: &str) -> Result<(), Failure> {
    client.delete(&format!("/sites/{site}/tokens/{}", segment(id)?)).map(drop)
}

pub fn keys(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.get(&format!("/sites/{site}/keys"))
}

/// Creates a key. Only the answer contains its text.
pub fn create_key(
    client: &Client,
    site: &SiteName,
    name: &str,
    expires_secs: Option<u64>,
) -> Result<Value, Failure> {
    let body = json!({"name": name, "expires_secs": expires_secs});
    client.send_once("POST", &format!("/sites/{site}/keys"), &body)
}

pub fn revoke_key(client: &Client, site: &SiteName, id: &str) -> Result<(), Failure> {
    client.delete(&format!("/sites/{site}/keys/{}", segment(id)?)).map(drop)
}

pub fn hosts(client: &Client, site: &SiteName) -> Result<Value, Failure> {
    client.get(&format!("/sites/{site}/hosts"))
}

pub fn add_host(
    client: &Client,
    site: &SiteName,
    host: &str,
    stage: &StageName,
) -> Result<Value, Failure> {
    let path = format!("/sites/{site}/hosts/{}", segment(host)?);
    client.send("PUT", &path, &json!({ "stage": stage }))
}

pub fn remove_host(client: &Client, site: &SiteName, host: &str) -> Result<(), Failure> {
    client.delete(&format!("/sites/{site}/hosts/{}", segment(host)?)).map(drop)
}

/// Checks that a text can be one segment of a path.
fn segment(text: &str) -> Result<&str, Failure> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !text.is_empty() && text.bytes().all(is_plain) && !text.starts_with('.') {
        return Ok(text);
    }
    let hint = "use letters, digits, hyphens, dots and underscores only";
    Err(Failure::refused("bad-name", format!("{text:?} is not a valid name"), hint))
}
