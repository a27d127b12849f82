//! Where things are, and the environment that child processes get.

use crate::failure::{Failure, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the crate and of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The compilation target of everything that runs in JavaScript.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The checkout that these commands work on.
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// Where compiled tools are kept: shared by all checkouts of the user.
    pub cache: PathBuf,
    /// Where cargo writes.
    pub target: PathBuf,
    /// The rustup toolchain that set-up chose, when it is not the one this process runs under.
    pub toolchain: Option<String>,
}

impl Project {
    /// The checkout that holds this crate's source.
    ///
    /// # Errors
    /// When there is no home folder to keep compiled tools in.
    pub fn find() -> Result<Self> {
        // At run time, because checkouts that share a target folder share this binary too.
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().ok_or_else(|| Failure::new("xtask has no parent folder"))?.to_path_buf();
        let cache = env::var_os("XDG_CACHE_HOME")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .ok_or_else(|| Failure::new("there is no home folder; set XDG_CACHE_HOME to a folder for compiled tools"))?
            .join("tidegate");
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
        Ok(Self { root, cache, target, toolchain: None })
    }

    /// A program, started in the checkout's folder.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root);
        forget_cargo_run(&mut command);
        if let Some(toolchain) = &self.toolchain {
            command.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        command
    }

    /// Cargo, with the toolchain that set-up chose.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A script of an npm package of the checkout, by its path under `node_modules` (works where no shell does).
    pub fn node_script(&self, script: &str) -> Command {
        let mut command = self.command("node");
        command.arg(self.root.join("node_modules").join(script));
        command
    }
}

/// Takes out of the environment what `cargo run` put in for xtask alone, so that other builds do not see it.
fn forget_cargo_run(command: &mut Command) {
    for (name, value) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO" {
            command.env_remove(&name);
        }
        if text == "LD_LIBRARY_PATH" {
            let ours = env::split_paths(&value).filter(|path| !is_of_cargo_run(path));
            match env::join_paths(ours) {
                Ok(paths) if !paths.is_empty() => command.env(&name, paths),
                _ => command.env_remove(&name),
            };
        }
    }
}

/// Libraries of a toolchain or of a build: `cargo run` and rustup add them, no user does.
fn is_of_cargo_run(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    parts.contains(&"toolchains")
        || parts.contains(&"rustlib")
        || matches!(parts.as_slice(), [.., "debug"] | [.., "debug", "deps"])
}
