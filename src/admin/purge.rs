//! Purges: one write of the live record, whatever the purge matches.
//!
//! The ban is written before the call is answered, so that the bound in the answer holds.

use serde::Deserialize;

use crate::admin::error::{AdminError, Invalid, Result};
use crate::admin::handler::{Handler, respond};
use crate::ports::Ports;
use crate::serve::draft::Draft;
use crate::site::api::Purged;
use crate::site::collection::CollectionName;
use crate::site::ids::StageName;
use crate::site::records::ban::{BAN_BYTES_MAX, Ban, BanScope};
use crate::site::records::live::{Change, LiveRecord};
use crate::wire::path::RequestPath;

/// Rejects unknown members: a misspelt one would leave something stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Purge {
    #[serde(default = "StageName::production")]
    stage: StageName,
    #[serde(default)]
    all: bool,
    path: Option<String>,
    prefix: Option<String>,
    tag: Option<String>,
    collection: Option<String>,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn purge(&self) -> Result<Draft<P>> {
        let body: Purge = self.json().await?;
        let scope = scope(&body)?;
        let ban = Ban { at_ms: self.tiers.ports.now(), scope };
        let change = |record: &LiveRecord| Ok(Change::Write(record.banned([ban.clone()])));
        let changed = self.update_live(&body.stage, &change).await.map_err(AdminError::of_ban)?;
        let (Change::Write(record) | Change::Already(record)) = changed;
        let purged = Purged {
            stage: record.stage,
            seq: record.seq,
            at_ms: ban.at_ms,
            scope: ban.scope,
            effective_within_secs: self.bound_secs(record.kind),
        };
        Ok(respond(200, &purged))
    }
}

/// Returns the one scope that a body names.
fn scope(body: &Purge) -> Result<BanScope> {
    let Purge { all, path, prefix, tag, collection, .. } = body;
    match (all, path, prefix, tag, collection) {
        (true, None, None, None, None) => Ok(BanScope::All),
        (false, Some(path), None, None, None) => decoded(path).map(BanScope::Path),
        (false, None, Some(prefix), None, None) => decoded(prefix).map(BanScope::Prefix),
        (false, None, None, Some(tag), None) if is_tag(tag) => Ok(BanScope::Tag(tag.clone())),
        (false, None, None, Some(_), None) => Err(Invalid::PurgeTag.into()),
        (false, None, None, None, Some(name)) => {
            let name = CollectionName::parse(name).map_err(|_| Invalid::PurgeCollection)?;
            Ok(BanScope::Collection(name))
        }
        _ => Err(Invalid::PurgeScope.into()),
    }
}

/// Decodes a path: stored responses are known by their decoded path.
fn decoded(text: &str) -> Result<String> {
    let is_plain = !text.contains(['?', '#']) && text.len() <= BAN_BYTES_MAX;
    let path = RequestPath::parse(text).ok().filter(|_| is_plain).ok_or(Invalid::PurgePath)?;
    Ok(path.decoded().to_owned())
}

fn is_tag(tag: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b',';
    (1..=BAN_BYTES_MAX).contains(&tag.len()) && tag.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec::decode_object;

    #[track_caller]
    fn check(body: &str, expected: Option<BanScope>) {
        let found = decode_object::<Purge>(body.as_bytes()).ok().and_then(|body| scope(&body).ok());
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn exactly_one_scope() {
        check(r#"{"all":true}"#, Some(BanScope::All));
        check(r#"{"path":"/a%20b//c"}"#, Some(BanScope::Path("/a b/c".into())));
        check(r#"{"all":false,"prefix":"/content/"}"#, Some(BanScope::Prefix("/content/".into())));
        check(r#"{"prefix":"/"}"#, Some(BanScope::Prefix("/".into())));
        check(r#"{"tag":"blog:7"}"#, Some(BanScope::Tag("blog:7".into())));
        let content = CollectionName::parse("content").unwrap();
        check(r#"{"collection":"content","stage":"x"}"#, Some(BanScope::Collection(content)));
        for body in [
            "{}",
            r#"{"all":false}"#,
            r#"{"all":true,"path":"/a"}"#,
            r#"{"path":"/a","tag":"b"}"#,
            r#"{"paths":["/a"]}"#,
            r#"{"all":true,"staeg":"x"}"#,
            r#"{"path":"a"}"#,
            r#"{"path":""}"#,
            r#"{"path":"/a/../b"}"#,
            r#"{"path":"/a?x=1"}"#,
            r#"{"path":"https://www.example.com/a"}"#,
            r#"{"prefix":"/%zz"}"#,
            r#"{"tag":""}"#,
            r#"{"tag":"a,b"}"#,
            r#"{"tag":"a b"}"#,
            r#"{"tag":"a\nb"}"#,
            r#"{"collection":"a/b"}"#,
            r#"["production",true]"#,
            r#" ["production",true]"#,
        ] {
            check(body, None);
        }
    }

    #[test]
    fn lengths() {
        let of = |bytes: usize| format!(r#"{{"path":"/{}"}}"#, "a".repeat(bytes - 1));
        check(&of(BAN_BYTES_MAX + 1), None);
        let longest = format!("/{}", "a".repeat(BAN_BYTES_MAX - 1));
        check(&of(BAN_BYTES_MAX), Some(BanScope::Path(longest)));
        let tag = |bytes: usize| format!(r#"{{"tag":"{}"}}"#, "a".repeat(bytes));
        check(&tag(BAN_BYTES_MAX + 1), None);
        check(&tag(BAN_BYTES_MAX), Some(BanScope::Tag("a".repeat(BAN_BYTES_MAX))));
    }
}
