//! Arguments of the command line: the source of every `--help` text.

pub mod media;
mod seconds;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NotAVariant;

use crate::cli::args::media::MediaAction;
use crate::cli::args::seconds::parse_seconds;
use crate::publish::config::public;
use crate::publish::encode::Effort;
use crate::site::collection::CollectionName;
use crate::site::ids::{DeploymentId, PRODUCTION, SiteName, StageName};
use crate::site::records::site::Scope;

const EXAMPLES: &str = "\
Examples:
  selvedge publish dist --site www                     publish to production
  selvedge publish dist --site www --stage staging     publish to another stage
  selvedge promote --site www --from staging --to production
  selvedge rollback --site www                         return to the previous deployment
  selvedge purge --site www --tag blog                 invalidate every response tagged `blog`
  selvedge takedown --site www /Invoice2024.pdf        hide a file of earlier deployments
  selvedge tokens --site www create --name ci --scope publish --expires 90d

Exit codes: 0 done, 1 refused (change something first), 2 failed (try again).";

const GLOBAL: &str = "Global options";

const PUBLISH_HELP: &str = "\
The site changes in one step, at the end. Interrupt a publish at any point (Ctrl-C is safe): the
site stays as it was, and the next run sends only the missing files.

Never published: dotfiles (except .well-known, and those that `publish.include` in selvedge.toml
matches), node_modules, configuration files, and files that .selvedgeignore, .assetsignore or
`publish.ignore` match. Private keys are refused.

Examples:
  selvedge publish dist --site www
  selvedge publish dist --site www --dry-run           show what would be sent
  selvedge publish dist --site www --no-activate       upload, but leave the stage unchanged
  selvedge publish dist --site www --json | jq -r .url";

const TAKEDOWN_HELP: &str = "\
A takedown hides a published file on deployment addresses, and among the files of earlier
deployments that still work. It does not change what stages serve now: publish without the file
first, then take it down. It lasts until you undo it, whatever you publish.

`/about` also hides /about.html and /about/index.html; `/private/*` hides a whole folder.
Browsers keep their copies of files marked `immutable`.

Examples:
  selvedge takedown /Invoice2024.pdf --site www
  selvedge takedown '/private/*' --site www --yes
  selvedge takedown --undo /Invoice2024.pdf --site www
  selvedge takedown --list --site www";

const OBJECTS_HELP: &str = "\
Publishing neither adds nor removes objects. Every site has the collection `public`, served at
/public/. Add others, or change this one, in selvedge.toml:

  [[collections]]
  name = \"content\"
  prefix = \"/content/\"

Names are paths below that prefix, percent-encoded as in a URL: `a photo.png` and `a%20photo.png`
are the same object. The token needs the scope `write`, or `read` to list and get.

Examples:
  selvedge objects put photo.png --site www                    served at /public/photo.png
  selvedge objects put photo.png 2026/a.png --site www --tag photos
  selvedge objects put photos --site www --prefix 2026/        a whole folder
  date | selvedge objects put - now.txt --site www --collection content
  selvedge objects get 2026/a.png -o a.png --site www
  selvedge objects list --prefix 2026/ --site www
  selvedge objects delete 2026/a.png now.txt --site www

Concurrent changes:
  selvedge objects put doc.json --if-match 5f2a… …        only if it is unchanged
  selvedge objects put doc.json --if-none-match …         only if it doesn't exist";

