//! How a relay hands an answer of the provider on: what it does to its bytes.

use serde_json::{Value, json};

use crate::config::Config;
use crate::message::{Request, Response};

use super::draws::{Draw, Draws};
use super::envelope;
use super::forms::{Base64Form, ErrorForm, PictureAddress};
use super::pictures;
use super::stream::StreamForm;

/// Where the relay shows pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// What addresses begin with: an origin, or nothing for relative ones.
    pub origin: String,
    /// The number under which the relay keeps this answer's pictures, if their bytes are in it.
    pub kept: Option<u64>,
}

/// What becomes of an answer on its way. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handover {
    number: u64,
    base_url: String,
    blanks: Option<u64>,
    second_document: bool,
    stream: Option<StreamForm>,
    verb: &'static str,
    early_status: bool,
    base64: Base64Form,
    raw: bool,
    errors: ErrorForm,
    surplus: bool,
    shown: Option<Shown>,
    /// The relay's own task, of which this answer is the end.
    task: Option<String>,
}

impl Handover {
    /// What becomes of the answer to this request.
    pub(super) fn draw(config: &Config, draws: Draws, request: &Request) -> Handover {
        let is_submit = request.method == "POST";
        let early_status = is_submit && draws.strikes(Draw::EarlyStatus, config.relay_early_status);
        let origin = match config.relay_pictures {
            PictureAddress::Provider => None,
            PictureAddress::Relative => Some(String::new()),
            PictureAddress::Absolute if config.relay_origin.is_empty() => Some(config.base_url.clone()),
            PictureAddress::Absolute => Some(config.relay_origin.clone()),
        };
        let streams = is_submit && draws.strikes(Draw::Stream, config.relay_stream);
        // Whoever promises an answer before he has it keeps the connection open with blanks.
        let blank = early_status || draws.strikes(Draw::Blanks, config.relay_blanks);
        Handover {
            number: draws.bits(Draw::ErrorNumber),
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            blanks: blank.then(|| draws.bits(Draw::Blanks)),
            second_document: draws.strikes(Draw::SecondDocument, config.relay_second_document),
            stream: streams.then(|| StreamForm::of(draws.bits(Draw::StreamForm))),
            verb: if request.path.contains("/edits") { "image_edit" } else { "image_generation" },
            early_status,
            base64: config.relay_base64.of(draws.bits(Draw::Base64)),
            raw: draws.strikes(Draw::Raw, config.relay_raw),
            errors: config.relay_errors.of(draws.bits(Draw::Errors)),
            surplus: draws.strikes(Draw::Surplus, config.relay_surplus),
            shown: origin.map(|origin| Shown { origin: origin.trim_end_matches('/').to_owned(), kept: None }),
            task: None,
        }
    }

    /// The same as the end of one of the relay's own tasks, which is JSON.
    pub(super) fn of_task(self, id: &str) -> Handover {
        Handover { task: Some(id.to_owned()), raw: false, stream: None, ..self }
    }

    /// Whether the relay has to keep the pictures whose bytes are in this answer.
    pub(super) fn keeps_pictures(&self) -> bool {
        self.shown.is_some()
    }

    /// The number under which it keeps them.
    pub(super) fn keep_under(&mut self, number: u64) {
        if let Some(shown) = &mut self.shown {
            shown.kept = Some(number);
        }
    }

    /// Whether it may change anything.
    pub fn acts(&self) -> bool {
        let untouched =
            Handover { number: self.number, base_url: self.base_url.clone(), verb: self.verb, ..Handover::default() };
        *self != untouched
    }

