//! Reads `selvedge.toml`, key by key, so that each mistake is reported.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::publish::config::media::{PresetFile, media};
use crate::publish::config::settings::{Fingerprint, PublishSettings};
use crate::publish::config::sources::{self, Sources};
use crate::publish::config::toml_source::TomlSource;
use crate::site::config::{CanonicalStatus, NotFoundMode, STAGES_MAX, SiteConfig, StageSettings};
use crate::site::deployment::asset::is_sendable_type;
use crate::site::ids::StageName;
use crate::site::rules::RedirectRule;
use crate::site::rules::header_op::HeaderOp;
use crate::site::rules::header_policy::check_value;
use crate::site::rules::pattern::{Language, Pattern};
use crate::site::source::diagnostic::{Diagnostic, Located};
use crate::site::source::fallback::Fallback;
use crate::site::source::header_lines::{self, HeaderLines};
use crate::site::source::redirects_file::STATUS_DEFAULT;
use crate::wire::time::DeltaSeconds;

pub const FILE_NAME: &str = "selvedge.toml";

/// A year, the maximum that caches treat as meaningful.
pub const EDGE_TTL_SECS_MAX: u32 = 31_536_000;

const ROOT_KEYS: [&str; 15] = [
    "html", "not_found", "redirect_status", "profile", "edge_ttl", "fingerprint", "stages",
    "headers", "redirects", "actions", "collections", "public", "media", "types", "publish",
];

type MakeOp = fn(String, String) -> HeaderOp;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FingerprintWord {
    Auto,
    None,
}

#[derive(Debug, Default)]
pub struct SelvedgeToml {
    pub config: SiteConfig,
    pub publish: PublishSettings,
    pub html_is_set: bool,
    pub not_found: Option<Located<NotFoundMode>>,
    pub redirects: Vec<Located<RedirectRule>>,
    /// Rewrites of everything to one page.
    pub fallbacks: Vec<Located<Fallback>>,
    pub headers: HeaderLines,
    pub sources: Sources,
    pub preset_files: Vec<Located<PresetFile>>,
}

/// Returns the contents of a file and everything that is wrong with it.
pub fn parse(file: &str, text: &str) -> (SelvedgeToml, Vec<Diagnostic>) {
    let (mut source, root) = TomlSource::parse(file, text);
    let root = root.get_ref();
    source.check_keys(root, "selvedge.toml", &ROOT_KEYS);
    let mut read = SelvedgeToml::default();
    let config = &mut read.config;
    config.html = source.choice(root, "html").unwrap_or_default();
    read.html_is_set = root.get("html").is_some();
    let not_found = source.choice(root, "not_found");
    config.not_found = not_found.unwrap_or_default();
    let line = root.get("not_found").map_or(1, |value| source.line(&value.span()));
    read.not_found = not_found.map(|mode| source.report.locate(line, mode));
    config.profile = source.choice(root, "profile").unwrap_or_default();
    config.redirect_status = redirect_status(&mut source, root);
    if let Some(edge_ttl) = edge_ttl(&mut source, root) {
        config.edge_ttl = edge_ttl;
    }
    config.stages = stages(&mut source, root);
    read.publish.fingerprint = fingerprint(&mut source, root);
    read.publish.without_public = source.boolean(root, "public") == Some(false);
    read.publish.types = types(&mut source, root);
    publish(&mut source, root, &mut read.publish);
    for (line, table) in source.tables(root, "redirects") {
        redirect(&mut source, line, table, &mut read);
    }
    for (line, table) in source.tables(root, "headers") {
        headers(&mut source, line, table, &mut read);
    }
    for (line, table) in source.tables(root, "actions") {
        sources::action(&mut source, line, table, &mut read.sources);
    }
    for (line, table) in source.tables(root, "collections") {
        sources::collection(&mut source, line, table, &mut read.sources);
    }
    if let Some((config, files)) = media(&mut source, root) {
        read.config.media = Some(config);
        read.preset_files = files;
    }
    (read, source.report.into_diagnostics())
}

fn redirect_status(source: &mut TomlSource, root: &DeTable) -> CanonicalStatus {
    let Some((line, status)) = source.integer(root, "redirect_status") else {
        return CanonicalStatus::default();
    };
    let known = u16::try_from(status).ok().and_then(|status| status.try_into().ok());
    known.unwrap_or_else(|| {
        let message = format!("{status} is not a value of `redirect_status`");
        source.report.error(line, message, "Write 307 (the default) or 308.");
        CanonicalStatus::default()
    })
}

fn edge_ttl(source: &mut TomlSource, table: &DeTable) -> Option<DeltaSeconds> {
    source.duration(table, "edge_ttl", EDGE_TTL_SECS_MAX).map(|(_, edge_ttl)| edge_ttl)
}

fn stages(source: &mut TomlSource, root: &DeTable) -> BTreeMap<StageName, StageSettings> {
    let mut stages = BTreeMap::new();
    let wanted = "a table for each stage, as in [stages.staging]";
    for (key, value) in source.table(root, "stages", wanted).into_iter().flatten() {
        let line = source.line(&key.span());
        let name = match StageName::parse(key.get_ref()) {
            Ok(name) => name,
            Err(error) => {
                source.report.error(line, error, "Rename the stage.");
                continue;
            }
        };
        let table = source.value(key.get_ref(), value, wanted, DeValue::as_table);
        let Some((_, table)) = table else { continue };
        let place = format!("[stages.{name}]");
        source.check_keys(table, &place, &["kind", "profile", "edge_ttl"]);
        let settings = StageSettings {
            kind: source.choice(table, "kind"),
            profile: source.choice(table, "profile"),
            edge_ttl: edge_ttl(source, table),
        };
        if stages.len() == STAGES_MAX {
            let message = format!("more than {STAGES_MAX} stages");
            source.report.error(line, message, "Leave out stages that only use defaults.");
            break;
        }
        stages.insert(name, settings);
    }
    stages
}

