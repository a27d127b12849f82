//! What an error means: by its code, then its type, then the status, and last by its words.

use alloc::string::String;

use super::content::filter;
use super::reading::{Reading, Refusal};
use super::{Dialect, Meaning, Paths};
use crate::error::{Axis, Billed, Code, Error, FilterStage};
use crate::http::Answer;
use crate::json::Json;
use crate::retry::hint::{refusal_hint, retry_after};
use crate::text::says;

/// The longest provider message that is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// The meaning that the word at one of these paths has in the dialect's table.
fn known(dialect: &Dialect, json: Option<&Json>, paths: Paths) -> Option<Meaning> {
    let word = json?.first_text(paths)?;
    dialect.codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
}

/// What the provider's own words of an error mean: its code, or else its type.
fn named(dialect: &Dialect, json: Option<&Json>) -> Option<Meaning> {
    known(dialect, json, dialect.answer.error_code).or_else(|| known(dialect, json, dialect.answer.error_type))
}

fn meaning(dialect: &Dialect, status: u16, json: Option<&Json>) -> Meaning {
    let by_status = dialect.statuses.iter().find(|(known, _)| *known == status).map(|(_, meaning)| *meaning);
    let meant = match named(dialect, json) {
        // Said of anything that fails: a status that has a meaning says more, and a proxy's 504 is in doubt whatever stands in it.
        Some(vague @ (Meaning::Rejected(Code::ServerError) | Meaning::Fatal(Code::InvalidRequest))) => {
            by_status.unwrap_or(vague)
        }
        Some(told) => return told,
        None => by_status.unwrap_or(match status {
            400..500 => Meaning::Fatal(Code::InvalidRequest),
            500.. => Meaning::Failed(Code::ServerError),
            // An error in an answer that says 200, under a code that nobody documents.
            _ => Meaning::Failed(Code::Protocol),
        }),
    };
    if dialect.is_synchronous() { in_words(dialect, json, meant) } else { meant }
}

/// What the words of an error add where neither a code nor a field says what it is about.
fn in_words(dialect: &Dialect, json: Option<&Json>, meant: Meaning) -> Meaning {
    let text = |paths| json.and_then(|json| json.first_text(paths));
    let message = text(dialect.answer.error_message).unwrap_or_default();
    let silent = text(dialect.answer.error_code).or(text(dialect.answer.error_param)).is_none();
    match meant {
        // There are no tasks here that could be unknown.
        Meaning::Fatal(Code::NotFound) if says(message, &["model", "deployment"]) => {
            Meaning::Fatal(Code::ModelUnavailable)
        }
        Meaning::Fatal(Code::InvalidRequest | Code::Permission) if dialect.trusts_words && silent => {
            if is_money(message) {
                Meaning::Fatal(Code::QuotaExhausted)
            } else if says(message, CONTENT) {
                Meaning::Filtered
            } else {
                meant
            }
        }
        _ => meant,
    }
}

/// Whether the server says not to try again.
pub fn is_forbidden(answer: &Answer) -> bool {
    answer.header("x-should-retry") == Some("false")
}

/// Reads an answer that is an error.
pub fn read_error(dialect: &Dialect, answer: &Answer, status: u16, wall: u64) -> Reading {
    let hint = retry_after(answer, wall);
    let forbidden = is_forbidden(answer);
    let mut error = match meaning(dialect, status, answer.body.json()) {
        Meaning::Fatal(fatal) => return Reading::Fatal(error(dialect, answer, fatal, Billed::No)),
        Meaning::Filtered => return Reading::Fatal(filtered(dialect, answer)),
        Meaning::Processing => return Reading::Processing { hint },
        Meaning::Refused(axis) => return refused(dialect, answer, axis, wall, forbidden),
        Meaning::Rejected(code) => {
            // What the provider itself gave up may still have used its machines.
            let billed = if code == Code::ServerError { Billed::Unknown } else { Billed::No };
            let mut error = error(dialect, answer, code, billed);
            error.retry_after = hint;
            return Reading::Rejected { error, hint, forbidden };
        }
        Meaning::Failed(code) => error(dialect, answer, code, Billed::Unknown),
    };
    error.retry_after = hint;
    Reading::Failed { error, hint, forbidden }
}

