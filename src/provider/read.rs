//! From an answer to what it means, by a dialect's table.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Dialect, Meaning};
use crate::error::{Axis, Billed, Code, Error};
use crate::http::{Answer, Body, is_fetchable};
use crate::json::Json;
use crate::retry::hint::retry_after;
use crate::time::Millis;

/// The longest provider message that is kept, in characters.
const MAX_MESSAGE: usize = 300;
/// The most images of one task that are kept.
const MAX_IMAGES: usize = 64;

/// A finished image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Where it can be fetched, without a credential.
    pub url: Option<String>,
    /// Its bytes, kept by the host.
    pub handle: Option<u32>,
    /// Its kind, as far as known.
    pub media_type: Option<String>,
    /// When its address dies, ms since the epoch.
    pub expires_at: Option<u64>,
    /// Pixels, where the bytes were seen.
    pub size: Option<(u32, u32)>,
}

/// A task that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// It waits for a slot at the provider.
    pub queued: bool,
    /// From 0 to 1.
    pub progress: Option<f64>,
}

/// A refused submit, or a poll that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Which limit.
    pub axis: Axis,
    /// When to come back, ms.
    pub hint: Option<Millis>,
    /// The whole story.
    pub error: Error,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The task is there and not over. `id` is the provider's, where the answer gives one.
    Running {
        /// The provider's id of the task.
        id: Option<String>,
        /// How it stands.
        running: Running,
    },
    /// The task is over, with images.
    Succeeded {
        /// The provider's id of the task.
        id: Option<String>,
        /// What it made; never empty.
        images: Vec<Image>,
    },
    /// The task itself is over, without an image.
    TaskFailed {
        /// The provider's id of the task.
        id: Option<String>,
        /// Why.
        error: Error,
    },
    /// Not now.
    Refused(Refusal),
    /// Rejected before any work; may be tried again after the hint.
    Rejected {
        /// Why.
        error: Error,
        /// When to come back, ms.
        hint: Option<Millis>,
        /// The server forbids another try.
        forbidden: bool,
    },
    /// Failed; for a submit, the task may exist all the same.
    Failed {
        /// Why.
        error: Error,
        /// When to come back, ms.
        hint: Option<Millis>,
        /// The server forbids another try.
        forbidden: bool,
    },
    /// The first submit under this key is still on its way.
    Processing {
        /// When to ask again, ms.
        hint: Option<Millis>,
    },
    /// No other try helps.
    Fatal(Error),
}

/// Reads the answer to a submit.
pub fn read_submit(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    let reading = read(dialect, base_url, answer, wall);
    match reading {
        // Accepted, but under which id? It may run, and cost, without us.
        Reading::Running { id: None, .. } => Reading::Failed {
            error: error(dialect, answer, Code::Protocol, Billed::Unknown),
            hint: None,
            forbidden: false,
        },
        other => other,
    }
}

/// Reads the answer to a poll.
pub fn read_poll(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    read(dialect, base_url, answer, wall)
}

fn read(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    let status = effective_status(dialect, answer);
    if answer.body == Body::Redirect || (300..400).contains(&status) {
        let mut error = error(dialect, answer, Code::Protocol, Billed::No);
        error.message =
            String::from("The provider answered with a redirect; a key is never sent on to another address.");
        return Reading::Fatal(error);
    }
    let ok = (200..300).contains(&status);
    let json = answer.body.json();
    let code = json.and_then(|json| json.first(dialect.answer.error_code)).and_then(Json::text);
    if !ok {
        return read_error(dialect, answer, status, code, wall);
    }
    let Some(json) = json else {
        let hint = retry_after(answer, wall);
        return Reading::Failed {
            error: error(dialect, answer, Code::Protocol, Billed::Unknown),
            hint,
            forbidden: false,
        };
    };
    let id = json.first(dialect.answer.id).and_then(Json::text).map(String::from);
    let word = json.first(dialect.answer.status).and_then(Json::text).unwrap_or_default().to_ascii_lowercase();
    let is = |words: &[&str]| words.contains(&word.as_str());
    if is(dialect.answer.failed) {
        return Reading::TaskFailed { id, error: task_error(dialect, answer, code) };
    }
    if is(dialect.answer.cancelled) {
        return Reading::TaskFailed { id, error: error(dialect, answer, Code::Cancelled, Billed::Unknown) };
    }
    if is(dialect.answer.succeeded) {
        let images = images(dialect, base_url, json);
        if images.is_empty() {
            return Reading::TaskFailed { id, error: error(dialect, answer, Code::EmptyResult, Billed::Unknown) };
        }
        return Reading::Succeeded { id, images };
    }
    if word.is_empty() && code.is_some() {
        return read_error(dialect, answer, status, code, wall);
    }
    let progress = json.first(dialect.answer.progress).and_then(Json::number);
    let progress = progress.map(|p| if p > 1.0 { p / 100.0 } else { p }).filter(|p| (0.0..=1.0).contains(p));
    Reading::Running { id, running: Running { queued: word.is_empty() || is(dialect.answer.queued), progress } }
}

fn effective_status(dialect: &Dialect, answer: &Answer) -> u16 {
    let told = answer.body.json().and_then(|json| json.first(dialect.answer.status_code)).and_then(Json::whole);
    match told {
        Some(told) if (400..600).contains(&told) && (200..300).contains(&answer.status) => told as u16,
        _ => answer.status,
    }
}

