//! From a hostname to what it names.
//!
//! Not a lookup: whether a site exists is for the store to say. The invariant is that the hostname
//! alone selects a site, and that one hostname names one thing.

use crate::site::ids::{DeploymentId, FRESH, SiteName, StageName};
use crate::wire::host::Hostname;

/// What a hostname names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The base domain: the default site, and the admin API.
    Base,
    /// A stage of a site.
    Stage(SiteName, StageName),
    /// A deployment of a site, immutable.
    Deployment(SiteName, DeploymentId),
    /// The collections of a site that are served uncached, to those who have a key.
    Fresh(SiteName),
    /// A hostname outside the base domain, which a record may map to a stage.
    Custom,
    /// Nothing, now or ever.
    Nothing,
}

/// What a hostname names under a base domain.
///
/// # Example
/// ```
/// use selvedge::serve::route::{Place, place};
/// use selvedge::wire::host::Hostname;
///
/// let base = Hostname::parse("example.com").unwrap();
/// let host = Hostname::parse("a.b.example.com").unwrap();
/// assert_eq!(place(&host, &base), Place::Nothing);
/// ```
pub fn place(host: &Hostname, base: &Hostname) -> Place {
    if host == base {
        return Place::Base;
    }
    let Some(label) = host.strip_base(base) else { return Place::Custom };
    // A site's name has no `--`, so the last one is where the site begins.
    let named = match split_last(label) {
        None => SiteName::parse(label).ok().map(|site| Place::Stage(site, StageName::production())),
        Some((FRESH, site)) => SiteName::parse(site).ok().map(Place::Fresh),
        Some((prefix, site)) => SiteName::parse(site).ok().and_then(|site| {
            match (DeploymentId::parse(prefix), StageName::parse(prefix)) {
                (Ok(deployment), _) => Some(Place::Deployment(site, deployment)),
                (_, Ok(stage)) => Some(Place::Stage(site, stage)),
                _ => None,
            }
        }),
    };
    named.unwrap_or(Place::Nothing)
}

/// What is before and after the last `--`.
fn split_last(label: &str) -> Option<(&str, &str)> {
    let at = label.as_bytes().windows(2).rposition(|pair| pair == b"--")?;
    Some((label.get(..at)?, label.get(at.checked_add(2)?..)?))
}

/// The prefix of every path that belongs to the server and to no site.
pub const RESERVED: &str = "/.selvedge/";

/// Whether a decoded path is the reserved prefix or below it.
pub fn is_reserved(path: &str) -> bool {
    path.starts_with(RESERVED) || Some(path) == RESERVED.strip_suffix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: &str) {
        let (host, base) = (Hostname::parse(host).unwrap(), Hostname::parse("cdn.test").unwrap());
        let shown = match place(&host, &base) {
            Place::Base => "base".to_owned(),
            Place::Stage(site, stage) => format!("{site} {stage}"),
            Place::Deployment(site, id) => format!("{site} {id}"),
            Place::Fresh(site) => format!("{site} fresh"),
            Place::Custom => "custom".to_owned(),
            Place::Nothing => "nothing".to_owned(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn hostnames() {
        check("cdn.test", "base");
        check("CDN.test.:8787", "base");
        check("www.cdn.test", "www production");
        check("staging--www.cdn.test", "www staging");
        check("a-b--w-w.cdn.test", "w-w a-b");
        check("dabcdefghijklmnopqrstuvwxy--www.cdn.test", "www dabcdefghijklmnopqrstuvwxy");
        check("fresh--www.cdn.test", "www fresh");
        check("FRESH--www.cdn.test.:8787", "www fresh");
        check("fresh--a--www.cdn.test", "nothing");
        check("fresh--x.cdn.test", "nothing");
        check("a--b--www.cdn.test", "nothing");
        check("a.www.cdn.test", "nothing");
        check("x.cdn.test", "nothing");
        check("www.cdn.test.evil.test", "custom");
        check("wwwcdn.test", "custom");
        check("www.example.com", "custom");
    }
}
