//! `wasm-pack test` on the checkout, as a Rust programmer runs it: in Node, Chromium and Firefox, in a window and in a worker, and the documentation's examples.

use crate::failure::{Failure, Result};
use crate::project::Project;
use crate::report::{Counts, Report};
use crate::setup::Tools;
use crate::setup::browser::{self, Browser};
use crate::setup::cargo_tool::{self, CargoTool};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "0.15.1";

/// Those rows alone.
///
/// # Errors
/// When one failed or could not be run.
pub fn test(project: &Project, tools: &Tools) -> Result {
    let mut report = Report::default();
    rows(project, tools, &browser::set_up(), &mut report);
    report.finish()
}

/// A row for each place where the tests run.
pub fn rows(project: &Project, tools: &Tools, browser: &Result<Browser>, report: &mut Report) {
    let wasm_pack = set_up(project);
    let run = |arguments: &[&str], driver: Option<(&str, Result<PathBuf>)>| {
        let mut command = command(project, tools, wasm_pack.as_ref().map_err(Failure::again)?)?;
        command.args(arguments);
        if let Some((name, path)) = driver {
            command.arg("--headless").arg(name).arg(path?);
        }
        Ok(command)
    };
    report.tests("wasm-pack test: Node", Counts::of_cargo, run(&["--node"], None));
    let chromium = browser.as_ref().map(|browser| browser.driver().to_path_buf()).map_err(Failure::again);
    let command = run(&["--chrome"], Some(("--chromedriver", chromium)));
    report.tests("wasm-pack test: Chromium", Counts::of_cargo, command);
    let firefox = browser::firefox().and_then(|_| browser::geckodriver(project));
    let command = run(&["--firefox"], Some(("--geckodriver", firefox)));
    report.tests("wasm-pack test: Firefox", Counts::of_cargo, command);
}

fn set_up(project: &Project) -> Result<PathBuf> {
    let tool =
        CargoTool { name: "wasm-pack", version: VERSION.to_owned(), programs: ["wasm-pack"], flags: &["--locked"] };
    cargo_tool::set_up(project, &tool).map(|[wasm_pack]| wasm_pack)
}

fn command(project: &Project, tools: &Tools, wasm_pack: &Path) -> Result<Command> {
    let mut command = project.command(wasm_pack);
    // What it does not find in PATH it would download.
    command.args(["test", "--mode", "no-install"]).env("CARGO_TARGET_DIR", &project.target);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = tools.wasm_bindgen.parent().map(Path::to_path_buf).into_iter().chain(env::split_paths(&path));
    let path = env::join_paths(folders).map_err(|error| Failure::new(format!("PATH: {error}")))?;
    command.env("PATH", path);
    // Seconds; the runner's own 20 and 5 are short for a browser that starts on a busy machine.
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "120").env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    Ok(command)
}
