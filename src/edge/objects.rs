//! What stores say of objects, as text: one crossing for a whole page of a listing.
//!
//! Not the objects. R2 is asked for the lines by the glue; with a value of KV they are kept as its
//! metadata.

use crate::serve::ports::{Fault, ObjectMeta};
use crate::wire::time::UnixMillis;

/// The lines of one object: length, entity tag, media type, tags, and when it was written.
pub fn to_text(meta: &ObjectMeta) -> String {
    let (length, written_ms) = (meta.length.to_string(), meta.written_ms.0.to_string());
    [&length, &meta.etag, &meta.media_type, &meta.tags, &written_ms].map(String::as_str).join("\n")
}

/// What the next lines say of an object; `None` when they are none of ours.
pub fn described<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        length: lines.next()?.parse().ok()?,
        etag: lines.next()?.to_owned(),
        media_type: lines.next()?.to_owned(),
        tags: lines.next()?.to_owned(),
        written_ms: UnixMillis(lines.next()?.parse().ok()?),
    })
}

/// Keys, with what the lines after each say of its object.
pub fn listed(text: &str) -> Result<Vec<(String, ObjectMeta)>, Fault> {
    let mut objects = Vec::new();
    let mut lines = text.split('\n').filter(|_| !text.is_empty());
    while let Some(key) = lines.next() {
        let meta = described(&mut lines).ok_or(Fault::Failed)?;
        objects.push((key.to_owned(), meta));
    }
    Ok(objects)
}
