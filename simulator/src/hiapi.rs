//! The wire format of HiAPI, in the two dialects that its vendor publishes.

use serde_json::{Value, json};

use crate::choices::Dialect;
use crate::message::Response;
use crate::task::{Fate, Phase};

/// The dialect of one answer: [`Dialect`] with `mixed` drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    A,
    B,
}

impl Wire {
    /// The dialect of an answer; `draw` settles a mixed one.
    pub fn of(dialect: Dialect, draw: u64) -> Wire {
        match dialect {
            Dialect::A => Wire::A,
            Dialect::B => Wire::B,
            Dialect::Mixed if draw & 1 == 0 => Wire::A,
            Dialect::Mixed => Wire::B,
        }
    }

    /// The identifier of a new task.
    pub fn task_id(self, identifier: &str) -> String {
        match self {
            Wire::A => format!("tk-hiapi-{identifier}"),
            Wire::B => format!("task_{identifier}"),
        }
    }

    fn status(self, phase: Phase, fate: Fate) -> &'static str {
        match (self, phase, fate) {
            (_, Phase::Queued, _) => "queued",
            (Wire::A, Phase::Handling, _) => "handling",
            (Wire::A, Phase::Archiving, _) => "archiving",
            (Wire::B, Phase::Handling | Phase::Archiving, _) => "processing",
            (Wire::A, Phase::Ended, Fate::Success) => "success",
            (Wire::A, Phase::Ended, _) => "fail",
            (Wire::B, Phase::Ended, Fate::Success) => "succeeded",
            (Wire::B, Phase::Ended, _) => "failed",
        }
    }

    fn id_field(self) -> &'static str {
        if self == Wire::A { "taskId" } else { "id" }
    }

    /// Wraps what is answered to a request that was understood.
    fn success(self, data: Value) -> Response {
        match self {
            Wire::A => Response::json(200, &json!({"code": 200, "message": "success", "data": data})),
            Wire::B => Response::json(200, &data),
        }
    }

    /// The answer to an accepted submit.
    pub fn accepted(self, task_id: &str) -> Response {
        match self {
            Wire::A => self.success(json!({"taskId": task_id})),
            Wire::B => self.success(json!({"id": task_id, "status": "queued"})),
        }
    }

    /// The answer to a poll.
    pub fn detail(self, view: &View<'_>) -> Response {
        let mut data = self.summary(view);
        if view.phase == Phase::Ended {
            match view.fate {
                Fate::Success => {
                    set(&mut data, "storage", json!("temp"));
                    let output = json!([{"url": view.url, "type": "image", "expireAt": view.expires_s}]);
                    set(&mut data, "output", output);
                }
                Fate::Failure => set(&mut data, "error", task_error("upstream generation failed")),
                Fate::Filtered { .. } => {
                    let mut message = MODERATED.to_owned();
                    if !view.violations.is_empty() {
                        message.push_str(&format!(" safety_violations=[{}]", view.violations.join(", ")));
                    }
                    set(&mut data, "error", task_error(&message));
                }
            }
        }
        self.success(data)
    }

    /// A page of the list of tasks.
    pub fn list(self, views: &[View<'_>], page: usize, size: usize, total: usize) -> Response {
        let tasks: Vec<Value> = views.iter().map(|view| self.summary(view)).collect();
        self.success(json!({"tasks": tasks, "page": page, "size": size, "total": total}))
    }

    fn summary(self, view: &View<'_>) -> Value {
        let mut data = json!({
            "model": view.model,
            "status": self.status(view.phase, view.fate),
            "created": view.created_s,
            "completed": if view.phase == Phase::Ended { view.completed_s } else { 0 },
        });
        set(&mut data, self.id_field(), json!(view.task_id));
        if let Some(route) = view.route {
            set(&mut data, "route", json!(route));
        }
        data
    }

    /// The answer to a request that was not carried out.
    pub fn problem(self, problem: &Problem, request_id: &str) -> Response {
        let (status, code_a, code_b, message) = problem.parts();
        let body = match self {
            Wire::A => {
                let mut body =
                    json!({"code": status, "message": message.unwrap_or("rate limit exceeded"), "data": null});
                if let Some(code) = code_a {
                    set(&mut body, "error_code", json!(code));
                }
                body
            }
            Wire::B => {
                let mut error = json!({"code": code_b, "type": "hiapi_error", "request_id": request_id});
                if let Some(message) = message {
                    set(&mut error, "message", json!(message));
                }
                json!({"error": error})
            }
        };
        Response::json(status, &body)
    }
}

/// What an upstream model says when its content policy refuses.
const MODERATED: &str =
    "upstream rejected the request: moderation_blocked: Your request was rejected by the safety system.";

fn task_error(message: &str) -> Value {
    json!({"code": "TASK_FAILED", "message": message})
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// A task as a poll or the list shows it; times are Unix seconds on the provider's clock.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub task_id: &'a str,
    pub model: &'a str,
    pub route: Option<&'a str>,
    pub phase: Phase,
    pub fate: Fate,
    /// What the content policy found, where the answer says so.
    pub violations: &'a [String],
    pub created_s: u64,
    pub completed_s: u64,
    pub url: &'a str,
    pub expires_s: u64,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Invalid(String),
    TooLarge,
    ModelUnavailable(String),
    Unauthorized,
    Unpaid,
    NotFound,
    Processing,
    Mismatch,
    /// With the limit and the hint in words where the provider has any.
    Limited(Option<String>),
    ServerError,
    Overloaded,
}

impl Problem {
    /// Status, the code of dialect A, that of dialect B, and the message.
    fn parts(&self) -> (u16, Option<&'static str>, &'static str, Option<&str>) {
        match self {
            Problem::Invalid(message) => (400, Some("INVALID_REQUEST"), "invalid_request", Some(message)),
            Problem::TooLarge => (413, Some("INVALID_REQUEST"), "invalid_request", Some("body is over 10 MB")),
            Problem::ModelUnavailable(message) => {
                (400, Some("MODEL_UNAVAILABLE"), "model_not_available", Some(message))
            }
            Problem::Unauthorized => (401, None, "permission_denied", Some("invalid API key")),
            Problem::Unpaid => (402, None, "insufficient_balance", Some("insufficient balance")),
            Problem::NotFound => (404, None, "not_found", Some("not found")),
            Problem::Processing => {
                let code = "IDEMPOTENCY_KEY_PROCESSING";
                (409, Some(code), code, Some("first request with this key is still in flight"))
            }
            Problem::Mismatch => {
                let code = "IDEMPOTENCY_KEY_MISMATCH";
                (422, Some(code), code, Some("this key was used with another body"))
            }
            Problem::Limited(axis) => (429, Some("rate_limit_exceeded"), "rate_limit_exceeded", axis.as_deref()),
            Problem::ServerError => (500, None, "internal_error", Some("internal error")),
            Problem::Overloaded => (503, None, "service_unavailable", Some("service temporarily unavailable")),
        }
    }
}
