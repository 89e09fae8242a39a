//! Writes a synthetic site to a folder, to be published: `synthetic-site 10000 DIR`.

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use selvedge_bench::{command, site};

fn main() -> ExitCode {
    command::run("synthetic-site", write)
}

fn write(count: usize, folder: &Path) -> io::Result<()> {
    for path in site::paths(count) {
        let file = folder.join(path.trim_start_matches('/'));
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(file, site::content(&path))?;
    }
    Ok(())
}
