//! The source itself, where it is as good as its rendition or stands in for it.

use crate::ports::Ports;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::media::asked::Asked;
use crate::serve::media::failure::SHORT_LIFETIME;
use crate::serve::media::source::{Place, Source};
use crate::serve::objects;
use crate::serve::site_request::SiteRequest;

/// Largest source that stands in for a rendition: browsers expect a smaller file.
const STAND_IN_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// The media types that stand in. Every browser shows them, and none runs anything in them.
const STAND_IN_TYPES: [&str; 5] =
    ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"];

impl<P: Ports> SiteRequest<'_, P> {
    /// Returns the source with its own lifetime; `None` if it is gone.
    pub(super) async fn original(
        &self,
        source: &Source<'_>,
    ) -> Result<Option<Draft<P>>, HttpError> {
        match &source.place {
            Place::Asset(asset) => {
                let mut draft = self.asset_draft(asset).await?;
                let lifetime = self.asset_lifetime(asset.class());
                draft.headers.set("cache-control", lifetime);
                Ok(Some(draft.detail("original")))
            }
            Place::Object { collection, name, .. } => {
                let scope = self.cache_scope();
                let object = objects::respond(self.tiers, self.request, &scope, collection, name);
                Ok(Box::pin(object).await?.map(|draft| draft.detail("original")))
            }
        }
    }

    /// Returns the source in place of its rendition, for a short time; `None` if it can't be.
    pub(super) async fn stand_in(
        &self,
        source: &Source<'_>,
        asked: &Asked,
    ) -> Result<Option<Draft<P>>, HttpError> {
        if !may_stand_in(&source.media_type, source.length) {
            return Ok(None);
        }
        let Some(mut draft) = self.original(source).await? else { return Ok(None) };
        if draft.error.is_none() {
            draft.headers.set("cache-control", SHORT_LIFETIME);
        }
        if asked.request.is_negotiated() {
            draft.headers.set("vary", "accept");
        }
        Ok(Some(draft))
    }
}

fn may_stand_in(media_type: &str, length: u64) -> bool {
    STAND_IN_TYPES.contains(&media_type) && length <= STAND_IN_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_of_common_formats_stand_in() {
        let rows = [
            ("image/jpeg", STAND_IN_BYTES_MAX, true),
            ("image/jpeg", STAND_IN_BYTES_MAX + 1, false),
            ("image/avif", 1, true),
            ("image/svg+xml", 1, false),
            ("image/tiff", 1, false),
            ("text/html", 1, false),
        ];
        for (media_type, length, expected) in rows {
            assert_eq!(may_stand_in(media_type, length), expected, "{media_type} {length}");
        }
    }
}
