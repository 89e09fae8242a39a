//! Decides which files have names that change with their content.
//!
//! Browsers keep such files for a year, so a false positive is expensive. A single name proves
//! little: `app-DataGrid.js` has the same form as `app-DiwrgTda.js`. So files with certainly random
//! names vouch for the others in their folder. Documents and images count only beside hashed
//! scripts, so that a deleted one does not stay reachable by accident.

pub mod bundler;
pub mod token;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::publish::config::settings::Fingerprint;
use crate::publish::failure::Problem;
use crate::publish::fingerprint::token::{Strength, Words, is_wordlike, strength};
use crate::publish::ingest::IngestedFile;
use crate::site::deployment::asset::{Asset, Class};
use crate::site::deployment::fingerprint::{HashToken, is_framework_output};
use crate::wire::media_type;
use crate::wire::path::file_extension;

/// Number of tokens of ten that must be likely in a folder without a strong one.
const LIKELY_OF_TEN: usize = 7;
/// Minimum number of likely tokens in such a folder: a single one may be an odd name.
const LIKELY_MIN: usize = 2;

/// Returns the class of each file. Manifests of bundlers are searched in `folder`.
pub fn classes(files: &[IngestedFile], setting: &Fingerprint, folder: &Path) -> Vec<Class> {
    let paths: Vec<&str> = files.iter().map(|file| file.scanned.path.as_str()).collect();
    let judged = match setting {
        Fingerprint::Auto => judge(&paths, &bundler::bundled(folder, &paths)),
        Fingerprint::None => vec![Class::Other; paths.len()],
        Fingerprint::Patterns(patterns) => {
            let is_listed = |path: &&str| patterns.iter().any(|p| p.matches("", path).is_some());
            let class = |path| if is_listed(path) { Class::Fingerprinted } else { Class::Other };
            paths.iter().map(class).collect()
        }
    };
    let of_type = |(file, class): (&IngestedFile, Class)| {
        if media_type::is_html(&file.media_type) { Class::Html } else { class }
    };
    files.iter().zip(judged).map(of_type).collect()
}

/// Returns the class of each path by its name and the names beside it.
///
/// `bundled`: the paths in a bundler's manifest.
pub fn judge(paths: &[&str], bundled: &HashSet<String>) -> Vec<Class> {
    let site = Listing::survey(paths);
    paths.iter().map(|path| site.class(path, bundled.contains(*path))).collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Demoted {
    pub count: usize,
    /// Paths of files that were served as `immutable`.
    pub surprising: Vec<String>,
}

/// Sets the class of files whose content differs from the live deployment's, although their names
/// are the same. They keep this class until they are gone.
pub fn demote<'a>(
    files: &[IngestedFile],
    classes: &mut [Class],
    live: impl Iterator<Item = (&'a str, Asset)>,
) -> Demoted {
    let candidates = files.iter().zip(classes).filter(|(_, class)| class.outlives_deployment());
    let mut candidates: HashMap<&str, _> =
        candidates.map(|(file, class)| (file.scanned.path.as_str(), (file, class))).collect();
    let mut demoted = Demoted::default();
    for (path, asset) in live {
        let Some((file, class)) = candidates.get_mut(path) else { continue };
        let was_known = asset.class() == Class::Mutable;
        if was_known || asset.identity().hash != file.hash {
            **class = Class::Mutable;
            demoted.count += 1;
            if asset.class() == Class::Fingerprinted {
                demoted.surprising.push(path.to_owned());
            }
        }
    }
    demoted.surprising.sort_unstable();
    demoted
}

/// Returns a warning about changed files whose names look fingerprinted.
pub fn warning(paths: &[String]) -> Option<Problem> {
    let first = paths.first()?;
    let others = match paths.len() - 1 {
        0 => String::new(),
        1 => ", and so did 1 more file".to_owned(),
        n => format!(", and so did {n} more files"),
    };
    let message = format!("looks fingerprinted, but changed under the same name{others}");
    let hint = "it is revalidated from now on; browsers that already hold the old copy may show it \
                for up to a year, so rename the file, or name the fingerprinted files in \
                `fingerprint` of selvedge.toml";
    Some(Problem::of_path(first, message, hint))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Scripts, styles, fonts and wasm: an open page may load them later.
    Code,
    Media,
    Document,
}

fn use_of(extension: &str) -> Use {
    match extension {
        "js" | "mjs" | "cjs" | "css" | "wasm" | "woff" | "woff2" | "ttf" | "otf" | "eot" => {
            Use::Code
        }
        _ => {
            let media_type = media_type::of_path(&format!("/a.{extension}"));
            let is_media = ["image/", "audio/", "video/"].iter().any(|s| media_type.starts_with(s));
            if is_media { Use::Media } else { Use::Document }
        }
    }
}

/// Length and position of a token. Tokens vouch only for others of the same form: `index-D_zS66pC`
/// says nothing about `print-A4`, which is as long as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    length: usize,
    is_whole: bool,
}

impl Form {
    fn of(token: HashToken) -> Self {
        Self { length: token.text.len(), is_whole: token.is_whole }
    }
}

/// The tokens of one form in one folder.
#[derive(Debug, Default)]
struct Group<'a> {
    tokens: HashSet<&'a str>,
    has_strong: bool,
    likely: usize,
}

impl<'a> Group<'a> {
    fn add(&mut self, token: &'a str) {
        if self.tokens.insert(token) {
            let strength = strength(token);
            self.has_strong |= strength == Strength::Strong;
            self.likely += usize::from(strength >= Strength::Likely);
        }
    }

