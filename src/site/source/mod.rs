//! Parses the rule files of a site: `_headers`, `_redirects` and dialects of other hosts.
//!
//! Only publishing uses them; they are not in `publish` because their tests also run in a browser.

pub mod diagnostic;
pub mod dialect;
pub mod fallback;
pub mod type_rule;
pub mod header_lines;
pub mod headers_file;
pub mod redirects_file;
