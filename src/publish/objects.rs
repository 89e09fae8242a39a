//! Puts, gets, lists and deletes objects of collections.
//!
//! All names are checked before anything is sent. After a change, older copies are invalidated: by
//! the server for one object, in one call for several.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::publish::client::payload::Payload;
use crate::publish::client::{Client, Headers};
use crate::publish::failure::Failure;
use crate::publish::parallel::in_flight;
use crate::publish::paths;
use crate::publish::progress::{Progress, Silent, Step, Unit};
use crate::site::collection::{CollectionName, ObjectName};
use crate::site::ids::SiteName;
use crate::site::records::ban::OBJECT_BANS_MAX;
use crate::wire::{media_type, path, query};

/// Maximum size that every server accepts in one request. For more, the server is asked.
pub const WHOLE_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Size of a part of a larger object. After a broken connection, at most this much is repeated; R2
/// accepts 10,000 parts.
pub const PART_BYTES: u64 = 32 * 1024 * 1024;

/// Asks the server not to invalidate copies; one call does so for all objects afterwards.
const LEAVE: &str = "invalidate=false";

#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    pub client: &'a Client,
    pub site: &'a SiteName,
    pub collection: &'a CollectionName,
}

#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    pub media_type: Option<String>,
    pub tags: Vec<String>,
    pub precondition: Precondition,
    /// Whether the caller invalidates older copies.
    pub leaves_copies: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    #[default]
    Anything,
    Absent,
    Etag(String),
}

#[derive(Deserialize)]
struct Begun {
    upload: String,
}

#[derive(Deserialize)]
struct Page {
    objects: Vec<Value>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Objects<'_> {
    /// Stores a file. Returns the server's answer, as do the other functions that store.
    pub fn put_file(
        &self,
        name: &ObjectName,
        file: &Path,
        options: &PutOptions,
        progress: &dyn Progress,
    ) -> Result<Value, Failure> {
        let found = fs::metadata(file).map_err(|cause| Failure::io(file.display(), &cause))?;
        let length = found.len();
        let step = &*progress.step("sending", length, Unit::Bytes);
        let whole_max = match length > WHOLE_BYTES_MAX {
            true => self.client.server()?.limits.blob_bytes_max,
            false => WHOLE_BYTES_MAX,
        };
        if length <= whole_max {
            return self.put(name, Payload::File { file, first: 0, length }, options, Some(step));
        }
        self.put_parts(name, options, |upload| {
            let mut first = 0;
            while first < length {
                let part = PART_BYTES.min(length - first);
                upload.part(Payload::File { file, first, length: part }, Some(step))?;
                first += part;
            }
            Ok(())
        })
    }

    pub fn put_stream(
        &self,
        name: &ObjectName,
        mut stream: impl Read,
        options: &PutOptions,
    ) -> Result<Value, Failure> {
        let mut bytes = Vec::new();
        let mut next = |bytes: &mut Vec<u8>| {
            bytes.clear();
            let read = stream.by_ref().take(PART_BYTES).read_to_end(bytes);
            read.map_err(|cause| Failure::io("reading standard input", &cause))
        };
        if (next(&mut bytes)? as u64) < PART_BYTES {
            return self.put(name, Payload::Bytes(&bytes), options, None);
        }
        self.put_parts(name, options, |upload| {
            while !bytes.is_empty() {
                upload.part(Payload::Bytes(&bytes), None)?;
                next(&mut bytes)?;
            }
            Ok(())
        })
    }

