//! A deployment's own address: served only while the store has the deployment and its site.
//!
//! The manifest never changes, so memory and the edge tier keep it long after the deployment was
//! deleted. Its existence is therefore checked in the store, within the windows of a live record.

use std::rc::Rc;

use futures_util::future::join;

use crate::serve::ask::Ask;
use crate::serve::constant::Constant;
use crate::serve::deadline;
use crate::serve::memory::{Content, ContentKey, Memory};
use crate::serve::ports::{Fault, Ports};
use crate::serve::record_map::RecordMap;
use crate::serve::reply::Reply;
use crate::serve::site::{Serving, serve};
use crate::serve::site_view::SiteView;
use crate::serve::tiers::Tiers;
use crate::serve::windows::{self, Current, RecordKey, Use};
use crate::site::config::StageKind;
use crate::site::ids::{DeploymentId, SiteName};
use crate::site::keys;
use crate::site::manifest::{Manifest, ROOT_BYTES_MAX};

/// Names a deployment of a site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentKey(pub SiteName, pub DeploymentId);

impl<P: Ports> RecordKey<P> for DeploymentKey {
    type Record = ();

    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, ()> {
        &memory.deployments
    }

    fn kind((): &()) -> StageKind {
        StageKind::Permanent
    }

    /// Reads the whole root, because a cold isolate needs it anyway.
    async fn read(
        &self,
        ports: &P,
        memory: &Memory<P::Held>,
        ms: u64,
    ) -> Result<Option<Current<()>>, Fault> {
        let Self(site, id) = self;
        let read_ms = ports.now();
        let Some(root) = deadline::read(ports, ms, &keys::deployment(site, id)).await? else {
            memory.deployments.forget(self);
            return Ok(None);
        };
        if memory.manifest(site, id).is_none() {
            let root = Some(root.bytes).filter(|root| root.len() <= ROOT_BYTES_MAX);
            let manifest = root.and_then(|root| Manifest::parse_as(id, &root).ok());
            let manifest = Rc::new(manifest.ok_or(Fault::Failed)?);
            let key = ContentKey::Manifest(site.clone(), id.clone());
            memory.keep(key, Content::Manifest(manifest));
        }
        let record = memory.deployments.keep(self.clone(), (), read_ms);
        Ok(Some(Current { record, read_ms, use_of: Use::Read }))
    }
}

/// The reply of a deployment's own address.
pub async fn answer<P: Ports>(
    tiers: &Tiers<P>,
    ask: &Ask<'_>,
    site: SiteName,
    id: DeploymentId,
) -> Reply<P> {
    match view_of(tiers, &site, &id).await {
        Ok(Some(view)) => {
            let serving = Serving { site, id, stage: None, live: None, view: Some(view) };
            serve(tiers, ask, serving).await
        }
        Ok(None) => Constant::Misdirected.reply(),
        Err(_) => Constant::Unavailable.reply(),
    }
}

/// Returns what applies to a deployment of a site, `None` if either does not exist.
///
/// Both reads run at once: a cold isolate waits for one round trip.
async fn view_of<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    id: &DeploymentId,
) -> Result<Option<Rc<SiteView>>, Fault> {
    let deployment = DeploymentKey(site.clone(), id.clone());
    let reads = join(windows::current(tiers, site), windows::current(tiers, &deployment));
    let (view, deployment) = reads.await;
    let Some(view) = view? else { return Ok(None) };
    let view = view.decided()?.record;
    Ok(deployment?.map(|_| view).filter(|view| view.exists))
}
