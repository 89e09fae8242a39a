//! Mistakes in rules, with their remedies.

use std::borrow::Cow;
use std::fmt;

/// A mistake in a rule. The message follows the text that is wrong, as in "the pattern `x` is ...".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    message: Cow<'static, str>,
    remedy: Cow<'static, str>,
}

impl Mistake {
    pub fn new(
        message: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }

    /// Returns the mistake with the text that is wrong in front of its message.
    pub fn of(self, subject: impl fmt::Display) -> Self {
        Self { message: format!("{subject} {}", self.message).into(), ..self }
    }

    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
