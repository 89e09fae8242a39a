//! `selvedge purge`: what is stored of a stage and must not be used any more.

use clap::Args;
use serde_json::json;

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::{manage, output};
use crate::site::collection::CollectionName;
use crate::site::ids::{PRODUCTION, SiteName, StageName};
use crate::site::records::ban::BanScope;

use crate::cli::Printed;

/// Assets need none of this: a deploy clears them by itself.
#[derive(Args)]
pub struct PurgeArgs {
    /// The stage.
    #[arg(long, default_value = PRODUCTION)]
    stage: StageName,
    #[command(flatten)]
    what: What,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Everything.
    #[arg(long)]
    all: bool,
    /// What is at a path, such as /content/a.json, whatever its query.
    #[arg(long)]
    path: Option<String>,
    /// Whatever path begins with this, such as /content/.
    #[arg(long)]
    prefix: Option<String>,
    /// What has a tag, of `Cache-Tag` or of an object.
    #[arg(long)]
    tag: Option<String>,
    /// What is of a collection.
    #[arg(long, value_parser = CollectionName::parse, value_name = "NAME")]
    collection: Option<CollectionName>,
}

pub fn purge(client: &Client, site: &SiteName, args: &PurgeArgs) -> Result<Printed, Failure> {
    let What { path, prefix, tag, collection, .. } = &args.what;
    let scope = (path.clone().map(BanScope::Path))
        .or_else(|| prefix.clone().map(BanScope::Prefix))
        .or_else(|| tag.clone().map(BanScope::Tag))
        .or_else(|| collection.clone().map(BanScope::Collection));
    let scope = scope.unwrap_or(BanScope::All);
    let purged = manage::purge(client, site, &args.stage, &scope)?;
    Ok(Printed { json: json!(purged), text: output::purged(&purged) })
}
