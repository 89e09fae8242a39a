//! `selvedge takedown`.

use std::fmt::Write;

use serde_json::json;

use crate::cli::args::TakedownArgs;
use crate::cli::confirm::confirm;
use crate::cli::output::{Output, in_force, time};
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::removal;
use crate::site::api::TakenDown;
use crate::site::ids::{SiteName, StageName};
use crate::site::records::takedown::Takedown;

pub fn run(args: &TakedownArgs, client: &Client, site: &SiteName) -> Result<Output, Failure> {
    let Some(path) = &args.path else {
        let json = removal::takedowns(client, site)?;
        return Ok(Output::list(json, "takedowns", &["path", "at_ms", "by"]));
    };
    if args.undo {
        let undone = removal::undo(client, site, path)?;
        let shown = undone.path.clone().unwrap_or_default();
        let text = format!("{shown} is shown again\n{}", in_force(undone.effective_within_secs));
        return Ok(Output { json: json!(undone), text });
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
    Ok(Output { json: json!(taken_down), text: summary(&taken_down, site) })
}

fn summary(taken_down: &TakenDown, site: &SiteName) -> String {
    let TakenDown { takedown, changed, live_on, unchecked, .. } = taken_down;
    let Takedown { path, at_ms, by } = takedown;
    let path = path.to_text();
    let mut text = match changed {
        true => format!("{path} is taken down\n"),
        false => format!("{path} was taken down already, by {by} on {}\n", time(at_ms.0)),
    };
    text.push_str(&in_force(taken_down.effective_within_secs));
    let names =
        |stages: &[StageName]| stages.iter().map(StageName::as_str).collect::<Vec<_>>().join(", ");
    if !live_on.is_empty() {
        let stages = names(live_on);
        let _ = writeln!(text, "  STILL SERVED live on {stages}: publish without the file");
    }
    if !unchecked.is_empty() {
        let stages = names(unchecked);
        let _ = writeln!(text, "  {stages} may serve it live: too large to search, so look there");
    }
    let _ = writeln!(text, "  to show it again: selvedge takedown --site {site} --undo '{path}'");
    text
}
