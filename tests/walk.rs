//! The walk from JSON text to the value tree, by a corpus that the shell's walk must pass, too.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use serde_json::{Value, json};
use support::canonical::print;
use support::walk::{Read, read};
use tidegate::json::reader::{self, Strings, Unreadable};
use tidegate::json::{MAX_DEPTH, MAX_NODES, MAX_STRING, TooLarge};

/// Texts that show where the walk draws its lines; their trees are in the corpus.
fn inputs() -> Vec<(&'static str, String)> {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let long = |units: usize| format!("\"{}\"", "x".repeat(units));
    vec![
        ("null", String::from("null")),
        ("booleans", String::from("[true,false]")),
        (
            "numbers",
            String::from("[0,-0,1,-1,1.5,1e3,1e-7,123456789012345680,9007199254740993,5e-324,1.7976931348623157e308]"),
        ),
        ("strings", String::from(r#"["","a","\"\\\/\b\f\n\r\t","é","😀","\u2028\u0000","\ud83d\ude00"]"#)),
        ("fields", String::from(r#"{"b":1,"a":{"":null,"é":[],"😀":{}}}"#)),
        ("the last of equal names", String::from(r#"{"a":1,"b":2,"a":3}"#)),
        ("names that are numbers", String::from(r#"{"10":1,"9":2,"a":3}"#)),
        (
            "names that mean something in JavaScript",
            String::from(r#"{"__proto__":1,"constructor":2,"toString":3,"length":4}"#),
        ),
        ("blanks", String::from(" \n\t[ 1 , 2 ]\r\n ")),
        ("an accepted task", String::from(r#"{"code":200,"message":"success","data":{"taskId":"tk-1"}}"#)),
        ("the longest string that is read", long(MAX_STRING)),
        ("a string that stays outside", long(MAX_STRING + 1)),
        ("length counts UTF-16 units, at the limit", format!("\"{}\"", "😀".repeat(MAX_STRING / 2))),
        ("length counts UTF-16 units, over it", format!("\"{}x\"", "😀".repeat(MAX_STRING / 2))),
        ("long strings among others", format!(r#"{{"a":[{},"b"],"c":{}}}"#, long(5_000), long(6_000))),
        ("the deepest that is read", deep(MAX_DEPTH)),
        ("one deeper", deep(MAX_DEPTH + 1)),
        ("objects, one too deep", format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1))),
        ("much deeper", deep(5_000)),
        ("a value in the deepest", format!("{}7{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))),
        ("the most values", format!("[{}0]", "0,".repeat(MAX_NODES - 2))),
        ("one more", format!("[{}0]", "0,".repeat(MAX_NODES - 1))),
        ("empty containers count", format!("[{}{{}}]", "[],".repeat(MAX_NODES - 1))),
    ]
}

fn tree(text: &str) -> String {
    match read(text, &mut Vec::new()) {
        Read::Tree(tree) => print(&tree),
        Read::TooLarge(TooLarge::Depth) => String::from("too-deep"),
        Read::TooLarge(TooLarge::Nodes) => String::from("too-many"),
        Read::NotJson => String::from("not-json"),
    }
}

/// The core's own reader makes the same of them.
#[test]
fn the_reader_agrees() {
    for (name, input) in inputs() {
        if tree(&input).contains("<handle>") {
            continue; // Such strings come with marks.
        }
        let read = match reader::read(&input, Strings::Plain, &|digits| digits.parse().unwrap()) {
            Ok(tree) => print(&tree),
            Err(Unreadable::TooLarge(TooLarge::Depth)) => String::from("too-deep"),
            Err(Unreadable::TooLarge(TooLarge::Nodes)) => String::from("too-many"),
            Err(Unreadable::NotJson) => String::from("not-json"),
        };
        assert_eq!(read, tree(&input), "{name}");
    }
}

fn corpus() -> Value {
    let entries = inputs().into_iter().map(|(name, input)| json!({"name": name, "tree": tree(&input), "input": input}));
    Value::Array(entries.collect())
}

/// `TIDEGATE_WRITE_CORPUS=1 cargo test --test walk` writes it anew; the difference is for people to look at.
#[test]
fn the_corpus_is_what_the_walk_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/walk.json");
    let lines: Vec<String> = corpus().as_array().unwrap().iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("TIDEGATE_WRITE_CORPUS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == text, "the walk and the corpus disagree");
}

#[test]
fn what_is_no_json_is_told_from_what_is_too_large() {
    for text in ["", "{", "nul", "[1,]", "{'a':1}", "01", "\"\u{1}\"", "[1] 2"] {
        assert_eq!(tree(text), "not-json", "{text}");
    }
}
