//! What an error means: by its code, then its type, then the status, and last by its words.

use alloc::string::String;

use super::complaint::Complaint;
use super::content::filter;
use super::origin::{Fate, intermediary, request_id};
use super::reading::{Reading, Refusal};
use super::{Dialect, Meaning, openai};
use crate::error::{Axis, Code, Error};
use crate::http::Answer;
use crate::json::Json;
use crate::retry::hint::{allows_nothing, refusal_hint, retry_after};
use crate::text::{concat, says};

/// The meaning of a word in the dialect's table, or else in OpenAI's words, which relays pass on and other providers borrow.
fn known(dialect: &Dialect, word: &str) -> Option<Meaning> {
    let of = |codes: &[(&str, Meaning)]| {
        codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
    };
    // Volcengine's: `InputImageSensitiveContentDetected.PrivacyInformation` and its kin.
    let is_verdict = || says(word, &["sensitivecontentdetected"]).then_some(Meaning::Filtered);
    of(dialect.codes).or_else(|| of(openai::CODES)).or_else(is_verdict)
}

/// Said of anything that fails: whatever else says something says more.
fn is_vague(meaning: Meaning) -> bool {
    matches!(
        meaning,
        Meaning::Rejected(Code::ServerError)
            | Meaning::Failed(Code::ServerError)
            | Meaning::Fatal(Code::InvalidRequest)
    )
}

/// What the provider's own words of an error mean: its code, or else its type, or else a code that stands within its message, where relays put it
/// when they pass an error on.
fn named(dialect: &Dialect, complaint: &Complaint) -> Option<Meaning> {
    let by = |word: &Option<String>| word.as_deref().and_then(|word| known(dialect, word));
    let told = by(&complaint.code).or_else(|| by(&complaint.kind));
    if !complaint.categories.is_empty() {
        return Some(Meaning::Filtered);
    }
    if told.is_some_and(|told| !is_vague(told) && told != Meaning::Refused(Axis::Unknown)) {
        return told;
    }
    within(dialect, &complaint.words).or(told)
}

/// The first code of the tables that stands in a message. Only words with an underscore are no words of prose.
fn within(dialect: &Dialect, words: &str) -> Option<Meaning> {
    let codes = dialect.codes.iter().chain(openai::CODES);
    let mut named = codes.filter(|(code, meaning)| !is_vague(*meaning) && code.bytes().any(|byte| byte == b'_'));
    named.find(|(code, _)| says(words, &[&code.to_ascii_lowercase()])).map(|(_, meaning)| *meaning)
}

fn meaning(dialect: &Dialect, status: u16, complaint: &Complaint) -> Meaning {
    let by_status = dialect.statuses.iter().find(|(known, _)| *known == status).map(|(_, meaning)| *meaning);
    let meant = match named(dialect, complaint) {
        Some(vague) if is_vague(vague) => by_status.unwrap_or(vague),
        Some(told) => return told,
        None => by_status.unwrap_or(match status {
            400..500 => Meaning::Fatal(Code::InvalidRequest),
            529 => Meaning::Rejected(Code::Overloaded),
            500.. => Meaning::Failed(Code::ServerError),
            // An error in an answer that says 200, under a code that nobody documents.
            _ => Meaning::Failed(Code::Protocol),
        }),
    };
    in_words(dialect, complaint, meant)
}

