//! The data model of a site: names, storage keys, configuration, rules, manifests and records.
//!
//! Pure values and their formats, shared by the worker and the command line. Whatever comes from a
//! store or a tenant is parsed here, once, into types that are always valid.

pub mod ids;
pub mod destination;
pub mod keys;
pub mod json_path;
pub mod codec;
pub mod api;
pub mod action;
pub mod collection;
pub mod media;
pub mod config;
pub mod rules;
pub mod deployment;
pub mod source;
pub mod records;
