//! Targeted cache control, as in `CDN-Cache-Control` (RFC 9213): directives written as a
//! structured-field dictionary.
//!
//! Parsed by `sfv`. RFC 9213 refers to RFC 8941, so dates and display strings (RFC 9651) are
//! rejected.

use std::convert::Infallible;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser, Version};

use crate::wire::cache_control::{ResponseDirectives, Seconds, Slot};
use crate::wire::time::DeltaSeconds;

/// Parses the header (RFC 9213 section 2.1); `None` without members.
///
/// A lifetime of the wrong type is invalid; any other directive counts unless it is false. Of
/// members with the same key, the last one counts (RFC 8941 section 3.2).
pub fn parse(text: &str) -> Result<Option<ResponseDirectives>, sfv::Error> {
    let parser = Parser::new(text).with_version(Version::Rfc8941);
    parser.parse_dictionary_with_visitor(Members(None))
}

struct Members(Option<ResponseDirectives>);

impl<'a> DictionaryVisitor<'a> for Members {
    type Out = Option<ResponseDirectives>;
    type Error = Infallible;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        Ok(self.0.get_or_insert_default().slot(key.as_str()))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

impl<'a> EntryVisitor<'a> for Slot<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        match self {
            Slot::Lifetime(lifetime) => *lifetime = Some(Seconds::Invalid),
            Slot::Flag(flag) => *flag = true,
        }
        Ok(Ignored)
    }
}

impl<'a> ItemVisitor<'a> for Slot<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, Infallible> {
        match self {
            Slot::Lifetime(lifetime) => {
                let seconds = match item {
                    BareItemFromInput::Integer(number) => u64::try_from(i64::from(number)).ok(),
                    _ => None,
                };
                let valid = |seconds| Seconds::Valid(DeltaSeconds::saturating_from(seconds));
                *lifetime = Some(seconds.map_or(Seconds::Invalid, valid));
            }
            Slot::Flag(flag) => *flag = !matches!(item, BareItemFromInput::Boolean(false)),
        }
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::wire::cache_control::Seconds;
    use crate::wire::time::DeltaSeconds;

    #[test]
    fn values_of_every_type_are_read() {
        let valid = |seconds| Seconds::Valid(DeltaSeconds(seconds));
        // A member `K`, as a lifetime and as a flag.
        let rows: [(Seconds, bool, &[&str]); 14] = [
            (Seconds::Invalid, true, &["K", "K=?1", "K=-42", "K=1.5", "K=-123456789012.123"]),
            (Seconds::Invalid, true, &["K=\"\"", "K=\"60\"", "K=\"b, c=\\\"d\\\\\"", "K=token"]),
            (Seconds::Invalid, true, &["K=*t/o:k", "K=:aGVsbG8=:", "K=:aGVsbG8:", "K=::", "K=()"]),
            (Seconds::Invalid, true, &["K=( 1  \"b\";x  c )", "K=(1);y=2", "K;x"]),
            (Seconds::Invalid, true, &["K;x=1; y=?0;z=\"a;b\""]),
            (Seconds::Invalid, false, &["K=?0", "K=1, K=?0"]),
            (valid(0), true, &["K=0"]),
            (valid(1), true, &["K=1;x", "  K=1  ", "K=1 \t,\t *b_-.9=2", "*b_-.9=2 \t,\t K=1"]),
            (valid(1), true, &["b,K=1,c"]),
            (valid(2), true, &["K, K=2"]),
            (valid(5), true, &["K=60, K=5"]),
            (valid(60), true, &["K=60;a=1", "K=5, K=60"]),
            (valid(3600), true, &["K=003600"]),
            (valid(1 << 31), true, &["K=99999999999", "K=999999999999999"]),
        ];
        for (lifetime, flag, texts) in rows {
            for text in texts {
                let of = |key| parse(&text.replace('K', key)).unwrap().unwrap();
                assert_eq!(of("max-age").max_age, Some(lifetime), "{text:?}");
                assert_eq!(of("no-store").no_store, flag, "{text:?}");
            }
        }
        let both = parse("s-maxage=1, stale-while-revalidate=2").unwrap().unwrap();
        assert_eq!(both.s_maxage, Some(valid(1)));
        assert_eq!(both.stale_while_revalidate, Some(valid(2)));
        assert!(parse("private=\"a\"").unwrap().unwrap().private);
        assert_eq!((parse("").unwrap(), parse("   ").unwrap()), (None, None));
    }

    #[test]
    fn one_wrong_byte_rejects_everything() {
        let rows: [(&str, &[&str]); 20] = [
            ("expected start of key", &["A", "1a", "=1", "a,,b", "a, B", "\u{e9}", "\ta", "a;"]),
            ("expected start of key", &["a;X"]),
            ("expected start of bare item", &["a=", "a= 1", "a=&", "a=.5", "a;x="]),
            ("expected digit", &["a=-", "a=--1"]),
            ("too many digits at", &["a=1000000000000000"]),
            ("trailing decimal point", &["a=1."]),
            ("too many digits after decimal point", &["a=1.1234"]),
            ("too many digits before decimal point", &["a=1234567890123.1"]),
            ("unterminated string", &["a=\""]),
            ("invalid escape sequence", &["a=\"\\x\""]),
            ("invalid string character", &["a=\"\u{e9}\"", "a=\"\t\""]),
            ("expected boolean", &["a=?", "a=?2"]),
            ("unterminated byte sequence", &["a=:a"]),
            ("invalid byte sequence", &["a=:a-b:", "a=:a:"]),
            ("unterminated inner list", &["a=(1"]),
            ("expected inner list delimiter", &["a=(1,2)", "a=(1\"b\")"]),
            ("RFC 8941 does not support dates", &["a=@1"]),
            ("RFC 8941 does not support display strings", &["a=%\"x\""]),
            ("trailing comma", &["a,", "a, "]),
            ("trailing characters after member", &["a b", "a =1", "a=1x", "a=\"b\"c"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                let found = parse(text).unwrap_err().to_string();
                assert!(found.starts_with(expected), "{text:?}: {found}");
            }
        }
    }
}
