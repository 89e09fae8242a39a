//! `selvedge objects`: what is written to a site's collections, apart from publishing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::publish::client::Client;
use crate::publish::config::public;
use crate::publish::failure::Failure;
use crate::publish::objects::{self, Place, Precondition, PutOptions};
use crate::publish::output;
use crate::publish::progress::{Progress, bytes};
use crate::publish::words::counted;
use crate::site::collection::CollectionName;
use crate::site::ids::SiteName;

use crate::cli::{Global, Printed};

pub const HELP: &str = "\
Objects are stored on their own: publishing neither adds nor removes them. Every site has the
collection `public`, which is read at /public/. Add others, or change this one, in selvedge.toml:

  [[collections]]
  name = \"content\"
  prefix = \"/content/\"

Names are paths below that prefix, percent-encoded where a URL has to be: a photo.png and
a%20photo.png are the same. The token needs the scope `write`, or `read` to list and get.

Examples:
  selvedge objects put photo.png --site www                    read at /public/photo.png
  selvedge objects put photo.png 2026/a.png --site www --tag photos
  selvedge objects put photos --site www --prefix 2026/        a whole folder
  date | selvedge objects put - now.txt --site www --collection content
  selvedge objects get 2026/a.png -o a.png --site www
  selvedge objects list --prefix 2026/ --site www
  selvedge objects delete 2026/a.png now.txt --site www

Changing what somebody else may be changing:
  selvedge objects put doc.json --if-match 5f2a… …        only if it is still what was read
  selvedge objects put doc.json --if-none-match …         only if there is none yet";

#[derive(Args)]
pub struct ObjectsArgs {
    /// The collection.
    #[arg(
        long,
        short,
        global = true,
        env = "SELVEDGE_COLLECTION",
        value_parser = collection,
        default_value = public::NAME,
    )]
    collection: CollectionName,
    #[command(subcommand)]
    action: ObjectsAction,
}

#[derive(Subcommand)]
enum ObjectsAction {
    /// Store a file, what standard input gives, or all files of a folder.
    Put(PutArgs),
    /// Write an object to a file, or to standard output.
    Get {
        /// Its name.
        name: String,
        /// The file.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List objects.
    List {
        /// Only those whose names begin with this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Delete objects.
    Delete {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Args)]
struct PutArgs {
    /// The file or folder; `-` for standard input.
    file: PathBuf,
    /// The object's name, instead of the file's.
    #[arg(conflicts_with = "prefix", required_if_eq("file", "-"))]
    name: Option<String>,
    /// What the names begin with: `photos/` puts them below it.
    #[arg(long, default_value = "")]
    prefix: String,
    /// The media type, instead of the one that the name says.
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,
    /// A tag to purge it by; may be given up to 16 times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only if the object has this entity tag now, as `list` and `put` tell it.
    #[arg(long, value_name = "ETAG", conflicts_with = "if_none_match")]
    if_match: Option<String>,
    /// Only if there is no such object yet.
    #[arg(long)]
    if_none_match: bool,
}

/// What the command prints.
pub fn run(
    global: &Global,
    args: &ObjectsArgs,
    site: &SiteName,
    client: &Client,
) -> Result<Printed, Failure> {
    let place = Place { client, site, collection: &args.collection };
    match &args.action {
        ObjectsAction::Put(args) => put(global, args, &place),
        ObjectsAction::Get { name, output } => get(global, name, output.as_ref(), &place),
        ObjectsAction::List { prefix } => {
            let json = json!({ "objects": place.list(prefix)? });
            let columns = ["name", "length", "media_type", "etag", "written_ms", "tags"];
            let text = output::list(&json["objects"], &columns);
            Ok(Printed { json, text })
        }
        ObjectsAction::Delete { names } => {
            let parsed: Result<Vec<_>, _> = names.iter().map(|name| objects::name(name)).collect();
            let names = parsed?;
            place.delete_all(&names)?;
            let deleted: Vec<String> = names.iter().map(ToString::to_string).collect();
            let text = deleted.iter().map(|name| format!("{name} is deleted\n")).collect();
            Ok(Printed { json: json!({ "deleted": deleted }), text })
        }
    }
}

fn put(global: &Global, args: &PutArgs, place: &Place<'_>) -> Result<Printed, Failure> {
    let options = PutOptions {
        media_type: args.media_type.clone(),
        tags: args.tags.clone(),
        precondition: match (&args.if_match, args.if_none_match) {
            // Shells take the quotes away.
            (Some(etag), _) => Precondition::Etag(format!("\"{}\"", etag.trim_matches('"'))),
            (None, true) => Precondition::Absent,
            (None, false) => Precondition::Anything,
        },
        leaves_copies: false,
    };
    let progress = Progress::choose(!global.quiet && !global.json);
    let name = args.name.as_deref().map(objects::name).transpose()?;
    if args.file.is_dir() {
        if name.is_some() || args.if_match.is_some() {
            let hint = "a folder's objects are named after its files; add --prefix instead";
            return Err(Failure::refused("usage", "one name for a whole folder", hint));
        }
        let files = objects::files_of(&args.file, &args.prefix)?;
        let stored = place.put_files(&files, &options, progress)?;
        let verb = if stored.len() == 1 { "is" } else { "are" };
        let text = format!("{} {verb} stored\n", counted(stored.len(), "file"));
        return Ok(Printed { json: json!({ "stored": stored }), text });
    }
    let json = match name {
        Some(name) if args.file.as_os_str() == "-" => {
            place.put_stream(&name, std::io::stdin(), &options)?
        }
        Some(name) => place.put_file(&name, &args.file, &options, progress)?,
        None => {
            let name = objects::name_of_file(&args.prefix, &args.file)?;
            place.put_file(&name, &args.file, &options, progress)?
        }
    };
    let text = |member: &str| json[member].as_str().unwrap_or_default().to_owned();
    let size = bytes(json["length"].as_u64().unwrap_or(0));
    let mut shown = format!("{} is stored ({size}), {}\n", text("name"), text("etag"));
    shown.push_str(&format!("  {}\n", text("url")));
    let seconds = json["effective_within_secs"].as_u64().unwrap_or(0);
    shown.push_str(&format!("  in force everywhere within {seconds} s\n"));
    Ok(Printed { json, text: shown })
}

fn get(
    global: &Global,
    name: &str,
    output: Option<&PathBuf>,
    place: &Place<'_>,
) -> Result<Printed, Failure> {
    let name = objects::name(name)?;
    if global.json && output.is_none() {
        let hint = "add -o FILE";
        return Err(Failure::refused("usage", "--json and the object in one stream", hint));
    }
    let length = place.get(&name, output.map(PathBuf::as_path))?;
    let text = match output {
        Some(file) => format!("{name} is in {} ({})\n", file.display(), bytes(length)),
        None => String::new(),
    };
    let json = json!({ "name": name.as_str(), "length": length, "file": output });
    Ok(Printed { json, text })
}

fn collection(text: &str) -> Result<CollectionName, String> {
    CollectionName::parse(text).map_err(|error| error.to_string())
}
