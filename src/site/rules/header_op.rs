//! The operations of a header rule.

use serde::{Deserialize, Serialize};

use crate::site::rules::header_policy::{check_name, check_value};
use crate::site::rules::mistake::Mistake;

/// A change to the headers of a response; names are lower-case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderOp {
    Set(String, String),
    Append(String, String),
    Unset(String),
}

impl HeaderOp {
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Append(name, _) | Self::Unset(name) => name,
        }
    }

    /// Returns the value as written.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Set(_, value) | Self::Append(_, value) => Some(value),
            Self::Unset(_) => None,
        }
    }

    /// Checks that a rule may do this.
    pub fn check(&self) -> Result<(), Mistake> {
        check_name(self.name())?;
        self.value().map_or(Ok(()), check_value)
    }
}

/// Headers that the header stage restores, or always sends with one value.
pub const PROTECTED: [&str; 4] =
    ["cache-control", "strict-transport-security", "x-content-type-options", "x-robots-tag"];

/// A line that unsets or sets a [`PROTECTED`] header, for diagnostics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    pub op: HeaderOp,
    /// The line of the rule that it belongs to.
    pub rule_line: u32,
}
