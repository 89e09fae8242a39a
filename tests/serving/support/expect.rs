//! Checks a response against the expectations of a case: `=> STATUS [BODY] [(MEMBER)] [COUNTER=N]`
//! and lines of `<`.

use serde_json::Value;

use super::acting::came;
use super::case_file::{value, words};
use super::faults::operation;
use super::response::Response;
use super::world::{Logged, Op};

/// A response, and what happened until it was there and the work behind it was done.
#[derive(Default)]
pub struct Seen {
    pub response: Response,
    pub log: Vec<Logged>,
    pub fetches: usize,
    pub bodies: usize,
    pub took_ms: u64,
    /// Tasks behind the response that were cut off.
    pub cut: usize,
    pub is_admin: bool,
}

impl Seen {
    /// Checks what stands behind `=>`, and the lines of `<`.
    pub fn check_all(&self, expected: Option<&str>, more: &[String]) -> Result<(), String> {
        self.check(expected.unwrap_or_default())?;
        let lines = more.iter().filter_map(|line| line.strip_prefix('<')).map(str::trim);
        lines.filter(|line| !line.is_empty()).try_for_each(|line| self.check_line(line))
    }

    fn check(&self, expected: &str) -> Result<(), String> {
        let response = &self.response;
        let mut words = words(expected).into_iter();
        if let Some(statuses) = words.next() {
            let status = response.status.to_string();
            ensure(statuses.split('|').any(|one| one == status), || format!("status {statuses}"))?;
        }
        let mut may_be_cut = false;
        for word in words {
            let member = word.strip_prefix('(').and_then(|word| word.strip_suffix(')'));
            if word == "cut" {
                may_be_cut = true;
                ensure(response.is_cut, || "a transfer that is cut off".to_owned())?;
            } else if let Some(member) = member {
                let (is_wanted, name) = negated(member);
                let has = self.has_member(name);
                ensure(has == is_wanted, || format!("Cache-Status ({member})"))?;
            } else if counter(&word).is_some() {
                self.check_counters(&word)?;
            } else {
                self.check_body(&word)?;
            }
        }
        ensure(may_be_cut || !response.is_cut, || "a whole transfer".to_owned())
    }

    pub fn check_counters(&self, expected: &str) -> Result<(), String> {
        for word in words(expected) {
            let (name, operator, number) = counter(&word).ok_or("COUNTER=NUMBER")?;
            let found = self.count(name)?;
            let holds = match operator {
                "<=" => found <= number,
                ">=" => found >= number,
                _ => found == number,
            };
            ensure(holds, || format!("{word}, found {found}: {:?}", self.log))?;
        }
        Ok(())
    }

    /// `text` is all of the body, or the code of an error of the admin API; `~text` is a part of
    /// the body, `!~text` is none, `^text` is its beginning.
    fn check_body(&self, word: &str) -> Result<(), String> {
        let text = self.response.text();
        if let Some(absent) = word.strip_prefix("!~") {
            return ensure(!text.contains(&value(absent)), || format!("no `{absent}` in the body"));
        }
        if let Some(start) = word.strip_prefix('^') {
            return ensure(text.starts_with(&value(start)), || format!("a body from `{start}`"));
        }
        if let Some(part) = word.strip_prefix('~') {
            return ensure(text.contains(&value(part)), || format!("`{part}` in the body"));
        }
        let found = if self.is_admin && !word.contains('"') {
            self.json("/error/code").as_str().unwrap_or_default().to_owned()
        } else {
            text.trim_end_matches('\n').to_owned()
        };
        ensure(found == value(word), || format!("{word}, found `{}`", short(&found)))
    }

    /// Whether `Cache-Status` has a member, or says with it how the response came about.
    fn has_member(&self, name: &str) -> bool {
        let members = self.response.field("cache-status");
        came(&self.response) == name || members.split("; ").skip(1).any(|member| member == name)
    }

    /// A counter of the response, or of operations by kind and key, as `store:obj/`.
    fn count(&self, counter: &str) -> Result<u64, String> {
        Ok(match counter {
            "fetches" => self.fetches as u64,
            "bodies" => self.bodies as u64,
            "bytes" => self.response.body.len() as u64,
            "took" => self.took_ms,
            "cut" => self.cut as u64,
            "age" | "retry-after" => self.response.field(counter).parse().unwrap_or(0),
            _ => {
                let (kind, keys) = counter.split_once(':').unwrap_or((counter, ""));
                let counts = counts(kind)?;
                self.log.iter().filter(|logged| counts(logged, keys)).count() as u64
            }
        })
    }

