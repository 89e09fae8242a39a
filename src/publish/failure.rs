//! Problems of a folder, and failures that end a command.
//!
//! A message says what is wrong and where, a hint says what to do.

use std::fmt;
use std::io::ErrorKind;

use serde::Serialize;
use serde_json::{Value, json};

use crate::publish::text::counted;
use crate::site::ids::SiteName;
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};

/// A problem that the author of a site should fix.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Path below the published folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub message: String,
    pub hint: String,
}

impl Problem {
    /// A problem of a published file.
    pub fn of_path(path: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), hint.into());
        Self { path: Some(path.to_owned()), message, hint, ..Self::default() }
    }

    /// A problem of a line of a configuration file.
    pub fn located<T>(
        at: &Located<T>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::from(&at.diagnostic(Severity::Error, message, hint))
    }
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            path: None,
            file: Some(diagnostic.file.clone()),
            line: Some(diagnostic.line as usize),
            message: diagnostic.message.clone(),
            hint: diagnostic.remedy.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:{}: ", self.line.unwrap_or(1))?;
        }
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.escape_debug())?;
        }
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.hint) }
    }
}

#[derive(Debug, Default)]
pub struct Findings {
    /// Problems that stop a publish.
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub notes: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Something has to change first; nothing was done.
    Refused,
    /// Something broke; a retry may help.
    Failed,
}

impl Ending {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Failed => 2,
        }
    }
}

/// The reason that a command has no result.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub ending: Ending,
    /// For machines: a code of the server, or `invalid-folder`, `unreachable`, `io`.
    pub code: Box<str>,
    pub message: String,
    pub why: Option<Box<str>>,
    pub hint: Option<Box<str>>,
    pub problems: Vec<Problem>,
    /// Members that the server added, such as the winner of a lost race.
    pub detail: Option<Box<Value>>,
}

impl Failure {
    pub fn refused(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Ending::Refused, code, message.into(), Some(hint.into()))
    }

    /// A failure of the network, the server or the disk.
    pub fn failed(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Ending::Failed, code, message.into(), Some(hint.into()))
    }

    pub fn io(what: impl fmt::Display, cause: &std::io::Error) -> Self {
        if matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            let hint = "free space on that disk; XDG_CACHE_HOME and TMPDIR move the cache and \
                        temporary files to another";
            let message = format!("{what}: the disk is full");
            return Self::failed("disk-full", message, hint).because(cause.to_string());
        }
        let hint = "check that the file exists, its permissions, and the free space on the disk";
        Self::failed("io", what.to_string(), hint).because(cause.to_string())
    }

    /// Adds a cause, after those that are known already.
    pub fn because(mut self, cause: impl Into<Box<str>>) -> Self {
        let cause = cause.into();
        self.why = Some(match self.why {
            Some(known) => format!("{known}; {cause}").into(),
            None => cause,
        });
        self
    }

    pub fn invalid_folder(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        let message = format!("{} found", counted(problems.len(), "problem"));
        let hint = match problems.len() {
            1 => "nothing was sent; fix it and publish again",
            _ => "nothing was sent; fix them and publish again",
        };
        Self { problems, ..Self::refused("invalid-folder", message, hint) }
    }

    /// Adds the name of a site that does not exist, to reveal typos.
    pub fn of_site(mut self, site: Option<&SiteName>) -> Self {
        if let Some(site) = site.filter(|_| self.message == "there is no such site") {
            self.message = format!("there is no site `{site}`");
        }
        self
    }

    /// Adds that a second publish sends only the rest.
    pub fn of_upload(mut self, was_server_heard: bool) -> Self {
        let is_passing =
            matches!(&*self.code, "unreachable" | "unavailable") || self.code.starts_with("http-5");
        if is_passing && was_server_heard {
            let kept = "the files sent so far are kept: publish again to send the rest";
            self.hint = Some(match self.hint {
                Some(hint) => format!("{hint}\n  {kept}").into(),
                None => kept.into(),
            });
        }
        self
    }

    /// Returns the object that `--json` prints.
    pub fn to_json(&self) -> Value {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "why": self.why,
            "hint": self.hint,
            "problems": self.problems,
        });
        if let (Some(members), Some(Value::Object(detail))) =
            (error.as_object_mut(), self.detail.as_deref())
        {
            for (name, value) in detail {
                members.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        json!({ "error": error })
    }

    fn new(ending: Ending, code: &str, message: String, hint: Option<String>) -> Self {
        let (code, hint) = (code.into(), hint.map(String::into_boxed_str));
        Self { ending, code, message, why: None, hint, problems: Vec::new(), detail: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.message)?;
        for problem in &self.problems {
            writeln!(f, "  {}", problem.to_string().replace('\n', "\n  "))?;
        }
        if let Some(why) = &self.why {
            writeln!(f, "  {why}")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lists_everything_once_and_in_order() {
        let b = Problem::of_path("/b", "is too long", "shorten it");
        let a = Problem {
            file: Some("_headers".into()),
            line: Some(3),
            message: "no such header".into(),
            hint: "write another".into(),
            ..Problem::default()
        };
        let failure = Failure::invalid_folder(vec![b.clone(), a, b]);
        assert_eq!(failure.ending.exit_code(), 1);
        assert_eq!(
            failure.to_string(),
            "2 problems found\n\n  _headers:3: no such header\n      write another\n  \
             /b: is too long\n      shorten it\n  nothing was sent; fix them and publish again\n"
        );
        let json = failure.to_json();
        assert_eq!(json["error"]["code"], "invalid-folder");
        assert_eq!(json["error"]["problems"][0]["line"], 3);
        assert_eq!(json["error"]["problems"][1]["path"], "/b");
    }

    #[test]
    fn a_full_disk_is_recognised() {
        // ENOSPC and EDQUOT, then ENOENT.
        for (code, expected) in [(28, "disk-full"), (122, "disk-full"), (2, "io")] {
            let cause = std::io::Error::from_raw_os_error(code);
            let failure = Failure::io("/cache/x.pack", &cause);
            assert_eq!((&*failure.code, failure.ending), (expected, Ending::Failed));
            assert!(failure.message.starts_with("/cache/x.pack"), "{failure}");
            assert_eq!(failure.to_string().contains("XDG_CACHE_HOME"), code != 2, "{failure}");
        }
    }

    #[test]
    fn members_of_the_server_replace_nothing() {
        let mut failure = Failure::refused("lost-race", "m", "h");
        failure.detail = Some(json!({"winner": {"seq": 7}, "code": "other"}).into());
        assert_eq!(failure.to_json()["error"]["winner"]["seq"], 7);
        assert_eq!(failure.to_json()["error"]["code"], "lost-race");
    }
}
