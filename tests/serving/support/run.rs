//! Runs the steps of case files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use selvedge::ports::{Fault, UpstreamRequest};

use super::case_file::{CaseFile, Publication, Row, Step, Test, rows, value, words};
use super::expect::{Seen, ensure, negated};
use super::folder::{Built, publish};
use super::response::{Isolate, Response};
use super::upstream::{Answer, End};
use super::world::{Bytes, EdgeTemper, Op, START_MS, Trouble, World};

/// What went wrong, or nothing.
type Outcome = Result<(), String>;

/// What becomes of the work behind a response.
#[derive(Clone, Copy)]
enum Behind {
    Run,
    Cut,
    Hold,
}

/// What an upstream answers to requests of a kind.
struct Rule {
    conditions: Vec<String>,
    answer: Answer,
    lines: String,
    body: String,
}

/// A test of a case file under way.
struct Run<'a> {
    case: &'a CaseFile,
    world: World,
    built: BTreeMap<String, Built>,
    isolates: BTreeMap<String, Isolate>,
    values: BTreeMap<String, String>,
    site: String,
    /// The isolate of a step that names none.
    who: Option<String>,
    behind: Behind,
    rules: Rc<RefCell<Vec<Rule>>>,
    marked: BTreeMap<String, Bytes>,
    remembered: BTreeMap<String, Response>,
    last: Option<Seen>,
}

/// Runs a test in a world for each row of its tables; says where it failed.
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