    /// Stores several files. Copies are invalidated in one call at the end, also for those stored
    /// before a failure.
    pub fn put_files(
        &self,
        files: &[(ObjectName, PathBuf)],
        options: &PutOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<Value>, Failure> {
        let step = progress.step("sending", files.len() as u64, Unit::Files);
        let options = PutOptions { leaves_copies: true, ..options.clone() };
        let stored = in_flight(files, |(name, file)| {
            let stored = self.put_file(name, file, &options, &Silent)?;
            step.advance(1);
            Ok(stored)
        });
        let names: Vec<ObjectName> = files.iter().map(|(name, _)| name.clone()).collect();
        self.invalidated_after(stored, &names)
    }

    /// Deletes objects, and invalidates their copies in one call at the end.
    pub fn delete_all(&self, names: &[ObjectName]) -> Result<(), Failure> {
        if let [name] = names {
            let path = self.path(name);
            return match self.client.delete(&path)? {
                Some(answer) => {
                    self.settled(name, self.client.parse(&path, &answer.body)?).map(drop)
                }
                // The attempt whose answer was lost may have invalidated nothing.
                None => self.invalidate(names).map(drop),
            };
        }
        let delete = |name| self.client.delete(&format!("{}?{LEAVE}", self.path(name))).map(drop);
        let deleted = names.iter().try_for_each(delete);
        self.invalidated_after(deleted, names)
    }

    /// Invalidates copies of objects, or of the whole collection if there are many. Returns the
    /// number of seconds until this is in force.
    pub fn invalidate(&self, names: &[ObjectName]) -> Result<u64, Failure> {
        let Self { client, site, collection } = self;
        let path = format!("/sites/{site}/collections/{collection}/invalidate");
        let names: Vec<&str> = names.iter().map(ObjectName::as_str).collect();
        let body =
            if names.len() > OBJECT_BANS_MAX { json!({}) } else { json!({ "names": names }) };
        let answer: Result<Value, Failure> = client.send("POST", &path, &body);
        let answer = answer.map_err(|cause| {
            let message = "the object is changed, but older edge copies are not invalidated";
            let hint = format!("selvedge purge --site {site} --collection {collection}");
            Failure::failed("not-invalidated", message, hint).because(cause.message)
        })?;
        Ok(answer["effective_within_secs"].as_u64().unwrap_or(0))
    }

    /// Invalidates copies after several changes, and returns the result of the changes.
    fn invalidated_after<T>(
        &self,
        changed: Result<T, Failure>,
        names: &[ObjectName],
    ) -> Result<T, Failure> {
        if names.is_empty() {
            return changed;
        }
        match (changed, self.invalidate(names)) {
            (Ok(changed), Ok(_)) => Ok(changed),
            (Ok(_), Err(failure)) | (Err(failure), Ok(_)) => Err(failure),
            (Err(failure), Err(also)) => Err(failure.because(also.message)),
        }
    }

    /// Invalidates once more if the server could not.
    fn settled(&self, name: &ObjectName, mut answer: Value) -> Result<Value, Failure> {
        if !answer["warning"].is_object() {
            return Ok(answer);
        }
        let secs = self.invalidate(std::slice::from_ref(name))?;
        if let Some(members) = answer.as_object_mut() {
            members.remove("warning");
            members.insert("invalidated".to_owned(), json!(true));
            members.insert("effective_within_secs".to_owned(), json!(secs));
        }
        Ok(answer)
    }

    /// Downloads an object to a file or to standard output, and returns its length. The file is
    /// replaced when the download is complete.
    pub fn get(&self, name: &ObjectName, into: Option<&Path>) -> Result<u64, Failure> {
        let path = self.path(name);
        // The timeout of the download depends on its length. The download reports refusals.
        let known = self.client.call("HEAD", &path, Payload::Empty);
        let length = known.map_or(0, |answer| answer.length);
        let Some(file) = into else {
            let mut opened = 0;
            return self.client.download(&path, length, || {
                opened += 1;
                let message = "the download broke off, and standard output can't be rewound";
                let hint = "add -o FILE to write to a file";
                let again = || Failure::failed("cut-off", message, hint);
                if opened > 1 { Err(again()) } else { Ok(Box::new(io::stdout()) as Box<dyn Write>) }
            });
        };
        let failed = |cause: io::Error| Failure::io(file.display(), &cause);
        let partial = PathBuf::from([file.as_os_str(), ".part".as_ref()].join("".as_ref()));
        let open = || Ok(Box::new(File::create(&partial).map_err(failed)?) as Box<dyn Write>);
        let copied = self.client.download(&path, length, open);
        if copied.is_err() {
            let _ = fs::remove_file(&partial);
        }
        let copied = copied?;
        fs::rename(&partial, file).map_err(failed)?;
        Ok(copied)
    }

    /// Returns all objects whose names begin with a prefix.
    pub fn list(&self, prefix: &str) -> Result<Vec<Value>, Failure> {
        let Self { client, site, collection } = self;
        let base = format!(
            "/sites/{site}/collections/{collection}/objects?prefix={}",
            query::encode(prefix)
        );
        let mut objects = Vec::new();
        let mut path = base.clone();
        loop {
            let page: Page = client.get(&path)?;
            objects.extend(page.objects);
            let Some(cursor) = page.cursor else { return Ok(objects) };
            path = format!("{base}&cursor={}", query::encode(&cursor));
        }
    }

    fn put(
        &self,
        name: &ObjectName,
        payload: Payload<'_>,
        options: &PutOptions,
        step: Option<&dyn Step>,
    ) -> Result<Value, Failure> {
        let (mut path, tags) = (self.path(name), options.tags.join(","));
        if options.leaves_copies {
            path = format!("{path}?{LEAVE}");
        }
        let mut headers = options.headers(name, &tags);
        headers.extend(options.precondition.header());
        self.settled(name, self.change("PUT", &path, &headers, payload, step)?)
    }

    /// Stores an object in parts; aborts the upload if it can't be finished.
    fn put_parts(
        &self,
        name: &ObjectName,
        options: &PutOptions,
        send: impl FnOnce(&mut UploadedParts<'_>) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let (path, tags) = (self.path(name), options.tags.join(","));
        let begin = format!("{path}?uploads");
        let headers = options.headers(name, &tags);
        let begun = self.client.call_with("POST", &begin, &headers, Payload::Bytes(&[]), None)?;
        let Begun { upload } = self.client.parse(&begin, &begun.body)?;
        let path = format!("{path}?upload={}", query::encode(&upload));
        let mut uploaded = UploadedParts { client: self.client, path: &path, parts: Vec::new() };
        let finished = send(&mut uploaded).and_then(|()| {
            let body = json!({ "parts": uploaded.parts }).to_string();
            let headers: Vec<_> = options.precondition.header().into_iter().collect();
            let leaves = if options.leaves_copies { format!("&{LEAVE}") } else { String::new() };
            let path = format!("{path}{leaves}");
            let answer = self.change("POST", &path, &headers, Payload::Json(&body), None);
            self.settled(name, answer?)
        });
        if finished.is_err() {
            // The store forgets it by itself, some days later.
            let _ = self.client.call("DELETE", &path, Payload::Empty);
        }
        finished
    }

    /// Sends a change. A retry may find the precondition false because of the attempt before it.
    fn change(
        &self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        payload: Payload<'_>,
        step: Option<&dyn Step>,
    ) -> Result<Value, Failure> {
        let before = self.client.calls();
        let answer = self.client.call_with(method, path, headers, payload, step);
        let answer = answer.map_err(|mut failure| {
            let is_changed = matches!(&*failure.code, "precondition-failed" | "not-found");
            if is_changed && self.client.calls() > before + 1 {
                let why = "an earlier attempt got no answer: it may have stored the object without \
                           invalidating older copies";
                failure.why = Some(why.into());
            }
            failure
        })?;
        self.client.parse(path, &answer.body)
    }

    fn path(&self, name: &ObjectName) -> String {
        let Self { site, collection, .. } = self;
        format!("/sites/{site}/collections/{collection}/objects/{name}")
    }
}

struct UploadedParts<'a> {
    client: &'a Client,
    path: &'a str,
    parts: Vec<Value>,
}

impl UploadedParts<'_> {
    fn part(&mut self, payload: Payload<'_>, step: Option<&dyn Step>) -> Result<(), Failure> {
        let path = format!("{}&part={}", self.path, self.parts.len() + 1);
        let stored = self.client.call_with("PUT", &path, &[], payload, step)?;
        self.parts.push(self.client.parse(&path, &stored.body)?);
        Ok(())
    }
}

