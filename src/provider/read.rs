//! From an answer to what it means, by a dialect's table.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::complaint::{Complaint, one_line};
use super::images::{Found, images};
use super::meaning::{error, read_error, task_error};
use super::reading::{Image, Reading, Running, Shown};
use super::relayed::{self, RELAYED};
use super::{Dialect, TaskTable};
use crate::error::{Code, Error};
use crate::gather::gather;
use crate::http::{Answer, Body, image_kind};
use crate::json::Json;
use crate::retry::hint::retry_after;
use crate::text::concat;

/// The most figures of a usage that are kept.
const MAX_USAGE: usize = 32;

/// Reads the answer to a submit.
pub fn read_submit(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    let reading = read(dialect, base_url, answer, wall, false);
    match reading {
        // Accepted, but under which id? It may run, and cost, without us.
        Reading::Running { id: None, poll_url: None, .. } => failed(dialect, answer, wall),
        other => other,
    }
}

/// Reads the answer to a poll.
pub fn read_poll(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    read(dialect, base_url, answer, wall, true)
}

/// Reads the answer to a check: whether a list came, or why not.
pub fn read_check(dialect: &Dialect, answer: &Answer, wall: u64) -> Result<(), Error> {
    let status = effective_status(dialect, answer);
    let json = answer.body.json();
    let complains = |json: &Json| {
        json.first(dialect.answer.error_code).is_some()
            || dialect.is_synchronous() && json.first(dialect.answer.error_message).is_some()
    };
    if (200..300).contains(&status) && json.is_some_and(|json| !complains(json)) {
        return Ok(());
    }
    if json.is_none() && status < 400 {
        // A page, or a redirect to one: no provider's answer.
        return Err(error(dialect, answer, Code::Protocol));
    }
    Err(match read_error(dialect, answer, status, (wall, true)) {
        Reading::Fatal(error)
        | Reading::Blocked(error)
        | Reading::NotReached { error, .. }
        | Reading::Rejected { error, .. }
        | Reading::Failed { error, .. } => error,
        Reading::Refused(refusal) => refusal.error,
        _ => error(dialect, answer, Code::Protocol),
    })
}

/// An answer of which nothing can be made.
fn failed(dialect: &Dialect, answer: &Answer, wall: u64) -> Reading {
    let hint = retry_after(answer, wall);
    let mut error = error(dialect, answer, Code::Protocol);
    if matches!(&answer.body, Body::Text(text) if text.trim_start().starts_with('<')) {
        error.message = String::from("A web page came where the provider's answer was due: is the baseURL right?");
    }
    Reading::Failed { error, hint, forbidden: false }
}

