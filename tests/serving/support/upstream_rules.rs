//! The answers of upstreams that a case file lists.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::ports::{Fault, UpstreamRequest};

use super::case_file::{number, value, words};
use super::expect::negated;
use super::faults::fault;
use super::upstream::{Answer, End};
use super::world::World;

/// The rules of a world; the latest that matches a request answers it.
#[derive(Clone, Default)]
pub struct Rules(Rc<RefCell<Vec<Rule>>>);

struct Rule {
    conditions: Vec<String>,
    answer: Answer,
    lines: String,
    body: String,
}

impl Rules {
    /// Makes the upstreams of a world answer by rules, of which there is none yet.
    pub fn of(world: &World) -> Self {
        let rules = Self::default();
        let answering = rules.clone();
        world.on_fetch(move |request, world| {
            let rules = answering.0.borrow();
            let rule = rules.iter().rev().find(|rule| rule.matches(request));
            rule.map_or_else(|| Answer::fault(Fault::Missing), |rule| rule.answer(request, world))
        });
        rules
    }

    /// Adds `STATUS|FAULT [BODY] [after=MS] [cut] [endless] [chunked] [when CONDITION...]`. A rule
    /// without conditions replaces all others.
    pub fn add(&self, text: &str, lines: &[String]) -> Result<(), String> {
        let (answer, conditions) = text.split_once(" when ").unwrap_or((text, ""));
        let mut rule = Rule {
            conditions: words(conditions),
            answer: Answer::new(200, "", ""),
            lines: lines.join("\n"),
            body: String::new(),
        };
        let mut words = words(answer).into_iter();
        let status = words.next().unwrap_or_default();
        match (status.parse(), fault(&status)) {
            (Ok(status), _) => rule.answer.status = status,
            (_, Some(fault)) => rule.answer.fault = Some(fault),
            _ => return Err("upstream STATUS or a fault".to_owned()),
        }
        for word in words {
            match (word.as_str(), word.strip_prefix("after=")) {
                (_, Some(ms)) => rule.answer.delay_ms = number(ms)?,
                ("cut", _) => rule.answer.body.end = End::Cut,
                ("endless", _) => rule.answer.body.end = End::Never,
                ("chunked", _) => rule.answer = rule.answer.chunked(),
                (body, _) => rule.body = value(body),
            }
        }
        let mut rules = self.0.borrow_mut();
        if rule.conditions.is_empty() {
            rules.clear();
        }
        rules.push(rule);
        Ok(())
    }
}

impl Rule {
    /// A condition is a method, the end of a URL as `/path`, a header as `name` or `name=value`;
    /// `!` negates it.
    fn matches(&self, request: &UpstreamRequest) -> bool {
        self.conditions.iter().all(|condition| {
            let (is_wanted, condition) = negated(condition);
            let holds = match condition.split_once('=') {
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