impl PutOptions {
    fn headers<'a>(&'a self, name: &ObjectName, tags: &'a str) -> Vec<(&'a str, &'a str)> {
        let media_type = self.media_type.as_deref();
        let media_type = media_type.unwrap_or_else(|| media_type::of_path(name.as_str()));
        let tags = Some(("selvedge-tags", tags)).filter(|(_, tags)| !tags.is_empty());
        [("content-type", media_type)].into_iter().chain(tags).collect()
    }
}

impl Precondition {
    fn header(&self) -> Option<(&str, &str)> {
        match self {
            Self::Anything => None,
            Self::Absent => Some(("if-none-match", "*")),
            Self::Etag(etag) => Some(("if-match", etag)),
        }
    }
}

/// Parses a name, with or without percent-encoding.
pub fn name(text: &str) -> Result<ObjectName, Failure> {
    let parsed = ObjectName::parse(text);
    parsed.map_err(|error| refused(text, &error.to_string()))
}

/// Returns the default name of a file's object.
pub fn name_of_file(prefix: &str, file: &Path) -> Result<ObjectName, Failure> {
    let text = file.file_name().and_then(|name| name.to_str());
    let text = text.ok_or_else(|| refused(&file.to_string_lossy(), "the name is not UTF-8"))?;
    let encoded = path::encode(&paths::composed(text));
    name(&[prefix, encoded.trim_start_matches('/')].concat())
}

/// Returns the regular files below a folder with the names of their objects. Skips dotfiles and
/// symbolic links.
pub fn files_of(folder: &Path, prefix: &str) -> Result<Vec<(ObjectName, PathBuf)>, Failure> {
    let mut files = Vec::new();
    walk(folder, prefix, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(ObjectName, PathBuf)>,
) -> Result<(), Failure> {
    let failed = |cause: io::Error| Failure::io(folder.display(), &cause);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let name = name_of_file(prefix, &path)?;
        if kind.is_dir() {
            walk(&path, &[name.as_str(), "/"].concat(), files)?;
        } else if kind.is_file() {
            files.push((name, path));
        }
    }
    Ok(())
}

fn refused(name: &str, why: &str) -> Failure {
    let hint = "choose another name: selvedge objects put FILE NAME";
    Failure::refused("bad-name", format!("{name:?} is not a valid object name"), hint).because(why)
}
