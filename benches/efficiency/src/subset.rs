//! The named cells that other harnesses run, too: the built package in Node, and the peers that a user would pick. `subset.json` beside the crate is the
//! list; what comes out is data of the same shape everywhere.

use serde_json::Value;

use crate::cell::Cell;

/// The list.
pub const LIST: &str = include_str!("../subset.json");
/// The seeds of a subset's runs.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// The cells of the list.
///
/// # Errors
/// When the list is no JSON or a cell can't be read; says which.
pub fn cells() -> Result<Vec<Cell>, String> {
    let list: Value = serde_json::from_str(LIST).map_err(|error| error.to_string())?;
    list.get("cells").and_then(Value::as_array).ok_or("there are no cells")?.iter().map(Cell::from_json).collect()
}
