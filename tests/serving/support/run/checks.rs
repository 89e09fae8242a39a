//! Steps that check what happened and what the store holds.

use super::super::case_file::{Step, number};
use super::super::expect::{Seen, ensure, negated};
use super::super::response::Response;
use super::{Outcome, Run};

impl Run<'_> {
    /// Checks the last request that an upstream got.
    pub(super) fn asked(&self, step: &Step, rest: &str) -> Outcome {
        let fetched = self.world.fetched.borrow();
        let request = fetched.last().ok_or("expected a request to an upstream")?;
        let line = format!("{} {}", request.method, request.url);
        ensure(rest.is_empty() || rest == line, || format!("{rest}, found {line}"))?;
        for line in step.more.iter().filter_map(|line| line.strip_prefix("> ")) {
            let (is_wanted, line) = negated(line);
            let (name, expected) = line.trim().split_once(": ").unwrap_or((line.trim(), ""));
            let found = request.headers.value(&name.to_ascii_lowercase());
            let expected = is_wanted.then_some(expected);
            ensure(found == expected, || format!("`{line}` upstream, found {found:?}"))?;
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, expected: Option<&str>) -> Outcome {
        self.world.log.take();
        self.world.settle();
        let log = self.world.log.take();
        let last = self.last.as_mut().ok_or("expected a response before")?;
        last.log = log;
        last.check_counters(expected.unwrap_or_default())
    }

    /// Shows a record of the store as if it were a response.
    pub(super) fn record(&mut self, step: &Step, key: &str, expected: Option<&str>) -> Outcome {
        let body = self.world.history(key).last().ok_or("no such key")?.to_vec();
        let response = Response { status: 200, body, ..Response::default() };
        self.last = Some(Seen { response, ..Seen::default() });
        self.last()?.check_all(expected, &step.more)
    }

    pub(super) fn keys(&self, prefix: &str, expected: &str) -> Outcome {
        let mut found = self.world.keys("");
        found.retain(|key| is_below(key, prefix));
        let found = found.join(" ");
        ensure(found == expected, || format!("keys {expected}, found {found}"))
    }

    pub(super) fn unchanged(&self, prefix: &str) -> Outcome {
        let (mut before, mut now) = (self.marked.clone(), self.world.snapshot());
        before.retain(|key, _| is_below(key, prefix));
        now.retain(|key, _| is_below(key, prefix));
        ensure(now == before, || "a store as it was at `mark`".to_owned())
    }

    /// Checks that no value of the store contains a text: a secret is not stored in the clear.
    pub(super) fn nowhere(&self, text: &str) -> Outcome {
        let snapshot = self.world.snapshot();
        let holder = snapshot.iter().find(|(_, b)| String::from_utf8_lossy(b).contains(text));
        ensure(holder.is_none(), || format!("no `{text}`, found in {holder:?}"))
    }

    pub(super) fn like(&self, name: &str, is_wanted: bool) -> Outcome {
        let remembered = self.remembered.get(name).ok_or("no such response")?;
        let is_like = *remembered == lasting(&self.last()?.response);
        ensure(is_like == is_wanted, || format!("like `{name}`: {is_wanted}, found {is_like}"))
    }

    /// Checks how many requests upstreams got in all.
    pub(super) fn fetches(&self, expected: &str) -> Outcome {
        let (found, expected) = (self.world.fetches() as u64, number(expected)?);
        ensure(found == expected, || format!("{expected} fetches, found {found}"))
    }
}

/// A response without what depends on its time, its tier or its query.
pub(super) fn lasting(response: &Response) -> Response {
    let mut lasting = response.lasting();
    for (_, value) in lasting.headers.iter_mut().filter(|(name, _)| name == "location") {
        value.truncate(value.find('?').unwrap_or(value.len()));
    }
    lasting
}

/// Whether a key begins with a prefix; `*/site` stands for all keys of a site.
pub(super) fn is_below(key: &str, prefix: &str) -> bool {
    match prefix.strip_prefix("*/") {
        Some(site) => key.split('/').nth(1) == Some(site),
        None => key.starts_with(prefix),
    }
}
