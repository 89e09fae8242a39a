//! Finds the source of a rendition, its overlays and its font in the manifest or a collection.

use crate::cache::entry::Entry;
use crate::cache::freshness::Failure;
use crate::cache::variants::{Lookup, Variants};
use crate::ports::{EdgeContent, Fault, Ports};
use crate::serve::error::HttpError;
use crate::serve::objects::{self, TAGS_HEADER, uncached};
use crate::serve::site_request::SiteRequest;
use crate::site::collection::{Access, Collection, ObjectName};
use crate::site::deployment::asset::{Asset, Class};
use crate::site::ids::ContentHash;
use crate::site::keys::{self, Key};
use crate::site::media::plan::{PART_BYTES_MAX, RenderError, SOURCE_BYTES_MAX};
use crate::site::records::ban::Subject;
use crate::wire::headers::Headers;

/// The image that a rendition is made of.
pub(super) struct Source<'a> {
    /// Decoded.
    pub path: &'a str,
    /// Names this version of it.
    pub hash: ContentHash,
    /// In bytes.
    pub length: u64,
    pub media_type: String,
    pub place: Place<'a>,
}

pub(super) enum Place<'a> {
    Asset(Asset),
    Object {
        collection: &'a Collection,
        name: ObjectName,
        etag: String,
        /// Separated by commas.
        tags: String,
    },
}

/// An overlay or a font.
pub(super) struct Part {
    pub hash: ContentHash,
    /// In bytes.
    pub length: u64,
    pub class: Class,
}

impl Source<'_> {
    /// Returns why no rendition is made of the source, as far as that is known without its bytes.
    pub fn refusal(&self) -> Option<RenderError> {
        refusal(self.length, SOURCE_BYTES_MAX, self.media_type.starts_with("image/"))
    }

    pub fn is_svg(&self) -> bool {
        self.media_type.starts_with("image/svg")
    }

    /// Whether the path never has another content.
    pub fn is_fingerprinted(&self) -> bool {
        matches!(&self.place, Place::Asset(asset) if asset.class() == Class::Fingerprinted)
    }

    /// Returns the source as bans see it, at a path and requested at a time.
    pub fn subject<'s>(&'s self, entry: &Entry, path: &'s str) -> Subject<'s> {
        let requested_ms = entry.timing.requested_ms;
        match &self.place {
            Place::Asset(_) => {
                Subject { path, tags: "", collection: None, object: None, requested_ms }
            }
            Place::Object { collection, name, tags, .. } => Subject {
                path,
                tags,
                collection: Some(&collection.name),
                object: Some(name),
                requested_ms,
            },
        }
    }
}

impl Part {
    pub fn refusal(&self) -> Option<RenderError> {
        refusal(self.length, PART_BYTES_MAX, true)
    }
}

fn refusal(length: u64, bytes_max: u64, is_image: bool) -> Option<RenderError> {
    if !is_image || length == 0 {
        Some(RenderError::Unsupported)
    } else {
        (length > bytes_max).then_some(RenderError::TooLarge)
    }
}

