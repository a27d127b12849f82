//! The wasm32-unknown-unknown target: rustup's where rustup can, else Debian's Rust with a std built here.

use crate::failure::{Failure, Result};
use crate::files;
use crate::process::{capture, run_quietly, say};
use crate::project::{Project, WASM};
use crate::setup::debian_rust;
use std::path::{Path, PathBuf};

/// Which way to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The active compiler if it has the target, else rustup, else Debian.
    Auto,
    /// Rustup's or nothing; takes back an earlier choice of Debian's.
    Rustup,
    /// Debian's Rust, even where rustup could.
    Debian,
}

impl Choice {
    /// # Errors
    /// When it is none of the three words.
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "auto" => Ok(Self::Auto),
            "rustup" => Ok(Self::Rustup),
            "debian" => Ok(Self::Debian),
            _ => Err(Failure::new(format!("the wasm target comes from auto, rustup or debian, not from {word:?}"))),
        }
    }
}

/// Makes `cargo build --target wasm32-unknown-unknown` work in the checkout.
///
/// # Errors
/// When neither way works here; the text names the lines that would.
pub fn set_up(project: &mut Project, choice: Choice) -> Result {
    match choice {
        Choice::Debian => debian_rust::set_up(project),
        Choice::Rustup => {
            leave_debian(project)?;
            if !active_compiler_has_it(project) {
                add_by_rustup(project)?;
            }
            Ok(())
        }
        Choice::Auto => {
            if active_compiler_has_it(project) {
                return Ok(());
            }
            let Err(by_rustup) = add_by_rustup(project) else { return Ok(()) };
            say("rustup could not; taking Debian's Rust instead");
            debian_rust::set_up(project).map_err(|by_debian| {
                Failure::new(format!("there is no {WASM} target.\n\nBy rustup: {by_rustup}\nBy Debian: {by_debian}"))
            })
        }
    }
}

fn active_compiler_has_it(project: &Project) -> bool {
    let Ok(sysroot) = capture(project.command("rustc").args(["--print", "sysroot"])) else { return false };
    let sysroot = PathBuf::from(sysroot);
    let has_std = files::list(&sysroot.join("lib/rustlib").join(WASM).join("lib"))
        .is_ok_and(|libraries| libraries.iter().any(|path| files::name_of(path).starts_with("libstd-")));
    has_std && !is_out_of_date(project, &sysroot)
}

/// Whether this is our folder of an earlier version of Debian's compiler, which cannot read it any more.
fn is_out_of_date(project: &Project, sysroot: &Path) -> bool {
    debian_rust::is_ours(sysroot) && debian_rust::sysroot(project).is_ok_and(|current| current != sysroot)
}

fn add_line(project: &Project) -> String {
    match std::env::var("RUSTUP_TOOLCHAIN").ok().or_else(|| project.toolchain.clone()) {
        Some(toolchain) if toolchain != debian_rust::TOOLCHAIN => {
            format!("rustup target add {WASM} --toolchain {toolchain}")
        }
        _ => format!("rustup target add {WASM}"),
    }
}

fn add_by_rustup(project: &Project) -> Result {
    say(&format!("adding the {WASM} target by rustup"));
    let mut command = project.command("rustup");
    // A second attempt at a download that fails changes nothing here, and there is another way.
    command.args(["target", "add", WASM]).env("RUSTUP_MAX_RETRIES", "1").env("RUST_BACKTRACE", "0");
    run_quietly(&mut command).map_err(|failure| Failure::by_hand(&failure.to_string(), &add_line(project)))?;
    if active_compiler_has_it(project) {
        return Ok(());
    }
    Err(Failure::new(format!("rustup added {WASM} to a toolchain that is not the active one")))
}

/// Undoes the directory override, and finds the toolchain that is active without it.
fn leave_debian(project: &mut Project) -> Result {
    let active = std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_default();
    if active != debian_rust::TOOLCHAIN {
        return Ok(());
    }
    say("leaving Debian's Rust: unsetting rustup's override of this folder");
    run_quietly(project.command("rustup").args(["override", "unset", "--path"]).arg(&project.root))?;
    let shown = capture(project.command("rustup").args(["show", "active-toolchain"]).env_remove("RUSTUP_TOOLCHAIN"))?;
    project.toolchain = shown.split_whitespace().next().map(str::to_owned);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_of_three_words() {
        assert_eq!(Choice::parse("debian").ok(), Some(Choice::Debian));
        assert!(Choice::parse("Debian").is_err());
    }
}