/// Publish static sites to a Selvedge server, and manage them.
#[derive(Parser)]
#[command(name = "selvedge", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Publish static sites to a Selvedge server.
#[derive(Args)]
pub struct Global {
    /// Root URL of the server, such as https://example.com or http://localhost:8787.
    #[arg(long, env = "SELVEDGE_URL", global = true, value_name = "URL", help_heading = GLOBAL)]
    pub url: Option<String>,
    /// The server's root token, or a token of the site.
    #[arg(
        long,
        env = "SELVEDGE_TOKEN",
        hide_env_values = true,
        global = true,
        help_heading = GLOBAL
    )]
    pub token: Option<String>,
    /// Name of the site.
    #[arg(long, env = "SELVEDGE_SITE", global = true, help_heading = GLOBAL)]
    pub site: Option<SiteName>,
    /// Print one JSON object on standard output.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Show no progress.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Publish a folder.
    #[command(after_help = PUBLISH_HELP)]
    Publish(PublishArgs),
    /// List live and earlier deployments, or forget one.
    Deployments(DeploymentsArgs),
    /// Activate one stage's deployment on another stage.
    Promote {
        /// Stage that serves the deployment.
        #[arg(long)]
        from: StageName,
        /// Stage to activate it on.
        #[arg(long)]
        to: StageName,
    },
    /// Return to an earlier deployment.
    Rollback {
        /// Stage to roll back.
        #[arg(long, default_value = PRODUCTION)]
        stage: StageName,
        /// Deployment to return to [default: the previous one].
        deployment: Option<DeploymentId>,
    },
    /// Invalidate cached responses of collections and actions.
    ///
    /// Static files need no purge: every deploy clears them.
    Purge(PurgeArgs),
    /// Hide a published file of earlier deployments.
    #[command(after_help = TAKEDOWN_HELP)]
    Takedown(TakedownArgs),
    /// List, create, show and delete sites.
    Sites {
        #[command(subcommand)]
        action: Option<SitesAction>,
    },
    /// List, create and revoke tokens of a site.
    Tokens {
        #[command(subcommand)]
        action: Option<TokensAction>,
    },
    /// List, create and revoke API keys of a site's fresh host.
    Keys {
        #[command(subcommand)]
        action: Option<KeysAction>,
    },
    /// List, add and remove hostnames of a site.
    Hosts {
        #[command(subcommand)]
        action: Option<HostsAction>,
    },
    /// Store, get, list and delete objects of a collection.
    #[command(after_help = OBJECTS_HELP)]
    Objects(ObjectsArgs),
    /// Sign URLs of renditions, and make renditions ahead.
    #[command(after_help = media::HELP)]
    Media {
        #[command(subcommand)]
        action: MediaAction,
    },
}

#[derive(Args)]
pub struct PublishArgs {
    /// Folder that holds the built site.
    pub folder: PathBuf,
    /// Stage to publish to.
    #[arg(long, default_value = PRODUCTION)]
    pub stage: StageName,
    /// Change nothing; show what would be sent.
    #[arg(long)]
    pub dry_run: bool,
    /// Configuration file, instead of the selvedge.toml in the folder or beside it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How hard to compress.
    #[arg(long, default_value = "default")]
    pub effort: Effort,
    /// Read and compress every file, even if it did not change.
    #[arg(long)]
    pub no_cache: bool,
    /// Upload the deployment, but leave the stage unchanged.
    #[arg(long, conflicts_with = "dry_run")]
    pub no_activate: bool,
    /// Activate even if another publish changed the stage meanwhile.
    #[arg(long)]
    pub force: bool,
    /// Publish private keys too.
    #[arg(long)]
    pub allow_secrets: bool,
}

#[derive(Args)]
pub struct DeploymentsArgs {
    /// List only this stage.
    #[arg(long)]
    pub stage: Option<StageName>,
    #[command(subcommand)]
    pub action: Option<DeploymentsAction>,
}

