//! A recorded run: what the world answers today it answered then, here and in wasm (`pkg-template/test/simulator-golden.test.mjs` replays the same file).
//!
//! After a change that is meant to change answers, `TIDEGATE_RECORD=1 cargo test -p tidegate-simulator --test golden` writes the file anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use std::fs;
use tidegate_simulator::{Config, Reply, Request, World};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/run.json");

/// The request of a step: `[at_ms, "submit", prompt, idempotency key]`, or `[at_ms, "poll", number of the task]`; tasks are known by their answers.
fn request(step: &Value, tasks: &[String]) -> Request {
    let text = |index: usize| step[index].as_str().unwrap_or_default();
    let request = match text(1) {
        "submit" => {
            let body = json!({"model": "gpt-image-2", "input": {"prompt": text(2)}}).to_string();
            Request::new("POST", "/v1/tasks").with_header("idempotency-key", text(3)).with_body(body)
        }
        _ => {
            let task = step[2].as_u64().unwrap_or_default() as usize;
            Request::new("GET", &format!("/v1/tasks/{}", tasks.get(task).map_or("none", String::as_str)))
        }
    };
    request.with_header("authorization", "Bearer test")
}

/// Answers as `[status, body]`, null where the connection broke; then stats and ledger a minute later.
fn replay(recorded: &Value) -> Value {
    let config = Config::default().patched(recorded["settings"].clone()).unwrap();
    let mut world = World::new(config);
    let mut tasks = Vec::new();
    let mut answers = Vec::new();
    let mut now_ms = 0;
    for step in recorded["steps"].as_array().unwrap() {
        now_ms = step[0].as_u64().unwrap();
        answers.push(match world.handle(now_ms, &request(step, &tasks)) {
            Reply::Lost | Reply::Later(_) => Value::Null,
            Reply::Answer(response) => {
                let body = String::from_utf8(response.body).unwrap();
                let read: Value = serde_json::from_str(&body).unwrap_or_default();
                if let Some(id) = read["data"]["taskId"].as_str().filter(|_| step[1] == "submit") {
                    tasks.push(id.to_owned());
                }
                json!([response.status, body])
            }
        });
    }
    world.advance(now_ms + 60_000);
    json!({"answers": answers, "stats": world.stats(), "ledger": world.ledger()})
}

#[test]
fn the_recorded_run_is_answered_as_it_was() {
    let mut recorded: Value = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    let replayed = replay(&recorded);
    if std::env::var_os("TIDEGATE_RECORD").is_some() {
        recorded["expected"] = replayed.clone();
        fs::write(FILE, format!("{recorded}\n")).unwrap();
    }
    let expected = &recorded["expected"];
    let statuses: Vec<Option<u64>> =
        expected["answers"].as_array().unwrap().iter().map(|answer| answer[0].as_u64()).collect();
    // A run worth comparing: every kind of answer is in it.
    for status in [None, Some(200), Some(404), Some(429), Some(503)] {
        assert!(statuses.iter().filter(|&&seen| seen == status).count() > 3, "{status:?}");
    }
    assert_eq!(&replayed, expected);
}
