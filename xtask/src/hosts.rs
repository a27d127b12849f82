//! `hosts`: an image from the simulator in every host, by the packed package; and the README's table of them.

use crate::demo;
use crate::failure::{Failure, Result};
use crate::files;
use crate::package::{self, Variant};
use crate::process::run;
use crate::project::Project;
use crate::readme;
use crate::setup::{self, npm};
use std::path::PathBuf;
use std::process::Command;

/// Folders with rows whose hosts are npm packages.
const FOLDERS: [&str; 2] = ["tests/hosts", "tests/bundlers"];

/// Which rows run, and what else is done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Rows whose name holds this; all by default.
    pub only: Option<String>,
    /// Put the table into the README.
    pub write_readme: bool,
}

/// Runs the rows with a package that is built already.
///
/// # Errors
/// When a row fails, or a host is missing and cannot be installed here.
pub fn hosts(project: &Project, options: &Options) -> Result {
    if options.only.is_some() && options.write_readme {
        return Err(Failure::new("the README's table is of all rows: --write-readme goes without --only"));
    }
    demo::build_simulator(project)?;
    let mut command = command(project)?;
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    run(&mut command)?;
    if options.write_readme {
        return readme::write(project, "hosts", &files::read_text(&table(project))?);
    }
    Ok(())
}

/// What runs all rows, once the package and the simulator's server are built: it prints what it counts as Node's test runner does.
///
/// # Errors
/// When a host is missing and cannot be installed here.
pub fn command(project: &Project) -> Result<Command> {
    for folder in FOLDERS {
        npm::set_up(project, &project.root.join(folder))?;
    }
    let mut command = project.command(node(project)?);
    command.arg("tests/hosts/run.mjs");
    command.arg("--tarball").arg(package::pack(project, &Variant::Ship.folder(project))?);
    command.arg("--simulator").arg(demo::simulator(project)).arg("--table").arg(table(project));
    setup::browser::set_up()?.tell(&mut command);
    command.env("FIREFOX", setup::browser::firefox()?);
    command.env("GECKODRIVER", setup::browser::geckodriver(project)?);
    command.env("WEBKITDRIVER", setup::browser::webkit_driver()?);
    Ok(command)
}

/// That the README names the rows that ran last, and no others; of their versions it may be behind.
///
/// # Errors
/// When it does not.
pub fn readme_names_them(project: &Project) -> Result {
    let (told, ran) = (readme::read(project, "hosts")?, files::read_text(&table(project))?);
    if names(&told) == names(&ran) {
        return Ok(());
    }
    Err(Failure::by_hand("The README's table of hosts has other rows than ran.", "cargo xtask hosts --write-readme"))
}

/// The first and the last column of each row: a host, and what ran there.
fn names(table: &str) -> Vec<(&str, &str)> {
    table.lines().filter_map(first_and_last).collect()
}

fn first_and_last(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
    Some((columns.next()?, columns.next_back()?))
}

/// Where the harness leaves the table.
fn table(project: &Project) -> PathBuf {
    project.target.join("hosts.md")
}

/// The newest Node of those that are tried: the harness itself needs one of 22 or later.
fn node(project: &Project) -> Result<PathBuf> {
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let name = format!("node-24-{}-{processor}", std::env::consts::OS);
    let node = project.root.join("tests/hosts/node_modules").join(&name).join("bin/node");
    if node.is_file() {
        return Ok(node);
    }
    Err(Failure::new(format!("tests/hosts has no npm package {name}: the hosts run on Linux, on x64 and arm64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_differ_and_a_row_may_not() {
        let told = "| host | version | ran |\n|---|---|---|\n| Deno | 2.9.6 | import, require |\n";
        assert_eq!(names(told), names(&told.replace("2.9.6", "3.0.0")));
        assert_ne!(names(told), names(&told.replace(", require", "")));
        assert_ne!(names(told), names(&told.replace("Deno", "Bun")));
    }
}
