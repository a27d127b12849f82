//! The provider's routes: a request to the world, and its answer to the wire.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::http::{self, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::connection::Broken;
use super::state::Shared;
use crate::message::{self, Reply, Request};
use crate::world::Step;

/// Bodies beyond this are not read; the providers themselves refuse those over 10 MB (HiAPI) and 64 MB (OpenAI).
const BODY_LIMIT: usize = 66_000_000;

/// Answers a request as the provider would.
pub(super) async fn answer(State(shared): State<Shared>, request: http::Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        let too_large = (StatusCode::PAYLOAD_TOO_LARGE, [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], "body is too large\n");
        return too_large.into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: path.to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.to_vec(),
    };
    tokio::time::sleep(shared.half_latency()).await;
    let mut changes = shared.changes();
    let mut step = shared.begin(&request);
    drop(request);
    let reply = loop {
        step = match step {
            Step::Reply(Reply::Later(pending)) => shared.resume(pending, &mut changes).await,
            Step::Reply(reply) => break reply,
            // Drawing takes long enough to hold others up: it leaves the event loop.
            Step::Draw(drawing) => match tokio::task::spawn_blocking(move || drawing.draw()).await {
                Ok(response) => break Reply::Answer(response),
                Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            },
        };
    };
    tokio::time::sleep(shared.half_latency()).await;
    match reply {
        Reply::Answer(answer) => on_the_wire(answer),
        Reply::Lost | Reply::Later(_) => (axum::Extension(Broken), StatusCode::BAD_GATEWAY).into_response(),
    }
}

fn on_the_wire(answer: message::Response) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        // A lie that no header can hold is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
