//! What the facade passes on of a fetch that failed: the twin of `reason` in the package's sources.

use serde_json::Value;

/// How deep causes are followed.
const DEEPEST: u32 = 2;

/// `MESSAGE (CODE SYSCALL, CODE …)`, or with the innermost cause's message where nothing has a code.
pub fn reason(failure: &Value) -> String {
    let message = failure["message"].as_str().filter(|text| !text.is_empty()).unwrap_or("fetch failed");
    let mut distinct: Vec<String> = Vec::new();
    for code in codes(failure, 0) {
        if !distinct.contains(&code) {
            distinct.push(code);
        }
    }
    let more = if distinct.is_empty() { innermost(failure, 0) } else { distinct.join(", ") };
    let words = if more.is_empty() || more == message { String::from(message) } else { format!("{message} ({more})") };
    words.split_whitespace().map(without_query).collect::<Vec<_>>().join(" ")
}

fn without_query(word: &str) -> String {
    match word.split_once('?') {
        Some((before, query)) if !query.is_empty() => format!("{before}?…"),
        _ => String::from(word),
    }
}

/// A name as hosts make them: `ECONNRESET`, `read`.
fn name(error: &Value, field: &str) -> Option<String> {
    let name = error[field].as_str()?;
    let is_name =
        (2..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| String::from(name))
}

/// The codes of an error and of its causes, each with its system call; of an AggregateError those of all its errors instead of its own.
fn codes(error: &Value, depth: u32) -> Vec<String> {
    if error.is_null() || depth > DEEPEST {
        return Vec::new();
    }
    let own = name(error, "code").map(|code| match name(error, "syscall") {
        Some(syscall) => format!("{code} {syscall}"),
        None => code,
    });
    let each = |one: &Value| {
        let found = codes(one, depth + 1);
        if found.is_empty() { vec![String::from("UNKNOWN")] } else { found }
    };
    let mut all: Vec<String> = match error["errors"].as_array() {
        Some(errors) if !errors.is_empty() => errors.iter().flat_map(each).collect(),
        _ => own.into_iter().collect(),
    };
    all.extend(codes(&error["cause"], depth + 1));
    all
}

fn innermost(error: &Value, depth: u32) -> String {
    let cause = if depth < DEEPEST { &error["cause"] } else { &Value::Null };
    let deeper = if cause.is_null() { String::new() } else { innermost(cause, depth + 1) };
    if deeper.is_empty() { String::from(error["message"].as_str().unwrap_or_default()) } else { deeper }
}
