//! Renditions in memory, at the edge and in the store.

use std::rc::Rc;

use crate::cache::entry::Entry;
use crate::cache::flight::Flight;
use crate::cache::freshness::{Freshness, Timing};
use crate::cache::memory::{Content, ContentKey};
use crate::cache::variants::{Lookup, Variants};
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::within;
use crate::ports::{Condition, EdgeContent, Object, ObjectBody, ObjectMeta, Ports};
use crate::serve::draft::Draft;
use crate::serve::media::failure::{Failure, REFUSAL_MS};
use crate::serve::media::rendition::{Rendition, note_answer};
use crate::serve::objects::uncached;
use crate::site::keys;
use crate::site::media::plan::RenderError;
use crate::site::media::transformation::Format;
use crate::site::records::ban::is_banned;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// Largest rendition that is held in memory; larger ones are streamed.
const HELD_BYTES_MAX: u64 = 1024 * 1024;
/// Maximum number of renditions that the store keeps of one version of a source. Beyond it they are
/// served and kept at the edge.
const STORED_MAX: usize = 256;

/// A response, if it is there.
type Found<P> = Option<Result<Draft<P>, Failure>>;

impl<P: Ports> Rendition<'_, P> {
    /// Finds the rendition in memory or at the edge.
    pub async fn kept(&self) -> Found<P> {
        let memory = &self.entries.tiers.memory;
        if let Some((entry, held)) = memory.rendition(self.scope.site, &self.hash)
            && self.judge(&entry) == Freshness::Fresh
        {
            return Some(self.found((*entry).clone(), ResponseBody::Held(held, None)));
        }
        Box::pin(self.at_edge()).await
    }

    async fn at_edge(&self) -> Found<P> {
        let Lookup::Fresh(entry, body) = self.entries.find(|entry| self.judge(entry)).await else {
            return None;
        };
        let body = match self.is_held(entry.length) {
            true => ResponseBody::Held(self.held(&entry, body).await?, None),
            false => ResponseBody::Stream(body),
        };
        Some(self.found(entry, body))
    }

    /// Finds the rendition in the store.
    pub async fn stored(&self, flight: Option<&Flight>) -> Found<P> {
        let Variants { tiers, key, .. } = &self.entries;
        // A store that fails here may yet have the source.
        let object = uncached::open(tiers, key, None, None).await.ok()??;
        let Object::Found(meta, body) = object else { return None };
        let requested_ms = UnixMillis(meta.tags.parse().ok()?);
        let format = Format::of_media_type(&meta.media_type)?;
        let entry = self.entry(format.media_type(), meta.length, requested_ms);
        if meta.length == 0 || self.is_banned(&entry) {
            return None;
        }
        let (body, content) = match self.is_held(meta.length) {
            true => {
                let held = self.held(&entry, body).await?;
                (ResponseBody::Held(held.clone(), None), EdgeContent::Held(held))
            }
            false => {
                let (body, copy) = tiers.ports.share(body).ok()?;
                (ResponseBody::Stream(body), EdgeContent::Stream(copy, meta.length))
            }
        };
        note_answer(flight, self.now());
        self.entries.keep_behind(entry.clone(), content, None);
        Some(self.found(entry, body))
    }

    /// Keeps a new rendition in all tiers, behind the response. The flight ends when others can
    /// find it.
    pub fn keep(&self, entry: &Entry, held: &P::Held, flight: Option<Flight>) {
        note_answer(flight.as_ref(), self.now());
        let in_memory = self.keep_in_memory(entry, held);
        let flight = flight.filter(|_| !in_memory);
        let (entries, entry, held) = (self.entries.clone(), entry.clone(), held.clone());
        let prefix = keys::renditions_prefix(self.scope.site, &self.source.hash);
        self.ports().behind(async move {
            entries.keep(entry.clone(), EdgeContent::Held(held.clone())).await;
            store(&entries, &prefix, &entry, &held).await;
            drop(flight);
        });
    }

    /// Remembers that the media worker refuses the rendition, in memory and at the edge.
    pub fn keep_refusal(&self, error: RenderError, asked_ms: UnixMillis, flight: Option<Flight>) {
        note_answer(flight.as_ref(), self.now());
        let entry = Entry {
            status: error.status(),
            headers: Headers::new(),
            timing: timing(asked_ms, REFUSAL_MS),
            length: 0,
            complete: None,
        };
        self.keep_in_memory(&entry, &self.ports().held_of(&[]));
        self.entries.keep_behind(entry, EdgeContent::Bytes(Vec::new()), flight);
    }

    /// Returns the metadata of the rendition.
    pub fn entry(&self, media_type: &'static str, length: u64, requested_ms: UnixMillis) -> Entry {
        let mut headers = Headers::with_capacity(16);
        headers.set("content-type", media_type);
        headers.set("content-length", length.to_string());
        headers.set("etag", self.etag());
        headers.set("accept-ranges", "bytes");
        let timing = Timing {
            received_ms: self.now(),
            ..timing(requested_ms, self.config.edge_ttl.millis())
        };
        Entry { status: 200, headers, timing, length, complete: None }
    }

    fn judge(&self, entry: &Entry) -> Freshness {
        match self.is_banned(entry) {
            true => Freshness::Miss,
            false => entry.timing.judge(self.now()),
        }
    }

    /// Whether a purge of the source or of the rendition's own path rules an entry out.
    fn is_banned(&self, entry: &Entry) -> bool {
        [self.source.path, self.request.path.decoded()]
            .into_iter()
            .any(|path| is_banned(self.scope.bans, &self.source.subject(entry, path)))
    }

    fn is_held(&self, length: u64) -> bool {
        length <= HELD_BYTES_MAX && self.entries.tiers.memory.admits(&self.hash, length)
    }

    /// Reads a body and keeps it in memory; `None` if it is not as long as its entry says.
    async fn held(&self, entry: &Entry, body: P::Body) -> Option<P::Held> {
        let ports = self.ports();
        let ms = ports.settings().deadlines.blob_ms;
        let held = within(ports, ms, ports.hold_body(body, entry.length)).await.ok()?;
        if ports.held_length(&held) != entry.length {
            return None;
        }
        self.keep_in_memory(entry, &held);
        Some(held)
    }

    fn keep_in_memory(&self, entry: &Entry, held: &P::Held) -> bool {
        let key = ContentKey::Rendition(self.scope.site.clone(), self.hash);
        let content = Content::Rendition(Rc::new(entry.clone()), held.clone());
        self.is_held(entry.length) && self.entries.tiers.memory.keep(key, content)
    }
}

