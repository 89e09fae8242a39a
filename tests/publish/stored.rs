//! The objects of the in-memory server.

use std::collections::{BTreeMap, BTreeSet};

use selvedge::site::collection::ObjectName;
use selvedge::site::ids::ContentHash;
use selvedge::wire::query;
use serde_json::{Value, json};

use super::server::{error, ok};

/// The headers of a request, with lower-case names.
pub type Lines = BTreeMap<String, String>;

#[derive(Clone)]
pub struct Stored {
    pub body: Vec<u8>,
    pub media_type: String,
    pub tags: String,
}

#[derive(Default)]
pub struct Objects {
    pub stored: BTreeMap<String, Stored>,
    /// Unfinished objects and their parts, by upload id.
    pub uploads: BTreeMap<String, (Stored, BTreeMap<u64, Vec<u8>>)>,
    /// Objects changed without invalidating their edge copies.
    pub left: BTreeSet<String>,
    /// Number of names in each call to invalidate; `None` for the whole collection.
    pub invalidations: Vec<Option<usize>>,
    /// Whether a change fails to invalidate the copies of its object.
    pub is_stuck: bool,
}

impl Stored {
    fn new(lines: &Lines, body: &[u8]) -> Self {
        let line = |name: &str| lines.get(name).cloned().unwrap_or_default();
        let (media_type, tags) = (line("content-type"), line("selvedge-tags"));
        Self { body: body.to_vec(), media_type, tags }
    }

    fn etag(&self) -> String {
        format!("\"{}\"", tag(&self.body))
    }

    fn view(&self, name: &str) -> Value {
        json!({
            "name": name, "length": self.body.len(), "etag": self.etag(), "url": "http://x/",
            "media_type": self.media_type, "tags": [],
        })
    }
}

impl Objects {
    /// Answers a call; `target` follows `objects`, with its query.
    pub fn answer(
        &mut self,
        method: &str,
        target: &str,
        lines: &Lines,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let (path, text) = target.split_once('?').unwrap_or((target, ""));
        let Some(name) = path.strip_prefix('/') else { return self.list(text) };
        assert_eq!(ObjectName::parse(name).unwrap().as_str(), name, "names are canonical");
        if query::value(text, "uploads").is_some() {
            let upload = format!("u/{}", self.uploads.len());
            let stored = Stored::new(lines, b"");
            self.uploads.insert(upload.clone(), (stored, BTreeMap::new()));
            return ok(&json!({ "upload": upload }));
        }
        if let Some(upload) = query::value(text, "upload") {
            let part = query::value(text, "part").and_then(|part| part.parse().ok());
            return self.upload(method, name, &upload, part, text, body);
        }
        let etag = self.stored.get(name).map(Stored::etag);
        let wanted = lines.get("if-match").is_none_or(|wanted| Some(wanted) == etag.as_ref());
        if !wanted || (lines.contains_key("if-none-match") && etag.is_some()) {
            let lost = error("precondition-failed", "it is another");
            let mut lost: Value = serde_json::from_slice(&lost).unwrap();
            lost["error"]["etag"] = json!(etag);
            return (412, lost.to_string().into_bytes());
        }
        if method == "PUT" {
            self.stored.insert(name.to_owned(), Stored::new(lines, body));
        }
        let Some(found) = self.stored.get(name).cloned() else {
            return (404, error("not-found", "there is no such object"));
        };
        match method {
            "PUT" => self.changed(name, text, found.view(name)),
            "DELETE" => {
                self.stored.remove(name);
                self.changed(name, text, json!({ "deleted": true }))
            }
            _ => (200, found.body),
        }
    }

    /// Answers a change, with the state of the object's edge copies.
    fn changed(&mut self, name: &str, text: &str, mut answer: Value) -> (u16, Vec<u8>) {
        let leaves = query::value(text, "invalidate").as_deref() == Some("false");
        if leaves || self.is_stuck {
            self.left.insert(name.to_owned());
        }
        if self.is_stuck && !leaves {
            answer["warning"] = json!({ "code": "not-invalidated" });
        }
        let is_invalidated = !leaves && !self.is_stuck;
        answer["invalidated"] = json!(is_invalidated);
        answer["effective_within_secs"] = json!(if is_invalidated { 30 } else { 3_900 });
        ok(&answer)
    }

    pub fn invalidate(&mut self, body: &[u8]) -> (u16, Vec<u8>) {
        let body: Value = serde_json::from_slice(body).unwrap();
        let names = body["names"].as_array();
        self.invalidations.push(names.map(Vec::len));
        match names {
            None => self.left.clear(),
            Some(names) => {
                for name in names {
                    self.left.remove(name.as_str().unwrap());
                }
            }
        }
        ok(&json!({ "invalidated": true, "effective_within_secs": 30 }))
    }

    fn list(&self, text: &str) -> (u16, Vec<u8>) {
        let prefix = query::value(text, "prefix").unwrap_or_default();
        let after = query::value(text, "cursor").unwrap_or_default();
        let mut found = self.stored.iter().filter(|(name, _)| name.starts_with(&prefix));
        // One at a time, so that paging is always tested.
        match found.find(|(name, _)| after.is_empty() || **name > after) {
            None => ok(&json!({ "objects": [], "cursor": null })),
            Some((name, stored)) => ok(&json!({ "objects": [stored.view(name)], "cursor": name })),
        }
    }

    fn upload(
        &mut self,
        method: &str,
        name: &str,
        id: &str,
        part: Option<u64>,
        text: &str,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let Some((stored, parts)) = self.uploads.get_mut(id) else {
            return (404, error("not-found", "there is no such upload"));
        };
        match (method, part) {
            ("PUT", Some(part)) => {
                parts.insert(part, body.to_vec());
                ok(&json!({ "part": part, "etag": tag(body) }))
            }
            ("POST", None) => {
                let body: Value = serde_json::from_slice(body).unwrap();
                for part in body["parts"].as_array().unwrap() {
                    let bytes = &parts[&part["part"].as_u64().unwrap()];
                    assert_eq!(part["etag"], tag(bytes).as_str());
                    stored.body.extend_from_slice(bytes);
                }
                let stored = stored.clone();
                let view = stored.view(name);
                self.stored.insert(name.to_owned(), stored);
                self.uploads.remove(id);
                self.changed(name, text, view)
            }
            _ => {
                self.uploads.remove(id);
                ok(&json!({ "dropped": true }))
            }
        }
    }
}

/// Identifies bytes; hashing all of them is slow without optimisation.
fn tag(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(64)];
    format!("{}-{}", bytes.len(), ContentHash::of(head).short_hex())
}
