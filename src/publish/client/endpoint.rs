//! Checks the URL and the token that the user gives.

use ureq::http::Uri;

use crate::publish::failure::Failure;

#[derive(Debug)]
pub struct Endpoint {
    /// Root URL of the server, without a trailing slash.
    pub url: String,
    pub is_local: bool,
    pub token: String,
}

impl Endpoint {
    pub fn parse(url: &str, token: &str) -> Result<Self, Failure> {
        let hint = "write it as https://example.com or http://localhost:8787";
        if url.trim().is_empty() {
            let message = "the server's URL is empty";
            let hint = format!("--url or SELVEDGE_URL is set to nothing; {hint}");
            return Err(Failure::refused("bad-url", message, hint));
        }
        let wrong = |hint: &str| {
            Failure::refused("bad-url", format!("`{url}` is not a server's URL"), hint)
        };
        let trimmed = url.trim_end_matches('/');
        let uri: Uri = trimmed.parse().map_err(|_| wrong(hint))?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err(wrong(hint));
        };
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("http" | "https")) => scheme,
            None if is_loopback(host) => return Err(wrong(&format!("write it as http://{url}"))),
            None => return Err(wrong(&format!("write it as https://{url}"))),
            Some(_) => return Err(wrong(hint)),
        };
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(wrong(&format!("write it without a path: {scheme}://{authority}")));
        }
        check_token(token)?;
        let (url, token) = (trimmed.to_owned(), token.to_owned());
        Ok(Self { is_local: is_loopback(host), url, token })
    }
}

fn check_token(token: &str) -> Result<(), Failure> {
    if token.is_empty() {
        return Err(Failure::refused(
            "bad-token",
            "the token is empty",
            "--token or SELVEDGE_TOKEN is set to nothing; in development the token is ADMIN_TOKEN \
             in .dev.vars",
        ));
    }
    if token.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Failure::refused(
        "bad-token",
        "the token has characters that no token has",
        "copy it again, without spaces or line breaks",
    ))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let accepts = |url: &str| Endpoint::parse(url, "t").is_ok();
        for url in ["http://localhost:8787", "https://example.com/", "http://[::1]:80"] {
            assert!(accepts(url), "{url}");
        }
        for url in ["", "localhost:8787", "ftp://a", "https://a/b", "https://a?x", "nonsense"] {
            assert!(!accepts(url), "{url}");
        }
        let rows = [
            ("localhost:8787", "write it as http://localhost:8787"),
            ("example.com", "write it as https://example.com"),
            ("https://a:1/b", "write it without a path: https://a:1"),
            ("ftp://a", "write it as https://example.com or"),
            ("", "SELVEDGE_URL is set to nothing"),
        ];
        for (url, words) in rows {
            let hint = Endpoint::parse(url, "t").unwrap_err().hint.unwrap();
            assert!(hint.contains(words), "{url:?}: {hint}");
        }
        assert!(Endpoint::parse("http://a", "a b").is_err());
        assert!(Endpoint::parse("http://a", "").is_err());
    }

    #[test]
    fn loopback() {
        for host in ["localhost", "www.localhost", "127.0.0.1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
