//! Publishing: from a folder to a live deployment.
//!
//! 1. Ask the server what it takes, and what the stage serves now.
//! 2. [`scan`] the folder and load its [`config`]; refuse with the complete list of what is wrong.
//! 3. [`ingest`] the files: hash and encode them, or recognise them as unchanged by the [`cache`].
//! 4. Build the manifest. If the server has the deployment of that name, go on with step 7.
//! 5. [`diff`]: what the live deployment names is there; ask for the rest by prefix of the hash.
//! 6. [`upload`] what is missing: batches, large blobs alone, several requests in flight.
//! 7. Commit: store the manifest's root. From here on the deployment has its own address.
//! 8. Activate by compare-and-swap with the sequence number of step 1. This alone changes what is
//!    served, whole and at once.
//!
//! Not part of the worker: native only, and the only place that reads files or clocks. The
//! invariant is that every step can be made again; interrupted anywhere, nothing that is served
//! changes, and the next run sends only what is missing.

pub mod run;
pub mod options;
pub mod prepare;
pub mod config;
pub mod scan;
pub mod paths;
pub mod private_keys;
pub mod media_types;
pub mod ingest;
pub mod encode;
pub mod cache;
pub mod pack;
pub mod fingerprint;
pub mod manifest;
pub mod lint;
pub mod diff;
pub mod upload;
pub mod manage;
pub mod removal;
pub mod objects;
pub mod api;
pub mod client;
pub mod parallel;
pub mod failure;
pub mod progress;
pub mod text;
pub mod clock;
