//! `relays`: the built package through LiteLLM's proxy against the simulator; what each fault becomes on the way.

use crate::demo;
use crate::failure::{Failure, Result};
use crate::files;
use crate::package::{self, Variant};
use crate::process::{capture, find_program, run, run_quietly, say};
use crate::project::Project;
use crate::setup::Tools;
use std::path::{Path, PathBuf};

/// What is done with what came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Faults whose name holds this; all by default.
    pub only: Option<String>,
    /// Make `docs/relays.md` and `tests/wire/litellm.jsonl` anew.
    pub write: bool,
}

/// Where the relay's packages and their versions stand.
const REQUIREMENTS: &str = "tests/relays/requirements.txt";

/// Installs the relay, builds what it stands between, and plays the faults.
///
/// # Errors
/// When something cannot be installed or built, or the relay does not start. A fault that comes out wrong is printed, and is no error: this is a measurement.
pub fn relays(project: &Project, tools: &Tools, options: &Options) -> Result {
    if options.only.is_some() && options.write {
        return Err(Failure::new("the page and the cases are of all faults: --write goes without --only"));
    }
    let requirements = project.root.join(REQUIREMENTS);
    let version = version(&files::read_text(&requirements)?)?;
    let environment = set_up(project, &requirements, &version)?;
    package::build(project, tools, Variant::Ship)?;
    demo::build_simulator(project)?;
    let folder = files::TemporaryFolder::new("relays")?;
    let mut command = project.command("node");
    command.arg("tests/relays/run.mjs").args(["--version", &version]);
    command.env("TIDEGATE_PACKAGE", Variant::Ship.folder(project));
    command.env("TIDEGATE_SIMULATOR_PROGRAM", demo::simulator(project));
    command.env("TIDEGATE_LITELLM", program(&environment, "litellm"));
    command.env("TIDEGATE_RELAYS_FOLDER", &folder.path);
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    if options.write {
        command.arg("--page").arg(project.root.join("docs/relays.md"));
        command.arg("--cases").arg(project.root.join("tests/wire/litellm.jsonl"));
    }
    run(&mut command)
}

/// The version of LiteLLM among the requirements.
fn version(requirements: &str) -> Result<String> {
    let line = requirements.lines().find_map(|line| line.strip_prefix("litellm=="));
    line.map(|version| version.trim().to_owned())
        .ok_or_else(|| Failure::new(format!("{REQUIREMENTS} pins no version of litellm")))
}

/// A virtual environment of its own for each version, in the cache folder: some 700 MB.
fn set_up(project: &Project, requirements: &Path, version: &str) -> Result<PathBuf> {
    let environment = project.cache.join(format!("litellm-{version}"));
    let installed = environment.join("installed.txt");
    if files::same(requirements, &installed) {
        return Ok(environment);
    }
    let python = find_program(&["python3", "python"])
        .ok_or_else(|| Failure::new("Python 3.10 or newer is needed for LiteLLM, and there is none in PATH"))?;
    say(&format!("installing LiteLLM {version} into {} (some minutes)", environment.display()));
    files::remove_folder(&environment)?;
    run_quietly(project.command(&python).args(["-m", "venv"]).arg(&environment))
        .map_err(|failure| Failure::by_hand(&failure.to_string(), "apt-get install python3-venv"))?;
    // Just what the file names, and nothing that these packages would like besides.
    let words = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", "--requirement"];
    run_quietly(project.command(program(&environment, "python")).args(words).arg(requirements))?;
    let told = capture(project.command(program(&environment, "python")).args(["-m", "pip", "check"]));
    if let Err(failure) = told {
        say(&format!("{failure}"));
    }
    files::copy(requirements, &installed)?;
    Ok(environment)
}

/// A program of a virtual environment.
fn program(environment: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    environment.join(folder).join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_pinned_one() {
        let pinned = version("idna==3.20\nlitellm==1.104.0\nlitellm-enterprise==0.1.71\n");
        assert_eq!(pinned.ok().as_deref(), Some("1.104.0"));
        assert!(version("litellm-enterprise==0.1.71\n").is_err());
    }
}
