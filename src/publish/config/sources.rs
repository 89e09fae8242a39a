//! Reads `[[actions]]` and `[[collections]]` of `selvedge.toml`, each table by itself.
//!
//! A wrong value is reported and replaced by its default.

use toml::de::DeTable;

use crate::publish::config::nearest::nearest;
use crate::publish::config::toml_source::{OnLine, TomlSource};
use crate::publish::text::duration;
use crate::site::action::{
    Action, CAP_SECS_MAX, IDLE_TIMEOUT_SECS_DEFAULT, METHODS_MAX, PathPrefix, TIMEOUT_SECS_DEFAULT,
    TIMEOUT_SECS_MAX, Upstream, is_method,
};
use crate::site::collection::{
    Access, BROWSER_DEFAULT, Collection, CollectionName, EDGE_TTL_SECS_DEFAULT,
    IF_ERROR_SECS_DEFAULT, OBJECT_LIFE_SECS_MAX, STALE_SECS_DEFAULT,
};
use crate::site::rules::header_policy::check_value;
use crate::site::source::diagnostic::Located;
use crate::wire::time::DeltaSeconds;

const ACTION_KEYS: [&str; 10] = [
    "prefix", "origin", "service", "first", "cap", "timeout", "idle_timeout", "heuristic",
    "set_cookie", "methods",
];

const COLLECTION_KEYS: [&str; 9] = [
    "name", "prefix", "edge_ttl", "stale_while_revalidate", "stale_if_error", "browser", "fresh",
    "access", "active",
];

/// Common methods, to find typos.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];
/// Methods for connections, which are never sent to an upstream.
const METHODS_REFUSED: [&str; 2] = ["CONNECT", "TRACE"];

#[derive(Debug, Default)]
pub struct Sources {
    pub actions: Vec<Located<Action>>,
    pub collections: Vec<Located<Collection>>,
    pub upstreams: Vec<Located<Upstream>>,
}

pub fn action(source: &mut TomlSource, line: u32, table: &DeTable, sources: &mut Sources) {
    source.check_keys(table, "[[actions]]", &ACTION_KEYS);
    let prefix = prefix(source, (line, table), "action", "/api/");
    let upstream = upstream(source, line, table);
    let first = source.boolean(table, "first").unwrap_or_default();
    let cap = source.duration(table, "cap", CAP_SECS_MAX);
    let begin_timeout = timeout(source, table, "timeout", TIMEOUT_SECS_DEFAULT);
    let idle_timeout = timeout(source, table, "idle_timeout", IDLE_TIMEOUT_SECS_DEFAULT);
    let heuristic = source.boolean(table, "heuristic").unwrap_or_default();
    let set_cookie = source.choice(table, "set_cookie").unwrap_or_default();
    let methods = methods(source, table);
    if let Some((line, upstream)) = &upstream {
        sources.upstreams.push(source.report.locate(*line, upstream.clone()));
    }
    let (Some((line, prefix)), Some((_, upstream))) = (prefix, upstream) else { return };
    let action = Action {
        prefix,
        upstream,
        first,
        cap: cap.map_or(DeltaSeconds(CAP_SECS_MAX), |(_, cap)| cap),
        timeout: begin_timeout,
        idle_timeout,
        heuristic,
        set_cookie,
        methods,
    };
    sources.actions.push(source.report.locate(line, action));
}

pub fn collection(source: &mut TomlSource, line: u32, table: &DeTable, sources: &mut Sources) {
    source.check_keys(table, "[[collections]]", &COLLECTION_KEYS);
    let name = name(source, (line, table));
    let prefix = prefix(source, (line, table), "collection", "/public/");
    let windows = windows(source, line, table);
    let browser = browser(source, table);
    let fresh = source.boolean(table, "fresh").unwrap_or_default();
    let access = source.choice(table, "access").unwrap_or_default();
    let active = source.choice(table, "active").unwrap_or_default();
    if access == Access::Key && !fresh {
        let at = table.get("access").map_or(line, |value| source.line(&value.span()));
        let remedy = "Write fresh = true: only the fresh host accepts keys.";
        source.report.error(at, "the collection can't be read anywhere", remedy);
    }
    let (Some(name), Some((line, prefix))) = (name, prefix) else { return };
    let [edge_ttl, stale_while_revalidate, stale_if_error] = windows;
    let collection = Collection {
        name,
        prefix,
        edge_ttl,
        stale_while_revalidate,
        stale_if_error,
        browser,
        fresh,
        access,
        active,
    };
    sources.collections.push(source.report.locate(line, collection));
}