    fn is_hashed(&self, form: Form) -> bool {
        let enough = self.likely * 10 >= self.tokens.len() * LIKELY_OF_TEN;
        let enough = enough && self.likely >= LIKELY_MIN;
        // A whole name is words more often than a suffix is: neither sign is enough alone.
        if form.is_whole { self.has_strong && enough } else { self.has_strong || enough }
    }
}

#[derive(Debug, Default)]
struct Folder<'a> {
    code: HashMap<Form, Group<'a>>,
    other: HashMap<Form, Group<'a>>,
    code_files: usize,
    code_files_with_token: usize,
}

impl Folder<'_> {
    fn is_hashed(&self) -> bool {
        self.code.iter().any(|(form, group)| group.is_hashed(*form))
    }

    fn is_uniform(&self) -> bool {
        self.code_files == self.code_files_with_token
    }
}

/// Evidence from all files of the site.
struct Listing<'a> {
    folders: HashMap<&'a str, Folder<'a>>,
    /// Folders below the root that hold hashed code, or another folder that does.
    near_code: HashSet<&'a str>,
    /// Forms of the tokens of hashed code anywhere.
    forms: HashSet<Form>,
}

impl<'a> Listing<'a> {
    fn survey(paths: &[&'a str]) -> Self {
        let mut folders: HashMap<&str, Folder> = HashMap::new();
        for path in paths.iter().filter(|path| !is_framework_output(path)) {
            let folder = folders.entry(parent(path)).or_default();
            let token = HashToken::of(path);
            let own = || file_extension(path).unwrap_or_default();
            let extension = token.map_or_else(own, |token| token.extension);
            let is_code = use_of(extension) == Use::Code;
            folder.code_files += usize::from(is_code);
            let Some(token) = token else { continue };
            folder.code_files_with_token += usize::from(is_code);
            let groups = if is_code { &mut folder.code } else { &mut folder.other };
            groups.entry(Form::of(token)).or_default().add(token.text);
        }
        let hashed = || folders.iter().filter(|(_, folder)| folder.is_hashed());
        let near_code = hashed().flat_map(|(name, _)| [*name, parent(name)]);
        let near_code = near_code.filter(|name| !name.is_empty()).collect();
        let groups = hashed().flat_map(|(_, folder)| &folder.code);
        let forms = groups.filter(|(form, group)| group.is_hashed(**form)).map(|(form, _)| *form);
        let forms = forms.collect();
        Self { folders, near_code, forms }
    }

    fn class(&self, path: &str, is_bundled: bool) -> Class {
        if is_framework_output(path) {
            return Class::Fingerprinted;
        }
        let Some(token) = HashToken::of(path) else { return Class::Other };
        let name = parent(path);
        let Some(folder) = self.folders.get(name) else { return Class::Other };
        let use_of = use_of(token.extension);
        let is_fingerprinted = is_bundled
            || match use_of {
                Use::Code => self.is_hashed_code(folder, token),
                Use::Media => {
                    self.is_near_hashes(name, Form::of(token), folder)
                        && self.is_hashed_other(folder, token)
                }
                Use::Document => {
                    self.is_near_code(name, folder) && self.is_hashed_other(folder, token)
                }
            };
        if is_fingerprinted {
            return Class::Fingerprinted;
        }
        let in_hashes = folder.is_hashed() || folder.is_uniform();
        let is_word = is_wordlike(token.text, Words::Strict) && !folder.is_hashed();
        match use_of == Use::Code && in_hashes && !is_word {
            true => Class::Retained,
            false => Class::Other,
        }
    }

    fn is_hashed_code(&self, folder: &Folder, token: HashToken) -> bool {
        let words = if folder.is_uniform() { Words::Strict } else { Words::Loose };
        let form = Form::of(token);
        let is_voted = folder.code.get(&form).is_some_and(|group| group.is_hashed(form))
            && !is_word(token.text)
            && !is_wordlike(token.text, words);
        match strength(token.text) {
            _ if form.is_whole => is_voted,
            Strength::Strong => true,
            Strength::Likely => is_voted || self.forms.contains(&form),
            Strength::Weak => is_voted,
        }
    }

    fn is_hashed_other(&self, folder: &Folder, token: HashToken) -> bool {
        let form = Form::of(token);
        let is_hashed =
            |groups: &HashMap<Form, Group>| groups.get(&form).is_some_and(|g| g.is_hashed(form));
        let is_voted = (is_hashed(&folder.code) || (!form.is_whole && is_hashed(&folder.other)))
            && !is_wordlike(token.text, Words::Loose)
            && !token.text.bytes().all(|b| b.is_ascii_digit());
        (!form.is_whole && strength(token.text) >= Strength::Likely) || is_voted
    }

    /// Returns whether the folder, its parent or one beside it holds hashed code. The root does not
    /// count as a parent: it contains everything.
    fn is_near_code(&self, name: &str, folder: &Folder) -> bool {
        let above = parent(name);
        folder.is_hashed() || (!above.is_empty() && self.near_code.contains(above))
    }

    /// Like [`Self::is_near_code`], or all tokens of the folder are random and code has tokens of
    /// the same form.
    fn is_near_hashes(&self, name: &str, form: Form, folder: &Folder) -> bool {
        let own = folder.other.get(&form);
        let is_random = own.is_some_and(|group| group.likely == group.tokens.len());
        self.is_near_code(name, folder) || (is_random && self.forms.contains(&form))
    }
}

/// Returns whether a token is one word in one case, which random text hardly ever is.
fn is_word(token: &str) -> bool {
    let rest = token.get(1..).unwrap_or_default();
    token.starts_with(|c: char| c.is_ascii_alphabetic())
        && rest.bytes().all(|b| b.is_ascii_lowercase())
        && !token.bytes().all(|b| b.is_ascii_hexdigit())
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
