//! An attempt at a call that failed: why, and whether another may help.
//!
//! Not what a command ends with: that is a [`Failure`], after the last attempt.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::publish::failure::{Ending, Failure};

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It won't.
    Final,
    /// It may, after a while.
    Passing,
    /// It may, but a store that is full stays full: a few attempts tell.
    StoreRefuses,
    /// There is nobody to make it at.
    NobodyListens,
}

/// Why an attempt gave nothing.
#[derive(Debug)]
pub struct Trouble {
    /// Whether another may help.
    pub kind: Kind,
    /// For how long the server asked to be left alone.
    pub retry_after_secs: Option<u64>,
    /// What the command ends with if there is no other.
    pub failure: Box<Failure>,
}

impl Trouble {
    /// A file that can't be read.
    pub fn of_file(file: &Path, cause: &io::Error) -> Self {
        Self::of_place(Failure::io(file.display(), cause))
    }

    /// Something that trying again does not change.
    pub fn of_place(failure: Failure) -> Self {
        Self { kind: Kind::Final, retry_after_secs: None, failure: failure.into() }
    }

    /// An answer that is no success.
    pub fn of_answer(status: u16, body: &[u8], retry_after_secs: Option<u64>) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
        let code = text("code").unwrap_or_else(|| format!("http-{status}"));
        let is_corrupted = code == "hash-mismatch";
        let kind = match status {
            503 if code == "not-stored" => Kind::StoreRefuses,
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Kind::Passing,
            _ if is_corrupted => Kind::Passing,
            _ => Kind::Final,
        };
        let ending = match kind {
            Kind::Final => Ending::Refused,
            Kind::Passing | Kind::StoreRefuses | Kind::NobodyListens => Ending::Failed,
        };
        let fallback = || match body["error"].is_object() {
            true => None,
            false => Some("is this the URL of a Selvedge server? check --url".to_owned()),
        };
        let message = text("message").unwrap_or_else(|| format!("the server answered {status}"));
        let mut failure = Failure::failed(&code, message, "");
        failure.ending = ending;
        failure.hint = text("hint").or_else(fallback).map(Into::into);
        failure.detail = body.get("error").cloned().map(Box::new);
        Self { kind, retry_after_secs, failure: failure.into() }
    }

    /// The failure, after a number of attempts.
    pub fn into_failure(self, attempts: u32) -> Failure {
        let mut failure = *self.failure;
        if attempts > 1 {
            let tries = format!("{attempts} attempts were made");
            failure.why = Some(match failure.why {
                Some(why) => format!("{why}; {tries}").into(),
                None => tries.into(),
            });
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let lost = br#"{"error":{"code":"lost-race","message":"m","hint":"h","winner":{"seq":2}}}"#;
        let trouble = Trouble::of_answer(409, lost, None);
        assert_eq!(trouble.kind, Kind::Final);
        assert_eq!(&*trouble.failure.code, "lost-race");
        assert_eq!(trouble.failure.to_json()["error"]["winner"]["seq"], 2);
        let busy = Trouble::of_answer(503, b"", Some(5));
        assert_eq!((busy.kind, busy.retry_after_secs), (Kind::Passing, Some(5)));
        assert_eq!(busy.failure.ending, Ending::Failed);
        let full = br#"{"error":{"code":"not-stored","message":"m","hint":"h"}}"#;
        let full = Trouble::of_answer(503, full, Some(2));
        assert_eq!((full.kind, full.failure.ending), (Kind::StoreRefuses, Ending::Failed));
        let other = Trouble::of_answer(404, b"<html>", None);
        assert_eq!(&*other.failure.code, "http-404");
        assert!(other.failure.hint.is_some());
    }
}
