//! Lists the files of a folder, and all problems that keep them from being published.
//!
//! Reads names and metadata only. Symbolic links inside the folder are followed, links out of it
//! are refused.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};

use ignore::gitignore::Gitignore;
use ignore::{DirEntry, WalkBuilder, WalkState};
use serde::{Deserialize, Serialize};

use crate::publish::config::CONFIG_FILE_NAMES;
use crate::publish::config::settings::Loaded;
use crate::publish::failure::{Failure, Problem};
use crate::publish::lint::other_hosts::{HostFile, Treatment};
use crate::publish::paths::{self, JUNK, RESERVED, WELL_KNOWN};
use crate::publish::patterns::patterns;
use crate::publish::text::{bytes, in_shell};
use crate::site::deployment::manifest::PATHS_MAX;

/// File metadata that changes with the content.
///
/// Tools that preserve the modification time can't set the time of the status change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stat {
    pub size: u64,
    pub modified_nanos: i128,
    /// Time of the last status change; 0 where the system has none.
    pub changed_nanos: i128,
    /// 0 where the system has none.
    pub inode: u64,
}

impl Stat {
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let (changed_nanos, inode) = status_change_and_inode(metadata);
        Self {
            size: metadata.len(),
            modified_nanos: since.map_or(0, |since| since.as_nanos() as i128),
            changed_nanos,
            inode,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedFile {
    /// Published path, decoded.
    pub path: String,
    pub file: PathBuf,
    pub stat: Stat,
}

#[derive(Debug, Default)]
pub struct Scan {
    pub files: Vec<ScannedFile>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

pub fn scan(folder: &Path, loaded: &Loaded, file_bytes_max: u64) -> Result<Scan, Failure> {
    let unreadable = |cause: std::io::Error| {
        let message = format!("{} can't be published", folder.display());
        let hint = "name the folder that holds the built site";
        Failure::refused("invalid-folder", message, hint).because(cause.to_string())
    };
    let root = folder.canonicalize().map_err(unreadable)?;
    fs::read_dir(&root).map_err(unreadable)?;
    let rules = Rules {
        ignore: patterns(&root, &loaded.publish.ignore)?,
        include: patterns(&root, &loaded.publish.include)?,
        include_roots: loaded.publish.include.iter().map(|p| first_segment(p)).collect(),
        config_files: loaded.files.iter().flat_map(|file| file.canonicalize()).collect(),
        file_bytes_max,
        root,
    };
    let mut scan = collect(&rules);
    scan.files.sort_by(|a, b| a.path.cmp(&b.path));
    scan.problems.extend(reserved(&rules.root));
    scan.problems.extend(meeting(&scan.files));
    if scan.files.is_empty() && scan.problems.is_empty() {
        scan.problems.push(empty(folder));
    }
    if scan.files.len() > PATHS_MAX {
        scan.problems.push(Problem {
            message: format!("{} files, more than {PATHS_MAX}", scan.files.len()),
            hint: "leave some out with ignore patterns, or split the site".into(),
            ..Problem::default()
        });
    }
    Ok(scan)
}

struct Rules {
    root: PathBuf,
    ignore: Gitignore,
    include: Gitignore,
    include_roots: Vec<String>,
    config_files: Vec<PathBuf>,
    file_bytes_max: u64,
}

enum Finding {
    File(ScannedFile),
    Problem(Problem),
    Warning(Problem),
}

fn collect(rules: &Rules) -> Scan {
    let mut walk = WalkBuilder::new(&rules.root);
    walk.standard_filters(false).follow_links(true).threads(threads());
    for name in [".selvedgeignore", ".assetsignore"] {
        walk.add_custom_ignore_filename(name);
    }
    let (sender, receiver) = mpsc::channel();
    let walker = walk.build_parallel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            walker.run(|| {
                let sender = sender.clone();
                Box::new(move |entry| visit(rules, entry, &sender))
            });
            drop(sender);
        });
        let mut scan = Scan::default();
        for found in receiver {
            match found {
                Finding::File(file) => scan.files.push(file),
                Finding::Problem(problem) => scan.problems.push(problem),
                Finding::Warning(warning) => scan.warnings.push(warning),
            }
        }
        scan
    })
}

