//! Debian packages.

use crate::failure::{Failure, Result};
use crate::process::{capture, find_program, run_quietly, say};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let is_installed = |package: &str| {
        capture(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
            .is_ok_and(|status| status == "installed")
    };
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Installs what is not installed yet, from fresh package lists: an image's own may be months old and name compilers that are too.
///
/// # Errors
/// When this is no Debian, the user is not root, or apt-get fails. The text ends with the line to run by hand.
pub fn install(packages: &[&str], purpose: &str) -> Result {
    let by_hand = |problem: &str| {
        let line = format!("sudo apt-get update && sudo apt-get install -y {}", packages.join(" "));
        Failure::by_hand(problem, &line)
    };
    if find_program(&["apt-get"]).is_none() || find_program(&["dpkg-query"]).is_none() {
        return Err(by_hand(&format!(
            "{purpose}: there is no apt-get here; on Debian and its relatives it would be this."
        )));
    }
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if capture(Command::new("id").arg("-u"))? != "0" {
        return Err(by_hand(&format!("{purpose}: installing Debian packages needs root.")));
    }
    say(&format!("installing Debian packages ({purpose}): {}", missing.join(" ")));
    if let Err(failure) = update() {
        say(&format!("going on with the old ones: {failure}"));
    }
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(&missing);
    run_quietly(&mut apt_get(&words)).map_err(|failure| by_hand(&failure.to_string()))
}

/// Fetches the package lists, once a run.
///
/// # Errors
/// When apt-get fails.
fn update() -> Result {
    static FETCHED: AtomicBool = AtomicBool::new(false);
    if FETCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    say("fetching Debian's package lists");
    run_quietly(&mut apt_get(&["update"]))
}

/// The newest package named `lld-N`.
///
/// # Errors
/// When there is none, even with fresh package lists.
pub fn newest_lld() -> Result<(String, u32)> {
    let search =
        || capture(Command::new("apt-cache").args(["search", "--names-only", "^lld-[0-9]+$"])).unwrap_or_default();
    let newest = match newest_lld_in(&search()) {
        Some(version) => Some(version),
        None => {
            update()?;
            newest_lld_in(&search())
        }
    };
    let version = newest.ok_or_else(|| Failure::new("Debian's package lists hold no package lld-N"))?;
    Ok((format!("lld-{version}"), version))
}

fn newest_lld_in(list: &str) -> Option<u32> {
    list.lines().filter_map(|line| line.split_whitespace().next()?.strip_prefix("lld-")?.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_linker_is_newest_by_number() {
        let list = "lld-9 - LLVM-based linker\nlld-22 - LLVM-based linker\nlld-19 - LLVM-based linker\n";
        assert_eq!(newest_lld_in(list), Some(22));
        assert_eq!(newest_lld_in(""), None);
    }
}
