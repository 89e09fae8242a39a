//! Steps that send requests.

use std::task::Poll;

use super::super::case_file::{Step, first_word, number, value};
use super::super::expect::{Seen, ensure};
use super::super::response::{Isolate, Request, Response};
use super::{Behind, Outcome, Run};

impl Run<'_> {
    /// `killed OPERATIONS STEP`: drops the request of a step after so many operations.
    pub(super) fn killed(&mut self, step: &Step, rest: &str) -> Outcome {
        let (operations, then) = first_word(rest);
        self.killed_after = Some(number(operations)? as usize);
        let outcome = self.again(step, then);
        self.killed_after = None;
        outcome
    }

    /// `together COUNT STEP`: sends the request of a step so many times at once.
    pub(super) fn together(&mut self, step: &Step, rest: &str) -> Outcome {
        let (count, then) = first_word(rest);
        self.copies = number(count)? as usize;
        let outcome = self.again(step, then);
        self.copies = 1;
        outcome
    }

    /// `attempt FOLDER [CALLS]`: publishes a folder by calls, until they are refused or killed.
    pub(super) fn attempt(&mut self, rest: &str) -> Outcome {
        let (folder, calls_max) = first_word(rest);
        let built = self.case.built.get(folder).ok_or("no such folder")?;
        let mut calls = built.calls(&Isolate::new(&self.world), &self.site, "production", Some(1));
        calls.truncate(number(calls_max).unwrap_or(u64::MAX) as usize);
        let mut left = self.killed_after;
        for call in calls {
            let response = match &mut left {
                None => Some(call.send()),
                Some(left) => {
                    let mut future = Box::pin(call.future());
                    let mut reply = Poll::Pending;
                    while reply.is_pending() && *left > 0 {
                        reply = self.world.step(future.as_mut(), 1);
                        *left -= 1;
                    }
                    if let Poll::Ready(reply) = reply { Some(Response::of(reply)) } else { None }
                }
            };
            let Some(response) = response else { break };
            let is_refused = response.status >= 300;
            self.last = Some(Seen { response, is_admin: true, ..Seen::default() });
            if is_refused {
                break;
            }
        }
        self.world.cut_behind();
        Ok(())
    }

    /// Sends a request of a client, `METHOD TARGET [BODY]`, or a call of the admin API.
    pub(super) fn send(
        &mut self,
        step: &Step,
        word: &str,
        command: &str,
        expected: Option<&str>,
    ) -> Outcome {
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
        for response in self.responses(request) {
            let seen = self.last.get_or_insert_default();
            (seen.response, seen.is_admin) = (response, is_admin);
            if is_admin && expected.is_none() {
                ensure(seen.response.status < 300, || "an admin call that is accepted".to_owned())?;
            }
            if is_relayed {
                seen.check_relayed()?;
            }
            seen.check_all(expected, &step.more)?;
        }
        Ok(())
    }

    /// The responses to copies of a request, none when it is killed; what happened meanwhile is
    /// counted.
    pub(super) fn responses(&mut self, request: Request) -> Vec<Response> {
        let world = self.world.clone();
        if let Some(operations) = self.killed_after {
            let mut future = Box::pin(request.future());
            let reply = world.step(future.as_mut(), operations);
            drop(future);
            world.cut_behind();
            let response = match reply {
                Poll::Ready(reply) => Response::of(reply),
                Poll::Pending => Response::default(),
            };
            self.last = Some(Seen { response, ..Seen::default() });
            return Vec::new();
        }
        let (fetches, bodies, since) = (world.fetches(), world.bodies.get(), world.now());
        world.log.take();
        let responses = match self.copies {
            1 => vec![request.send_only()],
            copies => {
                let requests = (0..copies).map(|_| request.clone().response()).collect();
                world.run_all(requests).into_iter().map(|it| it.expect("never answered")).collect()
            }
        };
        let took_ms = world.now().since(since);
        let mut cut = 0;
        match self.behind {
            Behind::Run => world.settle(),
            Behind::Cut => cut = world.cut_behind(),
            Behind::Hold => {}
        }
        let (fetches, bodies) = (world.fetches() - fetches, world.bodies.get() - bodies);
        let log = world.log.take();
        self.last = Some(Seen { log, fetches, bodies, took_ms, cut, ..Seen::default() });
        responses
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

/// Whether an action answers: the status and the lifetimes are the upstream's.
fn is_relayed(target: &str) -> bool {
    let path = target.split("://").nth(1).and_then(|rest| rest.split_once('/'));
    path.is_some_and(|(_, path)| path.starts_with("api/"))
}