fn read(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64, is_poll: bool) -> Reading {
    if let Body::Cut(json) = &answer.body {
        // What arrived whole counts; what is missing is not known.
        let whole = Answer { body: Body::Json(json.clone()), ..answer.clone() };
        return match read(dialect, base_url, &whole, wall, is_poll) {
            reading @ (Reading::Succeeded { .. } | Reading::Running { .. }) => reading,
            _ => failed(dialect, answer, wall),
        };
    }
    let status = effective_status(dialect, answer);
    if answer.body == Body::Redirect || (300..400).contains(&status) {
        let mut error = error(dialect, answer, Code::Protocol);
        error.message =
            String::from("The provider answered with a redirect; a key is never sent on to another address.");
        return Reading::Fatal(error);
    }
    let is_ok = (200..300).contains(&answer.status);
    if let (true, Body::Bytes { handle, head }) = (is_ok, &answer.body) {
        // The picture itself, where JSON was due.
        let Some((media_type, size)) = image_kind(head) else { return failed(dialect, answer, wall) };
        let (handle, media_type) = (Some(*handle), Some(String::from(media_type)));
        let images = vec![Image { handle, media_type, size, ..Image::default() }];
        return Reading::Succeeded { id: None, images, usage: Vec::new() };
    }
    let Some(json) = answer.body.json() else {
        if !(200..300).contains(&status) {
            return read_error(dialect, answer, status, (wall, !is_poll));
        }
        let accepted = dialect.is_synchronous() && status == 202;
        let task = accepted.then(|| read_task(dialect, &RELAYED, base_url, answer, &Json::Null));
        return task.map_or_else(|| failed(dialect, answer, wall), |(Ok(reading) | Err(reading))| reading);
    };
    // Of a stream's events, or of documents one after the other, what arrived is worth more than whatever else they say.
    let documents = match json {
        Json::List(documents) => documents.as_slice(),
        one => core::slice::from_ref(one),
    };
    let mut found = Found::default();
    if dialect.is_synchronous() && is_ok {
        for document in documents {
            let Found { images, is_spoilt } = images(dialect, base_url, document);
            found.images.extend(images);
            found.is_spoilt |= is_spoilt;
        }
    }
    let json = telling(dialect, documents).unwrap_or(json);
    let of_list = matches!(answer.body.json(), Some(Json::List(_)));
    let alone = of_list.then(|| Answer { body: Body::Json(json.clone()), ..answer.clone() });
    let answer = alone.as_ref().unwrap_or(answer);
    let status = effective_status(dialect, answer);
    if found.images.is_empty() && !(200..300).contains(&status) {
        return read_error(dialect, answer, status, (wall, !is_poll));
    }
    let failed = json.first(dialect.answer.error_code).is_some();
    if let Some(tasks) = &dialect.tasks {
        return read_task(dialect, tasks, base_url, answer, json).unwrap_or_else(|running| {
            if failed {
                return read_error(dialect, answer, status, (wall, !is_poll));
            }
            // A picture where a task was due was paid for as any other.
            let found = matches!(running, Reading::Running { id: None, .. }).then(|| images(dialect, base_url, json));
            match found.filter(|found| !found.images.is_empty()) {
                Some(found) => finished(dialect, answer, None, found, json),
                None => running,
            }
        });
    }
    if !found.images.is_empty() || found.is_spoilt {
        return finished(dialect, answer, None, found, json);
    }
    let task = relayed::is_task(answer, json, is_poll).then(|| read_task(dialect, &RELAYED, base_url, answer, json));
    if let Some(Ok(reading)) = task {
        return reading;
    }
    if failed || json.first(dialect.answer.error_message).is_some() {
        return read_error(dialect, answer, status, (wall, !is_poll));
    }
    if let Some(error) = error_of_an_image(dialect, answer, json) {
        return Reading::TaskFailed { id: None, error };
    }
    match task {
        Some(Err(reading)) => reading,
        // Not about the task that was asked after.
        None if is_poll => self::failed(dialect, answer, wall),
        _ => finished(dialect, answer, None, found, json),
    }
}

/// Of several documents the one that says most, the last of them first: an error, a task, or else whatever came last. Where tasks are due, one that
/// was accepted says more than what comes behind it.
fn telling<'a>(dialect: &Dialect, documents: &'a [Json]) -> Option<&'a Json> {
    let accepted =
        dialect.tasks.as_ref().and_then(|tasks| documents.iter().find(|it| it.first_text(tasks.id).is_some()));
    if accepted.is_some() {
        return accepted;
    }
    let is_error = |json: &&Json| json.get("error").is_some() || json.first(dialect.answer.error_code).is_some();
    let is_task = |json: &&Json| json.first(RELAYED.status).is_some();
    let last = || documents.iter().rev();
    last().find(is_error).or_else(|| last().find(is_task)).or(documents.last())
}

/// Reads a list of tasks: the id of each, and how it is shown. `None` where it doesn't tell both of every row.
pub fn read_list(dialect: &Dialect, answer: &Answer) -> Option<Vec<(String, Shown)>> {
    let tasks = dialect.tasks.as_ref()?;
    let list = tasks.list.as_ref().filter(|_| (200..300).contains(&effective_status(dialect, answer)))?;
    let mut rows = Vec::new();
    for row in answer.body.json()?.first(list.rows)?.list() {
        let word = row.first_text(tasks.status)?.to_ascii_lowercase();
        let is = |words: &[&str]| words.contains(&word.as_str());
        let over = is(tasks.succeeded) || is(tasks.failed) || is(tasks.cancelled);
        let shown = if over {
            Shown::Over
        } else if is(tasks.queued) {
            Shown::Queued
        } else {
            Shown::Running
        };
        rows.push((String::from(row.first_text(tasks.id)?), shown));
    }
    Some(rows)
}

