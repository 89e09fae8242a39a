//! The error documents that browsers show if a site has none.
//!
//! No byte of a request gets into one. They load nothing, and look like the pages of `www/`.

use crate::serve::error::HttpError;

/// Allows nothing but the style sheet of these documents, by its hash (Content Security Policy
/// Level 3 section 2.3.1).
pub const POLICY: &str = concat!(
    "default-src 'none'; base-uri 'none'; form-action 'none'; ",
    "style-src 'sha256-tVvDfUuYaNGrmlZkBlOEqI+z/he4yn26qyfH1c9RM6k='"
);

pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const TEMPLATE: &str = include_str!("error_document.html");

/// Returns the document for an error.
pub fn of(error: HttpError) -> String {
    let status = error.text().lines().next().unwrap_or_default();
    let (heading, advice) = heading_and_advice(error);
    let document = TEMPLATE.replace("{heading}", heading);
    document.replace("{advice}", advice).replace("{status}", status)
}

fn heading_and_advice(error: HttpError) -> (&'static str, &'static str) {
    match error {
        HttpError::BadRequest => (
            "This request can\u{2019}t be read",
            "The address, or what the browser sent with it, is malformed. Check the address for \
             mistakes, or go back and follow the link again.",
        ),
        HttpError::Unauthorized => (
            "API key required",
            "Only requests with a valid API key are answered. If you have one, send it in the \
             Authorization header.",
        ),
        HttpError::NotFound => (
            "Page not found",
            "It may have been moved or removed, or the address has a mistake in it. Check the \
             address, or start from the <a href=\"/\">home page</a>.",
        ),
        HttpError::MethodNotAllowed => (
            "Not allowed here",
            "This address does not accept this kind of request. Go back and try another way.",
        ),
        HttpError::PreconditionFailed => (
            "This has changed",
            "The version you asked for is no longer current. Reload the page to get the new one.",
        ),
        HttpError::TooLong => (
            "The address is too long",
            "Addresses of this length aren\u{2019}t accepted. Shorten it, or go back and follow \
             the link again.",
        ),
        HttpError::RangeNotSatisfiable => (
            "Beyond the end of the file",
            "The requested part of the file does not exist. Reload the page to get all of it.",
        ),
        HttpError::Misdirected => (
            "There is no site at this address",
            "No site here has this hostname. Check its spelling; if the site is yours, check that \
             it was published.",
        ),
        HttpError::TooManyRequests => (
            "Too many requests",
            "You have sent more requests than are allowed. Wait a minute, then try again.",
        ),
        HttpError::BadGateway => (
            "This part of the site can\u{2019}t be reached",
            "It comes from another server, which gave no usable answer. Wait a moment, then \
             reload the page.",
        ),
        HttpError::Unavailable => (
            "The site is unavailable for now",
            "The page could not be loaded. Wait a few seconds, then reload it.",
        ),
        HttpError::GatewayTimeout => (
            "This part of the site takes too long",
            "It comes from another server, which didn\u{2019}t answer in time. Wait a moment, \
             then reload the page.",
        ),
        HttpError::LoopDetected => (
            "This address leads back to itself",
            "The request was passed back to this server and stopped. If this is your site, check \
             where its actions lead.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;
    use crate::site::ids::ContentHash;

    use HttpError::*;

    const ERRORS: [HttpError; 13] = [
        BadRequest, Unauthorized, NotFound, MethodNotAllowed, PreconditionFailed, TooLong,
        RangeNotSatisfiable, Misdirected, TooManyRequests, BadGateway, Unavailable, GatewayTimeout,
        LoopDetected,
    ];

    #[test]
    fn the_policy_allows_the_style_sheet_and_no_other() {
        for error in ERRORS {
            let document = of(error);
            let (_, rest) = document.split_once("<style>").unwrap();
            let (style, _) = rest.split_once("</style>").unwrap();
            let hash = BASE64.encode(&ContentHash::of(style.as_bytes()).0);
            assert!(POLICY.ends_with(&format!("'sha256-{hash}'")), "{error:?}: {hash}");
        }
    }

    #[test]
    fn every_document_is_whole_and_asks_for_nothing() {
        for error in ERRORS {
            let document = of(error);
            let count = |part: &str| document.matches(part).count();
            for part in ["<h1>", "<title>", "<main>", "lang=\"en\"", "name=\"viewport\"", "<style>"]
            {
                assert_eq!(count(part), 1, "{part} of {error:?}");
            }
            assert!(document.starts_with("<!doctype html>"), "{error:?}");
            assert!(document.contains(&format!("<small>{} ", error.status())), "{error:?}");
            for part in ["<script", "src=", "url(", "http", "@import", "<link", " style=", "\r"] {
                assert_eq!(count(part), 0, "{part} of {error:?}");
            }
            assert_eq!(count("href="), usize::from(error == NotFound));
            let status = error.text().lines().next().unwrap();
            assert!(document.contains(&format!("<small>{status}</small>")), "{error:?}");
        }
    }
}
