//! `bench start`: how fast the package starts and what it keeps in memory, in Node, Chromium and workerd. `bench efficiency`: how near the engine comes
//! to the optimum. `bench core`: what a task costs the engine, however many wait.

use crate::failure::Result;
use crate::package::{self, Variant};
use crate::process::run;
use crate::project::Project;
use crate::setup::browser::Browser;
use crate::setup::{Tools, npm};
use std::ffi::OsString;

/// Builds the bench of efficiency and runs it with these arguments; it needs nothing but cargo.
///
/// # Errors
/// When it cannot be built, does not know an argument, or cannot write what it was asked to.
pub fn efficiency(project: &Project, arguments: &[OsString]) -> Result {
    let mut command =
        project.cargo(&["run", "--quiet", "--profile", "quick", "--package", "tidegate-efficiency", "--"]);
    run(command.args(arguments))
}

/// What a task costs the core, in time and in memory, while up to 100,000 wait.
///
/// # Errors
/// When it cannot be built or ends in failure.
pub fn core(project: &Project) -> Result {
    run(&mut project.cargo(&["bench", "--quiet", "--package", "tidegate-bench-core"]))
}

/// Builds the package and prints medians, for information: they are of this machine and of what else it does.
///
/// # Errors
/// When something cannot be built, started or measured.
pub fn start(project: &Project, tools: &Tools, browser: &Browser) -> Result {
    package::build(project, tools, Variant::Ship)?;
    let folder = project.root.join("benches");
    npm::set_up(project, &folder)?;
    let mut measure = project.command("node");
    measure.arg("start/run.mjs").current_dir(folder);
    browser.tell(&mut measure);
    run(&mut measure)
}
