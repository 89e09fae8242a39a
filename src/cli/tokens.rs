//! `selvedge tokens`.

use serde_json::json;

use crate::cli::args::TokensAction;
use crate::cli::output::Output;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::manage;
use crate::site::ids::SiteName;

pub fn run(
    action: Option<&TokensAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    match action {
        None | Some(TokensAction::List) => {
            let columns = ["id", "name", "scopes", "created_ms", "expires_ms"];
            Ok(Output::list(manage::tokens(client, site)?, "tokens", &columns))
        }
        Some(TokensAction::Create { name, scope, expires }) => {
            let json = manage::create_token(client, site, name, scope, *expires)?;
            Ok(Output::secret(json, "token"))
        }
        Some(TokensAction::Revoke { id }) => {
            manage::revoke_token(client, site, id)?;
            Ok(Output { json: json!({"revoked": id}), text: format!("{id} is revoked\n") })
        }
    }
}
