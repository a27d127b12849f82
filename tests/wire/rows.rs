//! Rows as they stand in the files, with their placeholders filled in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tidegate_simulator::{Response, http_date};

/// The pictures that rows are played with: the base64 of one is so short that it goes into the core, that of the other stays with the host.
pub const PICTURES: [&[u8]; 2] = [include_bytes!("small.png"), include_bytes!("large.png")];
/// What the line of a row may hold.
const FIELDS: &[&str] = &[
    "id",
    "class",
    "source",
    "why",
    "dialect",
    "also",
    "base_url",
    "call",
    "request",
    "exchange",
    "expect",
    "fails_today",
];
/// What an entry of an exchange may hold.
const ENTRY: &[&str] = &["when", "at", "status", "headers", "body", "raw", "delay_ms", "for_ms", "fails", "cut"];
/// How the lines of a wrapped base64 text are long, by RFC 2045.
const LINE: usize = 76;

/// One exchange and what is demanded of the client in it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub class: String,
    /// It holds for each of them.
    pub dialects: Vec<String>,
    pub base_url: Option<String>,
    pub call: String,
    pub request: Map<String, Value>,
    pub exchange: Vec<Entry>,
    pub expect: Map<String, Value>,
    /// The demands that the engine is known not to meet.
    pub fails_today: Vec<String>,
}

/// One answer of an exchange.
#[derive(Clone, Debug)]
pub struct Entry {
    pub when: String,
    /// Stands in the address of the requests that it answers.
    pub at: Option<String>,
    pub delay_ms: u64,
    pub for_ms: Option<u64>,
    pub fails: Option<Value>,
    /// The body ends before it is whole.
    pub cut: bool,
    status: u16,
    headers: Map<String, Value>,
    body: Option<Value>,
    raw: Option<String>,
}

/// All rows of all files beside this one.
pub fn all() -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let place = format!("{}:{}", file.display(), number + 1);
            let row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"));
            rows.push(Row::read(row, &place));
        }
    }
    rows
}

/// The fields of an object, none of which may be unknown.
fn object(value: Value, known: &[&str], place: &str) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{place}: {value} is no object") };
    let odd = fields.keys().find(|name| !known.contains(&name.as_str()));
    assert!(odd.is_none(), "{place}: nobody knows what {odd:?} means");
    fields
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).map(|value| value.as_str().unwrap_or_else(|| panic!("{name} must be a text: {value}")).to_owned())
}

impl Row {
    fn read(row: Value, place: &str) -> Row {
        let fields = object(row, FIELDS, place);
        let required = |name: &str| text(&fields, name).unwrap_or_else(|| panic!("{place}: {name} is missing"));
        for name in ["source", "why"] {
            assert!(!required(name).is_empty(), "{place}: {name} is empty");
        }
        let map = |name: &str| fields[name].as_object().cloned().unwrap_or_else(|| panic!("{place}: {name}"));
        let entries = fields["exchange"].as_array().unwrap();
        Row {
            id: required("id"),
            class: required("class"),
            dialects: [required("dialect")].into_iter().chain(names(fields.get("also"))).collect(),
            base_url: text(&fields, "base_url"),
            call: required("call"),
            request: map("request"),
            exchange: entries.iter().map(|entry| Entry::read(entry.clone(), place)).collect(),
            expect: map("expect"),
            fails_today: fails_today(fields.get("fails_today"), "native"),
        }
    }

    /// Whether a picture stands in a text of it, so that its size may matter.
    pub fn has_picture_in_text(&self) -> bool {
        let names = |text: &str| text.contains("<png");
        self.exchange.iter().any(|entry| {
            entry.raw.as_deref().is_some_and(names) || entry.body.as_ref().is_some_and(|body| names(&body.to_string()))
        })
    }
}