fn prefix(
    source: &mut TomlSource,
    at: OnLine<&DeTable>,
    what: &str,
    example: &str,
) -> Option<OnLine<PathPrefix>> {
    let remedy = format!("Write the paths it serves, as in prefix = \"{example}\".");
    let (line, text) = source.required(at, "prefix", what, &remedy)?;
    if let Some(sign) = text.chars().find(|next| "*?#".contains(*next)) {
        let message = format!("the prefix \"{text}\" holds `{sign}`");
        let plain = text.split(sign).next().filter(|text| !text.is_empty()).unwrap_or("/");
        let remedy = format!("Write \"{plain}\": it matches all paths below it, with any query.");
        source.report.error(line, message, remedy);
        return None;
    }
    let remedy = "Write a path such as \"/api/\", not below \"/.selvedge/\".";
    source.parsed((line, &text), "a path prefix", remedy, PathPrefix::parse)
}

fn upstream(source: &mut TomlSource, line: u32, table: &DeTable) -> Option<OnLine<Upstream>> {
    let remedy = "Write one of them: origin = \"https://api.example.com\" or service = \"NAME\".";
    match (table.get("origin"), table.get("service")) {
        (Some(_), Some(service)) => {
            let line = source.line(&service.span());
            source.report.error(line, "the action has both `origin` and `service`", remedy);
            None
        }
        (None, None) => {
            source.report.error(line, "the action has neither `origin` nor `service`", remedy);
            None
        }
        (Some(_), None) => {
            let (line, text) = source.string(table, "origin")?;
            let parse = |text: &str| match Upstream::parse(text) {
                Ok(origin @ Upstream::Origin { .. }) => Ok(origin),
                _ => Err(()),
            };
            source.parsed((line, &text), "an origin", &origin_remedy(&text), parse)
        }
        (None, Some(_)) => {
            let (line, name) = source.string(table, "service")?;
            let parse = |name: &str| Upstream::parse(&format!("service:{name}"));
            let remedy = "Write letters, digits and `_`, as the operator's wrangler.toml does.";
            source.parsed((line, &name), "the name of a service binding", remedy, parse)
        }
    }
}

