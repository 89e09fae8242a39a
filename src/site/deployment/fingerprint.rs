//! Finds the part of a file name where build tools put a content hash.
//!
//! A name alone can't tell a hash from a word: the publisher judges the whole listing
//! (`publish::fingerprint`) and stores the class of each file in the manifest. The worker only uses
//! this module to rule out names before it searches retained deployments.

use crate::wire::media_type;

/// Lengths of hexadecimal hashes that build tools write: 8 Parcel and webpack, 10 Rsbuild,
/// 12 Django, 16 Rspack and Hugo, 20 webpack, 32 MD5, 40 SHA-1, 64 SHA-256, 96 SHA-384,
/// 128 SHA-512; Hugo writes all of the last four.
const HEX_LENGTHS: [usize; 10] = [8, 10, 12, 16, 20, 32, 40, 64, 96, 128];
/// Length of the short hashes of Rollup, Vite and esbuild.
const SHORT_LENGTH: usize = 8;
/// Lengths of base64url hashes that are the whole name: Rollup's `[hash]`, Eleventy's bundles.
const WHOLE_LENGTHS: [usize; 2] = [8, 10];
/// Endings that build tools write after the hash.
const SUFFIXES: [&str; 8] =
    [".min", ".legacy", ".lean", ".chunk", ".bundle", ".async", ".worker", "_bg"];
/// Files that accompany another one and repeat its name.
const COMPANIONS: [&str; 2] = [".map", ".LICENSE.txt"];
/// Folders in which frameworks keep nothing but hashed files: Next.js, Astro, SvelteKit, Nuxt.
const FRAMEWORK_FOLDERS: [&str; 4] = ["/_next/static/", "/_astro/", "/_app/immutable/", "/_nuxt/"];
/// The one file in them that changes under its name: Nuxt's pointer to the latest build.
const FRAMEWORK_POINTER: &str = "/builds/latest.json";
/// Text before the hash in the names of images that Hugo generates.
const HUGO_MARK: &str = "_hu_";
const HUGO_HASH_LENGTH: usize = 16;

/// The last part of a file name, in the form of a content hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashToken<'a> {
    pub text: &'a str,
    /// The extension of the file, or of the file that it accompanies (`app.js` for `app.js.map`).
    pub extension: &'a str,
    /// Whether the token is the whole name and not hexadecimal: only its length suggests a hash.
    pub is_whole: bool,
}

impl<'a> HashToken<'a> {
    /// Finds the token of a path. Only the last token counts, and only in files of a known type
    /// other than HTML.
    pub fn of(path: &'a str) -> Option<Self> {
        let mut name = path.rsplit('/').next()?;
        for companion in COMPANIONS {
            name = name.strip_suffix(companion).unwrap_or(name);
        }
        let (mut stem, extension) = name.rsplit_once('.')?;
        let media_type = media_type::of_path(name);
        if media_type == media_type::UNKNOWN || media_type::is_html(media_type) {
            return None;
        }
        while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)) {
            stem = shorter;
        }
        let marked = hex_token(stem).or_else(|| short_token(stem));
        let text = marked.or_else(|| whole_token(stem))?;
        Some(Self { text, extension, is_whole: marked.is_none() })
    }
}

/// Returns whether a framework generated the name, or keeps only hashed files in the folder.
pub fn is_framework_output(path: &str) -> bool {
    let is_in_folder = FRAMEWORK_FOLDERS.iter().any(|folder| path.contains(folder))
        && !path.ends_with(FRAMEWORK_POINTER)
        && !media_type::is_html(media_type::of_path(path));
    is_in_folder || is_hugo_image(path)
}

/// Returns whether Hugo generated the image: `photo_hu_11a9358f610e1d27.png`.
fn is_hugo_image(path: &str) -> bool {
    HashToken::of(path).is_some_and(|token| {
        let before = path.rsplit_once(token.text).map_or("", |(before, _)| before);
        token.text.len() == HUGO_HASH_LENGTH && before.ends_with(HUGO_MARK)
    })
}

/// Returns whether a path may name a fingerprinted file; only `false` is certain.
pub fn may_be_fingerprinted(path: &str) -> bool {
    HashToken::of(path).is_some() || is_framework_output(path)
}

fn hex_token(stem: &str) -> Option<&str> {
    let token = stem.rsplit(['.', '-', '_']).next()?;
    let is_hex = token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && HEX_LENGTHS.contains(&token.len()) && !is_uuid(stem)).then_some(token)
}

