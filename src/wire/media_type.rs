//! Media types by file extension.
//!
//! Not a sniffer: a file's bytes are never looked at, and `nosniff` is sent with every answer. Text
//! is UTF-8, as the web's files are. Registered names where there is one (RFC 9239 for JavaScript,
//! RFC 6838 for the rest).

use crate::wire::path;

/// The media type of a file whose extension says nothing.
pub const UNKNOWN: &str = "application/octet-stream";

/// Returns the media type of the file at `path`.
///
/// # Source
/// RFC 9110 section 8.3.
///
/// # Example
/// ```
/// use selvedge::wire::media_type;
///
/// assert_eq!(media_type::of_path("/a/INDEX.HTML"), "text/html; charset=utf-8");
/// assert_eq!(media_type::of_path("/LICENSE"), "application/octet-stream");
/// ```
pub fn of_path(path: &str) -> &'static str {
    let Some(extension) = path::file_extension(path) else {
        return UNKNOWN;
    };
    if extension.len() > EXTENSION_BYTES_MAX {
        return UNKNOWN;
    }
    let folded = extension.to_ascii_lowercase();
    let found = TABLE.binary_search_by(|(extension, _)| (*extension).cmp(folded.as_str()));
    found.ok().and_then(|at| TABLE.get(at)).map_or(UNKNOWN, |(_, media_type)| media_type)
}

/// Returns whether a media type is HTML, of either syntax.
pub fn is_html(media_type: &str) -> bool {
    let essence = essence(media_type);
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    is("text/html") || is("application/xhtml+xml")
}

/// Returns whether files of a media type usually shrink under a content coding.
///
/// Images, audio, video, archives and web fonts hold compressed data already.
pub fn is_compressible(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || COMPRESSIBLE.contains(&essence.as_str())
}

/// Risk of a media type: how a browser treats it, given `nosniff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Shown, played, downloaded or read as data.
    Inert,
    /// Run or applied when a page loads it: scripts, WebAssembly and style sheets.
    Subresource,
    /// Opened as a document that may run scripts in the site's origin.
    Document,
}

/// Returns what a browser may do with a response of a media type.
///
/// # Source
/// WHATWG Fetch, "should response to request be blocked due to nosniff"; WHATWG HTML, "loading a
/// document". Browsers show PDF in a viewer with an origin of its own.
pub fn risk(media_type: &str) -> Risk {
    let essence = essence(media_type).to_ascii_lowercase();
    match essence.as_str() {
        _ if is_document(media_type) => Risk::Document,
        "text/css" | "application/wasm" => Risk::Subresource,
        _ if is_script(media_type) => Risk::Subresource,
        _ => Risk::Inert,
    }
}

/// Returns whether a media type is of documents that may hold scripts: HTML, and all of XML, SVG
/// included.
///
/// A stream of parts and a saved page may hold documents too.
pub fn is_document(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    is_html(&essence)
        || essence.ends_with("+xml")
        || matches!(essence.as_str(), "text/xml" | "application/xml" | "text/xsl")
        || essence.starts_with("multipart/")
        || essence.starts_with("message/")
}

/// Returns whether a media type is one of the names that scripts go by.
///
/// # Source
/// RFC 9239 §6, WHATWG MIME Sniffing §4.6: all of them hold one of these words.
pub fn is_script(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    ["javascript", "ecmascript", "jscript", "livescript"].iter().any(|word| essence.contains(word))
}

/// Returns whether a text has the syntax of a media type.
///
/// # Source
/// RFC 9110 §8.3.1; parameters are only required to be printable.
pub fn is_media_type(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_graphic() || b == b' ';
    let is_token = |text: &str| {
        let is_sign = |b: u8| b"!#$&-^_.+".contains(&b);
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || is_sign(b))
    };
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let parts = essence.trim_end().split_once('/');
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.bytes().all(is_plain)
        && parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Maximum length of a media type: the longest registered ones have about 80 bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 200;

/// The media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or(media_type).trim()
}

/// The longest extension of the table; no longer one is worth folding.
const EXTENSION_BYTES_MAX: usize = 11;

/// Media types that are neither text by name nor by suffix, and shrink all the same.
const COMPRESSIBLE: &[&str] = &[
    "application/ecmascript",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/msword",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/vnd.apple.mpegurl",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-tar",
    "application/xml",
    "application/yaml",
    "audio/midi",
    "audio/wav",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "model/gltf-binary",
    "model/stl",
];

