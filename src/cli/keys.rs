//! `selvedge keys`: who may read on the fresh host.

use clap::Subcommand;
use serde_json::json;

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::manage;
use crate::site::ids::SiteName;

use crate::cli::{Printed, listed, parse_seconds};

#[derive(Subcommand)]
pub enum KeysAction {
    /// List the site's keys.
    List,
    /// Make a key; it is shown once.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// How long it is good for: 90d, 12h, 30m; for ever without this.
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        expires: Option<u64>,
    },
    /// Revoke a key, everywhere within 30 s.
    Revoke {
        /// Its id, as listed.
        id: String,
    },
}

pub fn keys(client: &Client, site: &SiteName, action: &KeysAction) -> Result<Printed, Failure> {
    match action {
        KeysAction::List => {
            let members = ["id", "name", "created_ms", "expires_ms"];
            manage::keys(client, site).map(|json| listed(json, "keys", &members))
        }
        KeysAction::Create { name, expires } => {
            let json = manage::create_key(client, site, name, *expires)?;
            let text = json["key"].as_str().unwrap_or_default();
            eprintln!("this is shown once; keep it in a secret store:");
            Ok(Printed { text: format!("{text}\n"), json })
        }
        KeysAction::Revoke { id } => {
            manage::revoke_key(client, site, id)?;
            Ok(Printed { json: json!({"revoked": id}), text: format!("{id} is revoked\n") })
        }
    }
}