/// Returns the last eight characters after a hyphen or a dot: base64url may contain hyphens.
fn short_token(stem: &str) -> Option<&str> {
    let at = stem.len().checked_sub(SHORT_LENGTH)?;
    let (before, token) = stem.split_at_checked(at)?;
    (before.ends_with(['-', '.']) && token.bytes().all(is_base64url)).then_some(token)
}

/// Returns the whole name, unless it is in lower case: most names of these lengths are words.
fn whole_token(stem: &str) -> Option<&str> {
    let is_token = WHOLE_LENGTHS.contains(&stem.len())
        && stem.bytes().all(is_base64url)
        && stem.bytes().any(|b| b.is_ascii_uppercase());
    is_token.then_some(stem)
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

/// Returns whether a name ends in a UUID, which is random and not a hash.
fn is_uuid(stem: &str) -> bool {
    const LENGTHS: [usize; 5] = [12, 4, 4, 4, 8];
    let mut groups = stem.rsplit('-');
    LENGTHS.iter().all(|length| {
        groups.next().is_some_and(|group| {
            // The first group may follow other text without a hyphen.
            let tail = group.len().checked_sub(*length).and_then(|at| group.get(at..));
            tail.is_some_and(|tail| tail.bytes().all(|b| b.is_ascii_hexdigit()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found() {
        let rows: [(Option<&str>, &[&str]); 20] = [
            (Some("DiwrgTda"), &["/assets/app-DiwrgTda.js", "/DiwrgTda.js"]),
            (Some("-Kw6gdHB"), &["/assets/chunk--Kw6gdHB.js"]),
            (Some("D_zS66pC"), &["/assets/index.md.D_zS66pC.lean.js"]),
            (Some("D_zS66pC"), &["/assets/form-D_zS66pC.js.map"]),
            (Some("28cb0dcd"), &["/js/787.28cb0dcd.chunk.js"]),
            (None, &["/jquery-3.7.1.min.js", "/3f2a91b.js", "/3f2a91bcd.js", "/app-DiwrgTd.js"]),
            (None, &["/app-DiwrgTda1.js", "/appDiwrgTda.js", "/javascript.js", "/settings.js"]),
            (None, &["/app_DiwrgTda.js", "/3f2a91bc", "/page-DiwrgTda.html", "/page.3f2a91bc.htm"]),
            (None, &["/a.3f2a91bc/x.js", "/x-3f2a91bc.unknown"]),
            (None, &["/a/550e8400-e29b-41d4-a716-446655440000.png"]),
            (None, &["/a/photo550e8400-e29b-41d4-a716-446655440000.png", "/été-DiwrgTdé.js", "/"]),
            (None, &[""]),
            (Some("0a1b2c3d4e5f6789"), &["/app-0a1b2c3d4e5f6789_bg.wasm", "/0a1b2c3d4e5f6789.js"]),
            (Some("3f2a91bc"), &["/main.3f2a91bc.js.LICENSE.txt", "/main.3f2a91bc.js.map"]),
            (Some("3f2a91bc"), &["/main.min.3f2a91bc.css", "/main.3f2a91bc.min.css"]),
            (Some("3f2a91bc"), &["/app_3f2a91bc.js"]),
            (Some("ABCD2EFG"), &["/chunk-ABCD2EFG.js"]),
            (Some("datepick"), &["/bootstrap-datepick.js"]),
            (Some("E_Uz_ZuoRX"), &["/bundle/E_Uz_ZuoRX.js"]),
            (Some("446655440000"), &["/a/41d4-a716-446655440000.png"]),
        ];
        for (expected, paths) in rows {
            for path in paths {
                assert_eq!(HashToken::of(path).map(|token| token.text), expected, "{path}");
            }
        }
    }

    #[test]
    fn framework_output_is_recognised() {
        let rows: [(bool, &[&str]); 6] = [
            (true, &["/_next/static/chunks/06aq38lyarlhm.js", "/docs/_astro/hoisted.js"]),
            (true, &["/_app/immutable/nodes/0.js", "/_nuxt/entry.js", "/_nuxt/builds/meta/1.json"]),
            (true, &["/photo_hu_11a9358f610e1d27.png"]),
            (false, &["/_app/version.json", "/_nuxt/builds/latest.json", "/_nuxt/index.html"]),
            (false, &["/_next/data/x.json", "/my_astro/x.js", "/photo_11a9358f610e1d27.png"]),
            (false, &["/photo_hu_11a9358f610e1d27.html", "/photo_hu_settings.png"]),
        ];
        for (expected, paths) in rows {
            for path in paths {
                assert_eq!(is_framework_output(path), expected, "{path}");
            }
        }
    }
}