impl<P: Ports> SiteRequest<'_, P> {
    /// Returns the source at a decoded path, `None` if there is none. An object's version may be
    /// that of a cache entry if `cached`.
    pub(super) async fn source<'s>(
        &'s self,
        path: &'s str,
        cached: bool,
    ) -> Result<Option<Source<'s>>, HttpError> {
        let config = &self.manifest.head().config;
        if config.is_of_collection(path) {
            let found = config.collection(path).filter(|(of, _)| of.access == Access::Public);
            let Some((collection, name)) = found else { return Ok(None) };
            return Ok(self.object_source(path, collection, name, cached).await?);
        }
        Ok(self.file(path).await?.map(|asset| {
            let identity = asset.identity();
            let (hash, length) = (identity.hash, identity.length);
            let media_type = asset.media_type().to_ascii_lowercase();
            Source { path, hash, length, media_type, place: Place::Asset(asset) }
        }))
    }

    /// Returns the overlay or font at a decoded path, which is a file.
    pub(super) async fn part(&self, path: &str) -> Result<Option<Part>, HttpError> {
        let found = self.file(path).await?;
        Ok(found.map(|asset| {
            let identity = asset.identity();
            Part { hash: identity.hash, length: identity.length, class: asset.class() }
        }))
    }

    async fn object_source<'s>(
        &'s self,
        path: &'s str,
        collection: &'s Collection,
        name: ObjectName,
        cached: bool,
    ) -> Result<Option<Source<'s>>, Fault> {
        let Some(entry) = self.object_entry(path, collection, &name, cached).await? else {
            return Ok(None);
        };
        let value = |name| entry.headers.value(name).unwrap_or_default().to_owned();
        let etag = value("etag");
        let version = ["object", collection.name.as_str(), name.as_str(), &etag].join("\n");
        let length = value("content-length").parse().unwrap_or(0);
        let (media_type, tags) = (value("content-type").to_ascii_lowercase(), value(TAGS_HEADER));
        let hash = ContentHash::of(version.as_bytes());
        let place = Place::Object { collection, name, etag, tags };
        Ok(Some(Source { path, hash, length, media_type, place }))
    }

    /// Returns an object's metadata, which is cached like the object.
    async fn object_entry(
        &self,
        path: &str,
        collection: &Collection,
        name: &ObjectName,
        cached: bool,
    ) -> Result<Option<Entry>, Fault> {
        let (tiers, scope) = (self.tiers, self.cache_scope());
        let key = keys::object(scope.site, &collection.name, name);
        let Some(of) = scope.stored_for else {
            return self.stored_entry(collection, name, &key).await;
        };
        let selected = ["object of media ", key.as_str()].concat();
        let entries = Variants {
            tiers: tiers.clone(),
            key: keys::stored(scope.site, &of, &ContentHash::of(selected.as_bytes())),
            request: Headers::new(),
        };
        let judge = |entry: &Entry| {
            let subject = Subject {
                path,
                tags: entry.headers.value(TAGS_HEADER).unwrap_or_default(),
                collection: Some(&collection.name),
                object: Some(name),
                requested_ms: entry.timing.requested_ms,
            };
            entry.timing.judge_under(scope.bans, &subject, tiers.ports.now())
        };
        let stale = match entries.find(judge).await {
            Lookup::Fresh(entry, _) if cached => return Ok(Some(entry)),
            Lookup::Stale(entry, _) | Lookup::StaleWhileRevalidate(entry, _) => Some(entry),
            Lookup::Fresh(..) | Lookup::Miss(_) => None,
        };
        match (self.stored_entry(collection, name, &key).await, stale) {
            (Ok(Some(entry)), _) => {
                entries.keep_behind(entry.clone(), EdgeContent::Bytes(Vec::new()), None);
                Ok(Some(entry))
            }
            (Err(_), Some(entry)) if entry.timing.bridges(Failure::Lost, tiers.ports.now()) => {
                Ok(Some(entry))
            }
            (found, _) => found,
        }
    }

    async fn stored_entry(
        &self,
        collection: &Collection,
        name: &ObjectName,
        key: &Key,
    ) -> Result<Option<Entry>, Fault> {
        let asked_ms = self.tiers.ports.now();
        let meta = uncached::meta(self.tiers, key).await?;
        Ok(meta
            .map(|meta| Entry { length: 0, ..objects::entry(collection, name, &meta, asked_ms) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_images_of_a_bounded_size() {
        let rows = [
            (0, true, Some(RenderError::Unsupported)),
            (1, true, None),
            (1, false, Some(RenderError::Unsupported)),
            (SOURCE_BYTES_MAX, true, None),
            (SOURCE_BYTES_MAX + 1, true, Some(RenderError::TooLarge)),
            (SOURCE_BYTES_MAX + 1, false, Some(RenderError::Unsupported)),
        ];
        for (length, is_image, expected) in rows {
            assert_eq!(refusal(length, SOURCE_BYTES_MAX, is_image), expected, "{length}");
        }
        let part = |length| Part { hash: ContentHash::of(b""), length, class: Class::Other };
        assert_eq!(part(PART_BYTES_MAX).refusal(), None);
        assert_eq!(part(PART_BYTES_MAX + 1).refusal(), Some(RenderError::TooLarge));
    }
}
