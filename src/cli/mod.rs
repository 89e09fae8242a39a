//! The command line `selvedge`: arguments, confirmation, progress and printing.
//!
//! Standard output is for results, standard error for everything else. Exit codes: 0 done,
//! 1 refused, 2 failed.

mod args;
mod output;
mod progress;
mod confirm;
mod publish;
mod deployments;
mod purge;
mod takedown;
mod sites;
mod access;
mod objects;
mod media;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::media::MediaAction;
use crate::cli::args::{Cli, Command, Global};
use crate::cli::output::{Output, error_prefix};
use crate::cli::progress::ProgressDisplay;
use crate::publish::client::Client;
use crate::publish::client::backoff::Backoff;
use crate::publish::failure::Failure;
use crate::publish::prepare;

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let wants_json = cli.global.json;
    match dispatch(&cli).map_err(|failure| failure.of_site(cli.global.site.as_ref())) {
        Ok(output) if wants_json => print(&format!("{}\n", output.json)),
        Ok(output) => print(&output.text),
        Err(failure) => {
            if wants_json {
                print(&format!("{}\n", failure.to_json()));
            } else {
                eprint!("{} {failure}", error_prefix());
            }
            return ExitCode::from(failure.ending.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn print(text: &str) {
    // A closed pipe is not an error: `selvedge ... | head`.
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

fn dispatch(cli: &Cli) -> Result<Output, Failure> {
    let global = &cli.global;
    let progress = ProgressDisplay::choose(!global.quiet && !global.json);
    if let Command::Publish(args) = &cli.command {
        prepare::check_folder(&args.folder)?;
    }
    if let Command::Sites { action } = &cli.command {
        return sites::run(action.as_ref(), &client(global)?, progress);
    }
    if let Command::Media { action: MediaAction::Sign(args) } = &cli.command {
        return match &args.key {
            Some(key) => media::sign_with_key(args, key),
            None => media::sign_with_server(args, &client(global)?, global.site.as_ref()),
        };
    }
    let site = global.site.as_ref().ok_or_else(|| {
        Failure::refused("usage", "no site given", "add --site NAME, or set SELVEDGE_SITE")
    })?;
    let client = &client(global)?;
    match &cli.command {
        Command::Publish(args) => publish::run(args, client, site, progress),
        Command::Deployments(args) => deployments::run(args, client, site),
        Command::Promote { from, to } => deployments::promote(client, site, from, to),
        Command::Rollback { stage, deployment } => {
            deployments::roll_back(client, site, stage, deployment.as_ref())
        }
        Command::Purge(args) => purge::run(args, client, site),
        Command::Takedown(args) => takedown::run(args, client, site),
        Command::Sites { action } => sites::run(action.as_ref(), client, progress),
        Command::Tokens { action } => access::tokens(action.as_ref(), client, site),
        Command::Keys { action } => access::keys(action.as_ref(), client, site),
        Command::Hosts { action } => access::hosts(action.as_ref(), client, site),
        Command::Objects(args) => objects::run(args, global.json, client, site, progress),
        Command::Media { action } => media::run(action, client, site, progress),
    }
}

fn client(global: &Global) -> Result<Client, Failure> {
    let url = global.url.as_deref().ok_or_else(|| {
        let hint = "add --url, or set SELVEDGE_URL; `make dev` listens on http://localhost:8787";
        Failure::refused("usage", "no server given", hint)
    })?;
    let token = global.token.as_deref().ok_or_else(|| {
        let hint = "add --token, or set SELVEDGE_TOKEN; in development it is the ADMIN_TOKEN \
                    in .dev.vars";
        Failure::refused("usage", "no token given", hint)
    })?;
    Client::new(url, token.trim(), Backoff::default())
}
