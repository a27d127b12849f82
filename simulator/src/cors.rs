//! What browsers of other origins may send and read.

use crate::config::Config;
use crate::message::{Request, Response};
use crate::provider::Provider;

const EXPOSED: &str = "Date, Retry-After, Retry-After-Ms, X-Request-Id, Idempotent-Replay, X-Should-Retry, \
    X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, \
    X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests, \
    X-RateLimit-Limit-Input-Images, X-RateLimit-Remaining-Input-Images, X-RateLimit-Reset-Input-Images, \
    OpenAI-Processing-Ms, X-Simulator-Model";

/// What OpenAI itself exposes: a page there sees neither Retry-After nor the rate headers.
const EXPOSED_BY_OPENAI: &str = "X-Request-ID";

/// The answer to a preflight request. HiAPI lets its own headers through; OpenAI lets through what it is asked for.
pub(crate) fn preflight(provider: Provider, request: &Request) -> Response {
    let asked = request.header("access-control-request-headers").filter(|_| provider != Provider::HiApi);
    let mut response = Response { status: 204, ..Response::default() };
    response.set_header("access-control-allow-methods", "GET, POST, OPTIONS");
    response
        .set_header("access-control-allow-headers", asked.unwrap_or("Authorization, Content-Type, Idempotency-Key"));
    response.set_header("access-control-max-age", "600");
    response
}

/// Opens an answer to every origin.
pub(crate) fn open(response: &mut Response, config: &Config, provider: Provider) {
    response.set_header("access-control-allow-origin", "*");
    let exposed = match (config.expose_headers, provider) {
        (Some(false), _) => return,
        (None, Provider::OpenAi) => EXPOSED_BY_OPENAI,
        _ => EXPOSED,
    };
    response.set_header("access-control-expose-headers", exposed);
}
