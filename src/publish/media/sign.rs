//! Signs URLs of renditions, and warns about those that the server would refuse all the same.

use serde::Deserialize;

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::publish::live_files::manifest;
use crate::publish::media::access;
use crate::site::destination::Destination;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::media::address::{ADAPTERS, Address, PREFIX, address};
use crate::site::media::config::MediaConfig;
use crate::site::media::error::MediaError;
use crate::site::media::grammar::{Authority, parse};
use crate::site::media::parameter::{Role, Values};
use crate::site::media::signature::{SigningKey, canonical_query};
use crate::wire::host::Hostname;
use crate::wire::path::RequestPath;
use crate::wire::time::UnixSeconds;
use crate::wire::url::{self, UrlParts};

const URL_HINT: &str = "write it as 'https://shop.example.com/_media/photo.jpg?w=801', in quotes, \
    because a shell reads & as the end of a command";

/// A URL of a rendition.
#[derive(Debug)]
pub struct MediaUrl<'a> {
    parts: UrlParts<'a>,
    host: Hostname,
    path: RequestPath,
    /// As the signature covers it.
    query: String,
}

/// What a hostname serves.
struct Owner {
    site: SiteName,
    view: View,
}

enum View {
    Stage(StageName),
    Deployment(DeploymentId),
}

#[derive(Deserialize)]
struct Site {
    #[serde(default)]
    hosts: Vec<MappedHost>,
}

#[derive(Deserialize)]
struct MappedHost {
    host: Hostname,
    stage: StageName,
}

impl<'a> MediaUrl<'a> {
    /// Parses a URL below `/_media/`, or of an adapter. A signature that it has is dropped.
    pub fn parse(text: &'a str, expires: Option<UnixSeconds>) -> Result<Self, Failure> {
        let wrong = |why: String| {
            let message = format!("`{text}` is not a URL of a rendition");
            Failure::refused("bad-url", message, URL_HINT).because(why)
        };
        let parts = url::split(text).map_err(|_| wrong("it needs a scheme and a host".into()))?;
        let host = Hostname::parse(parts.authority).map_err(|error| wrong(error.to_string()))?;
        let path = RequestPath::parse(parts.path);
        let path = path.map_err(|_| wrong(format!("no file can be at `{}`", parts.path)))?;
        let query = match expires {
            Some(at) => format!("{}&exp={}", parts.query.unwrap_or_default(), at.0),
            None => parts.query.unwrap_or_default().to_owned(),
        };
        let query = canonical_query(&query);
        let url = Self { parts, host, path, query };
        match url.address(&all_adapters()) {
            Some(Ok(_)) => Ok(url),
            Some(Err(error)) => Err(wrong(error.to_string())),
            None => Err(wrong(format!("its path is neither below {PREFIX} nor of an adapter"))),
        }
    }

    /// Returns the signed URL, with its parameters in canonical order.
    pub fn sign(&self, key: &SigningKey) -> String {
        let Self { parts, host, path, query } = self;
        let path = path.canonical();
        let signature = key.sign(host.as_str(), &path, query);
        let separator = if query.is_empty() { "" } else { "&" };
        let (scheme, authority) = (parts.scheme.as_str(), parts.authority);
        format!("{scheme}://{authority}{path}?{query}{separator}s={signature}")
    }

    /// Returns why the server would refuse the signed URL, as far as the configuration tells.
    /// Without one, presets are unknown.
    pub fn warnings(&self, config: Option<&MediaConfig>, now: UnixSeconds) -> Vec<String> {
        let own = all_adapters();
        let mut warnings = Vec::new();
        match self.address(config.unwrap_or(&own)) {
            Some(Ok(address)) => {
                let has_preset = Values::read(&address.query).of(Role::Preset).is_some();
                if config.is_some() || !has_preset {
                    let parsed =
                        parse(&address.query, config.unwrap_or(&own), None, Authority::Signed);
                    warnings.extend(parsed.err().map(|error| format!("refused as it is: {error}")));
                }
            }
            Some(Err(_)) => {}
            None => warnings.push(
                "refused as it is: [media] of the site does not list this adapter in `adapters`"
                    .to_owned(),
            ),
        }
        let expiry = Values::read(&self.query).of(Role::Expiry).map(str::parse::<u64>);
        match expiry {
            Some(Ok(at)) if UnixSeconds(at) <= now => {
                warnings.push("`exp` is in the past: add --expires 1h".to_owned());
            }
            Some(Err(_)) => {
                warnings.push(format!("refused as it is: {}", Role::Expiry.bad()));
            }
            _ => {}
        }
        warnings
    }

