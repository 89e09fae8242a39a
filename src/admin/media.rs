//! What the command line needs for renditions: whether they are made, and the key that signs them.

use crate::admin::error::Result;
use crate::admin::handler::{Handler, respond};
use crate::ports::Ports;
use crate::serve::draft::Draft;
use crate::site::api::MediaAccess;
use crate::site::media::signature::SigningKey;

impl<P: Ports> Handler<'_, P> {
    pub async fn get_media(&self) -> Result<Draft<P>> {
        let created = self.usable_site().await?.created_ms;
        let secret = self.settings().media.secret.as_ref();
        let key = secret.map(|secret| SigningKey::of_site(secret, &self.site, created).text());
        let enabled = self.tiers.ports.has_media();
        Ok(respond(200, &MediaAccess { enabled, key }))
    }
}
