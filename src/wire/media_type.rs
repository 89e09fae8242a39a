//! Media types by file extension.
//!
//! Contents are never sniffed: `nosniff` is sent with every response. Text is UTF-8. Names are
//! registered ones where there is one (RFC 9239 for JavaScript).

use crate::wire::path;

/// The media type of a file with an unknown extension.
pub const UNKNOWN: &str = "application/octet-stream";

/// Maximum length of a media type: the longest registered ones have about 80 bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 200;

/// Returns the media type of the file at `path`.
pub fn of_path(path: &str) -> &'static str {
    let Some(extension) = path::file_extension(path) else {
        return UNKNOWN;
    };
    let is_listed = |list: &str| list.split(' ').any(|one| one.eq_ignore_ascii_case(extension));
    let found = EXTENSIONS.iter().find(|(_, extensions)| is_listed(extensions));
    found.map_or(UNKNOWN, |(media_type, _)| media_type)
}

pub fn is_html(media_type: &str) -> bool {
    let essence = essence(media_type);
    ["text/html", "application/xhtml+xml"].iter().any(|html| essence.eq_ignore_ascii_case(html))
}

/// Returns whether files of a media type usually shrink under a content coding: images, audio,
/// video, archives and web fonts are compressed already.
pub fn is_compressible(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || COMPRESSIBLE.split_ascii_whitespace().any(|known| known == essence)
}

/// The most that a browser does with a response of a media type, given `nosniff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Shown, played, downloaded or read as data.
    Inert,
    /// Run or applied when a page loads it: scripts, WebAssembly and style sheets.
    Subresource,
    /// Opened as a document that may run scripts in the site's origin.
    Document,
}

/// Returns the risk of a media type (WHATWG Fetch, "should response to request be blocked due to
/// nosniff"; WHATWG HTML, "loading a document").
///
/// PDF is inert: browsers show it in a viewer with another origin.
pub fn risk(media_type: &str) -> Risk {
    let essence = essence(media_type).to_ascii_lowercase();
    if is_document(&essence) {
        Risk::Document
    } else if is_script(&essence) || ["text/css", "application/wasm"].contains(&&*essence) {
        Risk::Subresource
    } else {
        Risk::Inert
    }
}

/// Returns whether a media type may contain documents with scripts: HTML, all of XML with SVG,
/// multipart streams and saved pages.
pub fn is_document(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    is_html(&essence)
        || essence.ends_with("+xml")
        || matches!(essence.as_str(), "text/xml" | "application/xml" | "text/xsl")
        || essence.starts_with("multipart/")
        || essence.starts_with("message/")
}

/// Returns whether a media type is a script (RFC 9239 section 6, WHATWG MIME Sniffing section 4.6:
/// every name contains one of these words).
pub fn is_script(media_type: &str) -> bool {
    let essence = essence(media_type).to_ascii_lowercase();
    ["javascript", "ecmascript", "jscript", "livescript"].iter().any(|word| essence.contains(word))
}

/// Returns whether a text has the syntax of a media type (RFC 9110 section 8.3.1). Parameters only
/// have to be printable.
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

/// Returns the media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or(media_type).trim()
}

/// Compressible media types that [`is_compressible`] does not recognise by their form.
const COMPRESSIBLE: &str = "
    application/ecmascript application/javascript application/json application/json5
    application/jsonl application/msword application/postscript application/rtf application/sql
    application/toml application/vnd.ms-fontobject application/wasm application/vnd.apple.mpegurl
    application/x-ndjson application/x-sh application/x-tar application/xml application/yaml
    audio/midi audio/wav font/collection font/otf font/ttf image/bmp image/vnd.microsoft.icon
    model/gltf-binary model/stl
";

