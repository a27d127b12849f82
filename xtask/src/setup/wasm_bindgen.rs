//! The wasm-bindgen CLI at the version in Cargo.lock: the CLI and the crate must be of one version.

use crate::failure::{Failure, Result};
use crate::files;
use crate::project::Project;
use crate::setup::Tools;
use crate::setup::cargo_tool::{self, CargoTool};

/// Compiles it when it is not in the cache yet.
///
/// # Errors
/// When Cargo.lock names no version, or the install fails.
pub fn set_up(project: &Project) -> Result<Tools> {
    let lock = project.root.join("Cargo.lock");
    let version = locked_version(&files::read_text(&lock)?, "wasm-bindgen")
        .ok_or_else(|| Failure::new("Cargo.lock names no version of wasm-bindgen"))?;
    let tool = CargoTool {
        name: "wasm-bindgen-cli",
        version,
        programs: ["wasm-bindgen", "wasm-bindgen-test-runner"],
        // Without TLS: it only talks to drivers on this machine.
        flags: &["--no-default-features"],
    };
    let [wasm_bindgen, _] = cargo_tool::set_up(project, &tool)?;
    Ok(Tools { wasm_bindgen })
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