/// Publishes what a case has published before its tests.
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
        let vars: Vec<_> =
            vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let world = World::with_vars(&vars);
        for publication in &case.publications {
            published(&world, publication);
        }
        let rules = Rc::<RefCell<Vec<Rule>>>::default();
        let answers = rules.clone();
        world.on_fetch(move |request, world| {
            let rules = answers.borrow();
            let rule = rules.iter().rev().find(|rule| rule.matches(request, world));
            rule.map_or_else(|| Answer::fault(Fault::Missing), |rule| rule.answer(request, world))
        });
        let built = case.folders.iter().map(|(name, folder)| (name.clone(), folder.build()));
        let built: BTreeMap<String, Built> = built.collect();
        let ids = built.iter().map(|(name, built)| (name.clone(), built.id.to_string()));
        values.extend(ids);
        let mut run = Self {
            case,
            world,
            built,
            isolates: BTreeMap::new(),
            values,
            site: case.publications.first().map_or("www", |first| &first.site).to_owned(),
            who: None,
            behind: Behind::Run,
            rules,
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
            let table =
                self.expanded(step).map_err(|error| format!("line {}: {error}", step.line))?;
            for row in rows(&table) {
                self.values.extend(row.iter().cloned());
                self.all(&steps[at..end]).map_err(|error| format!("{error}\nfor {row:?}"))?;
            }
            at = end + 1;
        }
        Ok(())
    }

    /// Does a step, and says which one failed.
    fn located(&mut self, step: &Step) -> Outcome {
        let _shown = ShownInPanic(step.line);
        match self.expanded(step).and_then(|step| self.step(&step)) {
            Err(error) if !error.starts_with("line ") => {
                let found = self.last.as_ref().map(|last| last.response.render());
                let found = found.unwrap_or_default();
                Err(format!("line {}: {}\n{error}\nlast response: {found}", step.line, step.head))
            }
            outcome => outcome,
        }
    }

    fn expanded(&self, step: &Step) -> Result<Step, String> {
        let head = expanded(&step.head, &self.values)?;
        let mut more = Vec::new();
        for line in &step.more {
            let (marker, text) = line.split_at(if line.starts_with(['<', '>']) { 1 } else { 0 });
            let text = expanded(text, &self.values)?;
            // A value may be of several lines; a row of a table is one.
            let count = if head.starts_with("for ") { 1 } else { usize::MAX };
            more.extend(text.splitn(count, "\\n").map(|text| format!("{marker}{text}")));
        }
        Ok(Step { line: step.line, head, more })
    }

    fn step(&mut self, step: &Step) -> Outcome {
        let (word, rest) = step.head.split_once(' ').unwrap_or((&step.head, ""));
        let (command, expected) = match rest.rsplit_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (rest, None),
        };
        match word {
            "" | "vars" => {}
            "at" | "wait" => return self.time(step, word, rest),
            "upstream" => self.rule(step, rest)?,
            "asked" => return self.asked(step, rest),
            "fault" => self.fault(rest)?,
            "edge" => self.world.set_edge_temper(match rest.split_once('=') {
                Some((_, percent)) => EdgeTemper::Vanishing(number(percent)?),
                None if rest == "empty" => EdgeTemper::AlwaysEmpty,
                None => EdgeTemper::Keeps,
            }),
            "heal" => self.world.heal(),
            "settle" => {
                self.world.take_log();
                self.world.settle();
                let last = self.last.as_mut().ok_or("no response yet")?;
                last.log = self.world.take_log();
                return expected.map_or(Ok(()), |expected| last.check_counters(expected));
            }
            "last" => {
                let last = self.last.as_ref().ok_or("no response yet")?;
                return last.check_all(expected, &step.more);
            }
            "behind" => {
                self.behind = match rest {
                    "cut" => Behind::Cut,
                    "hold" => Behind::Hold,
                    _ => Behind::Run,
                }
            }
            "lose" => self.world.lose_binding(Some(rest.to_owned().leak())),
            "limit" => self.world.set_limit(number(rest)? as u32),
            "site" => self.site = rest.to_owned(),
            "set" => {
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                self.values.insert(name.to_owned(), value(text));
            }
            "slice" => {
                let [name, range, text] =
                    words(rest).try_into().map_err(|_| "slice NAME RANGE TEXT")?;
                let (first, end) = range.split_once("..").ok_or("a range as `7..` or `..-1`")?;
                let end = match end.strip_prefix('-') {
                    Some(cut) => text.len() - number(cut)? as usize,
                    None => text.len(),
                };
                let first = first.parse().unwrap_or(0);
                self.values.insert(name, text[first..end].to_owned());
            }
            "save" => {
                let (name, source) = rest.split_once(' ').ok_or("save NAME SOURCE")?;
                let last = self.last.as_ref().ok_or("no response yet")?;
                self.values.insert(name.to_owned(), last.source(source));
            }
            "remember" => {
                let last = lasting(&self.last.as_ref().ok_or("no response yet")?.response);
                self.remembered.insert(rest.to_owned(), last);
            }
            "like" | "unlike" => {
                let last = lasting(&self.last.as_ref().ok_or("no response yet")?.response);
                let is_like = self.remembered.get(rest) == Some(&last);
                return ensure(is_like == (word == "like"), || {
                    format!("a response {word} that of `remember {rest}`")
                });
            }
            "mark" => self.marked = self.world.snapshot(),
            "unchanged" => {
                let mut now = self.world.snapshot();
                self.marked.retain(|key, _| matches(key, rest));
                now.retain(|key, _| matches(key, rest));
                return ensure(now == self.marked, || "a store as it was at `mark`".to_owned());
            }
            "fetches" => {
                let found = self.world.fetches();
                let expected = number(rest)? as usize;
                return ensure(found == expected, || format!("{rest} fetches, found {found}"));
            }
            "record" => {
                let body = self.world.history(command).last().ok_or("no such key")?.to_vec();
                let response = Response { status: 200, headers: Vec::new(), body, is_cut: false };
                let seen = self.last.insert(Seen { response, ..Seen::default() });
                return seen.check_all(expected, &step.more);
            }
            "list" => {
                let (name, prefix) = rest.split_once(' ').ok_or("list NAME PREFIX")?;
                self.values.insert(name.to_owned(), self.world.keys(prefix).join(" "));
            }
            "keys" => {
                let mut found = self.world.keys("");
                found.retain(|key| matches(key, command));
                let (found, expected) = (found.join(" "), expected.unwrap_or_default());
                return ensure(found == expected, || format!("keys {expected}, found {found}"));
            }
            "nowhere" => return self.nowhere(rest),
            "remove" => self.world.remove(rest),
            "isolate" => {
                let (name, other) = rest.split_once(" beside ").unwrap_or((rest, "new"));
                let isolate = self.isolate(other);
                self.isolates.insert(name.to_owned(), isolate.neighbour());
            }
            "do" => {
                let case = self.case;
                return self.all(case.blocks.get(rest).ok_or("no such steps")?);
            }
            "publish" | "commit" => self.deploy(word, rest)?,
            _ if word.starts_with('@') => {
                let before = self.who.replace(word[1..].to_owned());
                let outcome = self.step(&Step { head: rest.to_owned(), ..step.clone() });
                self.who = before;
                return outcome;
            }
            _ => return self.send(step, word, command, expected),
        }
        Ok(())
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

    /// `wait 30s` or `at 30s`, after the start of the test; another step may stand behind it.
    fn time(&mut self, step: &Step, word: &str, rest: &str) -> Outcome {
        let (text, then) = rest.split_once(' ').unwrap_or((rest, ""));
        let (is_later, text) = text.strip_prefix('-').map_or((true, text), |text| (false, text));
        let ms = match text.strip_suffix("ms") {
            Some(ms) => number(ms)?,
            None => number(text.strip_suffix('s').ok_or("seconds as `5s`")?)? * 1_000,
        };
        let from = if word == "at" { START_MS } else { self.world.now().0 };
        self.world.set_now_ms(if is_later { from + ms } else { from - ms });
        match then {
            "" => Ok(()),
            then => self.step(&Step { head: then.to_owned(), ..step.clone() }),
        }
    }

    fn deploy(&mut self, word: &str, rest: &str) -> Outcome {
        let mut names = rest.split(' ');
        let folder = names.next().unwrap_or_default();
        let site = names.next().map_or_else(|| self.site.clone(), str::to_owned);
        let stage = names.next().unwrap_or("production");
        let built = self.built.get(folder).ok_or("no such folder")?;
        let from = Isolate::new(&self.world);
        built.commit(&from, &site);
        if word == "publish" {
            let response = built.activate(&from, &site, stage, None);
            ensure(response.status == 200, || format!("200, found {}", response.render()))?;
        }
        Ok(())
    }

    /// `upstream STATUS|FAULT [BODY] [after=MS] [cut] [endless] [chunked] [when CONDITION...]`
    fn rule(&mut self, step: &Step, rest: &str) -> Outcome {
        let (answer, conditions) = rest.split_once(" when ").unwrap_or((rest, ""));
        let mut rule = Rule {
            conditions: words(conditions),
            answer: Answer::new(200, "", ""),
            lines: step.more.join("\n"),
            body: String::new(),
        };
        for (at, word) in words(answer).iter().enumerate() {
            match word.as_str() {
                status if at == 0 => match (status.parse(), fault(status)) {
                    (Ok(status), _) => rule.answer.status = status,
                    (_, Some(fault)) => rule.answer.fault = Some(fault),
                    _ => return Err("upstream STATUS or a fault".to_owned()),
                },
                "cut" => rule.answer.body.end = End::Cut,
                "endless" => rule.answer.body.end = End::Never,
                "chunked" => rule.answer = rule.answer.chunked(),
                word => match word.strip_prefix("after=") {
                    Some(ms) => rule.answer.delay_ms = number(ms)?,
                    None => rule.body = value(word),
                },
            }
        }
        if rule.conditions.is_empty() {
            self.rules.borrow_mut().clear();
        }
        self.rules.borrow_mut().push(rule);
        Ok(())
    }

    /// Checks the last request that the upstream got.
    fn asked(&self, step: &Step, rest: &str) -> Outcome {
        let fetched = self.world.fetched();
        let request = fetched.last().ok_or("expected a request to the upstream")?;
        let line = format!("{} {}", request.method, request.url);
        ensure(rest.is_empty() || rest == line, || format!("a request, found {line}"))?;
        for line in step.more.iter().filter_map(|line| line.strip_prefix("> ")) {
            let (is_wanted, line) = negated(line);
            let (name, expected) = line.trim().split_once(": ").unwrap_or((line.trim(), ""));
            let found = request.headers.value(&name.to_ascii_lowercase());
            let holds = match is_wanted {
                true => found == Some(expected),
                false => found.is_none(),
            };
            ensure(holds, || format!("`{line}` upstream, found {found:?}"))?;
        }
        Ok(())
    }

    /// `fault OPERATION KEYS KIND [skip=N] [times=N] [percent=N]`
    fn fault(&mut self, rest: &str) -> Outcome {
        let words = words(rest);
        let [op, keys, kind, more @ ..] = words.as_slice() else {
            return Err("fault OPERATION KEYS KIND".to_owned());
        };
        let of = |name: &str| more.iter().find_map(|word| word.strip_prefix(name));
        let (op, trouble) = (operation(op)?, trouble(kind)?);
        let keys: &'static str = if keys == "*" { "" } else { keys.clone().leak() };
        match (op, of("percent=")) {
            (Some(op), Some(percent)) => {
                self.world.trouble_for(op, keys, number(percent)?, trouble);
            }
            _ => {
                let skip = of("skip=").map_or(Ok(0), number)? as usize;
                let times = of("times=").map_or(Ok(u64::MAX), number)? as usize;
                self.world.trouble_at(op, keys, skip, times, trouble);
            }
        }
        Ok(())
    }

    /// Checks that no value of the store contains a text, so that no secret is kept in the clear.
    fn nowhere(&self, text: &str) -> Outcome {
        let snapshot = self.world.snapshot();
        let holder = snapshot.iter().find(|(_, b)| String::from_utf8_lossy(b).contains(text));
        ensure(holder.is_none(), || format!("no `{text}`, found in {holder:?}"))
    }

    /// A request: of a client, `METHOD TARGET [BODY]`, or a call of the admin API.
    fn send(&mut self, step: &Step, word: &str, command: &str, expected: Option<&str>) -> Outcome {
        let (first, rest) = command.split_once(' ').unwrap_or((command, ""));
        let object = |place: &str| {
            let end = place.find(['/', '?']).unwrap_or(place.len());
            let (collection, name) = place.split_at(end);
            format!("/sites/{}/collections/{collection}/objects{name}", self.site)
        };
        let (method, target, body, is_admin) = match word {
            "admin" => {
                let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
                (first, path.to_owned(), body, true)
            }
            "put" => ("PUT", object(first), rest, true),
            "delete" => ("DELETE", object(first), rest, true),
            "object" => {
                let (place, body) = rest.split_once(' ').unwrap_or((rest, ""));
                (first, object(place), body, true)
            }
            "purge" => ("POST", format!("/sites/{}/purge", self.site), command, true),
            method if first.starts_with('/') => {
                (method, format!("https://{}.cdn.test{first}", self.site), rest, false)
            }
            method if first.contains("://") => (method, first.to_owned(), rest, false),
            _ => return Err("no such step".to_owned()),
        };
        let body = match body.strip_prefix('@') {
            Some(folder) => self.built.get(folder).ok_or("no such folder")?.root.clone(),
            None if body.starts_with(['{', '[']) => body.as_bytes().to_vec(),
            None => value(body).into_bytes(),
        };
        let seen = self.request(step, method, &target, &body, is_admin);
        self.last = Some(seen);
        let seen = self.last.as_ref().ok_or("no response")?;
        match expected {
            None if is_admin => {
                ensure(seen.response.status < 300, || "an admin call that is accepted".to_owned())?;
                seen.check_all(None, &step.more)?;
            }
            expected => seen.check_all(expected, &step.more)?,
        }
        if is_relayed(&target) && !is_admin { seen.check_relayed() } else { Ok(()) }
    }

    fn request(
        &mut self,
        step: &Step,
        method: &str,
        target: &str,
        body: &[u8],
        is_admin: bool,
    ) -> Seen {
        let default = if is_admin { "new" } else { "here" };
        let who = self.who.clone().unwrap_or_else(|| default.to_owned());
        let isolate = self.isolate(&who);
        let sent = step.more.iter().filter_map(|line| line.strip_prefix('>'));
        let sent: Vec<_> = sent
            .filter_map(|line| line.split_once(':'))
            .map(|(n, v)| (n.trim(), v.trim()))
            .collect();
        let mut request = match is_admin {
            true => isolate.admin_call(method, target, b""),
            false => isolate.ask(method, target),
        };
        if sent.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            request = request.token(None);
        }
        if is_admin || !body.is_empty() {
            request = request.without("content-length");
            if !sent.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                request = request.body(body);
            }
        }
        let headers = sent.iter().filter(|(_, value)| !value.is_empty());
        request = headers.fold(request, |request, (name, value)| request.header(name, value));
        if is_relayed(target) && !is_admin {
            request = request.relayed();
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
        Seen {
            response,
            log: self.world.take_log(),
            fetches: self.world.fetches() - fetches,
            bodies: self.world.bodies() - bodies,
            took_ms,
            cut,
            is_admin,
        }
    }
}

