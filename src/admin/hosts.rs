//! Maps custom hostnames to stages.
//!
//! The record of a hostname says which site it belongs to; the site record only lists it.

use serde::Deserialize;
use serde_json::json;

use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::admin::records::add;
use crate::ports::{Condition, Ports, Written};
use crate::serve::draft::Draft;
use crate::site::destination::Destination;
use crate::site::ids::StageName;
use crate::site::keys;
use crate::site::records::site::{HOSTS_MAX, HostEntry, HostRecord};
use crate::wire::host::Hostname;

#[derive(Deserialize)]
struct MapHost {
    #[serde(default = "StageName::production")]
    stage: StageName,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn list_hosts(&self) -> Result<Draft<P>> {
        let record = self.site_record().await?;
        Ok(respond(200, &json!({ "hosts": record.hosts })))
    }

    pub async fn map_host(&self, host: &str) -> Result<Draft<P>> {
        let host = self.custom_host(host)?;
        let MapHost { stage } = self.json().await?;
        let (_, condition) = self.own_host(&host).await?;
        self.usable_site().await?;
        let record =
            HostRecord { host: host.clone(), site: self.site.clone(), stage: stage.clone() };
        let key = keys::host(&host);
        if self.write_once(&key, &record.to_bytes(), &condition).await? == Written::Lost {
            return Err(AdminError::HostnameTaken);
        }
        self.tiers.memory.hosts.keep(host.clone(), record, self.tiers.ports.now());
        self.note_host(&host, Some(&stage)).await?;
        Ok(respond(200, &json!({"host": host, "stage": stage})))
    }

    pub async fn unmap_host(&self, host: &str) -> Result<Draft<P>> {
        let host = self.custom_host(host)?;
        let (owner, _) = self.own_host(&host).await?;
        self.usable_site().await?;
        if owner.is_none() {
            return Err(Missing::Hostname.into());
        }
        self.delete_host(&host).await?;
        self.note_host(&host, None).await?;
        Ok(respond(200, &json!({"host": host, "stage": null})))
    }

    fn custom_host(&self, text: &str) -> Result<Hostname> {
        let host = Hostname::parse(text).map_err(|_| Invalid::Hostname)?;
        match Destination::of(&host, &self.settings().base_domain) {
            Destination::Custom => Ok(host),
            _ => Err(Invalid::BaseHostname.into()),
        }
    }

    /// Reads the record of a hostname, and the condition of a write that replaces it.
    pub async fn host_record(&self, host: &Hostname) -> Result<(Option<HostRecord>, Condition)> {
        Ok(match self.read(&keys::host(host)).await? {
            Some(value) => (HostRecord::parse(&value.bytes, host), Condition::Is(value.version)),
            None => (None, Condition::Absent),
        })
    }

    /// Like [`Handler::host_record`], for a hostname that no other site may have.
    async fn own_host(&self, host: &Hostname) -> Result<(Option<HostRecord>, Condition)> {
        let (owner, condition) = self.host_record(host).await?;
        match owner {
            Some(owner) if owner.site != self.site => Err(AdminError::HostnameTaken),
            owner => Ok((owner, condition)),
        }
    }

    pub async fn delete_host(&self, host: &Hostname) -> Result<()> {
        self.delete(&keys::host(host)).await?;
        self.tiers.memory.hosts.forget(host);
        Ok(())
    }

    /// Enters a hostname into the site record, or removes it.
    async fn note_host(&self, host: &Hostname, stage: Option<&StageName>) -> Result<()> {
        let noted = self
            .update_site(&mut |record| {
                record.hosts.retain(|entry| entry.host != *host);
                let Some(stage) = stage else { return Ok(()) };
                let entry = HostEntry { host: host.clone(), stage: stage.clone() };
                add(&mut record.hosts, entry, HOSTS_MAX, Invalid::TooManyHosts)
            })
            .await;
        if let Err(AdminError::BeingDeleted | AdminError::NotFound(_)) = noted {
            // The deletion can't know of a hostname that is not in the site record.
            self.delete_host(host).await?;
        }
        noted
    }
}
