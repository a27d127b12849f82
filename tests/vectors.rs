//! Answers of the provider, recorded, documented or composed: what each means, and what the engine then does.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use serde_json::{Value, json};
use support::audit;
use support::sim::{Heard, Sent, Sim, Surroundings, client, options};
use support::walk;
use tidegate::engine::Outcome;
use tidegate::error::{Axis, Code, FilterStage, Severity};
use tidegate::http::{PLAIN_LIMIT, Purpose};
use tidegate::provider::{Dialect, Reading, by_name, read_poll, read_submit};
use tidegate_simulator::{Config, Distribution, Reply, Response};

const BASE: &str = "https://api.example.com";
const WALL: u64 = 1_767_225_600_000;

fn rows() -> Vec<Value> {
    let texts =
        [include_str!("vectors/hiapi.jsonl"), include_str!("vectors/own.jsonl"), include_str!("vectors/openai.jsonl")];
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn response(row: &Value) -> Response {
    let headers = row["headers"].as_object().into_iter().flatten();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), String::from(value.as_str().unwrap()))).collect();
    let body = match row["raw"].as_str() {
        Some(raw) => raw.as_bytes().to_vec(),
        None => row["body"].to_string().into_bytes(),
    };
    Response { status: row["http_status"].as_u64().unwrap() as u16, headers, body }
}

fn purpose(row: &Value) -> Purpose {
    if row["phase"] == "submit" { Purpose::Submit } else { Purpose::Poll }
}

fn dialect(row: &Value) -> &'static Dialect {
    by_name(row["provider"].as_str().unwrap()).unwrap()
}

/// The code of an error class, by the table beside the recorded answers.
fn code_of(class: &str) -> Code {
    match class {
        "auth" => Code::Authentication,
        "permission" => Code::Permission,
        "invalid_request" => Code::InvalidRequest,
        "content" => Code::ContentFiltered,
        content if content.starts_with("content_") => Code::ContentFiltered,
        "quota_exhausted" => Code::QuotaExhausted,
        "overloaded" => Code::Overloaded,
        "timeout" => Code::Timeout,
        "model_unavailable" => Code::ModelUnavailable,
        "not_found" => Code::NotFound,
        "expired" => Code::Expired,
        "cancelled" => Code::Cancelled,
        "empty_result" => Code::EmptyResult,
        "protocol" => Code::Protocol,
        limit if limit.starts_with("rate_limit.") => Code::RateLimited,
        "server_error" => Code::ServerError,
        other => panic!("a class of its own: {other}"),
    }
}

#[test]
fn every_answer_is_of_its_class() {
    for row in rows() {
        let answer = walk::answer(&response(&row), purpose(&row), PLAIN_LIMIT, &mut Vec::new());
        let reading = match purpose(&row) {
            Purpose::Submit => read_submit(dialect(&row), BASE, &answer, WALL),
            _ => read_poll(dialect(&row), BASE, &answer, WALL),
        };
        let class = row["expect"]["class"].as_str().unwrap();
        let fits = match (&reading, class) {
            (Reading::Running { id, .. }, "accepted") => id.is_some(),
            (Reading::Running { .. }, "running") | (Reading::Processing { .. }, "idempotency.processing") => true,
            (Reading::Succeeded { images, .. }, "succeeded") => {
                let url = images[0].url.as_deref();
                images.len() == 1 && url.map_or(images[0].is_here(), |url| url.ends_with(".png") || images[0].is_barred)
            }
            (Reading::Refused(refusal), class) => {
                let named = match refusal.axis {
                    Axis::Concurrency => "rate_limit.concurrency",
                    Axis::Minute => "rate_limit.rpm",
                    Axis::Day => "rate_limit.rpd",
                    Axis::Unknown => "rate_limit.unknown",
                };
                named == class && refusal.error.axis == Some(refusal.axis)
            }
            (Reading::Rejected { error, .. }, "overloaded" | "server_error") => error.code == code_of(class),
            (Reading::Failed { error, .. }, "server_error" | "timeout" | "protocol") => error.code == code_of(class),
            (Reading::Fatal(error), class) if class.starts_with("content_") => {
                let filter = error.filter.as_ref().unwrap();
                let told = match (filter.severity, filter.stage) {
                    (Severity::Hard, _) => "content_hard",
                    (_, FilterStage::Prompt) => "content_input",
                    (_, FilterStage::Output) => "content_output",
                    _ => "content_unknown_stage",
                };
                told == class && error.code == Code::ContentFiltered
            }
            (
                Reading::TaskFailed { error, .. }
                | Reading::Empty { error, .. }
                | Reading::Spoilt { error }
                | Reading::Fatal(error),
                class,
            ) => error.code == code_of(class),
            _ => false,
        };
        assert!(fits, "{}: {class}, but {reading:?}", row["id"]);
    }
}

