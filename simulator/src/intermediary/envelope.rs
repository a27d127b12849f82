//! A provider's error as relays hand it on.
//!
//! Sources: `LiteLLM` `litellm/proxy/_types.py` (`ProxyException.to_dict`) and `litellm/exceptions.py`; songquanpeng/one-api `relay/controller/error.go`
//! (`RelayErrorHandler`: `bad_response_status_code`); QuantumNous/new-api `types/error.go` (`upstream_error`, "(request id: …)"); Google's
//! OpenAI-compatible endpoint (an error in a list); `FastAPI`'s `HTTPException` (`detail`).

use serde_json::{Value, json};

use super::forms::ErrorForm;

/// The error of an answer with this status in another envelope; `number` settles what a relay does now and then.
pub(super) fn wrapped(error: Value, status: u16, form: ErrorForm, number: u64) -> Value {
    let inner = error.get("error").filter(|inner| inner.is_object()).unwrap_or(&error);
    let words = inner.get("message").and_then(Value::as_str).unwrap_or("request failed");
    let field = |name: &str| inner.get(name).cloned().filter(|value| !value.is_null());
    match form {
        ErrorForm::Provider | ErrorForm::Mixed => error,
        ErrorForm::Litellm => {
            let exception = match status {
                400 | 413 | 422 => "BadRequestError",
                401 => "AuthenticationError",
                403 => "PermissionDeniedError",
                404 => "NotFoundError",
                429 => "RateLimitError",
                503 => "ServiceUnavailableError",
                _ => "InternalServerError",
            };
            let message = format!(
                "litellm.{exception}: {exception}: OpenAIException - {words}\n\nReceived Model Group=gpt-image-2\nAvailable Model Group Fallbacks=None"
            );
            json!({"error": {"message": message, "type": field("type"), "param": field("param"), "code": status.to_string()}})
        }
        ErrorForm::OneApi => {
            let message = format!("{words} (request id: 20260101{:012})", number % 1_000_000_000_000);
            let kind = field("type").unwrap_or_else(|| json!("upstream_error"));
            // Where the provider has no code, and now and then where it has one, the status takes its place as a number.
            let code = field("code").or_else(|| field("error_code")).filter(|code| code.is_string() && number % 3 > 0);
            json!({"error": {"message": message, "type": kind, "param": "", "code": code.unwrap_or_else(|| json!(status))}})
        }
        ErrorForm::Nested => {
            let param = status.to_string();
            json!({"error": {"message": error.to_string(), "type": "upstream_error", "param": param, "code": "bad_response_status_code"}})
        }
        ErrorForm::List => json!([error]),
        ErrorForm::Detail if matches!(status, 400 | 413 | 422) => {
            let place = field("param").unwrap_or_else(|| json!("prompt"));
            json!({"detail": [{"loc": ["body", place], "msg": words, "type": "value_error"}]})
        }
        ErrorForm::Detail => json!({"detail": words}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(form: ErrorForm, number: u64) -> Value {
        let error = json!({"error": {"message": "slow down", "type": "requests", "param": null, "code": "rate_limit_exceeded"}});
        wrapped(error, 429, form, number)
    }

    #[test]
    fn the_words_survive_every_envelope() {
        for form in [ErrorForm::Litellm, ErrorForm::OneApi, ErrorForm::Nested, ErrorForm::List, ErrorForm::Detail] {
            assert!(limited(form, 1).to_string().contains("slow down"), "{form:?}");
        }
        let hiapi = json!({"code": 429, "error_code": "rate_limit_exceeded", "message": "wait", "data": null});
        assert_eq!(wrapped(hiapi.clone(), 429, ErrorForm::OneApi, 1)["error"]["code"], 429);
        assert_eq!(wrapped(hiapi.clone(), 429, ErrorForm::Provider, 1), hiapi);
    }

    #[test]
    fn codes_become_what_each_relay_makes_of_them() {
        assert_eq!(limited(ErrorForm::Litellm, 1)["error"]["code"], "429");
        assert_eq!(limited(ErrorForm::OneApi, 1)["error"]["code"], "rate_limit_exceeded");
        assert_eq!(limited(ErrorForm::OneApi, 3)["error"]["code"], 429);
        assert_eq!(limited(ErrorForm::List, 1)[0]["error"]["code"], "rate_limit_exceeded");
        let nested = limited(ErrorForm::Nested, 1);
        let inner: Value = serde_json::from_str(nested["error"]["message"].as_str().unwrap()).unwrap();
        assert_eq!(inner["error"]["code"], "rate_limit_exceeded");
        assert_eq!(limited(ErrorForm::Detail, 1), json!({"detail": "slow down"}));
        let invalid = wrapped(json!({"error": {"message": "too large", "param": "size"}}), 400, ErrorForm::Detail, 1);
        assert_eq!(invalid["detail"][0]["loc"], json!(["body", "size"]));
    }
}
