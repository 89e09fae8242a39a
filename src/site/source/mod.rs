//! The rule files that sites bring, parsed into rules: `_headers`, `_redirects` and their dialects.
//!
//! Only publishing reads them; they are here, and not in `publish`, because their tests also run in
//! a browser.

pub mod diagnostic;
pub mod dialect;
pub mod fallback;
pub mod type_rule;
pub mod headers_file;
pub mod redirects_file;
