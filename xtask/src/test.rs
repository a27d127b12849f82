//! `test`: everything, from the checks and the native units to the page in a browser.

use crate::check;
use crate::demo;
use crate::failure::{Failure, Result};
use crate::files;
use crate::hosts;
use crate::package::{self, Variant};
use crate::peers;
use crate::process::{Server, run_quietly};
use crate::project::Project;
use crate::report::{Counts, Report};
use crate::setup::npm::{self, npm};
use crate::setup::{self, Tools};
use crate::size;
use crate::wasm_pack;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

const WITH_NATIVE_BENCH: &str = "efficiency: the package in Node comes to what the engine does natively";
const CORPUS: &str = "answers met in the world, through the package";
const OPENAI_SPEC: &str = "requests and answers by OpenAI's own description";

/// Runs every part and prints what ran and how many tests passed in each.
///
/// # Errors
/// When a part failed, reported no test or could not be run.
pub fn test(project: &Project, tools: &Tools) -> Result {
    let mut report = Report::default();
    check::parts(project, tools, &mut report);
    let native = project.cargo(&["test", "--workspace", "--no-fail-fast"]);
    report.tests("native: units, properties, simulator", Counts::of_cargo, Ok(native));
    let browser = setup::browser::set_up();
    wasm_pack::rows(project, tools, &browser, &mut report);

    let is_built = report.check("the package, and the one that can trap", || {
        package::build(project, tools, Variant::Trap)?;
        package::build(project, tools, Variant::Ship).map(|_| ())
    });
    let has_simulator = report.check("the simulator's server", || demo::build_simulator(project));
    let of_client = "simulator: OpenAI's own client";
    if has_simulator {
        report.tests(of_client, Counts::of_node, openai_client(project));
    } else {
        report.not_run(of_client, "the simulator's server was not built");
    }
    if is_built && has_simulator {
        facade(project, &mut report);
        report.tests(CORPUS, Counts::of_node, corpus(project));
        report.tests(OPENAI_SPEC, Counts::of_node, openai_spec(project));
        tarball(project, &mut report);
        report.tests("types, by every compiler; publint, attw", Counts::of_node, types(project));
        hosts(project, &mut report);
        workers(project, &mut report);
        report.check(WITH_NATIVE_BENCH, || peers::agree(project));
        report.check("size: every build within its budget", || size::within_budget(project));
        report.check("the page in Chromium and Firefox", || demo::headless_check(project, &browser?));
    } else {
        for part in [
            "facade",
            CORPUS,
            OPENAI_SPEC,
            "tarball in an empty folder",
            "types, by every compiler; publint, attw",
            "hosts",
            "requests in workerd",
            WITH_NATIVE_BENCH,
            "size: every build within its budget",
            "the page in Chromium and Firefox",
        ] {
            report.not_run(part, "what it needs was not built");
        }
    }
    report.finish()
}

/// The simulator's own check: OpenAI's client takes it for OpenAI.
fn openai_client(project: &Project) -> Result<Command> {
    with_own_simulator(project, "tests/openai-client")
}

/// What the package sends to OpenAI and its kin, and what the simulator answers in OpenAI's name, by OpenAI's description of its API.
fn openai_spec(project: &Project) -> Result<Command> {
    let mut command = with_own_simulator(project, "tests/openai-spec")?;
    command.env("TIDEGATE_PACKAGE", Variant::Ship.folder(project));
    Ok(command)
}

/// The tests of a folder that start a simulator themselves.
fn with_own_simulator(project: &Project, folder: &str) -> Result<Command> {
    let folder = project.root.join(folder);
    npm::set_up(project, &folder)?;
    let mut command = project.command("node");
    command.current_dir(&folder).args(["--test", "--test-timeout=120000", "--test-reporter", "spec"]);
    command.args(test_files(&folder)?).env("TIDEGATE_SIMULATOR_PROGRAM", demo::simulator(project));
    Ok(command)
}

/// The facade's own tests, with a simulator that they may use.
fn facade(project: &Project, report: &mut Report) {
    let simulator = start_simulator(project);
    let command = simulator.as_ref().map_err(Failure::again).and_then(|simulator| {
        let tests = test_files(&project.root.join("pkg-template/test"))?;
        let mut command = node_tests(project, &project.root, &tests, &demo::address(simulator)?);
        command.env("TIDEGATE_PACKAGE", Variant::Ship.folder(project));
        command.env("TIDEGATE_TRAP_PACKAGE", Variant::Trap.folder(project));
        Ok(command)
    });
    report.tests("facade", Counts::of_node, command);
}

