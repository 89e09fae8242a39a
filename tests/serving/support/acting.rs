//! Sites with actions, and upstreams that count.

use selvedge::ports::{Fault, UpstreamRequest};

use super::folder::{Folder, publish};
use super::response::{Isolate, Request, Response};
use super::upstream::Answer;
use super::world::World;

/// Where the actions of every site are.
pub const API: &str = "/api/x";

const CONFIG: &str = r#"{"actions":[{"prefix":"/api/","upstream":"https://up.test"}]}"#;

/// Two sites with the same action each, on two stages.
pub fn acting() -> World {
    acting_as(CONFIG)
}

/// Two sites with this configuration, on two stages.
pub fn acting_as(config: &str) -> World {
    let world = World::with_vars(&[("ALLOWED_ORIGINS", "https://up.test")]);
    for site in ["aa", "bb"] {
        for stage in ["production", "staging"] {
            let folder = Folder::new(&[("/index.html", site)]).configured(config);
            publish(&world, site, stage, &folder);
        }
    }
    world.take_log();
    world
}

/// What an upstream is like.
#[derive(Debug, Clone, Copy)]
pub enum Up {
    /// It has a new version for each request: v1, v2, ...
    New,
    /// It says that what is known is still right.
    Same,
    /// It fails, and says so.
    Says(u16),
    /// It gives no answer.
    Lost(Fault),
}

/// Makes upstreams answer so, with these headers, after some time.
pub fn upstreams(world: &World, up: Up, lines: &str, delay_ms: u64) {
    let lines = lines.to_owned();
    world.on_fetch(move |request: &UpstreamRequest, world| {
        let body = format!("v{}", world.fetches());
        let is_known = request.headers.contains("if-none-match");
        let answer = match up {
            Up::Same if is_known => Answer::new(304, &lines, ""),
            Up::New | Up::Same => Answer::new(200, &lines, body),
            Up::Says(status) => Answer::new(status, "", "no"),
            Up::Lost(fault) => Answer::fault(fault),
        };
        answer.after(delay_ms)
    });
}

/// A request to an action of the first site.
pub fn ask(isolate: &Isolate, method: &str, path: &str) -> Request {
    isolate.ask(method, &format!("https://aa.cdn.test{path}")).relayed()
}

/// GET, with what goes on behind the response.
#[track_caller]
pub fn get(isolate: &Isolate, path: &str) -> Response {
    ask(isolate, "GET", path).send()
}

/// The responses to requests that are sent at the same time.
#[track_caller]
pub fn together(world: &World, requests: Vec<Request>) -> Vec<Response> {
    let responses = world.run_all(requests.into_iter().map(Request::response).collect());
    responses.into_iter().map(|response| response.expect("never answered")).collect()
}

/// How a response came about, in a word: what is said of it, or why it was asked for.
pub fn came(response: &Response) -> String {
    let status = response.field("cache-status");
    let member = |name: &str| {
        status.split("; ").find_map(|member| member.strip_prefix(name)).map(str::to_owned)
    };
    member("detail=").or_else(|| member("fwd=")).unwrap_or_default()
}