/// Media types with the extensions of their files.
const EXTENSIONS: &[(&str, &str)] = &[
    ("application/atom+xml; charset=utf-8", "atom"),
    ("application/dash+xml; charset=utf-8", "mpd"),
    ("application/epub+zip", "epub"),
    ("application/geo+json; charset=utf-8", "geojson"),
    ("application/gpx+xml; charset=utf-8", "gpx"),
    ("application/gzip", "gz tgz"),
    ("application/java-archive", "jar"),
    ("application/json5; charset=utf-8", "json5"),
    ("application/json; charset=utf-8", "json map"),
    ("application/jsonl; charset=utf-8", "jsonl"),
    ("application/ld+json; charset=utf-8", "jsonld"),
    ("application/manifest+json; charset=utf-8", "webmanifest"),
    ("application/msword", "doc"),
    ("application/octet-stream", "bin"),
    ("application/pdf", "pdf"),
    ("application/postscript", "eps ps"),
    ("application/rdf+xml; charset=utf-8", "rdf"),
    ("application/rss+xml; charset=utf-8", "rss"),
    ("application/rtf", "rtf"),
    ("application/sql; charset=utf-8", "sql"),
    ("application/toml; charset=utf-8", "toml"),
    ("application/vnd.android.package-archive", "apk"),
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("application/vnd.google-earth.kml+xml; charset=utf-8", "kml"),
    ("application/vnd.google-earth.kmz", "kmz"),
    ("application/vnd.microsoft.portable-executable", "exe"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-fontobject", "eot"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.rar", "rar"),
    ("application/wasm", "wasm"),
    ("application/x-7z-compressed", "7z"),
    ("application/x-apple-diskimage", "dmg"),
    ("application/x-brotli", "br"),
    ("application/x-bzip2", "bz2"),
    ("application/x-ndjson; charset=utf-8", "ndjson"),
    ("application/x-pem-file", "pem"),
    ("application/x-sh; charset=utf-8", "sh"),
    ("application/x-tar", "tar"),
    ("application/x-xz", "xz"),
    ("application/xhtml+xml; charset=utf-8", "xht xhtml"),
    ("application/xml; charset=utf-8", "xml"),
    ("application/xslt+xml; charset=utf-8", "xsl xslt"),
    ("application/yaml; charset=utf-8", "yaml yml"),
    ("application/zip", "zip"),
    ("application/zstd", "zst"),
    ("audio/aac", "aac"),
    ("audio/aiff", "aif aiff"),
    ("audio/flac", "flac"),
    ("audio/midi", "mid midi"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "oga ogg opus"),
    ("audio/wav", "wav"),
    ("audio/webm", "weba"),
    ("font/collection", "ttc"),
    ("font/otf", "otf"),
    ("font/ttf", "ttf"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("image/apng", "apng"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/gif", "gif"),
    ("image/heic", "heic"),
    ("image/heif", "heif"),
    ("image/jpeg", "jfif jpeg jpg"),
    ("image/jxl", "jxl"),
    ("image/png", "png"),
    ("image/svg+xml; charset=utf-8", "svg"),
    ("image/tiff", "tif tiff"),
    ("image/vnd.microsoft.icon", "cur ico"),
    ("image/webp", "webp"),
    ("model/gltf+json; charset=utf-8", "gltf"),
    ("model/gltf-binary", "glb"),
    ("model/stl", "stl"),
    ("model/vnd.usdz+zip", "usdz"),
    ("text/calendar; charset=utf-8", "ics"),
    ("text/css; charset=utf-8", "css"),
    ("text/csv; charset=utf-8", "csv"),
    ("text/html; charset=utf-8", "htm html"),
    ("text/javascript; charset=utf-8", "cjs js mjs"),
    ("text/markdown; charset=utf-8", "markdown md"),
    ("text/plain; charset=utf-8", "asc conf log text txt"),
    ("text/tab-separated-values; charset=utf-8", "tsv"),
    ("text/vcard; charset=utf-8", "vcf"),
    ("text/vtt; charset=utf-8", "vtt"),
    ("video/3gpp", "3gp"),
    ("video/matroska", "mkv"),
    ("video/mp2t", "ts"),
    ("video/mp4", "m4v mp4"),
    ("video/mpeg", "mpeg mpg"),
    ("video/ogg", "ogv"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
    ("video/x-msvideo", "avi"),
];

#[cfg(test)]
mod tests {
    use super::{EXTENSIONS, Risk, UNKNOWN, is_compressible, is_html, of_path, risk};

    #[test]
    fn risks() {
        let rows: [(Risk, &[&str]); 7] = [
            (Risk::Document, &["text/html", "TEXT/HTML; charset=latin1", "application/xhtml+xml"]),
            (Risk::Document, &["image/svg+xml", "text/xml", "application/rss+xml; charset=utf-8"]),
            (Risk::Document, &["multipart/x-mixed-replace", "message/rfc822"]),
            (Risk::Subresource, &["text/javascript", "application/x-javascript"]),
            (Risk::Subresource, &["application/wasm", "text/css"]),
            (Risk::Inert, &["text/plain", "application/json", "application/ld+json"]),
            (Risk::Inert, &["application/pdf", "image/png", UNKNOWN]),
        ];
        for (expected, media_types) in rows {
            for media_type in media_types {
                assert_eq!(risk(media_type), expected, "{media_type}");
            }
        }
        assert!(Risk::Inert < Risk::Subresource && Risk::Subresource < Risk::Document);
    }

    #[test]
    fn the_table_is_well_formed() {
        let mut seen = Vec::new();
        for (media_type, extensions) in EXTENSIONS {
            assert_eq!(media_type.matches('/').count(), 1, "{media_type}");
            let has_charset = media_type.ends_with("; charset=utf-8");
            assert_eq!(has_charset, media_type.contains(';'), "{media_type}");
            assert!(has_charset || !media_type.starts_with("text/"), "{media_type}");
            for extension in extensions.split(' ') {
                assert_eq!(*extension, extension.to_ascii_lowercase());
                assert_eq!(of_path(&format!("/a.{extension}")), *media_type);
                assert!(!seen.contains(&extension), "{extension}");
                seen.push(extension);
            }
        }
        assert!(seen.len() >= 90);
    }

    #[test]
    fn the_last_extension_decides() {
        let rows: [(&str, &[&str]); 10] = [
            ("text/html; charset=utf-8", &["/index.html", "/a/INDEX.HTML"]),
            ("image/jpeg", &["/a.b/C.JPG"]),
            ("text/javascript; charset=utf-8", &["/app.abc123.js", "/module.mjs"]),
            ("application/json; charset=utf-8", &["/app.js.map"]),
            ("application/wasm", &["/a.wasm"]),
            ("image/svg+xml; charset=utf-8", &["/logo.svg"]),
            ("application/manifest+json; charset=utf-8", &["/site.webmanifest"]),
            ("font/woff2", &["/font.woff2"]),
            ("application/gzip", &["/a.tar.gz"]),
            (UNKNOWN, &["/a.unknown", "/a.webmanifestx", "/.html", "/LICENSE", "/a.html/", ""]),
        ];
        for (expected, paths) in rows {
            for path in paths {
                assert_eq!(of_path(path), expected, "{path:?}");
            }
        }
    }

    #[test]
    fn html_is_recognised() {
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
    fn compressed_formats_are_not_compressible() {
        for extension in "html css js json svg wasm webmanifest rss ttf ico".split(' ') {
            assert!(is_compressible(of_path(&format!("a.{extension}"))), "{extension}");
        }
        for extension in "woff2 png mp4 zip pdf unknown".split(' ') {
            assert!(!is_compressible(of_path(&format!("a.{extension}"))), "{extension}");
        }
    }
}
