//! Arguments of `selvedge media`.

use clap::{Args, Subcommand};

use crate::cli::args::seconds::parse_seconds;

pub const HELP: &str = "\
Renditions are the images below /_media/ that [media] in selvedge.toml turns on.

Examples:
  selvedge media sign 'https://shop.example.com/_media/a.jpg?w=801&blur=9' --expires 1h
  selvedge media key --site shop                       for servers that sign URLs themselves";

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

#[derive(Subcommand)]
pub enum MediaAction {
    /// Sign a URL, so that it may use every parameter.
    #[command(after_help = SIGN_HELP)]
    Sign(SignArgs),
    /// Print the key that signs the site's URLs.
    #[command(after_help = KEY_HELP)]
    Key,
}

#[derive(Args)]
pub struct SignArgs {
    /// URL of a rendition, in quotes.
    #[arg(value_name = "RENDITION")]
    pub rendition: String,
    /// Lifetime of the signature, such as 30d, 1h or 10m [default: no expiry].
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub expires: Option<u64>,
    /// Key to sign with [default: ask the server].
    #[arg(long, env = "SELVEDGE_MEDIA_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: Option<String>,
}
