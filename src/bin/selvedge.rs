//! The command line; see [`selvedge::cli`].

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    selvedge::cli::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