    /// The answer as the client gets it. What is no JSON is no answer of a provider, and stays.
    pub fn apply(&self, mut response: Response) -> Response {
        let Ok(mut answer) = serde_json::from_slice::<Value>(&response.body) else { return response };
        let failed = response.status >= 400;
        if failed {
            answer = envelope::wrapped(answer, response.status, self.errors, self.number);
        } else {
            self.change_pictures(&mut answer);
            if let Some(bytes) = pictures::only_image(&answer).filter(|_| self.raw) {
                response.set_header("content-type", pictures::media_type(&bytes));
                return Response { body: bytes, ..response };
            }
            self.respell(&mut answer);
        }
        if let Some(id) = &self.task {
            answer = ended(answer, id, failed);
            response.status = 200;
        }
        if self.early_status {
            response.status = 200;
        }
        let text = match self.stream {
            Some(form) => {
                // The status of a stream is sent before its end is known.
                response.status = 200;
                response.set_header("content-type", form.content_type);
                form.body(&answer, self.verb)
            }
            None => self.framed(&answer.to_string(), failed),
        };
        response.body = text.into_bytes();
        response
    }

    /// Blanks before a document, and another document after it.
    fn framed(&self, document: &str, failed: bool) -> String {
        let mut text = match self.blanks {
            None => String::new(),
            Some(draw) if draw & 1 == 0 => " ".repeat(1 + (draw >> 8 & 63) as usize),
            Some(draw) => "\r\n \t\n".repeat(1 + (draw >> 8 & 15) as usize),
        };
        text.push_str(document);
        if self.second_document && !failed {
            text.push_str(r#"{"error":{"message":"write failed: broken pipe","type":"server_error","code":"internal_server_error"}}"#);
        }
        text
    }

    /// More images than there were, and other addresses.
    fn change_pictures(&self, answer: &mut Value) {
        if self.surplus {
            if let Some(list) = pictures::list(answer) {
                if let Some(first) = list.first().cloned() {
                    list.push(first);
                }
            }
        }
        let Some(shown) = &self.shown else { return };
        if let Some(number) = shown.kept {
            rename_bytes(answer);
            let mut place = 0;
            pictures::each(answer, &mut |text| {
                if let Some(bytes) = pictures::image_in(text) {
                    let kind = pictures::media_type(&bytes).trim_start_matches("image/");
                    *text = format!("{}{}{number}-{place}.{kind}", shown.origin, super::PICTURES);
                }
                place += 1;
            });
        }
        pictures::each(answer, &mut |text| {
            if let Some(path) = text.strip_prefix(&self.base_url) {
                *text = format!("{}{path}", shown.origin);
            }
        });
    }

    fn respell(&self, answer: &mut Value) {
        pictures::each(answer, &mut |text| {
            if let Some(spelled) = pictures::spelled(text, self.base64) {
                *text = spelled;
            }
        });
    }
}

/// A field that says that it holds base64 is called `url` once it holds an address.
fn rename_bytes(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(rename_bytes),
        Value::Object(fields) => {
            fields.values_mut().for_each(rename_bytes);
            if let Some(bytes) = fields.remove("b64_json") {
                fields.insert("url".to_owned(), bytes);
            }
        }
        _ => {}
    }
}

