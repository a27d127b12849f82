//! `bench peers`: the built package over the native bench's cells, which must come to the same, and beside it what else a user would pick.
//! `bench cpu`: what a task costs in Node, beside p-queue and p-retry.

use crate::failure::{Failure, Result};
use crate::files;
use crate::package::{self, Variant};
use crate::process::{run, run_quietly};
use crate::project::Project;
use crate::readme;
use crate::setup::{Tools, npm};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What of it to run, and what to do with the figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The cells whose names hold these words.
    pub only: Option<String>,
    /// Put the table into the README.
    pub write_readme: bool,
}

/// Builds the package, prints how near it is to the native bench and how its peers fare in the same worlds.
///
/// # Errors
/// When a run in Node is not what the native bench has, or something cannot be built.
pub fn peers(project: &Project, tools: &Tools, options: &Options) -> Result {
    if options.write_readme && options.only.is_some() {
        return Err(Failure::new("the README's table is of all cells: --write-readme goes without --only"));
    }
    package::build(project, tools, Variant::Ship)?;
    let work = work(project)?;
    let (native, table) = (work.join("native.json"), work.join("table.md"));
    run_quietly(
        project
            .cargo(&["run", "--quiet", "--profile", "quick", "--package", "tidegate-efficiency", "--"])
            .args(["--subset", "--json"])
            .arg(&native),
    )?;
    let mut command = bench(project, "bench.mjs")?;
    command.arg(&native).arg("--table").arg(&table).arg("--json").arg(work.join("figures.json"));
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    run(&mut command)?;
    if options.write_readme {
        readme::write(project, "peers", &files::read_text(&table)?)?;
    }
    Ok(())
}

/// One seed of each cell: the package that is built already comes to what the engine comes to natively.
///
/// # Errors
/// When it does not, or something cannot be built.
pub fn agree(project: &Project) -> Result {
    let native = work(project)?.join("one-seed.json");
    // As the tests are built, so that nothing is compiled for this alone.
    run_quietly(
        project
            .cargo(&["run", "--quiet", "--package", "tidegate-efficiency", "--", "--subset", "--seeds", "1", "--json"])
            .arg(&native),
    )?;
    run(bench(project, "bench.mjs")?.arg(&native).arg("--package"))
}

/// Builds the package and prints what a task costs, for information: the times are of this machine, their ratio much less so.
///
/// # Errors
/// When something cannot be built or a task failed.
pub fn cpu(project: &Project, tools: &Tools) -> Result {
    package::build(project, tools, Variant::Ship)?;
    run(&mut bench(project, "cpu.mjs")?)
}

fn work(project: &Project) -> Result<PathBuf> {
    let work = project.target.join("peers");
    files::make_folder(&work)?;
    Ok(work)
}

fn bench(project: &Project, script: impl AsRef<Path>) -> Result<Command> {
    let folder = project.root.join("benches/peers");
    npm::set_up(project, &folder)?;
    let mut command = project.command("node");
    command.arg("--expose-gc").arg(folder.join(script)).current_dir(folder);
    Ok(command)
}
