//! A deployment's own address: served only while the store has the deployment and its site.
//!
//! The manifest never changes, so memory and the edge tier keep it long after the deployment was
//! deleted. Its existence is therefore checked in the store, within the windows of a live record.

use std::rc::Rc;

use futures_util::future::join;

use crate::cache::tiers::Tiers;
use crate::cache::windows;
use crate::ports::{Ports, Result};
use crate::serve::error::HttpError;
use crate::serve::request::Request;
use crate::serve::response::Response;
use crate::serve::site::serve;
use crate::serve::site_request::Serving;
use crate::site::ids::{DeploymentId, DeploymentKey, SiteName};
use crate::site::records::view::SiteView;

/// Returns the response of a deployment's own address.
///
/// # Errors
/// Those of [`serve`].
pub async fn respond<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: SiteName,
    id: DeploymentId,
) -> Result<Response<P>, HttpError> {
    let view = view_of(tiers, &site, &id).await?.ok_or(HttpError::Misdirected)?;
    let serving = Serving { site, id, stage: None, live: None, view: Some(view) };
    serve(tiers, request, serving).await
}

/// Returns the site of a deployment, `None` if either does not exist.
///
/// Both reads run at once: a cold isolate waits for one round trip.
async fn view_of<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    id: &DeploymentId,
) -> Result<Option<Rc<SiteView>>> {
    let deployment = DeploymentKey(site.clone(), id.clone());
    let reads = join(windows::current(tiers, site), windows::current(tiers, &deployment));
    let (view, deployment) = reads.await;
    let Some(view) = view? else { return Ok(None) };
    let view = view.decided()?.record;
    Ok(deployment?.map(|_| view).filter(|view| view.exists))
}
