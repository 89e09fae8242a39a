//! Request methods, as RFC 9110 section 9 names them.
//!
//! Not a registry: the methods that this server tells apart, and [`Method::Other`] for the rest
//! (`TRACE`, `PURGE`, `PROPFIND`, ...), which reach the code. Methods are case-sensitive, so `get`
//! is not `GET`.

/// A request method that this server tells apart.
///
/// # Source
/// RFC 9110 section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `OPTIONS`.
    Options,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// `PATCH`.
    Patch,
    /// Any other method, known or not.
    Other,
}

impl Method {
    /// Returns the method that `token` names, in its exact case.
    ///
    /// # Example
    /// ```
    /// use selvedge::wire::method::Method;
    ///
    /// assert_eq!(Method::parse("GET"), Method::Get);
    /// assert_eq!(Method::parse("get"), Method::Other);
    /// ```
    pub fn parse(token: &str) -> Method {
        match token {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "PATCH" => Method::Patch,
            _ => Method::Other,
        }
    }

    /// Returns the method's token; `OTHER` stands for all that are not known by name.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Other => "OTHER",
        }
    }

    /// Returns whether the method is GET or HEAD, the two that read a representation.
    pub fn is_get_or_head(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn parses_in_exact_case() {
        let rows = [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("POST", Method::Post),
            ("PUT", Method::Put),
            ("DELETE", Method::Delete),
            ("PATCH", Method::Patch),
            ("Get", Method::Other),
            ("GET ", Method::Other),
            ("", Method::Other),
            ("PURGE", Method::Other),
            ("TRACE", Method::Other),
            ("CONNECT", Method::Other),
        ];
        for (token, method) in rows {
            assert_eq!(Method::parse(token), method, "{token:?}");
        }
    }

    #[test]
    fn only_get_and_head_read() {
        assert!(Method::Get.is_get_or_head());
        assert!(Method::Head.is_get_or_head());
        assert!(!Method::Options.is_get_or_head());
        assert!(!Method::Other.is_get_or_head());
    }
}
