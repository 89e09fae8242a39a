//! Reads `web.response-headers` of App Builder's `app.config.yaml` and `ext.config.yaml`.
//!
//! It maps selectors to headers; later selectors override earlier ones. The rest of the files is
//! ignored.

use serde_norway::Value;

use crate::site::rules::header_op::HeaderOp;
use crate::site::rules::pattern::Language;
use crate::site::source::diagnostic::{Diagnostic, Report};
use crate::site::source::header_lines::{self, HeaderLines};

pub const FILE_NAMES: [&str; 2] = ["app.config.yaml", "ext.config.yaml"];

const REMEDY: &str = "Write it as for App Builder: a selector, and below it `Name: value`.";

#[derive(Debug, Default)]
pub struct AppConfig {
    pub headers: HeaderLines,
    /// Files that hold its extensions, relative to its folder.
    pub includes: Vec<String>,
}

/// Returns the rules of a file and everything that is wrong with it.
pub fn parse(file: &str, text: &str) -> (AppConfig, Vec<Diagnostic>) {
    let mut reader =
        AppConfigReader { text, report: Report::new(file), read: AppConfig::default() };
    match serde_norway::from_str::<Value>(text) {
        Ok(mut root) => {
            // App Builder reports merge keys that merge nothing.
            let _ = root.apply_merge();
            reader.root(&root);
        }
        Err(error) => {
            let line = error.location().map_or(1, |at| u32::try_from(at.line()).unwrap_or(1));
            reader.report.error(line.max(1), error, "Correct the YAML syntax: https://yaml.org.");
        }
    }
    (reader.read, reader.report.into_diagnostics())
}

struct AppConfigReader<'t> {
    text: &'t str,
    report: Report,
    read: AppConfig,
}

impl AppConfigReader<'_> {
    fn root(&mut self, root: &Value) {
        self.web(root, &[]);
        if let Some(application) = root.get("application") {
            self.web(application, &["application"]);
        }
        for (name, extension) in
            root.get("extensions").and_then(Value::as_mapping).into_iter().flatten()
        {
            let Some(name) = name.as_str() else { continue };
            self.web(extension, &["extensions", name]);
            if let Some(include) = extension.get("$include").and_then(Value::as_str) {
                self.read.includes.push(include.to_owned());
            }
        }
    }

    fn web(&mut self, parent: &Value, place: &[&str]) {
        let Some(headers) = parent.get("web").and_then(|web| web.get("response-headers")) else {
            return;
        };
        let place = [place, &["web", "response-headers"]].concat();
        match headers {
            Value::Null => {}
            Value::Mapping(selectors) => {
                for (selector, headers) in selectors {
                    self.rule(selector, headers, &place);
                }
            }
            _ => {
                let line = self.line(&place);
                self.report.error(line, "`response-headers` is not a map of selectors", REMEDY);
            }
        }
    }

    fn rule(&mut self, selector: &Value, headers: &Value, place: &[&str]) {
        let Some(selector) = scalar(selector) else {
            let line = self.line(place);
            self.report.error(line, "a selector is not a text", REMEDY);
            return;
        };
        let place = [place, &[&*selector]].concat();
        let line = self.line(&place);
        let Some(written) = headers.as_mapping() else {
            let message = format!("`{selector}` is not a map of headers");
            self.report.error(line, message, REMEDY);
            return;
        };
        let mut ops = Vec::new();
        for (name, value) in written {
            let name = scalar(name).unwrap_or_default();
            let line = self.line(&[&place[..], &[&*name]].concat());
            let Some(value) = scalar(value) else {
                let message = format!("the value of the header `{name}` is not a text");
                self.report.error(line, message, REMEDY);
                continue;
            };
            let op = HeaderOp::Set(name.to_ascii_lowercase(), value.trim().to_owned());
            ops.extend(header_lines::checked(&mut self.report, line, &name, op));
        }
        self.read.headers.add(&mut self.report, line, (Language::Selector, &selector), ops);
    }

    /// Returns the line of the last key of a path of keys, as far as it is found.
    ///
    /// Keys are found by indentation. In flow style (`{a: {b: c}}`) it returns the line of the last
    /// key in block style.
    fn line(&self, place: &[&str]) -> u32 {
        let mut lines = (1_u32..)
            .zip(self.text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let mut found = 1;
        let mut parent: Option<usize> = None;
        for key in place {
            // Only lines of the parent's own children count, not those of their children.
            let mut children: Option<usize> = None;
            let hit = lines.find_map(|(number, line)| {
                let indent = line.len() - line.trim_start().len();
                if parent.is_some_and(|parent| indent <= parent) {
                    return Some(None);
                }
                let depth = *children.get_or_insert(indent);
                (indent == depth && begins_with_key(line.trim_start(), key))
                    .then_some(Some((number, indent)))
            });
            let Some(Some((number, indent))) = hit else { break };
            (found, parent) = (number, Some(indent));
        }
        found
    }
}

fn begins_with_key(line: &str, key: &str) -> bool {
    let unquoted = |quote: &str| {
        line.strip_prefix(quote)?
            .strip_prefix(key)?
            .strip_prefix(quote)?
            .trim_start()
            .strip_prefix(':')
    };
    ["", "\"", "'"].into_iter().any(|quote| unquoted(quote).is_some())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
