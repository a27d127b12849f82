//! `demo`: the simulator and the page, by one URL.

use crate::failure::{Failure, Result};
use crate::process::{Server, run, say};
use crate::project::{Project, VERSION};
use crate::setup::npm::{self, npm};
use crate::setup::{self, browser::Browser};
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};

/// Runs until Ctrl-C, or until one of the two servers ends.
///
/// # Errors
/// When something cannot be built or started, or a server ends by itself.
pub fn run_until_stopped(project: &Project) -> Result {
    let (ended, on_end) = mpsc::channel();
    let pair = start(project, &WATCHABLE, &ended)?;
    println!("\ntidegate {VERSION}: open  {}  (Ctrl-C stops it)\n", pair.url);
    // Ctrl-C ends this process, and with it both servers: their stdin closes.
    let name = on_end.recv().map_err(|error| Failure::new(error.to_string()))?;
    Err(Failure::new(format!("{name} ended")))
}

/// Uses the page in Chromium and in Firefox.
///
/// # Errors
/// When pictures are missing, or anything else that `www/headless-check.mjs` looks at is wrong.
pub fn headless_check(project: &Project, browser: &Browser) -> Result {
    let (ended, _on_end) = mpsc::channel();
    let pair = start(project, &QUICK, &ended)?;
    let mut check = project.command("node");
    check.arg("www/headless-check.mjs").arg(&pair.url);
    browser.tell(&mut check);
    check.env("FIREFOX", setup::browser::firefox()?);
    run(&mut check)
}

struct Pair {
    url: String,
    _simulator: Server,
    _page: Server,
}

fn start(project: &Project, settings: &[&str], ended: &Sender<String>) -> Result<Pair> {
    build_simulator(project)?;
    build_page(project)?;
    let simulator = start_simulator(project, settings, ended)?;
    let page = Server::start("the page's server", project.command("node").arg("www/serve.mjs"), ended)?;
    let url = format!("{}/?simulator={}", address(&page)?, address(&simulator)?);
    Ok(Pair { url, _simulator: simulator, _page: page })
}

/// Compiles the simulator's server.
///
/// # Errors
/// When it does not compile.
pub fn build_simulator(project: &Project) -> Result {
    run(&mut project.cargo(&["build", "--quiet", "--release", "--package", "tidegate-simulator", "--bin", "simulator"]))
}

/// A few seconds a picture, so that there is something to see; a real provider takes 8 to 30. Its limit is not told to the page.
const WATCHABLE: [&str; 6] = ["--duration", "uniform:2000,6000", "--latency-ms", "60", "--concurrency", "23"];

/// Durations of a few hundred milliseconds in the place of a real provider's many seconds, for what nobody watches.
pub const QUICK: [&str; 6] = ["--duration", "lognormal:300,200,600", "--queued-ms", "50", "--archiving-ms", "50"];

/// The simulator's server, where [`build_simulator`] puts it.
pub fn simulator(project: &Project) -> PathBuf {
    project.target.join("release/simulator").with_extension(std::env::consts::EXE_EXTENSION)
}

/// Starts the simulator's server on a free port, with these settings.
///
/// # Errors
/// When it cannot be started.
pub fn start_simulator(project: &Project, settings: &[&str], ended: &Sender<String>) -> Result<Server> {
    let mut command = project.command(simulator(project));
    Server::start("the simulator", command.args(["--port", "0", "--stop-with-stdin"]).args(settings), ended)
}

/// Where a server listens.
///
/// # Errors
/// When its first line holds no address.
pub fn address(server: &Server) -> Result<String> {
    address_in(&server.first_line)
        .ok_or_else(|| Failure::new(format!("no address in the first line of a server: {}", server.first_line)))
}

fn address_in(line: &str) -> Option<String> {
    let address = line.split_whitespace().find(|word| word.starts_with("http://"))?;
    Some(address.trim_end_matches('/').to_owned())
}

/// Builds the page into `www/dist`.
fn build_page(project: &Project) -> Result {
    let page = project.root.join("www");
    npm::set_up(project, &page)?;
    say("building the page");
    run(npm(project).args(["run", "--silent", "build"]).current_dir(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_first_line() {
        let expected = Some("http://127.0.0.1:4321".to_owned());
        assert_eq!(address_in("listening on http://127.0.0.1:4321"), expected);
        assert_eq!(address_in("http://127.0.0.1:4321/"), expected);
        assert_eq!(address_in("listening"), None);
    }
}
