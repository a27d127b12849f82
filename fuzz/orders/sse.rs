//! Bodies of answers: any text, and streams of server-sent events that were written from the bytes, whose documents are known beforehand.

use tidegate::json::reader::{Strings, Unreadable};
use tidegate::json::{Json, MAX_DOCUMENTS, MAX_NODES, read_documents};

use super::Bytes;

fn read(text: &str) -> Result<Json, Unreadable> {
    read_documents(text, Strings::Plain, &|digits| digits.parse().unwrap_or(f64::NAN))
}

/// The bytes as they are, and as a plan for a stream.
pub fn play(bytes: &[u8]) {
    any(&String::from_utf8_lossy(bytes));
    events(&mut Bytes::new(bytes));
}

/// Whatever a text is, what is made of it is bounded, and blanks around it change nothing.
fn any(text: &str) {
    let tree = read(text);
    // What the host keeps back is marked within the text; a server's own marks must break nothing.
    let _ = read_documents(text, Strings::Cut, &|_| 0.0);
    assert_eq!(read(&format!("\r\n \t{text}\n")), tree, "blanks around {text:?}");
    let Ok(tree) = tree else { return };
    // An event's name adds a field or an object to its document.
    assert!(nodes(&tree) <= 1 + MAX_DOCUMENTS * (MAX_NODES + 2), "{text:?}");
}

/// How many values a tree has, itself among them.
fn nodes(tree: &Json) -> usize {
    let mut count = 0;
    let mut open = vec![tree];
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            Json::List(values) => open.extend(values),
            Json::Object(fields) => open.extend(fields.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    count
}

/// One stream, written in several ways that mean the same.
fn events(plan: &mut Bytes<'_>) {
    let mut lines: Vec<String> = Vec::new();
    let mut documents: Vec<Json> = Vec::new();
    let mut number = 0;
    // At least a comment, by which the text shows that it is a stream.
    lines.push(String::from(": keep-alive"));
    lines.push(String::new());
    while !plan.is_over() {
        match plan.below(8) {
            0 => lines.push(String::from(": ping")),
            1 => lines.push(String::from("retry: 3000")),
            2 => lines.push(format!("id: {number}")),
            3 => lines.extend([String::from("data: [DONE]"), String::new()]),
            4 => lines.push(String::new()),
            _ => {
                number += 1;
                documents.push(event(plan, number, &mut lines));
            }
        }
    }
    let kept = documents.split_off(documents.len().saturating_sub(MAX_DOCUMENTS));
    let expected = match kept.as_slice() {
        [] => Err(Unreadable::NotJson),
        [one] => Ok(one.clone()),
        _ => Ok(Json::List(kept)),
    };
    for end in ["\n", "\r\n", "\r"] {
        let text = lines.join(end);
        for text in [text.clone(), format!("{text}{end}"), format!("{text}{end}{end}"), format!("\n\n{text}")] {
            assert_eq!(read(&text), expected, "{text:?}");
        }
    }
}

/// Adds one event, and gives what is to be read of it.
fn event(plan: &mut Bytes<'_>, number: usize, lines: &mut Vec<String>) -> Json {
    let name = ["", "image_generation.partial_image", "image_generation.completed", "error"][plan.below(4)];
    // A word of it is of any letters, so that marks of JSON and of events stand within strings.
    let length = plan.below(12);
    let word: String = (0..length).map(|_| char::from(plan.next())).collect();
    let mut fields =
        vec![("nth".to_owned(), Json::Number(number as f64)), ("word".to_owned(), Json::Text(word.clone()))];
    let has_type = plan.below(2) == 1;
    if has_type {
        fields.push(("type".to_owned(), Json::from("own")));
    }
    let mut text = serde_json::json!({"nth": number, "word": word}).to_string();
    if has_type {
        text = format!("{},\"type\":\"own\"}}", text.trim_end_matches('}'));
    }
    let data_lines = data(plan, &text);
    let name_line = (!name.is_empty()).then(|| format!("event: {name}"));
    // Either may stand first.
    if plan.below(2) == 1 {
        lines.extend(name_line);
        lines.extend(data_lines);
    } else {
        lines.extend(data_lines);
        lines.extend(name_line);
    }
    lines.push(String::new());
    match name {
        "error" => Json::Object(vec![("error".to_owned(), Json::Object(fields))]),
        "" => Json::Object(fields),
        name => {
            if !has_type {
                fields.push(("type".to_owned(), Json::from(name)));
            }
            Json::Object(fields)
        }
    }
}

/// A document as the lines of an event's data; a line ends between its parts, where JSON has room for one.
fn data(plan: &mut Bytes<'_>, text: &str) -> Vec<String> {
    let space = [" ", ""][plan.below(2)];
    let first = text.find(':').filter(|_| plan.below(2) == 1);
    match first {
        Some(place) => vec![format!("data:{space}{}", &text[..=place]), format!("data:{space}{}", &text[place + 1..])],
        None => vec![format!("data:{space}{text}")],
    }
}
