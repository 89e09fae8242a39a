//! Takedowns: published paths that retained deployments and deployment addresses no longer serve.
//!
//! Stages keep serving their live deployment unchanged: to remove a path there, publish without it.

use serde::{Deserialize, Serialize};

use crate::site::deployment::shard::PATH_BYTES_MAX;
use crate::wire::path::{self, RequestPath};
use crate::wire::time::UnixMillis;

/// Maximum number of takedowns per site. The site record holds them, and every admin call reads it.
pub const TAKEDOWNS_MAX: usize = 500;

/// Suffix of a folder in text form.
const WILDCARD: &str = "/*";

/// The published files that a takedown hides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TakedownPath {
    /// One decoded path, and the pages that any `html` mode serves at this address.
    Exact(String),
    /// All files below a decoded folder, which ends in `/`.
    Below(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takedown {
    pub path: TakedownPath,
    pub at_ms: UnixMillis,
    /// Name of the token that made it.
    pub by: String,
}

impl TakedownPath {
    /// Parses a URL path such as `/about` or `/private/*`; `None` if no published file can be
    /// there: it has a query or a fragment, or is too long.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['?', '#']) {
            return None;
        }
        let decoded = |text: &str| {
            let path = RequestPath::parse(text).ok()?;
            Some(path.decoded().to_owned()).filter(|path| path.len() <= PATH_BYTES_MAX)
        };
        match text.strip_suffix('*').filter(|_| text.ends_with(WILDCARD)) {
            Some(folder) => decoded(folder).map(Self::Below),
            None => decoded(text).map(Self::Exact),
        }
    }

    /// Returns the text form, percent-encoded; [`TakedownPath::parse`] reads it back.
    pub fn to_text(&self) -> String {
        match self {
            Self::Below(folder) => [&path::encode(folder), "*"].concat(),
            Self::Exact(exact) => {
                let text = path::encode(exact);
                // A file that is really named `*` must not read back as a prefix.
                match text.strip_suffix('*').filter(|folder| folder.ends_with('/')) {
                    Some(folder) => [folder, "%2A"].concat(),
                    None => text,
                }
            }
        }
    }

    /// Whether a published file is hidden.
    ///
    /// An exact path hides the pages of its address under every `html` mode, because deployments of
    /// one site can differ in theirs.
    pub fn hides(&self, file: &str) -> bool {
        match self {
            Self::Below(folder) => file.starts_with(folder.as_str()),
            Self::Exact(exact) => file == exact || self.pages().any(|page| page == file),
        }
    }

    /// Returns the files that an exact path hides; `None` for a prefix.
    pub fn files(&self) -> Option<Vec<String>> {
        match self {
            Self::Below(_) => None,
            Self::Exact(exact) => Some([exact.clone()].into_iter().chain(self.pages()).collect()),
        }
    }

    fn pages(&self) -> impl Iterator<Item = String> {
        let exact = match self {
            Self::Exact(exact) => exact.as_str(),
            Self::Below(_) => "",
        };
        let base = exact.strip_suffix('/').unwrap_or(exact);
        [".html", "/index.html"].into_iter().map(move |ending| [base, ending].concat())
    }
}

impl TryFrom<String> for TakedownPath {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("must be a path")
    }
}

impl From<TakedownPath> for String {
    fn from(path: TakedownPath) -> String {
        path.to_text()
    }
}

/// Whether a takedown hides a published file.
pub fn is_hidden(takedowns: &[Takedown], file: &str) -> bool {
    takedowns.iter().any(|takedown| takedown.path.hides(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, hidden: &[&str], shown: &[&str]) {
        let path = TakedownPath::parse(text).unwrap();
        for file in hidden {
            assert!(path.hides(file), "{text} hides {file}");
        }
        for file in shown {
            assert!(!path.hides(file), "{text} does not hide {file}");
        }
        assert_eq!(TakedownPath::parse(&path.to_text()), Some(path), "{text}");
    }

    #[test]
    fn files_that_a_path_hides() {
        check("/a.pdf", &["/a.pdf"], &["/b/a.pdf", "/a.pdf2", "/a", "/A.pdf"]);
        check("/about", &["/about", "/about.html", "/about/index.html"], &["/about/team.html"]);
        check("/about/", &["/about.html", "/about/index.html"], &["/about/a.html", "/about2.html"]);
        check("/about.html", &["/about.html"], &["/about", "/about/index.html"]);
        check("/", &["/index.html"], &["/a.html", "/a/index.html"]);
        check("/private/*", &["/private/a", "/private/a/b.pdf"], &["/private", "/private.html"]);
        check("/*", &["/a", "/index.html"], &[]);
        check("/a%20b.pdf", &["/a b.pdf"], &["/a%20b.pdf"]);
        check("//a///b", &["/a/b"], &[]);
        check("/a/%2A", &["/a/*"], &["/a/b"]);
        check("/a*", &["/a*"], &["/ab"]);
    }

    #[test]
    fn invalid_paths() {
        for text in ["", "a", "*", "/a?b", "/a#b", "/../a", "/a/%2e%2e/b", "/%zz/*", "/a\0b"] {
            assert_eq!(TakedownPath::parse(text), None, "{text:?}");
        }
        let of = |bytes: usize| ["/", &"a".repeat(bytes - 1)].concat();
        assert!(TakedownPath::parse(&of(PATH_BYTES_MAX)).is_some());
        assert_eq!(TakedownPath::parse(&of(PATH_BYTES_MAX + 1)), None);
    }
}
