//! `selvedge objects`.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::args::{ObjectsAction, ObjectsArgs, PutArgs};
use crate::cli::output::{Output, in_force};
use crate::cli::progress::ProgressDisplay;
use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::objects::{self, Objects, Precondition, PutOptions};
use crate::publish::text::{bytes, counted};
use crate::site::ids::SiteName;

pub fn run(
    args: &ObjectsArgs,
    wants_json: bool,
    client: &Client,
    site: &SiteName,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    let objects = Objects { client, site, collection: &args.collection };
    match &args.action {
        ObjectsAction::Put(args) => put(args, &objects, progress),
        ObjectsAction::Get { name, output } => get(name, output.as_deref(), wants_json, &objects),
        ObjectsAction::List { prefix } => {
            let json = json!({ "objects": objects.list(prefix)? });
            let columns = ["name", "length", "media_type", "etag", "written_ms", "tags"];
            Ok(Output::list(json, "objects", &columns))
        }
        ObjectsAction::Delete { names } => {
            let parsed: Result<Vec<_>, _> = names.iter().map(|name| objects::name(name)).collect();
            let names = parsed?;
            objects.delete_all(&names)?;
            let deleted: Vec<String> = names.iter().map(ToString::to_string).collect();
            let text = deleted.iter().map(|name| format!("{name} is deleted\n")).collect();
            Ok(Output { json: json!({ "deleted": deleted }), text })
        }
    }
}

fn put(
    args: &PutArgs,
    objects: &Objects<'_>,
    progress: ProgressDisplay,
) -> Result<Output, Failure> {
    let options = PutOptions {
        media_type: args.media_type.clone(),
        tags: args.tags.clone(),
        precondition: match (&args.if_match, args.if_none_match) {
            // Shells remove the quotes.
            (Some(etag), _) => Precondition::Etag(format!("\"{}\"", etag.trim_matches('"'))),
            (None, true) => Precondition::Absent,
            (None, false) => Precondition::Anything,
        },
        leaves_copies: false,
    };
    let name = args.name.as_deref().map(objects::name).transpose()?;
    if args.file.is_dir() {
        if name.is_some() || args.if_match.is_some() {
            let hint = "a folder's objects are named after its files; add --prefix instead";
            return Err(Failure::refused("usage", "a folder can't have one name or ETag", hint));
        }
        let files = objects::files_of(&args.file, &args.prefix)?;
        let stored = objects.put_files(&files, &options, &progress)?;
        let verb = if stored.len() == 1 { "is" } else { "are" };
        let text = format!("{} {verb} stored\n", counted(stored.len(), "file"));
        return Ok(Output { json: json!({ "stored": stored }), text });
    }
    let json = match name {
        Some(name) if args.file.as_os_str() == "-" => {
            objects.put_stream(&name, std::io::stdin(), &options)?
        }
        Some(name) => objects.put_file(&name, &args.file, &options, &progress)?,
        None => {
            let name = objects::name_of_file(&args.prefix, &args.file)?;
            objects.put_file(&name, &args.file, &options, &progress)?
        }
    };
    let member = |name: &str| json[name].as_str().unwrap_or_default();
    let size = bytes(json["length"].as_u64().unwrap_or(0));
    let (name, etag, url) = (member("name"), member("etag"), member("url"));
    let in_force = in_force(json["effective_within_secs"].as_u64().unwrap_or(0));
    let text = format!("{name} is stored ({size}), {etag}\n  {url}\n{in_force}");
    Ok(Output { json, text })
}

fn get(
    name: &str,
    output: Option<&Path>,
    wants_json: bool,
    objects: &Objects<'_>,
) -> Result<Output, Failure> {
    let name = objects::name(name)?;
    if wants_json && output.is_none() {
        let message = "--json and the object can't both go to standard output";
        return Err(Failure::refused("usage", message, "add -o FILE"));
    }
    let length = objects.get(&name, output)?;
    let text = match output {
        Some(file) => format!("{name} is in {} ({})\n", file.display(), bytes(length)),
        None => String::new(),
    };
    let json =
        json!({ "name": name.as_str(), "length": length, "file": output.map(PathBuf::from) });
    Ok(Output { json, text })
}
