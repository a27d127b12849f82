//! What `require` gets, and tools that don't read the `exports` of a package.

use crate::failure::Result;
use crate::files;
use crate::process::run;
use crate::project::Project;
use std::path::Path;

/// What the entries of hosts that have ES modules only end with; they import wasm files as modules.
const MODULES_ONLY: [&str; 2] = ["workerd", "edge-light"];

/// Adds the twin of `dist` in CommonJS, and a folder for each entry besides the main one.
///
/// # Errors
/// When the compiler fails or a file cannot be written.
pub fn add(project: &Project, package: &Path) -> Result {
    let dist = package.join("dist");
    let twin = dist.join("cjs");
    let mut compiler = project.node_script("typescript/bin/tsc");
    // The compiled modules once more, not the sources: so the generated ones come along.
    compiler.args(["--ignoreConfig", "--allowJs", "--noCheck", "--removeComments", "--target", "es2022"]);
    compiler.args(["--module", "commonjs", "--moduleResolution", "bundler", "--rootDir"]).arg(&dist);
    compiler.arg("--outDir").arg(&twin);
    let mut declarations = Vec::new();
    for file in files::list(&dist)? {
        let name = files::name_of(&file);
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        if MODULES_ONLY.iter().any(|end| stem.ends_with(end)) {
            continue;
        }
        if name.ends_with(".js") {
            compiler.arg(&file);
        } else if name.ends_with(".d.ts") {
            declarations.push(file);
        }
    }
    run(&mut compiler)?;
    for declaration in declarations {
        files::copy(&declaration, &twin.join(files::name_of(&declaration)))?;
    }
    files::write(&twin.join("package.json"), "{ \"type\": \"commonjs\" }\n")?;
    for entry in files::list(&project.root.join("pkg-template/entries"))? {
        let folder = package.join(files::name_of(&entry));
        files::make_folder(&folder)?;
        files::copy(&entry.join("package.json"), &folder.join("package.json"))?;
    }
    Ok(())
}