/// Extension and media type, in the order of the extensions.
const TABLE: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("asc", "text/plain; charset=utf-8"),
    ("atom", "application/atom+xml; charset=utf-8"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("conf", "text/plain; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("cur", "image/vnd.microsoft.icon"),
    ("dmg", "application/x-apple-diskimage"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eot", "application/vnd.ms-fontobject"),
    ("eps", "application/postscript"),
    ("epub", "application/epub+zip"),
    ("exe", "application/vnd.microsoft.portable-executable"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json; charset=utf-8"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json; charset=utf-8"),
    ("gpx", "application/gpx+xml; charset=utf-8"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jar", "application/java-archive"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json; charset=utf-8"),
    ("json5", "application/json5; charset=utf-8"),
    ("jsonl", "application/jsonl; charset=utf-8"),
    ("jsonld", "application/ld+json; charset=utf-8"),
    ("jxl", "image/jxl"),
    ("kml", "application/vnd.google-earth.kml+xml; charset=utf-8"),
    ("kmz", "application/vnd.google-earth.kmz"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json; charset=utf-8"),
    ("markdown", "text/markdown; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml; charset=utf-8"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("ndjson", "application/x-ndjson; charset=utf-8"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("pem", "application/x-pem-file"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("ps", "application/postscript"),
    ("rar", "application/vnd.rar"),
    ("rdf", "application/rdf+xml; charset=utf-8"),
    ("rss", "application/rss+xml; charset=utf-8"),
    ("rtf", "application/rtf"),
    ("sh", "application/x-sh; charset=utf-8"),
    ("sql", "application/sql; charset=utf-8"),
    ("stl", "model/stl"),
    ("svg", "image/svg+xml; charset=utf-8"),
    ("tar", "application/x-tar"),
    ("text", "text/plain; charset=utf-8"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml; charset=utf-8"),
    ("ts", "video/mp2t"),
    ("tsv", "text/tab-separated-values; charset=utf-8"),
    ("ttc", "font/collection"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vcf", "text/vcard; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json; charset=utf-8"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xht", "application/xhtml+xml; charset=utf-8"),
    ("xhtml", "application/xhtml+xml; charset=utf-8"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml; charset=utf-8"),
    ("xsl", "application/xslt+xml; charset=utf-8"),
    ("xslt", "application/xslt+xml; charset=utf-8"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml; charset=utf-8"),
    ("yml", "application/yaml; charset=utf-8"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::{
        EXTENSION_BYTES_MAX, Risk, TABLE, UNKNOWN, is_compressible, is_html, of_path, risk,
    };

    #[test]
    fn risks() {
        let rows = [
            ("text/html", Risk::Document),
            ("TEXT/HTML; charset=latin1", Risk::Document),
            ("application/xhtml+xml", Risk::Document),
            ("image/svg+xml", Risk::Document),
            ("text/xml", Risk::Document),
            ("application/rss+xml; charset=utf-8", Risk::Document),
            ("multipart/x-mixed-replace", Risk::Document),
            ("message/rfc822", Risk::Document),
            ("text/javascript", Risk::Subresource),
            ("application/x-javascript", Risk::Subresource),
            ("application/wasm", Risk::Subresource),
            ("text/css", Risk::Subresource),
            ("text/plain", Risk::Inert),
            ("application/json", Risk::Inert),
            ("application/ld+json", Risk::Inert),
            ("application/pdf", Risk::Inert),
            ("image/png", Risk::Inert),
            (UNKNOWN, Risk::Inert),
        ];
        for (media_type, expected) in rows {
            assert_eq!(risk(media_type), expected, "{media_type}");
        }
        assert!(Risk::Inert < Risk::Subresource && Risk::Subresource < Risk::Document);
    }

    #[test]
    fn the_table_is_sorted_and_well_formed() {
        assert!(TABLE.len() >= 90);
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (extension, media_type) in TABLE {
            assert_eq!(*extension, extension.to_ascii_lowercase());
            assert!(extension.len() <= EXTENSION_BYTES_MAX, "{extension}");
            assert_eq!(media_type.matches('/').count(), 1, "{media_type}");
            assert_eq!(of_path(&format!("/a.{extension}")), *media_type);
            let has_charset = media_type.ends_with("; charset=utf-8");
            assert_eq!(has_charset, media_type.contains(';'), "{media_type}");
            assert!(has_charset || !media_type.starts_with("text/"), "{media_type}");
        }
    }

    #[test]
    fn finds_by_the_last_extension_in_any_case() {
        let rows = [
            ("/index.html", "text/html; charset=utf-8"),
            ("/a.b/C.JPG", "image/jpeg"),
            ("/app.abc123.js", "text/javascript; charset=utf-8"),
            ("/app.js.map", "application/json; charset=utf-8"),
            ("/module.mjs", "text/javascript; charset=utf-8"),
            ("/a.wasm", "application/wasm"),
            ("/logo.svg", "image/svg+xml; charset=utf-8"),
            ("/site.webmanifest", "application/manifest+json; charset=utf-8"),
            ("/font.woff2", "font/woff2"),
            ("/a.tar.gz", "application/gzip"),
            ("/a.unknown", UNKNOWN),
            ("/a.webmanifestx", UNKNOWN),
            ("/.html", UNKNOWN),
            ("/LICENSE", UNKNOWN),
            ("/a.html/", UNKNOWN),
            ("", UNKNOWN),
        ];
        for (path, media_type) in rows {
            assert_eq!(of_path(path), media_type, "{path:?}");
        }
    }

    #[test]
    fn tells_html() {
        for (media_type, expected) in [
            ("text/html", true),
            ("Text/HTML ; charset=utf-8", true),
            ("application/xhtml+xml; charset=utf-8", true),
            ("text/plain", false),
            ("text/htmlx", false),
            ("", false),
        ] {
            assert_eq!(is_html(media_type), expected, "{media_type:?}");
        }
    }

    #[test]
    fn tells_what_shrinks() {
        for (path, expected) in [
            ("a.html", true),
            ("a.css", true),
            ("a.js", true),
            ("a.json", true),
            ("a.svg", true),
            ("a.wasm", true),
            ("a.webmanifest", true),
            ("a.rss", true),
            ("a.ttf", true),
            ("a.ico", true),
            ("a.woff2", false),
            ("a.png", false),
            ("a.mp4", false),
            ("a.zip", false),
            ("a.pdf", false),
            ("a.unknown", false),
        ] {
            assert_eq!(is_compressible(of_path(path)), expected, "{path:?}");
        }
    }
}
