//! Runs the tests of case files.

mod checks;
mod send;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case_file::{
    CaseFile, Publication, Row, Step, Test, end_of_loop, expanded, first_word, number, rows, value,
    words,
};
use super::expect::{Seen, ensure};
use super::faults;
use super::folder::{Built, publish};
use super::media::Manner;
use super::response::{Isolate, Response};
use super::upstream_rules::Rules;
use super::world::{Bytes, START_MS, World};
use checks::{is_below, lasting};

/// Nothing, or what was expected.
type Outcome = Result<(), String>;

/// The fate of the work behind a response.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// How often the next request is sent at once.
    copies: usize,
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
            for word in words(&expanded(&step.head, &values)?).iter().skip(1) {
                let (name, text) = word.split_once('=').ok_or("vars NAME=VALUE")?;
                vars.push((name.to_owned(), value(text)));
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
            copies: 1,
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
            "together" => return self.together(step, rest),
            "attempt" => return self.attempt(rest),
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
            "fetches" => return self.fetches(rest),
            "slice" => return self.slice(rest),
            "isolate" => return self.name_isolate(rest),
            "like" | "unlike" => return self.like(rest, word == "like"),
            "edge" => self.world.temper.set(faults::temper(rest)?),
            "heal" => self.world.heal(),
            "limit" => self.world.limit_per_minute.set(Some(number(rest)? as u32)),
            "media" => *self.world.manner.borrow_mut() = Manner::parse(rest)?,
            "lose" => self.world.missing.set(Some(rest.to_owned().leak())),
            "remove" => self.world.remove(rest),
            "corrupt" => self.corrupt(rest),
            "restore" => self.world.restore(&self.marked),
            "mark" => self.marked = self.world.snapshot(),
            "site" => self.site = rest.to_owned(),
            "behind" => self.behind = faults::named(rest).ok_or("behind run|cut|hold")?,
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

    fn name_isolate(&mut self, rest: &str) -> Outcome {
        let (name, other) = rest.split_once(" beside ").ok_or("isolate NAME beside NAME")?;
        let isolate = self.isolate(other).neighbour();
        self.isolates.insert(name.to_owned(), isolate);
        Ok(())
    }

    fn corrupt(&self, prefix: &str) {
        for key in self.world.keys("").iter().filter(|key| is_below(key, prefix)) {
            self.world.store(key, b"corrupt");
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
        self.world.now_ms.set(if is_later { from_ms + ms } else { from_ms - ms });
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

    fn slice(&mut self, rest: &str) -> Outcome {
        let [name, range, text] =
            words(rest).try_into().map_err(|_| "slice NAME RANGE TEXT".to_owned())?;
        let (first, end) = range.split_once("..").ok_or("a range as `7..` or `..-1`")?;
        let cut = end.strip_prefix('-').map_or(Ok(0), number)? as usize;
        let first = first.parse().unwrap_or(0);
        self.values.insert(name, text[first..text.len() - cut].to_owned());
        Ok(())
    }
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
