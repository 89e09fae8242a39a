//! Properties of the freshness engine over generated exchanges, and a comparison with
//! `http-cache-semantics`: each disagreement is listed with its reason.
//!
//! `PROPTEST_CASES` says how many inputs each property gets.
#![cfg(not(target_arch = "wasm32"))]

mod disagreements;

use std::time::{Duration, SystemTime};

use http::Method;
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use proptest::prelude::*;
use proptest::sample::select;
use selvedge::cache::freshness::admit::{Exchange, Extent, NotStored, Policy, admit};
use selvedge::cache::freshness::update::{end_to_end, merge_304};
use selvedge::cache::freshness::{Failure, Freshness, Timing};
use selvedge::site::action::{CAP_SECS_MAX, SetCookie};
use selvedge::wire::cache_control::{RequestDirectives, ResponseDirectives, Seconds};
use selvedge::wire::date;
use selvedge::wire::headers::Headers;
use selvedge::wire::targeted;
use selvedge::wire::time::{DeltaSeconds, UnixMillis, UnixSeconds};
use selvedge::wire::vary::{VARY_NAMES_MAX, Vary, selecting};

use disagreements::DISAGREEMENTS;

const NOW: UnixMillis = UnixMillis(1_795_000_000_000);
const CAP_MS: u64 = CAP_SECS_MAX as u64 * 1_000;
const POLICY: Policy = Policy { cap_ms: CAP_MS, heuristic: true, set_cookie: SetCookie::Never };

/// A failure is printed, and not written into the tree.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A request with its response, as text. Header lines are of the form `name: value`, where `@60` is
/// the date a minute after the response came.
#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    request: Vec<&'static str>,
    status: u16,
    response: Vec<String>,
}

impl Case {
    fn get(response: &[&str]) -> Case {
        let response = response.iter().map(|&line| line.to_owned()).collect();
        Case { method: "GET", request: Vec::new(), status: 200, response }
    }

    fn response(&self) -> Vec<(&str, String)> {
        lines(self.response.iter().map(String::as_str))
    }

    /// The values of a header of the response, one for each line.
    fn values(&self, name: &str) -> Vec<String> {
        self.response().into_iter().filter(|line| line.0 == name).map(|line| line.1).collect()
    }

    /// The directives of the response, split at every comma: name and value.
    fn pieces(&self) -> Vec<(String, Option<String>)> {
        let joined = self.values("cache-control").join(",");
        let pieces = joined.split(',').map(str::trim);
        pieces
            .map(|piece| match piece.split_once('=') {
                Some((name, value)) => (name.trim().to_owned(), Some(value.to_owned())),
                None => (piece.to_owned(), None),
            })
            .collect()
    }

    fn says_in_pieces(&self, name: &str) -> bool {
        self.pieces().iter().any(|piece| piece.0 == name)
    }

    fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    /// Whether a line of a header is of a kind.
    fn any(&self, name: &str, is: fn(&String) -> bool) -> bool {
        self.values(name).iter().any(is)
    }

    /// Whether the value of a directive is of a kind.
    fn any_value(&self, is: fn(String) -> bool) -> bool {
        self.pieces().into_iter().filter_map(|piece| piece.1).any(is)
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.values(name).len() > 1
    }

    fn asks(&self, name: &str) -> bool {
        self.request.iter().any(|line| line.split(": ").next() == Some(name))
    }

    fn asks_to(&self, directive: &str) -> bool {
        let line = format!("cache-control: {directive}");
        self.request.contains(&line.as_str())
    }