/// The rows of `tests/wire`, which the native tests play against the engine, through the built package.
fn corpus(project: &Project) -> Result<Command> {
    let mut command = project.command("node");
    command.current_dir(&project.root).args(["--test", "--test-reporter", "spec"]);
    command.args(test_files(&project.root.join("tests/wire"))?).env("TIDEGATE_PACKAGE", Variant::Ship.folder(project));
    Ok(command)
}

/// The packed tarball as a new user gets it: installed in an empty folder, then imported and required.
fn tarball(project: &Project, report: &mut Report) {
    let simulator = start_simulator(project);
    let folder = files::TemporaryFolder::new("tarball");
    let prepared = simulator.and_then(|simulator| Ok((simulator, folder?)));
    let command = prepared.as_ref().map_err(Failure::again).and_then(|(simulator, folder)| {
        install_tarball(project, &folder.path)?;
        let mut tests = Vec::new();
        for script in test_files(&project.root.join("tests/package"))? {
            let copy = folder.path.join(files::name_of(&script));
            files::copy(&script, &copy)?;
            tests.push(copy);
        }
        Ok(node_tests(project, &folder.path, &tests, &demo::address(simulator)?))
    });
    report.tests("tarball in an empty folder", Counts::of_node, command);
}

/// The tarball's declarations by every promised compiler, and its entries by those who know how packages go wrong.
fn types(project: &Project) -> Result<Command> {
    let folder = project.root.join("tests/types");
    npm::set_up(project, &folder)?;
    let packed = package::pack(project, &Variant::Ship.folder(project))?;
    let mut command = project.command("node");
    command.current_dir(&folder).args(["--test", "--test-reporter", "spec"]).args(test_files(&folder)?);
    command.env("TIDEGATE_TARBALL", packed);
    Ok(command)
}

/// An image in every host, and the README's table of them.
fn hosts(project: &Project, report: &mut Report) {
    if report.tests("hosts", Counts::of_node, hosts::command(project)) {
        report.check("the README's table of hosts", || hosts::readme_names_them(project));
    } else {
        report.not_run("the README's table of hosts", "a host failed");
    }
}

/// The packed tarball in workerd: one client for many requests, which may share no I/O.
fn workers(project: &Project, report: &mut Report) {
    let simulator = start_simulator(project);
    let folder = files::TemporaryFolder::new("workers");
    let prepared = simulator.and_then(|simulator| Ok((simulator, folder?)));
    let command = prepared.as_ref().map_err(Failure::again).and_then(|(simulator, folder)| {
        let own = project.root.join("tests/workers");
        npm::set_up(project, &own)?;
        install_tarball(project, &folder.path)?;
        let mut command = node_tests(project, &own, &test_files(&own)?, &demo::address(simulator)?);
        command.env("TIDEGATE_PACKAGE", folder.path.join("node_modules/tidegate"));
        Ok(command)
    });
    report.tests("requests in workerd", Counts::of_node, command);
}

fn install_tarball(project: &Project, folder: &Path) -> Result {
    let packed = package::pack(project, &Variant::Ship.folder(project))?;
    files::write(&folder.join("package.json"), "{ \"private\": true }\n")?;
    run_quietly(npm(project).args(["install", "--offline"]).arg(&packed).current_dir(folder))
}

fn start_simulator(project: &Project) -> Result<Server> {
    // Nobody listens: a test that loses its simulator fails by itself.
    let (ended, _) = mpsc::channel();
    demo::start_simulator(project, &demo::QUICK, &ended)
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut tests = files::list(folder)?;
    tests.retain(|path| files::name_of(path).contains(".test."));
    if tests.is_empty() {
        return Err(Failure::new(format!("{} holds no *.test.* file", folder.display())));
    }
    Ok(tests)
}

fn node_tests(project: &Project, folder: &Path, tests: &[PathBuf], simulator: &str) -> Command {
    let mut command = project.command("node");
    command.current_dir(folder).args(["--test", "--test-reporter", "spec"]).args(tests);
    command.env("TIDEGATE_SIMULATOR", simulator);
    command
}