    fn address(&self, config: &MediaConfig) -> Option<Result<Address<'_>, MediaError>> {
        address(self.path.decoded(), &self.query, config)
    }
}

/// Returns the key of the site that a URL is of, and why the site would refuse the signed URL.
pub fn ask_server(
    client: &Client,
    url: &MediaUrl<'_>,
    site: Option<&SiteName>,
    now: UnixSeconds,
) -> Result<(SigningKey, Vec<String>), Failure> {
    let owner = owner(client, &url.host, site)?;
    let access = access::access(client, &owner.site);
    let access = access.map_err(|failure| failure.of_site(Some(&owner.site)))?;
    let key = access::signing_key(&access)?;
    let Some(config) = config(client, &owner)? else {
        let host = &url.host;
        return Ok((
            key,
            vec![format!("refused as it is: nothing with [media] is published at {host}")],
        ));
    };
    let mut warnings = url.warnings(Some(&config), now);
    warnings.extend(access::warnings(&config, &access).into_iter().map(|warning| warning.message));
    Ok((key, warnings))
}

/// Finds the site and the stage or deployment that a hostname serves. A hostname outside the base
/// domain, and the base domain itself, need the site's name.
fn owner(client: &Client, host: &Hostname, given: Option<&SiteName>) -> Result<Owner, Failure> {
    let server = client.server()?;
    let base = Hostname::parse(&server.base_domain).unwrap_or_else(|_| Hostname::localhost());
    let refused = |message: String, hint: &str| Err(Failure::refused("bad-url", message, hint));
    let (site, view) = match Destination::of(host, &base) {
        Destination::Stage(site, stage) => (site, View::Stage(stage)),
        Destination::Deployment(site, id) => (site, View::Deployment(id)),
        Destination::Fresh(_) | Destination::Nothing => {
            let message = format!("`{host}` serves no renditions");
            return refused(message, &format!("sites are at <site>.{base}"));
        }
        Destination::Base | Destination::Custom => match given {
            None => {
                let message = format!("`{host}` does not tell the site");
                return refused(message, "add --site NAME");
            }
            Some(site) => (site.clone(), View::Stage(mapped_stage(client, site, host, &base)?)),
        },
    };
    if let Some(given) = given.filter(|given| **given != site) {
        let message = format!("`{host}` is of the site {site}, not {given}");
        return refused(message, "change --site or SELVEDGE_SITE, or the URL");
    }
    Ok(Owner { site, view })
}

/// Returns the configuration that an owner's URLs are read with; `None` if nothing is published, or
/// without `[media]`.
fn config(client: &Client, owner: &Owner) -> Result<Option<MediaConfig>, Failure> {
    let id = match &owner.view {
        View::Deployment(id) => Some(id.clone()),
        View::Stage(stage) => client.live(&owner.site, stage)?.map(|live| live.deployment),
    };
    let Some(id) = id else { return Ok(None) };
    Ok(manifest(client, &owner.site, &id)?.head().config.media.clone())
}

fn mapped_stage(
    client: &Client,
    site: &SiteName,
    host: &Hostname,
    base: &Hostname,
) -> Result<StageName, Failure> {
    if host == base {
        return Ok(StageName::production());
    }
    let found: Site = client.get(&format!("/sites/{site}"))?;
    let mapped = found.hosts.into_iter().find(|mapped| mapped.host == *host);
    mapped.map(|mapped| mapped.stage).ok_or_else(|| {
        let hint = format!("map it first: selvedge hosts --site {site} add {host}");
        Failure::refused("bad-url", format!("`{host}` is not a hostname of {site}"), hint)
    })
}