fn meaning(dialect: &Dialect, status: u16, code: Option<&str>) -> Meaning {
    let by_code = code.and_then(|code| dialect.codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)));
    if let Some((_, meaning)) = by_code {
        return *meaning;
    }
    if let Some((_, meaning)) = dialect.statuses.iter().find(|(known, _)| *known == status) {
        return *meaning;
    }
    match status {
        400..500 => Meaning::Fatal(Code::InvalidRequest),
        500.. => Meaning::Failed(Code::ServerError),
        // An error in an answer that says 200, under a code that nobody documents.
        _ => Meaning::Failed(Code::Protocol),
    }
}

fn read_error(dialect: &Dialect, answer: &Answer, status: u16, code: Option<&str>, wall: u64) -> Reading {
    let hint = retry_after(answer, wall);
    let forbidden = answer.header("x-should-retry") == Some("false");
    let mut error = match meaning(dialect, status, code) {
        Meaning::Fatal(fatal) => return Reading::Fatal(error(dialect, answer, fatal, Billed::No)),
        Meaning::Filtered => return Reading::Fatal(error(dialect, answer, Code::ContentFiltered, Billed::No)),
        Meaning::Processing => return Reading::Processing { hint },
        Meaning::Refused(axis) => {
            let mut error = error(dialect, answer, Code::RateLimited, Billed::No);
            if says(&error.message, MONEY) {
                error.code = Code::QuotaExhausted;
                return Reading::Fatal(error);
            }
            let axis = if axis == Axis::Unknown { axis_in_words(&error.message) } else { axis };
            error.axis = Some(axis);
            error.retry_after = hint;
            return Reading::Refused(Refusal { axis, hint, error });
        }
        Meaning::Rejected(code) => {
            let mut error = error(dialect, answer, code, Billed::No);
            error.retry_after = hint;
            return Reading::Rejected { error, hint, forbidden };
        }
        Meaning::Failed(code) => error(dialect, answer, code, Billed::Unknown),
    };
    error.retry_after = hint;
    Reading::Failed { error, hint, forbidden }
}

/// The failure of a task that had been accepted. HiAPI bills only what produced output, and so does every task provider documented so far.
fn task_error(dialect: &Dialect, answer: &Answer, code: Option<&str>) -> Error {
    let known = code.and_then(|code| dialect.codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)));
    let kind = match known {
        Some((_, Meaning::Filtered)) => Code::ContentFiltered,
        Some((_, Meaning::Fatal(code) | Meaning::Failed(code) | Meaning::Rejected(code))) => *code,
        _ => Code::TaskFailed,
    };
    let mut error = error(dialect, answer, kind, Billed::No);
    if says(&error.message, CONTENT) {
        error.code = Code::ContentFiltered;
    }
    error
}

/// An upstream filter's words, passed on under a general code.
const CONTENT: &[&str] =
    &["moderation", "content policy", "content_policy", "safety system", "safety filter", "violates our"];
/// A 429 in these words is no matter of time.
const MONEY: &[&str] =
    &["insufficient", "account balance", "exhausted balance", "billing", "out of credit", "no credit"];

/// Which limit a refusal means whose code says nothing, by the words that providers use for each.
fn axis_in_words(message: &str) -> Axis {
    if says(message, &["concurren", "in progress", "simultaneous", "in parallel"]) {
        Axis::Concurrency
    } else if says(message, &["per minute", "rpm", "/min"]) {
        Axis::Minute
    } else if says(message, &["per day", "daily", "rpd"]) {
        Axis::Day
    } else {
        Axis::Unknown
    }
}

/// Whether one of the phrases (in lower case) stands in a message. Bytes, not `str::contains`: that search and what it can panic with are 6 KB of wasm.
fn says(message: &str, phrases: &[&str]) -> bool {
    let message = message.to_ascii_lowercase();
    let stands = |phrase: &&str| message.as_bytes().windows(phrase.len()).any(|window| window == phrase.as_bytes());
    phrases.iter().any(stands)
}

fn error(dialect: &Dialect, answer: &Answer, code: Code, billed: Billed) -> Error {
    let mut error = Error::new(code).billed(billed);
    error.status = (answer.status > 0).then_some(answer.status);
    let json = answer.body.json();
    let text = |paths| json.and_then(|json: &Json| json.first(paths)).and_then(Json::text).map(String::from);
    error.request_id = text(dialect.answer.request_id).or_else(|| answer.header("x-request-id").map(String::from));
    error.provider_code = text(dialect.answer.error_code);
    if let Some(message) = text(dialect.answer.error_message).filter(|message| !message.trim().is_empty()) {
        error.message = message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
    }
    error
}

fn images(dialect: &Dialect, base_url: &str, json: &Json) -> Vec<Image> {
    let table = &dialect.answer;
    let (kind_field, kind) = table.output_kind;
    let mut images = Vec::new();
    for output in json.first(table.output).map_or(&[][..], Json::list) {
        let text = |name| output.get(name).and_then(Json::text);
        let url = text(table.output_url).filter(|url| is_fetchable(url, base_url));
        if images.len() < MAX_IMAGES && text(kind_field).is_none_or(|found| found == kind) && url.is_some() {
            let expires_at = output.get(table.output_expires).and_then(Json::whole).map(|seconds| seconds * 1_000);
            images.push(Image { url: url.map(String::from), expires_at, ..Image::default() });
        }
    }
    images
}
