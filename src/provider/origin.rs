//! Who wrote an answer: the provider, in an envelope that its dialect knows, or something between us and it. What such an intermediary says of
//! the request decides whether it may be sent again.

use alloc::string::String;

use super::Dialect;
use super::complaint::Complaint;
use crate::error::Code;
use crate::http::{Answer, Body};
use crate::json::decimal;
use crate::text::{concat, says};

/// What an intermediary's answer says of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It could not reach the provider, which so has seen nothing of it.
    NotReached,
    /// It did not let the request pass.
    Blocked,
    /// It refused by a limit of its own.
    Limited,
    /// The provider may have had it, and may be at it.
    Unknown(Code),
}

/// An answer that is known to be an intermediary's.
struct Row {
    /// The first and the last status.
    statuses: (u16, u16),
    /// A header, in lower case, and what stands in it; an empty text is any.
    header: (&'static str, &'static str),
    /// What stands in the body, in lower case; an empty text is anything.
    words: &'static str,
    /// Who it is.
    who: &'static str,
    /// What it says.
    says: &'static str,
    fate: Fate,
    /// It is an intermediary's even where the body could be the provider's.
    is_alone: bool,
}

impl Row {
    const fn new(statuses: (u16, u16), who: &'static str, says: &'static str, fate: Fate) -> Row {
        Row { statuses, header: ("", ""), words: "", who, says, fate, is_alone: false }
    }

    const fn by(self, name: &'static str, value: &'static str) -> Row {
        Row { header: (name, value), ..self }
    }

    const fn alone(self) -> Row {
        Row { is_alone: true, ..self }
    }

    const fn saying(self, words: &'static str) -> Row {
        Row { words, ..self }
    }

    fn fits(&self, answer: &Answer, status: u16, body: &str) -> bool {
        let (name, value) = self.header;
        let (first, last) = self.statuses;
        let by_header = || answer.header(name).is_some_and(|told| value.is_empty() || says(told, &[value]));
        (first..=last).contains(&status)
            && (name.is_empty() || by_header())
            && (self.words.is_empty() || says(body, &[self.words]))
    }
}

const CLOUDFLARE: &str = "Cloudflare";
const AWS: &str = "AWS's gateway";
const GAVE_UP: &str = "it gave up waiting for the answer";
const LOST: &str = "the answer was lost behind it";
const CLIENT_GONE: &str = "to it, this side had hung up";
const BOT_CHECK: &str = "it took the request for a bot's, and the key was not looked at";
const UNREACHED: &str = "it could not reach the provider";
const NO_PASS: &str = "it did not let the request pass, and the key was not looked at";
const TOO_MANY: &str = "too many requests from this address";

