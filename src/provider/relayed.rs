//! Tasks where images were due: relays in front of slow models answer a synchronous format with a task id, and show in one of several ways how to
//! ask after it. Sources: the public documents of relays that do so (`/v1/tasks/{id}`, `/v1/images/generations/{id}`), and RFC 9110 §15.3.3 for
//! what a 202 is to point at.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Paths, TaskTable};
use crate::http::{Answer, path_segment, resolve, same_origin};
use crate::json::{Json, decimal};
use crate::text::{concat, cut};
use crate::time::Millis;

/// How such tasks are read.
pub static RELAYED: TaskTable = TaskTable {
    poll_path: "",
    id: "task_id taskId data.task_id data.taskId data.0.task_id data.0.id output.task_id data.id task.id job_id request_id id",
    status: "status task_status state data.status data.task_status data.0.status output.task_status task.status",
    queued: &["queued", "pending", "submitted", "not_start", "in_queue", "accepted", "created", "waiting"],
    running: &["running", "processing", "in_progress", "generating", "starting", "handling"],
    succeeded: &["succeeded", "success", "completed", "complete", "succeed", "done", "finished", "ready"],
    failed: &["failed", "fail", "failure", "error", "expired", "rejected"],
    cancelled: &["cancelled", "canceled"],
    progress: "progress data.progress",
    visible_after: GUESSING,
    list: None,
    long_poll: None,
};

/// Where an answer may say how to ask after its task.
const ADDRESSES: Paths = "poll_url polling_url status_url urls.get urls.status links.self task_url data.poll_url data.polling_url data.status_url data.urls.get";
/// Where it may say that the pictures will be, once the task is over.
const RESULTS: Paths = "response_url result_url data.response_url data.result_url";
/// Where relays have tasks, behind the base address, if they don't say.
const PATHS: [&str; GUESSES as usize] = ["/tasks/", "/images/generations/", "/images/tasks/"];
/// How many places there are to look for a task.
pub const GUESSES: u32 = 3;
/// How long all of them are tried again, ms after the task was accepted: it may be too young to be seen.
pub const GUESSING: Millis = 10_000;

/// Whether an answer without a picture is about a task that goes on, or has come to an end. What a poll brings is, if it has a status at all.
pub fn is_task(answer: &Answer, json: &Json, is_poll: bool) -> bool {
    let has_id = json.first_text(RELAYED.id).is_some() || number(json, RELAYED.id).is_some();
    let has_status = json.first_text(RELAYED.status).is_some();
    answer.status == 202 || has_status && (has_id || is_poll) || has_id && only_id(json)
}

/// An answer that has an id of a task by name, and no pictures, is about nothing else.
fn only_id(json: &Json) -> bool {
    const NAMED: Paths = "task_id taskId data.task_id data.taskId job_id";
    json.first_text(NAMED).is_some() || number(json, NAMED).is_some()
}

/// An id that is a number.
pub fn number(json: &Json, paths: Paths) -> Option<String> {
    json.all(paths).find_map(Json::whole).map(decimal)
}

/// Where the answer says that its task can be asked after. Only the configured origin sees the key.
pub fn poll_url(answer: &Answer, json: &Json, base_url: &str) -> Option<String> {
    let headers = ["location", "content-location", "operation-location"].into_iter();
    let told = headers.filter_map(|name| answer.header(name)).chain(json.first_text(ADDRESSES));
    let mut resolved = told.filter_map(|address| resolve(address, base_url));
    resolved.find(|url| same_origin(url, base_url))
}

/// Where the answer says that the pictures will be. Only the configured origin sees the key.
pub fn result_url(json: &Json, base_url: &str) -> Option<String> {
    resolve(json.first_text(RESULTS)?, base_url).filter(|url| same_origin(url, base_url))
}

/// What an address ends with: where that is all there is, the task's id.
pub fn last_segment(url: &str) -> String {
    let path = cut(cut(url, b'?').0, b'#').0.trim_end_matches('/');
    let start = path.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1);
    String::from(path.get(start..).unwrap_or_default())
}

/// The addresses at which to look for a task of which the answer only gives the id.
pub fn guesses(base_url: &str, id: &str) -> Vec<String> {
    let Some(id) = path_segment(id) else { return Vec::new() };
    crate::gather::gather(PATHS.into_iter().map(|path| concat(&[base_url, path, &id])))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::http::Body;
    use crate::json::reader::{Strings, read};

    const BASE: &str = "https://relay.example/v1";

    fn json(text: &str) -> Json {
        read(text, Strings::Plain, &|digits| digits.parse().unwrap()).unwrap()
    }

    fn address(headers: &[(&'static str, &str)], body: &str) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| (*name, String::from(*value))).collect();
        poll_url(&Answer { status: 202, headers, body: Body::Empty }, &json(body), BASE)
    }

    #[test]
    fn an_address_is_followed_at_the_configured_origin_only() {
        let at = |path: &str| Some(concat(&["https://relay.example", path]));
        assert_eq!(address(&[("location", "/v1/tasks/7")], "{}"), at("/v1/tasks/7"));
        assert_eq!(address(&[("location", "tasks/7")], "{}"), at("/v1/tasks/7"));
        assert_eq!(address(&[], r#"{"urls":{"get":"https://relay.example/p/7"}}"#), at("/p/7"));
        let elsewhere = [("location", "https://evil.example/v1/tasks/7")];
        assert_eq!(address(&elsewhere, "{}"), None);
        assert_eq!(address(&elsewhere, r#"{"poll_url":"/p/7"}"#), at("/p/7"), "the next one may be better");
        for url in ["https://relay.example.evil.example/x", "http://relay.example/x", "//evil.example/x", "\\\\evil"] {
            assert_eq!(address(&[("location", url)], "{}"), None, "{url}");
        }
    }

    #[test]
    fn a_task_is_told_from_an_answer_by_its_id_and_status() {
        let is = |status: u16, body: &str| {
            is_task(&Answer { status, headers: Vec::new(), body: Body::Empty }, &json(body), false)
        };
        assert!(is(202, "{}"));
        for body in [
            r#"{"task_id":"t1"}"#,
            r#"{"id":"t1","status":"queued"}"#,
            r#"{"data":{"task_id":7,"status":"IN_PROGRESS"}}"#,
            r#"{"data":[{"status":"submitted","task_id":"t1"}]}"#,
            r#"{"output":{"task_id":"t1","task_status":"PENDING"}}"#,
        ] {
            assert!(is(200, body), "{body}");
        }
        for body in ["{}", r#"{"id":"img-1","created":1}"#, r#"{"status":"processing"}"#, r#"{"data":[]}"#] {
            assert!(!is(200, body), "{body}");
        }
    }

    #[test]
    fn ids_that_can_stand_in_no_address_are_not_guessed_with() {
        assert_eq!(guesses(BASE, "t/1").first().map(String::as_str), Some("https://relay.example/v1/tasks/t%2F1"));
        assert!(guesses(BASE, "..").is_empty());
        assert_eq!(last_segment("https://relay.example/v1/tasks/t1/?x=1"), "t1");
    }
}
