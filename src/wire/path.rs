//! The request path: the only code that decodes and canonicalises one.
//!
//! Dot segments are rejected, never resolved. Nothing is folded or repaired beyond one
//! percent-decoding and runs of `/` (RFC 3986 sections 2.1 to 2.4, 3.3 and 6.2.2).

use percent_encoding::utf8_percent_encode;

use crate::wire::percent::{PATH, percent_decode};

/// Maximum length of a path, raw or canonical: caches and tables hold paths in memory.
pub const PATH_BYTES_MAX: usize = 2048;

/// Maximum number of segments: rules and not-found pages are looked up folder by folder.
pub const SEGMENTS_MAX: usize = 256;

/// A decoded path in canonical form.
///
/// It begins with `/` and has no empty inner segment, no segment `.` or `..`, no backslash and no
/// control character. Its canonical encoding fits in [`PATH_BYTES_MAX`], parses to the same path
/// and begins with exactly one `/`, so it is safe as a `Location`.
///
/// # Example
/// ```
/// use selvedge::wire::path::RequestPath;
///
/// let path = RequestPath::parse("/a//b%20c%5b1%5d.html").unwrap();
/// assert_eq!(path.decoded(), "/a/b c[1].html");
/// assert_eq!(path.canonical(), "/a/b%20c%5B1%5D.html");
/// assert!(!path.is_canonical());
/// assert!(RequestPath::parse("/a/%2e%2e/b").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    decoded: String,
    is_canonical: bool,
}

impl RequestPath {
    /// Parses a raw path without query or fragment.
    ///
    /// A decoded `%2F` is a separator; the path is then not canonical, and can only be redirected.
    pub fn parse(raw: &str) -> Result<RequestPath, PathError> {
        if raw.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        if !raw.starts_with('/') {
            return Err(PathError::NotRooted);
        }
        if is_plain(raw) {
            return Ok(RequestPath { decoded: raw.to_owned(), is_canonical: true });
        }
        let decoded = decode(raw)?;
        let canonical = encode(&decoded);
        if canonical.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        let is_canonical = canonical == raw;
        Ok(RequestPath { decoded, is_canonical })
    }

    pub fn decoded(&self) -> &str {
        &self.decoded
    }

    /// Returns whether the raw path was the canonical encoding, byte for byte.
    pub fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    pub fn canonical(&self) -> String {
        encode(&self.decoded)
    }
}

/// Returns the canonical encoding of a decoded path: upper-case escapes for everything but pchar
/// (RFC 3986 section 3.3) and `/`.
///
/// It begins with exactly one `/` for any `decoded`, never with `//` or `/\`.
pub fn encode(decoded: &str) -> String {
    let mut canonical = String::with_capacity(decoded.len().saturating_add(1));
    canonical.push('/');
    canonical.extend(utf8_percent_encode(decoded.trim_start_matches('/'), PATH));
    canonical
}

/// Returns the extension of the last segment without its dot; `None` for a dot file such as
/// `.well-known`.
pub fn file_extension(path: &str) -> Option<&str> {
    let segment = path.rsplit('/').next()?;
    let (stem, extension) = segment.rsplit_once('.')?;
    let is_extension = !stem.is_empty() && !extension.is_empty();
    is_extension.then_some(extension)
}

/// A path that no asset can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Longer than [`PATH_BYTES_MAX`] or with more than [`SEGMENTS_MAX`] segments: a 414. Any other
    /// error is a 404.
    TooLong,
    NotRooted,
    DotSegment,
    Backslash,
    Control,
    /// A `%` without two hexadecimal digits, or not UTF-8 once decoded.
    Encoding,
}

/// Returns whether decoding and encoding would leave `raw` unchanged: the usual case, found in one
/// pass without allocating.
fn is_plain(raw: &str) -> bool {
    let mut segments: usize = 0;
    let mut previous = b'a';
    let mut is_dots = false;
    for byte in raw.bytes() {
        if byte == b'/' {
            if previous == b'/' || is_dots {
                return false;
            }
            segments = segments.saturating_add(1);
        } else if !is_pchar(byte) {
            return false;
        }
        // Also true for `...`, which is allowed but rare: it takes the slow path.
        is_dots = byte == b'.' && (is_dots || previous == b'/');
        previous = byte;
    }
    !is_dots && segments <= SEGMENTS_MAX
}

fn decode(raw: &str) -> Result<String, PathError> {
    let text = percent_decode(raw).ok_or(PathError::Encoding)?;
    if text.contains('\\') {
        return Err(PathError::Backslash);
    }
    if text.contains(char::is_control) {
        return Err(PathError::Control);
    }
    let mut decoded = String::with_capacity(text.len());
    for segment in text.split('/').filter(|segment| !segment.is_empty()) {
        if matches!(segment, "." | "..") {
            return Err(PathError::DotSegment);
        }
        decoded.push('/');
        decoded.push_str(segment);
    }
    if text.ends_with('/') {
        decoded.push('/');
    }
    if decoded.bytes().filter(|byte| *byte == b'/').count() > SEGMENTS_MAX {
        return Err(PathError::TooLong);
    }
    Ok(decoded)
}

