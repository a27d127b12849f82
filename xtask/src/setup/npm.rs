//! npm packages, from committed lock files only.

use crate::failure::{Failure, Result};
use crate::files;
use crate::process::{capture, run_quietly, say};
use crate::project::Project;
use std::path::Path;
use std::process::Command;

const OLDEST_NODE: u32 = 20;

/// npm itself; on Windows it is a script.
pub fn npm(project: &Project) -> Command {
    project.command(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Installs what `folder/package-lock.json` names, unless that is what was installed last.
///
/// # Errors
/// When Node.js is missing or too old, there is no lock file, or npm fails.
pub fn set_up(project: &Project, folder: &Path) -> Result {
    need_node(project)?;
    let lock = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.installed-lock.json");
    if !lock.is_file() {
        return Err(Failure::new(format!("{} is missing: packages come from a committed lock only", lock.display())));
    }
    if files::same(&lock, &installed) {
        return Ok(());
    }
    say(&format!("installing the npm packages of {}", lock.display()));
    if let Err(failure) = run_quietly(npm(project).arg("ci").current_dir(folder)) {
        // What a registry does not have of packages for other machines, a lock made there lacks; `ci` then refuses all of it.
        if !failure.to_string().contains(" from lock file") {
            return Err(failure);
        }
        say("npm ci wants packages for other machines too, which the lock lacks; taking what it has");
        run_quietly(npm(project).args(["install", "--no-save"]).current_dir(folder))?;
    }
    // A lock without packages makes no folder.
    files::make_folder(&folder.join("node_modules"))?;
    files::copy(&lock, &installed)
}

fn need_node(project: &Project) -> Result {
    let found = capture(project.command("node").arg("--version")).unwrap_or_else(|_| "none".to_owned());
    if major(&found).is_some_and(|version| version >= OLDEST_NODE) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Node.js {OLDEST_NODE} or newer with npm is needed (found: {found}); install it from nodejs.org or by a version manager"
    )))
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("none"), None);
    }
}
