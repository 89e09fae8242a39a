//! Objects in the simulated store.

use selvedge::ports::ObjectMeta;
use selvedge::site::ids::ContentHash;
use selvedge::site::keys::Key;
use selvedge::wire::time::UnixMillis;

/// Encodes an object: a line of metadata, then the bytes.
pub fn object(meta: &ObjectMeta, body: &[u8]) -> Vec<u8> {
    let ObjectMeta { media_type, tags, written_ms, .. } = meta;
    let line = format!("{}|{media_type}|{tags}|{}\n", body.len(), written_ms.0);
    [line.as_bytes(), body].concat()
}

/// Decodes an object. Half of a value is an object with a truncated body.
pub fn object_of(value: &[u8]) -> Option<(ObjectMeta, &[u8])> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let (line, body) = (std::str::from_utf8(&value[..end]).ok()?, &value[end + 1..]);
    let mut parts = line.split('|');
    let meta = ObjectMeta {
        length: parts.next()?.parse().ok()?,
        etag: etag_of(body),
        media_type: parts.next()?.to_owned(),
        tags: parts.next()?.to_owned(),
        written_ms: UnixMillis(parts.next()?.parse().ok()?),
    };
    Some((meta, body))
}

/// Key of a part of an upload; number 0 holds the metadata.
pub fn upload_key(key: &Key, upload: &str, number: u16) -> String {
    format!("upload/{upload}/{key}/{number}")
}

pub fn etag_of(body: &[u8]) -> String {
    format!("\"{}\"", ContentHash::of(body).short_hex())
}