/// Suggests a correction for a text that is not an origin.
fn origin_remedy(text: &str) -> String {
    if let Some(name) = text.strip_prefix("service:") {
        return format!("Write service = \"{name}\" in its place.");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return "Begin it with its scheme, as in \"https://api.example.com\".".to_owned();
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let origin = format!("{scheme}://{host}");
    match Upstream::parse(&origin) {
        Ok(_) => {
            format!("Write \"{origin}\": no path, no user. The path of the request is appended.")
        }
        Err(_) => {
            "Write a scheme, a host and a port, as in \"https://api.example.com\".".to_owned()
        }
    }
}

fn timeout(source: &mut TomlSource, table: &DeTable, key: &str, secs_default: u32) -> DeltaSeconds {
    let default = DeltaSeconds(secs_default);
    let Some((line, timeout)) = source.duration(table, key, TIMEOUT_SECS_MAX) else {
        return default;
    };
    if timeout.0 == 0 {
        let remedy = format!("Write \"1s\" or more; the default is \"{secs_default}s\".");
        source.report.error(line, format!("`{key}` must be longer than 0"), remedy);
        return default;
    }
    timeout
}

fn methods(source: &mut TomlSource, table: &DeTable) -> Vec<String> {
    let written = source.strings(table, "methods");
    if let Some(value) = table.get("methods")
        && value.get_ref().as_array().is_some_and(|array| array.is_empty())
    {
        let line = source.line(&value.span());
        let remedy = "Leave it out for all methods.";
        source.report.error(line, "`methods` allows no method", remedy);
    }
    if let Some((line, _)) = written.get(METHODS_MAX) {
        let message = format!("more than {METHODS_MAX} methods, from here on");
        source.report.error(*line, message, "Leave `methods` out for all methods.");
    }
    let mut methods = Vec::new();
    for (line, method) in written.into_iter().take(METHODS_MAX) {
        let is_good = is_method(&method) && !method.contains(|next: char| next.is_lowercase());
        let near = nearest(&method, METHODS).filter(|near| *near != method);
        let is_refused = METHODS_REFUSED.contains(&&*method);
        if is_good && near.is_none() && !is_refused {
            methods.push(method);
            continue;
        }
        let remedy = match near {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None if is_refused => "Remove it: it is never sent to an upstream.".to_owned(),
            None => "Write methods in capitals, as in [\"GET\", \"POST\"].".to_owned(),
        };
        source.report.error(line, format!("\"{method}\" is not a method for an action"), remedy);
    }
    methods
}

fn name(source: &mut TomlSource, at: OnLine<&DeTable>) -> Option<CollectionName> {
    let remedy = "Write its name for the command line, as in name = \"public\".";
    let (line, text) = source.required(at, "name", "collection", remedy)?;
    let remedy = "Write 1 to 32 of a-z, 0-9 and hyphens, not at either end.";
    let name = source.parsed((line, &text), "a collection name", remedy, CollectionName::parse);
    name.map(|(_, name)| name)
}

/// Returns `edge_ttl`, `stale_while_revalidate` and `stale_if_error`.
fn windows(source: &mut TomlSource, line: u32, table: &DeTable) -> [DeltaSeconds; 3] {
    let mut last_line = line;
    let mut sum_secs = 0;
    let windows = [
        ("edge_ttl", EDGE_TTL_SECS_DEFAULT),
        ("stale_while_revalidate", STALE_SECS_DEFAULT),
        ("stale_if_error", IF_ERROR_SECS_DEFAULT),
    ]
    .map(|(key, secs_default)| {
        let written = source.duration(table, key, OBJECT_LIFE_SECS_MAX);
        let (line, window) = written.unwrap_or((0, DeltaSeconds(secs_default)));
        last_line = last_line.max(line);
        sum_secs += window.seconds();
        window
    });
    let secs_max = u64::from(OBJECT_LIFE_SECS_MAX);
    if sum_secs > secs_max {
        let message = format!(
            "edge_ttl, stale_while_revalidate and stale_if_error are {} together",
            duration(sum_secs)
        );
        let defaults = [EDGE_TTL_SECS_DEFAULT, STALE_SECS_DEFAULT, IF_ERROR_SECS_DEFAULT];
        let remedy = format!(
            "Write at most \"{}\" in all; those left out are {}.",
            duration(secs_max),
            defaults.map(|secs| format!("\"{}\"", duration(secs.into()))).join(", ")
        );
        source.report.error(last_line, message, remedy);
    }
    windows
}

fn browser(source: &mut TomlSource, table: &DeTable) -> String {
    let Some((line, value)) = source.string(table, "browser") else {
        return BROWSER_DEFAULT.to_owned();
    };
    if let Err(error) = check_value(&value) {
        source.report.error(line, format!("`browser` {error}"), error.remedy());
        return BROWSER_DEFAULT.to_owned();
    }
    let directive = |item: &str| item.split('=').next().unwrap_or("").trim().to_ascii_lowercase();
    let directives: Vec<String> = value.split(',').map(directive).collect();
    let has = |name: &str| directives.iter().any(|directive| directive == name);
    let stale = ["stale-while-revalidate", "stale-if-error"].into_iter().find(|name| has(name));
    if let Some(stale) = stale.filter(|_| has("s-maxage")) {
        let message = format!("`s-maxage` takes all effect from `{stale}`");
        let remedy = "Remove one of them: caches that obey the first use nothing stale.";
        source.report.warning(line, message, remedy);
    }
    value
}
