//! The request path: the one canonicaliser. Its output is the only form of a path that anything
//! else sees.
//!
//! Not a resolver: dot segments are refused, never resolved, and nothing is folded or repaired
//! beyond one decoding and runs of `/`. The invariant of a [`RequestPath`]: `/`-rooted, valid
//! UTF-8, no empty inner segment, no segment `.` or `..`, no backslash, no control character; its
//! canonical encoding fits in [`PATH_BYTES_MAX`], parses to the same path, and begins with exactly
//! one `/`, so that it is safe as a `Location`.
//!
//! Decoding is by hand: one pass decodes, refuses and bounds, and reports the offset of a malformed
//! escape, which the crate would leave as it is.
//!
//! RFC 3986 sections 2.1 to 2.4 (encoding), 3.3 (pchar) and 6.2.2 (normalisation); RFC 9110 section
//! 4.2.3.

use std::fmt;

use percent_encoding::utf8_percent_encode;

use crate::wire::percent::PATH;

/// The longest path, raw or canonical, in bytes; a path is held in memory and in every table that
/// it is in.
pub const PATH_BYTES_MAX: usize = 2048;

/// The most segments; rules and not-found pages are looked up folder by folder.
pub const SEGMENTS_MAX: usize = 256;

/// A decoded path in canonical form.
///
/// # Shape
/// `/`-rooted, percent-decoded once, runs of `/` are one, no dot segments, a trailing slash kept.
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
    /// Returns the canonical form of a raw path, without query or fragment.
    ///
    /// A decoded `%2F` is a separator like any other; the result is then not canonical, so the most
    /// that it can get is a redirect.
    ///
    /// # Errors
    /// [`PathError`]; of all of them only [`PathError::TooLong`] is a 414, the others match
    /// nothing.
    ///
    /// # Source
    /// RFC 3986 sections 2.1, 3.3 and 6.2.2.
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

    /// Returns the decoded path.
    pub fn decoded(&self) -> &str {
        &self.decoded
    }

    /// Returns whether the raw path was the canonical encoding itself, byte for byte.
    pub fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    /// Returns the canonical encoding.
    pub fn canonical(&self) -> String {
        encode(&self.decoded)
    }
}

/// Returns the canonical encoding of a decoded path: upper-case escapes for everything but pchar
/// and `/`.
///
/// # Shape
/// Begins with exactly one `/`, followed by neither `/` nor `\`, whatever `decoded` begins with.
///
/// # Source
/// RFC 3986 section 3.3: pchar is unreserved, sub-delims, `:` and `@`.
pub fn encode(decoded: &str) -> String {
    let mut canonical = String::with_capacity(decoded.len().saturating_add(1));
    encode_into(decoded, &mut canonical);
    canonical
}

/// Appends the canonical encoding of a decoded path to `out`, as [`encode`] does.
pub fn encode_into(decoded: &str, out: &mut String) {
    out.push('/');
    out.extend(utf8_percent_encode(decoded.trim_start_matches('/'), PATH));
}

/// Returns the extension of the last segment, without its dot; None for a name that only begins
/// with one.
///
/// # Example
/// ```
/// use selvedge::wire::path::file_extension;
///
/// assert_eq!(file_extension("/a.tar.gz"), Some("gz"));
/// assert_eq!(file_extension("/.well-known"), None);
/// assert_eq!(file_extension("/v1.2/"), None);
/// ```
pub fn file_extension(path: &str) -> Option<&str> {
    let segment = path.rsplit('/').next()?;
    let (stem, extension) = segment.rsplit_once('.')?;
    let is_extension = !stem.is_empty() && !extension.is_empty();
    is_extension.then_some(extension)
}

/// Why a path matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It is longer than [`PATH_BYTES_MAX`] or has more than [`SEGMENTS_MAX`] segments.
    TooLong,
    /// It does not begin with `/`.
    NotRooted,
    /// A segment is `.` or `..` once decoded.
    DotSegment,
    /// There is a backslash in it, as it is or encoded.
    Backslash,
    /// There is a control character in it, as it is or encoded.
    Control,
    /// The `%` at this offset is not followed by two hexadecimal digits.
    BadEscape(usize),
    /// It is not UTF-8 once decoded.
    NotUtf8,
}

