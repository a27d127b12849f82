//! An answer as server-sent events that nobody asked for (WHATWG HTML, "Server-sent events"; OpenAI's API reference, "Image streaming").

use serde_json::{Value, json};

use super::pictures;

/// How a relay streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamForm {
    /// Whether lines end in CRLF instead of LF.
    pub crlf: bool,
    /// Whether events have names, instead of data alone.
    pub named: bool,
    /// Whether a comment comes first, to keep the connection open.
    pub comment: bool,
    /// Whether a partial image comes first.
    pub partial: bool,
    /// Whether each image is an event of OpenAI's; else the whole answer is one.
    pub by_image: bool,
    /// Whether `[DONE]` comes last.
    pub done: bool,
    /// What the answer is said to be.
    pub content_type: &'static str,
}

impl StreamForm {
    /// The form that these bits stand for.
    pub fn of(draw: u64) -> StreamForm {
        let bit = |place: u32| draw >> place & 1 == 1;
        StreamForm {
            crlf: bit(0),
            named: bit(1),
            comment: bit(2),
            partial: bit(3),
            by_image: bit(4),
            done: bit(5),
            content_type: match draw >> 6 & 3 {
                0 => "application/json",
                1 => "text/plain; charset=utf-8",
                _ => "text/event-stream",
            },
        }
    }

    /// The body; `verb` is OpenAI's, `image_generation` or `image_edit`.
    pub fn body(self, answer: &Value, verb: &str) -> String {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let mut body = String::new();
        let mut event = |name: &str, data: &str| {
            if self.named && !name.is_empty() {
                body.push_str(&["event: ", name, end].concat());
            }
            body.push_str(&["data: ", data, end, end].concat());
        };
        let mut copy = answer.clone();
        let images = pictures::list(&mut copy).cloned().unwrap_or_default();
        if let Some(first) = images.first().filter(|_| self.partial) {
            let kind = format!("{verb}.partial_image");
            event(&kind, &with(first, json!({"type": kind, "partial_image_index": 0})).to_string());
        }
        let is_error = answer.get("error").is_some();
        if images.is_empty() || !self.by_image {
            event(if is_error { "error" } else { "" }, &answer.to_string());
        } else {
            let kind = format!("{verb}.completed");
            for image in &images {
                event(&kind, &with(image, json!({"type": kind})).to_string());
            }
        }
        if self.done {
            event("", "[DONE]");
        }
        let comment = if self.comment { [": keep-alive", end, end].concat() } else { String::new() };
        comment + &body
    }
}

fn with(image: &Value, fields: Value) -> Value {
    let mut all = fields;
    if let (Some(all), Some(own)) = (all.as_object_mut(), image.as_object()) {
        all.extend(own.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: u64 = 0;

    fn answer() -> Value {
        json!({"created": 1, "data": [{"url": "https://a.example/1.png"}, {"url": "https://a.example/2.png"}]})
    }

    #[test]
    fn the_whole_answer_may_be_one_event_of_data_alone() {
        let body = StreamForm::of(PLAIN).body(&answer(), "image_generation");
        assert_eq!(body, format!("data: {}\n\n", answer()));
        assert_eq!(StreamForm::of(PLAIN).content_type, "application/json");
        assert_eq!(StreamForm::of(u64::MAX).content_type, "text/event-stream");
    }

    #[test]
    fn each_image_may_be_an_event_of_openai() {
        let form = StreamForm::of(u64::MAX);
        let body = form.body(&answer(), "image_edit");
        assert!(body.starts_with(": keep-alive\r\n\r\nevent: image_edit.partial_image\r\ndata: {"), "{body}");
        assert_eq!(body.matches("event: image_edit.completed\r\n").count(), 2);
        assert!(body.ends_with("data: [DONE]\r\n\r\n"));
        assert_eq!(body.matches("https://a.example/2.png").count(), 1);
    }

    #[test]
    fn an_error_is_an_event_too() {
        let body = StreamForm { named: true, ..StreamForm::of(PLAIN) }
            .body(&json!({"error": {"message": "no"}}), "image_generation");
        assert_eq!(body, "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n");
    }
}
