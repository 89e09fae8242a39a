//! Media types of files: by extension, and by `Content-Type` in header rules.
//!
//! A header rule may not make a file riskier, such as `text/html` for a file that would be
//! downloaded: that takes a line in `[types]`. This prevents accidents, not abuse.

use crate::publish::config::settings::PublishSettings;
use crate::publish::failure::Problem;
use crate::publish::scan::ScannedFile;
use crate::publish::text::first_names;
use crate::site::source::diagnostic::Located;
use crate::site::source::type_rule::TypeRule;
use crate::wire::media_type::{self, risk};
use crate::wire::path::file_extension;

pub fn by_extension(path: &str, settings: &PublishSettings) -> String {
    let extension = file_extension(path).map(str::to_ascii_lowercase);
    let own = extension.and_then(|extension| settings.types.get(&extension));
    own.map_or(media_type::of_path(path), String::as_str).to_owned()
}

/// Applies header rules, later ones over earlier ones. Returns a warning for each rule that is
/// ignored, for all files or for some.
pub fn apply(files: &mut [(ScannedFile, String)], rules: &[Located<TypeRule>]) -> Vec<Problem> {
    if rules.is_empty() {
        return Vec::new();
    }
    let own_risks: Vec<_> = files.iter().map(|(_, media_type)| risk(media_type)).collect();
    let mut warnings = Vec::new();
    for located in rules {
        let rule = &located.rule;
        let (mut refused, mut applied) = (Vec::new(), 0_usize);
        for ((file, media_type), own_risk) in files.iter_mut().zip(&own_risks) {
            if !rule.matches(&file.path) {
                continue;
            }
            if risk(rule.media_type()) > *own_risk {
                refused.push(file.path.as_str());
            } else {
                rule.media_type().clone_into(media_type);
                applied += 1;
            }
        }
        let (pattern, media_type) = (rule.pattern().as_str(), rule.media_type());
        if !refused.is_empty() {
            let files = first_names(&refused);
            let message = format!(
                "`{media_type}` is riskier than the file's own type, and ignored for {files}"
            );
            let hint = "set it by extension, in [types] of selvedge.toml, or rename the file";
            warnings.push(Problem::located(located, message, hint));
        } else if applied == 0 {
            let message =
                format!("the `content-type` of `{pattern}` has no effect: it matches no file");
            let hint = "match the file itself; redirects, rewrites, actions and collections don't \
                        count";
            warnings.push(Problem::located(located, message, hint));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::scan::Stat;
    use crate::site::rules::pattern::Language;
    use crate::wire::media_type::of_path;

    #[track_caller]
    fn check(file: &str, pattern: &str, written: &str, expected: Option<&str>) {
        let scanned =
            ScannedFile { path: file.to_owned(), file: file.into(), stat: Stat::default() };
        let mut files = [(scanned, of_path(file).to_owned())];
        let rule = TypeRule::parse(pattern, Language::Rules, written).unwrap();
        let rules = [Located { file: "_headers".to_owned(), line: 2, rule }];
        let warnings = apply(&mut files, &rules);
        assert_eq!(files[0].1, expected.unwrap_or(of_path(file)), "{file} {pattern} {written}");
        assert_eq!(warnings.is_empty(), expected.is_some(), "{file}: {warnings:?}");
    }

    #[test]
    fn types_no_riskier_than_the_file() {
        let unknown = "/.well-known/apple-app-site-association";
        let rows = [
            (unknown, "application/json", true),
            (unknown, "application/pdf", true),
            (unknown, "text/plain; charset=utf-8", true),
            (unknown, "text/html", false),
            (unknown, "image/svg+xml", false),
            (unknown, "text/javascript", false),
            (unknown, "text/css", false),
            (unknown, "application/wasm", false),
            ("/a.json", "application/ld+json", true),
            ("/a.txt", "text/html", false),
            ("/a.png", "application/octet-stream", true),
            ("/a.html", "text/plain", true),
            ("/a.html", "text/html; charset=iso-8859-1", true),
            ("/a.js", "application/javascript", true),
            ("/a.js", "text/html", false),
            ("/a.css", "text/plain", true),
            ("/a.xml", "application/atom+xml", true),
        ];
        for (file, written, is_applied) in rows {
            check(file, file, written, is_applied.then_some(written));
        }
    }

    #[test]
    fn rules_that_match_nothing() {
        check("/a.json", "/b.json", "text/plain", None);
        check("/a/index.html", "/a/", "text/plain", Some("text/plain"));
    }

    #[test]
    fn the_last_rule_wins_and_risk_is_by_extension() {
        let scanned = ScannedFile { path: "/a.html".into(), file: "a".into(), ..file() };
        let mut files = [(scanned, "text/html".to_owned())];
        let rules = ["text/plain", "text/html; charset=utf-8"].map(|value| Located {
            file: "_headers".to_owned(),
            line: 2,
            rule: TypeRule::parse("/*", Language::Rules, value).unwrap(),
        });
        assert_eq!(apply(&mut files, &rules), []);
        assert_eq!(files[0].1, "text/html; charset=utf-8");
    }

    fn file() -> ScannedFile {
        ScannedFile { path: String::new(), file: "".into(), stat: Stat::default() }
    }
}
