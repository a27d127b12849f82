//! Debian's Rust as a rustup toolchain, with a std for wasm built once.
//!
//! Debian ships the compiler and std's source but no std for wasm32-unknown-unknown. So std is built here, and a folder
//! is laid out that looks like a toolchain: small scripts that call Debian's programs with this folder as their
//! sysroot, because Debian's rustc otherwise takes the folder of its own library, which is not ours to write in.

use crate::failure::{Failure, Result};
use crate::files;
use crate::process::{capture, run_quietly, say};
use crate::project::{Project, WASM};
use crate::setup::apt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rustup calls it.
pub const TOOLCHAIN: &str = "tidegate-debian";

const COMPILER: &str = "/usr/bin/rustc";
const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web"];

/// Whether `folder` is one that this module made.
pub fn is_ours(folder: &Path) -> bool {
    folder.parent().is_some_and(|parent| files::name_of(parent) == TOOLCHAIN)
}

/// The folder for the version of Debian's compiler that is installed now; an upgrade gives another.
///
/// # Errors
/// When Debian's compiler is not installed.
pub fn sysroot(project: &Project) -> Result<PathBuf> {
    let version = capture(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", "rustc-web"]))?;
    // In rustup's home, not in a cache: without it cargo itself would not start in a checkout with the override.
    let home = capture(project.command("rustup").args(["show", "home"]))?;
    Ok(Path::new(&home).join(TOOLCHAIN).join(version))
}

/// Makes Debian's Rust the toolchain of this checkout.
///
/// # Errors
/// When the packages cannot be installed, std cannot be built or rustup is missing.
pub fn set_up(project: &mut Project) -> Result {
    apt::install(&PACKAGES, "a compiler for wasm")?;
    let sysroot = sysroot(project)?;
    if !sysroot.is_dir() {
        make_sysroot(project, &sysroot)?;
    }
    run_quietly(project.command("rustup").args(["toolchain", "link", TOOLCHAIN]).arg(&sysroot))?;
    run_quietly(project.command("rustup").args(["override", "set", TOOLCHAIN, "--path"]).arg(&project.root))?;
    project.toolchain = Some(TOOLCHAIN.to_owned());
    Ok(())
}

fn make_sysroot(project: &Project, sysroot: &Path) -> Result {
    let (lld, lld_version) = apt::newest_lld()?;
    apt::install(&[&lld], "a linker for wasm")?;
    let partial = sysroot.with_file_name(format!("partial-{}", std::process::id()));
    files::empty_folder(&partial)?;
    say(&format!("building std for {WASM} from Debian's source (about a minute, once)"));
    build_std(project, &partial)?;
    lay_out(&partial, sysroot, lld_version)?;
    // Renamed at the end, so that a run that was stopped leaves no half of a toolchain.
    files::rename(&partial, sysroot)?;
    let Some(parent) = sysroot.parent() else { return Ok(()) };
    for old in files::list(parent)?.iter().filter(|folder| *folder != sysroot) {
        files::remove_folder(old)?;
    }
    Ok(())
}

fn build_std(project: &Project, folder: &Path) -> Result {
    let crate_folder = folder.join("build");
    files::make_folder(&crate_folder.join("src"))?;
    files::write(&crate_folder.join("src/lib.rs"), "#![no_std]\n")?;
    let manifest = "[package]\nname = \"needs-std\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    files::write(&crate_folder.join("Cargo.toml"), manifest)?;
    let mut cargo = project.command("/usr/bin/cargo");
    cargo
        .current_dir(&crate_folder)
        .args(["build", "--release", "--target", WASM, "--target-dir", "target"])
        .arg("-Zbuild-std=core,alloc,std,panic_abort,panic_unwind,proc_macro,test")
        // Fat link-time optimisation reads the bitcode; build-std leaves it out otherwise.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("RUSTC", COMPILER)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("CARGO_BUILD_TARGET");
    run_quietly(&mut cargo)?;
    let libraries = folder.join("lib/rustlib").join(WASM).join("lib");
    files::make_folder(&libraries)?;
    for built in files::list(&crate_folder.join("target").join(WASM).join("release/deps"))? {
        let name = files::name_of(&built);
        if name.ends_with(".rlib") && !name.starts_with("libneeds_std") {
            files::copy(&built, &libraries.join(name))?;
        }
    }
    files::remove_folder(&crate_folder)
}

#[cfg(unix)]
fn lay_out(folder: &Path, sysroot: &Path, lld_version: u32) -> Result {
    let host = host()?;
    let programs = folder.join("bin");
    files::make_folder(&programs)?;
    let at = sysroot.display();
    for name in ["rustc", "rustdoc"] {
        files::write_program(
            &programs.join(name),
            &format!("#!/bin/sh\nexec /usr/bin/{name} --sysroot \"{at}\" \"$@\"\n"),
        )?;
    }
    let driver = format!("#!/bin/sh\nSYSROOT=\"{at}\" exec /usr/bin/clippy-driver \"$@\"\n");
    files::write_program(&programs.join("clippy-driver"), &driver)?;
    // A copy, not a link: it looks for clippy-driver beside its real path.
    files::copy(Path::new("/usr/bin/cargo-clippy"), &programs.join("cargo-clippy"))?;
    for name in ["cargo", "cargo-fmt", "rustfmt"] {
        files::link(&Path::new("/usr/bin").join(name), &programs.join(name))?;
    }
    let (debian, ours) = (Path::new("/usr/lib/rustlib"), folder.join("lib/rustlib"));
    let linkers = ours.join(&host).join("bin");
    files::make_folder(&linkers)?;
    files::link(&debian.join(&host).join("lib"), &ours.join(&host).join("lib"))?;
    // The name that rustc has for the linker of this target: so the project needs no linker setting.
    files::link(Path::new(&format!("/usr/bin/wasm-ld-{lld_version}")), &linkers.join("rust-lld"))?;
    for name in ["etc", "src"] {
        files::link(&debian.join(name), &ours.join(name))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn lay_out(_: &Path, _: &Path, _: u32) -> Result {
    Err(Failure::new("Debian's Rust needs Debian"))
}

#[cfg(unix)]
fn host() -> Result<String> {
    let version = capture(Command::new(COMPILER).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new(format!("{COMPILER} -vV names no host")))
}
