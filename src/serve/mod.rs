//! From a request as data to a response as data, over ports.
//!
//! A source (a deployment, a collection, an action) makes a [`draft::Draft`], in which
//! [`present`] decides the status; [`response::finish`] makes the response of it.

pub mod request;
pub mod error;
pub mod error_document;
pub mod draft;
pub mod present;
pub mod headers;
pub mod response;
pub mod cached;
pub mod assets;
pub mod objects;
pub mod actions;
pub mod limit;
pub mod media;
pub mod site_request;
pub mod site;
pub mod deployment_host;
