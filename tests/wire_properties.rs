//! Properties of the HTTP grammar over generated input: totality, canonical forms, and agreement
//! with other parsers.
//!
//! `PROPTEST_CASES` sets the number of inputs of each property.
#![cfg(not(target_arch = "wasm32"))]

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use selvedge::wire::coding::{Coding, negotiate};
use selvedge::wire::date;
use selvedge::wire::etag;
use selvedge::wire::host::Hostname;
use selvedge::wire::path::{self, PATH_BYTES_MAX, RequestPath, SEGMENTS_MAX};
use selvedge::wire::precondition::{Conditions, Validators, Verdict, evaluate, if_range_holds};
use selvedge::wire::range::{RangeOutcome, resolve};
use selvedge::wire::time::UnixSeconds;
use selvedge::wire::url::{self, Scheme};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

/// Joins up to `count` of the pieces, and any other character now and then.
fn pieces(pieces: &'static [&'static str], count: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => select(pieces).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..count).prop_map(|pieces| pieces.concat())
}

fn raw_path() -> impl Strategy<Value = String> {
    let tail = pieces(
        &[
            "/", "/", "a", "b.html", ".", "..", "...", "%2e", "%2E", "%2f", "%2F", "%5c", "%5C",
            "\\", "%00", "%0a", "%7f", "%25", "%61", "%C3%A9", "%c3%a9", "%e9", "%c2%85", "é", "%",
            "%2", "%zz", " ", "[", "]", "~", ";", ":", "@", "=", "&", "*", "'", "+", "|", "\t",
            "\u{85}", "index",
        ],
        12,
    );
    tail.prop_map(|tail| format!("/{tail}"))
}

fn request_url() -> impl Strategy<Value = String> {
    let authority = pieces(
        &[
            "a", "b", "test", "xn--", "A", "1", "10.0.0.1", "0x7f", "256", "-", ".", ".", ":",
            ":80", ":443", ":99999", "@", "%61", "_", "[::1]", " ", "*", "\t", "\u{ff0e}", "é",
        ],
        6,
    );
    let scheme = select(&["http://", "https://", "HTTP://", "http:/", "http:", "ftp://", ""][..]);
    let cut = select(&["", "/", "?", "#", "\\", "//", "/\\", "/x?y", "/x#y?z"][..]);
    (scheme, authority, cut, raw_path())
        .prop_map(|(scheme, authority, cut, path)| format!("{scheme}{authority}{cut}{path}"))
}

/// Prints failures instead of writing them into the tree.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn check_canonical(raw: &str) -> Result<(), TestCaseError> {
    let Ok(parsed) = RequestPath::parse(raw) else {
        return Ok(());
    };
    let decoded = parsed.decoded();
    prop_assert!(decoded.starts_with('/'));
    prop_assert!(!decoded.contains("//") && !decoded.contains('\\'));
    prop_assert!(!decoded.contains(char::is_control));
    prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
    prop_assert!(decoded.matches('/').count() <= SEGMENTS_MAX);

    let canonical = parsed.canonical();
    prop_assert_eq!(parsed.is_canonical(), canonical == raw);
    prop_assert!(canonical.len() <= PATH_BYTES_MAX && canonical.is_ascii());
    prop_assert!(!canonical.starts_with("//") && !canonical.starts_with("/\\"));
    let again = RequestPath::parse(&canonical);
    prop_assert_eq!(again.as_ref().map(RequestPath::decoded), Ok(decoded));
    prop_assert!(again.is_ok_and(|again| again.is_canonical()));
    Ok(())
}

/// Encodes every byte except slashes, so that no path is plain.
fn encode_all(decoded: &str) -> String {
    let escape = |byte: u8| match byte {
        b'/' => "/".to_owned(),
        byte => format!("%{byte:02x}"),
    };
    decoded.bytes().map(escape).collect()
}

