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

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> MediaConfig {
        let adapters = vec![Adapter::Netlify, Adapter::Next, Adapter::Vercel];
        MediaConfig { adapters, ..MediaConfig::default() }
    }

    #[test]
    fn only_paths_of_renditions_are_addresses() {
        let rows = [
            ("/_media/a/b c.jpg", Some("/a/b c.jpg")),
            ("/_media/", Some("/")),
            ("/_media/_media/a.jpg", Some("/_media/a.jpg")),
            ("/_media", None),
            ("/_medias/a.jpg", None),
            ("/a/_media/a.jpg", None),
            ("/_next/image/a", None),
            ("/_next/static/a.jpg", None),
            ("/", None),
        ];
        for (path, expected) in rows {
            let found = address(path, "w=1", &all()).map(Result::unwrap);
            assert_eq!(found.as_ref().map(|found| &*found.source), expected, "{path}");
            assert!(found.is_none_or(|found| found.query == "w=1"), "{path}");
        }
        for (path, _) in ADAPTERS {
            assert_eq!(address(path, "url=/a.jpg", &MediaConfig::default()), None, "{path}");
            assert!(address(path, "url=/a.jpg", &all()).is_some(), "{path}");
            assert!(address(&format!("{path}/"), "url=/a.jpg", &all()).is_some(), "{path}/");
        }
    }

    #[test]
    fn adapters_become_the_same_parameters() {
        let [netlify, next, vercel] = ["/.netlify/images", "/_next/image", "/_vercel/image"];
        let rows = [
            (netlify, "url=/a.jpg", "/a.jpg", ""),
            (
                netlify,
                "url=/a.jpg&w=9&h=8&fit=cover&position=top",
                "/a.jpg",
                "w=9&h=8&fit=crop&crop=top&",
            ),
            (netlify, "fm=avif&q=90&fit=fill&url=%2Fa.jpg", "/a.jpg", "fm=avif&fit=scale&"),
            (netlify, "url=/a.jpg&p=mug&s=x&txt=y&blur=9&mark=/b.png", "/a.jpg", ""),
            (next, "url=%2Fa.jpg&w=640&q=75", "/a.jpg", "w=640&"),
            (
                next,
                "url=%2F_next%2Fstatic%2Fa%2520b.jpg%3Fv%3D1&w=640",
                "/_next/static/a b.jpg",
                "w=640&",
            ),
            (next, "url=/a.jpg&h=9&fm=png&fit=evil&position=x", "/a.jpg", ""),
            (next, "url=/a.jpg&url=/b.jpg&w=%26q%3D1", "/b.jpg", "w=%26q%3D1&"),
            (vercel, "url=/a.jpg&w=640&q=100&dpl=x", "/a.jpg", "w=640&"),
        ];
        for (path, query, source, ours) in rows {
            let found = address(path, query, &all()).unwrap().unwrap();
            assert_eq!((&*found.source, &*found.query), (source, ours), "{path}?{query}");
        }
    }

    #[test]
    fn sources_elsewhere_are_rejected() {
        for url in [
            "", "a.jpg", "https://a.test/b.jpg", "HTTP://a.test", "//a.test/b.jpg", "/%5Ca.test/b",
            "%5C%5Ca.test", "/%5C/a.test", "data:image/png;base64,AAAA", "file:///etc/passwd",
            "%2F%2Fa.test", "%2f%5Ca.test", "/../a.jpg", "/a/%252e%252e/b", "/a%2500", "/a%0d%0ab",
            "///a.test", "%00", "?/a.jpg", "%20/a.jpg", "blob:x",
        ] {
            for (path, _) in ADAPTERS {
                let query = format!("w=64&url={url}");
                assert_eq!(address(path, &query, &all()), Some(Err(BAD_URL)), "{path}?{query}");
            }
        }
        assert_eq!(address("/_next/image", "w=1", &all()), Some(Err(BAD_URL)));
        for (query, error) in [
            ("url=/a&q=0", BAD_QUALITY),
            ("url=/a&q=101", BAD_QUALITY),
            ("url=/a&q=", BAD_QUALITY),
            ("url=/a&fit=max", BAD_FIT),
        ] {
            assert_eq!(address("/.netlify/images", query, &all()), Some(Err(error)), "{query}");
        }
    }
}
