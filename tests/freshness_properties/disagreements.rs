//! The points on which this cache and `http-cache-semantics` differ, each with its reason.

use super::*;

/// Where the other implementation judges otherwise.
pub struct Disagreement {
    pub why: &'static str,
    /// Whether the response is fresh for us, and so not for them.
    pub is_ours: bool,
    /// A case of the kind, judged three seconds later: method, status, request and response.
    pub example: (&'static str, u16, Lines, Lines),
    /// Whether a case may be of the kind.
    pub holds: fn(&Case) -> bool,
}

type Lines = &'static [&'static str];

/// A response that is fresh for us and not for them.
const fn ours(why: &'static str, response: Lines, holds: fn(&Case) -> bool) -> Disagreement {
    Disagreement { why, is_ours: true, example: ("GET", 200, &[], response), holds }
}

/// A response that is fresh for them and not for us.
const fn theirs(why: &'static str, response: Lines, holds: fn(&Case) -> bool) -> Disagreement {
    Disagreement { is_ours: false, ..ours(why, response, holds) }
}

impl Disagreement {
    const fn method(mut self, method: &'static str) -> Self {
        self.example.0 = method;
        self
    }

    const fn status(mut self, status: u16) -> Self {
        self.example.1 = status;
        self
    }

    const fn request(mut self, request: Lines) -> Self {
        self.example.2 = request;
        self
    }

    fn example(&self) -> Case {
        let (method, status, request, response) = self.example;
        Case { method, status, request: request.to_vec(), ..Case::get(response) }
    }
}

