//! `selvedge keys`.

use serde_json::json;

use crate::cli::args::KeysAction;
use crate::cli::output::Output;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::manage;
use crate::site::ids::SiteName;

pub fn run(
    action: Option<&KeysAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    match action {
        None | Some(KeysAction::List) => {
            let columns = ["id", "name", "created_ms", "expires_ms"];
            Ok(Output::list(manage::keys(client, site)?, "keys", &columns))
        }
        Some(KeysAction::Create { name, expires }) => {
            Ok(Output::secret(manage::create_key(client, site, name, *expires)?, "key"))
        }
        Some(KeysAction::Revoke { id }) => {
            manage::revoke_key(client, site, id)?;
            Ok(Output { json: json!({"revoked": id}), text: format!("{id} is revoked\n") })
        }
    }
}