/// The demands that one of the runners marks as failing: a list holds for both, an object has a list for each.
fn fails_today(mark: Option<&Value>, runner: &str) -> Vec<String> {
    let mut names = names(match mark {
        Some(Value::Object(by_runner)) => by_runner.get(runner),
        list => list,
    });
    names.sort();
    names
}

/// The texts of a list; none where there is no list.
fn names(list: Option<&Value>) -> Vec<String> {
    let list = list.map_or(&[][..], |list| list.as_array().unwrap());
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

impl Entry {
    fn read(entry: Value, place: &str) -> Entry {
        let fields = object(entry, ENTRY, place);
        let number = |name: &str| fields.get(name).map(|value| value.as_u64().unwrap());
        let when = text(&fields, "when").unwrap();
        assert!(["submit", "poll", "image", "any"].contains(&when.as_str()), "{place}: {when}");
        Entry {
            when,
            at: text(&fields, "at"),
            delay_ms: number("delay_ms").unwrap_or(0),
            for_ms: number("for_ms"),
            fails: fields.get("fails").cloned(),
            cut: fields.get("cut").is_some_and(|value| value.as_bool().unwrap()),
            status: number("status").unwrap_or(0) as u16,
            headers: fields.get("headers").map(|value| value.as_object().unwrap().clone()).unwrap_or_default(),
            body: fields.get("body").cloned(),
            raw: text(&fields, "raw"),
        }
    }

    /// Every text in the answer's tree.
    pub fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        let mut left: Vec<&Value> = self.body.iter().collect();
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => found.push(text),
                Value::Array(values) => left.extend(values),
                Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
    }

    /// The answer, at that time of the wall's clock.
    pub fn response(&self, picture: &[u8], wall: u64) -> Response {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            headers.push((name.to_ascii_lowercase(), fill(value.as_str().unwrap(), picture, wall)));
        }
        let body = match (&self.body, &self.raw) {
            (Some(Value::String(body)), _) if body == "<png>" => picture.to_vec(),
            (Some(body), _) => {
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    headers.push((String::from("content-type"), String::from("application/json")));
                }
                fill(&body.to_string(), picture, wall).into_bytes()
            }
            (None, raw) => fill(raw.as_deref().unwrap_or_default(), picture, wall).into_bytes(),
        };
        Response { status: self.status, headers, body }
    }
}

/// A text with its placeholders filled in; those of pictures hold within JSON.
pub fn fill(text: &str, picture: &[u8], wall: u64) -> String {
    let base64 = STANDARD.encode(picture);
    let lines: Vec<&str> = base64.as_bytes().chunks(LINE).map(|line| std::str::from_utf8(line).unwrap()).collect();
    // As if two encoders had each written their share.
    let (one, other) = picture.split_at(31);
    let mut filled = text
        .replace("<png>", &base64)
        .replace("<png as base64url, no padding>", &URL_SAFE_NO_PAD.encode(picture))
        .replace("<png in lines>", &lines.join("\\r\\n"))
        .replace("<png padded inside>", &[STANDARD.encode(one), STANDARD.encode(other)].concat());
    for (start, end) in [("<now+", " ms>"), ("<now+", ">"), ("<date+", ">")] {
        while let Some((before, number, after)) = placeholder(&filled, start, end) {
            let at = wall + number * 1_000;
            let written = match (start, end) {
                ("<date+", _) => http_date(at),
                (_, " ms>") => at.to_string(),
                _ => (at / 1_000).to_string(),
            };
            filled = [before, &written, after].concat();
        }
    }
    filled
}

/// What stands before a placeholder, the seconds in it, and what stands behind.
fn placeholder<'a>(text: &'a str, start: &str, end: &str) -> Option<(&'a str, u64, &'a str)> {
    for (at, _) in text.match_indices(start) {
        let rest = &text[at + start.len()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if let (Ok(number), Some(after)) = (rest[..digits].parse(), rest[digits..].strip_prefix(end)) {
            return Some((&text[..at], number, after));
        }
    }
    None
}
