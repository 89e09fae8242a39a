//! Image transformations on request: what a URL asks for, and what the media worker is told.
//!
//! A **rendition** is the image that a transformation makes of a source, an asset or object of the
//! same site. The main worker decides everything from the URL and the manifest; the media worker,
//! a crate in `media/`, gets a [`Plan`](plan::Plan) and bytes, and knows nothing else.

pub mod transformation;
pub mod plan;
pub mod config;
pub mod error;
pub mod value;
pub mod parameter;
pub mod canonical;
pub mod accept;
pub mod size;
pub mod draft;
pub mod grammar;
pub mod signature;
pub mod address;
pub mod check;
