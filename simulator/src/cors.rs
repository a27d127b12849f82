//! What browsers of other origins may send and read.

use crate::config::Config;
use crate::message::Response;

const EXPOSED: &str = "Date, Retry-After, Retry-After-Ms, X-Request-Id, Idempotent-Replay, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";

/// The answer to a preflight request.
pub(crate) fn preflight() -> Response {
    let mut response = Response { status: 204, ..Response::default() };
    response.set_header("access-control-allow-methods", "GET, POST, OPTIONS");
    response.set_header("access-control-allow-headers", "Authorization, Content-Type, Idempotency-Key");
    response.set_header("access-control-max-age", "600");
    response
}

/// Opens an answer to every origin.
pub(crate) fn open(response: &mut Response, config: &Config) {
    response.set_header("access-control-allow-origin", "*");
    if config.expose_headers {
        response.set_header("access-control-expose-headers", EXPOSED);
    }
}
