//! Calls of the admin API that several tests make, and races of two of them.

use std::task::Poll;

use serde_json::json;

use super::response::{Isolate, Request, Response};
use super::world::World;

/// Makes a token of a site with scopes, and returns its text.
#[track_caller]
pub fn token(world: &World, site: &str, scopes: &[&str]) -> String {
    let call = format!("/sites/{site}/tokens");
    let body = json!({ "name": "test", "scopes": scopes });
    let made = Isolate::new(world).admin("POST", &call, body.to_string().as_bytes());
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}

/// Runs two calls, their operations interleaved as the bits of a number say.
pub fn race(world: &World, one: Request, other: Request, schedule: u32) -> [Response; 2] {
    let (mut one, mut other) = (Box::pin(one.future()), Box::pin(other.future()));
    let mut replies = [None, None];
    for bit in 0..16 {
        let turn = (schedule >> bit & 1) as usize;
        if replies[turn].is_some() {
            continue;
        }
        let future = if turn == 0 { one.as_mut() } else { other.as_mut() };
        if let Poll::Ready(reply) = world.step(future, 1) {
            replies[turn] = Some(reply);
        }
    }
    let [first, second] = replies;
    let first = first.or_else(|| world.run(one)).unwrap();
    let second = second.or_else(|| world.run(other)).unwrap();
    world.cut_behind();
    [Response::of(first), Response::of(second)]
}