impl PathError {
    /// Returns whether the path is only too long: a 414, where every other error is a 404.
    pub fn is_too_long(&self) -> bool {
        matches!(self, PathError::TooLong)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::TooLong => write!(
                f,
                "the path has more than {PATH_BYTES_MAX} bytes once encoded, or more than \
                 {SEGMENTS_MAX} segments; shorten it"
            ),
            PathError::NotRooted => {
                f.write_str("the path does not begin with /; put one in front of it")
            }
            PathError::DotSegment => {
                f.write_str("the path has a segment . or ..; write the path that it leads to")
            }
            PathError::Backslash => {
                f.write_str("the path has a backslash; separate segments with /")
            }
            PathError::Control => f.write_str("the path has a control character; leave it out"),
            PathError::BadEscape(at) => write!(
                f,
                "the path has a % at offset {at} without two hexadecimal digits after it; write \
                 %25 for a % sign"
            ),
            PathError::NotUtf8 => {
                f.write_str("the path is not UTF-8 once decoded; encode its characters as UTF-8")
            }
        }
    }
}

impl std::error::Error for PathError {}

/// Whether decoding and encoding would leave `raw` as it is: the usual case, told in one pass.
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
        // Of segments made of dots alone, `...` goes the slow way too; that costs it time and
        // nothing else.
        is_dots = byte == b'.' && (is_dots || previous == b'/');
        previous = byte;
    }
    !is_dots && segments <= SEGMENTS_MAX
}

fn decode(raw: &str) -> Result<String, PathError> {
    let mut decoded: Vec<u8> = Vec::with_capacity(raw.len());
    let mut segments: usize = 0;
    let mut start: usize = 0;
    let mut bytes = raw.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digits = bytes.next().zip(bytes.next());
                let byte = digits.and_then(|((_, high), (_, low))| escaped(high, low));
                byte.ok_or(PathError::BadEscape(at))?
            }
            byte => byte,
        };
        match byte {
            b'\\' => return Err(PathError::Backslash),
            0..=0x1f | 0x7f => return Err(PathError::Control),
            b'/' if decoded.last() == Some(&b'/') => continue,
            b'/' => {
                refuse_dots(decoded.get(start..))?;
                segments = segments.saturating_add(1);
                start = decoded.len().saturating_add(1);
            }
            _ => {}
        }
        decoded.push(byte);
    }
    refuse_dots(decoded.get(start..))?;
    if segments > SEGMENTS_MAX {
        return Err(PathError::TooLong);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)?;
    if decoded.contains(|character: char| character.is_control()) {
        return Err(PathError::Control);
    }
    Ok(decoded)
}

fn refuse_dots(segment: Option<&[u8]>) -> Result<(), PathError> {
    match segment {
        Some(b"." | b"..") => Err(PathError::DotSegment),
        _ => Ok(()),
    }
}

