//! `selvedge`: publishes folders to a Selvedge server, and looks after its sites.
//!
//! Arguments and printing only; what the commands do is in the library's `publish`. Standard
//! output is for results, standard error for everything else. Exit codes: 0 done, 1 refused,
//! 2 failed.

mod keys;
mod objects;
mod purge;
mod removal;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::publish::backoff::Backoff;
use crate::publish::client::Client;
use crate::publish::encode::Effort;
use crate::publish::failure::Failure;
use crate::publish::manage;
use crate::publish::output;
use crate::publish::progress::Progress;
use crate::publish::run::{self, CachePlace, Extent, OnLostRace, PublishOptions};
use crate::site::api::Activated;
use crate::site::ids::{DeploymentId, PRODUCTION, SiteName, StageName};
use crate::site::records::site::Scope;

use crate::cli::keys::KeysAction;
use crate::cli::purge::PurgeArgs;

const EXAMPLES: &str = "\
Examples:
  selvedge publish dist --site www                     publish to production
  selvedge publish dist --site www --stage staging     to a stage of its own
  selvedge promote --site www --from staging --to production
  selvedge rollback --site www                         back to what was live before
  selvedge purge --site www --tag blog                 nothing stored with the tag is used again
  selvedge takedown --site www /Invoice2024.pdf        gone from earlier deployments
  selvedge tokens --site www create --name ci --scope publish --expires 90d

Exit codes: 0 done, 1 refused (change something first), 2 failed (try again).";

/// Heads the options that every command takes.
const COMMON: &str = "Options of every command";

const PUBLISH_HELP: &str = "\
What is served changes once, at the very end, all of it at one instant. Interrupt a publish at any
point (Ctrl-C is safe): what is served stays as it was, and the next run sends only what is missing.

Never published: dot-files (but .well-known, and what `publish.include` in selvedge.toml names),
node_modules, configuration files, and what .selvedgeignore, .assetsignore or `publish.ignore`
name. Private keys are refused.

Examples:
  selvedge publish dist --site www
  selvedge publish dist --site www --dry-run           tell what would be sent
  selvedge publish dist --site www --no-activate       give it an address, leave the stage alone
  selvedge publish dist --site www --json | jq -r .url";

#[derive(Parser)]
#[command(name = "selvedge", version, about, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Publish static sites to a Selvedge server.
#[derive(Args)]
struct Global {
    /// The server: its root, such as https://example.com or http://localhost:8787.
    #[arg(long, env = "SELVEDGE_URL", global = true, value_name = "URL", help_heading = COMMON)]
    url: Option<String>,
    /// The server's root token, or a site's own.
    #[arg(
        long,
        env = "SELVEDGE_TOKEN",
        hide_env_values = true,
        global = true,
        help_heading = COMMON
    )]
    token: Option<String>,
    /// The site.
    #[arg(long, env = "SELVEDGE_SITE", global = true, help_heading = COMMON)]
    site: Option<SiteName>,
    /// Print one JSON object on standard output.
    #[arg(long, global = true, help_heading = COMMON)]
    json: bool,
    /// No progress.
    #[arg(long, short, global = true, help_heading = COMMON)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Publish a folder.
    #[command(after_help = PUBLISH_HELP)]
    Publish(PublishArgs),
    /// List what stages serve and served, or forget a deployment.
    Deployments(removal::DeploymentsArgs),
    /// Make what one stage serves live on another.
    Promote {
        /// The stage that serves it.
        #[arg(long)]
        from: StageName,
        /// The stage that is to serve it.
        #[arg(long)]
        to: StageName,
    },
    /// Return to an earlier deployment.
    Rollback {
        /// The stage.
        #[arg(long, default_value = PRODUCTION)]
        stage: StageName,
        /// The deployment; without it, the one before what is live.
        deployment: Option<DeploymentId>,
    },
    /// Invalidate what is stored of collections and actions.
    Purge(PurgeArgs),
    /// Hide a published file of earlier deployments.
    #[command(after_help = removal::TAKEDOWN_HELP)]
    Takedown(removal::TakedownArgs),
    /// List, make, show and delete sites.
    Sites {
        #[command(subcommand)]
        action: Option<SitesAction>,
    },
    /// List, make and revoke tokens of a site.
    Tokens {
        #[command(subcommand)]
        action: Option<TokensAction>,
    },
    /// List, make and revoke keys of a site's fresh host.
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
    #[command(after_help = objects::HELP)]
    Objects(objects::ObjectsArgs),
}

