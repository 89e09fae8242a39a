//! Diagnostics of a site's configuration, with the file and line that they are about.
//!
//! Parsers continue after a mistake, so that a publish reports all of them at once.

use std::fmt;

use crate::site::rules::mistake::Mistake;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is published: the intended effect would be lost.
    Error,
    /// The text has no effect, or not the one that it seems to have.
    Warning,
    /// It works, but compiles to something else than the text says.
    Note,
}

/// Printed as `file:line: message`, with the remedy indented on the next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the user knows it.
    pub file: String,
    /// From 1.
    pub line: u32,
    pub severity: Severity,
    pub message: String,
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        let Self { file, line, message, remedy, .. } = self;
        write!(f, "{file}:{line}: {severity}{message}\n    {remedy}")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    pub file: String,
    pub line: u32,
    pub rule: T,
}

#[derive(Debug, Clone)]
pub struct Report {
    file: String,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), diagnostics: Vec::new() }
    }

    pub fn error(&mut self, line: u32, message: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Severity::Error, line, &message, &remedy);
    }

    /// Adds a mistake that stops a publish.
    pub fn mistake(&mut self, line: u32, mistake: &Mistake) {
        self.error(line, mistake, mistake.remedy());
    }

    pub fn warning(&mut self, line: u32, message: impl fmt::Display, remedy: impl fmt::Display) {
        self.add(Severity::Warning, line, &message, &remedy);
    }

    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

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

/// Returns the trimmed lines of a text file with their numbers, without empty lines and lines that
/// begin with `#`. Accepts a byte order mark and carriage returns.
pub fn rule_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = (1_u32..).zip(text.split('\n'));
    numbered
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

impl<T> Located<T> {
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
