//! The names that case files give to operations and faults.

use selvedge::ports::Fault;
use serde::de::DeserializeOwned;

use super::case_file::{number, words};
use super::world::{EdgeTemper, Op, Script, Trouble, World};

/// Scripts `OPERATION KEYS KIND [skip=N] [times=N] [percent=N]`.
pub fn script(world: &World, text: &str) -> Result<(), String> {
    let words = words(text);
    let [op, keys, kind, more @ ..] = words.as_slice() else {
        return Err("fault OPERATION KEYS KIND".to_owned());
    };
    let of = |name: &str| more.iter().find_map(|word| word.strip_prefix(name));
    let script = Script {
        op: operation(op)?,
        key_prefix: if keys == "*" { "" } else { keys.clone().leak() },
        skip: of("skip=").map_or(Ok(0), number)? as usize,
        times: of("times=").map_or(Ok(u64::MAX), number)? as usize,
        percent: of("percent=").map_or(Ok(100), number)?,
        trouble: trouble(kind)?,
    };
    world.scripts.borrow_mut().push(script);
    Ok(())
}

/// How the edge tier keeps its entries: `empty` or `vanishing=PERCENT`.
pub fn temper(text: &str) -> Result<EdgeTemper, String> {
    match text.split_once('=') {
        Some((_, percent)) => number(percent).map(EdgeTemper::Vanishing),
        None => Ok(EdgeTemper::AlwaysEmpty),
    }
}

/// A fault by its name.
pub fn fault(word: &str) -> Option<Fault> {
    Some(match word {
        "failed" => Fault::Failed,
        "busy" => Fault::Busy,
        "timed-out" => Fault::TimedOut,
        "missing" => Fault::Missing,
        _ => return None,
    })
}

/// An operation by its name; `any` is all of the store.
pub fn operation(word: &str) -> Result<Option<Op>, String> {
    match named(word) {
        None if word != "any" => Err(format!("no operation `{word}`")),
        found => Ok(found),
    }
}

/// Returns the variant of an enum by its name.
pub fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(name.into()).ok()
}

fn trouble(word: &str) -> Result<Trouble, String> {
    let after = word.strip_suffix("-after").and_then(fault).map(Trouble::After);
    if let Some(trouble) = fault(word).map(Trouble::Before).or(after) {
        return Ok(trouble);
    }
    Ok(match word.split_once('=').unwrap_or((word, "")) {
        ("slow", ms) => Trouble::Slow(number(ms)?),
        ("older", writes) => Trouble::Older(number(writes)? as usize),
        ("hang", _) => Trouble::Hang,
        ("hang-after", _) => Trouble::HangAfter,
        ("null", _) => Trouble::Null,
        ("truncated", _) => Trouble::Truncated,
        ("garbage", _) => Trouble::Garbage,
        _ => return Err(format!("no fault `{word}`")),
    })
}