/// The first that fits. Sources: developers.cloudflare.com/support/troubleshooting/http-status-codes (5xx, 1xxx) and
/// /cloudflare-challenges/challenge-types/challenge-pages/detect-response; docs.aws.amazon.com/elasticloadbalancing (troubleshooting: 460, 463,
/// 502–504), /apigateway (gateway responses), /AmazonCloudFront (error responses); nginx.org (`ngx_http_request.h`: 444, 494–499);
/// cloud.google.com/load-balancing (HTTP error codes); envoyproxy.io (response flags); vercel.com/docs/errors; fly.io/docs (request headers).
static ROWS: &[Row] = &[
    Row::new((400, 599), CLOUDFLARE, BOT_CHECK, Fate::Blocked).by("cf-mitigated", "").alone(),
    Row::new((429, 429), CLOUDFLARE, TOO_MANY, Fate::Limited).saying("1015"),
    Row::new((403, 403), CLOUDFLARE, NO_PASS, Fate::Blocked).by("server", "cloudflare"),
    Row::new((521, 523), CLOUDFLARE, UNREACHED, Fate::NotReached).by("server", "cloudflare"),
    Row::new((521, 523), CLOUDFLARE, UNREACHED, Fate::NotReached).by("cf-ray", ""),
    Row::new((525, 526), CLOUDFLARE, UNREACHED, Fate::NotReached).by("cf-ray", ""),
    Row::new((530, 530), CLOUDFLARE, UNREACHED, Fate::NotReached).by("server", "cloudflare"),
    Row::new((530, 530), CLOUDFLARE, UNREACHED, Fate::NotReached).by("cf-ray", ""),
    Row::new((524, 524), CLOUDFLARE, GAVE_UP, Fate::Unknown(Code::Timeout)),
    Row::new((520, 530), CLOUDFLARE, LOST, Fate::Unknown(Code::ServerError)),
    Row::new((460, 460), "AWS's load balancer", CLIENT_GONE, Fate::Unknown(Code::Timeout)).alone(),
    Row::new((499, 499), "A proxy", CLIENT_GONE, Fate::Unknown(Code::Timeout)).alone(),
    Row::new((403, 403), AWS, NO_PASS, Fate::Blocked).by("x-cache", "error from cloudfront"),
    Row::new((500, 502), AWS, LOST, Fate::Unknown(Code::ServerError)).saying("{\"message\":\"internal server error\"}"),
    Row::new((503, 503), AWS, LOST, Fate::Unknown(Code::Overloaded)).saying("{\"message\":\"service unavailable\"}"),
    Row::new((504, 504), AWS, GAVE_UP, Fate::Unknown(Code::Timeout)).saying("endpoint request timed out"),
    Row::new((403, 403), AWS, NO_PASS, Fate::Blocked).by("x-amzn-errortype", "forbidden"),
    Row::new((503, 503), "Envoy", UNREACHED, Fate::NotReached).saying("reset reason: connection failure"),
    Row::new((503, 503), "Envoy", UNREACHED, Fate::NotReached).saying("no healthy upstream"),
    Row::new((500, 599), "Vercel", GAVE_UP, Fate::Unknown(Code::Timeout)).by("x-vercel-error", "timeout"),
    Row::new((500, 599), "Vercel", LOST, Fate::Unknown(Code::ServerError)).by("x-vercel-error", ""),
];

/// Who else answered, by what the body is: pages and empty bodies are no provider's.
static BY_STATUS: &[Row] = &[
    Row::new((403, 403), "A page", NO_PASS, Fate::Blocked).saying("<"),
    Row::new((408, 408), "A proxy", GAVE_UP, Fate::Unknown(Code::Timeout)),
    Row::new((502, 502), "A proxy", LOST, Fate::Unknown(Code::ServerError)),
    Row::new((503, 503), "A proxy", LOST, Fate::Unknown(Code::Overloaded)),
    Row::new((504, 504), "A proxy", GAVE_UP, Fate::Unknown(Code::Timeout)),
    Row::new((500, 599), "A proxy", LOST, Fate::Unknown(Code::ServerError)),
];

/// What an intermediary says of the request, and in which words to tell it; `None` where the provider answered.
pub fn intermediary(dialect: &Dialect, answer: &Answer, status: u16) -> Option<(Fate, String)> {
    let body = body_text(answer);
    let mut row = ROWS.iter().find(|row| row.fits(answer, status, &body));
    // No provider has these for its own errors, in whatever form they come.
    let is_certain = |row: &Row| !row.words.is_empty() || row.fate == Fate::NotReached || row.is_alone;
    let is_provider = || answer.body.json().is_some() && Complaint::of(dialect, answer).is_told();
    // Its own errors come through a CDN, with the CDN's headers.
    if !row.is_some_and(is_certain) && is_provider() {
        return None;
    }
    if row.is_none() {
        row = BY_STATUS.iter().find(|row| row.fits(answer, status, &body));
    }
    let row = row?;
    let is_blocked = row.fate == Fate::Blocked;
    let place = if is_blocked { ": blocked before the provider, " } else { " in the provider's place: " };
    let mut message = concat(&[row.who, " answered ", &decimal(u64::from(status)), place, row.says, "."]);
    if let Some(words) = Complaint::of(dialect, answer).message {
        message = concat(&[&message, " It says: ", &words]);
    }
    Some((row.fate, message))
}

