//! Case files, `tests/cases/*.case`: a site, requests, `----------`, the responses.
//!
//! Lines that begin with `#` say which rule the case is of. `==> NAME` begins a file, `==> ask` the
//! requests, which a blank line divides. `UPDATE_CASES=1` rewrites what is below the hyphens.
//! `tests/cases/README.md` has the whole form.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::wire::coding::Coding;

use super::support::folder::{Built, Folder, publish};
use super::support::response::Isolate;
use super::support::world::World;

const RULE: &str = "\n----------\n";

macro_rules! cases {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../cases/", $name, ".case")))),*]
    };
}

const CASES: &[(&str, &str)] = cases! {
    "codings"
    "deployment-host"
    "hosts"
    "hosts-custom"
    "https-only"
    "https-only-default"
    "lifetimes-html"
    "lifetimes-other"
    "lifetimes-sandbox"
    "lifetimes-short"
    "methods"
    "not-found-none"
    "not-found-page"
    "not-found-rule"
    "not-found-spa"
    "odd-requests"
    "preconditions"
    "ranges"
    "redirects"
    "reserved"
    "retained"
    "rules"
    "stages"
    "takedowns"
};

#[test]
fn cases() {
    let failed: Vec<&str> =
        CASES.iter().filter(|(name, case)| !holds(name, case)).map(|(name, _)| *name).collect();
    assert!(failed.is_empty(), "UPDATE_CASES=1 rewrites them: {failed:?}");
}

/// A file that is not in the list would never be run.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_case_file_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().file_name().to_str()?.strip_suffix(".case")?.into())
        })
        .collect();
    found.sort();
    assert_eq!(found, CASES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

fn holds(name: &str, case: &str) -> bool {
    let (input, expected) = case.split_once(RULE).unwrap_or((case.trim_end(), ""));
    let found = outcome(name, input);
    if found == expected || update(name, input, &found) {
        return true;
    }
    let lines = found.lines().zip(expected.lines());
    let first = lines.enumerate().find(|(_, (found, expected))| found != expected);
    panic!("{name}: differs first at {first:?}; found\n{found}");
}

#[cfg(not(target_arch = "wasm32"))]
fn update(name: &str, input: &str, found: &str) -> bool {
    if std::env::var_os("UPDATE_CASES").is_none() {
        return false;
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    std::fs::write(folder.join(format!("{name}.case")), format!("{input}{RULE}{found}")).unwrap();
    true
}

#[cfg(target_arch = "wasm32")]
fn update(_: &str, _: &str, _: &str) -> bool {
    false
}

/// A case as it is read, from the top.
struct Case {
    world: Option<World>,
    vars: Vec<(String, String)>,
    site: String,
    stage: String,
    folder: Folder,
    built: Option<Built>,
    hosts: Vec<(String, String)>,
    takedowns: Vec<String>,
    is_cold: bool,
}

fn outcome(name: &str, input: &str) -> String {
    let mut lines = input.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("# ")), "{name}: cite the rule");
    let mut case = Case {
        world: None,
        vars: Vec::new(),
        site: "www".to_owned(),
        stage: "production".to_owned(),
        folder: Folder::default(),
        built: None,
        hosts: Vec::new(),
        takedowns: Vec::new(),
        is_cold: false,
    };
    for block in format!("\n{input}").split("\n==> ").skip(1) {
        let (head, text) = block.split_once('\n').unwrap_or((block, ""));
        if head == "ask" {
            case.publish();
            return case.ask(text);
        }
        case.block(head, text);
    }
    panic!("{name}: asks for nothing");
}

