//! Properties of rules: they match like regular expressions, in linear time; parsers are total; an
//! accepted rule never yields a header that a runtime rejects.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;

use selvedge::publish::config::{app_config, selvedge_toml};
use selvedge::publish::lint::html;
use selvedge::site::codec::{decode, encode};
use selvedge::site::rules::header_op::HeaderOp;
use selvedge::site::rules::matching::CAPTURES_MAX;
use selvedge::site::rules::pattern::{Language, Pattern};
use selvedge::site::rules::template::LOCATION_BYTES_MAX;
use selvedge::site::rules::{HeaderRule, HeaderRules, RedirectOutcome, Redirects};
use selvedge::site::source::{headers_file, redirects_file};
use selvedge::wire::headers::Headers;
use selvedge::wire::path::RequestPath;

/// A backtracking matcher: `*` is `.*`, `:a` is `[^/]+`, earlier ones greedy. Slow and obvious.
fn naive(pattern: &[&str], text: &str, captures: &mut Vec<String>) -> bool {
    let Some((token, rest)) = pattern.split_first() else { return text.is_empty() };
    if *token != "*" && !token.starts_with(':') {
        return text.strip_prefix(token).is_some_and(|text| naive(rest, text, captures));
    }
    let room = if *token == "*" { text.len() } else { text.find('/').unwrap_or(text.len()) };
    let least = usize::from(*token != "*");
    for length in (least..=room).rev().filter(|length| text.is_char_boundary(*length)) {
        captures.push(text[..length].to_owned());
        if naive(rest, &text[length..], captures) {
            return true;
        }
        captures.pop();
    }
    false
}

