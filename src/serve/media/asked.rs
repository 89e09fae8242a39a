//! What a URL asks for, within what its signature allows.

use crate::cache::live::Live;
use crate::ports::Ports;
use crate::serve::request::RequestHeader;
use crate::serve::site_request::SiteRequest;
use crate::site::media::address::Address;
use crate::site::media::config::MediaConfig;
use crate::site::media::error::MediaError;
use crate::site::media::grammar::{self, Authority, MediaRequest};
use crate::site::media::signature::{self, SigningKey};
use crate::wire::time::UnixSeconds;

/// What a URL asks for, and when its signature expires.
pub(super) struct Asked {
    pub request: MediaRequest,
    /// The canonical form of its transformation.
    pub canonical: String,
    pub expiry: Option<UnixSeconds>,
}

impl<P: Ports> SiteRequest<'_, P> {
    pub(super) fn asked(
        &self,
        config: &MediaConfig,
        address: &Address<'_>,
    ) -> Result<Asked, MediaError> {
        let mut authority = Authority::Anyone;
        let mut expiry = None;
        // The signature is of the URL as it came, also that of an adapter.
        let query = self.request.query.unwrap_or_default();
        if signature::is_signed(query) {
            let (host, path) = (self.request.host.as_str(), self.request.path.canonical());
            let now = self.tiers.ports.now().seconds();
            let key = self.signing_key();
            expiry = signature::verify(key.as_ref(), host, &path, query, now)?;
            authority = Authority::Signed;
        }
        let accept = self.request.headers.value(RequestHeader::Accept);
        let request = grammar::parse(&address.query, config, accept.as_deref(), authority)?;
        Ok(Asked { canonical: request.transformation.canonical(), request, expiry })
    }

    fn signing_key(&self) -> Option<SigningKey> {
        let secret = self.tiers.ports.settings().media.secret.as_ref()?;
        let created = match (&self.serving.live, &self.serving.view) {
            (Some(Live { record, .. }), _) => record.site_created_ms,
            (None, view) => view.as_ref().and_then(|view| view.created_ms),
        };
        Some(SigningKey::of_site(secret, &self.serving.site, created?))
    }
}
