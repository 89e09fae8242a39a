//! The HTTP grammar: entity tags, dates, preconditions, ranges, codings, Cache-Status, host, path.
//!
//! Each module turns the text of one part of a message into a value and back, as its RFC writes it.
//! Nothing here reads a clock, does I/O, knows of sites or stores, or panics: every parser is
//! total, and says what is wrong with the input in a small error of its own.
//!
//! The reading order is the order of a request: [`url`], [`host`], [`path`], [`query`],
//! then the headers that choose a representation, then those that describe the answer.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

pub mod text;

pub mod percent;

pub mod url;

pub mod host;

pub mod path;

pub mod query;

pub mod coding;

pub mod etag;

pub mod precondition;

pub mod range;

pub mod date;

pub mod time;

pub mod media_type;

pub mod headers;

pub mod dictionary;

pub mod bearer;
pub mod cache_control;

pub mod vary;

pub mod cache_status;
