//! Builds the manifest of a deployment.

use crate::publish::config::settings::Loaded;
use crate::publish::failure::{Failure, Problem};
use crate::publish::ingest::IngestedFile;
use crate::site::deployment::asset::{Asset, Class, Representation};
use crate::site::deployment::manifest::{BuiltManifest, ManifestBuilder};
use crate::wire::coding::Coding;

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
            let message = format!("{media_type:?} is not a media type");
            let hint = "write it as type/subtype in [types] of selvedge.toml";
            Failure::invalid_folder(vec![Problem::of_path(path, message, hint)])
        })?;
        builder.insert(path, asset);
    }
    builder.build().map_err(|error| {
        Failure::refused("invalid-folder", error.to_string(), "nothing was sent; change the folder")
    })
}
