//! What a server offers a site: whether it makes renditions, and the key that signs their URLs.

use crate::publish::client::Client;
use crate::publish::failure::{Failure, Problem};
use crate::site::api::MediaAccess;
use crate::site::ids::SiteName;
use crate::site::media::config::{MediaConfig, Mode};
use crate::site::media::signature::SigningKey;

const BIND_HINT: &str = "ask the operator to deploy it (npx wrangler deploy --config \
    media/wrangler.toml) and to bind it as MEDIA in wrangler.toml";
const SECRET_HINT: &str = "ask the operator to set one: openssl rand -hex 32, then npx wrangler \
    secret put MEDIA_SECRET --env production; for `make dev`, a line MEDIA_SECRET=... in .dev.vars";

pub fn access(client: &Client, site: &SiteName) -> Result<MediaAccess, Failure> {
    client.get(&format!("/sites/{site}/media"))
}

/// Returns the key that signs the URLs of a site.
pub fn signing_key(access: &MediaAccess) -> Result<SigningKey, Failure> {
    let Some(text) = &access.key else {
        let message = "this server signs no URLs, because it has no MEDIA_SECRET";
        return Err(Failure::refused("no-media-secret", message, SECRET_HINT));
    };
    parse_key(text)
}

/// Parses the text form of a key.
pub fn parse_key(text: &str) -> Result<SigningKey, Failure> {
    SigningKey::parse(text.trim()).ok_or_else(|| {
        let hint =
            "it has 43 of A-Z, a-z, 0-9, - and _; `selvedge media key --site SITE` prints it";
        Failure::refused("bad-key", "the key is not one that signs URLs", hint)
    })
}

/// Refuses a server without a media worker.
pub fn check_enabled(access: &MediaAccess) -> Result<(), Failure> {
    if access.enabled {
        return Ok(());
    }
    Err(Failure::refused("no-media-worker", "this server has no media worker", BIND_HINT))
}

/// Returns warnings about parts of a `[media]` table that the server lacks the means for.
pub fn warnings(config: &MediaConfig, access: &MediaAccess) -> Vec<Problem> {
    let warning = |message: &str, hint: String| Problem {
        message: message.to_owned(),
        hint,
        ..Problem::default()
    };
    let mut warnings = Vec::new();
    if !access.enabled {
        let message = "this server has no media worker, so [media] makes no renditions: sizes and \
                       formats are answered with the original, presets with 503";
        warnings.push(warning(message, BIND_HINT.to_owned()));
    }
    if config.mode == Mode::Signed && access.key.is_none() {
        let message =
            "mode = \"signed\" refuses every URL, because this server has no MEDIA_SECRET";
        warnings.push(warning(message, SECRET_HINT.to_owned()));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_name_what_is_missing() {
        let rows: [(bool, bool, Mode, &[&str]); 6] = [
            (true, true, Mode::Signed, &[]),
            (true, false, Mode::Bounded, &[]),
            (true, false, Mode::Presets, &[]),
            (true, false, Mode::Signed, &["MEDIA_SECRET"]),
            (false, true, Mode::Bounded, &["no media worker"]),
            (false, false, Mode::Signed, &["no media worker", "MEDIA_SECRET"]),
        ];
        for (enabled, has_key, mode, expected) in rows {
            let access = MediaAccess { enabled, key: has_key.then(String::new) };
            let found = warnings(&MediaConfig { mode, ..MediaConfig::default() }, &access);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (warning, words) in found.iter().zip(expected) {
                assert!(warning.message.contains(words) && !warning.hint.is_empty(), "{warning}");
            }
        }
    }
}
