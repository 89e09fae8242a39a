//! Creates, lists and describes sites.

use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

use crate::admin::credentials::CredentialView;
use crate::admin::error::Result;
use crate::admin::handler::{Handler, respond};
use crate::admin::records::list_all;
use crate::ports::{Condition, Ports, Written};
use crate::serve::draft::Draft;
use crate::site::api::StageView;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys;
use crate::site::records::site::{Deletion, HostEntry, SiteRecord};
use crate::site::records::takedown::Takedown;
use crate::wire::time::UnixMillis;

#[derive(Serialize)]
struct SiteDetails<'a> {
    site: &'a SiteName,
    created_ms: UnixMillis,
    hosts: &'a [HostEntry],
    stages: BTreeMap<StageName, StageView>,
    tokens: Vec<CredentialView<'a>>,
    takedowns: &'a [Takedown],
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<&'a Deletion>,
}

pub async fn list_sites<P: Ports>(ports: &P) -> Result<Draft<P>> {
    let prefix = keys::sites_prefix();
    let keys = list_all(ports, prefix).await?;
    let names: Vec<_> = keys.iter().filter_map(|key| key.strip_prefix(prefix)).collect();
    Ok(respond(200, &json!({ "sites": names })))
}

impl<P: Ports> Handler<'_, P> {
    pub async fn get_site(&self) -> Result<Draft<P>> {
        let record = self.site_record().await?;
        let details = SiteDetails {
            site: &record.site,
            created_ms: record.created_ms,
            hosts: &record.hosts,
            stages: self.stage_views().await?,
            tokens: record.tokens.iter().map(CredentialView::from).collect(),
            takedowns: &record.takedowns,
            deletion: record.deletion.as_ref(),
        };
        Ok(respond(200, &details))
    }

    /// Creates the site if there is none of the name.
    pub async fn create_site(&self) -> Result<Draft<P>> {
        let site = &self.site;
        let record = SiteRecord::new(site.clone(), self.tiers.ports.now());
        let bytes = record.to_bytes();
        let written = self.write_once(&keys::site(site), &bytes, &Condition::Absent).await?;
        let created = written == Written::Done;
        if !created {
            self.usable_site().await?;
        }
        let status = if created { 201 } else { 200 };
        Ok(respond(status, &json!({"site": site, "created": created})))
    }
}
