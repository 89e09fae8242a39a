//! What a header rule does, and where it comes from.
//!
//! Values only: `rules` applies them. The invariant is [`HeaderOp::check`], which whoever makes
//! a rule calls.

use serde::{Deserialize, Serialize};

use crate::site::rules::header_policy::{FieldError, check_name, check_value};
use crate::site::rules::pattern::Language;

/// Where a header rule comes from, which decides its pattern language and how it meets others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `_headers`: a name set by an earlier rule of that file is added to; captures fill values.
    HeadersFile,
    /// `selvedge.toml` or App Builder: a later rule overrides.
    Selector,
}

impl Origin {
    /// Returns the grammar of its patterns.
    pub fn language(self) -> Language {
        match self {
            Self::HeadersFile => Language::Rules,
            Self::Selector => Language::Selector,
        }
    }
}

/// One thing that a rule does to the headers of a response; names are lower-case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderOp {
    /// Puts the value in the place of others (but see [`Origin::HeadersFile`]).
    Set(String, String),
    /// Adds the value to others.
    Append(String, String),
    /// Takes the field away.
    Unset(String),
}

impl HeaderOp {
    /// Returns the name of the field.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Append(name, _) | Self::Unset(name) => name,
        }
    }

    /// Returns the value as written, where there is one.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Set(_, value) | Self::Append(_, value) => Some(value),
            Self::Unset(_) => None,
        }
    }

    /// Returns nothing, when a rule may do this.
    ///
    /// # Errors
    /// What [`check_name`] and [`check_value`] say.
    pub fn check(&self) -> Result<(), FieldError> {
        check_name(self.name())?;
        self.value().map_or(Ok(()), check_value)
    }
}

/// Headers that the header stage puts back, or always sends with one value.
pub const PROTECTED: [&str; 4] =
    ["cache-control", "strict-transport-security", "x-content-type-options", "x-robots-tag"];

/// A line that unsets or sets a [`PROTECTED`] header, for diagnostics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The operation.
    pub op: HeaderOp,
    /// The line of the rule that it belongs to.
    pub rule_line: u32,
}