/// Decodes as the crate does, and collapses runs of `/`.
fn decode(path: &str) -> Option<String> {
    let mut decoded = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    while decoded.contains("//") {
        decoded = decoded.replace("//", "/");
    }
    Some(decoded)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn paths_have_one_canonical_form(raw in raw_path()) {
        check_canonical(&raw)?;
    }

    #[test]
    fn any_text_is_a_path_or_an_error(raw in any::<String>()) {
        check_canonical(&raw)?;
        check_canonical(&format!("/{raw}"))?;
    }

    #[test]
    fn every_encoding_of_a_path_decodes_to_it(raw in raw_path()) {
        if let Ok(parsed) = RequestPath::parse(&raw)
            && parsed.decoded().len() * 3 <= PATH_BYTES_MAX
        {
            let again = RequestPath::parse(&encode_all(parsed.decoded()));
            prop_assert_eq!(again.as_ref().map(RequestPath::decoded), Ok(parsed.decoded()));
        }
    }

    /// A Location made of any text stays on the origin of the request and names that text.
    #[test]
    fn locations_stay_on_their_origin(text in any::<String>(), raw in raw_path()) {
        let base = ::url::Url::parse("https://a.test/b/c").unwrap();
        for decoded in [&text, &raw] {
            let location = path::encode(decoded);
            prop_assert!(location.starts_with('/') && !location.starts_with("//"));
            let resolved = base.join(&location).unwrap();
            prop_assert_eq!(resolved.origin(), base.origin());
            prop_assert_eq!((resolved.query(), resolved.fragment()), (None, None));
        }
        if let Ok(parsed) = RequestPath::parse(&raw) {
            let canonical = parsed.canonical();
            let resolved = base.join(&canonical).unwrap();
            prop_assert_eq!(resolved.path(), canonical);
        }
    }

    /// If this parser accepts a URL, a WHATWG parser finds the same scheme, host, port and path.
    #[test]
    fn accepted_urls_read_the_same_elsewhere(text in request_url()) {
        // A request line ends at its first space; a WHATWG parser strips those at the end.
        let text = text.trim_end_matches(|c: char| c <= ' ');
        let Ok(parts) = url::split(text) else {
            return Ok(());
        };
        let host = Hostname::parse(parts.authority).unwrap();
        let Ok(theirs) = ::url::Url::parse(text) else {
            // Only the content of xn-- labels is not checked here.
            prop_assert!(host.as_str().contains("xn--"), "{text:?}");
            return Ok(());
        };
        let their_host = theirs.host_str().unwrap_or_default();
        prop_assert_eq!(their_host.strip_suffix('.').unwrap_or(their_host), host.as_str());
        let scheme = if theirs.scheme() == "https" { Scheme::Https } else { Scheme::Http };
        prop_assert_eq!(scheme, parts.scheme);
        prop_assert_eq!(theirs.query().is_some(), parts.query.is_some());
        let authority = match theirs.port() {
            Some(port) => format!("{their_host}:{port}"),
            None => their_host.to_owned(),
        };
        prop_assert!(url::authority_agrees(&parts, Some(&authority)));
        if let Ok(ours) = RequestPath::parse(parts.path) {
            let their_path = decode(theirs.path());
            prop_assert_eq!(their_path.as_deref(), Some(ours.decoded()));
        }
    }

    #[test]
    fn any_text_is_a_url_or_an_error(text in any::<String>(), host in any::<String>()) {
        let _ = url::split(&text);
        if let Ok(parts) = url::split(&format!("http://{host}/a")) {
            // A pasted host agrees with itself only if no part of it is a path or a query.
            prop_assert_eq!(url::authority_agrees(&parts, Some(&host)), parts.authority == host);
        }
    }

    #[test]
    fn hostnames_have_one_form(authority in pieces(&["a", "B", "0", "-", ".", ":80", "_"], 9)) {
        if let Ok(host) = Hostname::parse(&authority) {
            prop_assert_eq!(Hostname::parse(host.as_str()), Ok(host.clone()));
            prop_assert_eq!(Hostname::parse(&authority.to_ascii_uppercase()), Ok(host.clone()));
            let base = Hostname::parse("base.test").unwrap();
            let below = Hostname::parse(&format!("{host}.base.test")).unwrap();
            prop_assert_eq!(below.strip_base(&base), Some(host.as_str()));
        }
    }

    #[test]
    fn ranges_of_a_partition_make_the_whole(
        length in 1u64..5000,
        cuts in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        let size = usize::try_from(length).unwrap();
        let mut bounds: Vec<u64> = cuts.iter().map(|cut| cut.index(size) as u64).collect();
        bounds.extend([0, length]);
        bounds.sort_unstable();
        bounds.dedup();
        let mut next = 0;
        for pair in bounds.windows(2) {
            let outcome = resolve(&format!("bytes={}-{}", pair[0], pair[1] - 1), length);
            prop_assert_eq!(outcome, RangeOutcome::Part { first: next, last: pair[1] - 1 });
            next = pair[1];
        }
        prop_assert_eq!(next, length);
    }

    #[test]
    fn any_text_is_a_range_within_the_whole(
        text in any::<String>(),
        range in pieces(&["bytes=", "0", "9", "99999999999999999999", "-", "-", ",", " ", "="], 8),
        length in prop_oneof![0u64..20, any::<u64>()],
    ) {
        for value in [text, range.clone(), format!("bytes={range}")] {
            if let RangeOutcome::Part { first, last } = resolve(&value, length) {
                prop_assert!(first <= last && last < length, "{value:?}");
            }
        }
    }

    #[test]
    fn not_modified_exactly_when_a_listed_tag_is_the_current_one(
        tags in prop::collection::vec(("[ab,*]{0,2}", any::<bool>()), 0..5),
        separator in select(&[",", ", ", " ,\t", ",,"][..]),
        is_get_or_head in any::<bool>(),
    ) {
        let write = |(opaque, weak): &(String, bool)| {
            let prefix = if *weak { "W/" } else { "" };
            format!("{prefix}\"{opaque}\"")
        };
        let list = tags.iter().map(write).collect::<Vec<_>>().join(separator);
        let current = Validators { etag: "\"a\"", last_modified: None };
        let weak = tags.iter().any(|(opaque, _)| opaque == "a");
        let strong = tags.iter().any(|(opaque, weak)| opaque == "a" && !weak);

        let conditions = Conditions { if_none_match: Some(&list), ..Conditions::default() };
        let expected = match (weak, is_get_or_head) {
            (false, _) => Verdict::Proceed,
            (true, true) => Verdict::NotModified,
            (true, false) => Verdict::PreconditionFailed,
        };
        prop_assert_eq!(evaluate(is_get_or_head, &conditions, &current, NOW), expected);

        let conditions = Conditions { if_match: Some(&list), ..Conditions::default() };
        let expected = if strong { Verdict::Proceed } else { Verdict::PreconditionFailed };
        prop_assert_eq!(evaluate(is_get_or_head, &conditions, &current, NOW), expected);
        prop_assert_eq!(if_range_holds(Some(&list), &current, NOW), strong && tags.len() == 1);
    }

    #[test]
    fn any_text_is_a_list_of_tags(
        text in pieces(&["\"", "W/", "a", ",", " ", "*", "\t", "é"], 12),
    ) {
        prop_assert!(etag::members(&text).count() <= text.len());
    }

    #[test]
    fn written_dates_are_parsed(seconds in 0..=date::LAST.0) {
        let t = UnixSeconds(seconds);
        let imf = date::format_imf(t);
        prop_assert_eq!(date::parse(&imf, NOW), Some(t));
        prop_assert_eq!(date::parse(&imf.to_ascii_lowercase(), NOW), Some(t));
        let (weekday, day, month) = (&imf[..3], &imf[5..7], &imf[8..11]);
        let (year, time) = (&imf[12..16], &imf[17..25]);
        let padded = day.replacen('0', " ", usize::from(day.starts_with('0')));
        let asctime = format!("{weekday} {month} {padded} {time} {year}");
        prop_assert_eq!(date::parse(&asctime, NOW), Some(t));
        // The two-digit year of the other form means this year if `now` is near.
        let rfc850 = format!("{weekday}day, {day}-{month}-{} {time} GMT", &year[2..]);
        prop_assert_eq!(date::parse(&rfc850, t), Some(t));
    }

    #[test]
    fn any_text_is_a_date_or_an_error(
        text in any::<String>(),
        near in pieces(
            &["Sun", ", ", " ", "06", "6", "Nov", "-", "94", "1994", "08:49:37", "GMT"],
            10,
        ),
        now in any::<u64>(),
    ) {
        for text in [text, near] {
            if let Some(t) = date::parse(&text, UnixSeconds(now)) {
                prop_assert!(t.0 <= date::LAST.0 + 1);
            }
        }
    }

    #[test]
    fn codings_are_available_and_accepted(
        accepted in pieces(
            &["gzip", "br", "zstd", "*", "identity", ";q=", "0", "1", "0.5", ",", ", "],
            12,
        ),
        lengths in [any::<u64>(), any::<u64>(), any::<u64>()],
    ) {
        let codings = [Coding::Gzip, Coding::Brotli, Coding::Zstd];
        let available = [0, 1, 2].map(|n| (codings[n], lengths[n]));
        for count in 0..=available.len() {
            let choice = negotiate(Some(&accepted), available.into_iter().take(count));
            let is_available = available.iter().take(count).any(|(coding, _)| *coding == choice);
            prop_assert!(choice == Coding::Identity || is_available);
        }
        for coding in codings {
            let rejected = format!("{accepted},*;q=1,{coding};q=0");
            prop_assert_ne!(negotiate(Some(&rejected), available.into_iter()), coding);
            let none = "*;q=0,gzip;q=0,br;q=0,zstd;q=0,identity;q=0";
            let only = format!("{accepted},{none},{coding};q=0.001");
            prop_assert_eq!(negotiate(Some(&only), available.into_iter()), coding);
        }
    }
}