fn fingerprint(source: &mut TomlSource, root: &DeTable) -> Fingerprint {
    let key = "fingerprint";
    if root.get(key).is_some_and(|value| value.get_ref().is_str()) {
        return match source.choice(root, key) {
            Some(FingerprintWord::None) => Fingerprint::None,
            Some(FingerprintWord::Auto) | None => Fingerprint::Auto,
        };
    }
    if root.get(key).is_none() {
        return Fingerprint::Auto;
    }
    let mut patterns = Vec::new();
    for (line, text) in source.strings(root, key) {
        match Pattern::parse(&text, Language::Selector) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => {
                let message = format!("the pattern `{text}` {error}");
                source.report.error(line, message, error.remedy());
            }
        }
    }
    Fingerprint::Patterns(patterns)
}

fn types(source: &mut TomlSource, root: &DeTable) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    let wanted = "[types], and below it lines such as \".foo\" = \"text/x-foo\"";
    for (line, extension, media_type) in source.string_table(root, "types", wanted) {
        let name = extension.strip_prefix('.').unwrap_or("");
        if name.is_empty() || name.contains(['.', '/', '*']) {
            let message = format!("\"{extension}\" is not a file extension");
            source.report.error(line, message, "Write a dot and the last part, as in \".foo\".");
        } else if !is_sendable_type(&media_type) || check_value(&media_type).is_err() {
            let message = format!("\"{media_type}\" is not a media type");
            let remedy = "Write a type and a subtype, as in \"text/x-foo; charset=utf-8\".";
            source.report.error(line, message, remedy);
        } else {
            types.insert(name.to_ascii_lowercase(), media_type);
        }
    }
    types
}

fn publish(source: &mut TomlSource, root: &DeTable, settings: &mut PublishSettings) {
    let Some(table) = source.table(root, "publish", "[publish], and `ignore` below it") else {
        return;
    };
    source.check_keys(table, "[publish]", &["ignore", "include"]);
    for (key, list) in [("ignore", &mut settings.ignore), ("include", &mut settings.include)] {
        for (line, glob) in source.strings(table, key) {
            match ignore::gitignore::GitignoreBuilder::new("").add_line(None, &glob) {
                Ok(_) => list.push(glob),
                Err(error) => {
                    let message = format!("\"{glob}\" is not a pattern of .gitignore: {error}");
                    source.report.error(
                        line,
                        message,
                        "Close the bracket, or escape it with `\\`.",
                    );
                }
            }
        }
    }
}

fn redirect(source: &mut TomlSource, line: u32, table: &DeTable, read: &mut SelvedgeToml) {
    source.check_keys(table, "[[redirects]]", &["from", "to", "status"]);
    let remedy = "Write both: from = \"/old/*\" and to = \"/new/:splat\".";
    let from = source.required((line, table), "from", "redirect", remedy);
    let to = source.required((line, table), "to", "redirect", remedy);
    let status = source.integer(table, "status");
    let (Some((line, from)), Some((_, to))) = (from, to) else { return };
    if table.get("status").is_some() && status.is_none() {
        return;
    }
    let status_line = status.map_or(line, |(line, _)| line);
    let status = status.map_or(STATUS_DEFAULT, |(_, status)| status.try_into().unwrap_or(0));
    match RedirectRule::parse(&from, &to, status) {
        Ok(rule) => match Fallback::of(&rule) {
            Some(fallback) => read.fallbacks.push(source.report.locate(line, fallback)),
            None => read.redirects.push(source.report.locate(line, rule)),
        },
        Err(mistake) => source.report.mistake(status_line.max(line), &mistake),
    }
}

fn headers(source: &mut TomlSource, line: u32, table: &DeTable, read: &mut SelvedgeToml) {
    source.check_keys(table, "[[headers]]", &["for", "set", "append", "unset"]);
    let remedy = "Write the paths it applies to, as in for = \"/docs/*\".";
    let selector = source.required((line, table), "for", "header rule", remedy);
    let mut ops = Vec::new();
    for (line, name) in source.strings(table, "unset") {
        let op = HeaderOp::Unset(name.to_ascii_lowercase());
        ops.extend(header_lines::checked(&mut source.report, line, &name, op));
    }
    let wanted = "names and values, as in { X-Frame-Options = \"DENY\" }";
    for (key, op) in [("set", HeaderOp::Set as MakeOp), ("append", HeaderOp::Append)] {
        for (line, name, value) in source.string_table(table, key, wanted) {
            let op = op(name.to_ascii_lowercase(), value);
            ops.extend(header_lines::checked(&mut source.report, line, &name, op));
        }
    }
    let Some((line, selector)) = selector else { return };
    if ["set", "append", "unset"].iter().all(|key| table.get(*key).is_none()) {
        let remedy = "Write set, append or unset, or remove the rule.";
        source.report.warning(line, "the header rule does nothing", remedy);
    }
    read.headers.add(&mut source.report, line, (Language::Selector, &selector), ops);
}
