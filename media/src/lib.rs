//! The media worker: makes renditions of images for the main worker, which reaches it through the
//! service binding `MEDIA`.
//!
//! It has no public route, holds no token and fetches nothing: a request brings a
//! [`Plan`](selvedge::site::media::plan::Plan) and all bytes. The steps are those of
//! [`Transformation`](selvedge::site::media::transformation::Transformation).
//!
//! Untrusted bytes are parsed by safe Rust only. C encoders (libwebp, libaom) are wasm modules
//! beside this one; they see pixels that this one has decoded.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

pub mod image;
pub mod fault;
pub mod limits;
pub mod parts;
pub mod input;
pub mod pieces;
pub mod exif;
pub mod probe;
pub mod decode;
pub mod geometry;
pub mod resize;
pub mod adjust;
pub mod layer;
pub mod drawing;
pub mod encode;
pub mod render;
pub mod pipeline;
#[cfg(target_arch = "wasm32")]
pub mod edge;

#[cfg(test)]
mod testing;
