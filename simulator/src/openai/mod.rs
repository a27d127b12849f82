//! OpenAI's Images API, and CreativeAI's form of it: synchronous, the answer is the picture.

mod answer;
mod check;
mod fields;
mod files;
mod models;
mod problem;
mod size;
mod submit;

pub(crate) use models::names as model_names;
pub(crate) use problem::Problem;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Pictures from a prompt; JSON.
    Generations,
    /// Pictures from images and a prompt; a form with files.
    Edits,
}

impl Endpoint {
    /// The endpoint of a path, if it is one.
    pub fn of(path: &str) -> Option<Endpoint> {
        match path {
            "/v1/images/generations" => Some(Endpoint::Generations),
            "/v1/images/edits" => Some(Endpoint::Edits),
            _ => None,
        }
    }
}
