//! The relay's own tasks: what it makes of a synchronous submit that would take long.

use serde_json::{Value, json};

use crate::message::{Pending, Request, Response};
use crate::world::Step;

use super::draws::{Draw, Draws};
use super::forms::TaskForm;
use super::handover::Handover;

/// A submit that the relay answered with a task of its own.
#[derive(Debug)]
pub(super) struct Job {
    pub id: String,
    /// The credentials of the submit; nobody else is told of it.
    pub key: Option<String>,
    pub state: State,
    pub handover: Handover,
    /// Whether its polls say when to come back.
    pub hints: bool,
}

/// How far the provider is.
#[derive(Debug)]
pub(super) enum State {
    Waiting(Pending),
    Ended(Box<Step>),
}

/// A task's identifier, as relays have them.
pub(super) fn identifier(draws: Draws) -> String {
    format!("img_{:016x}", draws.bits(Draw::Identifier))
}

/// The answer to the submit.
pub(super) fn accepted(id: &str, form: TaskForm, origin: &str, request: &Request) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    let status_url = format!("{origin}{path}/{id}");
    match form {
        TaskForm::Location => {
            let mut response = Response::json(202, &json!({"id": id, "status": "queued"}));
            response.set_header("location", status_url);
            response.set_header("retry-after", "1");
            response
        }
        TaskForm::StatusUrl => {
            Response::json(200, &json!({"task_id": id, "status": "processing", "status_url": status_url}))
        }
        TaskForm::Body | TaskForm::Mixed => Response::json(200, &json!({"task_id": id, "status": "processing"})),
    }
}

/// The answer to a poll before the end.
pub(super) fn processing(job: &Job) -> Response {
    let mut response = Response::json(200, &json!({"task_id": job.id, "status": "processing"}));
    if job.hints {
        response.set_header("retry-after", "2");
    }
    response
}

/// What the relay says where it lost the provider's answer.
pub(super) fn lost() -> Response {
    let message = "upstream connection closed before an answer came";
    Response::json(502, &json!({"error": {"message": message, "type": "upstream_error", "code": "do_request_failed"}}))
}

/// The answer to a poll by somebody else, or without credentials.
pub(super) fn unknown(status: u16) -> Response {
    let error: Value = json!({"message": "no such task", "type": "invalid_request_error", "code": null});
    Response::json(status, &json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submit_is_answered_in_each_form() {
        let request = Request::new("POST", "/v1/images/generations?x=1");
        let location = accepted("img_1", TaskForm::Location, "", &request);
        assert_eq!((location.status, location.header("location")), (202, Some("/v1/images/generations/img_1")));
        let body = accepted("img_1", TaskForm::Body, "", &request);
        assert_eq!(
            (body.status, body.body.as_slice()),
            (200, br#"{"status":"processing","task_id":"img_1"}"#.as_slice())
        );
        let told = accepted("img_1", TaskForm::StatusUrl, "https://relay.example", &request);
        let told: Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(told["status_url"], "https://relay.example/v1/images/generations/img_1");
    }
}