#[derive(Subcommand)]
pub enum DeploymentsAction {
    /// List live and earlier deployments.
    List {
        /// List only this stage.
        #[arg(long)]
        stage: Option<StageName>,
    },
    /// Remove a deployment: its address and its retained files stop working.
    Forget {
        /// Deployment, as listed.
        id: DeploymentId,
        /// Don't ask for confirmation.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct PurgeArgs {
    /// Stage to purge.
    #[arg(long, default_value = PRODUCTION)]
    pub stage: StageName,
    #[command(flatten)]
    pub scope: PurgeScope,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct PurgeScope {
    /// Purge everything.
    #[arg(long)]
    pub all: bool,
    /// Purge one path, such as /content/a.json, with any query.
    #[arg(long)]
    pub path: Option<String>,
    /// Purge all paths that begin with this, such as /content/.
    #[arg(long)]
    pub prefix: Option<String>,
    /// Purge responses and objects with this tag.
    #[arg(long)]
    pub tag: Option<String>,
    /// Purge a collection.
    #[arg(long, value_parser = CollectionName::parse, value_name = "NAME")]
    pub collection: Option<CollectionName>,
}

#[derive(Args)]
pub struct TakedownArgs {
    /// Path as in a URL, or a folder such as /private/*.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    pub path: Option<String>,
    /// Show the path again.
    #[arg(long, conflicts_with = "list")]
    pub undo: bool,
    /// List the paths that are taken down.
    #[arg(long)]
    pub list: bool,
    /// Don't ask for confirmation.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Subcommand)]
pub enum SitesAction {
    /// List all sites.
    List,
    /// Create a site, unless it exists.
    Create {
        /// Name of the site.
        name: SiteName,
    },
    /// Show a site.
    Show {
        /// Name of the site.
        name: SiteName,
    },
    /// Delete a site and everything in it.
    Delete(DeleteSiteArgs),
}

#[derive(Args)]
pub struct DeleteSiteArgs {
    /// Name of the site.
    pub name: SiteName,
    /// Don't ask for confirmation.
    #[arg(long, short)]
    pub yes: bool,
    /// Delete it even if it is the server's DEFAULT_SITE.
    #[arg(long)]
    pub allow_default: bool,
}

#[derive(Subcommand)]
pub enum TokensAction {
    /// List the site's tokens.
    List,
    /// Create a token, which is shown once.
    Create {
        /// Name to list it by.
        #[arg(long)]
        name: String,
        /// Actions it allows.
        #[arg(
            long,
            required = true,
            value_delimiter = ',',
            value_name = "SCOPE",
            value_parser = scope_parser(),
        )]
        scope: Vec<Scope>,
        /// Lifetime, such as 90d, 12h or 30m [default: no expiry].
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        expires: Option<u64>,
    },
    /// Revoke a token immediately.
    Revoke {
        /// Id, as listed.
        id: String,
    },
}

#[derive(Subcommand)]
pub enum KeysAction {
    /// List the site's keys.
    List,
    /// Create a key, which is shown once.
    Create {
        /// Name to list it by.
        #[arg(long)]
        name: String,
        /// Lifetime, such as 90d, 12h or 30m [default: no expiry].
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        expires: Option<u64>,
    },
    /// Revoke a key, everywhere within 30 s.
    Revoke {
        /// Id, as listed.
        id: String,
    },
}

#[derive(Subcommand)]
pub enum HostsAction {
    /// List the site's hostnames.
    List,
    /// Serve a stage of the site at a hostname.
    Add {
        /// Hostname, such as www.example.com.
        host: String,
        /// Stage to serve.
        #[arg(long, default_value = PRODUCTION)]
        stage: StageName,
    },
    /// Stop serving a hostname.
    Remove {
        /// Hostname, as listed.
        host: String,
    },
}

#[derive(Args)]
pub struct ObjectsArgs {
    /// Name of the collection.
    #[arg(
        long,
        short,
        global = true,
        env = "SELVEDGE_COLLECTION",
        value_parser = CollectionName::parse,
        default_value = public::NAME,
    )]
    pub collection: CollectionName,
    #[command(subcommand)]
    pub action: ObjectsAction,
}

#[derive(Subcommand)]
pub enum ObjectsAction {
    /// Store a file, standard input, or all files of a folder.
    Put(PutArgs),
    /// Write an object to a file or to standard output.
    Get {
        /// Name of the object.
        name: String,
        /// File to write to.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List objects.
    List {
        /// List only names that begin with this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Delete objects.
    Delete {
        /// Names of the objects.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Args)]
pub struct PutArgs {
    /// File or folder, or `-` for standard input.
    pub file: PathBuf,
    /// Name of the object [default: the file's name].
    #[arg(conflicts_with = "prefix", required_if_eq("file", "-"))]
    pub name: Option<String>,
    /// Prefix of the names, such as `photos/`.
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Media type [default: by the name's extension].
    #[arg(long = "type", value_name = "TYPE")]
    pub media_type: Option<String>,
    /// Tag to purge it by. May be given up to 16 times.
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Store only if the object has this ETag now, as `list` and `put` show it.
    #[arg(long, value_name = "ETAG", conflicts_with = "if_none_match")]
    pub if_match: Option<String>,
    /// Store only if the object doesn't exist.
    #[arg(long)]
    pub if_none_match: bool,
}

fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    let names = PossibleValuesParser::new(["publish", "purge", "write", "read"]);
    names.try_map(|name| Scope::deserialize(name.into_deserializer()).map_err(|e: NotAVariant| e))
}
