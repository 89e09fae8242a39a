//! From a path to an asset: what each HTML mode makes of it.
//!
//! Not the not-found rules, which come after. The modes are tables, read from the top; a redirect
//! is taken only where its target serves the very content that was asked for, so that no chain
//! is longer than one hop. All candidates share a stem, and so a shard of the manifest.

use crate::site::config::HtmlMode;
use crate::site::deployment::asset::Asset;
use crate::wire::path::RequestPath;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// An asset, and the file that holds it.
    Asset {
        /// The exact path in the manifest.
        file: String,
        /// What is there.
        asset: Asset,
    },
    /// The same content under its canonical path, decoded.
    Redirect(String),
    /// Nothing.
    Missing,
}

/// What is at a path under a mode, given what the manifest holds at exact paths.
///
/// # Example
/// ```
/// use selvedge::serve::assets::resolve::{Resolution, resolve};
/// use selvedge::site::config::HtmlMode;
/// use selvedge::wire::path::RequestPath;
///
/// let path = RequestPath::parse("/nope").unwrap();
/// let nothing = resolve(HtmlMode::AutoTrailingSlash, &path, &|_| None);
/// assert_eq!(nothing, Resolution::Missing);
/// ```
pub fn resolve(
    mode: HtmlMode,
    path: &RequestPath,
    lookup: &dyn Fn(&str) -> Option<Asset>,
) -> Resolution {
    match walk(mode, path.decoded(), lookup, Redirects::Taken) {
        Resolution::Asset { .. } if !path.is_canonical() => {
            Resolution::Redirect(path.decoded().to_owned())
        }
        other => other,
    }
}

/// As [`resolve`], for a path that the site itself wrote: its spelling is not judged.
pub fn resolve_rewritten(
    mode: HtmlMode,
    decoded: &str,
    lookup: &dyn Fn(&str) -> Option<Asset>,
) -> Resolution {
    walk(mode, decoded, lookup, Redirects::Skipped)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirects {
    Taken,
    Skipped,
}

/// One row of a mode's table.
#[derive(Clone, Copy)]
enum Step {
    /// Serve this file if it is there.
    Serve(File),
    /// Redirect to this address if it serves this file.
    Redirect(File, Address),
}

/// A file that may be meant. The base is the path without its ending.
#[derive(Clone, Copy)]
enum File {
    /// The path as it is.
    Exact,
    /// The path and `.html`.
    ExactPage,
    /// The path and `/index.html`.
    ExactFolder,
    /// The base and `.html`.
    Page,
    /// The base and `/index.html`.
    Folder,
}

/// An address that a page may have.
#[derive(Clone, Copy)]
enum Address {
    /// The base.
    Bare,
    /// The base and `/`.
    Slash,
    /// The path and `/`.
    ExactSlash,
}

/// How a path ends.
#[derive(Clone, Copy)]
enum Ending {
    Index,
    IndexHtml,
    Slash,
    Html,
    Plain,
}

use Address::{Bare, ExactSlash, Slash};
use File::{Exact, ExactFolder, ExactPage, Folder, Page};
use Step::{Redirect, Serve};

fn table(mode: HtmlMode, ending: Ending) -> &'static [Step] {
    match (mode, ending) {
        (HtmlMode::None, _) => &[Serve(Exact)],
        (HtmlMode::Rewrite, Ending::Slash) => &[Serve(Folder), Serve(Page)],
        (HtmlMode::Rewrite, _) => &[Serve(Exact), Serve(ExactPage), Serve(ExactFolder)],
        (HtmlMode::DefaultRoot, Ending::Slash) => &[Serve(Folder), Serve(Page)],
        (HtmlMode::DefaultRoot, _) => &[Serve(Exact), Serve(ExactFolder), Serve(ExactPage)],
        (HtmlMode::AutoTrailingSlash, ending) => auto_trailing_slash(ending),
        (HtmlMode::ForceTrailingSlash, ending) => force_trailing_slash(ending),
        (HtmlMode::DropTrailingSlash, ending) => drop_trailing_slash(ending),
    }
}

