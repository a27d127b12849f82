//! Tools that cargo compiles from crates.io, each version in a folder of its own in the cache.

use crate::failure::Result;
use crate::files;
use crate::process::{run_quietly, say};
use crate::project::Project;
use std::path::PathBuf;

/// A tool, and how it is compiled.
pub struct CargoTool<const N: usize> {
    /// The crate's name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// The programs that it installs.
    pub programs: [&'static str; N],
    /// What `cargo install` gets besides: `--locked` where the crate's own lock can be had.
    pub flags: &'static [&'static str],
}

/// Compiles a tool when it is not in the cache yet, and gives the paths of its programs, in their order.
///
/// # Errors
/// When it does not compile.
pub fn set_up<const N: usize>(project: &Project, tool: &CargoTool<N>) -> Result<[PathBuf; N]> {
    let root = project.cache.join(format!("{}-{}", tool.name.trim_end_matches("-cli"), tool.version));
    let programs =
        tool.programs.map(|name| root.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION));
    if programs.iter().all(|path| path.is_file()) {
        return Ok(programs);
    }
    say(&format!("compiling {} {} (about two minutes, once)", tool.name, tool.version));
    files::make_folder(&root)?;
    let build = root.join("build");
    let mut cargo = project.command("cargo");
    cargo
        // Not in the checkout, whose cargo settings are for the checkout's own crates.
        .current_dir(&root)
        .args(["install", tool.name, "--version", &tool.version])
        .args(tool.flags)
        // Unoptimised it compiles in a third of the time.
        .args(["--debug", "--root"])
        .arg(&root)
        .env("CARGO_TARGET_DIR", &build)
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTFLAGS");
    run_quietly(&mut cargo)?;
    files::remove_folder(&build)?;
    Ok(programs)
}
