//! Finds links and scripts in HTML.
//!
//! A tolerant scanner, not a parser: it skips comments and the text of scripts and styles, and
//! decodes no character references.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag<'t> {
    pub name: &'t str,
    attributes: &'t str,
}

impl<'t> Tag<'t> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub fn attribute(&self, name: &str) -> Option<&'t str> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|next: char| next.is_whitespace() || next == '/');
            let end = rest.find(|next: char| next.is_whitespace() || next == '=' || next == '/');
            let (found, after) = rest.split_at(end.unwrap_or(rest.len()));
            if found.is_empty() && after.is_empty() {
                return None;
            }
            let (value, after) = match after.trim_start().strip_prefix('=') {
                Some(after) => value(after.trim_start()),
                None => ("", after),
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// Returns the start tags of a page.
pub fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            if let Some(comment) = after.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            if !after.starts_with(|next: char| next.is_ascii_alphabetic()) {
                rest = after;
                continue;
            }
            let end = tag_end(after)?;
            let (tag, after) = after.split_at(end);
            let name_end = tag.find(|next: char| next.is_whitespace() || next == '/');
            let (name, attributes) = tag.split_at(name_end.unwrap_or(tag.len()));
            let tag = Tag { name, attributes };
            rest = match ["script", "style"].into_iter().find(|raw| tag.is(raw)) {
                Some(raw) => after_raw_text(after, raw),
                None => after,
            };
            return Some(tag);
        }
    })
}

/// Returns the position of a tag's `>`, outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, next) in text.char_indices() {
        match (quote, next) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(next),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

fn after_raw_text<'t>(text: &'t str, name: &str) -> &'t str {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let end = from + at + 2;
        if text.get(end..end + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return &text[end..];
        }
        from = end;
    }
    ""
}

fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Returns the decoded path of a link within the site; `None` for other hosts and schemes, and for
/// a fragment of the page.
///
/// `base`: the path that relative links start from.
pub fn link_path(base: &str, href: &str) -> Option<String> {
    let href = href.trim();
    let path = href.split(['?', '#']).next().unwrap_or_default();
    let has_scheme = path.split('/').next().unwrap_or_default().contains(':');
    if path.is_empty() || has_scheme || path.starts_with("//") {
        return None;
    }
    let decoded = crate::wire::percent::percent_decode(path)?;
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = if decoded.starts_with('/') { decoded } else { format!("{folder}/{decoded}") };
    let mut segments: Vec<&str> = Vec::new();
    for segment in whole.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    if whole.ends_with("/.") || whole.ends_with("/..") {
        segments.push("");
    }
    Some(format!("/{}", segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_scripts() {
        let html = r#"<!DOCTYPE html><!-- <a href="no"> --><A class='x>y' HREF = "a.html">1 < 2</a>
            <script type="module" crossorigin src=/app.js></script>
            <script>"<a href='no'>"</script><style>a>b{}</style><a href='b c.html' /><a>
            <a href=c.html><a data-href="no" href="d">"#;
        let of = |tag: &str, name: &str| -> Vec<String> {
            let found = tags(html).filter(|found| found.is(tag));
            found.filter_map(|found| found.attribute(name).map(str::to_owned)).collect()
        };
        assert_eq!(of("a", "href"), ["a.html", "b c.html", "c.html", "d"]);
        assert_eq!(of("script", "src"), ["/app.js"]);
        assert_eq!(of("script", "type"), ["module"]);
        assert_eq!(of("script", "crossorigin"), [""]);
    }

    #[test]
    fn broken_pages_end() {
        for html in ["<", "<a", "<a href", "<a href=", "<a href=\"x", "<!--", "<script>", "<a ='>"]
        {
            assert!(tags(html).count() <= 1, "{html}");
        }
        assert_eq!(tags("<é><a href=x>").count(), 1);
        let tag = Tag { name: "a", attributes: " = = href" };
        assert_eq!(tag.attribute("nothing"), None);
    }

    #[test]
    fn paths_of_links() {
        let rows = [
            ("/a/b.html", "c.html", Some("/a/c.html")),
            ("/a/b.html", "../c.html?x#y", Some("/c.html")),
            ("/a/b.html", "/d%20e", Some("/d e")),
            ("/a/b.html", "./", Some("/a/")),
            ("/a/b.html", "..", Some("/")),
            ("/a/b.html", "#top", None),
            ("/a/b.html", "?q", None),
            ("/a/b.html", "https://e.test/x.html", None),
            ("/a/b.html", "//e.test/x.html", None),
            ("/a/b.html", "mailto:a@b.test", None),
            ("/a/b.html", "%zz", None),
            ("/b.html", "../../c", Some("/c")),
        ];
        for (base, href, expected) in rows {
            assert_eq!(link_path(base, href).as_deref(), expected, "{base} {href}");
        }
    }
}
