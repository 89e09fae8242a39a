//! Sites with actions, and upstreams that count their requests.

use super::folder::{Folder, publish};
use super::response::{Isolate, Request, Response};
use super::upstream::Answer;
use super::world::World;

pub const API: &str = "/api/x";

const CONFIG: &str = r#"{"actions":[{"prefix":"/api/","upstream":"https://up.test"}]}"#;

/// Two sites with the same action each, on two stages.
pub fn acting() -> World {
    let world = World::with_vars(&[("ALLOWED_ORIGINS", "https://up.test")]);
    for site in ["aa", "bb"] {
        for stage in ["production", "staging"] {
            let folder = Folder::new(&[("/index.html", site)]).configured(CONFIG);
            publish(&world, site, stage, &folder);
        }
    }
    world.log.take();
    world
}

/// Makes upstreams answer v1, v2, ... with these headers, after some time.
pub fn upstreams(world: &World, lines: &str, delay_ms: u64) {
    let lines = lines.to_owned();
    world.on_fetch(move |_, world| {
        Answer::new(200, &lines, format!("v{}", world.fetches())).after(delay_ms)
    });
}

/// A request to an action of the first site.
pub fn ask(isolate: &Isolate, method: &str, path: &str) -> Request {
    isolate.ask(method, &format!("https://aa.cdn.test{path}")).relayed()
}

#[track_caller]
pub fn get(isolate: &Isolate, path: &str) -> Response {
    ask(isolate, "GET", path).send()
}

/// Sends requests concurrently.
#[track_caller]
pub fn together(world: &World, requests: Vec<Request>) -> Vec<Response> {
    let responses = world.run_all(requests.into_iter().map(Request::response).collect());
    responses.into_iter().map(|response| response.expect("never answered")).collect()
}

/// The `detail` of Cache-Status, or else its `fwd`.
pub fn came(response: &Response) -> String {
    let status = response.field("cache-status");
    let member = |name: &str| {
        status.split("; ").find_map(|member| member.strip_prefix(name)).map(str::to_owned)
    };
    member("detail=").or_else(|| member("fwd=")).unwrap_or_default()
}
