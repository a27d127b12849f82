//! Answers that say why a request was not carried out: `{"error":{"message","type","param","code"}}`.

use serde_json::{Value, json};

use crate::choices::QuotaCode;
use crate::limits::{Axis, Refusal};
use crate::message::Response;

/// Every parameter that is wrong is of this type, or of [`BY_USER`].
const INVALID: &str = "invalid_request_error";
/// Also the type of what the content policy refuses: only the code tells them apart.
const BY_USER: &str = "image_generation_user_error";
const SAFETY: &str = "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com and include the request ID";
const QUOTA: &str = "You exceeded your current quota, please check your plan and billing details.";

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    pub message: String,
    moderation: Option<Value>,
}

impl Problem {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Problem {
        Problem { status, kind, code, param: None, message: message.into(), moderation: None }
    }

    fn with_param(mut self, param: &str) -> Problem {
        self.param = Some(param.to_owned());
        self
    }

    /// A parameter that is wrong.
    pub fn invalid(param: &str, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(400, INVALID, Some(code), message).with_param(param)
    }

    /// A parameter that the model will not do.
    pub fn by_user(param: &str, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(400, BY_USER, Some(code), message).with_param(param)
    }

    /// A value that is not one of those on offer.
    pub fn choice(param: &str, value: &str, offered: &[&str]) -> Problem {
        let quoted: Vec<String> = offered.iter().map(|word| format!("'{word}'")).collect();
        let offered = match quoted.as_slice() {
            [one] => one.clone(),
            [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
            [] => String::new(),
        };
        let message = format!("Invalid value: '{value}'. Supported values are: {offered}.");
        Problem::invalid(param, "invalid_value", message)
    }

    pub fn unknown_parameter(param: &str) -> Problem {
        Problem::invalid(param, "unknown_parameter", format!("Unknown parameter: '{param}'."))
    }

    pub fn missing(param: &str) -> Problem {
        Problem::invalid(param, "missing_required_parameter", format!("Missing required parameter: '{param}'."))
    }

    /// The body is no JSON object.
    pub fn not_json() -> Problem {
        let message = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)";
        Problem::new(400, INVALID, None, message)
    }

    /// The body is no form, or breaks off.
    pub fn not_a_form() -> Problem {
        Problem::new(400, INVALID, None, "Could not parse multipart form")
    }

    /// The endpoint reads another kind of body.
    pub fn content_type(given: &str, wanted: &str) -> Problem {
        let message = format!(
            "Unsupported content type: '{given}'. This API method only accepts '{wanted}' requests, but you specified the header 'Content-Type: {given}'. Please try again with a supported content type."
        );
        Problem::new(400, INVALID, Some("unsupported_content_type"), message)
    }

    /// A file whose part has no content type, or one that is not taken.
    pub fn mimetype(name: &str, given: &str, offered: &str) -> Problem {
        let message =
            format!("Invalid file '{name}': unsupported mimetype ('{given}'). Supported file formats are {offered}.");
        Problem::invalid(name, "unsupported_file_mimetype", message)
    }

    /// The file at this place, from 1, is no image.
    pub fn image_file(place: usize) -> Problem {
        let message = format!("Invalid image file or mode for image {place}, please check your image file.");
        Problem::by_user("", "invalid_image_file", message)
    }

    pub fn too_large() -> Problem {
        Problem::new(413, INVALID, None, "Maximum content size limit exceeded")
    }

    pub fn unauthorized(key: &str) -> Problem {
        if key.is_empty() {
            let message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
            return Problem::new(401, INVALID, None, message);
        }
        let shown: String = key.chars().take(3).collect();
        let message = format!("Incorrect API key provided: {shown}…");
        Problem::new(401, INVALID, Some("invalid_api_key"), message)
    }

    pub fn no_model(name: &str) -> Problem {
        let message = format!("The model '{name}' does not exist or you do not have access to it.");
        Problem::new(404, INVALID, Some("model_not_found"), message)
    }

