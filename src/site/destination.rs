//! Where a hostname leads. The hostname alone selects a site; no other header does.

use crate::site::ids::{DeploymentId, FRESH, SiteName, StageName};
use crate::wire::host::Hostname;

/// The thing that a hostname names, whether or not it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The base domain: the default site, and the admin API.
    Base,
    Stage(SiteName, StageName),
    Deployment(SiteName, DeploymentId),
    /// The collections of a site, uncached, for clients with an API key.
    Fresh(SiteName),
    /// A hostname outside the base domain, which a record may map to a stage.
    Custom,
    /// A malformed name below the base domain.
    Nothing,
}

impl Destination {
    /// Returns where `host` leads under a base domain.
    ///
    /// # Example
    /// ```
    /// use selvedge::site::destination::Destination;
    /// use selvedge::wire::host::Hostname;
    ///
    /// let base = Hostname::parse("example.com").unwrap();
    /// let host = Hostname::parse("a.b.example.com").unwrap();
    /// assert_eq!(Destination::of(&host, &base), Destination::Nothing);
    /// ```
    pub fn of(host: &Hostname, base: &Hostname) -> Self {
        if host == base {
            return Self::Base;
        }
        let Some(label) = host.strip_base(base) else { return Self::Custom };
        // A site's name has no `--`, so the last one is where the site begins.
        let named = match split_last(label) {
            None => {
                SiteName::parse(label).ok().map(|site| Self::Stage(site, StageName::production()))
            }
            Some((FRESH, site)) => SiteName::parse(site).ok().map(Self::Fresh),
            Some((prefix, site)) => SiteName::parse(site).ok().and_then(|site| {
                match (DeploymentId::parse(prefix), StageName::parse(prefix)) {
                    (Ok(deployment), _) => Some(Self::Deployment(site, deployment)),
                    (_, Ok(stage)) => Some(Self::Stage(site, stage)),
                    _ => None,
                }
            }),
        };
        named.unwrap_or(Self::Nothing)
    }
}

/// Splits at the last `--`.
fn split_last(label: &str) -> Option<(&str, &str)> {
    let at = label.as_bytes().windows(2).rposition(|pair| pair == b"--")?;
    Some((label.get(..at)?, label.get(at.checked_add(2)?..)?))
}

/// The prefix of the server's own paths on every host.
pub const RESERVED: &str = "/.selvedge/";

/// Returns whether a decoded path is the reserved prefix or below it.
pub fn is_reserved(path: &str) -> bool {
    path.starts_with(RESERVED) || Some(path) == RESERVED.strip_suffix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostnames() {
        let rows: [(&str, &[&str]); 9] = [
            ("base", &["cdn.test", "CDN.test.:8787"]),
            ("www production", &["www.cdn.test"]),
            ("www staging", &["staging--www.cdn.test"]),
            ("w-w a-b", &["a-b--w-w.cdn.test"]),
            ("www dabcdefghijklmnopqrstuvwxy", &["dabcdefghijklmnopqrstuvwxy--www.cdn.test"]),
            ("www fresh", &["fresh--www.cdn.test", "FRESH--www.cdn.test.:8787"]),
            ("nothing", &["fresh--a--www.cdn.test", "fresh--x.cdn.test", "a--b--www.cdn.test"]),
            ("nothing", &["a.www.cdn.test", "x.cdn.test"]),
            ("custom", &["www.cdn.test.evil.test", "wwwcdn.test", "www.example.com"]),
        ];
        let base = Hostname::parse("cdn.test").unwrap();
        let shown = |host: &str| match Destination::of(&Hostname::parse(host).unwrap(), &base) {
            Destination::Base => "base".to_owned(),
            Destination::Stage(site, stage) => format!("{site} {stage}"),
            Destination::Deployment(site, id) => format!("{site} {id}"),
            Destination::Fresh(site) => format!("{site} fresh"),
            Destination::Custom => "custom".to_owned(),
            Destination::Nothing => "nothing".to_owned(),
        };
        for (expected, hosts) in rows {
            hosts.iter().for_each(|host| assert_eq!(shown(host), expected, "{host}"));
        }
    }
}