#[derive(Args)]
struct PublishArgs {
    /// The folder that holds the built site.
    folder: PathBuf,
    /// The stage to publish to.
    #[arg(long, default_value = PRODUCTION)]
    stage: StageName,
    /// Do everything but change something: tell what would be sent.
    #[arg(long)]
    dry_run: bool,
    /// The configuration, instead of the selvedge.toml in the folder or beside it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How hard to compress; `best` takes ten times as long.
    #[arg(long, default_value = "default")]
    effort: Effort,
    /// Read and compress every file, whether it changed or not.
    #[arg(long)]
    no_cache: bool,
    /// Store the deployment, but leave the stage as it is.
    #[arg(long, conflicts_with = "dry_run")]
    no_activate: bool,
    /// Take the place of whatever another publish made live meanwhile.
    #[arg(long)]
    force: bool,
    /// Publish private keys, too.
    #[arg(long)]
    allow_secrets: bool,
}

#[derive(Subcommand)]
enum SitesAction {
    /// List all sites.
    List,
    /// Make a site, unless it exists.
    Create {
        /// Its name.
        name: SiteName,
    },
    /// Show a site.
    Show {
        /// Its name.
        name: SiteName,
    },
    /// Delete a site with everything in it.
    Delete(removal::DeleteSiteArgs),
}

#[derive(Subcommand)]
enum TokensAction {
    /// List the site's tokens.
    List,
    /// Make a token; it is shown once.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE")]
        scope: Vec<ScopeArg>,
        /// How long it is good for: 90d, 12h, 30m; for ever without this.
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        expires: Option<u64>,
    },
    /// Revoke a token, at once.
    Revoke {
        /// Its id, as listed.
        id: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ScopeArg {
    Publish,
    Purge,
    Write,
    Read,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Publish => Self::Publish,
            ScopeArg::Purge => Self::Purge,
            ScopeArg::Write => Self::Write,
            ScopeArg::Read => Self::Read,
        }
    }
}

#[derive(Subcommand)]
enum HostsAction {
    /// List the site's hostnames.
    List,
    /// Make a hostname serve a stage of the site.
    Add {
        /// The hostname, such as www.example.com.
        host: String,
        /// The stage.
        #[arg(long, default_value = PRODUCTION)]
        stage: StageName,
    },
    /// Make a hostname serve nothing any more.
    Remove {
        /// The hostname.
        host: String,
    },
}

