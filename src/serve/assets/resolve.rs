//! Resolves a path to an asset under an HTML mode.
//!
//! The modes are tables, read from the top. A redirect is taken only if its target serves the same
//! content, so no chain is longer than one hop. All candidates share a stem, and so a shard of the
//! manifest.

use crate::site::config::HtmlMode;
use crate::site::deployment::asset::Asset;
use crate::wire::path::RequestPath;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// An asset, and its exact path in the manifest.
    Asset {
        file: String,
        asset: Asset,
    },
    /// The same content under its canonical path, decoded.
    Redirect(String),
    Missing,
}

/// Resolves a path, given a lookup of exact paths.
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

/// Like [`resolve`], for a path of a site's rule, which need not be canonical.
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
    /// Serve this file if it exists.
    Serve(File),
    /// Redirect to this address if it serves this file.
    Redirect(File, Address),
}

/// A candidate file; the base is the path without its [`Ending`].
#[derive(Clone, Copy)]
enum File {
    /// The path.
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

/// The target of a redirect.
#[derive(Clone, Copy)]
enum Address {
    /// The base.
    Bare,
    /// The base and `/`.
    Slash,
    /// The path and `/`.
    ExactSlash,
}

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

/// Returns the steps of a mode for paths with this ending, in two lists that are read in order.
fn table(mode: HtmlMode, ending: Ending) -> [&'static [Step]; 2] {
    use Ending::{Html, Index, IndexHtml, Plain};
    use HtmlMode::{AutoTrailingSlash as Auto, DropTrailingSlash as Drop};
    use HtmlMode::{DefaultRoot, ForceTrailingSlash as Force, Rewrite};
    let first: &[Step] = match (mode, ending) {
        (HtmlMode::None, _) => &[Serve(Exact)],
        (Rewrite | DefaultRoot, Ending::Slash) => &[Serve(Folder), Serve(Page)],
        (Rewrite, _) => &[Serve(Exact), Serve(ExactPage), Serve(ExactFolder)],
        (DefaultRoot, _) => &[Serve(Exact), Serve(ExactFolder), Serve(ExactPage)],

        (Auto, Index) => &[Serve(Exact), Redirect(Folder, Slash), Redirect(Page, Bare)],
        (Auto, IndexHtml) => &[Redirect(Folder, Slash), Redirect(Page, Bare), Serve(Exact)],
        (Auto, Ending::Slash) => &[Serve(Folder), Redirect(Page, Bare), Serve(Exact)],
        (Auto, Html) => &[Redirect(Exact, Bare), Redirect(Folder, Slash), Serve(Exact)],

        (Force, Index) => &[Serve(Exact), Redirect(Folder, Slash), Redirect(Page, Slash)],
        (Force, IndexHtml) => &[Redirect(Folder, Slash), Redirect(Page, Slash), Serve(Exact)],
        (Force, Ending::Slash) => &[Serve(Folder), Serve(Page), Serve(Exact)],
        (Force, Html) => &[Redirect(Exact, Slash), Serve(Exact), Redirect(Folder, Slash)],

        (Drop, Index) => &[Serve(Exact), Redirect(Page, Bare), Redirect(Folder, Bare)],
        (Drop, IndexHtml) => &[Redirect(Folder, Bare), Serve(Exact), Redirect(Page, Bare)],
        (Drop, Ending::Slash) => &[Redirect(Page, Bare), Redirect(Folder, Bare), Serve(Exact)],
        (Drop, Html) => &[Redirect(Exact, Bare), Redirect(Folder, Bare), Serve(Exact)],

        (Auto | Force | Drop, Plain) => &[Serve(Exact)],
    };
    let rest: &[Step] = match (mode, ending) {
        (_, Ending::Slash) | (HtmlMode::None | Rewrite | DefaultRoot, _) => &[],
        (Auto, _) => &[Serve(ExactPage), Redirect(ExactFolder, ExactSlash)],
        (Force, _) => &[Redirect(ExactPage, ExactSlash), Redirect(ExactFolder, ExactSlash)],
        (Drop, _) => &[Serve(ExactPage), Serve(ExactFolder)],
    };
    [first, rest]
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
    for step in table(mode, ending).into_iter().flatten() {
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

/// Returns whether an address that is no file itself serves this content.
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
