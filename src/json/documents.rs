//! What stands in the body of an answer: one JSON document as a rule; and what is met besides in front of image APIs, where a relay writes
//! keep-alive blanks before it, appends an error of its own to it, or streams server-sent events to those who asked for none.

use alloc::string::String;
use alloc::vec::Vec;

use super::reader::{Strings, Unreadable, read_first};
use super::{Json, ObjectBuilder};

/// The most documents of one body that are kept, the last ones: a stream's picture, or its error, stands at its end.
pub const MAX_DOCUMENTS: usize = 64;
/// How OpenAI's streams say that they are over.
const DONE: &str = "[DONE]";

/// Reads a body: a document alone as it is, several (one after the other, or as events) as a list of them. What follows the first whole object
/// and is no document is left out. `rare` is as in [`super::reader::read`].
///
/// # Errors
/// When no document can be made out, or one is beyond the bounds of a tree.
pub fn read_documents(text: &str, strings: Strings, rare: &dyn Fn(&str) -> f64) -> Result<Json, Unreadable> {
    let mut documents = Vec::new();
    let text = text.trim_start();
    if is_stream(text) {
        read_events(text, strings, rare, &mut documents)?;
    } else {
        let (first, end) = read_first(text, strings, rare)?;
        let rest = text.get(end..).unwrap_or_default();
        if rest.trim().is_empty() {
            return Ok(first);
        }
        if !matches!(first, Json::Object(_)) {
            // "404 page not found" is no number.
            return Err(Unreadable::NotJson);
        }
        documents.push(first);
        read_all(rest, strings, rare, &mut documents)?;
    }
    if documents.len() > 1 {
        return Ok(Json::List(documents));
    }
    documents.pop().ok_or(Unreadable::NotJson)
}

fn is_container(json: &Json) -> bool {
    matches!(json, Json::Object(_) | Json::List(_))
}

/// Adds the documents that a text begins with, and leaves out what follows.
fn read_all(
    mut text: &str,
    strings: Strings,
    rare: &dyn Fn(&str) -> f64,
    documents: &mut Vec<Json>,
) -> Result<(), Unreadable> {
    loop {
        match read_first(text, strings, rare) {
            Ok((document, end)) if is_container(&document) => {
                keep(documents, document);
                text = text.get(end..).unwrap_or_default();
            }
            Err(bound @ Unreadable::TooLarge(_)) => return Err(bound),
            _ => return Ok(()),
        }
    }
}

fn keep(documents: &mut Vec<Json>, document: Json) {
    if documents.len() >= MAX_DOCUMENTS {
        documents.remove(0);
    }
    documents.push(document);
}

/// The fields of an event (HTML Living Standard §9.2.6), or a comment.
const FIELDS: [&str; 5] = ["data:", "event:", "id:", "retry:", ":"];

fn is_stream(text: &str) -> bool {
    FIELDS.iter().any(|field| text.starts_with(field))
}

/// Reads server-sent events, whatever ends their lines, and the last of them without the blank line that should end it.
fn read_events(
    text: &str,
    strings: Strings,
    rare: &dyn Fn(&str) -> f64,
    documents: &mut Vec<Json>,
) -> Result<(), Unreadable> {
    let (mut name, mut data) = (String::new(), String::new());
    let mut rest = text;
    loop {
        let end = rest.bytes().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or_default();
        if line.is_empty() {
            end_event(&name, &data, strings, rare, documents)?;
            name.clear();
            data.clear();
        } else if let Some(value) = line.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        } else if line.starts_with('{') {
            // No field of an event: a document behind comments that kept the connection alive.
            data.push_str(line);
        } else if let Some(value) = line.strip_prefix("event:") {
            name = String::from(value.trim());
        }
        if end.is_none() {
            return end_event(&name, &data, strings, rare, documents);
        }
        // CRLF is one end of a line.
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    }
}

