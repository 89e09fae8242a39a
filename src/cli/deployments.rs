//! `selvedge deployments`, `promote` and `rollback`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::cli::args::{DeploymentsAction, DeploymentsArgs};
use crate::cli::confirm::confirm;
use crate::cli::output::{Output, in_force, table, time};
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::api::{Activated, StageView};
use crate::site::ids::{DeploymentId, SiteName, StageName};

#[derive(Deserialize)]
struct Stages {
    stages: BTreeMap<StageName, StageView>,
}

pub fn run(args: &DeploymentsArgs, client: &Client, site: &SiteName) -> Result<Output, Failure> {
    let stage = match &args.action {
        Some(DeploymentsAction::Forget { .. }) if args.stage.is_some() => {
            let hint = "leave out --stage";
            return Err(Failure::refused("usage", "forgetting is not limited to a stage", hint));
        }
        Some(DeploymentsAction::Forget { id, yes }) => return forget(client, site, id, *yes),
        Some(DeploymentsAction::List { stage }) => stage.as_ref().or(args.stage.as_ref()),
        None => args.stage.as_ref(),
    };
    let stages: Vec<StageView> = match stage {
        Some(stage) => client.live(site, stage)?.into_iter().collect(),
        None => {
            let found: Stages = client.get(&format!("/sites/{site}/deployments"))?;
            found.stages.into_values().collect()
        }
    };
    let by_stage = stages.iter().map(|live| (live.stage.to_string(), json!(live)));
    let by_stage: serde_json::Map<_, _> = by_stage.collect();
    let json = json!({"site": site, "stages": by_stage});
    Ok(Output { json, text: list(&stages) })
}

pub fn promote(
    client: &Client,
    site: &SiteName,
    from: &StageName,
    to: &StageName,
) -> Result<Output, Failure> {
    let body = json!({"from": from, "to": to});
    Ok(activated(&client.send("POST", &format!("/sites/{site}/promote"), &body)?))
}

/// Returns a stage to a deployment, or to the previous one.
pub fn roll_back(
    client: &Client,
    site: &SiteName,
    stage: &StageName,
    deployment: Option<&DeploymentId>,
) -> Result<Output, Failure> {
    let target = match deployment {
        Some(deployment) => deployment.clone(),
        // With an explicit target, a retry does not go back twice.
        None => previous(client, site, stage)?,
    };
    let path = format!("/sites/{site}/stages/{stage}/rollback");
    Ok(activated(&client.send("POST", &path, &json!({ "deployment": target }))?))
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

fn forget(
    client: &Client,
    site: &SiteName,
    id: &DeploymentId,
    yes: bool,
) -> Result<Output, Failure> {
    if !yes {
        let seconds = client.server()?.live_bound_secs;
        let effect = format!(
            "This removes the deployment {id} of {site}. Within {seconds} s its address stops \
             working,\nstages no longer serve files that only it has, and no rollback can return \
             to it.\n"
        );
        confirm(&effect, "Forget it?")?;
    }
    let seconds = client.remove(&format!("/sites/{site}/deployments/{id}"))?;
    let json = json!({"deployment": id, "effective_within_secs": seconds});
    Ok(Output { json, text: format!("{id} is forgotten\n{}", in_force(seconds)) })
}

fn activated(activated: &Activated) -> Output {
    let Activated { live, changed, effective_within_secs } = activated;
    let verb = if *changed { "now serves" } else { "already served" };
    let mut text = format!("{} {verb} {} (seq {})\n", live.stage, live.deployment, live.seq);
    if !live.url.is_empty() {
        text.push_str(&format!("  {}\n", live.url));
    }
    if *changed && *effective_within_secs > 0 {
        text.push_str(&in_force(*effective_within_secs));
    }
    Output { json: json!(activated), text }
}

fn list(stages: &[StageView]) -> String {
    if stages.is_empty() {
        return "nothing is published yet\n".into();
    }
    let titles = ["STAGE", "DEPLOYMENT", "STATE", "LIVE FROM", "UNTIL", "BY"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for live in stages {
        rows.push(vec![
            live.stage.to_string(),
            live.deployment.to_string(),
            format!("live, {} (seq {})", live.kind.as_str(), live.seq),
            time(live.activated_ms.0),
            String::new(),
            live.by.clone(),
        ]);
        for retained in &live.retained {
            let state = if retained.rolled_back { "rolled back" } else { "retained" };
            rows.push(vec![
                String::new(),
                retained.deployment.to_string(),
                state.into(),
                time(retained.activated_ms.0),
                time(retained.superseded_ms.0),
            ]);
        }
    }
    table(&rows)
}
