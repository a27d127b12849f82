//! The native twin of the shell's walk: from JSON text to the bounded value tree, and from a simulated answer to what the engine hears of it.

use serde_json::Value;
use tidegate::http::{Answer, Body, Purpose, READ_HEADERS, image_kind};
use tidegate::json::reader::{Strings, Unreadable};
use tidegate::json::{HEAD, Json, Long, MAX_STRING, TooLarge, TreeBuilder, read_documents};
use tidegate_simulator::Response;

/// What a host makes of a text that should be JSON.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// Within the bounds.
    Tree(Json),
    /// Beyond them.
    TooLarge(TooLarge),
    /// No JSON.
    NotJson,
}

/// Reads JSON text as the shell does: strings over [`MAX_STRING`] UTF-16 units become handles, numbered by their place in `handles`.
pub fn read(text: &str, handles: &mut Vec<String>) -> Read {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => walk(value, handles).map_or_else(Read::TooLarge, Read::Tree),
        // This parser stops at 128 levels, JavaScript's does not; both are far beyond what the walk allows.
        Err(error) if error.to_string().starts_with("recursion limit") => Read::TooLarge(TooLarge::Depth),
        Err(_) => Read::NotJson,
    }
}

enum Step {
    Value(Option<String>, Value),
    Close,
}

fn walk(root: Value, handles: &mut Vec<String>) -> Result<Json, TooLarge> {
    let mut builder = TreeBuilder::new();
    let mut steps = vec![Step::Value(None, root)];
    while let Some(step) = steps.pop() {
        let Step::Value(key, value) = step else {
            builder.close();
            continue;
        };
        if let Some(key) = key {
            builder.key(key);
        }
        match value {
            Value::Null => builder.leaf(Json::Null)?,
            Value::Bool(value) => builder.leaf(Json::Bool(value))?,
            Value::Number(number) => builder.leaf(Json::Number(number.as_f64().unwrap()))?,
            Value::String(text) if text.encode_utf16().count() > MAX_STRING => {
                let head = text.chars().take(HEAD).collect();
                handles.push(text);
                builder.leaf(Json::Handle(Long { handle: handles.len() as u32 - 1, head }))?;
            }
            Value::String(text) => builder.leaf(Json::Text(text))?,
            Value::Array(values) => {
                builder.open(Json::List(Vec::new()))?;
                steps.push(Step::Close);
                steps.extend(values.into_iter().rev().map(|value| Step::Value(None, value)));
            }
            Value::Object(fields) => {
                builder.open(Json::Object(Vec::new()))?;
                steps.push(Step::Close);
                let fields: Vec<_> = fields.into_iter().collect();
                steps.extend(fields.into_iter().rev().map(|(name, value)| Step::Value(Some(name), value)));
            }
        }
    }
    Ok(builder.finish())
}

/// What the engine hears of an answer of which so many bytes are read.
pub fn answer(response: &Response, purpose: Purpose, limit: u32, handles: &mut Vec<String>) -> Answer {
    let read = |name: &'static str| Some((name, String::from(response.header(name)?)));
    let headers = READ_HEADERS.into_iter().filter_map(read).collect();
    Answer { status: response.status, headers, body: body(response, purpose, limit, handles) }
}

fn body(response: &Response, purpose: Purpose, limit: u32, handles: &mut Vec<String>) -> Body {
    if (300..400).contains(&response.status) {
        return Body::Redirect;
    }
    if response.body.len() > limit as usize {
        return Body::TooLarge;
    }
    if response.body.is_empty() {
        return Body::Empty;
    }
    let is_picture = || image_kind(&response.body[..response.body.len().min(64)]).is_some();
    if purpose == Purpose::Image && (200..300).contains(&response.status) || is_picture() {
        handles.push(response.body.iter().map(|byte| char::from(*byte)).collect());
        let head = response.body[..response.body.len().min(32)].to_vec();
        return Body::Bytes { handle: handles.len() as u32 - 1, head };
    }
    let Ok(text) = std::str::from_utf8(&response.body) else { return Body::Broken };
    // Decoders of hosts leave a byte order mark out.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match read(text, handles) {
        Read::Tree(tree) => Body::Json(tree),
        Read::TooLarge(_) => Body::TooLarge,
        Read::NotJson => match read_documents(text, Strings::Plain, &|digits| digits.parse().unwrap()) {
            Ok(tree) => Body::Json(tree),
            Err(Unreadable::TooLarge(_)) => Body::TooLarge,
            Err(Unreadable::NotJson) => Body::Text(text.chars().take(1_000).collect()),
        },
    }
}
