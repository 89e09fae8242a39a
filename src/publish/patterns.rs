//! Patterns of paths, as in a .gitignore file.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::publish::failure::Failure;

pub fn patterns(root: &Path, lines: &[String]) -> Result<Gitignore, Failure> {
    let broken = |line: &str, error: ignore::Error| {
        let message = format!("{line:?} is not a pattern");
        let hint = "write it as in a .gitignore file";
        Failure::refused("bad-pattern", message, hint).because(error.to_string())
    };
    let mut builder = GitignoreBuilder::new(root);
    for line in lines {
        builder.add_line(None, line).map_err(|error| broken(line, error))?;
    }
    builder.build().map_err(|error| broken(&lines.join(" "), error))
}
