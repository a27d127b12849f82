//! The host's fetch, and reading its answers. A response may come from any fetch, so nothing of it is taken on trust: its fields are looked up one by one, and what throws is caught.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Function, JsString, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::RequestInit;

use crate::gather::gather;
use crate::http::{READ_HEADERS, image_kind};
use crate::text::concat;

#[wasm_bindgen]
extern "C" {
    type TextDecoder;

    #[wasm_bindgen(constructor, catch)]
    fn new(label: &str, options: &JsValue) -> Result<TextDecoder, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn decode(this: &TextDecoder, bytes: &Uint8Array) -> Result<JsString, JsValue>;

    #[wasm_bindgen(js_namespace = JSON, js_name = parse, catch)]
    fn parse_json(text: &JsString) -> Result<JsValue, JsValue>;

    /// The global fetch, looked up at each call.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub(super) fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// How much of an image the core looks at, to tell what it is.
pub(super) const IMAGE_HEAD: u32 = 64;

/// An answer before its body has become a tree.
pub(super) struct Fetched {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: FetchedBody,
}

/// What became of a body; see [`crate::http::Body`].
pub(super) enum FetchedBody {
    Json(JsValue),
    /// No JSON as it stands; there may be documents in it all the same.
    Text(JsString),
    /// What came of a text that ended early.
    Cut(JsString),
    TooLarge,
    Broken,
    Bytes(Uint8Array),
    Redirect,
    Empty,
}

/// Waits for a fetch and reads its body, up to `limit` bytes; `binary` leaves them as they are.
///
/// # Errors
/// With what to tell people, when there is no answer.
pub(super) async fn read(promise: Promise, limit: u32, binary: bool) -> Result<Fetched, String> {
    // A fetch of the caller's may give anything.
    let response = JsFuture::from(Promise::resolve(&promise)).await.map_err(|cause| reason(&cause))?;
    let status = field(&response, "status").as_f64().ok_or("the fetch gave no Response")? as u16;
    let headers = field(&response, "headers");
    let header = |name: &str| call(&headers, "get", &name.into()).ok().and_then(|value| value.as_string());
    let known = READ_HEADERS.into_iter().filter_map(|name| Some((name, header(name)?)));
    let known = gather(known);
    let kind = field(&response, "type").as_string().unwrap_or_default();
    let body = field(&response, "body");
    if kind == "opaqueredirect" || (300..400).contains(&status) {
        // Nobody waits for the rest of it.
        let _ = call(&body, "cancel", &JsValue::UNDEFINED).map(|promise| unheard(&promise));
        return Ok(Fetched { status, headers: known, body: FetchedBody::Redirect });
    }
    // Announced and not come. Across origins content-encoding is hidden and the length is that of the encoded body, so there the browser's own check must do.
    let announced = header("content-length").filter(|_| kind != "cors" && header("content-encoding").is_none());
    let announced = announced.and_then(|length| crate::text::whole(&length)).unwrap_or(0);
    let body = match read_bytes(&body, limit).await {
        Ok((None, _)) => FetchedBody::TooLarge,
        Ok((Some(bytes), false)) if !binary => match parse(&bytes) {
            FetchedBody::Text(text) => FetchedBody::Cut(text),
            whole => whole,
        },
        Err(_) | Ok((_, false)) => FetchedBody::Broken,
        Ok((Some(bytes), _)) if u64::from(bytes.length()) < announced => FetchedBody::Broken,
        Ok((Some(bytes), _)) if bytes.length() == 0 => FetchedBody::Empty,
        // Some relays answer with the picture itself where JSON was due.
        Ok((Some(bytes), _)) if binary || image_kind(&bytes.slice(0, IMAGE_HEAD).to_vec()).is_some() => {
            FetchedBody::Bytes(bytes)
        }
        Ok((Some(bytes), _)) => parse(&bytes),
    };
    Ok(Fetched { status, headers: known, body })
}

/// The body, counted as it streams in, and whether it came to its end; `None` is more than `limit`.
async fn read_bytes(body: &JsValue, limit: u32) -> Result<(Option<Uint8Array>, bool), JsValue> {
    if !body.is_object() {
        return Ok((Some(Uint8Array::new_with_length(0)), true));
    }
    let reader = call(body, "getReader", &JsValue::UNDEFINED)?;
    let (mut chunks, mut size, mut is_whole) = (Vec::new(), 0u32, true);
    loop {
        let next = call(&reader, "read", &JsValue::UNDEFINED)?;
        let Ok(step) = JsFuture::from(Promise::resolve(&next)).await else {
            is_whole = false;
            break;
        };
        if field(&step, "done").is_truthy() {
            break;
        }
        let chunk: Uint8Array = field(&step, "value").dyn_into()?;
        size = size.saturating_add(chunk.length());
        if size > limit {
            let _ = call(&reader, "cancel", &JsValue::UNDEFINED).map(|promise| unheard(&promise));
            return Ok((None, true));
        }
        chunks.push(chunk);
    }
    let bytes = Uint8Array::new_with_length(size);
    let mut offset = 0;
    for chunk in &chunks {
        bytes.set(chunk, offset);
        offset += chunk.length();
    }
    Ok((Some(bytes), is_whole))
}

fn parse(bytes: &Uint8Array) -> FetchedBody {
    let options = Object::new();
    // Setting a field of a fresh plain object can't fail.
    let _ = Reflect::set(&options, &"fatal".into(), &JsValue::TRUE);
    let Ok(text) = TextDecoder::new("utf-8", &options).and_then(|decoder| decoder.decode(bytes)) else {
        return FetchedBody::Broken;
    };
    parse_json(&text).map_or_else(|_| FetchedBody::Text(text), FetchedBody::Json)
}

fn field(value: &JsValue, name: &str) -> JsValue {
    // Of what is no object, it throws.
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn call(value: &JsValue, name: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    let function: Function = field(value, name).dyn_into()?;
    if argument.is_undefined() { function.call0(value) } else { function.call1(value, argument) }
}

/// A promise whose rejection is nobody's concern.
fn unheard(promise: &JsValue) {
    let promise = JsFuture::from(Promise::resolve(promise));
    wasm_bindgen_futures::spawn_local(async move {
        let _ = promise.await;
    });
}

/// How deep causes are followed, as in the facade's `reason.ts`.
const DEEPEST: u32 = 2;

/// Why a fetch failed, in the words that [`crate::fetch_failure`] reads, made as the facade makes them: `MESSAGE (CODE SYSCALL, CODE …)`, or
/// `MESSAGE (THE INNERMOST CAUSE'S MESSAGE)` where nothing has a code. Without the queries of addresses, which may be signatures.
fn reason(cause: &JsValue) -> String {
    let message = field(cause, "message").as_string().unwrap_or_default();
    let message = if message.is_empty() { String::from("fetch failed") } else { message };
    let mut codes = Vec::new();
    add_codes(&mut codes, cause, 0);
    let more = if codes.is_empty() { innermost(cause, 0) } else { codes.join(", ") };
    let words = if more.is_empty() || more == message { message } else { message + " (" + &more + ")" };
    let mut told = String::with_capacity(words.len());
    for word in words.split_whitespace() {
        told.push_str(if told.is_empty() { "" } else { " " });
        match word.split_once('?') {
            Some((before, query)) if !query.is_empty() => {
                told.push_str(before);
                told.push_str("?…");
            }
            _ => told.push_str(word),
        }
    }
    told
}

/// Adds the distinct codes of an error and of its causes, each with its system call; of an `AggregateError` those of all its errors. Says whether there were any.
fn add_codes(codes: &mut Vec<String>, error: &JsValue, depth: u32) -> bool {
    if !error.is_object() || depth > DEEPEST {
        return false;
    }
    let name = |name: &str| {
        let is_name =
            |text: &String| text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        field(error, name).as_string().filter(is_name)
    };
    let mut add = |code: String| {
        if !codes.contains(&code) {
            codes.push(code);
        }
    };
    let errors = field(error, "errors");
    let count = field(&errors, "length").as_f64().filter(|_| errors.is_object()).unwrap_or(0.0) as u32;
    let mut found = count > 0;
    if let Some(code) = name("code").filter(|_| count == 0) {
        found = true;
        add(name("syscall").map_or_else(|| code.clone(), |syscall| concat(&[&code, " ", &syscall])));
    }
    for place in 0..count {
        let one = Reflect::get_u32(&errors, place).unwrap_or(JsValue::UNDEFINED);
        // One that says nothing must not pass for one that says the same as the others.
        if !add_codes(codes, &one, depth + 1) && !codes.iter().any(|code| code == "UNKNOWN") {
            codes.push(String::from("UNKNOWN"));
        }
    }
    add_codes(codes, &field(error, "cause"), depth + 1) || found
}

/// What the innermost cause says.
fn innermost(error: &JsValue, depth: u32) -> String {
    let cause = field(error, "cause");
    let inner = if depth < DEEPEST && cause.is_object() { innermost(&cause, depth + 1) } else { String::new() };
    if inner.is_empty() { field(error, "message").as_string().unwrap_or_default() } else { inner }
}
