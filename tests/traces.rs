//! The same seed and the same events give the same effects: traces that are checked in, played again. `tests/wasm/traces.rs` plays them in wasm.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

#[path = "traces/play.rs"]
mod play;
#[path = "traces/record.rs"]
mod record;
#[path = "traces/recorded.rs"]
mod recorded;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tidegate::json::Json;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(format!("{name}.jsonl"))
}

/// The tree of a line. Every string is text here, however long.
fn tree(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => Json::Number(number.as_f64().unwrap()),
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(values) => Json::List(values.iter().map(tree).collect()),
        Value::Object(fields) => Json::Object(fields.iter().map(|(name, value)| (name.clone(), tree(value))).collect()),
    }
}

/// With `TIDEGATE_RECORD_TRACES` set the traces are written anew instead.
#[test]
fn every_trace_comes_out_as_it_was_recorded() {
    let is_recording = std::env::var_os("TIDEGATE_RECORD_TRACES").is_some();
    for story in record::stories() {
        let path = file(story.name);
        if is_recording {
            let lines: String = record::record(&story).iter().map(|line| format!("{line}\n")).collect();
            fs::write(&path, lines).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Json> = text.lines().map(|line| tree(&serde_json::from_str(line).unwrap())).collect();
        play::replay(story.name, &lines);
    }
}

#[test]
fn wasm_plays_every_trace() {
    let played: Vec<&str> = recorded::TRACES.iter().map(|(name, _)| *name).collect();
    let told: Vec<&str> = record::stories().iter().map(|story| story.name).collect();
    assert_eq!(played, told);
}

#[test]
fn a_story_told_twice_is_the_same() {
    for story in record::stories() {
        assert_eq!(record::record(&story), record::record(&story), "{}", story.name);
    }
}