impl Case {
    fn block(&mut self, head: &str, text: &str) {
        let mut words = head.split(' ');
        let (word, rest) = (words.next().unwrap(), words.collect::<Vec<_>>());
        let folder = std::mem::take(&mut self.folder);
        self.folder = match word {
            "vars" => {
                let pairs = rest.iter().map(|pair| pair.split_once('=').unwrap());
                self.vars = pairs.map(|(name, value)| (name.into(), value.into())).collect();
                folder
            }
            "cold" => {
                self.is_cold = true;
                folder
            }
            "site" => {
                (self.site, self.stage) = (rest[0].to_owned(), rest[1].to_owned());
                folder
            }
            "host" => {
                self.hosts.push((rest[0].to_owned(), rest[1].to_owned()));
                folder
            }
            "takedown" => {
                self.takedowns.push(rest.join(" "));
                folder
            }
            "next" => {
                self.folder = folder;
                self.publish();
                Folder::default()
            }
            "config" => folder.configured(text),
            "_headers" => folder.headers_file(text),
            "_redirects" => folder.redirects_file(text),
            _ => file(folder, head, text),
        };
    }

    fn publish(&mut self) {
        let vars: Vec<_> = self.vars.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let world = self.world.get_or_insert_with(|| World::with_vars(&vars));
        self.built = Some(publish(world, &self.site, &self.stage, &self.folder));
        for (host, stage) in self.hosts.drain(..) {
            let call = format!("/sites/{}/hosts/{host}", self.site);
            let body = serde_json::json!({ "stage": stage }).to_string();
            assert_eq!(Isolate::new(world).admin("PUT", &call, body.as_bytes()).status, 200);
        }
        for path in self.takedowns.drain(..) {
            let call = format!("/sites/{}/takedowns", self.site);
            let body = serde_json::json!({ "path": path }).to_string();
            assert_eq!(Isolate::new(world).admin("POST", &call, body.as_bytes()).status, 201);
        }
    }

    /// The responses to requests; each is sent twice, and the warm one shown, unless it is cold.
    fn ask(&self, text: &str) -> String {
        let (world, built) = (self.world.as_ref().unwrap(), self.built.as_ref().unwrap());
        let isolate = Isolate::new(world);
        let mut shown = String::new();
        for request in text.split("\n\n").filter(|request| !request.trim().is_empty()) {
            let request = self.filled_in(&isolate, request.trim_matches('\n'));
            let send = |isolate: &Isolate| {
                let (line, headers) = request.split_once('\n').unwrap_or((&request, ""));
                let (method, url) = line.split_once(' ').unwrap();
                let lines = headers.lines().filter_map(|line| line.split_once(": "));
                let ask = isolate.ask(method, url);
                lines.fold(ask, |ask, (name, value)| ask.header(name, value)).send()
            };
            let mut response = send(&isolate);
            if !self.is_cold {
                response = send(&isolate);
            }
            shown.push_str(&format!(">>> {request}\n{}\n", response.render()));
        }
        shown.replace(built.id.as_str(), "<deployment>")
    }

    /// A request with `<deployment>` and `<etag PATH CODING>` replaced by what they are.
    fn filled_in(&self, isolate: &Isolate, request: &str) -> String {
        let id = self.built.as_ref().unwrap().id.as_str();
        let mut request = request.replace("<deployment>", id);
        while let Some((before, rest)) = request.split_once("<etag ") {
            let (words, after) = rest.split_once('>').unwrap();
            let (path, coding) = words.split_once(' ').unwrap_or((words, "identity"));
            let url = format!("https://www.cdn.test{path}");
            let ask = isolate.neighbour().ask("HEAD", &url).header("accept-encoding", coding);
            let tag = ask.send().field("etag").trim_matches('"').to_owned();
            request = format!("{before}{tag}{after}");
        }
        request
    }
}

/// Puts a file: `==> /path br=20 size=100000`, with its text below, or of some size.
fn file(folder: Folder, head: &str, text: &str) -> Folder {
    let words = head.split(' ').filter_map(|word| word.split_once('='));
    let path = head.split(' ').take_while(|word| !word.contains('=')).collect::<Vec<_>>().join(" ");
    let path = path.as_str();
    let mut folder = folder.file(path, text);
    for (name, number) in words {
        let number: usize = number.parse().unwrap();
        let coding = Coding::ALL.into_iter().find(|coding| coding.token() == name);
        folder = match coding {
            Some(coding) => folder.coded(path, coding, number),
            None => {
                let letters: Vec<u8> = (b'a'..=b'z').cycle().take(number).collect();
                folder.bytes(path, &letters)
            }
        };
    }
    folder
}
