//! `selvedge media`.

use std::fmt::Write;

use serde_json::json;

use crate::cli::args::media::{MediaAction, SignArgs, WarmArgs};
use crate::cli::output::{Output, time};
use crate::cli::progress::ProgressDisplay;
use crate::publish::client::Client;
use crate::publish::clock;
use crate::publish::failure::Failure;
use crate::publish::media::access::{access, parse_key, signing_key};
use crate::publish::media::selection::Choice;
use crate::publish::media::sign::{MediaUrl, ask_server};
use crate::publish::media::warm::{Request, WarmOptions, Warmed, warm};
use crate::publish::text::counted;
use crate::site::ids::SiteName;
use crate::wire::time::UnixMillis;

pub fn run(
    action: &MediaAction,
    client: &Client,
    site: &SiteName,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    match action {
        MediaAction::Sign(args) => sign_with_server(args, client, Some(site)),
        MediaAction::Key => key(client, site),
        MediaAction::Warm(args) => {
            let warmed = warm(&options(args, site), client, &progress)?;
            Ok(Output { text: summary(&warmed), json: json!(warmed) })
        }
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

fn options(args: &WarmArgs, site: &SiteName) -> WarmOptions {
    let WarmArgs { presets, widths, paths, formats, stage, dry_run } = args;
    let choice = Choice {
        presets: presets.clone(),
        widths: widths.clone(),
        formats: formats.clone(),
        paths: paths.clone(),
    };
    WarmOptions { site: site.clone(), stage: stage.clone(), choice, is_dry_run: *dry_run }
}

fn summary(warmed: &Warmed) -> String {
    let Warmed { images, renditions, made, kept, seconds, .. } = warmed;
    let mut text = String::new();
    for Request { url, accept } in &warmed.requests {
        let _ = writeln!(text, "{url}  {accept}");
    }
    let images = counted(*images, "image");
    let _ = match (warmed.dry_run, made, kept) {
        (true, ..) => {
            let all = counted(*renditions, "rendition");
            writeln!(text, "Would ask for {all} of {images}")
        }
        (false, 0, _) => {
            let all = counted(*renditions, "rendition");
            writeln!(text, "Made nothing: {all} of {images} were there already")
        }
        (false, made, kept) => {
            let made = counted(*made, "rendition");
            writeln!(text, "Made {made} of {images} in {seconds:.1} s; {kept} were there already")
        }
    };
    text
}
