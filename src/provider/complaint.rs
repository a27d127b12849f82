//! What an error says, in whatever envelope it came: the dialect's own; a list around it; FastAPI's `detail`; or another error's JSON within the
//! message, which relays pass on as they got it.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Dialect, Paths};
use crate::http::{Answer, Body};
use crate::json::reader::Strings;
use crate::json::{Json, decimal, read_documents};
use crate::text::{concat, says};

/// The longest provider message that is kept, in characters.
const MAX_MESSAGE: usize = 300;
/// Messages within messages are followed so far.
const MAX_NESTED: usize = 3;

/// An error in the words of whoever answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Complaint {
    /// Its code, as text; not a number that is an HTTP status.
    pub code: Option<String>,
    /// A coarser word for it.
    pub kind: Option<String>,
    /// The message: one line without HTML, and not too long.
    pub message: Option<String>,
    /// The field at fault.
    pub param: Option<String>,
    /// The HTTP status that stands in the body.
    pub status: Option<u16>,
    /// What the message was before it was shortened, in lower case, for looking for words in.
    pub words: String,
    /// The same as it came.
    pub whole: String,
    /// What a filter of Azure's says it has found.
    pub categories: Vec<String>,
}

/// Where relays put what the dialects have a place of their own for.
const MESSAGES: Paths = "error.message error.message.error error.message.message error.error.message error.msg error.error_message message msg error_msg detail.message detail.error.message detail.error detail errors.0.message errors.0 error_description error";
const CODES: Paths = "error.code detail.error.code detail.code errors.0.code";
const KINDS: Paths = "error.details.0.reason error.status error.type detail.error.type detail.type";
const STATUSES: Paths =
    "error.status_code error.http_status status_code statusCode detail.status_code error.code error.status code status";

impl Complaint {
    /// Reads the error of an answer.
    pub fn of(dialect: &Dialect, answer: &Answer) -> Complaint {
        match &answer.body {
            Body::Json(json) => Complaint::read(dialect, json),
            Body::Text(text) => {
                let message = plain_words(text);
                let words = message.clone().unwrap_or_default().to_ascii_lowercase();
                Complaint { words, message, ..Complaint::default() }
            }
            _ => Complaint::default(),
        }
    }

    /// Reads the error of a body.
    pub fn read(dialect: &Dialect, json: &Json) -> Complaint {
        let mut complaint = Complaint::shallow(dialect, json);
        let mut nested = complaint.inner(dialect);
        for _ in 0..MAX_NESTED {
            let Some(inner) = nested.take() else { break };
            nested = inner.inner(dialect);
            complaint.take_in(inner);
        }
        complaint
    }

    /// Whether there is an error at all.
    pub fn is_told(&self) -> bool {
        self.code.is_some() || self.kind.is_some() || self.message.is_some()
    }

    fn shallow(dialect: &Dialect, json: &Json) -> Complaint {
        // Google's OpenAI-compatible endpoint wraps its errors in a list.
        let json = match json {
            Json::List(values) => values.first().unwrap_or(&Json::Null),
            other => other,
        };
        let table = &dialect.answer;
        let code = word(json, table.error_code).or_else(|| word(json, CODES));
        let status = status(json, table.status_code).or_else(|| status(json, STATUSES));
        let (message, param) = match validation(json) {
            Some((message, field)) => (Some(message), field),
            None => (text(json, table.error_message).or_else(|| text(json, MESSAGES)), None),
        };
        let message = message.filter(|message| !message.trim().is_empty());
        Complaint {
            code: code.filter(|code| !is_status(code)),
            kind: text(json, table.error_type).or_else(|| text(json, KINDS)),
            words: message.clone().unwrap_or_default().to_ascii_lowercase(),
            whole: message.clone().unwrap_or_default(),
            message,
            param: param.or_else(|| text(json, table.error_param)),
            status,
            categories: azure_categories(json),
        }
        .in_plain_words()
    }

    /// The message as one line. Pages are no messages.
    fn in_plain_words(mut self) -> Complaint {
        self.message = self.message.take().filter(|_| !is_page(&self.words)).map(|message| one_line(&message));
        self
    }