/// The byte that the two digits of an escape spell, in either case.
fn escaped(high: u8, low: u8) -> Option<u8> {
    let [high, low] = [high, low].map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

/// pchar without its escapes (RFC 3986 sections 2.2, 2.3 and 3.3).
fn is_pchar(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
        || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::{
        PATH_BYTES_MAX, PathError, RequestPath, SEGMENTS_MAX, encode, encode_into, escaped,
        file_extension,
    };

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
    fn escapes_have_two_digits() {
        for byte in 0..=u8::MAX {
            for text in [format!("{byte:02X}"), format!("{byte:02x}")] {
                let [high, low] = *text.as_bytes() else { panic!("{text}") };
                assert_eq!(escaped(high, low), Some(byte));
            }
        }
        for (high, low) in [(b'g', b'0'), (b'0', b'g'), (b'+', b'1'), (b'%', b'%'), (b'0', 0xff)] {
            assert_eq!(escaped(high, low), None);
        }
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
    fn encodings_fold_to_one() {
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
    fn runs_of_slashes_are_one() {
        check("//", "/", "/");
        check("//evil.example", "/evil.example", "/evil.example");
        check("/a//b///", "/a/b/", "/a/b/");
        check("/bin%2F", "/bin/", "/bin/");
        check("/bin/%2f", "/bin/", "/bin/");
        check("/%2F%2fevil", "/evil", "/evil");
        check("/...%2f", "/.../", "/.../");
    }

    #[test]
    fn refuses_what_matches_nothing() {
        let rows = [
            ("", PathError::NotRooted),
            ("a", PathError::NotRooted),
            ("*", PathError::NotRooted),
            ("\\a", PathError::NotRooted),
            ("/.", PathError::DotSegment),
            ("/..", PathError::DotSegment),
            ("/./a", PathError::DotSegment),
            ("/a/../b", PathError::DotSegment),
            ("/a/..", PathError::DotSegment),
            ("/a/%2e%2E/b", PathError::DotSegment),
            ("/a/.%2e", PathError::DotSegment),
            ("/%2e", PathError::DotSegment),
            ("/a%2f..%2fb", PathError::DotSegment),
            ("/a/..%2Fb", PathError::DotSegment),
            ("//..//", PathError::DotSegment),
            ("/a\\b", PathError::Backslash),
            ("/a%5cb", PathError::Backslash),
            ("/%5C..", PathError::Backslash),
            ("/%00", PathError::Control),
            ("/a%0d%0ab", PathError::Control),
            ("/a\tb", PathError::Control),
            ("/%7f", PathError::Control),
            ("/%c2%85", PathError::Control),
            ("/\u{9f}", PathError::Control),
            ("/%", PathError::BadEscape(1)),
            ("/a%2", PathError::BadEscape(2)),
            ("/%zz", PathError::BadEscape(1)),
            ("/%+1", PathError::BadEscape(1)),
            ("/%%41", PathError::BadEscape(1)),
            ("/%u0041", PathError::BadEscape(1)),
            ("/%e9", PathError::NotUtf8),
            ("/%c0%ae", PathError::NotUtf8),
            ("/%ed%a0%80", PathError::NotUtf8),
            ("/%f0%9f%98", PathError::NotUtf8),
        ];
        for (raw, error) in rows {
            assert_eq!(RequestPath::parse(raw), Err(error), "{raw:?}");
            assert!(!error.is_too_long());
            assert!(error.to_string().len() > 30, "{error:?}");
        }
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        check(&longest, &longest, &longest);
        assert_eq!(RequestPath::parse(&format!("{longest}a")), Err(PathError::TooLong));
        let deepest = "/a".repeat(SEGMENTS_MAX);
        check(&deepest, &deepest, &deepest);
        assert_eq!(RequestPath::parse(&format!("{deepest}/a")), Err(PathError::TooLong));
        assert_eq!(RequestPath::parse(&format!("{deepest}/%61")), Err(PathError::TooLong));
        check(&format!("{deepest}%61"), &format!("{deepest}a"), &format!("{deepest}a"));
        // A path whose canonical form would be refused is refused, so that no redirect leads to a
        // 414.
        let raw = format!("/{}", "é".repeat(682 / 2));
        check(&raw, &raw, &format!("/{}", "%C3%A9".repeat(682 / 2)));
        let grown = format!("/{}", "é".repeat(342));
        assert_eq!(RequestPath::parse(&grown), Err(PathError::TooLong));
        assert!(PathError::TooLong.is_too_long());
        assert!(PathError::TooLong.to_string().contains("2048"));
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
        let mut out = String::from("x");
        encode_into("/a b", &mut out);
        assert_eq!(out, "x/a%20b");
    }

    #[test]
    fn extensions_are_of_the_last_segment() {
        let rows = [
            ("/a.html", Some("html")),
            ("/a.tar.gz", Some("gz")),
            ("/b.c/a.JS", Some("JS")),
            ("a.b", Some("b")),
            ("/.a.b", Some("b")),
            ("/.well-known", None),
            ("/a", None),
            ("/a.", None),
            ("/a.b/", None),
            ("/a.b/c", None),
            ("/", None),
            ("", None),
        ];
        for (path, extension) in rows {
            assert_eq!(file_extension(path), extension, "{path:?}");
        }
    }
}
