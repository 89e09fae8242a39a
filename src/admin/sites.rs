//! Sites and their hostnames: making, listing, mapping.
//!
//! Not their content. The invariant is that a hostname belongs to one site, which the hostname's
//! own record says and nothing else.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

use crate::admin::error::AdminError;
use crate::admin::tokens::TokenView;
use crate::admin::{Answer, Call};
use crate::ports::deadline::{self, persistently, within};
use crate::ports::{Condition, Ports, Written};
use crate::serve::route::{Place, place};
use crate::site::api::StageView;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys::{self, Key};
use crate::site::records::site::{Deletion, HOSTS_MAX, HostEntry, HostRecord, SiteRecord};
use crate::site::records::takedown::Takedown;
use crate::site::records::view::SiteView;
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// Tries of a change to a site's record before the caller is told that others were faster.
const TRIES_MAX: usize = 5;
/// Most pages of a listing, at a thousand keys each.
const LIST_PAGES_MAX: usize = 40;

#[derive(Deserialize)]
struct MapHost {
    #[serde(default = "StageName::production")]
    stage: StageName,
}

#[derive(Serialize)]
struct MappedHost<'a> {
    host: &'a Hostname,
    stage: Option<&'a StageName>,
}

#[derive(Serialize)]
struct CreatedSite<'a> {
    site: &'a SiteName,
    created: bool,
}

/// A site as the API shows it.
#[derive(Serialize)]
struct SiteDetails<'a> {
    site: &'a SiteName,
    created_ms: UnixMillis,
    hosts: &'a [HostEntry],
    stages: BTreeMap<StageName, StageView>,
    tokens: Vec<TokenView<'a>>,
    takedowns: &'a [Takedown],
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<&'a Deletion>,
}