/// What there is of the body's text, to look for words in.
fn body_text(answer: &Answer) -> String {
    match &answer.body {
        Body::Text(text) => text.clone(),
        // Gateways answer with a message alone.
        Body::Json(json) => {
            let [(name, value)] = json.fields() else { return String::new() };
            let message = value.text().unwrap_or_default();
            concat(&["{\"", name, "\":\"", message, "\"}"])
        }
        _ => String::new(),
    }
}

/// The headers under which intermediaries tell the id of a request, the best first.
const IDS: [&str; 11] = [
    "x-request-id",
    "request-id",
    "x-litellm-call-id",
    "x-oneapi-request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-amz-cf-id",
    "fly-request-id",
    "x-vercel-id",
    "cf-ray",
];

/// What support asks for, be it the provider's or that of whoever is in between.
pub fn request_id(answer: &Answer) -> Option<String> {
    IDS.into_iter().find_map(|name| answer.header(name)).filter(|id| !id.is_empty()).map(String::from)
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::openai::OPENAI;
    use super::*;
    use crate::http::READ_HEADERS;
    use crate::json::ObjectBuilder;
    use alloc::vec::Vec;

    fn fate(status: u16, headers: &[(&'static str, &str)], body: Body) -> Option<Fate> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, String::from(*value))).collect();
        intermediary(&OPENAI, &Answer { status, headers, body }, status).map(|(fate, _)| fate)
    }

    fn text(text: &str) -> Body {
        Body::Text(String::from(text))
    }

    #[test]
    fn a_cdn_that_did_not_reach_the_origin_says_so_with_its_own_headers() {
        let ray = [("cf-ray", "8f00-FRA")];
        for status in [521, 522, 523, 530] {
            assert_eq!(fate(status, &ray, text("<html>")), Some(Fate::NotReached), "{status}");
            assert_eq!(fate(status, &[], text("<html>")), Some(Fate::Unknown(Code::ServerError)), "{status}: whose?");
        }
        assert_eq!(fate(524, &ray, text("<html>")), Some(Fate::Unknown(Code::Timeout)));
        assert_eq!(fate(520, &ray, Body::Empty), Some(Fate::Unknown(Code::ServerError)));
        assert_eq!(fate(403, &[("cf-mitigated", "challenge")], text("<html>")), Some(Fate::Blocked));
        assert_eq!(fate(429, &ray, text("error code: 1015")), Some(Fate::Limited));
    }

    #[test]
    fn the_providers_own_error_is_the_providers_whatever_it_came_through() {
        let error = ObjectBuilder::new().with("message", "no").with("type", "server_error").build();
        let body = || Body::Json(ObjectBuilder::new().with("error", error.clone()).build());
        let through = [("cf-ray", "8f00-FRA"), ("server", "cloudflare"), ("via", "1.1 google")];
        for status in [400, 401, 403, 429, 500, 502, 503] {
            assert_eq!(fate(status, &through, body()), None, "{status}");
        }
    }

    #[test]
    fn pages_and_empty_bodies_are_no_providers() {
        for body in [Body::Empty, text("<html><h1>502</h1></html>"), text("upstream request timeout")] {
            assert_eq!(fate(502, &[], body.clone()), Some(Fate::Unknown(Code::ServerError)));
            assert_eq!(fate(504, &[], body.clone()), Some(Fate::Unknown(Code::Timeout)));
            assert_eq!(fate(499, &[], body), Some(Fate::Unknown(Code::Timeout)));
        }
        let gateway = ObjectBuilder::new().with("message", "Endpoint request timed out").build();
        assert_eq!(fate(504, &[], Body::Json(gateway)), Some(Fate::Unknown(Code::Timeout)));
        assert_eq!(fate(403, &[], text("<html>forbidden</html>")), Some(Fate::Blocked));
        assert_eq!(fate(401, &[], Body::Empty), None, "a key that is not accepted");
        assert_eq!(fate(404, &[], text("404 page not found")), None);
    }

    #[test]
    fn what_rows_look_at_comes_in() {
        let names = ROWS.iter().chain(BY_STATUS).map(|row| row.header.0).filter(|name| !name.is_empty());
        for name in names.chain(IDS) {
            assert!(READ_HEADERS.contains(&name), "{name}");
        }
    }
}
