//! Writes a synthetic site to a folder, to be published: `synthetic-site 10000 DIR`.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use selvedge_bench::site;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [count, folder] = arguments.as_slice() else {
        eprintln!("usage: synthetic-site COUNT FOLDER");
        return ExitCode::from(1);
    };
    let Ok(count) = count.parse() else {
        eprintln!("{count}: not a number of paths");
        return ExitCode::from(1);
    };
    match write(count, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::from(2)
        }
    }
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
