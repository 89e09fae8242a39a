//! Limits of rules, and the headers and redirects that they produce.

use super::*;
use crate::site::codec;

fn set(name: &str, value: &str) -> HeaderOp {
    HeaderOp::Set(name.to_owned(), value.to_owned())
}

fn append(name: &str, value: &str) -> HeaderOp {
    HeaderOp::Append(name.to_owned(), value.to_owned())
}

fn unset(name: &str) -> HeaderOp {
    HeaderOp::Unset(name.to_owned())
}

/// Rules, and the headers that they result in.
type Row<'r> = (&'r [&'r str], &'r [(&'r str, &'r str)]);

/// Parses `file /* x-a=1 -x-b +x-c=2`: a rule that sets, unsets and appends.
fn rule(text: &str) -> HeaderRule {
    let mut words = text.split(' ');
    let language = match words.next() {
        Some("file") => Language::Rules,
        _ => Language::Selector,
    };
    let op = |word: &str| match (word.strip_prefix('-'), word.split_once('=')) {
        (None, Some((name, value))) => match name.strip_prefix('+') {
            Some(name) => append(name, value),
            None => set(name, &value.replace('_', " ")),
        },
        (name, _) => unset(name.unwrap()),
    };
    HeaderRule::parse(words.next().unwrap(), language, words.map(op).collect()).unwrap()
}

/// Applies the rules to `/docs/a`, served from `/docs/a.html`, with `x-a: policy`.
#[track_caller]
fn check(rules: &[&str], noindex_stage: bool, expected: &[(&str, &str)]) {
    let parsed = HeaderRules::new(rules.iter().map(|text| rule(text)).collect()).unwrap();
    let mut headers = Headers::new();
    headers.set("x-a", "policy");
    parsed.apply("h", "/docs/a", Some("/docs/a.html"), noindex_stage, &mut headers);
    assert_eq!(headers.iter().collect::<Vec<_>>(), expected, "{rules:?}");
    let text = codec::encode(&parsed);
    assert_eq!(codec::decode::<HeaderRules>(text.as_bytes()).unwrap(), parsed, "{rules:?}");
}

#[test]
fn header_rules_apply_in_order() {
    const POLICY: (&str, &str) = ("x-a", "policy");
    let rows: [Row; 13] = [
        (&["file /b x-a=1"], &[POLICY]),
        (&["file /* x-a=1"], &[("x-a", "1")]),
        (&["file /* x-a=1", "file /docs/* x-a=2"], &[("x-a", "1, 2")]),
        (&["selector /* x-a=1", "selector /docs/* x-a=2"], &[("x-a", "2")]),
        (&["selector /* x-a=1", "selector /docs/* +x-a=2"], &[("x-a", "1, 2")]),
        (&["file /* x-a=1", "selector /* x-a=2"], &[("x-a", "2")]),
        (&["file /* -x-a"], &[]),
        (&["file /* x-a=1", "file /* -x-a x-a=2"], &[("x-a", "2")]),
        // Captures are encoded; those of selectors have no names.
        (&["file /:dir/* x-b=:dir_:splat_:other"], &[POLICY, ("x-b", "docs a :other")]),
        (&["selector /docs/* x-b=:splat"], &[POLICY, ("x-b", ":splat")]),
        // Selectors match the file too.
        (&["selector *.html x-b=1"], &[POLICY, ("x-b", "1")]),
        (&["file /*.html x-b=1"], &[POLICY]),
        (&["file /* x-robots-tag=all"], &[POLICY, ("x-robots-tag", "all")]),
    ];
    for (rules, expected) in rows {
        check(rules, false, expected);
    }
    check(&["file /* x-robots-tag=all -x-robots-tag"], true, &[POLICY]);
}

#[test]
fn bytes_added_are_bounded() {
    let value = "v".repeat(1_024);
    let rule = HeaderRule::parse("/*", Language::Selector, vec![append("x-b", &value)]).unwrap();
    let rules = HeaderRules::new(vec![rule; HEADER_RULES_MAX]).unwrap();
    let mut headers = Headers::new();
    rules.apply("h", "/", None, false, &mut headers);
    let values = headers.value("x-b").unwrap().split(", ").count();
    assert_eq!(values, HEADER_BYTES_ADDED_MAX / 1_024);
}