    /// The error whose JSON stands within the message.
    fn inner(&self, dialect: &Dialect) -> Option<Complaint> {
        let start = self.whole.bytes().position(|byte| byte == b'{')?;
        let text = self.whole.get(start..)?;
        let json = read_documents(text, Strings::Plain, &|_| 0.0).ok()?;
        let json = if json.get("error").is_some() || json.get("detail").is_some() || json.get("message").is_some() {
            json
        } else {
            return None;
        };
        Some(Complaint::shallow(dialect, &json)).filter(Complaint::is_told)
    }

    /// What the inner error says is nearer to the matter, and its message is for people where its JSON is not.
    fn take_in(&mut self, inner: Complaint) {
        if let (Some(before), Some(words)) = (self.whole.split('{').next(), &inner.message) {
            let before = one_line(before.trim());
            let blank = if before.is_empty() { "" } else { " " };
            self.message = Some(concat(&[&before, blank, words]));
            self.whole = inner.whole;
        }
        self.code = inner.code.or(self.code.take());
        self.kind = inner.kind.or(self.kind.take());
        self.param = inner.param.or(self.param.take());
        self.status = inner.status.or(self.status);
        if self.categories.is_empty() {
            self.categories = inner.categories;
        }
    }
}

/// The text at the first of these paths that has one.
fn text(json: &Json, paths: Paths) -> Option<String> {
    json.all(paths).find_map(|end| end.text().filter(|text| !is_nothing(text))).map(String::from)
}

/// Python's way to say nothing, which LiteLLM writes out.
fn is_nothing(text: &str) -> bool {
    text.is_empty() || text == "None"
}

/// The same, of numbers, too.
fn word(json: &Json, paths: Paths) -> Option<String> {
    let word =
        |end: &Json| end.text().filter(|text| !is_nothing(text)).map(String::from).or_else(|| end.whole().map(decimal));
    json.all(paths).find_map(word)
}

fn is_status(code: &str) -> bool {
    crate::text::whole(code).is_some_and(|code| (100..600).contains(&code))
}

/// An HTTP status of an error, as a number or as its digits.
fn status(json: &Json, paths: Paths) -> Option<u16> {
    json.all(paths).find_map(|told| {
        let told = told.whole().or_else(|| crate::text::whole(told.text()?))?;
        u16::try_from(told).ok().filter(|told| (400..600).contains(told))
    })
}

/// FastAPI's list of what is wrong with a request (fastapi.tiangolo.com, "Handling Errors"): the words of all, and the field of the first.
fn validation(json: &Json) -> Option<(String, Option<String>)> {
    let list = json.get("detail").or_else(|| json.at("error.detail"))?.list();
    let first = list.first()?;
    let field = first.get("loc").and_then(|place| place.list().last()?.text()).map(String::from);
    let mut message = String::new();
    for wrong in list.iter().take(4) {
        let words = wrong.get("msg").and_then(Json::text).or(wrong.text()).unwrap_or_default();
        let field = wrong.get("loc").and_then(|place| place.list().last()?.text()).unwrap_or_default();
        let (between, colon) = (if message.is_empty() { "" } else { "; " }, if field.is_empty() { "" } else { ": " });
        message = concat(&[&message, between, field, colon, words]);
    }
    Some((message, field))
}

fn is_page(words: &str) -> bool {
    says(words, &["<html", "<!doctype", "<body", "</"])
}

/// A text without line ends and other control characters, with a blank in their place: words must not grow together.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut is_blank = true;
    let mut length = 0;
    for character in text.chars() {
        let blank = character.is_control() || character == ' ';
        if !(blank && is_blank) {
            line.push(if blank { ' ' } else { character });
            length += 1;
        }
        is_blank = blank;
        if length >= MAX_MESSAGE {
            break;
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The words of a body that is plain text and no page.
fn plain_words(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = !text.is_empty() && !text.starts_with(['<', '{', '[']) && !is_page(&text.to_ascii_lowercase());
    is_plain.then(|| one_line(text))
}

/// Categories that a filter of Azure's says it has found, in whichever place it says so.
fn azure_categories(json: &Json) -> Vec<String> {
    const RESULTS: Paths = "error.inner_error.content_filter_results error.innererror.content_filter_result error.innererror.content_filter_results error.provider_specific_fields.innererror.content_filter_result error.provider_specific_fields.innererror.content_filter_results error.content_filter_results error.content_filter_result content_filter_results";
    let found = json.first(RESULTS).map_or(&[][..], Json::fields).iter();
    let found = found.filter(|(_, result)| result.get("filtered").and_then(Json::boolean) == Some(true));
    crate::gather::gather(found.map(|(name, _)| name.clone()))
}
