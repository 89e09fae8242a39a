//! The headers of an object of a collection.
//!
//! An uploaded object runs in no browser under the site's name, unless the site allows it.

use crate::ports::ObjectMeta;
use crate::site::collection::{ActiveContent, Collection};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::media_type::{self, UNKNOWN, is_document, is_media_type, is_script};

/// The policy of a document that must not do anything: no scripts, no requests, an opaque origin.
///
/// `sandbox` (Content Security Policy Level 3 section 6.3.2) applies to the document itself, so
/// that following a link to it is as harmless as framing it.
pub const INERT: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// The media type of a script that must not run: with `nosniff` no browser does.
const INERT_SCRIPT: &str = "text/plain; charset=utf-8";

/// Returns the headers of an object but `Content-Length`, as a 304 repeats them (RFC 9110 section
/// 15.4.5).
pub fn object_headers(collection: &Collection, name: &str, meta: &ObjectMeta) -> Headers {
    let mut headers = Headers::with_capacity(16);
    headers.set("content-type", media_type(collection, name, meta).to_owned());
    headers.set("etag", meta.etag.clone());
    headers.set("last-modified", date::format_imf(meta.written_ms.seconds()));
    headers.set("accept-ranges", "bytes");
    keep_inert(collection, &mut headers);
    headers
}

/// Sets the policy of a document that must not do anything. Called again after the site's header
/// rules, which may have set another.
pub fn keep_inert(collection: &Collection, headers: &mut Headers) {
    let is_document = headers.value("content-type").is_some_and(is_document);
    if collection.active == ActiveContent::Inert && is_document {
        add_policy(INERT, headers);
    }
}

/// Adds a Content Security Policy to those that the response may have already.
pub fn add_policy(policy: &str, headers: &mut Headers) {
    let policies = match headers.value("content-security-policy") {
        Some(own) if own.starts_with(policy) => return,
        // All of several policies apply (Content Security Policy Level 3 section 2.4).
        Some(own) => [policy, ", ", own].concat(),
        None => policy.to_owned(),
    };
    headers.set("content-security-policy", policies);
}

/// Returns the media type: by name, else as declared, unless a browser would run that.
fn media_type<'a>(collection: &Collection, name: &str, meta: &'a ObjectMeta) -> &'a str {
    let is_inert = collection.active == ActiveContent::Inert;
    match media_type::of_path(name) {
        UNKNOWN => {
            let declared = meta.media_type.as_str();
            let is_active = is_document(declared) || is_script(declared);
            let is_usable = is_media_type(declared) && !(is_inert && is_active);
            if is_usable { declared } else { UNKNOWN }
        }
        known if is_inert && is_script(known) => INERT_SCRIPT,
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use crate::site::action::PathPrefix;
    use crate::site::collection::CollectionName;
    use crate::wire::media_type::MEDIA_TYPE_BYTES_MAX;
    use crate::wire::time::UnixMillis;

    use super::*;

    fn collection(active: ActiveContent) -> Collection {
        let name = CollectionName::parse("public").unwrap();
        let prefix = PathPrefix::parse("/public/").unwrap();
        Collection { active, ..Collection::new(name, prefix) }
    }

    fn meta(media_type: &str) -> ObjectMeta {
        ObjectMeta {
            length: 10,
            etag: "\"a\"".to_owned(),
            media_type: media_type.to_owned(),
            tags: String::new(),
            written_ms: UnixMillis(784_111_777_999),
        }
    }

    #[track_caller]
    fn check(name: &str, declared: &str, inert: (&str, bool), served: &str) {
        let found = |active| object_headers(&collection(active), name, &meta(declared));
        let headers = found(ActiveContent::Inert);
        let policy = headers.value("content-security-policy");
        let shown = format!("{name} declared {declared:?}");
        assert_eq!(headers.value("content-type"), Some(inert.0), "{shown}");
        assert_eq!(policy, inert.1.then_some(INERT), "{shown}");
        let headers = found(ActiveContent::Serve);
        assert_eq!(headers.value("content-type"), Some(served), "{shown}, as it is");
        assert_eq!(headers.value("content-security-policy"), None, "{shown}, as it is");
    }

    #[test]
    fn active_content_is_inert_unless_allowed() {
        let (html, svg) = ("text/html; charset=utf-8", "image/svg+xml; charset=utf-8");
        let (plain, script) = ("text/plain; charset=utf-8", "text/javascript; charset=utf-8");
        let xml = "application/xml; charset=utf-8";
        check("a.png", "text/html", ("image/png", false), "image/png");
        check("a.html", "image/png", (html, true), html);
        check("a.HTM", "", (html, true), html);
        check("a.svg", "", (svg, true), svg);
        check("a.xml", "", (xml, true), xml);
        check("a.xhtml", "", ("application/xhtml+xml; charset=utf-8", true), {
            "application/xhtml+xml; charset=utf-8"
        });
        check("a.rss", "", ("application/rss+xml; charset=utf-8", true), {
            "application/rss+xml; charset=utf-8"
        });
        check("a.js", "", (plain, false), script);
        check("b/a.mjs", "text/javascript", (plain, false), script);
        check("a.css", "", ("text/css; charset=utf-8", false), "text/css; charset=utf-8");
        check("a.pdf", "", ("application/pdf", false), "application/pdf");
        check("a", "image/webp", ("image/webp", false), "image/webp");
        check("a.what", "Text/Plain; charset=x", ("Text/Plain; charset=x", false), {
            "Text/Plain; charset=x"
        });
        check("a", "TEXT/HTML ; x", (UNKNOWN, false), "TEXT/HTML ; x");
        check("a", "application/atom+xml", (UNKNOWN, false), "application/atom+xml");
        check("a", "application/x-javascript", (UNKNOWN, false), "application/x-javascript");
        check("a", "multipart/x-mixed-replace", (UNKNOWN, false), "multipart/x-mixed-replace");
        for broken in ["", "html", "text/", "/x", "text/html, x/y", "a/b\r\nc: d", "a/b;\u{e9}"] {
            check("a", broken, (UNKNOWN, false), UNKNOWN);
        }
        check("a", &format!("a/{}", "b".repeat(MEDIA_TYPE_BYTES_MAX)), (UNKNOWN, false), UNKNOWN);
    }

    #[test]
    fn no_rule_of_the_site_makes_a_document_active() {
        let inert = collection(ActiveContent::Inert);
        let own = "frame-ancestors 'self'";
        let rows = [
            (None, INERT.to_owned()),
            (Some(own.to_owned()), format!("{INERT}, {own}")),
            (Some(format!("{INERT}, {own}")), format!("{INERT}, {own}")),
        ];
        for (after_rules, expected) in rows {
            let mut headers = object_headers(&inert, "a.html", &meta(""));
            headers.remove("content-security-policy");
            if let Some(policy) = after_rules {
                headers.set("content-security-policy", policy);
            }
            keep_inert(&inert, &mut headers);
            assert_eq!(headers.value("content-security-policy"), Some(expected.as_str()));
        }
    }
}
