//! An ordered list of headers with lower-case names (RFC 9110 sections 5.1 to 5.3).

use std::borrow::Cow;

/// The one header with lines that can't be joined with a comma (RFC 9110 section 5.3).
const SET_COOKIE: &str = "set-cookie";

type Text = Cow<'static, str>;

/// Headers in order. Each name occurs once, except `set-cookie`, and is compared without regard to
/// case.
///
/// # Example
/// ```
/// use selvedge::wire::headers::Headers;
///
/// let mut headers = Headers::new();
/// headers.set("Cache-Control", "no-store");
/// headers.append("vary", "Accept-Encoding");
/// headers.append("Vary", "Origin");
/// assert_eq!(headers.value("vary"), Some("Accept-Encoding, Origin"));
/// assert_eq!(headers.iter().next(), Some(("cache-control", "no-store")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    lines: Vec<(Text, Text)>,
}

impl Headers {
    pub fn new() -> Headers {
        Headers::default()
    }

    pub fn with_capacity(count: usize) -> Headers {
        Headers { lines: Vec::with_capacity(count) }
    }

    /// Makes `value` the only value of `name`; a header that exists keeps its position.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        self.put(fold(name.into()), value.into());
    }

    /// Adds `value` to the header, after a comma; `set-cookie` gets another line.
    pub fn append(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        self.add(fold(name.into()), value.into());
    }

    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| !line.0.eq_ignore_ascii_case(name));
    }

    /// Returns the value of `name`, for `set-cookie` the first.
    pub fn value(&self, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.0.eq_ignore_ascii_case(name))?;
        Some(line.1.as_ref())
    }

    pub fn contains(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Returns the number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn put(&mut self, name: Text, value: Text) {
        let mut value = Some(value);
        // The first line of the name takes the value, any other is removed.
        self.lines.retain_mut(|line| {
            line.0 != name || value.take().map(|value| line.1 = value).is_some()
        });
        if let Some(value) = value {
            self.lines.push((name, value));
        }
    }

    fn add(&mut self, name: Text, value: Text) {
        let joined = self.lines.iter_mut().find(|line| line.0 == name && name != SET_COOKIE);
        match joined {
            Some(line) if line.1.is_empty() => line.1 = value,
            Some(line) => {
                let joined = line.1.to_mut();
                joined.push_str(", ");
                joined.push_str(&value);
            }
            None => self.lines.push((name, value)),
        }
    }
}

fn fold(name: Text) -> Text {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::Headers;

    fn lines(headers: &Headers) -> Vec<(&str, &str)> {
        headers.iter().collect()
    }

    #[test]
    fn set_replaces_in_place() {
        let mut headers = Headers::with_capacity(2);
        headers.set("A", "1");
        headers.set("b", "2");
        headers.set("a", String::from("3"));
        assert_eq!(lines(&headers), [("a", "3"), ("b", "2")]);
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn append_joins_with_a_comma() {
        let mut headers = Headers::new();
        headers.append("Vary", "a");
        headers.append("vary", "b");
        headers.set("x", "");
        headers.append("X", "c");
        assert_eq!(lines(&headers), [("vary", "a, b"), ("x", "c")]);
    }

    #[test]
    fn set_cookie_keeps_its_lines_apart() {
        let mut headers = Headers::new();
        headers.append("set-cookie", "a=1");
        headers.set("x", "1");
        headers.append("Set-Cookie", "b=2");
        assert_eq!(lines(&headers), [("set-cookie", "a=1"), ("x", "1"), ("set-cookie", "b=2")]);
        assert_eq!(headers.value("set-cookie"), Some("a=1"));
        headers.set("set-cookie", "c=3");
        assert_eq!(lines(&headers), [("set-cookie", "c=3"), ("x", "1")]);
    }

    #[test]
    fn names_are_compared_without_case() {
        let mut headers = Headers::new();
        assert!(headers.is_empty());
        headers.set("ETag", "\"x\"");
        assert!(headers.contains("etag") && headers.contains("ETAG"));
        assert_eq!(headers.value("eTaG"), Some("\"x\""));
        headers.remove("Etag");
        assert!(!headers.contains("etag"));
        assert_eq!(headers.value("etag"), None);
    }
}
