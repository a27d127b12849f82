//! Short ways to speak to a world.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use tidegate_simulator::{Reply, Request, Response, World};

pub fn body(prompt: &str) -> String {
    json!({"model": "gpt-image-2", "input": {"prompt": prompt, "size": "64x64"}}).to_string()
}

pub fn submit(prompt: &str) -> Request {
    Request::new("POST", "/v1/tasks").with_header("Authorization", "Bearer sk-1").with_body(body(prompt))
}

pub fn keyed(prompt: &str, key: &str) -> Request {
    submit(prompt).with_header("Idempotency-Key", key)
}

pub fn get(path: &str) -> Request {
    Request::new("GET", path).with_header("Authorization", "Bearer sk-1")
}

pub fn answer(world: &mut World, now_ms: u64, request: &Request) -> Response {
    match world.handle(now_ms, request) {
        Reply::Answer(response) => response,
        other => panic!("no answer: {other:?}"),
    }
}

pub fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// Submits and gives the task's id in either dialect.
pub fn accepted(world: &mut World, now_ms: u64, request: &Request) -> String {
    let response = answer(world, now_ms, request);
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    let body = json_of(&response);
    body["data"]["taskId"].as_str().or(body["id"].as_str()).unwrap().to_owned()
}

pub fn poll(world: &mut World, now_ms: u64, id: &str) -> Value {
    json_of(&answer(world, now_ms, &get(&format!("/v1/tasks/{id}"))))
}