/// The first error that stands in the place of an image.
fn error_of_an_image(dialect: &Dialect, answer: &Answer, json: &Json) -> Option<Error> {
    let mut results = json.first(dialect.answer.output).map_or(&[][..], Json::list).iter();
    let result = results.find(|result| result.first(dialect.answer.error_message).is_some())?;
    Some(task_error(dialect, &Answer { body: Body::Json(result.clone()), ..answer.clone() }))
}

/// How a task stands; the error is a task without a status, which may be something else.
fn read_task(
    dialect: &Dialect,
    tasks: &TaskTable,
    base_url: &str,
    answer: &Answer,
    json: &Json,
) -> Result<Reading, Reading> {
    let id = json.first_text(tasks.id).map(String::from).or_else(|| relayed::number(json, tasks.id));
    let word = json.first_text(tasks.status).unwrap_or_default().to_ascii_lowercase();
    let is = |words: &[&str]| words.contains(&word.as_str());
    if is(tasks.failed) || is(tasks.cancelled) {
        let mut error = task_error(dialect, answer);
        if is(tasks.cancelled) {
            error.code = Code::Cancelled;
        }
        return Ok(Reading::TaskFailed { id, error });
    }
    if is(tasks.succeeded) {
        return Ok(finished(dialect, answer, id, images(dialect, base_url, json), json));
    }
    let progress = json.first(tasks.progress).and_then(Json::number);
    let progress = progress.map(|p| if p > 1.0 { p / 100.0 } else { p }).filter(|p| (0.0..=1.0).contains(p));
    let (mut poll_url, mut result_url) = (None, None);
    if dialect.is_synchronous() {
        result_url = relayed::result_url(json, base_url);
        poll_url = relayed::poll_url(answer, json, base_url).or_else(|| result_url.clone());
    }
    let id = id.or_else(|| poll_url.as_deref().map(relayed::last_segment));
    let running = Running { queued: word.is_empty() || is(tasks.queued), progress };
    let running = Reading::Running { id, running, poll_url, result_url };
    if word.is_empty() { Err(running) } else { Ok(running) }
}

fn finished(dialect: &Dialect, answer: &Answer, id: Option<String>, found: Found, json: &Json) -> Reading {
    let Found { images, is_spoilt } = found;
    if images.is_empty() && is_spoilt {
        let mut error = error(dialect, answer, Code::Protocol);
        error.message = String::from("An image came, and it could not be read: it is neither an address nor base64.");
        return Reading::Spoilt { error };
    }
    if images.is_empty() {
        let mut error = error(dialect, answer, Code::EmptyResult);
        error.message = nothing_found(json, &error.message);
        return Reading::Empty { id, error };
    }
    let figures = json.first(dialect.answer.usage).map_or(&[][..], Json::fields).iter();
    let figures = figures.filter_map(|(name, value)| Some((name.clone(), value.whole()?)));
    Reading::Succeeded { id, images, usage: gather(figures.take(MAX_USAGE)) }
}

/// Where a picture was looked for, and which fields came instead.
fn nothing_found(json: &Json, told: &str) -> String {
    let mut names = String::new();
    // In an envelope it is what it holds that tells.
    let inner = json.get("data").filter(|data| !data.fields().is_empty());
    let before = if inner.is_some() { "data." } else { "" };
    for (name, _) in inner.unwrap_or(json).fields().iter().take(12) {
        let between = if names.is_empty() { "" } else { ", " };
        names = concat(&[&names, between, before, &one_line(name)]);
    }
    let names = if names.is_empty() { "nothing" } else { names.as_str() };
    concat(&[told, " (Looked for `data`, `images` or `output` with `url` or `b64_json`; the answer has: ", names, ".)"])
}

/// The status that counts. One in the body outdoes a status line that says that all is well, or no more than that something failed.
pub(super) fn effective_status(dialect: &Dialect, answer: &Answer) -> u16 {
    let is_general = matches!(answer.status, 200..300 | 400 | 500 | 502 | 503);
    let Some(json) = answer.body.json().filter(|_| is_general) else { return answer.status };
    let told = json.first(dialect.answer.status_code).and_then(Json::whole);
    let told = told.filter(|told| (400..600).contains(told)).map(|told| told as u16);
    let complains = |json: &Json| !(200..300).contains(&answer.status) || json.get("error").is_some();
    told.or_else(|| complains(json).then(|| Complaint::read(dialect, json).status)?).unwrap_or(answer.status)
}