fn timing(requested_ms: UnixMillis, lifetime_ms: u64) -> Timing {
    Timing {
        requested_ms,
        received_ms: requested_ms,
        lifetime_ms,
        life_ms: lifetime_ms,
        ..Timing::default()
    }
}

/// Writes a rendition to the store, unless that has enough of its source. Its tags are the time
/// when it was requested, which purges are compared with; the store's own is a little later.
async fn store<P: Ports>(entries: &Variants<P>, prefix: &str, entry: &Entry, held: &P::Held) {
    let ports = &entries.tiers.ports;
    let ms = ports.settings().deadlines.admin_ms;
    let (mut count, mut cursor) = (0_usize, None);
    loop {
        let listed = within(ports, ms, ports.list(prefix, cursor.as_deref())).await;
        let Ok(listing) = listed else { return };
        count = count.saturating_add(listing.keys.len());
        cursor = listing.cursor;
        if count >= STORED_MAX && !listing.keys.iter().any(|key| key == entries.key.as_str()) {
            return;
        }
        if cursor.is_none() {
            break;
        }
    }
    let meta = ObjectMeta {
        length: entry.length,
        etag: String::new(),
        media_type: entry.headers.value("content-type").unwrap_or_default().to_owned(),
        tags: entry.timing.requested_ms.0.to_string(),
        written_ms: entry.timing.requested_ms,
    };
    let body = ObjectBody::Held(held);
    // Best effort: without it the rendition is made again.
    let write = ports.object_write(&entries.key, body, &meta, &Condition::Any);
    let _ = within(ports, ms, write).await;
}
