//! `selvedge purge`.

use serde_json::json;

use crate::cli::args::{PurgeArgs, PurgeScope};
use crate::cli::output::{Output, in_force, time};
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::api::Purged;
use crate::site::ids::SiteName;
use crate::site::records::ban::{BanScope, BannedObject};

pub fn run(args: &PurgeArgs, client: &Client, site: &SiteName) -> Result<Output, Failure> {
    let PurgeScope { path, prefix, tag, collection, .. } = &args.scope;
    let scope = (path.clone().map(BanScope::Path))
        .or_else(|| prefix.clone().map(BanScope::Prefix))
        .or_else(|| tag.clone().map(BanScope::Tag))
        .or_else(|| collection.clone().map(BanScope::Collection));
    let mut body = scope.map_or(json!({ "all": true }), |scope| json!(scope));
    body["stage"] = json!(args.stage);
    let purged = client.send("POST", &format!("/sites/{site}/purge"), &body)?;
    Ok(Output { json: json!(purged), text: summary(&purged) })
}

fn summary(purged: &Purged) -> String {
    let scope = match &purged.scope {
        BanScope::All => "everything".to_owned(),
        BanScope::Path(path) => path.clone(),
        BanScope::Prefix(prefix) => format!("all paths that begin with {prefix}"),
        BanScope::Tag(tag) => format!("everything tagged {tag}"),
        BanScope::Collection(name) => format!("the collection {name}"),
        BanScope::Object(BannedObject { collection, name }) => format!("{collection}/{name}"),
    };
    let Purged { stage, seq, at_ms, effective_within_secs: seconds, .. } = purged;
    let by = match seconds {
        0 => String::new(),
        _ => format!(", by {}", time(at_ms.plus(seconds.saturating_mul(1_000)).0)),
    };
    let in_force = in_force(*seconds);
    format!("{stage}: purged {scope} (seq {seq})\n{}{by}\n", in_force.trim_end())
}
