//! `selvedge hosts`.

use serde_json::json;

use crate::cli::args::HostsAction;
use crate::cli::output::Output;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::manage;
use crate::site::ids::SiteName;

pub fn run(
    action: Option<&HostsAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    match action {
        None | Some(HostsAction::List) => {
            Ok(Output::list(manage::hosts(client, site)?, "hosts", &["host", "stage"]))
        }
        Some(HostsAction::Add { host, stage }) => {
            let json = manage::add_host(client, site, host, stage)?;
            Ok(Output { json, text: format!("{host} serves {stage} of {site}\n") })
        }
        Some(HostsAction::Remove { host }) => {
            manage::remove_host(client, site, host)?;
            Ok(Output { json: json!({"removed": host}), text: format!("{host} is removed\n") })
        }
    }
}
