//! `selvedge takedown`, `deployments forget` and `sites delete`: taking things away, after asking.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::publish::client::Client;
use crate::publish::confirm::confirm;
use crate::publish::failure::Failure;
use crate::publish::progress::Progress;
use crate::publish::removal;
use crate::publish::{manage, output};
use crate::site::api::DeletionStep;
use crate::site::ids::{DeploymentId, SiteName, StageName};

use crate::cli::{Printed, listed};

pub const TAKEDOWN_HELP: &str = "\
A takedown hides a published file on deployment addresses, and among the files of earlier
deployments that still work. It does not change what stages serve now: publish without the file, and
then take it down. It lasts until it is undone, whatever is published.

`/about` also hides /about.html and /about/index.html; `/private/*` hides a whole folder.
Copies that browsers have of files marked `immutable` can't be recalled.

Examples:
  selvedge takedown /Invoice2024.pdf --site www
  selvedge takedown '/private/*' --site www --yes
  selvedge takedown --undo /Invoice2024.pdf --site www
  selvedge takedown --list --site www";

/// How often progress is shown while a large site is deleted: every ten thousand blobs on R2.
const CALLS_PER_NOTE: u64 = 10;

#[derive(Args)]
pub struct TakedownArgs {
    /// The path, as in a URL, or a folder such as /private/*.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    path: Option<String>,
    /// Show the path again.
    #[arg(long, conflicts_with = "list")]
    undo: bool,
    /// List what is taken down.
    #[arg(long)]
    list: bool,
    /// Don't ask.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args)]
pub struct DeploymentsArgs {
    /// Only this stage.
    #[arg(long)]
    stage: Option<StageName>,
    #[command(subcommand)]
    action: Option<DeploymentsAction>,
}

#[derive(Subcommand)]
enum DeploymentsAction {
    /// List what stages serve and served.
    List {
        /// Only this stage.
        #[arg(long)]
        stage: Option<StageName>,
    },
    /// Make a deployment's address and its retained files stop working.
    Forget {
        /// The deployment, as listed.
        id: DeploymentId,
        /// Don't ask.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct DeleteSiteArgs {
    /// Its name.
    name: SiteName,
    /// Don't ask.
    #[arg(long, short)]
    yes: bool,
    /// Delete it even if it is the server's DEFAULT_SITE.
    #[arg(long)]
    allow_default: bool,
}

pub fn deployments(
    client: &Client,
    site: &SiteName,
    args: &DeploymentsArgs,
) -> Result<Printed, Failure> {
    let stage = match &args.action {
        Some(DeploymentsAction::Forget { .. }) if args.stage.is_some() => {
            let hint = "leave out --stage";
            return Err(Failure::refused("usage", "a deployment is forgotten by all stages", hint));
        }
        Some(DeploymentsAction::Forget { id, yes }) => return forget(client, site, id, *yes),
        Some(DeploymentsAction::List { stage }) => stage.as_ref().or(args.stage.as_ref()),
        None => args.stage.as_ref(),
    };
    let stages = manage::deployments(client, site, stage)?;
    let by_stage = stages.iter().map(|live| (live.stage.to_string(), json!(live)));
    let by_stage: serde_json::Map<_, _> = by_stage.collect();
    let json = json!({"site": site, "stages": by_stage});
    Ok(Printed { json, text: output::deployments(&stages) })
}

fn forget(
    client: &Client,
    site: &SiteName,
    id: &DeploymentId,
    yes: bool,
) -> Result<Printed, Failure> {
    if !yes {
        let seconds = client.server()?.live_bound_secs;
        let effect = format!(
            "This forgets the deployment {id} of {site}. Within {seconds} s its own address stops \
             working,\nand stages no longer serve files that only it has. A rollback can't return \
             to it.\n"
        );
        confirm(&effect, "Forget it?")?;
    }
    let forgotten = removal::forget(client, site, id)?;
    let in_force = output::in_force(forgotten.effective_within_secs);
    let text = format!("{id} is forgotten\n{in_force}");
    Ok(Printed { json: json!(forgotten), text })
}

pub fn takedown(client: &Client, site: &SiteName, args: &TakedownArgs) -> Result<Printed, Failure> {
    let Some(path) = &args.path else {
        let members = ["path", "at_ms", "by"];
        return removal::takedowns(client, site).map(|json| listed(json, "takedowns", &members));
    };
    if args.undo {
        let undone = removal::undo(client, site, path)?;
        let shown = undone.path.clone().unwrap_or_default();
        let in_force = output::in_force(undone.effective_within_secs);
        return Ok(Printed {
            json: json!(undone),
            text: format!("{shown} is shown again\n{in_force}"),
        });
    }
    if !args.yes {
        let seconds = client.server()?.live_bound_secs;
        let effect = format!(
            "This takes down {path} of {site}: within {seconds} s it is gone from deployment \
             addresses\nand from the files of earlier deployments. Stages go on serving it if \
             their live deployment has it.\n"
        );
        confirm(&effect, "Take it down?")?;
    }
    let taken_down = removal::take_down(client, site, path)?;
    Ok(Printed { json: json!(taken_down), text: output::taken_down(&taken_down, site) })
}

pub fn delete_site(
    client: &Client,
    args: &DeleteSiteArgs,
    progress: Progress,
) -> Result<Printed, Failure> {
    let DeleteSiteArgs { name, yes, allow_default } = args;
    if !yes {
        let shown = manage::site(client, name)?;
        confirm(&effect_of_deleting(name, &shown, client.server()?.live_bound_secs), "Delete it?")?;
    }
    let (mut phase, mut calls, mut count) = (String::new(), 0_u64, 0);
    let mut report = |step: &DeletionStep| {
        if step.phase != phase {
            (calls, count) = (0, 0);
            phase.clone_from(&step.phase);
            match step.phase.as_str() {
                "waiting" => progress.note(&waiting(step.wait_secs)),
                _ if step.done => {}
                what => progress.note(&format!("deleting {what}")),
            }
        }
        (calls, count) = (calls + 1, count + step.deleted);
        if calls % CALLS_PER_NOTE == 0 && count > 0 {
            progress.note(&format!("deleting {phase}: {count} so far"));
        }
    };
    let deleted = removal::delete_site(client, name, *allow_default, &mut report)?;
    let json = json!({"site": name, "deleted": true, "things": deleted});
    Ok(Printed { json, text: format!("{name} is deleted\n") })
}

fn waiting(seconds: u64) -> String {
    format!(
        "everything is deleted; the name is free in {seconds} s, when no worker can still serve the \
         site (Ctrl-C is safe; run this again to finish)"
    )
}

fn effect_of_deleting(name: &SiteName, site: &Value, seconds: u64) -> String {
    let count = |member: &str| match &site[member] {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    format!(
        "This deletes the site {name}: {}, {}, {},\nall deployments, objects and keys. Within \
         {seconds} s nothing of it is served. There is no way back.\n",
        output::count(count("stages"), "stage"),
        output::count(count("hosts"), "custom hostname"),
        output::count(count("tokens"), "token"),
    )
}
