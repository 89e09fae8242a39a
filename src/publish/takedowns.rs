//! Warns about published files that a takedown hides.

use crate::publish::failure::Problem;
use crate::site::ids::SiteName;
use crate::site::records::takedown::TakedownPath;

/// Returns a warning for each takedown that hides files of a deployment.
pub fn warnings<'a>(
    takedowns: &[TakedownPath],
    site: &SiteName,
    files: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Problem> {
    let warning = |path: &TakedownPath| {
        let text = path.to_text();
        let mut hidden = files.clone().filter(|file| path.hides(file));
        let first = hidden.next()?;
        let message = match hidden.count() {
            0 => format!("taken down as {text}: the deployment's address does not show it"),
            more => format!(
                "taken down as {text}, with {more} more: the deployment's address does not show them"
            ),
        };
        let hint = format!("to show it again: selvedge takedown --site {site} --undo '{text}'");
        Some(Problem::of_path(first, message, hint))
    };
    takedowns.iter().filter_map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_per_takedown() {
        let site = SiteName::parse("www").unwrap();
        let takedowns = ["/about", "/private/*", "/none", "/a%20b"];
        let takedowns = takedowns.map(|text| TakedownPath::parse(text).unwrap());
        let files = ["/a b", "/about.html", "/private/a", "/private/b", "/x"];
        let found = warnings(&takedowns, &site, files.into_iter());
        let paths: Vec<_> = found.iter().map(|warning| warning.path.as_deref().unwrap()).collect();
        assert_eq!(paths, ["/about.html", "/private/a", "/a b"]);
        assert!(found[1].message.contains("1 more"), "{}", found[1].message);
        assert!(found[2].hint.ends_with("--undo '/a%20b'"), "{}", found[2].hint);
        assert_eq!(warnings(&[], &site, files.into_iter()), []);
    }
}