fn refused(dialect: &Dialect, answer: &Answer, axis: Axis, wall: u64, forbidden: bool) -> Reading {
    let mut error = error(dialect, answer, Code::RateLimited, Billed::No);
    if dialect.trusts_words && is_money(&error.message) {
        error.code = Code::QuotaExhausted;
        return Reading::Fatal(error);
    }
    // The type "requests" is that of a minute's limit and of a day's alike: the words say more.
    let axis = match (axis_in_words(&error.message), known(dialect, answer.body.json(), dialect.answer.error_type)) {
        (Axis::Unknown, Some(Meaning::Refused(by_type))) if axis == Axis::Unknown => by_type,
        (Axis::Unknown, _) => axis,
        (in_words, _) => in_words,
    };
    let hint = refusal_hint(answer, &error.message, wall);
    error.axis = Some(axis);
    error.retry_after = hint;
    Reading::Refused(Refusal { axis, hint, error, forbidden })
}

fn filtered(dialect: &Dialect, answer: &Answer) -> Error {
    let mut error = error(dialect, answer, Code::ContentFiltered, Billed::No);
    let filter = filter(dialect, answer.body.json(), &error.message);
    // A synchronous provider's picture may have been drawn before the filter saw it; task providers bill only what they hand out.
    if dialect.is_synchronous() && filter.stage != FilterStage::Prompt {
        error.billed = Billed::Unknown;
    }
    error.filter = Some(filter);
    error
}

/// The failure of a task that had been accepted. HiAPI bills only what produced output, and so does every task provider documented so far.
pub fn task_error(dialect: &Dialect, answer: &Answer) -> Error {
    let kind = match named(dialect, answer.body.json()) {
        Some(Meaning::Filtered) => Code::ContentFiltered,
        Some(Meaning::Fatal(code) | Meaning::Failed(code) | Meaning::Rejected(code)) => code,
        _ => Code::TaskFailed,
    };
    let error = error(dialect, answer, kind, Billed::No);
    if kind == Code::ContentFiltered || dialect.trusts_words && says(&error.message, CONTENT) {
        return filtered(dialect, answer);
    }
    error
}

/// An upstream filter's words, passed on under a general code.
const CONTENT: &[&str] =
    &["moderation", "content policy", "content_policy", "safety system", "safety filter", "violates our"];
/// What is spoken of so is no matter of time.
const MONEY: &[&str] = &["account balance", "exhausted balance", "billing", "out of credit", "no credit"];

fn is_money(message: &str) -> bool {
    // Capacity and permissions are insufficient, too.
    says(message, MONEY)
        || says(message, &["insufficient"]) && says(message, &["balance", "credit", "fund", "quota", "money"])
}

/// Which limit a refusal means whose code says nothing, by the words that providers use for each.
fn axis_in_words(message: &str) -> Axis {
    if says(message, &["concurren", "in progress", "simultaneous", "in parallel"]) {
        Axis::Concurrency
    } else if says(message, &["per min", "rpm", "/min"]) {
        Axis::Minute
    } else if says(message, &["per day", "daily", "rpd"]) {
        Axis::Day
    } else {
        Axis::Unknown
    }
}

/// An error with what the answer says of it.
pub fn error(dialect: &Dialect, answer: &Answer, code: Code, billed: Billed) -> Error {
    let mut error = Error::new(code).billed(billed);
    error.status = (answer.status > 0).then_some(answer.status);
    let json = answer.body.json();
    let text = |paths| json.and_then(|json: &Json| json.first_text(paths)).map(String::from);
    error.request_id = text(dialect.answer.request_id).or_else(|| answer.header("x-request-id").map(String::from));
    error.provider_code = text(dialect.answer.error_code).or_else(|| text(dialect.answer.error_type));
    if code == Code::InvalidRequest {
        error.param = text(dialect.answer.error_param);
    }
    if code == Code::NotFound && dialect.is_synchronous() {
        error.message = String::from("The provider has nothing at this address: is the baseURL right?");
    }
    if let Some(message) = text(dialect.answer.error_message).filter(|message| !message.trim().is_empty()) {
        error.message = message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
    }
    error
}
