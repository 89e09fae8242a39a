//! Runs the tests of case files.

use std::collections::BTreeMap;
use std::task::Poll;

use super::case_file::{
    CaseFile, Publication, Row, Step, Test, end_of_loop, expanded, first_word, number, rows, value,
    words,
};
use super::expect::{Seen, ensure, negated};
use super::faults;
use super::folder::{Built, publish};
use super::response::{Isolate, Request, Response};
use super::upstream_rules::Rules;
use super::world::{Bytes, START_MS, World};

/// Nothing, or what was expected.
type Outcome = Result<(), String>;

/// What happens to the work behind a response.
#[derive(Clone, Copy)]
enum Behind {
    Run,
    Cut,
    Hold,
}

/// A test of a case file under way.
struct Run<'a> {
    case: &'a CaseFile,
    world: World,
    rules: Rules,
    isolates: BTreeMap<String, Isolate>,
    values: BTreeMap<String, String>,
    site: String,
    /// The isolate of steps that name none.
    isolate: Option<String>,
    behind: Behind,
    /// The number of operations after which the next request is dropped.
    killed_after: Option<usize>,
    marked: BTreeMap<String, Bytes>,
    remembered: BTreeMap<String, Response>,
    last: Option<Seen>,
}

/// Runs a test in a new world for each row of its tables; returns where it failed.
pub fn run(case: &CaseFile, test: &Test) -> Outcome {
    let is_table = |step: &&Step| step.head.starts_with("given ");
    let tables: Vec<_> = test.steps.iter().take_while(is_table).map(rows).collect();
    let steps = &test.steps[tables.len()..];
    let product = tables.iter().fold(vec![Row::new()], |product, table| {
        let with = |row: &Row| -> Vec<Row> {
            table.iter().map(|more| [row.clone(), more.clone()].concat()).collect()
        };
        product.iter().flat_map(with).collect()
    });
    for row in product {
        let shown = |error| match row.is_empty() {
            true => error,
            false => format!("{error}\ngiven {row:?}"),
        };
        Run::new(case, &row, steps).and_then(|mut run| run.all(steps)).map_err(shown)?;
    }
    Ok(())
}

/// Publishes a folder that a case has before its tests.
pub fn published(world: &World, publication: &Publication) -> Built {
    let Publication { site, stage, folder, hosts, takedowns } = publication;
    let built = publish(world, site, stage, folder);
    let admin = |method: &str, call: &str, body: serde_json::Value, status: u16| {
        let call = format!("/sites/{site}/{call}");
        let response = Isolate::new(world).admin(method, &call, body.to_string().as_bytes());
        assert_eq!(response.status, status, "{}", response.render());
    };
    for (host, stage) in hosts {
        admin("PUT", &format!("hosts/{host}"), serde_json::json!({ "stage": stage }), 200);
    }
    for path in takedowns {
        admin("POST", "takedowns", serde_json::json!({ "path": path }), 201);
    }
    built
}

impl<'a> Run<'a> {
    fn new(case: &'a CaseFile, row: &Row, steps: &[Step]) -> Result<Self, String> {
        let mut values: BTreeMap<String, String> = row.iter().cloned().collect();
        let mut vars = case.vars.clone();
        for step in steps.iter().take_while(|step| step.head.starts_with("vars ")) {
            for word in expanded(&step.head, &values)?.split(' ').skip(1) {
                let (name, value) = word.split_once('=').ok_or("vars NAME=VALUE")?;
                vars.push((name.to_owned(), value.to_owned()));
            }
        }
        let vars: Vec<_> = vars.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let world = World::with_vars(&vars);
        for publication in &case.publications {
            published(&world, publication);
        }
        values.extend(case.built.iter().map(|(name, built)| (name.clone(), built.id.to_string())));
        let mut run = Self {
            case,
            rules: Rules::of(&world),
            world,
            isolates: BTreeMap::new(),
            values,
            site: case.publications.first().map_or("www", |first| &first.site).to_owned(),
            isolate: None,
            behind: Behind::Run,
            killed_after: None,
            marked: BTreeMap::new(),
            remembered: BTreeMap::new(),
            last: None,
        };
        run.all(&case.before)?;
        Ok(run)
    }

