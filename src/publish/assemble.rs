//! Assembles a manifest from files, their media types and their classes.

use crate::publish::config::{Loaded, PublishSettings};
use crate::publish::failure::{Failure, Problem};
use crate::publish::ingest::IngestedFile;
use crate::publish::scan::ScannedFile;
use crate::site::deployment::asset::{Asset, Class, Representation};
use crate::site::deployment::manifest::{BuiltManifest, ManifestBuilder};
use crate::wire::coding::Coding;
use crate::wire::media_type;
use crate::wire::path::file_extension;

/// Returns a file with the media type that it is sent with.
pub fn typed(file: ScannedFile, settings: &PublishSettings) -> (ScannedFile, String) {
    let extension = file_extension(&file.path).map(str::to_ascii_lowercase);
    let own = extension.and_then(|extension| settings.types.get(&extension));
    let media_type = own.map_or(media_type::of_path(&file.path), String::as_str).to_owned();
    (file, media_type)
}

/// Builds the manifest of files and their classes.
pub fn build(
    files: &[IngestedFile],
    classes: &[Class],
    loaded: &Loaded,
) -> Result<BuiltManifest, Failure> {
    let mut builder = ManifestBuilder::new(loaded.config.clone());
    if let Some(page) = &loaded.application_page {
        builder.set_application_page(page);
    }
    for (file, class) in files.iter().zip(classes) {
        let (path, media_type) = (&file.scanned.path, &file.media_type);
        let length = file.scanned.stat.size;
        let identity = Representation { coding: Coding::Identity, length, hash: file.hash };
        let mut representations = vec![identity];
        representations.extend(file.encodings.iter().map(|encoded| Representation {
            coding: encoded.coding,
            length: encoded.length,
            hash: encoded.hash,
        }));
        let asset = Asset::new(*class, media_type, representations).ok_or_else(|| {
            let message = format!("{media_type:?} is no media type that can be sent");
            let hint = "write it as type/subtype in [types] of selvedge.toml";
            Failure::invalid_folder(vec![Problem::of_path(path, message, hint)])
        })?;
        builder.insert(path, asset);
    }
    builder.build().map_err(|error| {
        Failure::refused("invalid-folder", error.to_string(), "nothing was sent; change the folder")
    })
}
