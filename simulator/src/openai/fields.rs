//! The fields of a request, from JSON or from a form.

use futures_util::FutureExt;
use futures_util::stream;
use multer::Multipart;
use multer::bytes::Bytes;
use serde_json::Value;
use std::convert::Infallible;

use super::Endpoint;
use super::problem::Problem;
use crate::message::Request;

/// A file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The field's name, `image[]`.
    pub name: String,
    /// The part's content type in lower case; where it has none, what that means: `application/octet-stream`.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// What a request holds.
#[derive(Debug, Default)]
pub(super) struct Fields {
    values: Vec<(String, Value)>,
    pub files: Vec<File>,
    /// Whether all values are texts, because they come from a form.
    pub is_form: bool,
}

impl Fields {
    /// Reads the body that an endpoint takes.
    pub fn read(endpoint: Endpoint, request: &Request) -> Result<Fields, Problem> {
        let content_type = request.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let wanted = match endpoint {
            Endpoint::Generations => "application/json",
            Endpoint::Edits => "multipart/form-data",
        };
        match (endpoint, essence.as_str()) {
            // Edits take both: `EditImageBodyJsonParam` in OpenAI's description has addresses in the place of files.
            (_, "application/json") => Fields::of_json(&request.body),
            (Endpoint::Edits, "multipart/form-data") => {
                let boundary = multer::parse_boundary(content_type).map_err(|_| Problem::not_a_form())?;
                Fields::of_form(&request.body, boundary)
            }
            _ => Err(Problem::content_type(content_type, wanted)),
        }
    }

    fn of_json(body: &[u8]) -> Result<Fields, Problem> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(values)) => Ok(Fields { values: values.into_iter().collect(), ..Fields::default() }),
            _ => Err(Problem::not_json()),
        }
    }

    fn of_form(body: &[u8], boundary: String) -> Result<Fields, Problem> {
        let whole = Bytes::copy_from_slice(body);
        let stream = stream::iter([Ok::<Bytes, Infallible>(whole)]);
        // The whole body is there, so that no future ever waits.
        let read = collect(Multipart::new(stream, boundary)).now_or_never();
        read.and_then(Result::ok).ok_or_else(Problem::not_a_form)
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let values = self.values.iter().map(|(name, _)| name.as_str());
        values.chain(self.files.iter().map(|file| file.name.as_str()))
    }

    /// A value that is given and not null; of a repeated field the last.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let mut given = self.values.iter().rev().filter(|(given, _)| given == name);
        given.next().map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "a string", other)),
        }
    }

    /// One of a few words, else the first of them.
    pub fn choice<'a>(&'a self, name: &str, offered: &[&'a str]) -> Result<&'a str, Problem> {
        match self.text(name)? {
            None => Ok(offered.first().copied().unwrap_or_default()),
            Some(word) if offered.contains(&word) => Ok(word),
            Some(word) => Err(Problem::choice(name, word, offered)),
        }
    }

    /// A whole number from `least` to `most`.
    pub fn integer(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = match value {
            Value::String(text) if self.is_form => text.trim().parse().ok(),
            // 2.0 is an integer in JSON's own eyes.
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            _ => None,
        };
        let Some(number) = number else { return Err(wrong_type(name, "an integer", value)) };
        if number > most {
            let message = format!(
                "Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {number} instead."
            );
            Err(Problem::invalid(name, "integer_above_max_value", message))
        } else if number < least {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {number} instead."
            );
            Err(Problem::invalid(name, "integer_below_min_value", message))
        } else {
            Ok(Some(number))
        }
    }

    /// A yes or no.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if self.is_form && text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if self.is_form && text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(wrong_type(name, "a boolean", other)),
        }
    }
}

