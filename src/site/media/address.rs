//! Which URLs are for renditions: those below `/_media/`, and those of other hosts' adapters, which
//! become the same parameters.

use std::borrow::Cow;

use crate::site::media::config::{Adapter, MediaConfig};
use crate::site::media::error::MediaError;
use crate::site::media::value::{Words, integer, word};
use crate::wire::path::RequestPath;
use crate::wire::query;

/// Reserved if a site has a `[media]` table.
pub const PREFIX: &str = "/_media/";

/// The paths of adapters.
pub const ADAPTERS: &Words<Adapter> = &[
    ("/.netlify/images", Adapter::Netlify),
    ("/_next/image", Adapter::Next),
    ("/_vercel/image", Adapter::Vercel),
];

const BAD_URL: MediaError =
    MediaError::Bad { parameter: "url", range: "a path of the same site, from `/`" };
const BAD_FIT: MediaError = MediaError::Bad { parameter: "fit", range: "contain, cover or fill" };
const BAD_QUALITY: MediaError = MediaError::Bad { parameter: "q", range: "between 1 and 100" };

/// `fit` of Netlify, in our words.
const NETLIFY_FITS: &Words<&str> = &[("contain", "max"), ("cover", "crop"), ("fill", "scale")];

/// A URL of a rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// Decoded path of the source.
    pub source: Cow<'a, str>,
    pub query: Cow<'a, str>,
}

/// Returns the source and the parameters that a decoded path and a query stand for; `None` if they
/// are not for a rendition.
pub fn address<'a>(
    path: &'a str,
    query: &'a str,
    config: &MediaConfig,
) -> Option<Result<Address<'a>, MediaError>> {
    if path.starts_with(PREFIX) {
        let source = path.strip_prefix(PREFIX.trim_end_matches('/'))?;
        return Some(Ok(Address { source: source.into(), query: query.into() }));
    }
    let adapter = word(ADAPTERS, path.strip_suffix('/').unwrap_or(path))?;
    config.adapters.contains(&adapter).then(|| adapted(adapter, query))
}

/// Converts the query of an adapter. Its quality is checked and then ignored: frameworks always
/// send one, and only signed URLs can choose it.
fn adapted(adapter: Adapter, query: &str) -> Result<Address<'static>, MediaError> {
    let mut source = None;
    let mut ours = String::new();
    for (name, value) in query::pairs(query) {
        let (name, value) = match (name.as_str(), adapter) {
            ("url", _) => {
                source = Some(local_path(&value).ok_or(BAD_URL)?);
                continue;
            }
            ("q", _) => {
                integer(&value, 100).filter(|quality| *quality > 0).ok_or(BAD_QUALITY)?;
                continue;
            }
            ("fit", Adapter::Netlify) => ("fit", word(NETLIFY_FITS, &value).ok_or(BAD_FIT)?),
            ("position", Adapter::Netlify) => ("crop", value.as_str()),
            (name @ ("h" | "fm"), Adapter::Netlify) | (name @ "w", _) => (name, value.as_str()),
            _ => continue,
        };
        for part in [name, "=", &query::encode(value), "&"] {
            ours.push_str(part);
        }
    }
    let source = source.ok_or(BAD_URL)?;
    Ok(Address { source: source.into(), query: ours.into() })
}

/// Returns the decoded path of a URL without scheme and authority. Anything that a browser could
/// take for another host is rejected.
fn local_path(url: &str) -> Option<String> {
    let raw = url.split(['?', '#']).next()?;
    let path = RequestPath::parse(raw).ok().filter(|_| !raw.starts_with("//"))?;
    Some(path.decoded().to_owned())
}