/// pchar without percent-encoding (RFC 3986 sections 2.2, 2.3 and 3.3).
fn is_pchar(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
        || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::{PATH_BYTES_MAX, PathError, RequestPath, SEGMENTS_MAX, encode, file_extension};

    #[track_caller]
    fn check(raw: &str, decoded: &str, canonical: &str) {
        let path = RequestPath::parse(raw).unwrap();
        assert_eq!(path.decoded(), decoded, "{raw:?}");
        assert_eq!(path.canonical(), canonical, "{raw:?}");
        assert_eq!(path.is_canonical(), raw == canonical, "{raw:?}");
        let again = RequestPath::parse(canonical).unwrap();
        assert_eq!(again.decoded(), decoded, "{canonical:?}");
        assert!(again.is_canonical(), "{canonical:?}");
    }

    #[test]
    fn plain_paths_are_canonical() {
        for raw in
            ["/", "/a", "/a/", "/a/b.html", "/.well-known/x", "/a/...", "/..a", "/a..", "/a.b./c"]
        {
            check(raw, raw, raw);
        }
        let marks = "/-._~!$&'()*+,;=:@";
        check(marks, marks, marks);
    }

    #[test]
    fn encodings_have_one_canonical_form() {
        check("/%61", "/a", "/a");
        check("/a%20b", "/a b", "/a%20b");
        check("/%c3%a9", "/é", "/%C3%A9");
        check("/%C3%A9", "/é", "/%C3%A9");
        check("/é", "/é", "/%C3%A9");
        check("/[slug]", "/[slug]", "/%5Bslug%5D");
        check("/%5Bslug%5D", "/[slug]", "/%5Bslug%5D");
        check("/a%3Fb", "/a?b", "/a%3Fb");
        check("/a%23b", "/a#b", "/a%23b");
        check("/a%25b", "/a%b", "/a%25b");
        check("/%2541", "/%41", "/%2541");
        check("/%252e%252e/", "/%2e%2e/", "/%252e%252e/");
        check("/%40", "/@", "/@");
        check("/a|b^c`d\"<>{}", "/a|b^c`d\"<>{}", "/a%7Cb%5Ec%60d%22%3C%3E%7B%7D");
        check("/\u{1f600}", "/\u{1f600}", "/%F0%9F%98%80");
    }

    #[test]
    fn runs_of_slashes_are_collapsed() {
        check("//", "/", "/");
        check("//evil.example", "/evil.example", "/evil.example");
        check("/a//b///", "/a/b/", "/a/b/");
        check("/bin%2F", "/bin/", "/bin/");
        check("/bin/%2f", "/bin/", "/bin/");
        check("/%2F%2fevil", "/evil", "/evil");
        check("/...%2f", "/.../", "/.../");
    }

    #[test]
    fn invalid_paths_are_rejected() {
        let rows: [(PathError, &[&str]); 7] = [
            (PathError::NotRooted, &["", "a", "*", "\\a"]),
            (PathError::DotSegment, &["/.", "/..", "/./a", "/a/../b", "/a/..", "/a/%2e%2E/b"]),
            (PathError::DotSegment, &["/a/.%2e", "/%2e", "/a%2f..%2fb", "/a/..%2Fb", "//..//"]),
            (PathError::Backslash, &["/a\\b", "/a%5cb", "/%5C.."]),
            (PathError::Control, &["/%00", "/a%0d%0ab", "/a\tb", "/%7f", "/%c2%85", "/\u{9f}"]),
            (PathError::Encoding, &["/%", "/a%2", "/%zz", "/%+1", "/%%41", "/%u0041", "/%e9"]),
            (PathError::Encoding, &["/%c0%ae", "/%ed%a0%80", "/%f0%9f%98"]),
        ];
        for (expected, raws) in rows {
            for raw in raws {
                assert_eq!(RequestPath::parse(raw), Err(expected), "{raw:?}");
            }
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        check(&longest, &longest, &longest);
        assert_eq!(RequestPath::parse(&format!("{longest}a")), Err(PathError::TooLong));
        let deepest = "/a".repeat(SEGMENTS_MAX);
        check(&deepest, &deepest, &deepest);
        assert_eq!(RequestPath::parse(&format!("{deepest}/a")), Err(PathError::TooLong));
        assert_eq!(RequestPath::parse(&format!("{deepest}/%61")), Err(PathError::TooLong));
        check(&format!("{deepest}%61"), &format!("{deepest}a"), &format!("{deepest}a"));
        // A path with a canonical form that is too long is rejected: no redirect leads to a 414.
        let raw = format!("/{}", "é".repeat(682 / 2));
        check(&raw, &raw, &format!("/{}", "%C3%A9".repeat(682 / 2)));
        let grown = format!("/{}", "é".repeat(342));
        assert_eq!(RequestPath::parse(&grown), Err(PathError::TooLong));
    }

    #[test]
    fn encoding_begins_with_exactly_one_slash() {
        let rows = [
            ("", "/"),
            ("/", "/"),
            ("a", "/a"),
            ("//a", "/a"),
            ("/\\a", "/%5Ca"),
            ("\\a", "/%5Ca"),
        ];
        for (decoded, canonical) in rows {
            assert_eq!(encode(decoded), canonical, "{decoded:?}");
        }
    }

    #[test]
    fn the_last_segment_has_the_extension() {
        let rows: [(Option<&str>, &[&str]); 5] = [
            (Some("html"), &["/a.html"]),
            (Some("gz"), &["/a.tar.gz"]),
            (Some("JS"), &["/b.c/a.JS"]),
            (Some("b"), &["a.b", "/.a.b"]),
            (None, &["/.well-known", "/a", "/a.", "/a.b/", "/a.b/c", "/v1.2/", "/", ""]),
        ];
        for (expected, paths) in rows {
            for path in paths {
                assert_eq!(file_extension(path), expected, "{path:?}");
            }
        }
    }
}