    fn all(&mut self, steps: &[Step]) -> Outcome {
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            at += 1;
            if !step.head.starts_with("for ") {
                self.located(step)?;
                continue;
            }
            let end = end_of_loop(steps, at);
            let table = step.expanded(&self.values);
            for row in rows(&table.map_err(|error| format!("line {}: {error}", step.line))?) {
                self.values.extend(row.iter().cloned());
                self.all(&steps[at..end]).map_err(|error| format!("{error}\nfor {row:?}"))?;
            }
            at = end + 1;
        }
        Ok(())
    }

    /// Does a step; an error names the innermost step that failed.
    fn located(&mut self, step: &Step) -> Outcome {
        let _shown = ShownInPanic(step.line);
        match step.expanded(&self.values).and_then(|step| self.step(&step)) {
            Err(error) if !error.starts_with("line ") => {
                let found = self.last.as_ref().map(|last| last.response.render());
                let found = found.unwrap_or_default();
                Err(format!("line {}: {}\n{error}\nlast response: {found}", step.line, step.head))
            }
            outcome => outcome,
        }
    }

    fn step(&mut self, step: &Step) -> Outcome {
        let (word, rest) = first_word(&step.head);
        let (command, expected) = step.command();
        match word {
            "" | "vars" => return Ok(()),
            "at" => return self.time(step, START_MS, rest),
            "wait" => return self.time(step, self.world.now().0, rest),
            "if" => return self.when(step, rest),
            "killed" => return self.killed(step, rest),
            "do" => return self.all(self.case.blocks.get(rest).ok_or("no such steps")?),
            "upstream" => return self.rules.add(rest, &step.more),
            "asked" => return self.asked(step, rest),
            "fault" => return faults::script(&self.world, rest),
            "publish" | "commit" => return self.deploy(word, rest),
            "last" => return self.last()?.check_all(expected, &step.more),
            "settle" => return self.settle(expected),
            "record" => return self.record(step, command, expected),
            "keys" => return self.keys(command, expected.unwrap_or_default()),
            "unchanged" => return self.unchanged(rest),
            "nowhere" => return self.nowhere(rest),
            "like" | "unlike" => return self.like(rest, word == "like"),
            "edge" => self.world.set_edge_temper(faults::temper(rest)?),
            "heal" => self.world.heal(),
            "limit" => self.world.set_limit(number(rest)? as u32),
            "lose" => self.world.lose_binding(Some(rest.to_owned().leak())),
            "remove" => self.world.remove(rest),
            "restore" => self.world.restore(&self.marked),
            "mark" => self.marked = self.world.snapshot(),
            "site" => self.site = rest.to_owned(),
            "behind" => {
                self.behind = match rest {
                    "cut" => Behind::Cut,
                    "hold" => Behind::Hold,
                    _ => Behind::Run,
                }
            }
            "isolate" => {
                let (name, other) =
                    rest.split_once(" beside ").ok_or("isolate NAME beside NAME")?;
                let isolate = self.isolate(other).neighbour();
                self.isolates.insert(name.to_owned(), isolate);
            }
            "remember" => {
                let lasting = lasting(&self.last()?.response);
                self.remembered.insert(rest.to_owned(), lasting);
            }
            "save" => {
                let (name, source) = first_word(rest);
                let saved = self.last()?.source(source);
                self.values.insert(name.to_owned(), saved);
            }
            "set" => {
                let (name, text) = first_word(rest);
                self.values.insert(name.to_owned(), value(text));
            }
            "slice" => return self.slice(rest),
            "fetches" => {
                let found = self.world.fetches();
                let expected = number(rest)? as usize;
                return ensure(found == expected, || format!("{rest} fetches, found {found}"));
            }
            _ => match word.strip_prefix('@') {
                Some(name) => {
                    let before = self.isolate.replace(name.to_owned());
                    let outcome = self.again(step, rest);
                    self.isolate = before;
                    return outcome;
                }
                None => return self.send(step, word, command, expected),
            },
        }
        Ok(())
    }

    /// Does the rest of a step's line as a step.
    fn again(&mut self, step: &Step, head: &str) -> Outcome {
        self.step(&Step { head: head.to_owned(), ..step.clone() })
    }

    fn last(&self) -> Result<&Seen, String> {
        self.last.as_ref().ok_or_else(|| "expected a response before".to_owned())
    }

    fn isolate(&mut self, name: &str) -> Isolate {
        match name {
            "new" => Isolate::new(&self.world),
            "beside" => self.isolate("here").neighbour(),
            _ => {
                let new = || Isolate::new(&self.world);
                self.isolates.entry(name.to_owned()).or_insert_with(new).clone()
            }
        }
    }

    /// Moves the clock to a time after another: `30s GET /`, `-5ms`.
    fn time(&mut self, step: &Step, from_ms: u64, rest: &str) -> Outcome {
        let (text, then) = first_word(rest);
        let (is_later, text) = text.strip_prefix('-').map_or((true, text), |text| (false, text));
        let ms = match text.strip_suffix("ms") {
            Some(ms) => number(ms)?,
            None => number(text.strip_suffix('s').ok_or("a time as `5s`")?)? * 1_000,
        };
        self.world.set_now_ms(if is_later { from_ms + ms } else { from_ms - ms });
        self.again(step, then)
    }

    /// `if STATUS STEP`: does a step if the last response has a status.
    fn when(&mut self, step: &Step, rest: &str) -> Outcome {
        let (status, then) = first_word(rest);
        let is_met = status.split('|').any(|status| {
            self.last.as_ref().is_some_and(|last| last.response.status.to_string() == status)
        });
        if is_met { self.again(step, then) } else { Ok(()) }
    }

    /// `killed OPERATIONS STEP`: drops the request of a step after so many operations.
    fn killed(&mut self, step: &Step, rest: &str) -> Outcome {
        let (operations, then) = first_word(rest);
        self.killed_after = Some(number(operations)? as usize);
        let outcome = self.again(step, then);
        self.killed_after = None;
        outcome
    }

    fn deploy(&mut self, word: &str, rest: &str) -> Outcome {
        let mut names = rest.split(' ');
        let built =
            self.case.built.get(names.next().unwrap_or_default()).ok_or("no such folder")?;
        let site = names.next().unwrap_or(&self.site);
        let from = Isolate::new(&self.world);
        built.commit(&from, site);
        if word == "publish" {
            let stage = names.next().unwrap_or("production");
            let response = built.activate(&from, site, stage, None);
            ensure(response.status == 200, || format!("200, found {}", response.render()))?;
        }
        Ok(())
    }

    /// Checks the last request that an upstream got.
    fn asked(&self, step: &Step, rest: &str) -> Outcome {
        let fetched = self.world.fetched();
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

    fn settle(&mut self, expected: Option<&str>) -> Outcome {
        self.world.take_log();
        self.world.settle();
        let log = self.world.take_log();
        let last = self.last.as_mut().ok_or("expected a response before")?;
        last.log = log;
        last.check_counters(expected.unwrap_or_default())
    }

    /// Shows a record of the store as if it were a response.
    fn record(&mut self, step: &Step, key: &str, expected: Option<&str>) -> Outcome {
        let body = self.world.history(key).last().ok_or("no such key")?.to_vec();
        let response = Response { status: 200, body, ..Response::default() };
        self.last = Some(Seen { response, ..Seen::default() });
        self.last()?.check_all(expected, &step.more)
    }

    fn keys(&self, prefix: &str, expected: &str) -> Outcome {
        let mut found = self.world.keys("");
        found.retain(|key| is_below(key, prefix));
        let found = found.join(" ");
        ensure(found == expected, || format!("keys {expected}, found {found}"))
    }

    fn unchanged(&self, prefix: &str) -> Outcome {
        let (mut before, mut now) = (self.marked.clone(), self.world.snapshot());
        before.retain(|key, _| is_below(key, prefix));
        now.retain(|key, _| is_below(key, prefix));
        ensure(now == before, || "a store as it was at `mark`".to_owned())
    }

    /// Checks that no value of the store contains a text: a secret is not stored in the clear.
    fn nowhere(&self, text: &str) -> Outcome {
        let snapshot = self.world.snapshot();
        let holder = snapshot.iter().find(|(_, b)| String::from_utf8_lossy(b).contains(text));
        ensure(holder.is_none(), || format!("no `{text}`, found in {holder:?}"))
    }

    fn like(&self, name: &str, is_wanted: bool) -> Outcome {
        let is_like = self.remembered.get(name) == Some(&lasting(&self.last()?.response));
        ensure(is_like == is_wanted, || format!("{is_wanted} for a response like `{name}`"))
    }

    fn slice(&mut self, rest: &str) -> Outcome {
        let [name, range, text] =
            words(rest).try_into().map_err(|_| "slice NAME RANGE TEXT".to_owned())?;
        let (first, end) = range.split_once("..").ok_or("a range as `7..` or `..-1`")?;
        let cut = end.strip_prefix('-').map_or(Ok(0), number)? as usize;
        let first = first.parse().unwrap_or(0);
        self.values.insert(name, text[first..text.len() - cut].to_owned());
        Ok(())
    }

    /// Sends a request of a client, `METHOD TARGET [BODY]`, or a call of the admin API.
    fn send(&mut self, step: &Step, word: &str, command: &str, expected: Option<&str>) -> Outcome {
        let (first, rest) = first_word(command);
        let object = |place: &str| {
            let end = place.find(['/', '?']).unwrap_or(place.len());
            let (collection, name) = place.split_at(end);
            format!("/sites/{}/collections/{collection}/objects{name}", self.site)
        };
        let (second, after) = first_word(rest);
        let (method, target, body, is_admin) = match word {
            "admin" => (first, second.to_owned(), after, true),
            "object" => (first, object(second), after, true),
            "put" => ("PUT", object(first), rest, true),
            "delete" => ("DELETE", object(first), rest, true),
            "purge" => ("POST", format!("/sites/{}/purge", self.site), command, true),
            method if first.starts_with('/') => {
                (method, format!("https://{}.cdn.test{first}", self.site), rest, false)
            }
            method if first.contains("://") => (method, first.to_owned(), rest, false),
            _ => return Err("no such step".to_owned()),
        };
        let body = match body.strip_prefix('@') {
            Some(folder) => self.case.built.get(folder).ok_or("no such folder")?.root.clone(),
            None if body.starts_with(['{', '[']) => body.as_bytes().to_vec(),
            None => value(body).into_bytes(),
        };
        let default = if is_admin { "new" } else { "here" };
        let isolate = self.isolate.clone().unwrap_or_else(|| default.to_owned());
        let isolate = self.isolate(&isolate);
        let request = match is_admin {
            true => isolate.admin_call(method, &target, &body),
            false if body.is_empty() => isolate.ask(method, &target),
            false => isolate.ask(method, &target).body(&body),
        };
        let is_relayed = !is_admin && is_relayed(&target);
        let request = with_headers(request, &step.more);
        let request = if is_relayed { request.relayed() } else { request };
        let Some(seen) = self.response(request, is_admin) else { return Ok(()) };
        if is_admin && expected.is_none() {
            ensure(seen.response.status < 300, || "an admin call that is accepted".to_owned())?;
        }
        if is_relayed {
            seen.check_relayed()?;
        }
        seen.check_all(expected, &step.more)
    }

    /// The response to a request, and what happened meanwhile; `None` when the request is killed.
    fn response(&mut self, request: Request, is_admin: bool) -> Option<&Seen> {
        if let Some(operations) = self.killed_after {
            let mut future = Box::pin(request.future());
            let reply = self.world.step(future.as_mut(), operations);
            drop(future);
            self.world.cut_behind();
            let response = match reply {
                Poll::Ready(reply) => Response::of(reply),
                Poll::Pending => Response::default(),
            };
            self.last = Some(Seen { response, ..Seen::default() });
            return None;
        }
        let (fetches, bodies) = (self.world.fetches(), self.world.bodies());
        let since = self.world.now();
        self.world.take_log();
        let response = request.send_only();
        let took_ms = self.world.now().since(since);
        let mut cut = 0;
        match self.behind {
            Behind::Run => self.world.settle(),
            Behind::Cut => cut = self.world.cut_behind(),
            Behind::Hold => {}
        }
        let (log, world) = (self.world.take_log(), &self.world);
        let (fetches, bodies) = (world.fetches() - fetches, world.bodies() - bodies);
        Some(self.last.insert(Seen { response, log, fetches, bodies, took_ms, cut, is_admin }))
    }
}

