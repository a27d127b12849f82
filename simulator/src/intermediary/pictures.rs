//! Image data in any JSON answer: where it stands, and other ways to write it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::forms::Base64Form;

/// The lengths of MIME's lines (RFC 2045 §6.8).
const LINE: usize = 76;

/// The bytes of an image that a text holds as base64, if it does.
pub(super) fn image_in(text: &str) -> Option<Vec<u8>> {
    // What PNG, JPEG and WebP begin with, as base64.
    let starts = ["iVBORw0KGgo", "/9j/", "UklGR"];
    if !starts.iter().any(|start| text.starts_with(start)) {
        return None;
    }
    STANDARD.decode(text).ok()
}

/// The content type of an image's bytes.
pub(super) fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        _ => "image/webp",
    }
}

/// Whether a text is the address of an image.
fn is_address(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    text.starts_with("http") && [".png", ".jpeg", ".jpg", ".webp"].iter().any(|end| path.ends_with(end))
}

/// Calls `change` with each text that is an image or the address of one, in their order.
pub(super) fn each(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) if is_address(text) || image_in(text).is_some() => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each(value, change)),
        _ => {}
    }
}

/// Whether an answer holds image data.
pub(super) fn holds_any(value: &Value) -> bool {
    match value {
        Value::String(text) => is_address(text) || image_in(text).is_some(),
        Value::Array(values) => values.iter().any(holds_any),
        Value::Object(fields) => fields.values().any(holds_any),
        _ => false,
    }
}

/// The list whose items hold image data.
pub(super) fn list(value: &mut Value) -> Option<&mut Vec<Value>> {
    match value {
        Value::Array(values) if values.iter().any(holds_any) => Some(values),
        Value::Object(fields) => fields.values_mut().find_map(list),
        _ => None,
    }
}

/// The only image that an answer holds as base64; none where there are several.
pub(super) fn only_image(value: &Value) -> Option<Vec<u8>> {
    let mut value = value.clone();
    let mut found = Vec::new();
    each(&mut value, &mut |text| found.push(image_in(text)));
    match found.as_mut_slice() {
        [one] => one.take(),
        _ => None,
    }
}

/// Writes an image's base64 in another form.
pub(super) fn spelled(text: &str, form: Base64Form) -> Option<String> {
    let bytes = image_in(text)?;
    Some(match form {
        Base64Form::Standard | Base64Form::Mixed => return None,
        Base64Form::UrlSafe => URL_SAFE_NO_PAD.encode(bytes),
        Base64Form::Unpadded => STANDARD_NO_PAD.encode(bytes),
        Base64Form::Lines => {
            let mut lines = String::with_capacity(text.len() + text.len() / LINE * 2 + 2);
            for (place, letter) in text.chars().enumerate() {
                if place > 0 && place % LINE == 0 {
                    lines.push_str("\r\n");
                }
                lines.push(letter);
            }
            lines.push_str("\r\n");
            lines
        }
        Base64Form::DataUrl => format!("data:{};base64,{text}", media_type(&bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What begins as a PNG does, in a length that needs padding.
    pub const PNG: [u8; 80] = {
        let mut bytes = [0xfb; 80];
        let head = *b"\x89PNG\r\n\x1a\n\0";
        let mut place = 0;
        while place < head.len() {
            bytes[place] = head[place];
            place += 1;
        }
        bytes
    };

    #[test]
    fn image_data_is_found_wherever_it_stands() {
        let png = STANDARD.encode(PNG);
        let mut answer =
            json!({"created": 1, "data": [{"b64_json": png}, {"url": "https://a.example/x.png?s=1"}], "note": "a.png"});
        let mut found = Vec::new();
        each(&mut answer, &mut |text| found.push(text.clone()));
        assert_eq!(found, [png.clone(), String::from("https://a.example/x.png?s=1")]);
        assert_eq!(list(&mut answer).map(|items| items.len()), Some(2));
        assert_eq!(only_image(&answer), None);
        assert_eq!(only_image(&json!({"x": [[png]]})), Some(PNG.to_vec()));
        assert!(!holds_any(&json!({"error": {"message": "see https://a.example/docs"}})));
    }

    #[test]
    fn every_spelling_is_the_same_image() {
        let png = STANDARD.encode(PNG);
        assert!(png.ends_with('=') && png.contains(['+', '/']));
        let url_safe = spelled(&png, Base64Form::UrlSafe).unwrap();
        assert!(!url_safe.contains(['+', '/', '=']));
        assert_eq!(URL_SAFE_NO_PAD.decode(url_safe).unwrap(), PNG);
        assert_eq!(STANDARD_NO_PAD.decode(spelled(&png, Base64Form::Unpadded).unwrap()).unwrap(), PNG);
        let lines = spelled(&png, Base64Form::Lines).unwrap();
        assert!(lines.lines().all(|line| line.len() <= LINE) && lines.lines().count() == 2);
        assert_eq!(lines.replace("\r\n", ""), png);
        assert_eq!(spelled(&png, Base64Form::DataUrl).unwrap(), format!("data:image/png;base64,{png}"));
        assert_eq!(spelled(&png, Base64Form::Standard), None);
    }
}