async fn collect(mut form: Multipart<'_>) -> Result<Fields, multer::Error> {
    let mut fields = Fields { is_form: true, ..Fields::default() };
    while let Some(part) = form.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_file = part.file_name().is_some() || part.content_type().is_some();
        let content_type = part.content_type().map_or("application/octet-stream", |known| known.essence_str());
        let content_type = content_type.to_ascii_lowercase();
        let bytes = part.bytes().await?.to_vec();
        if is_file {
            fields.files.push(File { name, content_type, bytes });
        } else {
            fields.values.push((name, Value::String(String::from_utf8_lossy(&bytes).into_owned())));
        }
    }
    Ok(fields)
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

fn wrong_type(name: &str, wanted: &str, value: &Value) -> Problem {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("Invalid type for '{name}': expected {wanted}, but got {got} instead.");
    Problem::invalid(name, "invalid_type", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Fields, Problem> {
        let request = Request::new("POST", "/").with_header("Content-Type", "application/json; charset=utf-8");
        Fields::read(Endpoint::Generations, &request.with_body(text))
    }

    fn form(body: &str) -> Result<Fields, Problem> {
        let request = Request::new("POST", "/").with_header("Content-Type", "multipart/form-data; boundary=B");
        Fields::read(Endpoint::Edits, &request.with_body(body.replace('\n', "\r\n")))
    }

    #[test]
    fn json_has_types_and_null_is_nothing() {
        let fields = json(r#"{"n":3,"m":2.0,"k":1.5,"s":"x","f":true,"z":null}"#).unwrap();
        assert_eq!((fields.integer("n", 1, 10), fields.integer("m", 1, 10)), (Ok(Some(3)), Ok(Some(2))));
        assert_eq!(
            (fields.text("z"), fields.flag("f"), fields.choice("s", &["a", "x"])),
            (Ok(None), Ok(true), Ok("x"))
        );
        assert_eq!(fields.choice("z", &["a", "x"]), Ok("a"));
        for (problem, code) in [
            (fields.integer("k", 1, 10).unwrap_err(), "an integer, but got a decimal number"),
            (fields.integer("s", 1, 10).unwrap_err(), "an integer, but got a string"),
            (fields.integer("n", 1, 2).unwrap_err(), "<= 2, but got 3"),
            (fields.integer("n", 4, 9).unwrap_err(), ">= 4, but got 3"),
            (fields.text("n").unwrap_err(), "a string, but got an integer"),
            (fields.flag("s").unwrap_err(), "a boolean, but got a string"),
            (fields.choice("s", &["a", "b", "c"]).unwrap_err(), "'a', 'b', and 'c'"),
        ] {
            assert!(problem.message.contains(code), "{}", problem.message);
        }
        assert_eq!(json("[]").unwrap_err(), Problem::not_json());
        assert_eq!(json("{").unwrap_err(), Problem::not_json());
    }

    #[test]
    fn a_form_has_texts_and_files() {
        let body = "--B\nContent-Disposition: form-data; name=\"n\"\n\n2\n--B\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\nContent-Type: image/PNG\n\nbytes\n--B\nContent-Disposition: form-data; name=\"mask\"; filename=\"m\"\n\nmore\n--B\nContent-Disposition: form-data; name=\"stream\"\n\nfalse\n--B--\n";
        let fields = form(body).unwrap();
        assert_eq!((fields.integer("n", 1, 10), fields.flag("stream")), (Ok(Some(2)), Ok(false)));
        let files: Vec<_> = fields.files.iter().map(|file| (file.name.as_str(), file.content_type.as_str())).collect();
        assert_eq!(files, [("image[]", "image/png"), ("mask", "application/octet-stream")]);
        assert_eq!(fields.files[0].bytes, b"bytes");
        assert_eq!(fields.names().collect::<Vec<_>>(), ["n", "stream", "image[]", "mask"]);
        assert_eq!(form(&body[..body.len() - 20]).unwrap_err(), Problem::not_a_form());
        let other = Request::new("POST", "/").with_header("Content-Type", "multipart/form-data");
        assert_eq!(Fields::read(Endpoint::Edits, &other).unwrap_err(), Problem::not_a_form());
        let message = Fields::read(Endpoint::Edits, &Request::new("POST", "/")).unwrap_err().message;
        assert!(message.starts_with("Unsupported content type: ''"));
    }
}