impl Rule {
    /// A condition is a method, the end of a URL as `/path`, a header as `name` or `name=value`, or
    /// the number of the request as `n=1`; `!` in front of it negates it.
    fn matches(&self, request: &UpstreamRequest, world: &World) -> bool {
        self.conditions.iter().all(|condition| {
            let (is_wanted, condition) = negated(condition);
            let holds = match condition.split_once('=') {
                Some(("n", number)) => number == world.fetches().to_string(),
                Some((name, expected)) => request.headers.value(name) == Some(&value(expected)),
                None if condition.starts_with('/') => request.url.ends_with(condition),
                None if condition.starts_with(|letter: char| letter.is_ascii_uppercase()) => {
                    request.method.as_str() == condition
                }
                None => request.headers.contains(condition),
            };
            holds == is_wanted
        })
    }

    /// The answer, with `{n}` replaced by the number of the request and `{name}` by its header.
    fn answer(&self, request: &UpstreamRequest, world: &World) -> Answer {
        let filled = |text: &str| {
            let mut pieces = text.split('{');
            let mut filled = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                let (name, after) = piece.split_once('}').unwrap_or((piece, ""));
                match name {
                    "n" => filled.push_str(&world.fetches().to_string()),
                    name => filled.push_str(request.headers.value(name).unwrap_or("-")),
                }
                filled.push_str(after);
            }
            filled
        };
        let made = Answer::new(self.answer.status, &filled(&self.lines), filled(&self.body));
        let has_length = self.answer.headers.contains("content-length");
        let made = if has_length { made } else { made.chunked() };
        Answer { delay_ms: self.answer.delay_ms, fault: self.answer.fault, ..made }
            .ending(self.answer.body.end)
    }
}