/// What the end of a relay's task reads like.
fn ended(answer: Value, id: &str, failed: bool) -> Value {
    let mut told = match answer {
        Value::Object(_) => answer,
        other => json!({ "error": other }),
    };
    if let Some(fields) = told.as_object_mut() {
        fields.insert("task_id".to_owned(), json!(id));
        fields.insert("status".to_owned(), json!(if failed { "failed" } else { "completed" }));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

    fn answer() -> Response {
        Response::json(200, &json!({"created": 1, "data": [{"b64_json": STANDARD.encode(PNG)}]}))
    }

    fn limited() -> Response {
        Response::json(429, &json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}))
    }

    fn drawn(config: &Config) -> Handover {
        Handover::draw(config, Draws { seed: 1, index: 1 }, &Request::new("POST", "/v1/images/generations"))
    }

    fn body(response: &Response) -> Value {
        serde_json::from_slice(&response.body).unwrap()
    }

    #[test]
    fn without_a_setting_nothing_is_touched() {
        let handover = drawn(&Config::default());
        assert!(!handover.acts());
        assert_eq!(body(&handover.apply(answer())), body(&answer()));
        let html = Response::new(502, "text/html", "<html>");
        let all = Config { relay_blanks: 1.0, relay_early_status: 1.0, relay_stream: 1.0, ..Config::default() };
        assert_eq!(drawn(&all).apply(html.clone()), html);
    }

    #[test]
    fn blanks_come_before_and_a_second_document_after_a_whole_answer() {
        let config = Config { relay_blanks: 1.0, relay_second_document: 1.0, ..Config::default() };
        let handover = drawn(&config);
        assert!(handover.acts());
        let text = String::from_utf8(handover.apply(answer()).body).unwrap();
        assert!(text.starts_with([' ', '\r']) && text.contains("}]}{\"error\":{\"message\":\"write failed"), "{text}");
        let text = String::from_utf8(handover.apply(limited()).body).unwrap();
        assert!(text.trim_start().starts_with("{\"error\"") && text.ends_with("}}"), "{text}");
        assert!(!text.contains("write failed"));
    }

    #[test]
    fn an_early_status_leaves_the_failure_to_the_body() {
        let response = drawn(&Config { relay_early_status: 1.0, ..Config::default() }).apply(limited());
        assert_eq!((response.status, body(&response)["error"]["code"].as_str()), (200, Some("rate_limit_exceeded")));
        assert!(response.body.first().is_some_and(u8::is_ascii_whitespace));
    }

    #[test]
    fn a_raw_answer_is_the_only_image_itself() {
        let handover = drawn(&Config { relay_raw: 1.0, ..Config::default() });
        let response = handover.apply(answer());
        assert_eq!((response.header("content-type"), response.body.as_slice()), (Some("image/png"), PNG));
        let surplus = drawn(&Config { relay_raw: 1.0, relay_surplus: 1.0, ..Config::default() });
        assert_eq!(body(&surplus.apply(answer()))["data"].as_array().unwrap().len(), 2, "two do not fit in one body");
    }

    #[test]
    fn pictures_are_shown_at_the_relay() {
        let url = json!({"data": {"output": [{"url": "http://127.0.0.1:8787/images/a.png?expires=1"}]}});
        let relative = drawn(&Config { relay_pictures: PictureAddress::Relative, ..Config::default() });
        let told = body(&relative.apply(Response::json(200, &url)));
        assert_eq!(told["data"]["output"][0]["url"], "/images/a.png?expires=1");
        let origin = "https://relay.example:8443".to_owned();
        let config = Config { relay_pictures: PictureAddress::Absolute, relay_origin: origin, ..Config::default() };
        let mut absolute = drawn(&config);
        assert!(absolute.keeps_pictures());
        absolute.keep_under(7);
        let told = body(&absolute.apply(answer()));
        assert_eq!(told["data"], json!([{"url": "https://relay.example:8443/generated/7-0.png"}]));
    }

    #[test]
    fn a_stream_takes_the_place_of_the_document() {
        let handover = drawn(&Config { relay_stream: 1.0, relay_blanks: 1.0, ..Config::default() });
        let response = handover.apply(answer());
        assert!(String::from_utf8(response.body).unwrap().contains("data: {"));
        assert_eq!(handover.apply(limited()).status, 200);
        let polled = Request::new("GET", "/v1/tasks/1");
        let config = Config { relay_stream: 1.0, ..Config::default() };
        assert!(!Handover::draw(&config, Draws { seed: 1, index: 1 }, &polled).acts());
    }

    #[test]
    fn the_end_of_a_task_names_it_and_its_status() {
        let handover = drawn(&Config { relay_raw: 1.0, relay_stream: 1.0, ..Config::default() }).of_task("img_1");
        let told = body(&handover.apply(answer()));
        assert_eq!((told["task_id"].as_str(), told["status"].as_str()), (Some("img_1"), Some("completed")));
        assert!(told["data"][0]["b64_json"].is_string());
        let failed = handover.apply(limited());
        assert_eq!((failed.status, body(&failed)["status"].as_str()), (200, Some("failed")));
    }
}
