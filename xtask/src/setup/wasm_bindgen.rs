//! The wasm-bindgen CLI at the version in Cargo.lock: the CLI and the crate must be of one version.

use crate::failure::{Failure, Result};
use crate::files;
use crate::process::{run_quietly, say};
use crate::project::Project;
use crate::setup::Tools;

/// Compiles it when it is not in the cache yet.
///
/// # Errors
/// When Cargo.lock names no version, or the install fails.
pub fn set_up(project: &Project) -> Result<Tools> {
    let lock = project.root.join("Cargo.lock");
    let version = locked_version(&files::read_text(&lock)?, "wasm-bindgen")
        .ok_or_else(|| Failure::new("Cargo.lock names no version of wasm-bindgen"))?;
    let root = project.cache.join(format!("wasm-bindgen-{version}"));
    let program = |name: &str| root.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    let tools = Tools { wasm_bindgen: program("wasm-bindgen"), wasm_test_runner: program("wasm-bindgen-test-runner") };
    if tools.wasm_bindgen.is_file() && tools.wasm_test_runner.is_file() {
        return Ok(tools);
    }
    say(&format!("compiling the wasm-bindgen CLI {version} (about two minutes, once)"));
    files::make_folder(&root)?;
    let build = root.join("build");
    let mut cargo = project.command("cargo");
    cargo
        // Not in the checkout, whose cargo settings are for the checkout's own crates.
        .current_dir(&root)
        .args(["install", "wasm-bindgen-cli", "--version", &version])
        // Without TLS (it only talks to drivers on this machine) and unoptimised it compiles in a third of the time.
        .args(["--no-default-features", "--debug", "--root"])
        .arg(&root)
        .env("CARGO_TARGET_DIR", &build)
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTFLAGS");
    run_quietly(&mut cargo)?;
    files::remove_folder(&build)?;
    Ok(tools)
}

fn locked_version(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_crate_with_exactly_this_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
