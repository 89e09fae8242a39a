//! What commands print for people; machines get JSON.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};

use serde_json::Value;

use crate::publish::progress::bytes;
use crate::publish::run::Published;
use crate::publish::words::counted;
use crate::site::api::{Purged, StageView, TakenDown};
use crate::site::ids::{SiteName, StageName};
use crate::site::records::ban::{BanScope, BannedObject};
use crate::site::records::takedown::Takedown;
use crate::wire::date::format_imf;
use crate::wire::time::{UnixMillis, UnixSeconds};

/// The word that errors begin with, red where colours are wanted.
pub fn error_word() -> &'static str {
    let wanted =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted { "\u{1b}[1;31merror\u{1b}[0m:" } else { "error:" }
}

/// Rows in columns, the first row their titles.
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

/// What a publish did, for people.
pub fn published(published: &Published) -> String {
    let Published { files, stage, site, seconds, .. } = published;
    let verb = match (published.dry_run, published.activated, published.changed) {
        (true, ..) => "Would publish",
        (false, false, _) => "Stored",
        (false, true, true) => "Published",
        (false, true, false) => "Already live:",
    };
    let size = bytes(published.bytes);
    let files = counted(*files, "file");
    let mut text = format!("{verb} {files} ({size}) of {site} in {seconds:.1} s\n");
    let mut rows = vec![vec![
        "deployment".into(),
        published.deployment.to_string(),
        published.deployment_url.clone().unwrap_or_default(),
    ]];
    if let Some(url) = &published.url {
        rows.push(vec!["stage".into(), stage.to_string(), url.clone()]);
    }
    for row in &mut rows {
        row.insert(0, String::new());
    }
    text.push_str(&table(&rows));
    let (sent, kept) = (published.blobs_sent, published.blobs_kept);
    let _ = writeln!(text, "  {}", transfer(published.dry_run, sent, published.bytes_sent, kept));
    if published.fingerprinted > 0 {
        let count = counted(published.fingerprinted, "fingerprinted file");
        let _ = writeln!(text, "  {count}, kept by browsers for a year");
    }
    if let Some(seconds) = published.effective_within_secs.filter(|_| published.changed) {
        let _ = match seconds {
            0 => writeln!(text, "  in force with the next request"),
            _ => writeln!(text, "  in force everywhere within {seconds} s"),
        };
    }
    text
}

/// Blobs that were sent, and those that the server had.
fn transfer(dry_run: bool, sent: usize, bytes_sent: u64, kept: usize) -> String {
    let done = if dry_run { "to send" } else { "sent" };
    let bytes = bytes(bytes_sent);
    let were = if kept == 1 { "was" } else { "were" };
    match (sent, kept) {
        (0, 0) => format!("nothing {done}"),
        (0, _) => format!("nothing {done}; {} {were} there already", counted(kept, "blob")),
        (_, 0) => format!("{done} {} ({bytes})", counted(sent, "blob")),
        (_, _) => {
            format!("{done} {} ({bytes}); {kept} {were} there already", counted(sent, "blob"))
        }
    }
}

/// The deployments of stages, for people.
pub fn deployments(stages: &[StageView]) -> String {
    if stages.is_empty() {
        return "nothing was published yet\n".into();
    }
    let mut rows = vec![titles(&["STAGE", "DEPLOYMENT", "STATE", "LIVE FROM", "UNTIL", "BY"])];
    for live in stages {
        let state = format!("live, {} (seq {})", live.kind.as_str(), live.seq);
        let (stage, by) = (live.stage.to_string(), live.by.clone());
        rows.push(vec![
            stage,
            live.deployment.to_string(),
            state,
            time(live.activated_ms.0),
            String::new(),
            by,
        ]);
        for retained in &live.retained {
            let state = if retained.rolled_back { "rolled back" } else { "retained" };
            let (from, until) = (time(retained.activated_ms.0), time(retained.superseded_ms.0));
            rows.push(vec![
                String::new(),
                retained.deployment.to_string(),
                state.into(),
                from,
                until,
            ]);
        }
    }
    table(&rows)
}

/// A number of things, for people.
pub fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// By when a change is in force, for people.
pub fn in_force(seconds: u64) -> String {
    match seconds {
        0 => "  in force with the next request\n".to_owned(),
        _ => format!("  in force everywhere within {seconds} s\n"),
    }
}

/// Describes a takedown for people, with the stages that still serve the path.
pub fn taken_down(taken_down: &TakenDown, site: &SiteName) -> String {
    let TakenDown { takedown, changed, live_on, unchecked, .. } = taken_down;
    let Takedown { path, at_ms, by } = takedown;
    let path = path.to_text();
    let mut text = match changed {
        true => format!("{path} is taken down\n"),
        false => format!("{path} was taken down already, by {by} on {}\n", time(at_ms.0)),
    };
    text.push_str(&in_force(taken_down.effective_within_secs));
    let names =
        |stages: &[StageName]| stages.iter().map(StageName::as_str).collect::<Vec<_>>().join(", ");
    if !live_on.is_empty() {
        let stages = names(live_on);
        let _ = writeln!(text, "  STILL SERVED live on {stages}: publish without it");
    }
    if !unchecked.is_empty() {
        let stages = names(unchecked);
        let _ = writeln!(text, "  {stages} may serve it live: too large to search; check it there");
    }
    let _ = writeln!(text, "  to show it again: selvedge takedown --site {site} --undo '{path}'");
    text
}

/// What was invalidated, for people: what, and by when it is in force everywhere.
pub fn purged(purged: &Purged) -> String {
    let what = match &purged.scope {
        BanScope::All => "everything".to_owned(),
        BanScope::Path(path) => path.clone(),
        BanScope::Prefix(prefix) => format!("all that begins with {prefix}"),
        BanScope::Tag(tag) => format!("all that is tagged {tag}"),
        BanScope::Collection(name) => format!("the collection {name}"),
        BanScope::Object(BannedObject { collection, name }) => format!("{collection}/{name}"),
    };
    let Purged { stage, seq, at_ms, effective_within_secs: seconds, .. } = purged;
    let mut text = format!("{stage}: purged {what} (seq {seq})\n");
    let by = time(at_ms.plus(seconds.saturating_mul(1_000)).0);
    let _ = match seconds {
        0 => writeln!(text, "  in force with the next request"),
        _ => writeln!(text, "  in force everywhere within {seconds} s, by {by}"),
    };
    text
}

/// Objects of a list, one line each, by the members named.
pub fn list(list: &Value, members: &[&str]) -> String {
    let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
        return "none\n".into();
    };
    let upper: Vec<String> =
        members.iter().map(|member| member.trim_end_matches("_ms").to_uppercase()).collect();
    let mut rows = vec![upper];
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

fn titles(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

fn time(millis: u64) -> String {
    format_imf(UnixSeconds(UnixMillis(millis).seconds().0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn transfers() {
        let rows = [
            (0, 0, true, "nothing to send"),
            (0, 1, false, "nothing sent; 1 blob was there already"),
            (0, 3, true, "nothing to send; 3 blobs were there already"),
            (1, 0, false, "sent 1 blob (1.5 kB)"),
            (2, 1, false, "sent 2 blobs (1.5 kB); 1 was there already"),
            (2, 9, true, "to send 2 blobs (1.5 kB); 9 were there already"),
        ];
        for (sent, kept, dry_run, expected) in rows {
            assert_eq!(transfer(dry_run, sent, 1_500, kept), expected);
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [titles(&["A", "BB"]), titles(&["long", "x"]), titles(&["é", ""])];
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
