//! The routes under `/admin`: settings, counts and ledger, open to pages of any origin.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE,
};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::state::{LATENCY, Shared};
use crate::config::{Config, ConfigError, SETTINGS};

const BODY_LIMIT: usize = 1_000_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/config", get(config).put(change).patch(change))
        .route("/settings", get(settings))
        .route("/stats", get(stats))
        .route("/ledger", get(ledger))
        .route("/reset", post(reset))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "path", "there is no such admin route"))
        .layer(from_fn(open))
}

/// Answers preflights and lets pages of any origin read the rest.
async fn open(request: Request<Body>, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, PUT, PATCH, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    }
    response
}

async fn config(State(shared): State<Shared>) -> Response {
    answer(StatusCode::OK, &shared.settings())
}

async fn change(State(shared): State<Shared>, body: Body) -> Response {
    apply(body, &shared, Shared::patch).await
}

async fn reset(State(shared): State<Shared>, body: Body) -> Response {
    apply(body, &shared, Shared::reset).await
}

async fn settings() -> Response {
    let defaults = Config::default().to_json();
    let mut rows: Vec<Value> = SETTINGS
        .iter()
        .map(|setting| json!({"name": setting.name, "help": setting.help, "default": defaults.get(setting.name)}))
        .collect();
    rows.push(json!({"name": LATENCY, "help": super::cli::LATENCY_HELP, "default": 0}));
    answer(StatusCode::OK, &Value::Array(rows))
}

async fn stats(State(shared): State<Shared>) -> Response {
    answer(StatusCode::OK, &shared.read(|world| serde_json::to_value(world.stats()).unwrap_or_default()))
}

async fn ledger(State(shared): State<Shared>) -> Response {
    let mut rows = shared.read(|world| serde_json::to_value(world.ledger()).unwrap_or_default());
    for row in rows.as_array_mut().into_iter().flatten() {
        if let Some(Value::String(key)) = row.get_mut("key") {
            *key = masked(key);
        }
    }
    answer(StatusCode::OK, &rows)
}

/// A key's ends: any page may read the ledger, and somebody may have entered a real key.
fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    match letters.as_slice() {
        [a, b, c, middle @ .., y, z] if middle.len() > 4 => format!("{a}{b}{c}…{y}{z}"),
        _ => key.to_owned(),
    }
}

/// Reads a JSON object (or nothing) and applies it; answers with the settings that hold then.
async fn apply(body: Body, shared: &Shared, act: impl Fn(&Shared, Value) -> Result<(), ConfigError>) -> Response {
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "body", "body is too large");
    };
    let patch = if bytes.is_empty() { Ok(json!({})) } else { serde_json::from_slice(&bytes) };
    match patch {
        Err(error) => refuse(StatusCode::BAD_REQUEST, "body", &format!("not valid JSON: {error}")),
        Ok(patch) => match act(shared, patch) {
            Ok(()) => answer(StatusCode::OK, &shared.settings()),
            Err(error) => refuse(StatusCode::BAD_REQUEST, &error.field, &error.message),
        },
    }
}

fn refuse(status: StatusCode, field: &str, message: &str) -> Response {
    answer(status, &json!({"error": {"field": field, "message": message}}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn long_keys_show_only_their_ends() {
        assert_eq!(masked("sk-1"), "sk-1");
        assert_eq!(masked("hi-sk-0123456789"), "hi-…89");
    }
}
