//! From JavaScript values to the core's one value tree.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Array, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::json::{HEAD, Json, Long, TooLarge, TreeBuilder};

/// An array or object that the walk is in.
enum Open {
    List(Array, u32),
    Object(Object, Array, u32),
}

/// Walks a value into a tree, within the bounds of [`crate::json`], without recursion. Strings of more than `longest` UTF-16 units are given
/// to `hold`. What JSON doesn't have (functions, symbols, big integers) reads as `null`; a field that is `undefined` is left out.
pub fn read(value: &JsValue, longest: u32, hold: &mut impl FnMut(&JsString) -> u32) -> Result<Json, TooLarge> {
    let mut tree = TreeBuilder::new();
    let mut open: Vec<Open> = Vec::new();
    let mut next = value.clone();
    loop {
        if let Some(container) = enter(&mut tree, &next, longest, hold)? {
            open.push(container);
        }
        loop {
            match open.last_mut() {
                None => return Ok(tree.finish()),
                Some(Open::List(list, place)) if *place < list.length() => {
                    next = list.get(*place);
                    *place += 1;
                    break;
                }
                Some(Open::Object(object, keys, place)) if *place < keys.length() => {
                    let key = keys.get(*place);
                    *place += 1;
                    next = Reflect::get(object, &key).unwrap_or(JsValue::UNDEFINED);
                    if next.is_undefined() {
                        continue;
                    }
                    tree.key(key.as_string().unwrap_or_default());
                    break;
                }
                Some(_) => {
                    tree.close();
                    open.pop();
                }
            }
        }
    }
}

fn enter(
    tree: &mut TreeBuilder,
    value: &JsValue,
    longest: u32,
    hold: &mut impl FnMut(&JsString) -> u32,
) -> Result<Option<Open>, TooLarge> {
    if let Some(text) = value.dyn_ref::<JsString>() {
        let leaf = if text.length() > longest {
            Json::Handle(Long { handle: hold(text), head: String::from(text.slice(0, HEAD as u32)) })
        } else {
            Json::Text(String::from(text))
        };
        return tree.leaf(leaf).map(|()| None);
    }
    if let Some(number) = value.as_f64() {
        return tree.leaf(Json::Number(number)).map(|()| None);
    }
    if let Some(truth) = value.as_bool() {
        return tree.leaf(Json::Bool(truth)).map(|()| None);
    }
    if Array::is_array(value) {
        tree.open(Json::List(Vec::new()))?;
        return Ok(Some(Open::List(value.clone().unchecked_into(), 0)));
    }
    if value.is_object() {
        tree.open(Json::Object(Vec::new()))?;
        let object: Object = value.clone().unchecked_into();
        let keys = Object::keys(&object);
        return Ok(Some(Open::Object(object, keys, 0)));
    }
    tree.leaf(Json::Null).map(|()| None)
}
