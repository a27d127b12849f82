//! Requests, answers and addresses as data. Nothing here talks to a network.

mod address;

use alloc::string::String;
use alloc::vec::Vec;

pub use address::{is_fetchable, is_loopback_url, is_public, path_segment, resolve, same_origin};

use crate::fetch_failure::{FetchFailure, Sent};
use crate::json::Json;

/// What is done with the body of an answer, and so how much of it may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Create a task: paid.
    Submit,
    /// Ask after a task: free.
    Poll,
    /// Fetch the bytes of an image: free, without credentials.
    Image,
    /// See whether the key is good: free.
    Check,
    /// Ask after many tasks at once: free.
    List,
}

impl Purpose {
    /// The number that crosses the wall.
    pub const fn number(self) -> u32 {
        match self {
            Purpose::Submit => 0,
            Purpose::Poll => 1,
            Purpose::Image => 2,
            Purpose::Check => 3,
            Purpose::List => 4,
        }
    }
}

/// The most bytes of an answer without image data: 1 MiB, a thousand times what a task answer takes.
pub const PLAIN_LIMIT: u32 = 1 << 20;
/// The most bytes of an image: 64 MiB, twice the largest uncompressed 3840 × 2160 picture.
pub const IMAGE_LIMIT: u32 = 64 << 20;
/// The most bytes of an answer for each image in base64 in it: an uncompressed 3840 × 2160 picture.
pub const BASE64_LIMIT: u32 = 36 << 20;

/// An HTTP request, without its credential: the host adds that just before the fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The absolute address.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// JSON text: the body itself, or with `form` what the host makes `multipart/form-data` of.
    pub body: Option<String>,
    /// `body` is `{"fields": {…}, "files": [{"name", "handle" or "url"}]}`: its parts. The host adds the content type.
    pub form: bool,
    /// The most bytes of the answer's body that are read.
    pub limit: u32,
    /// Which provider's credential to add; `None` for addresses that must not see one. Requests with a credential are not redirected.
    pub credential: Option<usize>,
}

/// The headers that the core reads; everything else stays outside.
pub const READ_HEADERS: [&str; 57] = [
    "retry-after",
    "retry-after-ms",
    "date",
    "x-should-retry",
    "location",
    "content-location",
    "operation-location",
    // Who answered, and under which number: see `provider::origin`.
    "server",
    "x-request-id",
    "request-id",
    "x-litellm-call-id",
    "x-oneapi-request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amz-cf-id",
    "x-cache",
    "fly-request-id",
    "x-vercel-id",
    "x-vercel-error",
    "cf-ray",
    "cf-mitigated",
    // Those of `RATE_HEADERS`.
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-input-images",
    "x-ratelimit-remaining-input-images",
    "x-ratelimit-reset-input-images",
    "x-ratelimit-limit-images",
    "x-ratelimit-remaining-images",
    "x-ratelimit-reset-images",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "x-rate-limit-limit-requests",
    "x-rate-limit-remaining-requests",
    "x-rate-limit-reset-requests",
    "rate-limit-limit",
    "rate-limit-remaining",
    "rate-limit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-retry-after",
    "x-rate-limit-reset-after",
    "x-rate-limit-retry-after-seconds",
    "x-retry-after",
];

/// Limit, remaining and reset of each limit that providers tell of: the IETF's draft up to its sixth version has one, HiAPI too, OpenAI several; and
/// the same in the other spellings that are met.
pub const RATE_HEADERS: [[&str; 3]; 9] = [
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    ["x-ratelimit-limit-input-images", "x-ratelimit-remaining-input-images", "x-ratelimit-reset-input-images"],
    ["x-ratelimit-limit-images", "x-ratelimit-remaining-images", "x-ratelimit-reset-images"],
    ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"],
    ["x-rate-limit-limit-requests", "x-rate-limit-remaining-requests", "x-rate-limit-reset-requests"],
    ["rate-limit-limit", "rate-limit-remaining", "rate-limit-reset"],
];

/// Headers with a wait, besides `Retry-After`: those of Discord's, Bazaarvoice's and other gateways, in seconds.
pub const WAIT_HEADERS: [&str; 5] = [
    "x-retry-after",
    "x-ratelimit-reset-after",
    "x-ratelimit-retry-after",
    "x-rate-limit-reset-after",
    "x-rate-limit-retry-after-seconds",
];

/// What became of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// It was JSON.
    Json(Json),
    /// It ended early, behind documents that were whole.
    Cut(Json),
    /// It was text that is not JSON; the first 4 KiB at most.
    Text(String),
    /// It was over the limit, or its tree over the bounds of [`crate::json`]; what came was dropped.
    TooLarge,
    /// It ended early, or was not UTF-8.
    Broken,
    /// An image, kept by the host under a number.
    Bytes {
        /// The host's number for the bytes.
        handle: u32,
        /// The first bytes, to tell the kind by.
        head: Vec<u8>,
    },
    /// A redirect, which is not followed.
    Redirect,
    /// Nothing.
    Empty,
}

impl Body {
    /// The tree, if it was JSON.
    pub fn json(&self) -> Option<&Json> {
        match self {
            Body::Json(json) => Some(json),
            _ => None,
        }
    }
}

/// An answer to a [`Request`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status; 0 where the host hides it (a browser's opaque redirect).
    pub status: u16,
    /// Those of [`READ_HEADERS`] that came.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

impl Answer {
    /// A header's value, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection failed; how far the request got is unknown.
    Network,
    /// We gave it up.
    Aborted,
    /// There was no credential to send: nothing left.
    Credential,
    /// The body could not be put together, for an image that goes in could not be had: nothing left.
    Body,
}

/// Whether a fetch failed before anything could leave, by its host's words; see [`crate::fetch_failure`].
pub fn never_left(words: &str) -> bool {
    FetchFailure::read(words).sent == Sent::Never
}

/// The media type that the first bytes of a file show, and its width and height where they stand at a fixed place.
pub fn image_kind(head: &[u8]) -> Option<(&'static str, Option<(u32, u32)>)> {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        let number = |at: usize| -> Option<u32> {
            let bytes: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        return Some(("image/png", number(16).zip(number(20))));
    }
    if head.starts_with(b"\xff\xd8\xff") {
        return Some(("image/jpeg", None));
    }
    if head.starts_with(b"GIF8") {
        return Some(("image/gif", None));
    }
    match (head.get(0..4), head.get(8..12)) {
        (Some(b"RIFF"), Some(b"WEBP")) => Some(("image/webp", None)),
        (Some(_), Some(b"avif")) => Some(("image/avif", None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_that_is_looked_for_is_read() {
        let rates = RATE_HEADERS.iter().flatten();
        for name in rates.chain(&WAIT_HEADERS).chain(&["retry-after", "retry-after-ms", "date", "x-should-retry"]) {
            assert!(READ_HEADERS.contains(name), "{name}");
        }
    }

    #[test]
    fn images_are_told_by_their_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\0";
        assert_eq!(image_kind(png), Some(("image/png", Some((1024, 512)))));
        assert_eq!(image_kind(&png[..12]), Some(("image/png", None)));
        assert_eq!(image_kind(b"RIFF\0\0\0\0WEBPVP8 "), Some(("image/webp", None)));
        assert_eq!(image_kind(b"<svg onload=alert(1)>"), None);
        assert_eq!(image_kind(b""), None);
    }
}
