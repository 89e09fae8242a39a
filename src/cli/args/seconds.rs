//! Lifetimes of tokens, keys and signatures.

use crate::publish::text::duration_secs;

pub fn parse_seconds(text: &str) -> Result<u64, String> {
    match duration_secs(text) {
        Some(0) => Err("must be at least 1s; leave it out for no expiry".to_owned()),
        found => found.ok_or("write it as 90d, 12h, 30m or 45s".to_owned()),
    }
}
