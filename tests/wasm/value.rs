//! The walk from JavaScript values to trees gives what its native twin gives, within the same bounds.

use js_sys::{Array, JSON, Object, Reflect};
use tidegate::json::reader::{Strings, Unreadable};
use tidegate::json::{HEAD, Json, Long, MAX_DEPTH, MAX_NODES, MAX_STRING, TooLarge};
use tidegate::web::text;
use tidegate::web::value::read;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use super::canonical::print;

fn walk(value: &JsValue) -> Result<Json, TooLarge> {
    read(value, MAX_STRING as u32, &mut |_| 0)
}

fn field(object: &JsValue, name: &str) -> String {
    Reflect::get(object, &name.into()).unwrap().as_string().unwrap()
}

#[wasm_bindgen_test]
fn the_corpus_reads_as_it_does_natively() {
    let corpus: Array = JSON::parse(include_str!("../corpus/walk.json")).unwrap().unchecked_into();
    assert!(corpus.length() >= 20, "the corpus is whole");
    for row in corpus.iter() {
        let (name, expected) = (field(&row, "name"), field(&row, "tree"));
        let tree = match JSON::parse(&field(&row, "input")).map(|value| walk(&value)) {
            Ok(Ok(tree)) => print(&tree),
            Ok(Err(TooLarge::Depth)) => String::from("too-deep"),
            Ok(Err(TooLarge::Nodes)) => String::from("too-many"),
            Err(_) => String::from("not-json"),
        };
        assert_eq!(tree, expected, "{name}");
    }
}

#[wasm_bindgen_test]
fn depth_and_size_are_bounded_without_recursion() {
    let mut nested = JsValue::NULL;
    for _ in 0..100_000 {
        nested = Array::of1(&nested).into();
    }
    assert_eq!(walk(&nested), Err(TooLarge::Depth));
    let wide = Array::new_with_length(MAX_NODES as u32);
    assert_eq!(walk(&wide), Err(TooLarge::Nodes));
    let mut deepest = JsValue::from(1);
    for _ in 0..MAX_DEPTH {
        deepest = Array::of1(&deepest).into();
    }
    assert!(walk(&deepest).is_ok());
}

#[wasm_bindgen_test]
fn long_strings_stay_outside() {
    let (short, long) = ("x".repeat(MAX_STRING), "x".repeat(MAX_STRING + 1));
    let list = Array::of2(&JsValue::from_str(&short), &JsValue::from_str(&long));
    let mut held = Vec::new();
    let tree = read(&list, MAX_STRING as u32, &mut |text| {
        held.push(text.length());
        7
    });
    assert_eq!(tree, Ok(Json::List(vec![Json::Text(short), Json::Handle(Long { handle: 7, head: "x".repeat(HEAD) })])));
    assert_eq!(held, [MAX_STRING as u32 + 1]);
}

#[wasm_bindgen_test]
fn what_json_does_not_have_reads_as_nothing() {
    let object = Object::new();
    Reflect::set(&object, &"gone".into(), &JsValue::UNDEFINED).unwrap();
    Reflect::set(&object, &"code".into(), &js_sys::Function::new_no_args("")).unwrap();
    Reflect::set(&object, &"__proto__x".into(), &JsValue::from(1)).unwrap();
    let tree = walk(&object).unwrap();
    assert_eq!(tree.fields().len(), 2, "an undefined field is no field");
    assert_eq!(tree.get("code"), None);
    assert_eq!(tree.get("__proto__x").and_then(Json::whole), Some(1));
}

/// As text the core reads by itself what is short, and what JavaScript has marked.
#[wasm_bindgen_test]
fn the_corpus_reads_alike_as_text() {
    let corpus: Array = JSON::parse(include_str!("../corpus/walk.json")).unwrap().unchecked_into();
    for row in corpus.iter() {
        let (name, expected) = (field(&row, "name"), field(&row, "tree"));
        if expected.contains("<handle>") {
            continue; // Such strings come with marks.
        }
        let tree = match text::read(&field(&row, "input"), Strings::Plain) {
            Ok(tree) => print(&tree),
            Err(Unreadable::TooLarge(TooLarge::Depth)) => String::from("too-deep"),
            Err(Unreadable::TooLarge(TooLarge::Nodes)) => String::from("too-many"),
            Err(Unreadable::NotJson) => String::from("not-json"),
        };
        assert_eq!(tree, expected, "{name}");
    }
}