    fn headers(&self) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in self.response() {
            headers.append(name.to_owned(), value);
        }
        headers
    }

    fn says(&self) -> ResponseDirectives {
        ResponseDirectives::parse(&self.values("cache-control").join(", "))
    }

    fn ours(&self, policy: &Policy, headers: &Headers) -> Result<Timing, NotStored> {
        let request = lines(self.request.iter().copied());
        let directives = request.iter().filter(|line| line.0 == "cache-control");
        let directives: Vec<_> = directives.map(|line| line.1.as_str()).collect();
        let exchange = Exchange {
            method: &Method::from_bytes(self.method.as_bytes()).unwrap(),
            authority: "a.test",
            has_authorization: self.asks("authorization"),
            directives: RequestDirectives::parse(&directives.join(", ")),
            status: self.status,
            headers,
            is_own_content_location: self.values("content-location").contains(&"/b".to_owned()),
            extent: Extent::Whole,
            requested_ms: NOW,
            received_ms: NOW,
        };
        admit(policy, &exchange)
    }

    /// Whether the response is fresh for the same request, `secs` later.
    fn is_fresh_for_us(&self, secs: u64) -> bool {
        // The other implementation knows of no cap.
        let policy = Policy { cap_ms: u64::MAX, ..POLICY };
        let timing = self.ours(&policy, &self.headers());
        timing.is_ok_and(|timing| timing.judge(NOW.plus(secs * 1_000)) == Freshness::Fresh)
    }

    fn is_fresh_for_them(&self, secs: u64) -> bool {
        let mut request = http::Request::builder().method(self.method).uri("https://a.test/b");
        for (name, value) in lines(self.request.iter().copied()) {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let mut response = http::Response::builder().status(self.status);
        for (name, value) in self.response() {
            response = response.header(name, value);
        }
        let came = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0);
        let options = CacheOptions { shared: true, ..CacheOptions::default() };
        let response = response.body(()).unwrap();
        let policy = CachePolicy::new_options(&request, &response, came, options);
        let answer = policy.before_request(&request, came + Duration::from_secs(secs));
        matches!(answer, BeforeRequest::Fresh(_))
    }
}

fn lines<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(&'a str, String)> {
    let read = |text: &'a str| {
        let (name, value) = text.split_once(": ")?;
        let offset = value.strip_prefix('@').and_then(|offset| offset.parse::<i64>().ok());
        let at = offset.and_then(|offset| NOW.seconds().0.checked_add_signed(offset));
        Some((name, at.map_or(value.to_owned(), |at| date::format_imf(UnixSeconds(at)))))
    };
    texts.filter_map(read).collect()
}

/// Directives with a meaning, and some that implementations read differently.
#[rustfmt::skip]
const DIRECTIVES: &[&str] = &[
    "max-age=0", "max-age=1", "max-age=60", "max-age=60", "max-age=3600", "max-age=003600",
    "max-age=99999999999999999999999", "max-age=-1", "max-age=+60", "max-age=x", "max-age",
    "max-age=\"60\"", "max-age = 60", "Max-Age=60", "s-maxage=0", "s-maxage=60", "s-maxage=3600",
    "s-maxage=x", "s-maxage", "no-cache", "no-cache=\"a\"", "No-Cache", "no-store", "No-Store",
    "no-store;x", "private", "private=\"a, b\"", "public", "public", "public x", "must-revalidate",
    "proxy-revalidate", "must-understand", "immutable", "stale-while-revalidate=0",
    "stale-while-revalidate=60", "stale-if-error=0", "stale-if-error=60",
    "extension=\"max-age=3600, x\"", "extension=\"x, no-store, y\"", "extension=\"", "foo",
];

/// Other headers of responses.
#[rustfmt::skip]
const LINES: &[&str] = &[
    "date: @0", "date: @0", "date: @-10", "date: @-7200", "date: @7200", "date: foo",
    "expires: @60", "expires: @3600", "expires: @0", "expires: @-60", "expires: 0",
    "expires: Sunday, 06-Nov-44 08:49:37 GMT", "expires: Sun, 06 Nov 2044 08:49:37 +0000", "age: 0",
    "age: 30", "age: 7200", "age: 7200, 0", "age: abc", "age: 99999999999999999999999",
    "last-modified: @-600", "last-modified: @-864000", "etag: \"a\"", "vary: accept", "vary: *",
    "vary: accept, *", "vary: a b", "set-cookie: a=b", "pragma: no-cache",
    "surrogate-control: no-store", "cdn-cache-control: max-age=60", "cdn-cache-control: max-age=0",
    "cdn-cache-control: no-store", "cdn-cache-control: max-age=60, &", "location: /c",
    "location: https://evil.test/", "content-location: /b",
];

const REQUESTS: &[&str] = &[
    "authorization: a",
    "accept: text/html",
    "pragma: no-cache",
    "cache-control: no-store",
    "cache-control: no-cache",
    "cache-control: max-age=0",
    "cache-control: min-fresh=3600",
    "cache-control: max-stale",
];

const STATUSES: &[u16] =
    &[200, 200, 200, 200, 201, 203, 206, 299, 301, 302, 304, 308, 401, 403, 404, 500, 503, 599];

const SPANS: [&str; 4] = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];