#[rustfmt::skip]
pub const DISAGREEMENTS: &[Disagreement] = &[
    theirs("a Date in the past is an age (RFC 9111 section 4.2.3); they count Age alone",
        &["cache-control: max-age=3600", "date: @-7200"],
        |case| {
            let date = case.values("date").first().map(|at| date::parse(at, NOW.seconds()));
            date.flatten().is_some_and(|date| date < NOW.seconds())
        }),
    theirs("the first of several ages counts (RFC 9111 section 5.1); they ignore them all",
        &["cache-control: max-age=3600", "age: 7200, 0"],
        |case| case.any("age", |age| age.contains(','))),
    theirs("a huge age is 2^31 (RFC 9111 section 1.2.2); they ignore what u64 does not hold",
        &["cache-control: max-age=60", "age: 99999999999999999999999"],
        |case| case.any("age", |age| age.len() > 20)),
    theirs("responses to HEAD are not stored; they store the headers",
        &["cache-control: max-age=60"], |case| case.method == "HEAD").method("HEAD"),
    theirs("a POST is reused with its own Content-Location alone (RFC 9110 section 9.3.3)",
        &["cache-control: max-age=60"], |case| case.method == "POST").method("POST"),
    theirs("a cookie is for one client; they store it with `public` or `immutable`",
        &["cache-control: public, max-age=60", "set-cookie: a=b"], |case| case.has("set-cookie")),
    theirs("`immutable` is no lifetime (RFC 8246 section 2); they take it for a day",
        &["cache-control: immutable"], |case| case.says_in_pieces("immutable")),
    theirs("a Vary with an invalid name is never matched; they ignore such a name",
        &["cache-control: max-age=60", "vary: a b"],
        |case| case.any("vary", |name| name.contains("a b"))),
    theirs("Surrogate-Control: no-store is obsolete, but costs nothing to obey",
        &["cache-control: max-age=60", "surrogate-control: no-store"],
        |case| case.has("surrogate-control")),
    theirs("a redirect to another host is not stored: one client may have caused it",
        &["cache-control: max-age=60", "location: https://evil.test/"],
        |case| (300..400).contains(&case.status) && case.has("location")).status(302),
    theirs("a targeted header governs alone (RFC 9213 section 2.2); they do not know it",
        &["cache-control: max-age=60", "cdn-cache-control: max-age=0"],
        |case| case.has("cdn-cache-control")),
    theirs("names of directives are compared without case (RFC 9111 section 5.2)",
        &["cache-control: max-age=60, No-Store"],
        |case| case.pieces().iter().any(|piece| piece.0 != piece.0.to_lowercase())),
    theirs("seconds are digits alone (RFC 9111 section 1.2.2); they strip quotes, spaces, a plus",
        &["cache-control: max-age=\"60\""],
        |case| case.any_value(|value| value.starts_with(['"', ' ', '+']))),
    theirs("a lifetime without a value is invalid; they look for another one",
        &["cache-control: s-maxage, max-age=60"],
        |case| {
            let has_bare = |name: &str| case.pieces().contains(&(name.to_owned(), None));
            has_bare("max-age") || has_bare("s-maxage")
        }),
    theirs("of lifetimes that differ the shortest counts; they take the first",
        &["cache-control: max-age=60, max-age=0"],
        |case| {
            let pieces = case.pieces();
            let differs = |(name, value): &(String, Option<String>)| {
                pieces.iter().any(|other| other.0 == *name && other.1 != *value)
            };
            pieces.iter().any(differs)
        }),
    theirs("after a quote that does not end, directives only restrict",
        &["cache-control: extension=\", max-age=60"],
        |case| case.pieces().contains(&("extension".to_owned(), Some("\"".to_owned())))),
    theirs("a directive that restricts counts although something follows it",
        &["cache-control: max-age=60, no-store;x"], |case| case.says_in_pieces("no-store;x")),
    theirs("dates have no numeric zone (RFC 9110 section 5.6.7); they read dates of mail",
        &["expires: Sun, 06 Nov 2044 08:49:37 +0000"],
        |case| case.any("expires", |at| at.ends_with("+0000"))),
    theirs("a date on two lines is invalid; they read the first",
        &["expires: @60", "expires: @3600"],
        |case| ["date", "expires", "last-modified"].iter().any(|name| case.is_repeated(name))),
    theirs("requests can't ask for stale responses; those only bridge failures",
        &["cache-control: max-age=0", "etag: \"a\""],
        |case| case.asks_to("max-stale")).request(&["cache-control: max-stale"]),
    ours("requests can't force a validation (RFC 9111 section 5.2.1)",
        &["cache-control: max-age=60"],
        |case| case.asks("cache-control") || case.asks("pragma")).request(&["cache-control: no-cache"]),
    ours("Pragma means nothing in a response (RFC 9111 section 5.4)",
        &["expires: @60", "pragma: no-cache"], |case| case.has("pragma")),
    ours("any final status with a lifetime is stored (RFC 9111 section 3); they have a list",
        &["cache-control: max-age=60"],
        |case| matches!(case.status, 201 | 299 | 403 | 500 | 503 | 599)).status(503),
    ours("`proxy-revalidate` forbids stale use alone (RFC 9111 section 5.2.2.8)",
        &["cache-control: max-age=60, proxy-revalidate"],
        |case| case.says_in_pieces("proxy-revalidate")),
    ours("more seconds than u64 holds are 2^31 (RFC 9111 section 1.2.2); for them, none",
        &["cache-control: max-age=99999999999999999999999"],
        |case| case.any_value(|value| value.len() > 20)),
    ours("`must-understand` takes the place of `no-store` (RFC 9111 section 5.2.2.3)",
        &["cache-control: max-age=60, no-store, must-understand"],
        |case| case.says_in_pieces("must-understand")),
    ours("quoted text is no directive (RFC 9110 section 5.6.4)",
        &["cache-control: max-age=60, extension=\"x, no-store, y\""],
        |case| case.says_in_pieces("no-store") && !case.says().no_store),
    ours("names of directives are compared without case (RFC 9111 section 5.2)",
        &["cache-control: Max-Age=60"],
        |case| case.pieces().iter().any(|piece| piece.0 != piece.0.to_lowercase())),
    ours("a targeted header governs alone (RFC 9213 section 2.2); they do not know it",
        &["cache-control: no-store", "cdn-cache-control: max-age=60"],
        |case| case.has("cdn-cache-control")),
    ours("dates have three forms (RFC 9110 section 5.6.7); they read one",
        &["expires: Sunday, 06-Nov-44 08:49:37 GMT"],
        |case| case.any("expires", |at| at.starts_with("Sunday"))),
    ours("a Date on two lines is ignored: the response is as old as its receipt",
        &["date: @7200", "date: @0", "expires: @60"], |case| case.is_repeated("date")),
];

#[test]
fn each_disagreement_is_there() {
    for row in DISAGREEMENTS {
        let case = row.example();
        let fresh = (case.is_fresh_for_us(3), case.is_fresh_for_them(3));
        assert_eq!(fresh, (row.is_ours, !row.is_ours), "{}", row.why);
        assert!((row.holds)(&case), "{}", row.why);
    }
}