fn visit(
    rules: &Rules,
    entry: Result<DirEntry, ignore::Error>,
    found: &Sender<Finding>,
) -> WalkState {
    let report = |finding: Finding| drop(found.send(finding));
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            report(Finding::Problem(walk_problem(&rules.root, None, &error)));
            return WalkState::Continue;
        }
    };
    if entry.depth() == 0 {
        return WalkState::Continue;
    }
    let relative = entry.path().strip_prefix(&rules.root).unwrap_or(entry.path());
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    let name = entry.file_name().to_str().unwrap_or_default();
    if entry.depth() == 1
        && let Some(host_file) = HostFile::of(name)
        && rules.is_unmentioned(relative, is_folder)
    {
        report(match host_file.treatment {
            Treatment::Refused => Finding::Problem(host_file.problem()),
            Treatment::LeftOut => Finding::Warning(host_file.problem()),
        });
        return WalkState::Skip;
    }
    if !rules.admits(relative, is_folder) {
        return WalkState::Skip;
    }
    if !is_folder && CONFIG_FILE_NAMES.contains(&name) {
        if entry.depth() > 1 && name.starts_with('_') {
            report(Finding::Warning(Problem::of_path(
                &shown(relative),
                "is read only at the root of the folder",
                "move its rules there; here it is neither read nor published",
            )));
        }
        return WalkState::Continue;
    }
    if entry.path_is_symlink() && !stays_inside(&rules.root, entry.path()) {
        report(Finding::Problem(Problem::of_path(
            &shown(relative),
            "is a symbolic link out of the folder",
            "copy what it points to into the folder, or leave the link out with an ignore pattern",
        )));
        return WalkState::Skip;
    }
    if is_folder {
        return WalkState::Continue;
    }
    match rules.file(&entry, relative) {
        Ok(Some(file)) => report(Finding::File(file)),
        Ok(None) => {}
        Err(problem) => report(Finding::Problem(problem)),
    }
    WalkState::Continue
}

impl Rules {
    /// Returns whether a file is published, or a folder is entered.
    fn admits(&self, relative: &Path, is_folder: bool) -> bool {
        let names = relative.components().filter_map(|c| c.as_os_str().to_str());
        let mut hidden = false;
        for name in names {
            if JUNK.contains(&name) {
                return false;
            }
            hidden |= name.starts_with('.') && name != WELL_KNOWN;
        }
        if self.ignore.matched_path_or_any_parents(relative, is_folder).is_ignore() {
            return false;
        }
        if !hidden {
            return true;
        }
        if self.include.matched_path_or_any_parents(relative, is_folder).is_ignore() {
            return true;
        }
        let first = relative.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
        is_folder && self.include_roots.iter().any(|root| root.contains('*') || root == first)
    }

    /// Returns whether no pattern of the site matches a file.
    fn is_unmentioned(&self, relative: &Path, is_folder: bool) -> bool {
        let mentions =
            |list: &Gitignore| list.matched_path_or_any_parents(relative, is_folder).is_ignore();
        !mentions(&self.ignore) && !mentions(&self.include)
    }