fn words(alphabet: &[&'static str], length_max: usize) -> Vec<Vec<&'static str>> {
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..length_max {
        let longer = |word: &Vec<&'static str>| {
            let word = word.clone();
            alphabet.iter().map(move |letter| [word.clone(), vec![*letter]].concat())
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn patterns_match_like_a_greedy_regular_expression() {
    let paths: Vec<String> =
        words(&["a", "b", "/"], 7).iter().map(|word| format!("/{}", word.concat())).collect();
    let mut compared = 0_u64;
    for tokens in words(&["a", "b", "/", "*", ":x", ":y"], 5) {
        let tokens = [vec!["/"], tokens].concat();
        // A name runs on into a letter that follows it; real patterns have something between.
        if tokens.windows(2).any(|two| two[0].starts_with(':') && two[1].starts_with(['a', 'b'])) {
            continue;
        }
        let Ok(pattern) = Pattern::parse(&tokens.concat(), Language::Rules) else { continue };
        // Every fifth pattern is enough of an oracle for every run.
        if tokens.len() == 6 && !compared.is_multiple_of(5) {
            compared += 1;
            continue;
        }
        for path in &paths {
            compared += 1;
            let mut expected = Vec::new();
            let matches = naive(&tokens, path, &mut expected);
            let found = pattern.matches("x", path);
            assert_eq!(found.is_some(), matches, "{} {path}", pattern.as_str());
            for (slot, value) in expected.iter().enumerate().filter(|_| matches) {
                let captured = found.as_ref().map(|found| found.value(slot));
                assert_eq!(captured, Some(&**value), "{} {path}", pattern.as_str());
            }
        }
    }
    assert!(compared > 100_000, "{compared}");
}

#[test]
fn matching_is_linear() {
    // Many captures and a near miss at the end: a backtracking matcher would try for years, and
    // this test would not end.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"];
    let captures: String = names.iter().map(|name| format!(":{name}-")).collect();
    assert!(names.len() < CAPTURES_MAX);
    for text in [format!("/{captures}*x"), format!("/*{captures}x"), format!("/{captures}x")] {
        let pattern = Pattern::parse(&text, Language::Rules).unwrap();
        let path = format!("/{}", "a-".repeat(1_000));
        for _ in 0..1_000 {
            assert!(pattern.matches("x", &path).is_none(), "{text}");
        }
    }
}

#[test]
fn twenty_thousand_exact_redirects() {
    // They are looked up: 800 million attempts would be noticed here.
    let text: String = (0..20_000).map(|n| format!("/from/{n} /to/{n} 301\n")).collect();
    let redirects_file::RedirectsFile { rules, diagnostics, .. } =
        redirects_file::parse("_redirects", &text);
    assert!(diagnostics.is_empty());
    let rules = Redirects::new(rules.into_iter().map(|located| located.rule).collect()).unwrap();
    for number in 0..20_000 {
        let path = format!("/from/{number}");
        let location = format!("/to/{number}");
        let expected = RedirectOutcome::Location { status: 301, location };
        assert_eq!(rules.resolve("x", &path, None), Some(expected));
        assert_eq!(rules.resolve("x", "/elsewhere", None), None);
    }
}

fn sendable(value: &str) -> bool {
    value.chars().all(|next| matches!(next, '\t' | ' '..='~' | '\u{a0}'..='\u{ff}'))
        && http::HeaderValue::from_str(value).is_ok()
}

fn check_location(location: &str, written: &str) -> Result<(), TestCaseError> {
    prop_assert!(location.len() <= LOCATION_BYTES_MAX);
    prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    match location.strip_prefix("https://") {
        Some(rest) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or("");
            prop_assert!(written.contains(&format!("https://{host}")), "{location} of {written}");
        }
        None => {
            prop_assert!(location.starts_with('/'), "{location}");
            prop_assert!(!location.starts_with("//") && !location.starts_with("/\\"));
        }
    }
    let base = url::Url::parse("https://site.example/x").unwrap();
    prop_assert!(base.join(location).is_ok(), "{location}");
    Ok(())
}

fn piece() -> impl Strategy<Value = String> {
    let fixed = "/ * :splat :id :identity %2F %0d%0a \\ .. https:// evil.example ?q= #f @";
    let fixed: Vec<&str> = fixed.split(' ').collect();
    prop_oneof![
        14 => prop::sample::select(fixed).prop_map(str::to_owned),
        1 => "[a-z]{1,3}",
        1 => "\\PC{1,2}",
    ]
}

fn path_text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..6).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn target_text() -> impl Strategy<Value = String> {
    prop_oneof![
        path_text(),
        prop::collection::vec(piece(), 1..6).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(piece(), 0..5)
            .prop_map(|pieces| format!("https://host.example{}", pieces.concat())),
    ]
}

fn request_path() -> impl Strategy<Value = String> {
    let segment = prop_oneof!["[a-z.]{1,4}", "\\PC{1,3}", Just("%E9%80%99".to_owned())];
    prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_parser_panic(text in "(?s).{0,200}", lines in prop::collection::vec("[ -~]{0,40}", 0..6)) {
        let lines = lines.join("\n");
        for text in [&text, &lines] {
            let _ = headers_file::parse("_headers", text);
            let _ = redirects_file::parse("_redirects", text);
            let _ = selvedge_toml::parse("selvedge.toml", text);
            let _ = app_config::parse("app.config.yaml", text);
            for tag in html::tags(text) {
                let _ = tag.attribute("href").and_then(|href| html::link_path("/a/b.html", href));
            }
            let _ = Pattern::parse(text, Language::Rules);
            let _ = Pattern::parse(text, Language::Selector);
            let _ = decode::<Redirects>(text.as_bytes());
            let _ = decode::<HeaderRules>(text.as_bytes());
        }
    }

    #[test]
    fn accepted_redirects_stay_on_hosts_that_the_site_wrote(
        from in path_text(),
        to in target_text(),
        status in prop::sample::select(vec![200_u16, 301, 302, 307]),
        path in request_path(),
        query in prop::option::of("\\PC{0,20}"),
    ) {
        let rules = redirects_file::parse("_redirects", &format!("{from} {to} {status}")).rules;
        let redirects = Redirects::new(rules.into_iter().map(|located| located.rule).collect());
        let redirects = redirects.unwrap();
        let json = encode(&redirects);
        prop_assert_eq!(&decode::<Redirects>(json.as_bytes()).unwrap(), &redirects);
        let Ok(path) = RequestPath::parse(&path) else { return Ok(()) };
        // The pattern's own example too: a random path rarely matches.
        let example = redirects.rules().first().map(|rule| rule.from().example_path());
        for path in [Some(path.decoded().to_owned()), example].into_iter().flatten() {
            match redirects.resolve("site.example", &path, query.as_deref()) {
                Some(RedirectOutcome::Location { location, .. }) => check_location(&location, &to)?,
                Some(RedirectOutcome::Rewrite { path }) => {
                    prop_assert!(path.starts_with('/') && !path.contains("//"), "{}", path);
                    prop_assert!(!path.contains(|next: char| next == '\\' || next.is_control()));
                }
                None => {}
            }
        }
    }

    #[test]
    fn accepted_headers_are_sendable(
        pattern in path_text(),
        name in "[A-Za-z:!-]{1,12}",
        value in prop_oneof!["\\PC{0,30}", "[ -~]{0,30}", Just(":splat:id".to_owned())],
        path in request_path(),
    ) {
        let text = format!("{pattern}\n  {name}: {value}\n  X-Path: a:splat :id\n/*\n {name}: :splat\n");
        let rules = headers_file::parse("_headers", &text).0.rules;
        let op = HeaderOp::Append(name.to_ascii_lowercase(), value);
        let selector = HeaderRule::parse(&pattern, Language::Selector, vec![op]);
        let rules = rules.into_iter().map(|located| located.rule).chain(selector).collect();
        let rules = HeaderRules::new(rules).unwrap();
        let json = encode(&rules);
        prop_assert_eq!(&decode::<HeaderRules>(json.as_bytes()).unwrap(), &rules);
        let Ok(path) = RequestPath::parse(&path) else { return Ok(()) };
        let mut headers = Headers::new();
        rules.apply("site.example", path.decoded(), None, false, &mut headers);
        for (name, value) in headers.iter() {
            prop_assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok(), "{}", name);
            prop_assert!(sendable(value), "{}: {:?}", name, value);
        }
    }
}
