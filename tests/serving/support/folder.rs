//! Folders to publish, and publishing them through the real admin API.

use std::collections::BTreeMap;

use selvedge::site::codec;
use selvedge::site::config::SiteConfig;
use selvedge::site::deployment::asset::{Asset, Class, Representation};
use selvedge::site::deployment::fingerprint::may_be_fingerprinted;
use selvedge::site::deployment::manifest::ManifestBuilder;
use selvedge::site::ids::{ContentHash, DeploymentId};
use selvedge::site::rules::{HeaderRules, Redirects};
use selvedge::site::source::diagnostic::Severity;
use selvedge::site::source::fallback::{Fallback, page_files};
use selvedge::site::source::{headers_file, redirects_file};
use selvedge::wire::coding::Coding;
use selvedge::wire::media_type;

use super::response::{Isolate, Request, Response};

#[derive(Clone)]
struct File {
    content: Vec<u8>,
    codings: Vec<(Coding, Vec<u8>)>,
}

/// A folder with its configuration.
#[derive(Clone, Default)]
pub struct Folder {
    files: BTreeMap<String, File>,
    pub config: SiteConfig,
    application_page: Option<Box<str>>,
}

/// A deployment, ready to be sent.
pub struct Built {
    pub id: DeploymentId,
    pub root: Vec<u8>,
    pub blobs: BTreeMap<ContentHash, Vec<u8>>,
}

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Self {
        files.iter().fold(Self::default(), |folder, (path, text)| folder.file(path, text))
    }

    pub fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }

    pub fn bytes(mut self, path: &str, bytes: &[u8]) -> Self {
        let file = File { content: bytes.to_vec(), codings: Vec::new() };
        self.files.insert(path.to_owned(), file);
        self
    }

    /// Adds a coding to a file; its bytes are the coding's name, repeated.
    pub fn coded(mut self, path: &str, coding: Coding, length: usize) -> Self {
        let name = coding.token().as_bytes();
        let bytes = name.iter().copied().cycle().take(length).collect();
        self.files.get_mut(path).unwrap().codings.push((coding, bytes));
        self
    }

    pub fn configured(mut self, config: &str) -> Self {
        let (headers, redirects) = (self.config.headers, self.config.redirects);
        self.config = codec::decode(config.as_bytes()).unwrap();
        self.config.headers = headers;
        self.config.redirects = redirects;
        self
    }

    pub fn headers_file(mut self, text: &str) -> Self {
        let (lines, found) = headers_file::parse("_headers", text);
        assert!(found.iter().all(|found| found.severity != Severity::Error), "{found:?}");
        self.config.headers =
            HeaderRules::new(lines.rules.into_iter().map(|r| r.rule).collect()).unwrap();
        self
    }

    pub fn redirects_file(mut self, text: &str) -> Self {
        let read = redirects_file::parse("_redirects", text);
        assert_eq!(read.diagnostics, []);
        self.config.redirects =
            Redirects::new(read.rules.into_iter().map(|r| r.rule).collect()).unwrap();
        for fallback in read.fallbacks {
            self.config.not_found = fallback.rule.mode();
            if let Fallback::Application(page) = fallback.rule {
                self.application_page = Some(page);
            }
        }
        self
    }

    pub fn build(&self) -> Built {
        let mut builder = ManifestBuilder::new(self.config.clone());
        let pages = self.application_page.iter().flat_map(|page| page_files(page));
        if let Some(page) = pages.into_iter().find(|file| self.files.contains_key(file)) {
            builder.set_application_page(&page);
        }
        let mut blobs = BTreeMap::new();
        for (path, file) in &self.files {
            let mut representations = Vec::new();
            let identity = (Coding::Identity, file.content.clone());
            for (coding, bytes) in [identity].into_iter().chain(file.codings.iter().cloned()) {
                let hash = ContentHash::of(&bytes);
                let length = bytes.len() as u64;
                representations.push(Representation { coding, length, hash });
                if length > 0 {
                    blobs.insert(hash, bytes);
                }
            }
            let media_type = media_type::of_path(path);
            let class = match (media_type::is_html(media_type), may_be_fingerprinted(path)) {
                (true, _) => Class::Html,
                (false, true) => Class::Fingerprinted,
                (false, false) => Class::Other,
            };
            builder.insert(path, Asset::new(class, media_type, representations).unwrap());
        }
        let built = builder.build().unwrap();
        blobs.extend(built.shards);
        Built { id: built.id, root: built.root, blobs }
    }
}

impl Built {
    /// The calls that publish this, in order.
    pub fn calls(&self, from: &Isolate, site: &str, stage: &str, seq: Option<u64>) -> Vec<Request> {
        let activation =
            serde_json::json!({ "deployment": self.id.as_str(), "expected_seq": seq }).to_string();
        let activate = format!("/sites/{site}/stages/{stage}/activate");
        let mut calls = vec![from.admin_call("PUT", &format!("/sites/{site}"), b"")];
        for (hash, bytes) in &self.blobs {
            let call = format!("/sites/{site}/blobs");
            calls.push(from.admin_call("POST", &call, &frame(hash, bytes)));
        }
        let commit = format!("/sites/{site}/deployments/{}", self.id);
        calls.push(from.admin_call("PUT", &commit, &self.root));
        calls.push(from.admin_call("POST", &activate, activation.as_bytes()));
        calls
    }

    /// Everything but the activation.
    #[track_caller]
    pub fn commit(&self, from: &Isolate, site: &str) {
        let calls = self.calls(from, site, "production", None);
        let count = calls.len();
        for call in calls.into_iter().take(count - 1) {
            let response = call.send();
            assert!(response.status < 300, "{}", response.render());
        }
    }

    #[track_caller]
    pub fn activate(&self, from: &Isolate, site: &str, stage: &str, seq: Option<u64>) -> Response {
        self.calls(from, site, stage, seq).pop().unwrap().send()
    }
}

/// A frame of a batch of blobs.
pub fn frame(hash: &ContentHash, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_le_bytes();
    [&hash.0[..], &length, bytes].concat()
}

/// Publishes a folder through the API, from a cold isolate in another data centre.
#[track_caller]
pub fn publish(world: &super::world::World, site: &str, stage: &str, folder: &Folder) -> Built {
    let from = Isolate::new(world);
    let built = folder.build();
    built.commit(&from, site);
    let response = built.activate(&from, site, stage, None);
    assert_eq!(response.status, 200, "{}", response.render());
    built
}
