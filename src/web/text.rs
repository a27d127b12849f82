//! JSON text as trees: what crosses the wall is text, for one string crosses in the time of two or three of a tree's leaves.

use wasm_bindgen::prelude::*;

use crate::json::reader::{Strings, Unreadable};
use crate::json::{self, Json, reader};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Number)]
    fn number_of(digits: &str) -> f64;
}

/// The tree of a text.
///
/// # Errors
/// When it is no JSON, or too large.
pub fn read(text: &str, strings: Strings) -> Result<Json, Unreadable> {
    reader::read(text, strings, &number_of)
}

/// What stands in the body of an answer.
///
/// # Errors
/// When no document can be made out, or one is too large.
pub fn read_documents(text: &str, strings: Strings) -> Result<Json, Unreadable> {
    json::read_documents(text, strings, &number_of)
}

/// The tree of a text of our own making, or our caller's. What cannot be read is `null`.
pub fn own(text: &str) -> Json {
    read(text, Strings::Plain).unwrap_or(Json::Null)
}