    fn file(&self, entry: &DirEntry, relative: &Path) -> Result<Option<ScannedFile>, Problem> {
        if self.config_files.iter().any(|file| file == entry.path()) {
            return Ok(None);
        }
        let path = paths::published_path(relative)
            .map_err(|error| Problem::of_path(&shown(relative), error.message(), error.hint()))?;
        let metadata = fs::metadata(entry.path()).map_err(|cause| {
            Problem::of_path(&path, format!("can't be read: {cause}"), "check its permissions")
        })?;
        if !metadata.is_file() {
            let hint = "leave it out with an ignore pattern";
            return Err(Problem::of_path(&path, "is neither a file nor a folder", hint));
        }
        if metadata.len() > self.file_bytes_max {
            return Err(Problem::of_path(
                &path,
                format!(
                    "has {} bytes ({}); the store takes at most {} ({})",
                    metadata.len(),
                    bytes(metadata.len()),
                    self.file_bytes_max,
                    bytes(self.file_bytes_max),
                ),
                "make it smaller, split it, or leave it out with an ignore pattern",
            ));
        }
        let stat = Stat::of(&metadata);
        Ok(Some(ScannedFile { path, file: entry.path().to_owned(), stat }))
    }
}

fn first_segment(pattern: &str) -> String {
    let pattern = pattern.trim_start_matches('/');
    match pattern.split_once('/') {
        Some((first, _)) => first.to_owned(),
        None => "*".to_owned(),
    }
}

fn stays_inside(root: &Path, link: &Path) -> bool {
    link.canonicalize().is_ok_and(|target| target.starts_with(root))
}

/// `path`: the innermost path known so far.
fn walk_problem(root: &Path, path: Option<&Path>, error: &ignore::Error) -> Problem {
    let (path, cause, hint) = match error {
        ignore::Error::WithPath { path, err } => return walk_problem(root, Some(path), err),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            return walk_problem(root, path, err);
        }
        ignore::Error::Loop { child, .. } => {
            let hint = "remove the symbolic link: it points to a folder above it";
            (Some(child.as_path()), "a loop of symbolic links".to_owned(), hint)
        }
        other => {
            let hint = "check that it exists, its permissions, and the target of the link";
            let io = other.io_error().map(ToString::to_string);
            (path, io.unwrap_or_else(|| other.to_string()), hint)
        }
    };
    Problem {
        path: path.map(|path| shown(path.strip_prefix(root).unwrap_or(path))),
        message: format!("can't be read: {cause}"),
        hint: hint.into(),
        ..Problem::default()
    }
}

/// Returns a path for messages; bytes that are not UTF-8 are replaced.
fn shown(relative: &Path) -> String {
    format!("/{}", relative.to_string_lossy())
}

fn reserved(root: &Path) -> Option<Problem> {
    fs::symlink_metadata(root.join(RESERVED)).ok()?;
    let error = paths::NameError::Reserved;
    Some(Problem::of_path(&format!("/{RESERVED}"), error.message(), error.hint()))
}

fn meeting(files: &[ScannedFile]) -> Vec<Problem> {
    let mut seen: HashMap<_, &str> = HashMap::new();
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| !file.path.is_ascii()) {
        if let Some(other) = seen.insert(paths::composed(&file.path), &file.path) {
            problems.push(twin(&file.path, other));
        }
    }
    problems
}

/// Reports two paths that look the same: macOS writes decomposed names, other systems composed
/// ones.
fn twin(path: &str, other: &str) -> Problem {
    let (path, odd) = if *paths::composed(path) == *path { (path, other) } else { (other, path) };
    let forms = [path, odd].map(paths::spelling);
    let name = odd.rsplit('/').next().unwrap_or(odd);
    Problem::of_path(
        path,
        format!("two files have this name, one {}, one {}", forms[0], forms[1]),
        format!(
            "keep the composed one, which links and browsers use. In a shell the other is {}",
            in_shell(name)
        ),
    )
}

fn empty(folder: &Path) -> Problem {
    Problem {
        message: format!("there is nothing to publish in {}", folder.display()),
        hint: "build the site first, or name its output folder; dotfiles and ignored files don't count"
            .into(),
        ..Problem::default()
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8))
}

#[cfg(unix)]
fn status_change_and_inode(metadata: &Metadata) -> (i128, u64) {
    use std::os::unix::fs::MetadataExt;
    let nanos = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    (nanos, metadata.ino())
}

#[cfg(not(unix))]
fn status_change_and_inode(_: &Metadata) -> (i128, u64) {
    (0, 0)
}