fn auto_trailing_slash(ending: Ending) -> &'static [Step] {
    match ending {
        Ending::Index => &[
            Serve(Exact),
            Redirect(Folder, Slash),
            Redirect(Page, Bare),
            Serve(ExactPage),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::IndexHtml => &[
            Redirect(Folder, Slash),
            Redirect(Page, Bare),
            Serve(Exact),
            Serve(ExactPage),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::Slash => &[Serve(Folder), Redirect(Page, Bare), Serve(Exact)],
        Ending::Html => &[
            Redirect(Exact, Bare),
            Redirect(Folder, Slash),
            Serve(Exact),
            Serve(ExactPage),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::Plain => &[Serve(Exact), Serve(ExactPage), Redirect(ExactFolder, ExactSlash)],
    }
}

fn force_trailing_slash(ending: Ending) -> &'static [Step] {
    match ending {
        Ending::Index => &[
            Serve(Exact),
            Redirect(Folder, Slash),
            Redirect(Page, Slash),
            Redirect(ExactPage, ExactSlash),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::IndexHtml => &[
            Redirect(Folder, Slash),
            Redirect(Page, Slash),
            Serve(Exact),
            Redirect(ExactPage, ExactSlash),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::Slash => &[Serve(Folder), Serve(Page), Serve(Exact)],
        Ending::Html => &[
            Redirect(Exact, Slash),
            Serve(Exact),
            Redirect(Folder, Slash),
            Redirect(ExactPage, ExactSlash),
            Redirect(ExactFolder, ExactSlash),
        ],
        Ending::Plain => {
            &[Serve(Exact), Redirect(ExactPage, ExactSlash), Redirect(ExactFolder, ExactSlash)]
        }
    }
}

fn drop_trailing_slash(ending: Ending) -> &'static [Step] {
    match ending {
        Ending::Index => &[
            Serve(Exact),
            Redirect(Page, Bare),
            Redirect(Folder, Bare),
            Serve(ExactPage),
            Serve(ExactFolder),
        ],
        Ending::IndexHtml => &[
            Redirect(Folder, Bare),
            Serve(Exact),
            Redirect(Page, Bare),
            Serve(ExactPage),
            Serve(ExactFolder),
        ],
        Ending::Slash => &[Redirect(Page, Bare), Redirect(Folder, Bare), Serve(Exact)],
        Ending::Html => &[
            Redirect(Exact, Bare),
            Redirect(Folder, Bare),
            Serve(Exact),
            Serve(ExactPage),
            Serve(ExactFolder),
        ],
        Ending::Plain => &[Serve(Exact), Serve(ExactPage), Serve(ExactFolder)],
    }
}

fn walk(
    mode: HtmlMode,
    path: &str,
    lookup: &dyn Fn(&str) -> Option<Asset>,
    redirects: Redirects,
) -> Resolution {
    if path == "/" && mode != HtmlMode::None {
        return find(Folder, path, "", lookup).unwrap_or(Resolution::Missing);
    }
    let (base, ending) = split(path);
    for step in table(mode, ending) {
        match *step {
            Serve(file) => {
                if let Some(found) = find(file, path, base, lookup) {
                    return found;
                }
            }
            Redirect(file, address) if redirects == Redirects::Taken => {
                let target = spell(address, path, base);
                let wanted = find(file, path, base, lookup);
                if wanted.is_some_and(|wanted| serves(mode, &target, &wanted, lookup)) {
                    return Resolution::Redirect(target);
                }
            }
            Redirect(..) => {}
        }
    }
    Resolution::Missing
}

/// Whether an address without an exact file of its own serves this content.
fn serves(
    mode: HtmlMode,
    target: &str,
    wanted: &Resolution,
    lookup: &dyn Fn(&str) -> Option<Asset>,
) -> bool {
    lookup(target).is_none()
        && match (walk(mode, target, lookup, Redirects::Skipped), wanted) {
            (Resolution::Asset { asset, .. }, Resolution::Asset { asset: wanted, .. }) => {
                asset.identity().hash == wanted.identity().hash
            }
            _ => false,
        }
}

fn split(path: &str) -> (&str, Ending) {
    if let Some(base) = path.strip_suffix("/index") {
        (base, Ending::Index)
    } else if let Some(base) = path.strip_suffix("/index.html") {
        (base, Ending::IndexHtml)
    } else if let Some(base) = path.strip_suffix('/') {
        (base, Ending::Slash)
    } else if let Some(base) = path.strip_suffix(".html") {
        (base, Ending::Html)
    } else {
        (path, Ending::Plain)
    }
}

fn find(
    file: File,
    path: &str,
    base: &str,
    lookup: &dyn Fn(&str) -> Option<Asset>,
) -> Option<Resolution> {
    let (root, suffix) = match file {
        Exact => (path, ""),
        ExactPage => (path, ".html"),
        ExactFolder => (path, "/index.html"),
        Page => (base, ".html"),
        Folder => (base, "/index.html"),
    };
    let file = [root, suffix].concat();
    lookup(&file).map(|asset| Resolution::Asset { file, asset })
}

fn spell(address: Address, path: &str, base: &str) -> String {
    match address {
        Bare if base.is_empty() => "/".to_owned(),
        Bare => base.to_owned(),
        Slash => [base, "/"].concat(),
        ExactSlash => [path, "/"].concat(),
    }
}
