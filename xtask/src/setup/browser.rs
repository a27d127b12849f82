//! Browsers and their drivers: the system's, else Debian's packages.

use crate::failure::{Failure, Result};
use crate::process::find_program;
use crate::project::Project;
use crate::setup::apt;
use crate::setup::cargo_tool::{self, CargoTool};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Chromium, which tests can drive.
pub struct Browser {
    chromium: PathBuf,
    driver: PathBuf,
}

impl Browser {
    /// Chromium's driver.
    pub fn driver(&self) -> &Path {
        &self.driver
    }

    /// Tells a child process where both are.
    pub fn tell(&self, command: &mut Command) {
        command.env("CHROMIUM", &self.chromium).env("CHROMEDRIVER", &self.driver);
    }
}

/// Finds both, or installs them.
///
/// # Errors
/// When they are not there and cannot be installed here.
pub fn set_up() -> Result<Browser> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    apt::install(&["chromium", "chromium-driver"], "a browser for the tests")?;
    find().ok_or_else(|| Failure::new("Debian's Chromium is installed, but not in PATH"))
}

/// Finds Firefox, or installs it.
///
/// # Errors
/// When it is not there and cannot be installed here.
pub fn firefox() -> Result<PathBuf> {
    let find = || named("FIREFOX").or_else(|| find_program(&["firefox-esr", "firefox"]));
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&["firefox-esr"], "Firefox for the tests")?;
    find().ok_or_else(|| Failure::new("Debian's Firefox is installed, but not in PATH"))
}

/// Finds Firefox's driver, or compiles it: Debian does not have it.
///
/// # Errors
/// When it is not there and does not compile.
pub fn geckodriver(project: &Project) -> Result<PathBuf> {
    if let Some(found) = named("GECKODRIVER").or_else(|| find_program(&["geckodriver"])) {
        return Ok(found);
    }
    let tool = CargoTool {
        name: "geckodriver",
        version: "0.37.1".to_owned(),
        programs: ["geckodriver"],
        flags: &["--locked"],
    };
    let [geckodriver] = cargo_tool::set_up(project, &tool)?;
    Ok(geckodriver)
}

/// Finds WebKitGTK's driver, and what a display and a message bus need, or installs them.
///
/// # Errors
/// When one is not there and cannot be installed here.
pub fn webkit_driver() -> Result<PathBuf> {
    let find = || {
        let has_display = ["xvfb-run", "xauth", "dbus-run-session"].iter().all(|name| find_program(&[name]).is_some());
        named("WEBKITDRIVER").or_else(|| find_program(&["WebKitWebDriver"])).filter(|_| has_display)
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&["webkit2gtk-driver", "xvfb", "xauth", "dbus-x11"], "WebKitGTK for the tests")?;
    find().ok_or_else(|| Failure::new("Debian's WebKitGTK is installed, but its driver is not in PATH"))
}

/// A program that the environment names.
fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file())
}

fn find() -> Option<Browser> {
    let chromium = named("CHROMIUM").or_else(|| {
        find_program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"])
    })?;
    let driver = named("CHROMEDRIVER").or_else(|| find_program(&["chromedriver"]))?;
    Some(Browser { chromium, driver })
}
