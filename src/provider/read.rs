//! From an answer to what it means, by a dialect's table.

use alloc::string::String;
use alloc::vec::Vec;

use super::meaning::{error, read_error, task_error};
use super::reading::{Image, Reading, Running, Shown};
use super::{Dialect, TaskTable};
use crate::error::{Billed, Code, Error};
use crate::gather::gather;
use crate::http::{Answer, Body, image_kind, is_fetchable};
use crate::json::Json;
use crate::retry::hint::retry_after;
use crate::text::base64_head;

/// The most images of one task that are kept.
const MAX_IMAGES: usize = 64;
/// The most figures of a usage that are kept.
const MAX_USAGE: usize = 32;

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
        return Err(error(dialect, answer, Code::Protocol, Billed::No));
    }
    Err(match read_error(dialect, answer, status, wall) {
        Reading::Fatal(error) | Reading::Rejected { error, .. } | Reading::Failed { error, .. } => error,
        Reading::Refused(refusal) => refusal.error,
        _ => error(dialect, answer, Code::Protocol, Billed::No),
    })
}

fn read(dialect: &Dialect, base_url: &str, answer: &Answer, wall: u64) -> Reading {
    let status = effective_status(dialect, answer);
    if answer.body == Body::Redirect || (300..400).contains(&status) {
        let mut error = error(dialect, answer, Code::Protocol, Billed::No);
        error.message =
            String::from("The provider answered with a redirect; a key is never sent on to another address.");
        return Reading::Fatal(error);
    }
    let images = match answer.body.json() {
        // What arrived is worth more than whatever else the answer says.
        Some(json) if dialect.is_synchronous() && (200..300).contains(&answer.status) => {
            images(dialect, base_url, json)
        }
        _ => Vec::new(),
    };
    if images.is_empty() && !(200..300).contains(&status) {
        return read_error(dialect, answer, status, wall);
    }
    let Some(json) = answer.body.json() else {
        let hint = retry_after(answer, wall);
        return Reading::Failed {
            error: error(dialect, answer, Code::Protocol, Billed::Unknown),
            hint,
            forbidden: false,
        };
    };
    let failed = json.first(dialect.answer.error_code).is_some();
    match &dialect.tasks {
        Some(tasks) => read_task(dialect, tasks, base_url, answer, json)
            .unwrap_or_else(|running| if failed { read_error(dialect, answer, status, wall) } else { running }),
        None => {
            if images.is_empty() && (failed || json.first(dialect.answer.error_message).is_some()) {
                return read_error(dialect, answer, status, wall);
            }
            match images.is_empty().then(|| error_of_an_image(dialect, answer, json)).flatten() {
                Some(error) => Reading::TaskFailed { id: None, error },
                None => finished(dialect, answer, None, images, json),
            }
        }
    }
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
    let mut error = task_error(dialect, &Answer { body: Body::Json(result.clone()), ..answer.clone() });
    if error.filter.is_none() {
        error.billed = Billed::Unknown;
    }
    Some(error)
}

/// How a task stands; the error is a task without a status, which may be something else.
fn read_task(
    dialect: &Dialect,
    tasks: &TaskTable,
    base_url: &str,
    answer: &Answer,
    json: &Json,
) -> Result<Reading, Reading> {
    let id = json.first(tasks.id).and_then(Json::text).map(String::from);
    let word = json.first(tasks.status).and_then(Json::text).unwrap_or_default().to_ascii_lowercase();
    let is = |words: &[&str]| words.contains(&word.as_str());
    if is(tasks.failed) {
        return Ok(Reading::TaskFailed { id, error: task_error(dialect, answer) });
    }
    if is(tasks.cancelled) {
        return Ok(Reading::TaskFailed { id, error: error(dialect, answer, Code::Cancelled, Billed::Unknown) });
    }
    if is(tasks.succeeded) {
        return Ok(finished(dialect, answer, id, images(dialect, base_url, json), json));
    }
    let progress = json.first(tasks.progress).and_then(Json::number);
    let progress = progress.map(|p| if p > 1.0 { p / 100.0 } else { p }).filter(|p| (0.0..=1.0).contains(p));
    let running = Reading::Running { id, running: Running { queued: word.is_empty() || is(tasks.queued), progress } };
    if word.is_empty() { Err(running) } else { Ok(running) }
}

fn finished(dialect: &Dialect, answer: &Answer, id: Option<String>, images: Vec<Image>, json: &Json) -> Reading {
    if images.is_empty() {
        return Reading::TaskFailed { id, error: error(dialect, answer, Code::EmptyResult, Billed::Unknown) };
    }
    let figures = json.first(dialect.answer.usage).map_or(&[][..], Json::fields).iter();
    let figures = figures.filter_map(|(name, value)| Some((name.clone(), value.whole()?)));
    Reading::Succeeded { id, images, usage: gather(figures.take(MAX_USAGE)) }
}

fn effective_status(dialect: &Dialect, answer: &Answer) -> u16 {
    let told = answer.body.json().and_then(|json| json.first(dialect.answer.status_code)).and_then(Json::whole);
    match told {
        Some(told) if (400..600).contains(&told) && (200..300).contains(&answer.status) => told as u16,
        _ => answer.status,
    }
}

fn images(dialect: &Dialect, base_url: &str, json: &Json) -> Vec<Image> {
    let table = &dialect.answer;
    let (kind_field, kind) = table.output_kind;
    let format = json.first_text(table.format).and_then(media_type);
    let mut images = Vec::new();
    for output in json.first(table.output).map_or(&[][..], Json::list) {
        let text = |name| output.get(name).and_then(Json::text);
        let mut image = Image {
            url: text(table.output_url).filter(|url| is_fetchable(url, base_url)).map(String::from),
            expires_at: output.get(table.output_expires).and_then(Json::whole).map(|seconds| seconds * 1_000),
            revised_prompt: text(table.output_prompt).map(String::from),
            ..Image::default()
        };
        if !table.output_base64.is_empty() {
            for (name, bare) in [(table.output_url, false), (table.output_base64, true)] {
                take_base64(&mut image, output.get(name).unwrap_or(&Json::Null), bare);
            }
        }
        if image.media_type.is_none() {
            image.media_type = format.map(String::from);
        }
        let there = image.url.is_some() || image.is_here();
        if images.len() < MAX_IMAGES && text(kind_field).is_none_or(|found| found == kind) && there {
            images.push(image);
        }
    }
    images
}

/// The media type of a format; whatever else a server says is none.
fn media_type(format: &str) -> Option<&'static str> {
    let known = [
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("svg", "image/svg+xml"),
    ];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(format)).map(|(_, kind)| kind)
}

/// Image data that came in the answer, as a data URL or, where that may be, as bare base64. Only its own head is looked at; the rest stays with
/// the host until somebody wants the bytes.
fn take_base64(image: &mut Image, data: &Json, bare: bool) {
    let head = match data {
        Json::Text(text) => text,
        Json::Handle(long) => &long.head,
        _ => return,
    };
    let Some(head) = base64_text(head, bare).filter(|text| !text.is_empty()) else { return };
    match data {
        Json::Handle(long) => image.handle = Some(long.handle),
        _ => image.base64 = data.text().map(String::from),
    }
    if let Some((kind, size)) = image_kind(&base64_head(head)) {
        (image.media_type, image.size) = (Some(String::from(kind)), size);
    }
}

/// What follows the head of a data URL; or the text itself.
fn base64_text(text: &str, bare: bool) -> Option<&str> {
    match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(',').filter(|(head, _)| head.ends_with(";base64")).map(|(_, base64)| base64),
        None => bare.then_some(text),
    }
}