/// What a command prints: for machines, and for people.
struct Printed {
    json: Value,
    text: String,
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let wants_json = cli.global.json;
    match run(&cli).map_err(|failure| failure.of_site(cli.global.site.as_ref())) {
        Ok(printed) if wants_json => print(&format!("{}\n", printed.json)),
        Ok(printed) => print(&printed.text),
        Err(failure) => {
            if wants_json {
                print(&format!("{}\n", failure.to_json()));
            } else {
                eprint!("{} {failure}", output::error_word());
            }
            return ExitCode::from(failure.ending.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn print(text: &str) {
    // A reader that went away has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args().any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        let text = error.render().to_string();
        let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
        let message = message.trim_start_matches("error: ").trim();
        let failure = Failure::refused("usage", message, hint.trim());
        print(&format!("{}\n", failure.to_json()));
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::from(error.use_stderr()))
}

fn run(cli: &Cli) -> Result<Printed, Failure> {
    let global = &cli.global;
    if let Command::Publish(args) = &cli.command {
        run::check_folder(&args.folder)?;
    }
    if let Command::Sites { action } = &cli.command {
        return sites(global, &client(global)?, action.as_ref().unwrap_or(&SitesAction::List));
    }
    let site = global.site.as_ref().ok_or_else(|| {
        let hint = "add --site NAME, or set SELVEDGE_SITE";
        Failure::refused("usage", "which site?", hint)
    })?;
    let client = client(global)?;
    match &cli.command {
        Command::Publish(args) => publish(global, args, site, &client),
        Command::Deployments(args) => removal::deployments(&client, site, args),
        Command::Takedown(args) => removal::takedown(&client, site, args),
        Command::Promote { from, to } => Ok(activated(&manage::promote(&client, site, from, to)?)),
        Command::Rollback { stage, deployment } => {
            Ok(activated(&manage::roll_back(&client, site, stage, deployment.as_ref())?))
        }
        Command::Purge(args) => purge::purge(&client, site, args),
        Command::Sites { .. } => {
            manage::sites(&client).map(|json| listed(json, "sites", &["site"]))
        }
        Command::Tokens { action } => {
            tokens(&client, site, action.as_ref().unwrap_or(&TokensAction::List))
        }
        Command::Keys { action } => {
            keys::keys(&client, site, action.as_ref().unwrap_or(&KeysAction::List))
        }
        Command::Hosts { action } => {
            hosts(&client, site, action.as_ref().unwrap_or(&HostsAction::List))
        }
        Command::Objects(args) => objects::run(global, args, site, &client),
    }
}

fn client(global: &Global) -> Result<Client, Failure> {
    let url = global.url.as_deref().ok_or_else(|| {
        let hint = "add --url, or set SELVEDGE_URL; `make dev` listens on http://localhost:8787";
        Failure::refused("usage", "which server?", hint)
    })?;
    let token = global.token.as_deref().ok_or_else(|| {
        let hint = "add --token, or set SELVEDGE_TOKEN; in development it is the ADMIN_TOKEN \
                    in .dev.vars";
        Failure::refused("usage", "there is no token", hint)
    })?;
    Client::new(url, token.trim(), Backoff::default())
}

fn publish(
    global: &Global,
    args: &PublishArgs,
    site: &SiteName,
    client: &Client,
) -> Result<Printed, Failure> {
    let options = PublishOptions {
        folder: args.folder.clone(),
        site: site.clone(),
        stage: args.stage.clone(),
        config_file: args.config.clone(),
        effort: args.effort,
        cache: if args.no_cache { CachePlace::Nowhere } else { CachePlace::User },
        allow_secrets: args.allow_secrets,
        extent: match (args.dry_run, args.no_activate) {
            (true, _) => Extent::DryRun,
            (false, true) => Extent::Commit,
            (false, false) => Extent::Activate,
        },
        on_lost_race: if args.force { OnLostRace::Replace } else { OnLostRace::Refuse },
    };
    let progress = Progress::choose(!global.quiet && !global.json);
    let published = run::publish(&options, client, progress)?;
    published.warnings.iter().for_each(|warning| progress.warn(warning));
    published.notes.iter().for_each(|note| progress.note(&format!("note: {note}")));
    let json = serde_json::to_value(&published).unwrap_or_default();
    Ok(Printed { json, text: output::published(&published) })
}

fn activated(activated: &Activated) -> Printed {
    let (live, url) = (&activated.live, &activated.live.url);
    let verb = if activated.changed { "now serves" } else { "already served" };
    let mut text = format!("{} {verb} {} (seq {})\n", live.stage, live.deployment, live.seq);
    if !url.is_empty() {
        text.push_str(&format!("  {url}\n"));
    }
    if activated.changed && activated.effective_within_secs > 0 {
        let seconds = activated.effective_within_secs;
        text.push_str(&format!("  in force everywhere within {seconds} s\n"));
    }
    Printed { json: json!(activated), text }
}

fn sites(global: &Global, client: &Client, action: &SitesAction) -> Result<Printed, Failure> {
    match action {
        SitesAction::List => manage::sites(client).map(|json| listed(json, "sites", &["site"])),
        SitesAction::Create { name } => {
            let json = manage::create_site(client, name)?;
            Ok(Printed { json, text: format!("{name} is there\n") })
        }
        SitesAction::Show { name } => {
            let json = manage::site(client, name)?;
            let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
            Ok(Printed { json, text })
        }
        SitesAction::Delete(args) => {
            let progress = Progress::choose(!global.quiet && !global.json);
            removal::delete_site(client, args, progress)
        }
    }
}

fn tokens(client: &Client, site: &SiteName, action: &TokensAction) -> Result<Printed, Failure> {
    match action {
        TokensAction::List => {
            let members = ["id", "name", "scopes", "created_ms", "expires_ms"];
            manage::tokens(client, site).map(|json| listed(json, "tokens", &members))
        }
        TokensAction::Create { name, scope, expires } => {
            let scopes: Vec<Scope> = scope.iter().map(|scope| (*scope).into()).collect();
            let json = manage::create_token(client, site, name, &scopes, *expires)?;
            let text = json["token"].as_str().unwrap_or_default();
            eprintln!("this is shown once; keep it in a secret store:");
            Ok(Printed { text: format!("{text}\n"), json })
        }
        TokensAction::Revoke { id } => {
            manage::revoke_token(client, site, id)?;
            Ok(Printed { json: json!({"revoked": id}), text: format!("{id} opens nothing now\n") })
        }
    }
}

fn hosts(client: &Client, site: &SiteName, action: &HostsAction) -> Result<Printed, Failure> {
    match action {
        HostsAction::List => {
            let members = ["host", "stage"];
            manage::hosts(client, site).map(|json| listed(json, "hosts", &members))
        }
        HostsAction::Add { host, stage } => {
            let json = manage::add_host(client, site, host, stage)?;
            Ok(Printed { json, text: format!("{host} serves {stage} of {site}\n") })
        }
        HostsAction::Remove { host } => {
            manage::remove_host(client, site, host)?;
            Ok(Printed { json: json!({"removed": host}), text: format!("{host} is removed\n") })
        }
    }
}

fn listed(json: Value, member: &str, columns: &[&str]) -> Printed {
    let text = output::list(&json[member], columns);
    Printed { json, text }
}

/// Seconds of a time such as `90d`, `12h`, `30m`, `45s`.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.into_iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds)
    });
    match found {
        Some(0) => Err("must be at least 1s; leave it out for no expiry".to_owned()),
        found => found.ok_or("write it as 90d, 12h, 30m or 45s".to_owned()),
    }
}
