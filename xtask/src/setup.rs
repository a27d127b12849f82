//! What the commands need and how it gets on the machine; each part is quick when it is there already.

pub mod apt;
pub mod browser;
pub mod cargo_tool;
pub mod debian_rust;
pub mod npm;
pub mod wasm_bindgen;
pub mod wasm_target;

use crate::failure::Result;
use crate::project::Project;
use std::path::PathBuf;
use wasm_target::Choice;

/// The tools that building the package needs.
pub struct Tools {
    /// The wasm-bindgen CLI; beside it is what runs tests.
    pub wasm_bindgen: PathBuf,
}

/// Everything that building the package needs.
///
/// # Errors
/// When something is missing and cannot be installed here.
pub fn for_build(project: &mut Project, choice: Choice) -> Result<Tools> {
    wasm_target::set_up(project, choice)?;
    let tools = wasm_bindgen::set_up(project)?;
    npm::set_up(project, &project.root)?;
    Ok(tools)
}
