//! Chromium with its driver, and Firefox: the system's, else Debian's packages.

use crate::failure::{Failure, Result};
use crate::process::find_program;
use crate::setup::apt;
use std::path::PathBuf;
use std::process::Command;

/// A browser that tests can drive.
pub struct Browser {
    chromium: PathBuf,
    driver: PathBuf,
}

impl Browser {
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
