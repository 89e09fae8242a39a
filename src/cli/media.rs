//! `selvedge media`.

use serde_json::json;

use crate::cli::args::media::{MediaAction, SignArgs};
use crate::cli::output::{Output, time};
use crate::publish::client::Client;
use crate::publish::clock;
use crate::publish::failure::Failure;
use crate::publish::media::access::{access, parse_key, signing_key};
use crate::publish::media::sign::{MediaUrl, ask_server};
use crate::site::ids::SiteName;
use crate::wire::time::UnixMillis;

pub fn run(action: &MediaAction, client: &Client, site: &SiteName) -> Result<Output, Failure> {
    match action {
        MediaAction::Sign(args) => sign_with_server(args, client, Some(site)),
        MediaAction::Key => key(client, site),
    }
}

pub fn sign_with_key(args: &SignArgs, key: &str) -> Result<Output, Failure> {
    let now = clock::unix_millis();
    let expires = expiry(args, now);
    let url = MediaUrl::parse(&args.rendition, expires.map(UnixMillis::seconds))?;
    let key = parse_key(key)?;
    Ok(signed(&url.sign(&key), expires, &url.warnings(None, now.seconds())))
}

pub fn sign_with_server(
    args: &SignArgs,
    client: &Client,
    site: Option<&SiteName>,
) -> Result<Output, Failure> {
    let now = clock::unix_millis();
    let expires = expiry(args, now);
    let url = MediaUrl::parse(&args.rendition, expires.map(UnixMillis::seconds))?;
    let (key, warnings) = ask_server(client, &url, site, now.seconds())?;
    Ok(signed(&url.sign(&key), expires, &warnings))
}

fn expiry(args: &SignArgs, now: UnixMillis) -> Option<UnixMillis> {
    args.expires.map(|seconds| now.plus(seconds.saturating_mul(1_000)))
}

fn signed(url: &str, expires: Option<UnixMillis>, warnings: &[String]) -> Output {
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if let Some(at) = expires {
        eprintln!("valid until {}:", time(at.0));
    }
    let json = json!({ "url": url, "expires_ms": expires, "warnings": warnings });
    Output { json, text: format!("{url}\n") }
}

fn key(client: &Client, site: &SiteName) -> Result<Output, Failure> {
    let key = signing_key(&access(client, site)?)?.text();
    eprintln!("this signs every URL of {site}; keep it secret:");
    Ok(Output { json: json!({ "site": site, "key": key }), text: format!("{key}\n") })
}
