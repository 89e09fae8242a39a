//! `selvedge tokens`, `selvedge keys` and `selvedge hosts`.

use serde_json::json;

use crate::cli::args::{HostsAction, KeysAction, TokensAction};
use crate::cli::output::Output;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::ids::SiteName;

pub fn tokens(
    action: Option<&TokensAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    let path = &format!("/sites/{site}/tokens");
    match action {
        None | Some(TokensAction::List) => {
            let columns = ["id", "name", "scopes", "created_ms", "expires_ms"];
            Ok(Output::list(client.get(path)?, "tokens", &columns))
        }
        Some(TokensAction::Create { name, scope, expires }) => {
            let body = json!({"name": name, "scopes": scope, "expires_secs": expires});
            Ok(Output::secret(client.send_once("POST", path, &body)?, "token"))
        }
        Some(TokensAction::Revoke { id }) => remove(client, path, id, "revoked"),
    }
}

pub fn keys(
    action: Option<&KeysAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    let path = &format!("/sites/{site}/keys");
    match action {
        None | Some(KeysAction::List) => {
            let columns = ["id", "name", "created_ms", "expires_ms"];
            Ok(Output::list(client.get(path)?, "keys", &columns))
        }
        Some(KeysAction::Create { name, expires }) => {
            let body = json!({"name": name, "expires_secs": expires});
            Ok(Output::secret(client.send_once("POST", path, &body)?, "key"))
        }
        Some(KeysAction::Revoke { id }) => remove(client, path, id, "revoked"),
    }
}

pub fn hosts(
    action: Option<&HostsAction>,
    client: &Client,
    site: &SiteName,
) -> Result<Output, Failure> {
    let path = &format!("/sites/{site}/hosts");
    match action {
        None | Some(HostsAction::List) => {
            Ok(Output::list(client.get(path)?, "hosts", &["host", "stage"]))
        }
        Some(HostsAction::Add { host, stage }) => {
            let path = format!("{path}/{}", segment(host)?);
            let json = client.send("PUT", &path, &json!({ "stage": stage }))?;
            Ok(Output { json, text: format!("{host} serves {stage} of {site}\n") })
        }
        Some(HostsAction::Remove { host }) => remove(client, path, host, "removed"),
    }
}

fn remove(client: &Client, list: &str, name: &str, verb: &str) -> Result<Output, Failure> {
    client.delete(&format!("{list}/{}", segment(name)?))?;
    Ok(Output { json: json!({ verb: name }), text: format!("{name} is {verb}\n") })
}

/// Checks that a text can be one segment of a path.
fn segment(text: &str) -> Result<&str, Failure> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !text.is_empty() && text.bytes().all(is_plain) && !text.starts_with('.') {
        return Ok(text);
    }
    let hint = "use letters, digits, hyphens, dots and underscores only";
    Err(Failure::refused("bad-name", format!("{text:?} is not a valid name"), hint))
}
