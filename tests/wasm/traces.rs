//! The traces of `tests/traces`, recorded natively: the same engine in wasm gives the same effects.

use js_sys::JSON;
use tidegate::json::Json;
use wasm_bindgen_test::wasm_bindgen_test;

use super::play::replay;
use super::recorded::TRACES;

fn tree(line: &str) -> Json {
    // Every string is text here, however long.
    tidegate::web::value::read(&JSON::parse(line).unwrap(), u32::MAX, &mut |_| 0).unwrap()
}

#[wasm_bindgen_test]
fn every_trace_comes_out_as_it_was_recorded() {
    for (name, text) in TRACES {
        replay(name, &text.lines().map(tree).collect::<Vec<Json>>());
    }
}
