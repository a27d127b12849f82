//! `check`: what needs no test to be seen.

use crate::failure::{Failure, Result};
use crate::package;
use crate::process::run;
use crate::project::{Project, WASM};
use crate::report::Report;
use crate::setup::Tools;
use crate::setup::npm;

/// Formats, lints, types and documentation.
///
/// # Errors
/// When anything is wrong; every part runs all the same.
pub fn check(project: &Project, tools: &Tools) -> Result {
    let mut report = Report::default();
    parts(project, tools, &mut report);
    report.finish()
}

/// The same, as the first rows of a longer report.
pub fn parts(project: &Project, tools: &Tools, report: &mut Report) {
    let cargo = |arguments: &[&str]| run(&mut project.cargo(arguments));
    report.check("format: Rust", || {
        cargo(&["fmt", "--all", "--check"]).map_err(|failure| Failure::by_hand(&failure.to_string(), "cargo fmt --all"))
    });
    let sources = "{pkg-template,www,tests,benches}/**/*.{ts,tsx,js,mjs,cjs,css,html}";
    report.check("format: TypeScript and JavaScript", || {
        let mut prettier = project.node_script("prettier/bin/prettier.cjs");
        run(prettier.args(["--log-level", "warn", "--check", "--no-error-on-unmatched-pattern", sources]))
            .map_err(|failure| Failure::by_hand(&failure.to_string(), &format!("npx prettier --write \"{sources}\"")))
    });
    report.check("lints: host", || {
        cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    });
    report.check("lints: wasm32", || {
        let lint = |targets: &[&str]| {
            let start = ["clippy", "--quiet", "--package", "tidegate", "--target", WASM];
            cargo(&[&start, targets, &["--", "--deny", "warnings"]].concat())
        };
        // The crate's unit tests are native ones; what is tested in wasm is in these files, with the harness's `std`.
        lint(&["--lib", "--no-default-features", "--features", "bare,trap"])?;
        lint(&["--lib"])?;
        lint(&["--test", "node", "--test", "web", "--test", "worker"])
    });
    report.check("documentation", || {
        let document = |what: &[&str]| {
            let all = [&["doc", "--quiet", "--no-deps", "--document-private-items"], what].concat();
            run(project.cargo(&all).env("RUSTDOCFLAGS", "-Dwarnings"))
        };
        document(&["--workspace"])?;
        // The client for Rust programs is there only.
        document(&["--package", "tidegate", "--target", WASM])
    });
    let has_package = report.check("types: facade, and the package builds", || {
        package::build(project, tools, package::Variant::Ship).map(|_| ())
    });
    let page = project.root.join("www");
    if !has_package {
        report.not_run("types: page", "it is checked against the package");
    } else if page.join("tsconfig.json").is_file() {
        report.check("types: page", || {
            npm::set_up(project, &page)?;
            run(project.node_script("typescript/bin/tsc").args(["--noEmit", "--project", "www"]))
        });
    }
}
