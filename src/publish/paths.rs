//! Turns file names into published paths, and refuses names that no request could reach.
//!
//! The counterpart of `wire::path`: the canonical address of a published path decodes to that path.

use std::path::{Component, Path};

use unicode_normalization::{UnicodeNormalization, is_nfc_quick};

use crate::site::deployment::shard::PATH_BYTES_MAX;
use crate::wire::path::{self, RequestPath};

/// Leftovers of systems and package managers.
pub const JUNK: [&str; 4] = ["node_modules", ".DS_Store", "Thumbs.db", "desktop.ini"];
/// The one hidden folder that is published (RFC 8615).
pub const WELL_KNOWN: &str = ".well-known";
/// First segment of the paths that Selvedge itself answers on every host.
pub const RESERVED: &str = ".selvedge";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    NotUtf8,
    Control,
    Backslash,
    TooLong(usize),
    Unreachable,
    Reserved,
}

impl NameError {
    pub fn message(self) -> String {
        match self {
            Self::NotUtf8 => "the name is not UTF-8".into(),
            Self::Control => "the name contains a control character".into(),
            Self::Backslash => "the name contains a backslash".into(),
            Self::TooLong(bytes) => {
                format!("the path has {bytes} bytes, more than {PATH_BYTES_MAX}")
            }
            Self::Unreachable => format!(
                "percent-encoded, the path is longer than {} bytes or deeper than {} folders",
                path::PATH_BYTES_MAX,
                path::SEGMENTS_MAX
            ),
            Self::Reserved => format!("/{RESERVED}/ is answered by Selvedge itself on every host"),
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::NotUtf8 => "rename it, for example with convmv",
            Self::Control | Self::Backslash => "rename it: no URL can address it",
            Self::TooLong(_) | Self::Unreachable => "shorten the names of the file or its folders",
            Self::Reserved => "rename the folder",
        }
    }
}

/// Returns the path at which a file is published: decoded, without dot segments, at most
/// [`PATH_BYTES_MAX`] bytes.
pub fn published_path(relative: &Path) -> Result<String, NameError> {
    let mut published = String::new();
    for component in relative.components() {
        let Component::Normal(name) = component else { continue };
        let name = name.to_str().ok_or(NameError::NotUtf8)?;
        if published.is_empty() && name == RESERVED {
            return Err(NameError::Reserved);
        }
        published.push('/');
        published.push_str(name);
    }
    if published.contains('\\') {
        return Err(NameError::Backslash);
    }
    if published.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    if published.len() > PATH_BYTES_MAX {
        return Err(NameError::TooLong(published.len()));
    }
    match RequestPath::parse(&path::encode(&published)) {
        Ok(request) if request.decoded() == published => Ok(published),
        _ => Err(NameError::Unreachable),
    }
}

/// Returns the path in composed form (Unicode NFC).
pub fn composed(path: &str) -> std::borrow::Cow<'_, str> {
    if path.is_ascii() || is_nfc_quick(path.chars()) == unicode_normalization::IsNormalized::Yes {
        return path.into();
    }
    path.nfc().collect::<String>().into()
}

/// Describes the Unicode form of a path, with an example: `composed (NFC, é is U+00E9)`.
pub fn spelling(path: &str) -> String {
    let whole = composed(path);
    let Some(example) = whole.chars().find(|c| !c.is_ascii() && c.nfd().count() > 1) else {
        return "in one Unicode form".into();
    };
    let written = |points: String| {
        let points = points.chars().map(|c| format!("U+{:04X}", u32::from(c)));
        points.collect::<Vec<_>>().join(" ")
    };
    let (one, several) = (written(example.to_string()), written(example.nfd().collect()));
    match (*whole == *path, path.nfd().eq(path.chars())) {
        (true, _) => format!("composed (NFC, {example} is {one})"),
        (false, true) => format!("decomposed (NFD, {example} is {several})"),
        (false, false) => format!("of mixed forms ({example} as {one} and as {several})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<&str, NameError>) {
        let found = published_path(Path::new(name));
        assert_eq!(found.as_deref(), expected.as_deref(), "{name:?}");
    }

    #[test]
    fn paths() {
        check("index.html", Ok("/index.html"));
        check("./a/b.txt", Ok("/a/b.txt"));
        check("a b", Ok("/a b"));
        check("a%20b", Ok("/a%20b"));
        check("a?b#c", Ok("/a?b#c"));
        check("été/ü.html", Ok("/été/ü.html"));
        check(".well-known/x", Ok("/.well-known/x"));
        check("a/.selvedge/b", Ok("/a/.selvedge/b"));
        check(".selvedge/b", Err(NameError::Reserved));
        check("a\\b", Err(NameError::Backslash));
        check("a\nb", Err(NameError::Control));
        check("a\u{85}b", Err(NameError::Control));
    }

    #[test]
    fn lengths() {
        let fits = "a".repeat(PATH_BYTES_MAX - 1);
        assert!(published_path(Path::new(&fits)).is_ok());
        let long = "a".repeat(PATH_BYTES_MAX);
        assert_eq!(published_path(Path::new(&long)), Err(NameError::TooLong(PATH_BYTES_MAX + 1)));
        let encoded = "é".repeat(500);
        assert_eq!(published_path(Path::new(&encoded)), Err(NameError::Unreachable));
        let deep = "a/".repeat(path::SEGMENTS_MAX + 1);
        assert_eq!(published_path(Path::new(&deep)), Err(NameError::Unreachable));
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"a\xffb");
        assert_eq!(published_path(Path::new(name)), Err(NameError::NotUtf8));
    }

    #[test]
    fn composition() {
        assert_eq!(composed("/e\u{301}"), "/é");
        assert_eq!(composed("/é"), "/é");
        assert_eq!(composed("/plain"), "/plain");
    }

    #[test]
    fn spellings() {
        let rows = [
            ("/café.txt", "composed (NFC, é is U+00E9)"),
            ("/cafe\u{301}.txt", "decomposed (NFD, é is U+0065 U+0301)"),
            ("/é/e\u{301}", "of mixed forms (é as U+00E9 and as U+0065 U+0301)"),
            ("/plain", "in one Unicode form"),
        ];
        for (path, expected) in rows {
            assert_eq!(spelling(path), expected, "{path}");
        }
    }
}