/// A data URL in the field of addresses is image data; what it is shows behind its head, wherever the rest of it stays.
#[test]
fn image_data_behind_the_head_of_a_data_url_shows_itself() {
    // A PNG's head: 8 by 4 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAE";
    for (field, length) in [("url", 40), ("url", 9_000), ("b64_json", 40), ("b64_json", 9_000)] {
        let data = format!("data:image/png;base64,{png}{}", "A".repeat(length));
        let reading = submitted("openaiCompatible", 200, &json!({ "data": [{ field: data }] }).to_string());
        let Reading::Succeeded { images, .. } = reading else { panic!("{field} {length}: {reading:?}") };
        assert_eq!((images[0].size, images[0].url.as_deref()), (Some((8, 4)), None), "{field} {length}");
        assert_eq!(images[0].handle.is_some(), length > 4_096, "{field} {length}");
    }
}

fn submitted(dialect: &str, status: u16, body: &str) -> Reading {
    let reply = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
    let answer = walk::answer(&reply, Purpose::Submit, PLAIN_LIMIT, &mut Vec::new());
    read_submit(by_name(dialect).unwrap(), BASE, &answer, WALL)
}

#[test]
fn a_format_says_what_an_address_leads_to_and_bytes_outdo_it() {
    let formats = [("jpeg", Some("image/jpeg")), ("JPG", Some("image/jpeg")), ("x; charset=utf-8", None), ("", None)];
    for (format, kind) in formats {
        let data = r#"[{"url":"https://cdn.example.net/1"},{"b64_json":"iVBORw0KGgo="}]"#;
        let reading = submitted("creativeai", 200, &format!(r#"{{"output_format":"{format}","data":{data}}}"#));
        let Reading::Succeeded { images, .. } = reading else { panic!("{format}: {reading:?}") };
        let kinds = (images[0].media_type.as_deref(), images[1].media_type.as_deref());
        assert_eq!(kinds, (kind, Some("image/png")), "{format}");
    }
}

#[test]
fn a_wrong_address_is_told_as_one() {
    let Reading::Fatal(error) = submitted("openaiCompatible", 404, "404 page not found") else { panic!() };
    assert_eq!((error.code, error.message.contains("baseURL")), (Code::NotFound, true));
}

/// The row's answer to the first submit or poll, and an ordinary provider from then on.
fn run(row: &Value, times: usize) -> Sim {
    let world = Config { duration: Distribution::Fixed(12_000), ..Config::default() };
    let mut sim = Sim::new(client(dialect(row), 4), world, Surroundings::default());
    let (wanted, answer) = (purpose(row), response(row));
    let mut left = times;
    let synchronous = dialect(row).is_synchronous();
    // A recorded answer to a poll is about a task that is no longer young.
    sim.script = Some(Box::new(move |sent, now| {
        let strikes = sent.purpose == wanted && left > 0 && (wanted == Purpose::Submit || now > 11_000);
        left -= usize::from(strikes);
        let then = (synchronous && sent.purpose == Purpose::Submit).then(picture);
        strikes.then(|| answer.clone()).or(then).map(Reply::Answer)
    }));
    sim.ask(0, 1, options());
    sim.run();
    audit::rest(&sim);
    sim
}

/// What an ordinary synchronous provider answers.
fn picture() -> Response {
    let body = br#"{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}]}"#.to_vec();
    Response { status: 200, headers: Vec::new(), body }
}

fn struck(sim: &Sim, wanted: Purpose) -> (usize, Heard) {
    let mut sent = sim.sent.iter().enumerate().filter(|(_, sent)| sent.purpose == wanted);
    let (place, sent) = sent.find(|(_, sent)| wanted == Purpose::Submit || sent.at > 10_900).unwrap();
    (place, sent.answer.unwrap())
}

#[test]
fn every_answer_gets_the_decision_that_it_deserves() {
    for row in rows() {
        let id = row["id"].as_str().unwrap();
        let sim = run(&row, 1);
        let wanted = purpose(&row);
        let (place, heard) = struck(&sim, wanted);
        let later: Vec<&Sent> = sim.sent[place + 1..].iter().collect();
        let next = later.iter().find(|sent| sent.purpose == wanted);
        let submits = sim.submits().count();
        let succeeded = matches!(sim.outcome(1), Outcome::Succeeded(_));
        match row["expect"]["decision"].as_str().unwrap() {
            "poll" if wanted == Purpose::Submit => {
                assert_eq!(later[0].purpose, Purpose::Poll, "{id}");
                assert_eq!(submits, 1, "{id}");
            }
            "poll" => assert!(next.is_some() && succeeded && submits == 1, "{id}"),
            "poll_after" => {
                assert!(next.unwrap().at >= heard.at + heard.hint.unwrap() && succeeded && submits == 1, "{id}")
            }
            "fetch" => assert!(succeeded && submits == 1, "{id}"),
            "never" | "surface" | "other_route" | "retry_new_task_or_fallback" => {
                assert!(next.is_none() && !succeeded && submits == 1, "{id}");
                assert_eq!(audit::code(sim.outcome(1)), Some(code_of_outcome(&row)), "{id}");
            }
            "retry" | "retry_after" | "retry_after_or_full_jitter" => {
                assert!(succeeded && submits == 2, "{id}");
                assert!(next.unwrap().at >= heard.at + heard.hint.unwrap_or(0), "{id}");
            }
            "resend_identical" | "resend_identical_after_retry_after" => {
                assert!(succeeded && submits == 2, "{id}: {submits}");
                let (first, again) = (&sim.sent[place].request, &next.unwrap().request);
                assert_eq!(first, again, "{id}: the same bytes under the same key");
                assert!(next.unwrap().at >= heard.at + heard.hint.unwrap_or(0), "{id}");
                assert_eq!(sim.world.ledger().len(), 1, "{id}");
            }
            other => panic!("{id}: {other}"),
        }
        if let Some(billed) = row["expect"]["billed"].as_str().filter(|_| !succeeded) {
            assert_eq!(audit::billed(sim.outcome(1)).unwrap().name(), billed, "{id}");
        }
    }
}

/// What the caller is told: of the class, unless the row says that nobody can know.
fn code_of_outcome(row: &Value) -> Code {
    if row["expect"]["outcome"] == "unknown" {
        return Code::UnknownOutcome;
    }
    code_of(row["expect"]["class"].as_str().unwrap())
}

/// An answer that never gets better ends in its own class, or in doubt; the money is told as the row says.
#[test]
fn an_answer_that_stays_ends_in_its_class() {
    for row in rows().iter().filter(|row| row["phase"] == "submit" && row["expect"]["billed"].is_string()) {
        let id = row["id"].as_str().unwrap();
        let sim = run(row, usize::MAX);
        let code = audit::code(sim.outcome(1)).unwrap();
        let class = code_of(row["expect"]["class"].as_str().unwrap());
        assert!(code == class || code == code_of_outcome(row), "{id}: {code:?}");
        assert_eq!(audit::billed(sim.outcome(1)).unwrap().name(), row["expect"]["billed"].as_str().unwrap(), "{id}");
        assert!(sim.submits().count() <= 6 || class == Code::RateLimited, "{id}");
    }
}