impl<P: Ports> Call<'_, P> {
    /// The names of all sites.
    pub async fn sites(&self) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET])?;
        self.caller.is_root()?;
        let prefix = keys::sites_prefix();
        let keys = self.list_all(prefix).await?;
        let names: Vec<_> = keys.iter().filter_map(|key| key.strip_prefix(prefix)).collect();
        Ok(Answer::json(200, &json!({ "sites": names })))
    }

    /// A site: its stages, hostnames and tokens.
    pub async fn site(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        let details = SiteDetails {
            site: &record.site,
            created_ms: record.created_ms,
            hosts: &record.hosts,
            stages: self.stages(site).await?,
            tokens: record.tokens.iter().map(TokenView::of).collect(),
            takedowns: &record.takedowns,
            deletion: record.deletion.as_ref(),
        };
        Ok(Answer::json(200, &details))
    }

    /// Makes a site, or deletes it.
    pub async fn make_or_delete_site(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::PUT, Method::DELETE])?;
        match self.ask.method {
            Method::DELETE => self.delete_site(site).await,
            _ => self.create_site(site).await,
        }
    }

    /// Makes a site, or says that it was there.
    async fn create_site(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let record = SiteRecord::new(site.clone(), self.tiers.ports.now());
        let written = self.write(&keys::site(site), &record.to_bytes(), &Condition::Absent).await?;
        let created = written == Written::Done;
        if !created {
            self.site_exists(site).await?;
        }
        let status = if created { 201 } else { 200 };
        Ok(Answer::json(status, &CreatedSite { site, created }))
    }

    /// The custom hostnames of a site.
    pub async fn hosts(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET])?;
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        Ok(Answer::json(200, &json!({ "hosts": record.hosts })))
    }

    /// Maps a custom hostname to a stage, or takes the mapping away.
    pub async fn host(&self, site: &SiteName, host: &str) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::PUT, Method::DELETE])?;
        let host = Hostname::parse(host).map_err(|_| {
            AdminError::Invalid("this is no hostname", "write it as www.example.com")
        })?;
        if place(&host, &self.tiers.ports.settings().base_domain) != Place::Custom {
            return Err(AdminError::Invalid(
                "the hostname is under the base domain",
                "sites and stages have theirs already; map one of your own",
            ));
        }
        let stage = match self.ask.method {
            Method::DELETE => None,
            _ => Some(self.json::<MapHost>().await?.stage),
        };
        let key = keys::host(&host);
        let current = self.read_versioned(&key).await?;
        let owner = current.as_ref().and_then(|(bytes, _)| HostRecord::parse(bytes, &host));
        if owner.as_ref().is_some_and(|owner| owner.site != *site) {
            return Err(AdminError::Exists("hostname"));
        }
        self.site_exists(site).await?;
        match &stage {
            None => self.unmap(&key, &host, owner.is_some()).await?,
            Some(stage) => {
                let version = current.map(|(_, version)| version);
                let condition = version.map_or(Condition::Absent, Condition::Is);
                let (site, stage) = (site.clone(), stage.clone());
                let record = HostRecord { host: host.clone(), site, stage };
                if self.write(&key, &record.to_bytes(), &condition).await? == Written::Lost {
                    return Err(AdminError::Exists("hostname"));
                }
                self.tiers.memory.hosts.keep(host.clone(), record, self.tiers.ports.now());
            }
        }
        let noted = self.note_host(site, &host, stage.as_ref()).await;
        if let Err(AdminError::BeingDeleted | AdminError::NotFound(_)) = noted {
            // The deletion can't know of a hostname that is not in the site's record.
            self.unmap(&key, &host, true).await?;
        }
        noted?;
        Ok(Answer::json(200, &MappedHost { host: &host, stage: stage.as_ref() }))
    }

    /// Enters a hostname into the site's record, or removes it.
    async fn note_host(
        &self,
        site: &SiteName,
        host: &Hostname,
        stage: Option<&StageName>,
    ) -> Result<(), AdminError> {
        self.update_site(site, &mut |record| {
            record.hosts.retain(|entry| entry.host != *host);
            if let Some(stage) = stage {
                if record.hosts.len() >= HOSTS_MAX {
                    return Err(AdminError::Invalid("too many hostnames", "remove one first"));
                }
                record.hosts.push(HostEntry { host: host.clone(), stage: stage.clone() });
            }
            Ok(())
        })
        .await
    }

    async fn unmap(&self, key: &Key, host: &Hostname, exists: bool) -> Result<(), AdminError> {
        if !exists {
            return Err(AdminError::NotFound("hostname"));
        }
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        persistently(ports, ms, || ports.delete(key)).await?;
        self.tiers.memory.hosts.forget(host);
        Ok(())
    }

    /// Nothing, when the site exists.
    pub async fn site_exists(&self, site: &SiteName) -> Result<(), AdminError> {
        self.usable_site(site).await.map(drop)
    }

    /// The record of a site that exists and is not being deleted.
    pub async fn usable_site(&self, site: &SiteName) -> Result<SiteRecord, AdminError> {
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        if record.deletion.is_some() { Err(AdminError::BeingDeleted) } else { Ok(record) }
    }

    /// A site's record with its version.
    pub async fn site_record(
        &self,
        site: &SiteName,
    ) -> Result<Option<(SiteRecord, String)>, AdminError> {
        let found = self.read_versioned(&keys::site(site)).await?;
        Ok(found.and_then(|(bytes, version)| Some((SiteRecord::parse(&bytes, site)?, version))))
    }

    /// Changes the record of a site by compare-and-swap, unless the site is being deleted.
    pub async fn update_site(
        &self,
        site: &SiteName,
        change: &mut dyn FnMut(&mut SiteRecord) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        self.change_site(site, &mut |record| match record.deletion {
            Some(_) => Err(AdminError::BeingDeleted),
            None => change(record),
        })
        .await
    }

    /// Changes the record of a site by compare-and-swap.
    pub async fn change_site(
        &self,
        site: &SiteName,
        change: &mut dyn FnMut(&mut SiteRecord) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        for _ in 0..TRIES_MAX {
            let found = self.site_record(site).await?;
            let (mut record, version) = found.ok_or(AdminError::NotFound("site"))?;
            change(&mut record)?;
            let key = keys::site(site);
            let written = self.write(&key, &record.to_bytes(), &Condition::Is(version)).await?;
            if written == Written::Done {
                let view = SiteView::of(Some(record));
                self.tiers.memory.sites.keep(site.clone(), view, self.tiers.ports.now());
                return Ok(());
            }
        }
        Err(AdminError::LostRace(None))
    }

    /// Every key with a prefix, as far as a listing goes.
    pub async fn list_all(&self, prefix: &str) -> Result<Vec<String>, AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        let mut keys = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let page = deadline::list(ports, ms, prefix, cursor.as_deref()).await?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    /// A small value with its version.
    pub async fn read_versioned(&self, key: &Key) -> Result<Option<(Vec<u8>, String)>, AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        let value = deadline::read(ports, ms, key).await?;
        Ok(value.map(|value| (value.bytes, value.version)))
    }

    /// Writes once: a conditional write that is tried again would lose against itself.
    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        within(ports, ms, ports.write(key, bytes, condition)).await.map_err(AdminError::of_write)
    }
}