    /// A member by its JSON pointer, where `*` stands for each member of a list.
    fn json(&self, pointer: &str) -> Value {
        let whole: Value = serde_json::from_slice(&self.response.body).unwrap_or_default();
        let Some((list, rest)) = pointer.split_once("/*") else {
            return whole.pointer(pointer).cloned().unwrap_or_default();
        };
        let list = whole.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().map(|member| member.pointer(rest).cloned()).collect()
    }

    /// Returns the value that `save NAME SOURCE` keeps: a header, a member by its JSON pointer,
    /// `json` or `body`.
    pub fn source(&self, source: &str) -> String {
        if let Some(source) = source.strip_prefix("encoded ") {
            return selvedge::wire::query::encode(&self.source(source));
        }
        match source {
            "status" => self.response.status.to_string(),
            "body" => self.response.text().to_owned(),
            "json" => self.json("").to_string(),
            _ if source.starts_with('/') => match self.json(source) {
                Value::String(text) => text,
                other => other.to_string(),
            },
            _ => self.response.field(&source.to_ascii_lowercase()).to_owned(),
        }
    }

    /// Checks a line of `<`: a header or a member of JSON that is there, absent, equal or contains.
    pub fn check_line(&self, line: &str) -> Result<(), String> {
        let is_json = line.starts_with('/');
        let found = |name: &str| match name.starts_with('/') {
            true => Some(self.json(name).to_string()).filter(|it| it != "null" && it != "\"\""),
            false => self.response.has(&name.to_ascii_lowercase()).map(str::to_owned),
        };
        let (name, is_met) = if let Some(absent) = line.strip_prefix("!~ ") {
            ("", !self.response.render().contains(absent))
        } else if let Some(name) = line.strip_prefix("! ") {
            (name, found(name).is_none())
        } else if let Some(expected) = line.strip_prefix("json ") {
            return equal_json(&self.json(""), expected);
        } else if let Some((name, part)) = line.split_once(" ~ ") {
            (name, found(name).is_some_and(|it| it.contains(part)))
        } else if let Some((name, absent)) = line.split_once(" !~ ") {
            (name, found(name).is_none_or(|it| !it.contains(absent)))
        } else if let Some((pointer, expected)) = line.split_once(" = ").filter(|_| is_json) {
            return equal_json(&self.json(pointer), expected);
        } else if let Some((name, expected)) = line.split_once(": ") {
            (name, found(name).is_some_and(|it| it == expected))
        } else {
            (line, found(line).is_some())
        };
        ensure(is_met, || format!("`{line}`, found {:?}", found(name)))
    }

    /// The invariants of what an action answers.
    pub fn check_relayed(&self) -> Result<(), String> {
        let came = came(&self.response);
        if came.starts_with("upstream-") || came == "cut-off" {
            self.check_line("Cache-Control: no-store")?;
            self.check_line("Retry-After")?;
        }
        let age: u64 = self.response.field("age").parse().unwrap_or(0);
        ensure(!self.has_member("hit") || age < 1_800, || "an age below the cap".to_owned())
    }
}

pub fn ensure(holds: bool, expected: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("expected {}", expected())) }
}

fn equal_json(found: &Value, expected: &str) -> Result<(), String> {
    let expected: Value = serde_json::from_str(expected).map_err(|error| error.to_string())?;
    ensure(*found == expected, || format!("{expected}, found {found}"))
}

/// Whether it is wanted, and the word without its `!`.
pub fn negated(word: &str) -> (bool, &str) {
    word.strip_prefix('!').map_or((true, word), |word| (false, word))
}

fn counter(word: &str) -> Option<(&str, &str, u64)> {
    let at = word.find(['=', '<', '>']).filter(|_| !word.starts_with(['"', '~', '^', '!', '<']))?;
    let (name, rest) = word.split_at(at);
    let operator = if rest.as_bytes().get(1) == Some(&b'=') { &rest[..2] } else { &rest[..1] };
    let number = rest.strip_prefix(operator)?.parse().ok()?;
    Some((name, operator, number))
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Whether an operation on a key counts, by the kind of the counter.
fn counts(kind: &str) -> Result<impl Fn(&Logged, &str) -> bool, String> {
    let kinds = ["store", "ops", "writes", "foreign"];
    let op = if kinds.contains(&kind) { None } else { operation(kind)? };
    let kind = kind.to_owned();
    Ok(move |logged: &Logged, keys: &str| match (kind.as_str(), op) {
        ("foreign", _) => logged.key.split('/').nth(1) != Some(keys),
        (_, Some(op)) => logged.op == op && logged.key.starts_with(keys),
        ("writes", _) => {
            let is_write = matches!(logged.op, Op::Write | Op::Delete | Op::Upload);
            is_write && logged.key.starts_with(keys)
        }
        ("ops", _) => logged.key.starts_with(keys),
        _ => !logged.op.is_edge() && logged.key.starts_with(keys),
    })
}
