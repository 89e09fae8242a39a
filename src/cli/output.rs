//! Tables and phrases that several commands print.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};

use serde_json::Value;

use crate::wire::date::format_imf;
use crate::wire::time::UnixMillis;

/// The result of a command, for machines and for people.
pub struct Output {
    pub json: Value,
    pub text: String,
}

impl Output {
    /// Shows the list in a member of an answer, one row per item.
    pub fn list(json: Value, member: &str, columns: &[&str]) -> Self {
        let text = list(&json[member], columns);
        Self { json, text }
    }

    /// Shows a secret that the server never shows again.
    pub fn secret(json: Value, member: &str) -> Self {
        eprintln!("this is shown once; store it in a safe place:");
        let text = format!("{}\n", json[member].as_str().unwrap_or_default());
        Self { json, text }
    }
}

/// Returns the prefix of error messages, in red on a terminal unless `NO_COLOR` is set.
pub fn error_prefix() -> &'static str {
    let wanted =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted { "\u{1b}[1;31merror\u{1b}[0m:" } else { "error:" }
}

pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Says when a change takes effect.
pub fn in_force(seconds: u64) -> String {
    match seconds {
        0 => "  in force with the next request\n".to_owned(),
        _ => format!("  in force everywhere within {seconds} s\n"),
    }
}

pub fn time(millis: u64) -> String {
    format_imf(UnixMillis(millis).seconds())
}

fn list(list: &Value, members: &[&str]) -> String {
    let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
        return "none\n".into();
    };
    let title = |member: &&str| member.trim_end_matches("_ms").to_uppercase();
    let mut rows = vec![members.iter().map(title).collect()];
    for item in items {
        rows.push(members.iter().map(|member| cell(member, item)).collect());
    }
    table(&rows)
}

fn cell(member: &str, item: &Value) -> String {
    match &item[member] {
        Value::Null if item.is_string() => item.as_str().unwrap_or_default().to_owned(),
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().map(|item| item.as_str().unwrap_or("?")).collect();
            texts.join(",")
        }
        Value::Number(number) if member.ends_with("_ms") => time(number.as_u64().unwrap_or(0)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["A", "BB"], ["long", "x"], ["é", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "A     BB\nlong  x\né\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn lists() {
        let value = json!([{"id": "a1", "scopes": ["publish", "read"], "expires_ms": null}]);
        let text = list(&value, &["id", "scopes", "expires_ms"]);
        assert_eq!(text, "ID  SCOPES        EXPIRES\na1  publish,read  -\n");
        assert_eq!(list(&json!(["www"]), &["site"]), "SITE\nwww\n");
        assert_eq!(list(&json!([]), &["site"]), "none\n");
    }
}