fn redirects(rules: &[(&str, &str, u16)]) -> Redirects {
    let parse = |(from, to, status): &(&str, &str, u16)| RedirectRule::parse(from, to, *status);
    Redirects::new(rules.iter().map(|rule| parse(rule).unwrap()).collect()).unwrap()
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rows = [
        ("exact before pattern", vec![("/a", "/1", 301), ("/*", "/2", 302)], Some("/1")),
        ("pattern before exact", vec![("/*", "/1", 301), ("/a", "/2", 302)], Some("/1")),
        ("exact twice", vec![("/a", "/1", 301), ("/a", "/2", 302)], Some("/1")),
        ("host first", vec![("https://h/a", "/1", 301), ("/a", "/2", 302)], Some("/1")),
        ("another host", vec![("https://i/a", "/1", 301), ("/a", "/2", 302)], Some("/2")),
        (
            "pattern of another host",
            vec![("https://i/*", "/1", 301), ("/a", "/2", 302)],
            Some("/2"),
        ),
        ("none", vec![("/b", "/1", 301)], None),
    ];
    for (name, rules, expected) in rows {
        let location = redirects(&rules).resolve("h", "/a", None).map(|outcome| match outcome {
            RedirectOutcome::Location { location, .. } => location,
            RedirectOutcome::Rewrite { path } => path,
        });
        assert_eq!(location.as_deref(), expected, "{name}");
    }
}

#[test]
fn counts_are_bounded() {
    let exact = |count| vec![RedirectRule::parse("/a", "/b", 301).unwrap(); count];
    let pattern = |count| vec![RedirectRule::parse("/*", "/b", 301).unwrap(); count];
    assert!(Redirects::new(exact(REDIRECTS_STATIC_MAX)).is_ok());
    assert!(Redirects::new(exact(REDIRECTS_STATIC_MAX + 1)).is_err());
    assert!(Redirects::new(pattern(REDIRECTS_PATTERN_MAX)).is_ok());
    assert!(Redirects::new(pattern(REDIRECTS_PATTERN_MAX + 1)).is_err());
    let rule = |ops| HeaderRule::parse("/*", Language::Selector, vec![set("x-a", "1"); ops]);
    assert!(rule(HEADER_OPS_MAX).is_ok());
    assert!(rule(HEADER_OPS_MAX + 1).is_err());
    let rules = |count| HeaderRules::new(vec![rule(1).unwrap(); count]);
    assert!(rules(HEADER_RULES_MAX).is_ok());
    assert!(rules(HEADER_RULES_MAX + 1).is_err());
}

#[test]
fn uploaded_rules_are_checked() {
    let redirects = [
        r#"[["/a","//evil",302]]"#,
        r#"[["/a","/b\r\nx: y",302]]"#,
        r#"[["/a","/b",304]]"#,
        r#"[["a","/b",302]]"#,
        r#"[["/a","/b"]]"#,
        "{}",
    ];
    for text in redirects {
        assert!(codec::decode::<Redirects>(text.as_bytes()).is_err(), "{text}");
    }
    let set = [
        r#"{"set":["content-length","1"]}"#,
        r#"{"set":["content-type","text/html"]}"#,
        r#"{"set":["X-A","1"]}"#,
        r#"{"set":["x a","1"]}"#,
        r#"{"set":["x-a","1\r\n"]}"#,
        r#"{"append":["x-a","☃"]}"#,
        r#"{"unset":"vary"}"#,
    ];
    let headers = set.map(|op| format!(r#"[{{"for":"/*","origin":"selector","ops":[{op}]}}]"#));
    let others = [
        r#"[{"for":"a","origin":"selector","ops":[]}]"#,
        r#"[{"for":"/*","origin":"other","ops":[]}]"#,
    ];
    for text in headers.iter().map(String::as_str).chain(others) {
        assert!(codec::decode::<HeaderRules>(text.as_bytes()).is_err(), "{text}");
    }
}
