//! Which image formats a client reads, by its `Accept` header (RFC 9110 section 12.5.1).

use crate::site::media::transformation::Wanted;
use crate::wire::coding::parse_weight;
use crate::wire::text::OWS;

/// Returns the formats that a client names. `image/*` and `*/*` never mean AVIF or WebP: clients
/// that read neither send them too. Of two members for one format, the last counts.
pub fn accepted(accept: Option<&str>) -> Wanted {
    let (mut avif, mut webp) = (false, false);
    for member in accept.unwrap_or_default().split(',') {
        let mut parts = member.split(';');
        let name = parts.next().unwrap_or_default().trim_matches(OWS);
        let is_wanted = parts.find_map(parse_weight).is_none_or(|weight| weight > 0);
        if name.eq_ignore_ascii_case("image/avif") {
            avif = is_wanted;
        } else if name.eq_ignore_ascii_case("image/webp") {
            webp = is_wanted;
        }
    }
    Wanted::Auto { avif, webp }
}

#[cfg(test)]
mod tests {
    use super::accepted;
    use crate::site::media::transformation::Wanted;

    #[test]
    fn only_named_formats_count() {
        let rows = [
            (None, false, false),
            (Some(""), false, false),
            (Some("*/*"), false, false),
            (Some("image/*,*/*;q=0.8"), false, false),
            (Some("image/avif"), true, false),
            (Some("image/webp"), false, true),
            (Some("IMAGE/AVIF , Image/WebP"), true, true),
            (Some("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"), true, true),
            (Some("image/avif;q=0, image/webp;q=0.001"), false, true),
            (Some("image/avif;q=0.0,image/webp; q=0.000"), false, false),
            (Some("image/avif;v=1;q=0, image/webp;q=0;v=1"), false, false),
            (Some("image/avif, image/avif;q=0"), false, false),
            (Some("image/avif;q=2"), true, false),
            (Some("image/avifs, xximage/webp, image/webp2, image/web"), false, false),
            (Some("text/html;q=0,image/webp"), false, true),
            (Some(";,;q=1,,image/webp"), false, true),
        ];
        for (accept, avif, webp) in rows {
            assert_eq!(accepted(accept), Wanted::Auto { avif, webp }, "{accept:?}");
        }
    }
}
