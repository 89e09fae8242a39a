//! Publishes a folder to a server.
//!
//! A publish:
//!
//! 1. asks the server for its limits, and for the stage's live deployment;
//! 2. [`prepare`]s the folder: reads the [`config`], [`scan`]s, and refuses with all problems;
//! 3. [`ingest`]s the files: hashes and encodes them, or finds them unchanged in the [`cache`];
//! 4. builds the [`manifest`]; if the server has this deployment, continues with step 7;
//! 5. [`diff`]s: asks for missing blobs, except for those of the live deployment;
//! 6. [`upload`]s them: small blobs in batches, large ones alone, several requests in parallel;
//! 7. commits the root of the manifest, which gives the deployment its address;
//! 8. activates it by compare-and-swap with the sequence number of step 1. Only this changes the
//!    site.
//!
//! Every step can be repeated. After an interruption the site is as it was, and the next run sends
//! only the rest.

pub mod run;
pub mod options;
pub mod prepare;
pub mod config;
pub mod scan;
pub mod paths;
pub mod patterns;
pub mod private_keys;
pub mod media_types;
pub mod ingest;
pub mod encode;
pub mod cache;
pub mod pack;
pub mod fingerprint;
pub mod manifest;
pub mod lint;
pub mod live_files;
pub mod diff;
pub mod upload;
pub mod takedowns;
pub mod objects;
pub mod media;
pub mod client;
pub mod parallel;
pub mod failure;
pub mod progress;
pub mod text;
pub mod clock;
