//! Arguments of `selvedge media`.

use clap::{Args, Subcommand};

use crate::cli::args::seconds::parse_seconds;
use crate::publish::media::selection::ClientFormat;
use crate::site::ids::{PRODUCTION, StageName};

pub const HELP: &str = "\
Renditions are the images below /_media/ that [media] in selvedge.toml turns on.

Examples:
  selvedge media sign 'https://shop.example.com/_media/a.jpg?w=801&blur=9' --expires 1h
  selvedge media key --site shop                       for servers that sign URLs themselves
  selvedge media warm --site shop --preset card        after `selvedge publish`";

const SIGN_HELP: &str = "\
A signed URL may use every parameter, in any size, in each mode. Whoever has it may use it, but
can't change it. The hostname tells the site; custom hostnames need --site.

The site's key comes from the server (scope `publish`). With --key nothing is asked, so no server
and no token are needed; then presets and adapters can't be checked.

Examples:
  selvedge media sign 'https://shop.example.com/_media/a.jpg?w=801&rot=90'
  selvedge media sign 'https://www.shop.com/_media/a.jpg?rot=90' --site shop --expires 30d
  SELVEDGE_MEDIA_KEY=... selvedge media sign 'https://shop.example.com/_media/a.jpg?rot=90'";

const KEY_HELP: &str = "\
Whoever has the key can sign any URL of the site, so keep it where only servers can read it. It
stays the same until the operator changes MEDIA_SECRET or the site is deleted. docs/media.md says
how to sign with it.

Examples:
  selvedge media key --site shop
  export SELVEDGE_MEDIA_KEY=$(selvedge media key --site shop)";

const WARM_HELP: &str = "\
The first visitor who asks for a rendition waits until it is made. This command asks before, for
each image of the live deployment, in each preset or width, and for each kind of browser. With
presets and widths it makes each preset in each width; with neither, all presets.

Interrupt it at any point (Ctrl-C is safe) and run it again: renditions that are there are not made
again. Those of unchanged images outlive every publish. The key of the site, if the server has one,
exempts the requests from the rate limit of visitors.

Patterns of --path are those of .gitignore, from the root of the site; those that begin with ! leave
images out. Objects of collections are not made ahead. The server keeps up to 256 renditions of an
image.

Examples:
  selvedge media warm --site shop                                all presets
  selvedge media warm --site shop --preset card --preset og --path /photos/
  selvedge media warm --site shop --width 640,1080,1920 --format avif,webp
  selvedge media warm --site shop --path '!/icons/' --dry-run

Exit codes: 0 all are there, 1 some images can't be transformed, 2 failed (run it again).";

#[derive(Subcommand)]
pub enum MediaAction {
    /// Sign a URL, so that it may use every parameter.
    #[command(after_help = SIGN_HELP)]
    Sign(SignArgs),
    /// Print the key that signs the site's URLs.
    #[command(after_help = KEY_HELP)]
    Key,
    /// Make renditions ahead, so that no visitor waits for them.
    #[command(after_help = WARM_HELP)]
    Warm(WarmArgs),
}

#[derive(Args)]
pub struct SignArgs {
    /// URL of a rendition, in quotes.
    #[arg(value_name = "URL")]
    pub rendition: String,
    /// Lifetime of the signature, such as 30d, 1h or 10m [default: no expiry].
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub expires: Option<u64>,
    /// Key to sign with [default: ask the server].
    #[arg(long, env = "SELVEDGE_MEDIA_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: Option<String>,
}

#[derive(Args)]
pub struct WarmArgs {
    /// Preset to make. May be given several times.
    #[arg(long = "preset", value_delimiter = ',', value_name = "NAME")]
    pub presets: Vec<String>,
    /// Width to make, one of `widths` in [media]. May be given several times.
    #[arg(long = "width", value_delimiter = ',', value_name = "PIXELS")]
    pub widths: Vec<u16>,
    /// Images to make them of, as a pattern [default: all]. May be given several times.
    #[arg(long = "path", value_name = "GLOB")]
    pub paths: Vec<String>,
    /// Formats to make, by the clients that read them [default: all].
    #[arg(long = "format", value_delimiter = ',', value_name = "FORMAT")]
    pub formats: Vec<ClientFormat>,
    /// Stage whose images are made.
    #[arg(long, default_value = PRODUCTION)]
    pub stage: StageName,
    /// Make nothing; list the requests.
    #[arg(long)]
    pub dry_run: bool,
}