#[rustfmt::skip]
const FLAGS: [&str; 8] = [
    "no-cache", "no-store", "private", "public", "must-revalidate", "proxy-revalidate",
    "must-understand", "immutable",
];

/// Directives with the values of [`SPANS`] and [`FLAGS`], by index.
fn directives(
    lifetime: impl Fn(usize) -> Option<Seconds>,
    flag: impl Fn(usize) -> bool,
) -> ResponseDirectives {
    ResponseDirectives {
        max_age: lifetime(0),
        s_maxage: lifetime(1),
        stale_while_revalidate: lifetime(2),
        stale_if_error: lifetime(3),
        no_cache: flag(0),
        no_store: flag(1),
        private: flag(2),
        public: flag(3),
        must_revalidate: flag(4),
        proxy_revalidate: flag(5),
        must_understand: flag(6),
        immutable: flag(7),
    }
}

fn cache_control() -> impl Strategy<Value = String> {
    prop::collection::vec(select(DIRECTIVES), 0..5).prop_map(|directives| directives.join(", "))
}

fn response() -> impl Strategy<Value = Vec<String>> {
    let cache_control = prop::collection::vec(cache_control(), 0..2);
    (cache_control, prop::collection::vec(select(LINES), 0..5)).prop_map(|(directives, others)| {
        let directives = directives.iter().map(|text| format!("cache-control: {text}"));
        directives.chain(others.iter().map(|&line| line.to_owned())).collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let method = select(&["GET", "GET", "GET", "GET", "HEAD", "POST"][..]);
    let request = prop::collection::vec(select(REQUESTS), 0..3);
    (method, request, select(STATUSES), response())
        .prop_map(|(method, request, status, response)| Case { method, request, status, response })
}

proptest! {
    #![proptest_config(config())]

    /// V15: a later verdict is never milder, and every window is within the life.
    #[test]
    fn age_only_restricts(case in case(), mut ages in prop::collection::vec(0..4_000_000_u64, 8)) {
        let Ok(timing) = case.ours(&POLICY, &case.headers()) else {
            return Ok(());
        };
        ages.sort_unstable();
        let verdicts: Vec<_> = ages.iter().map(|age| timing.judge(NOW.plus(*age))).collect();
        prop_assert!(verdicts.is_sorted(), "{timing:?} {ages:?} {verdicts:?}");
        for failure in [Failure::ServerError, Failure::Lost] {
            let bridged = ages.iter().map(|age| !timing.bridges(failure, NOW.plus(*age)));
            prop_assert!(bridged.is_sorted(), "{timing:?} {ages:?}");
        }
        let kept_to = NOW.plus(timing.keep_secs().millis());
        prop_assert_eq!(timing.judge(kept_to), Freshness::Miss);
        prop_assert_ne!(timing.judge(NOW), Freshness::Miss);
    }

    /// V15: one more restriction never makes a verdict milder.
    #[test]
    fn tightening_never_lengthens(
        directives in cache_control(),
        others in prop::collection::vec(select(LINES), 0..4),
        tighter in select(&[
            "max-age=0", "max-age=1", "max-age=x", "s-maxage=0", "no-cache", "no-store", "private",
            "must-revalidate", "proxy-revalidate", "stale-while-revalidate=0", "stale-if-error=0",
            "no-store;x",
        ][..]),
        age_ms in 0..4_000_000_u64,
    ) {
        // To take the place of `no-store` is to loosen.
        let directives = directives.replace("must-understand", "foo");
        let verdict = |directives: &str| {
            let line = format!("cache-control: max-age=3600, {directives}");
            let mut lines = vec![line.as_str()];
            lines.extend(&others);
            let case = Case::get(&lines);
            let timing = case.ours(&POLICY, &case.headers());
            timing.map_or(Freshness::Miss, |timing| timing.judge(NOW.plus(age_ms)))
        };
        let (before, after) = (verdict(&directives), verdict(&format!("{directives}, {tighter}")));
        prop_assert!(before <= after, "{before:?} {after:?}");
    }

    /// V16: whatever is sent, and however often it is freshened, nothing is used at the cap.
    #[test]
    fn nothing_outlives_the_cap(
        first in case(),
        updates in prop::collection::vec(response(), 0..4),
        cap_secs in 0..=CAP_SECS_MAX,
        age_ms in 0..4_000_000_u64,
    ) {
        let policy = Policy { cap_ms: DeltaSeconds(cap_secs).millis(), ..POLICY };
        let mut headers = end_to_end(&first.headers());
        let mut sent = first.clone();
        for update in updates.into_iter().map(Some).chain([None]) {
            if let Ok(timing) = first.ours(&policy, &headers) {
                // When it was generated, according to the last message.
                let sent = sent.headers();
                let aged = sent.value("age").and_then(DeltaSeconds::parse);
                let date = sent.value("date").and_then(|at| date::parse(at, NOW.seconds()));
                let dated = date.map_or(0, |at| NOW.seconds().since(at));
                let since_ms = aged.unwrap_or_default().seconds().max(dated) * 1_000 + age_ms;
                let verdict = timing.judge(NOW.plus(age_ms));
                prop_assert!(verdict == Freshness::Miss || since_ms < policy.cap_ms, "{timing:?}");
            }
            if let Some(response) = update {
                sent = Case { response, ..first.clone() };
                headers = merge_304(&headers, &sent.headers());
            }
        }
    }

    /// V17: what must not be stored is not, whatever else is said.
    #[test]
    fn what_must_not_be_stored_is_not(case in case()) {
        let headers = case.headers();
        let stored = case.ours(&POLICY, &headers).is_ok();
        let is_targeted = !case.values("cdn-cache-control").is_empty();
        let said = case.says();
        let has = |name: &str| case.has(name);
        let is_explicit = said.max_age.is_some() || said.s_maxage.is_some() || has("expires");
        let is_shared = said.public || said.must_revalidate || said.s_maxage.is_some();
        let rows = [
            ("no-store", !is_targeted && said.no_store && !said.must_understand),
            ("private", !is_targeted && said.private),
            ("set-cookie", has("set-cookie")),
            ("vary", case.values("vary").join(",").contains('*')),
            ("206, 304", matches!(case.status, 206 | 304)),
            ("5xx without leave", !is_targeted && case.status >= 500 && !is_explicit && !said.public),
            ("authorization", !is_targeted && case.asks("authorization") && !is_shared),
            ("request no-store", case.asks_to("no-store")),
            ("surrogate", has("surrogate-control")),
            ("HEAD", case.method == "HEAD"),
        ];
        for (why, is_forbidden) in rows {
            prop_assert!(!(stored && is_forbidden), "{why}");
        }
    }

    /// V17: every disagreement with the other implementation is one of [`DISAGREEMENTS`].
    #[test]
    fn disagreements_are_explained(case in case(), secs in select(&[0_u64, 1, 59, 60, 3_599][..])) {
        let (ours, theirs) = (case.is_fresh_for_us(secs), case.is_fresh_for_them(secs));
        let explained = DISAGREEMENTS.iter().any(|row| row.is_ours == ours && (row.holds)(&case));
        prop_assert!(ours == theirs || explained, "ours {ours}, theirs {theirs}, at {secs}");
    }

    #[test]
    fn any_text_is_directives(text in any::<String>(), list in cache_control()) {
        for text in [&text, &list] {
            let _ = RequestDirectives::parse(text);
            // Nothing, not even a quote that does not end, hides what restricts.
            let after = ResponseDirectives::parse(&format!("{text}, no-store, max-age=x"));
            let lifetime = after.max_age.map(Seconds::counted);
            prop_assert!(after.no_store && lifetime == Some(DeltaSeconds(0)));
            let before = ResponseDirectives::parse(&format!("private, {text}"));
            prop_assert!(before.private);
        }
    }

    #[test]
    fn directives_are_read_as_written(
        lifetimes in prop::collection::vec((0..4_usize, any::<u32>()), 0..6),
        flags in prop::collection::vec(0..8_usize, 0..6),
        spaces in select(&["", " ", "\t", "  "][..]),
        is_upper in any::<bool>(),
    ) {
        let spans = lifetimes.iter().map(|(at, secs)| format!("{}={secs}", SPANS[*at]));
        let named = flags.iter().map(|at| FLAGS[*at].to_owned());
        let mut text = spans.chain(named).collect::<Vec<_>>().join(&format!("{spaces},{spaces}"));
        if is_upper {
            text.make_ascii_uppercase();
        }
        let said = ResponseDirectives::parse(&text);
        let shortest = |at: usize| {
            let secs = lifetimes.iter().filter(|span| span.0 == at).map(|span| span.1).min()?;
            Some(Seconds::Valid(DeltaSeconds::saturating_from(secs.into())))
        };
        let expected = directives(shortest, |at| flags.contains(&at));
        prop_assert_eq!(said, expected, "{}", text);
    }

    #[test]
    fn targeted_directives_are_read_as_written(
        members in prop::collection::vec((0..14_usize, 0..9_usize, any::<i32>()), 0..6),
        other in "[a-z*][a-z0-9_.*-]{0,8}",
        spaces in select(&["", " ", "\t "][..]),
    ) {
        let names = SPANS.iter().chain(&FLAGS).chain(["other", "*"].iter());
        let names: Vec<String> = names.map(|name| name.replace("other", &other)).collect();
        let write = |(name, form, number): &(usize, usize, i32)| {
            let key = &names[*name];
            match form {
                0 => format!("{key}={number}"),
                1 => key.clone(),
                2 => format!("{key}=?0;a={number}"),
                3 => format!("{key}=\"{number}, \\\"\""),
                4 => format!("{key}=({number} \"a\";b);c"),
                5 => format!("{key}={number}.5"),
                6 => format!("{key}=:YQ==:"),
                7 => format!("{key}=t/{number}"),
                _ => format!("{key};a;b=c"),
            }
        };
        let text = members.iter().map(write).collect::<Vec<_>>().join(&format!("{spaces},{spaces}"));
        let last = |at: usize| members.iter().rfind(|member| names[member.0] == names[at]);
        let lifetime = |at| last(at).map(|(_, form, number)| match u64::try_from(*number) {
            Ok(seconds) if *form == 0 => Seconds::Valid(DeltaSeconds::saturating_from(seconds)),
            _ => Seconds::Invalid,
        });
        let flag = |at| last(SPANS.len() + at).is_some_and(|(_, form, _)| *form != 2);
        let expected = (!members.is_empty()).then(|| directives(lifetime, flag));
        prop_assert_eq!(targeted::parse(&text).unwrap(), expected, "{}", text);
        for more in [", &", ","] {
            let text = format!("{text}{more}");
            prop_assert!(targeted::parse(&text).is_err());
        }
    }

    #[test]
    fn any_text_is_a_targeted_header_or_an_error(
        text in any::<String>(),
        pieces in "[a*=?01:;\"\\\\(), .-]{0,12}",
    ) {
        for text in [&text, &pieces] {
            if let Ok(said) = targeted::parse(text) {
                prop_assert!(text.is_ascii());
                let again = format!("{},\t{}", text.trim_matches(' '), text.trim_matches(' '));
                prop_assert!(targeted::parse(&again).is_ok_and(|again| again == said) || said.is_none(), "{text:?}");
            }
        }
    }

    #[test]
    fn any_text_is_a_vary(text in any::<String>(), list in "[aB*, ]{0,12}") {
        for text in [&text, &list] {
            match Vary::parse(text) {
                Vary::Any => prop_assert_eq!(Vary::parse(&format!("a, {text}")), Vary::Any),
                Vary::Names(names) => {
                    prop_assert!(!text.contains('*') || names.iter().any(|name| name.len() > 1));
                    prop_assert!(names.len() <= VARY_NAMES_MAX && names.is_sorted());
                    prop_assert_eq!(Vary::parse(&names.join(" ,")), Vary::Names(names));
                }
            }
        }
    }

    /// Values that select are one text for each meaning, whatever stands in them.
    #[test]
    fn selecting_values_have_one_form(
        value in any::<String>(),
        one in "[a,\" \\\\\n=]{0,8}",
        other in "[a,\" \\\\\n=]{0,8}",
    ) {
        let names = ["a", "b"].map(str::to_owned);
        let of = |a: &str, b: Option<&str>| selecting(&names, &|name| match name {
            "a" => Some(a.to_owned()),
            _ => b.map(str::to_owned),
        });
        for value in [&value, &one] {
            let form = of(value, Some(value));
            prop_assert_eq!(form.lines().count(), 2, "{:?}", form);
            let again = form.lines().next().and_then(|line| line.strip_prefix("a=")).unwrap();
            prop_assert_eq!(of(again, Some(again)), form);
            prop_assert_ne!(of(value, Some(value)), of(value, None));
        }
        // Two values of a pair never pass for those of another pair.
        let is_one = of(&one, None) == of(&other, None);
        prop_assert_eq!(of(&one, Some(&other)) == of(&other, Some(&one)), is_one);
    }
}
