//! What a row demands, each demand for itself.

use serde_json::Value;
use tidegate::engine::Outcome;
use tidegate::error::Error;
use tidegate::view;

use super::play::Played;
use super::rows::Row;

/// How long a message is kept by the core, in characters; behind that nothing is looked for.
const KEPT: usize = 280;

/// A demand, and whether it is met.
#[derive(Debug)]
pub struct Checked {
    pub demand: String,
    pub is_met: bool,
}

/// Checks each demand of a row.
pub fn check(row: &Row, played: &Played, picture: &[u8]) -> Vec<Checked> {
    let outcome = row.expect["outcome"].as_str().unwrap();
    let succeeded = matches!(played.outcome, Outcome::Succeeded(_));
    row.expect
        .iter()
        .map(|(demand, wanted)| {
            let is_met = if demand == "outcome" {
                is_outcome(outcome, played, picture)
            } else {
                outcome == "any" && succeeded || is_so(row, demand, wanted, played)
            };
            Checked { demand: demand.clone(), is_met }
        })
        .collect()
}

fn is_outcome(wanted: &str, played: &Played, picture: &[u8]) -> bool {
    match (wanted, &played.outcome) {
        ("any", _) | ("error", Outcome::Failed(..)) | ("report", Outcome::Checked(_)) => true,
        ("image", Outcome::Succeeded(_)) => played.pictures.iter().all(|bytes| bytes.as_deref() == Some(picture)),
        ("url", Outcome::Succeeded(success)) => success.images.iter().all(|image| image.url.is_some()),
        ("image" | "url" | "error" | "report", _) => false,
        _ => panic!("no outcome: {wanted}"),
    }
}

fn is_so(row: &Row, demand: &str, wanted: &Value, played: &Played) -> bool {
    let error = match &played.outcome {
        Outcome::Failed(error, _) => Some(error),
        _ => None,
    };
    let has = |found: Option<&str>| found.is_some_and(|found| texts(wanted).contains(&found));
    match demand {
        "code" => has(code(played)),
        "not_code" => code(played).is_some_and(|code| !texts(wanted).contains(&code)),
        "billed" => has(error.map(|error| error.billed.name())),
        "mentions" => texts(wanted).iter().all(|word| said(played).contains(word)),
        "not_mentions" => {
            let message = match &played.outcome {
                Outcome::Checked(report) => Some(&report.advice),
                _ => error.map(|error| &error.message),
            };
            message.is_some_and(|message| !texts(wanted).iter().any(|word| message.contains(word)))
        }
        "categories" => error.is_some_and(|error| {
            error.filter.as_ref().is_some_and(|filter| {
                let mut found: Vec<&str> = filter.categories.iter().map(String::as_str).collect();
                let mut wanted = texts(wanted);
                found.sort_unstable();
                wanted.sort_unstable();
                found == wanted
            })
        }),
        "param" => has(error.and_then(|error| error.param.as_deref())),
        "request_id" => has(request_id(played)),
        "warns" => match &played.outcome {
            Outcome::Succeeded(success) => success.warnings.is_empty() != wanted.as_bool().unwrap(),
            _ => false,
        },
        "images" => Some(played.pictures.len() as u64) == wanted.as_u64(),
        "submits" => match wanted {
            Value::Array(_) => is_between(wanted, played.posts.len() as u64),
            _ => Some(played.posts.len() as u64) == wanted.as_u64(),
        },
        "within_ms" => wanted.as_u64().is_some_and(|most| played.ended_at <= most),
        "one_key" => {
            let first = played.posts.first().and_then(|post| post.key.as_ref());
            first.is_some() && played.posts.iter().all(|post| post.key.as_ref() == first)
        }
        "gap_ms" => {
            let second = played.posts.get(1).map(|post| post.at);
            let gap = second.zip(played.first_answer).and_then(|(second, first)| second.checked_sub(first));
            gap.is_some_and(|gap| is_between(wanted, gap))
        }
        "words_apart" => error.is_some_and(|error| words_are_apart(row, error)),
        _ => panic!("{}: nobody knows how to check {demand}", row.id),
    }
}

/// Whether a number is from the least to the most of a list of two.
fn is_between(bounds: &Value, number: u64) -> bool {
    (bounds[0].as_u64().unwrap()..=bounds[1].as_u64().unwrap()).contains(&number)
}

/// One text, or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

fn code(played: &Played) -> Option<&'static str> {
    match &played.outcome {
        Outcome::Failed(error, _) => Some(error.code.name()),
        Outcome::Checked(report) => report.code.map(|code| code.name()),
        _ => None,
    }
}

fn request_id(played: &Played) -> Option<&str> {
    match &played.outcome {
        Outcome::Failed(error, _) => error.request_id.as_deref(),
        Outcome::Succeeded(success) => success.request_id.as_deref(),
        Outcome::Checked(report) => report.request_id.as_deref(),
        _ => None,
    }
}

/// Where a handle on what happened may stand: message, task id and reference of an error; addresses of pictures; a report's advice.
fn said(played: &Played) -> String {
    match &played.outcome {
        Outcome::Failed(error, reference) => {
            let reference = reference.as_ref().map(|known| {
                let parts = known.parts.iter().map(|part| part.task_id.as_deref().unwrap_or_default());
                [known.key.as_str()].into_iter().chain(parts).collect::<Vec<_>>().join(" ")
            });
            let task = error.task_id.as_deref().unwrap_or_default();
            [error.message.as_str(), task, &reference.unwrap_or_default()].join("\n")
        }
        Outcome::Checked(report) => report.advice.clone(),
        _ => String::from(&*view::outcome(&played.outcome).1.0),
    }
}

/// Where the provider's message had line ends, the words before and behind are still two.
fn words_are_apart(row: &Row, error: &Error) -> bool {
    let mut messages = Vec::new();
    for entry in &row.exchange {
        entry.texts(&mut messages);
    }
    let message = error.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut ends = 0;
    for text in messages {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        for pair in lines.windows(2) {
            let (before, behind) = (pair[0].split_whitespace().next_back(), pair[1].split_whitespace().next());
            let (before, behind) = (before.unwrap(), behind.unwrap());
            ends += 1;
            let is_in_reach = text.find(pair[1]).is_some_and(|at| at < KEPT);
            if is_in_reach && !message.contains(&format!("{before} {behind}")) {
                return false;
            }
        }
    }
    assert!(ends > 0, "{}: no message of it has a line end", row.id);
    true
}

/// The demands that are not met, in the order of their names.
pub fn failing(checked: &[Checked]) -> Vec<String> {
    let mut names: Vec<String> =
        checked.iter().filter(|checked| !checked.is_met).map(|checked| checked.demand.clone()).collect();
    names.sort();
    names
}
