//! What is wrong with a site's configuration, said where it was written.
//!
//! A diagnostic is for the person who publishes; nothing of it is carried in a deployment. The
//! parsers that make them go on after a mistake, so that all are reported at once.

use std::fmt;

/// Whether a diagnostic stops a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is published: what was meant would be lost.
    Error,
    /// It is published: what was written has no effect, or not the one it seems to have.
    Warning,
    /// It works, compiled to something else than it says.
    Note,
}

/// One mistake.
///
/// # Shape
/// Printed as `file:line: message`, the remedy indented on the next line; a warning and a note say
/// so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as its reader knows it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// Whether it stops a publish.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        let Self { file, line, message, remedy, .. } = self;
        write!(formatter, "{file}:{line}: {severity}{message}\n    {remedy}")
    }
}

/// A rule with the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The file as its reader knows it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What was written there.
    pub rule: T,
}

/// The diagnostics of one file, as they are found.
#[derive(Debug, Clone)]
pub struct Report {
    file: String,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Returns a report of a file without anything in it.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), diagnostics: Vec::new() }
    }

    /// Adds a mistake that stops a publish.
    pub fn error(&mut self, line: u32, message: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Severity::Error, line, &message, &remedy);
    }

    /// Adds a mistake that does not stop a publish.
    pub fn warning(&mut self, line: u32, message: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Severity::Warning, line, &message, &remedy);
    }

    /// Returns a rule as written on a line of the file.
    pub fn locate<T>(&self, line: u32, rule: T) -> Located<T> {
        Located { file: self.file.clone(), line, rule }
    }

    /// Returns the diagnostics in the order of their lines.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.line);
        self.diagnostics
    }

    fn add(
        &mut self,
        severity: Severity,
        line: u32,
        message: &dyn fmt::Display,
        remedy: &dyn fmt::Display,
    ) {
        self.diagnostics.push(Diagnostic {
            file: self.file.clone(),
            line,
            severity,
            message: message.to_string(),
            remedy: remedy.to_string(),
        });
    }
}

/// Returns the lines of a text file with their numbers, trimmed, without empty lines and comments.
///
/// # Shape
/// Comments are lines that begin with `#`. A byte order mark and carriage returns are dropped.
pub fn rule_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = (1_u32..).zip(text.split('\n'));
    numbered
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

impl<T> Located<T> {
    /// Returns a diagnostic for this place.
    pub fn diagnostic(
        &self,
        severity: Severity,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnostic {
        let (file, line) = (self.file.clone(), self.line);
        Diagnostic { file, line, severity, message: message.into(), remedy: remedy.into() }
    }

    /// Returns this place as a diagnostic of `file` refers to it: `line 3`, or `other.toml:3`.
    pub fn place(&self, file: &str) -> String {
        match self.file == file {
            true => format!("line {}", self.line),
            false => format!("{}:{}", self.file, self.line),
        }
    }

    /// Returns another rule at the same place.
    pub fn with<U>(&self, rule: U) -> Located<U> {
        Located { file: self.file.clone(), line: self.line, rule }
    }
}