/// Says which step was being done when an assertion of the world failed.
struct ShownInPanic(usize);

impl Drop for ShownInPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in line {}", self.0);
        }
    }
}

/// The index of the `end` of a loop whose steps begin at an index, or of the end of the steps.
fn end_of_loop(steps: &[Step], first: usize) -> usize {
    let mut depth = 1;
    for (at, step) in steps.iter().enumerate().skip(first) {
        match step.head.as_str() {
            "end" => depth -= 1,
            head if head.starts_with("for ") => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    steps.len()
}

/// A text with `$name` replaced by the value of that name.
fn expanded(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut pieces = text.split('$');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = piece.find(|letter| !is_name(letter)).unwrap_or(piece.len());
        let (name, after) = piece.split_at(end);
        let value = values.get(name).ok_or_else(|| format!("no value of `${name}`"))?;
        whole.push_str(&expanded(value, values)?);
        whole.push_str(after);
    }
    Ok(whole)
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
fn matches(key: &str, prefix: &str) -> bool {
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

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn operation(word: &str) -> Result<Option<Op>, String> {
    Ok(Some(match word {
        "any" => return Ok(None),
        "read" => Op::Read,
        "write" => Op::Write,
        "delete" => Op::Delete,
        "list" => Op::List,
        "open" => Op::Open,
        "hold" => Op::Hold,
        "upload" => Op::Upload,
        "edge-lookup" => Op::EdgeLookup,
        "edge-put" => Op::EdgePut,
        "stored-find" => Op::StoredFind,
        "stored-keep" => Op::StoredKeep,
        "fetch" => Op::Fetch,
        "limit" => Op::Limit,
        _ => return Err(format!("no operation `{word}`")),
    }))
}

fn fault(word: &str) -> Option<Fault> {
    Some(match word {
        "failed" => Fault::Failed,
        "busy" => Fault::Busy,
        "timed-out" => Fault::TimedOut,
        "missing" => Fault::Missing,
        _ => return None,
    })
}

fn trouble(word: &str) -> Result<Trouble, String> {
    if let Some(fault) = fault(word) {
        return Ok(Trouble::Before(fault));
    }
    if let Some(fault) = word.strip_suffix("-after").and_then(fault) {
        return Ok(Trouble::After(fault));
    }
    Ok(match word.split_once('=') {
        Some(("slow", ms)) => Trouble::Slow(number(ms)?),
        Some(("older", writes)) => Trouble::Older(number(writes)? as usize),
        _ => match word {
            "hang" => Trouble::Hang,
            "hang-after" => Trouble::HangAfter,
            "null" => Trouble::Null,
            "truncated" => Trouble::Truncated,
            "garbage" => Trouble::Garbage,
            _ => return Err(format!("no fault `{word}`")),
        },
    })
}
