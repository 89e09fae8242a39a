//! Recognises lines that have a meaning on other hosts and none here.
//!
//! A line that would leak a secret or redirect the wrong visitors is an error; a line without
//! effect is a warning.

use crate::site::rules::mistake::Mistake;

/// Request headers: as response headers they publish a credential.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// Prefixes of response headers that only one host acts on.
const HOST_HEADERS: [(&str, &str); 2] = [("netlify-", "Netlify"), ("vercel-", "Vercel")];

/// Rejects a header, in lower case, that would send a secret to every visitor.
pub fn leaking_header(name: &str) -> Option<Mistake> {
    // Netlify's header for password protection.
    if name == "basic-auth" {
        return Some(Mistake::new(
            "`Basic-Auth` would be sent to every visitor, with the password",
            "Remove the line and change the password. Passwords are not supported: leave the files \
             out, or let an upstream check the login, with [[actions]] and first = true.",
        ));
    }
    CREDENTIALS.contains(&name).then(|| {
        Mistake::new(
            format!("`{name}` is a request header, and would be sent to every visitor"),
            "Remove the line, and revoke the credential if it is one.",
        )
    })
}

/// Returns the only host that acts on a response header, given in lower case.
pub fn host_of_header(name: &str) -> Option<&'static str> {
    let mut hosts = HOST_HEADERS.iter();
    hosts.find(|(prefix, _)| name.starts_with(prefix)).map(|(_, host)| *host)
}

/// Rejects a line of `_redirects` that applies to some requests only.
///
/// Netlify writes `/from id=:id /to 301 Country=us`: words with a `=` that are not a target.
pub fn condition(words: &[&str]) -> Option<Mistake> {
    let is_target = |word: &str| word.starts_with('/') || word.contains("://");
    let is_condition = |word: &&str| word.contains('=') && !is_target(word);
    let at = words.iter().skip(1).position(is_condition)?.saturating_add(1);
    let word = words.get(at)?;
    let is_query = words.iter().skip(at).any(|word| is_target(word));
    let everybody =
        format!("Remove `{word}` to redirect everybody, or decide in the page or an upstream.");
    let (what, remedy) = match word.split('=').next().unwrap_or_default() {
        _ if is_query => {
            ("query", "Match the path alone, or read the query in the page: redirects keep it.")
        }
        "Role" => (
            "role",
            "Remove the line, and let an upstream check the login: [[actions]] with first = true.",
        ),
        "Signed" => ("signature", "Write the upstream as an [[actions]] in selvedge.toml."),
        _ => ("visitor", &*everybody),
    };
    let message = format!("conditions on the {what} are not supported: `{word}`");
    Some(Mistake::new(message, remedy.to_owned()))
}

/// Rejects a line of `_redirects` with a target that only another host can serve.
pub fn target(from: &str, to: &str, status: u16) -> Option<Mistake> {
    let prefix = from.split(['*', ':']).next().unwrap_or(from);
    if to.starts_with("/.netlify/") {
        let remedy = format!(
            "Run the function elsewhere, and name it in selvedge.toml: [[actions]], \
             prefix = \"{prefix}\", origin = \"https://...\"."
        );
        return Some(Mistake::new(format!("`{to}` is a path that only Netlify can serve"), remedy));
    }
    let (scheme, rest) = to.split_once("://")?;
    if status != 200 || !matches!(scheme, "http" | "https") {
        return None;
    }
    let host = rest.split('/').next().unwrap_or(rest);
    Some(Mistake::new(
        format!("the target `{to}` is on another host, with status 200"),
        format!(
            "To proxy it, write in selvedge.toml: [[actions]], prefix = \"{prefix}\", \
             origin = \"{scheme}://{host}\"; the path is unchanged. To send visitors there, \
             write 302."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_rejected() {
        let rows = [
            ("/a /b", None),
            ("/a /b?x=1 301", None),
            ("/a=b /c", None),
            ("/a https://e.test/?x=1 301", None),
            ("/a /b 301 Country=us,ca", Some("visitor are not supported: `Country=us,ca`")),
            ("/a /b 302 Language=en", Some("visitor are not supported: `Language=en`")),
            ("/a /b Cookie=x", Some("visitor are not supported: `Cookie=x`")),
            ("/a /b 200! Role=admin", Some("role are not supported: `Role=admin`")),
            ("/a id=:id /b/:id 301", Some("query are not supported: `id=:id`")),
            ("/a id=:id /b/:id", Some("query are not supported: `id=:id`")),
            (
                "/a https://e.test/ 200 Signed=KEY",
                Some("signature are not supported: `Signed=KEY`"),
            ),
        ];
        for (line, expected) in rows {
            let words: Vec<&str> = line.split(' ').collect();
            let found = condition(&words).map(|mistake| mistake.to_string());
            let expected = expected.map(|message| format!("conditions on the {message}"));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn targets_on_other_hosts_are_rejected() {
        let rows = [
            ("/a", "/b", 200, None),
            ("/a", "https://e.test/b", 302, None),
            ("/a", "ftp://e.test/b", 200, None),
            ("/api/*", "https://e.test/v1/:splat", 200, Some(r#"origin = "https://e.test""#)),
            ("/api/:x", "http://e.test:81/v1/:x", 200, Some(r#"prefix = "/api/""#)),
            ("/api/*", "/.netlify/functions/:splat", 200, Some(r#"prefix = "/api/""#)),
            ("/api/*", "/.netlify/functions/:splat", 302, Some("[[actions]]")),
        ];
        for (from, to, status, expected) in rows {
            let found = target(from, to, status).map(|mistake| mistake.remedy().to_owned());
            assert_eq!(found.is_some(), expected.is_some(), "{from} {to}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{to}");
        }
    }

    #[test]
    fn headers_are_recognised() {
        for name in ["basic-auth", "authorization", "cookie", "x-api-key"] {
            assert!(leaking_header(name).is_some(), "{name}");
        }
        for name in ["x-frame-options", "www-authenticate", "set-cookie", "cookie-policy"] {
            assert_eq!(leaking_header(name), None, "{name}");
        }
        assert_eq!(host_of_header("netlify-vary"), Some("Netlify"));
        assert_eq!(host_of_header("vercel-cdn-cache-control"), Some("Vercel"));
        assert_eq!(host_of_header("x-netlify"), None);
    }
}