/// Adds the headers of `>` to a request. They replace its own; one without a value removes it.
fn with_headers(request: Request, lines: &[String]) -> Request {
    let sent = lines.iter().filter_map(|line| line.strip_prefix('>')?.split_once(':'));
    let sent: Vec<_> = sent.map(|(name, value)| (name.trim(), value.trim())).collect();
    let bare =
        sent.iter().fold(request, |bare, (name, _)| bare.without(&name.to_ascii_lowercase()));
    let sent = sent.into_iter().filter(|(_, value)| !value.is_empty());
    sent.fold(bare, |request, (name, value)| request.header(name, value))
}

/// Says which step was under way when an assertion of the world failed.
struct ShownInPanic(usize);

impl Drop for ShownInPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in line {}", self.0);
        }
    }
}

/// A response without what depends on its time, its tier or its query.
fn lasting(response: &Response) -> Response {
    let mut lasting = response.lasting();
    for (_, value) in lasting.headers.iter_mut().filter(|(name, _)| name == "location") {
        value.truncate(value.find('?').unwrap_or(value.len()));
    }
    lasting
}

/// Whether a key begins with a prefix; `*/site` stands for all keys of a site.
fn is_below(key: &str, prefix: &str) -> bool {
    match prefix.strip_prefix("*/") {
        Some(site) => key.split('/').nth(1) == Some(site),
        None => key.starts_with(prefix),
    }
}

/// Whether an action answers: the status and the lifetimes are the upstream's.
fn is_relayed(target: &str) -> bool {
    let path = target.split("://").nth(1).and_then(|rest| rest.split_once('/'));
    path.is_some_and(|(_, path)| path.starts_with("api/"))
}
