//! The command lines of the programs here: how many paths, and the folder to write to.

use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

/// How the program `name` ends, which writes something of so many paths to a folder.
pub fn run(name: &str, write: impl FnOnce(usize, &Path) -> io::Result<()>) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [count, folder] = arguments.as_slice() else {
        eprintln!("usage: {name} COUNT FOLDER");
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
