//! `selvedge takedown`.

use std::fmt::Write;

use serde_json::json;

use crate::cli::args::TakedownArgs;
use crate::cli::confirm::confirm;
use crate::cli::output::{Output, in_force, time};
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::api::TakenDown;
use crate::site::ids::{SiteName, StageName};
use crate::site::records::takedown::{Takedown, TakedownPath};
use crate::wire::query;

pub fn run(args: &TakedownArgs, client: &Client, site: &SiteName) -> Result<Output, Failure> {
    let list = &format!("/sites/{site}/takedowns");
    let Some(path) = &args.path else {
        return Ok(Output::list(client.get(list)?, "takedowns", &["path", "at_ms", "by"]));
    };
    if args.undo {
        let path = normal(path)?;
        let seconds = client.remove(&format!("{list}?path={}", query::encode(&path)))?;
        let text = format!("{path} is shown again\n{}", in_force(seconds));
        return Ok(Output { json: json!({"path": path, "effective_within_secs": seconds}), text });
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
    let taken_down = client.send("POST", list, &json!({ "path": normal(path)? }))?;
    Ok(Output { json: json!(taken_down), text: summary(&taken_down, site) })
}

/// Returns the text form of a path to take down.
fn normal(path: &str) -> Result<String, Failure> {
    let hint = "write it as /private/report.pdf, or /private/* for a folder: no host, no query";
    let parsed = TakedownPath::parse(path)
        .ok_or_else(|| Failure::refused("bad-path", format!("{path:?} is not a path"), hint))?;
    Ok(parsed.to_text())
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