/// An event's data as documents, with what its name says of them.
fn end_event(
    name: &str,
    data: &str,
    strings: Strings,
    rare: &dyn Fn(&str) -> f64,
    documents: &mut Vec<Json>,
) -> Result<(), Unreadable> {
    let data = data.trim();
    if data.is_empty() || data == DONE {
        return Ok(());
    }
    let mut own = Vec::new();
    read_all(data, strings, rare, &mut own)?;
    let is_error = name == "error";
    if own.is_empty() && is_error {
        own.push(ObjectBuilder::new().with("message", data).build());
    }
    for document in own {
        let document = match document {
            whole if is_error && whole.get("error").is_none() => ObjectBuilder::new().with("error", whole).build(),
            Json::Object(mut fields) if !name.is_empty() && !fields.iter().any(|(field, _)| field == "type") => {
                fields.push((String::from("type"), Json::from(name)));
                Json::Object(fields)
            }
            other => other,
        };
        keep(documents, document);
    }
    Ok(())
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::format;

    fn read(text: &str) -> Result<Json, Unreadable> {
        read_documents(text, Strings::Plain, &|digits| digits.parse().unwrap())
    }

    fn types(json: &Json) -> Vec<&str> {
        json.list().iter().map(|event| event.get("type").and_then(Json::text).unwrap()).collect()
    }

    #[test]
    fn one_document_is_itself_whatever_surrounds_it() {
        let plain = read("{\"a\":1}").unwrap();
        for text in ["  \r\n{\"a\":1}\n", "{\"a\":1}trailing", "{\"a\":1}\n<html>", "{\"a\":1}}", "{\"a\":1} 7"] {
            assert_eq!(read(text).as_ref(), Ok(&plain), "{text}");
        }
        for text in ["", "404 page not found", "\"a\" b", "<html>", "{\"a\":1", "true false", "x{\"a\":1}", "[]<html>"]
        {
            assert_eq!(read(text), Err(Unreadable::NotJson), "{text}");
        }
        assert_eq!(read("7"), Ok(Json::Number(7.0)));
    }

    #[test]
    fn several_documents_are_a_list() {
        assert_eq!(read("{\"a\":1}{\"b\":2}\n{\"c\"").unwrap().list().len(), 2);
        let many: String = (0..10_000).map(|nth| format!("{{\"nth\":{nth}}}\n")).collect();
        let kept = read(&many).unwrap();
        assert_eq!(kept.list().len(), MAX_DOCUMENTS);
        assert_eq!(kept.list().last().unwrap().get("nth"), Some(&Json::Number(9_999.0)));
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines() {
        let stream =
            ": ping\n\ndata: {\"type\":\"a\"}\n\nevent: b\ndata:{\"x\":\ndata: 1}\n\nid: 7\nretry: 9\ndata: [DONE]\n\n";
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(types(&read(&stream.replace('\n', end)).unwrap()), ["a", "b"], "{end:?}");
        }
        assert_eq!(types(&read("data: {\"type\":\"a\"}\ndata: {\"type\":\"b\"}").unwrap()), ["a", "b"], "not ended");
        assert_eq!(read("data: {\"type\":\"a\"}\n\ndata: {\"ty").unwrap().get("type"), Some(&Json::from("a")));
        assert_eq!(read("data: [DONE]\n\n"), Err(Unreadable::NotJson));
    }

    #[test]
    fn an_error_event_is_an_error() {
        for data in ["{\"message\":\"no\"}", "{\"error\":{\"message\":\"no\"}}", "no"] {
            let read = read(&format!("event: error\ndata: {data}\n\n")).unwrap();
            assert_eq!(read.at("error.message"), Some(&Json::from("no")), "{data}");
        }
    }

    #[test]
    fn what_is_beyond_the_bounds_is_told() {
        let deep = "[".repeat(super::super::MAX_DEPTH + 1);
        assert!(matches!(read(&format!("data: {deep}\n\n")), Err(Unreadable::TooLarge(_))));
        assert!(matches!(read(&format!("{{}}{}", deep)), Err(Unreadable::TooLarge(_))));
    }
}
