//! Trees as JSON text and back: what crosses the wall is text, for one string crosses in the time of two or three of a tree's leaves.

use alloc::string::String;

use wasm_bindgen::prelude::*;

use crate::json::reader::{Strings, Unreadable};
use crate::json::{Json, JsonWriter, reader};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Number)]
    fn number_of(digits: &str) -> f64;

    #[wasm_bindgen(js_name = String)]
    fn digits_of(number: f64) -> String;
}

/// The longest string of a request or a record that is read: a prompt of 32,000 characters, escaped, in the body of a record.
const LONGEST_OWN_STRING: usize = 1 << 20;

/// The tree of a text.
///
/// # Errors
/// When it is no JSON, or too large.
pub fn read(text: &str, strings: Strings) -> Result<Json, Unreadable> {
    reader::read(text, strings, number_of)
}

/// The tree of a text of our own making, or our caller's: long strings are read whole. What cannot be read is `null`.
pub fn own(text: &str) -> Json {
    read(text, Strings::Plain(LONGEST_OWN_STRING)).unwrap_or(Json::Null)
}

/// The text of a tree of the core's own making.
pub fn write(tree: &Json) -> String {
    let mut writer = JsonWriter::new();
    writer.tree(tree, &digits_of);
    writer.finish()
}