    pub fn retired_model(name: &str) -> Problem {
        let message = format!("The model '{name}' has been shut down and is no longer available.");
        Problem::new(404, INVALID, Some("model_not_found"), message)
    }

    /// Nothing answers to this method and path.
    pub fn no_route(method: &str, path: &str) -> Problem {
        if super::Endpoint::of(path).is_some() {
            return Problem::new(405, INVALID, None, format!("Not allowed to {method} on {path}."));
        }
        Problem::new(404, INVALID, None, format!("Invalid URL ({method} {path})"))
    }

    /// The account's credit is spent.
    pub fn unpaid(code: QuotaCode) -> Problem {
        match code {
            QuotaCode::BillingHardLimitReached => {
                Problem::new(400, INVALID, code.code(), "Billing hard limit has been reached")
            }
            _ => Problem::new(429, "insufficient_quota", code.code(), QUOTA),
        }
    }

    /// A limit refuses; `hint` says in words when to come back. A slot is named only where `names_slots`.
    pub fn limited(model: &str, refusal: &Refusal, names_slots: bool, hint: Option<String>) -> Problem {
        let (kind, axis) = match refusal.axis {
            Axis::Slots if names_slots => ("requests", " on concurrent requests"),
            Axis::Slots => ("requests", ""),
            Axis::Window => ("requests", " on requests per min (RPM)"),
            Axis::Day => ("requests", " on requests per day (RPD)"),
            Axis::Images => ("input-images", " on input-images per min"),
        };
        let family = if refusal.axis == Axis::Images { " (for limit gpt-image)" } else { "" };
        let Refusal { limit, used, requested, .. } = refusal;
        let mut message = if refusal.is_for_good() {
            format!(
                "Request too large for {model}{family} in organization {ORGANIZATION}{axis}: Limit {limit}, Requested {requested}."
            )
        } else if axis.is_empty() {
            format!("Rate limit reached for {model} in organization {ORGANIZATION}.")
        } else {
            format!(
                "Rate limit reached for {model}{family} in organization {ORGANIZATION}{axis}: Limit {limit}, Used {used}, Requested {requested}."
            )
        };
        if let Some(hint) = hint {
            message.push(' ');
            message.push_str(&hint);
        }
        Problem::new(429, kind, Some("rate_limit_exceeded"), message)
    }

    /// The content policy refuses; `stage` is left out where the answer says nothing of it.
    pub fn moderated(request_id: &str, stage: Option<&str>, categories: &[String]) -> Problem {
        let message = format!("{SAFETY} {request_id}. safety_violations=[{}].", categories.join(", "));
        let mut problem = Problem::new(400, BY_USER, Some("moderation_blocked"), message);
        problem.moderation = stage.map(|stage| json!({"moderation_stage": stage, "categories": categories}));
        problem
    }

    pub fn server_error(request_id: &str) -> Problem {
        let message = format!(
            "The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error. (Please include the request ID {request_id} in your email.)"
        );
        Problem::new(500, "server_error", Some("server_error"), message)
    }

    pub fn overloaded() -> Problem {
        let message = "The engine is currently overloaded, please try again later";
        Problem::new(503, "server_error", Some("server_overloaded"), message)
    }

    /// Whether the content policy refuses.
    pub fn is_about_content(&self) -> bool {
        self.code == Some("moderation_blocked")
    }

    /// Whether money is the matter.
    pub fn is_about_money(&self) -> bool {
        self.code == QuotaCode::BillingHardLimitReached.code() || self.kind == "insufficient_quota"
    }

    /// The answer.
    pub fn response(&self) -> Response {
        let mut error = json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code});
        if let (Some(fields), Some(moderation)) = (error.as_object_mut(), &self.moderation) {
            fields.insert("moderation_details".to_owned(), moderation.clone());
        }
        Response::json(self.status, &json!({"error": error}))
    }
}

/// The account's organisation, as messages and headers name it.
pub(super) const ORGANIZATION: &str = "org-simulator";
