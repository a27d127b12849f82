//! The npm package: `pkg/` and the tarball.

use crate::commonjs;
use crate::failure::{Failure, Result};
use crate::files;
use crate::glue;
use crate::process::{capture, run, run_quietly, say};
use crate::project::{Project, VERSION, WASM};
use crate::setup::Tools;
use crate::setup::npm::npm;
use std::path::{Path, PathBuf};

/// Which package is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The one that ships, in `pkg/`.
    Ship,
    /// With cargo feature `trap`, in `target/pkg-trap/`: for the test that a trap is survived.
    Trap,
}

impl Variant {
    /// Where the package goes; in the checkout whatever cargo's target folder is, so that tests find it.
    pub fn folder(self, project: &Project) -> PathBuf {
        project.root.join(match self {
            Self::Ship => "pkg",
            Self::Trap => "target/pkg-trap",
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Trap => "trap",
        }
    }
}

const CRATE: &str = "tidegate";

/// What `tidegate/testing` runs on.
const SIMULATOR_CRATE: &str = "tidegate-simulator-web";

/// Bytes of stack, with which the memory of every instance begins. The core recurses into bounded trees only and has been seen to use 3.4 KB
/// (`memory.test.mjs` holds it to half of this); a small stack makes small addresses too, which are shorter in the code.
const CORE_STACK: u32 = 64 << 10;

/// The linker's usual size: there is one simulator, and it draws pictures.
const SIMULATOR_STACK: u32 = 1 << 20;

/// Every feature by name: `--all-features` writes a form of imports that no engine reads yet.
///
/// A function with one caller is merged into it only while it is small: big ones have many locals, and brotli shrinks many small bodies further than
/// one big one. One of up to five bytes is merged into all its callers: a 25th of the core's time for 0.2 KB. (Up to ten bytes it is a 20th for 1.2 KB, and a build for
/// speed a third for 28 KB.) The two promises about memory hold for Rust: nothing lies at address 0, and memory starts out zeroed. Names of imports and exports
/// become one or two letters, here and in the glue: wasm-bindgen's have a hash each. Flattened and looped anew, code is smaller after a second round.
/// In the order of their names, functions stand beside those that are like them (instances of one generic, methods of one type), where brotli finds more.
const OPTIMISE: [&str; 18] = [
    "--flatten",
    "--rereloop",
    "-Oz",
    "--always-inline-max-function-size=5",
    "-Oz",
    "--reorder-functions-by-name",
    "--one-caller-inline-max-function-size=30",
    "--low-memory-unused",
    "--zero-filled-memory",
    "--minify-imports-and-exports-and-modules",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--strip-producers",
    "--strip-target-features",
];

/// Builds the package into its folder, anew.
///
/// # Errors
/// When a compiler or tool fails, or wasm-bindgen's glue has an unknown shape.
pub fn build(project: &Project, tools: &Tools, variant: Variant) -> Result<PathBuf> {
    let folder = variant.folder(project);
    say(&format!("building the package in {}", folder.display()));
    let work = project.target.join("package");
    let features = if variant == Variant::Trap { "bare,trap" } else { "bare" };
    let core = wasm_part(project, tools, (CRATE, features, CORE_STACK), &work.join(variant.name()))?;
    // Of both variants: the facade's sources are the same.
    let simulator = wasm_part(project, tools, (SIMULATOR_CRATE, "", SIMULATOR_STACK), &work.join("simulator"))?;

    files::empty_folder(&folder)?;
    let dist = folder.join("dist");
    files::make_folder(&dist)?;
    core.write(&dist, "core")?;
    simulator.write(&dist, "simulator-world")?;
    facade(project, &dist)?;
    commonjs::add(project, &folder)?;
    documents(project, &folder)?;
    Ok(folder)
}

/// A module of the package that was written in Rust.
struct WasmPart {
    /// The glue, as a factory of instances.
    glue: String,
    /// Where the optimised module is.
    module: PathBuf,
}

impl WasmPart {
    /// The glue, the module, and the module as text, under this name.
    fn write(&self, dist: &Path, name: &str) -> Result {
        files::write(&dist.join(format!("{name}.js")), &self.glue)?;
        files::copy(&self.module, &dist.join(format!("{name}.wasm")))?;
        files::write(&dist.join(format!("{name}.text.js")), text_module(&files::read(&self.module)?))
    }
}

/// Compiles, binds and optimises a crate with these features and this much stack; `work` keeps what is slow to make.
fn wasm_part(
    project: &Project,
    tools: &Tools,
    (package, features, stack): (&str, &str, u32),
    work: &Path,
) -> Result<WasmPart> {
    let mut cargo = project.cargo(&["rustc", "--quiet", "--release", "--lib", "--package", package, "--target", WASM]);
    cargo.args(["--no-default-features", "--features", features, "--"]).arg(format!("-Clink-arg=-zstack-size={stack}"));
    run(cargo.env("CARGO_ENCODED_RUSTFLAGS", nameless(project)?))?;
    let name = package.replace('-', "_");
    let built = project.target.join(WASM).join("release").join(format!("{name}.wasm"));
    let mut bindgen = project.command(&tools.wasm_bindgen);
    run(bindgen.args(["--target", "bundler", "--out-dir"]).arg(work.join("bindgen")).arg(built))?;

    let bound = |end: &str| work.join("bindgen").join(format!("{name}{end}"));
    let (module, names) = optimise(project, work, &bound("_bg.wasm"), "--strip-debug")?;
    let (bindings, entry) = (files::read_text(&bound("_bg.js"))?, files::read_text(&bound(".js"))?);
    let glue = glue::factory(&name, &bindings, &entry, &glue::Names::read(&names)?)?;
    Ok(WasmPart { glue, module })
}

/// Flags that keep the folders of this machine out of what ships: the places of panics are named in it, and would differ from builder to builder.
fn nameless(project: &Project) -> Result<String> {
    let sysroot = capture(project.command("rustc").args(["--print", "sysroot"]))?;
    let mut renamed = vec![(PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust"), "/rust")];
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = cargo_home.and_then(|home| files::list(&home.join("registry/src")).ok()).unwrap_or_default();
    renamed.extend(sources.into_iter().map(|registry| (registry, "/crates")));
    renamed.push((project.root.clone(), "/tidegate"));
    let flags = renamed.iter().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    Ok(flags.collect::<Vec<_>>().join("\u{1f}"))
}

/// The wasm of the package that was built last, with the names of its functions: the same code, to see what of it is large.
///
/// # Errors
/// When nothing has been built, or wasm-opt fails.
pub fn with_names(project: &Project) -> Result<PathBuf> {
    let work = project.target.join("package").join(Variant::Ship.name());
    let bound = work.join("bindgen").join(format!("{CRATE}_bg.wasm"));
    let named = work.join("named");
    files::make_folder(&named)?;
    Ok(optimise(project, &named, &bound, "--debuginfo")?.0)
}

/// The optimised module, and the names that wasm-opt gave to what it imports and exports, as it printed them. wasm-opt is the slow step, so its answer
/// is kept with what it was made from.
fn optimise(project: &Project, work: &Path, bound: &Path, names_of_functions: &str) -> Result<(PathBuf, String)> {
    let (source, recipe) = (work.join("source.wasm"), work.join("recipe"));
    let (optimised, names) = (work.join("optimised.wasm"), work.join("names.json"));
    let used = format!("{}\n{}", OPTIMISE.join(" "), files::read_text(&project.root.join("package-lock.json"))?);
    let is_used = optimised.is_file() && files::read_text(&recipe).is_ok_and(|text| text == used);
    if !is_used || !files::same(&source, bound) {
        let mut command = project.node_script("binaryen/bin/wasm-opt");
        files::write(
            &names,
            capture(command.args(OPTIMISE).arg(names_of_functions).arg(bound).arg("-o").arg(&optimised))?,
        )?;
        files::write(&recipe, used)?;
        files::copy(bound, &source)?;
    }
    let names = files::read_text(&names)?;
    Ok((optimised, names))
}

/// The module as a string of printable ASCII, which every bundler and server leaves as it is; `text.ts` reads it. A byte below 90 is one character, counted
/// from `#`; the others have a mark before them. Under brotli that is 2.5 % more than the bytes themselves; two letters a byte are 5 %, base64 is 27 %.
fn text_module(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5 / 4);
    text.push_str("export default \"");
    for byte in bytes {
        match byte / 90 {
            0 => {}
            1 => text.push('}'),
            _ => text.push('~'),
        }
        let character = char::from(b'#' + byte % 90);
        // The one that a string can't hold as it is.
        text.push(if character == '\\' { '!' } else { character });
    }
    text.push_str("\";\n");
    text
}

/// The TypeScript facade, and beside it the hand-written sources that the compiler does not copy.
fn facade(project: &Project, dist: &Path) -> Result {
    let mut compiler = project.node_script("typescript/bin/tsc");
    run(compiler.args(["--project", "pkg-template", "--noEmit", "false", "--outDir"]).arg(dist))?;
    for source in files::list(&project.root.join("pkg-template/src"))? {
        let name = files::name_of(&source);
        let to = dist.join(name);
        if source.is_file() && !is_compiled(name) && !to.exists() {
            files::copy(&source, &to)?;
        }
    }
    Ok(())
}

fn is_compiled(name: &str) -> bool {
    name.ends_with(".ts") && !name.ends_with(".d.ts")
}

fn documents(project: &Project, folder: &Path) -> Result {
    let manifest = files::read_text(&project.root.join("pkg-template/package.json"))?;
    files::write(&folder.join("package.json"), with_version(&manifest, VERSION)?)?;
    for document in files::list(&project.root)? {
        let name = files::name_of(&document);
        if name == "README.md" || name == "CHANGELOG.md" || name.starts_with("LICENSE") {
            files::copy(&document, &folder.join(name))?;
        }
    }
    Ok(())
}

/// The manifest with this version in the place of its own.
fn with_version(manifest: &str, version: &str) -> Result<String> {
    let key = "\n  \"version\": \"";
    let (before, rest) = manifest
        .split_once(key)
        .ok_or_else(|| Failure::new("pkg-template/package.json has no line `  \"version\": \"...\"`"))?;
    let (_, after) =
        rest.split_once('"').ok_or_else(|| Failure::new("pkg-template/package.json: version has no end"))?;
    Ok(format!("{before}{key}{version}\"{after}"))
}

/// Packs the package as npm would publish it and gives the tarball's path.
///
/// # Errors
/// When the package lacks its README or licence, or npm fails.
pub fn pack(project: &Project, folder: &Path) -> Result<PathBuf> {
    let names: Vec<PathBuf> = files::list(folder)?;
    for needed in ["README.md", "LICENSE"] {
        if !names.iter().any(|path| files::name_of(path).starts_with(needed)) {
            return Err(Failure::new(format!(
                "a package without {needed} does not ship; it is missing in the checkout"
            )));
        }
    }
    run_quietly(npm(project).args(["pack", "--pack-destination", "."]).current_dir(folder))?;
    let tarball = folder.join(format!("{CRATE}-{VERSION}.tgz"));
    if tarball.is_file() {
        return Ok(tarball);
    }
    Err(Failure::new(format!("npm packed, but there is no {}", tarball.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_characters_with_marks_before_those_from_90_and_180() {
        assert_eq!(text_module(&[0, 57, 89, 90, 179, 180, 255]), "export default \"#!|}#}|~#~n\";\n");
    }

    #[test]
    fn the_version_is_replaced_and_nothing_else() {
        let manifest = "{\n  \"name\": \"x\",\n  \"version\": \"0.0.0\",\n  \"type\": \"module\"\n}\n";
        assert_eq!(with_version(manifest, "1.2.3").unwrap(), manifest.replace("0.0.0", "1.2.3"));
        assert!(with_version("{}", "1.2.3").is_err());
    }

    #[test]
    fn declarations_are_copied_and_sources_are_not() {
        assert!(is_compiled("client.ts") && !is_compiled("core.d.ts") && !is_compiled("workerd.js"));
    }
}