fn all_adapters() -> MediaConfig {
    let adapters = ADAPTERS.iter().map(|(_, adapter)| *adapter).collect();
    MediaConfig { adapters, ..MediaConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Y4uh2O6qWBsAF40k7yJN7U-xlAzBOlSxgx3CB6UYLUo";
    const NOW: UnixSeconds = UnixSeconds(1_000);

    fn signed(url: &str, expires: Option<u64>) -> String {
        let url = MediaUrl::parse(url, expires.map(UnixSeconds)).unwrap();
        url.sign(&SigningKey::parse(KEY).unwrap())
    }

    /// The signatures are those of `site::media::signature`, which Python's `hmac` confirms.
    #[test]
    fn one_set_of_parameters_has_one_signed_url() {
        let expected = "https://shop.cdn.test/_media/a.jpg?exp=1800000000&txt=Zo%C3%AB%20%26%20co\
                        &txt-font=%2Ff.ttf&w=801&s=ieisFDitG31fGsxIafuvRPf0VG9DJMdtS_jb1Dav0Pw";
        let query = "w=801&txt=Zo%C3%AB+%26%20co&txt-font=/f.ttf";
        let host = "https://shop.cdn.test/_media";
        for (url, expires) in [
            (format!("{host}/a.jpg?{query}&exp=1800000000"), None),
            (format!("{host}/a.jpg?{query}"), Some(1_800_000_000)),
            (format!("{host}/a.jpg?exp=7&{query}"), Some(1_800_000_000)),
            (format!("{host}//%61.jpg?w=1&{query}&s=old#top"), Some(1_800_000_000)),
            (expected.to_owned(), None),
        ] {
            assert_eq!(signed(&url, expires), expected, "{url}");
        }
        assert_eq!(
            signed("https://shop.cdn.test/_media/a b.jpg", None),
            "https://shop.cdn.test/_media/a%20b.jpg?s=HEGASlosorwAc4t4vS3tsxcDREcX9RGP5bMJQa4AsjM"
        );
    }

    #[test]
    fn the_port_is_kept_and_not_signed() {
        let [plain, with_port] = ["http://Shop.cdn.test", "http://shop.cdn.test.:8787"]
            .map(|origin| signed(&format!("{origin}/_media/a.jpg?w=1"), None));
        let signature = |url: &str| url.split_once("s=").unwrap().1.to_owned();
        assert_eq!(signature(&plain), signature(&with_port));
        assert!(with_port.starts_with("http://shop.cdn.test.:8787/_media/"), "{with_port}");
    }

    #[test]
    fn only_urls_of_renditions_are_signed() {
        for url in [
            "https://shop.cdn.test/_media/a.jpg",
            "https://shop.cdn.test/_next/image?url=/a.jpg&w=640&q=75",
            "https://shop.cdn.test/.netlify/images?url=/a.jpg",
        ] {
            assert!(MediaUrl::parse(url, None).is_ok(), "{url}");
        }
        for (url, words) in [
            ("https://shop.cdn.test/a.jpg", "neither below /_media/ nor of an adapter"),
            ("https://shop.cdn.test/_media", "neither below"),
            ("/_media/a.jpg", "a scheme and a host"),
            ("shop.cdn.test/_media/a.jpg", "a scheme and a host"),
            ("https://shop.cdn.test/_media/../a.jpg", "no file can be at"),
            ("https://shop.cdn.test/_next/image?w=640", "`url` must be"),
            ("https://shop.cdn.test/_next/image?url=//evil.test/a.jpg", "`url` must be"),
        ] {
            let failure = MediaUrl::parse(url, None).unwrap_err();
            assert!(failure.to_string().contains(words), "{url}: {failure}");
        }
    }

    #[test]
    fn refused_urls_cause_warnings() {
        use crate::site::media::config::Preset;
        let mut config = MediaConfig::default();
        let preset = Preset { query: "w=9".to_owned(), slot: None };
        config.presets.insert("mug".to_owned(), preset);
        let rows = [
            ("/_media/a.jpg?w=801&blur=9", None, None),
            ("/_media/a.jpg?w=4097", Some("`w` must be between"), Some("`w` must be between")),
            ("/_media/a.jpg?txt=a", Some("`txt-font`"), Some("`txt-font`")),
            ("/_media/a.jpg?p=mug", None, None),
            ("/_media/a.jpg?p=cup", None, Some("the name of a preset")),
            ("/_media/a.jpg?exp=1000", Some("in the past"), Some("in the past")),
            ("/_media/a.jpg?exp=1001", None, None),
            ("/_media/a.jpg?exp=soon", Some("seconds since"), Some("seconds since")),
            ("/_next/image?url=/a.jpg&w=9", None, Some("`adapters`")),
        ];
        for (target, offline, with_config) in rows {
            let text = format!("https://shop.cdn.test{target}");
            let url = MediaUrl::parse(&text, None).unwrap();
            for (config, expected) in [(None, offline), (Some(&config), with_config)] {
                let found = url.warnings(config, NOW);
                assert_eq!(found.len(), usize::from(expected.is_some()), "{target} {found:?}");
                let is_there = |words: &str| found.iter().any(|warning| warning.contains(words));
                assert!(expected.is_none_or(is_there), "{target} {found:?}");
            }
        }
    }
}