/// What the words of an error add where neither a code nor a field says what it is about.
fn in_words(dialect: &Dialect, complaint: &Complaint, meant: Meaning) -> Meaning {
    let words = complaint.words.as_str();
    let speaks = |phrases| says(words, phrases);
    let about_model = speaks(&["model", "deployment", "模型"]);
    match meant {
        Meaning::Fatal(Code::NotFound) if about_model => Meaning::Fatal(Code::ModelUnavailable),
        // A field that is at fault says what it is about.
        Meaning::Fatal(Code::InvalidRequest) if complaint.param.as_deref().is_some_and(|field| field != "model") => {
            meant
        }
        Meaning::Fatal(Code::InvalidRequest | Code::Permission)
        | Meaning::Rejected(_)
        | Meaning::Failed(Code::ServerError | Code::Protocol) => {
            if about_model && speaks(NO_MODEL) {
                Meaning::Fatal(Code::ModelUnavailable)
            } else if speaks(NO_KEY) {
                Meaning::Fatal(Code::Authentication)
            } else if !dialect.trusts_words || complaint.code.is_some() && meant != Meaning::Fatal(Code::Permission) {
                meant
            } else if is_money(words) {
                Meaning::Fatal(Code::QuotaExhausted)
            } else if speaks(CONTENT) {
                Meaning::Filtered
            } else if speaks(TOO_MANY) {
                Meaning::Refused(Axis::Unknown)
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

/// Reads an answer that is an error. `status` is the one that counts: see [`super::read::effective_status`].
pub fn read_error(dialect: &Dialect, answer: &Answer, status: u16, (wall, is_submit): (u64, bool)) -> Reading {
    let hint = retry_after(answer, wall);
    let forbidden = is_forbidden(answer);
    if let Some((fate, words)) = intermediary(dialect, answer, status) {
        let code = match fate {
            Fate::NotReached | Fate::Blocked => Code::Network,
            Fate::Limited => Code::RateLimited,
            Fate::Unknown(code) => code,
        };
        let mut error = error(dialect, answer, code);
        error.message = words;
        error.retry_after = hint;
        return match fate {
            Fate::NotReached => Reading::NotReached { error, hint },
            Fate::Blocked => Reading::Blocked(error),
            Fate::Limited => refusal(answer, error, (Axis::Unknown, ""), wall, forbidden),
            Fate::Unknown(_) => Reading::Failed { error, hint, forbidden },
        };
    }
    let complaint = Complaint::of(dialect, answer);
    let mut error = match meaning(dialect, status, &complaint) {
        // A task is there as soon as it is accepted, so no failure is too early for one.
        Meaning::Rejected(code @ Code::ServerError) if dialect.tasks.is_some() => {
            error_of(dialect, answer, code, &complaint)
        }
        Meaning::Fatal(Code::NotFound) if is_submit => {
            return Reading::Fatal(wrong_address(dialect, answer, &complaint));
        }
        Meaning::Fatal(fatal) => return Reading::Fatal(error_of(dialect, answer, fatal, &complaint)),
        Meaning::Filtered => return Reading::Fatal(filtered(dialect, answer, &complaint)),
        Meaning::Processing => return Reading::Processing { hint },
        Meaning::Refused(axis) => return refused(dialect, answer, (axis, &complaint), wall, forbidden),
        Meaning::Rejected(code) => {
            let mut error = error_of(dialect, answer, code, &complaint);
            error.retry_after = hint;
            return Reading::Rejected { error, hint, forbidden };
        }
        Meaning::Failed(code) => error_of(dialect, answer, code, &complaint),
    };
    error.retry_after = hint;
    Reading::Failed { error, hint, forbidden }
}

/// There is nothing where a task is submitted: what is wrong is the address, not a task.
fn wrong_address(dialect: &Dialect, answer: &Answer, complaint: &Complaint) -> Error {
    let mut error = error_of(dialect, answer, Code::NotFound, complaint);
    let said = if error.message == Code::NotFound.message() { "" } else { error.message.as_str() };
    let (open, close) = if said.is_empty() { ("", "") } else { (" (", ")") };
    error.message = concat(&["The provider has nothing at this address: is the baseURL right?", open, said, close]);
    error
}

fn refused(
    dialect: &Dialect,
    answer: &Answer,
    (axis, complaint): (Axis, &Complaint),
    wall: u64,
    forbidden: bool,
) -> Reading {
    let mut error = error_of(dialect, answer, Code::RateLimited, complaint);
    let spent = dialect.trusts_words && is_money(&complaint.words);
    if spent || allows_nothing(answer, &complaint.words) {
        // A limit of nothing is no matter of time: it is what the account is entitled to.
        let is_spent = spent || is_money(&complaint.words);
        error.code = if is_spent { Code::QuotaExhausted } else { Code::Permission };
        return Reading::Fatal(error);
    }
    // The type "requests" is that of a minute's limit and of a day's alike: the words say more.
    let by_type = complaint.kind.as_deref().and_then(|kind| known(dialect, kind));
    let axis = match (axis_in_words(&complaint.words), by_type) {
        (Axis::Unknown, Some(Meaning::Refused(by_type))) if axis == Axis::Unknown => by_type,
        (Axis::Unknown, _) => axis,
        (in_words, _) => in_words,
    };
    refusal(answer, error, (axis, &complaint.words), wall, forbidden)
}

fn refusal(answer: &Answer, mut error: Error, (axis, words): (Axis, &str), wall: u64, forbidden: bool) -> Reading {
    let hint = refusal_hint(answer, words, wall);
    error.axis = Some(axis);
    error.retry_after = hint;
    Reading::Refused(Refusal { axis, hint, error, forbidden })
}

fn filtered(dialect: &Dialect, answer: &Answer, complaint: &Complaint) -> Error {
    let mut error = error_of(dialect, answer, Code::ContentFiltered, complaint);
    error.filter = Some(filter(dialect, answer.body.json(), complaint));
    error
}

/// The failure of a task that had been accepted.
pub fn task_error(dialect: &Dialect, answer: &Answer) -> Error {
    let complaint = Complaint::of(dialect, answer);
    let kind = match named(dialect, &complaint) {
        Some(Meaning::Filtered) => Code::ContentFiltered,
        Some(Meaning::Fatal(code) | Meaning::Failed(code) | Meaning::Rejected(code)) => code,
        _ => Code::TaskFailed,
    };
    if kind == Code::ContentFiltered || dialect.trusts_words && says(&complaint.words, CONTENT) {
        return filtered(dialect, answer, &complaint);
    }
    error_of(dialect, answer, kind, &complaint)
}

/// An upstream filter's words, passed on under a general code.
const CONTENT: &[&str] = &[
    "moderation",
    "content policy",
    "content_policy",
    "content filter",
    "content management policy",
    "safety system",
    "safety filter",
    "violates our",
    "flagged as",
    "inappropriate content",
    "usage guidelines",
    "nsfw",
];
/// What is spoken of so is no matter of time. one-api and new-api say it in Chinese, too: quota, balance, arrears.
const MONEY: &[&str] = &[
    "account balance",
    "exhausted balance",
    "balance is too low",
    "billing",
    "budget has been exceeded",
    "out of credit",
    "no credit",
    "not enough credit",
    "额度不足",
    "额度已用尽",
    "额度失败",
    "余额不足",
    "欠费",
];
/// No such model, or no upstream that has it: LiteLLM, one-api and new-api ("no available channel"), vLLM.
const NO_MODEL: &[&str] = &[
    "no available channel",
    "无可用渠道",
    "does not exist",
    "not found",
    "not exist",
    "unknown model",
    "invalid model name",
    "not a valid model",
    "no access to model",
    "model not supported",
    "has been deprecated",
    "no healthy deployment",
];
/// The key, where the status says something else.
const NO_KEY: &[&str] =
    &["api key not valid", "invalid api key", "incorrect api key", "invalid token", "invalid_api_key", "无效的令牌"];
const TOO_MANY: &[&str] = &["too many requests", "rate limit", "ratelimit", "请求过于频繁"];

fn is_money(message: &str) -> bool {
    // Capacity and permissions are insufficient, too.
    let scarce = |things| says(message, &["insufficient", "not enough", "exceeded"]) && says(message, things);
    says(message, MONEY)
        || scarce(&["balance", "credit", "fund", "money", "spend"])
        || says(message, &["insufficient", "not enough"]) && says(message, &["quota"])
}

/// Which limit a refusal means whose code says nothing, by the words that providers use for each.
fn axis_in_words(message: &str) -> Axis {
    if says(message, &["concurren", "in progress", "simultaneous", "in parallel"]) {
        Axis::Concurrency
    } else if says(message, &["per min", "rpm", "/min"]) {
        Axis::Minute
    } else if says(message, &["per day", "perday", "daily", "rpd"]) {
        Axis::Day
    } else {
        Axis::Unknown
    }
}

/// An error with what the answer says of it. What it costs is not said here: see [`crate::task::verdict`].
pub fn error(dialect: &Dialect, answer: &Answer, code: Code) -> Error {
    error_of(dialect, answer, code, &Complaint::of(dialect, answer))
}

/// The same, where what the answer says has been read already.
fn error_of(dialect: &Dialect, answer: &Answer, code: Code, complaint: &Complaint) -> Error {
    let mut error = Error::new(code);
    error.status = (answer.status > 0).then_some(answer.status);
    let json = answer.body.json();
    let own_id = json.and_then(|json: &Json| json.first_text(dialect.answer.request_id)).map(String::from);
    error.request_id = own_id.or_else(|| request_id(answer));
    error.provider_code = complaint.code.clone().or(complaint.kind.clone());
    if code == Code::InvalidRequest {
        error.param.clone_from(&complaint.param);
    }
    if let Some(message) = &complaint.message {
        error.message.clone_from(message);
    }
    error
}
