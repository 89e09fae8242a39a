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

const STYLE: &str = "
:root{color-scheme:light dark;--paper:#f5efe1;--ink:#1a2142;--quiet:#565a72;--red:#b5222a;
--band:#fffdf6;--weft:#d9cfb8;--edge:clamp(.875rem,2.2vw,2rem)}
@media(prefers-color-scheme:dark){:root{--paper:#0f1329;--ink:#efe7d4;--quiet:#aeb0c6;
--red:#ff7a70;--band:#e9e0ca;--weft:#b9ae93}}
*{box-sizing:border-box}
html{font:100%/1.6 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"Helvetica Neue\",Arial,
\"Liberation Sans\",sans-serif;background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%;
text-size-adjust:100%}
body{display:grid;align-content:center;min-height:100vh;margin:0;
padding:clamp(2rem,8vh,5rem) clamp(.9rem,7vw,6rem);
padding-left:calc(var(--edge) + clamp(.9rem,7vw,6rem))}
body::before{content:\"\";position:fixed;inset:0 auto 0 0;width:var(--edge);background:
linear-gradient(90deg,#26346b 34%,transparent 34% 62%,#b5222a 62% 74%,transparent 74%),
repeating-linear-gradient(0deg,transparent 0 3px,var(--weft) 3px 4px),var(--band)}
main{width:100%;min-width:0;max-width:44rem}
h1{font:500 clamp(1.3rem,.75rem + 6.4vw,3.75rem)/1.12 ui-serif,\"Iowan Old Style\",\"Palatino Linotype\",
Palatino,\"Book Antiqua\",\"Noto Serif\",Georgia,\"Liberation Serif\",serif;letter-spacing:-.02em;
margin:0 0 1.1rem;overflow-wrap:break-word;text-wrap:balance}
p{font-size:clamp(1.05rem,1rem + .4vw,1.25rem);max-width:34em;margin:0;text-wrap:pretty}
svg{display:block;width:100%;max-width:32rem;height:auto;margin:clamp(1.5rem,5vh,3rem) 0 1rem}
svg path{fill:none;stroke:var(--quiet);stroke-width:1.5;stroke-linecap:round}
svg path:first-child{stroke:var(--red);stroke-width:3}
small{font-size:.95rem;color:var(--quiet)}
a{color:inherit;text-decoration-color:var(--red);text-underline-offset:.2em}
a:hover{text-decoration-thickness:2px}
a:focus-visible{outline:3px solid var(--red);outline-offset:3px;border-radius:3px}
";

const FIGURE: &str = concat!(
    "<svg viewBox=\"0 0 640 100\" aria-hidden=\"true\">",
    "<path d=\"M2 50h298c60 0 90-34 140-40s70 20 120 8\"/>",
    "<path d=\"M300 50c70 2 110 8 160 0s60-24 100-16\"/>",
    "<path d=\"M300 50c60 6 96 40 150 42s60-14 106-4\"/>",
    "<path d=\"M300 50c48 4 80 22 120 20s36-18 76-14\"/></svg>"
);

/// Returns the document for an error.
pub fn of(error: HttpError) -> String {
    let status = error.text().lines().next().unwrap_or_default();
    let (heading, advice) = heading_and_advice(error);
    [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
        heading,
        "</title>\n<style>",
        STYLE,
        "</style>\n</head>\n<body>\n<main>\n<h1>",
        heading,
        "</h1>\n<p>",
        advice,
        "</p>\n",
        FIGURE,
        "\n<p><small>",
        status,
        "</small></p>\n</main>\n</body>\n</html>\n",
    ]
    .concat()
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
        BadRequest,
        Unauthorized,
        NotFound,
        MethodNotAllowed,
        PreconditionFailed,
        TooLong,
        RangeNotSatisfiable,
        Misdirected,
        TooManyRequests,
        BadGateway,
        Unavailable,
        GatewayTimeout,
        LoopDetected,
    ];

    #[test]
    fn the_policy_allows_the_style_sheet_and_no_other() {
        let hash = BASE64.encode(&ContentHash::of(STYLE.as_bytes()).0);
        assert!(POLICY.ends_with(&format!("'sha256-{hash}'")), "{hash}");
        for error in ERRORS {
            let document = of(error);
            let (_, rest) = document.split_once("<style>").unwrap();
            assert_eq!(rest.split_once("</style>").unwrap().0, STYLE, "{error:?}");
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
