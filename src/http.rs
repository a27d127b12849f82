//! Requests, answers and addresses as data. Nothing here talks to a network.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fetch_failure::{FetchFailure, Sent};
use crate::json::Json;
use crate::text::{concat, hex_digit};

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

/// The scheme, host and port of an absolute http(s) address, without a URL library (one costs 58 KB of wasm). Strict: whatever is
/// unusual is refused, and that is the safe direction for addresses that servers give.
fn origin(url: &str) -> Option<(&str, &str)> {
    // A backslash is a slash to some parsers and not to others; blanks are dropped by some.
    if url.chars().any(|c| c == '\\' || c.is_whitespace() || c.is_control()) {
        return None;
    }
    let secure = url.strip_prefix("https://").map(|rest| ("https", rest));
    let (scheme, rest) = secure.or_else(|| url.strip_prefix("http://").map(|rest| ("http", rest)))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (!authority.is_empty() && authority.chars().all(plain)).then_some((scheme, authority))
}

fn host(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.split(']').next().unwrap_or(authority);
    }
    authority.split(':').next().unwrap_or(authority)
}

fn is_loopback(authority: &str) -> bool {
    let host = host(authority);
    host == "localhost"
        || host == "[::1"
        || (host.starts_with("127.") && host.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Whether an address is on the computer itself, as the simulator's is.
pub fn is_loopback_url(url: &str) -> bool {
    origin(url).is_some_and(|(_, authority)| is_loopback(authority))
}

/// Whether both addresses have the same scheme, host and port.
pub fn same_origin(one: &str, other: &str) -> bool {
    matches!((origin(one), origin(other)), (Some(a), Some(b)) if a.0 == b.0 && a.1.eq_ignore_ascii_case(b.1))
}

/// Whether an image's address, given by a server, may be fetched: https on a named host and its usual port. Addresses of the configured origin are
/// trusted as that is, with its scheme, its port and its private host. A provider that itself runs on this computer may give addresses on this
/// computer; nobody else may, else a hostile answer could read a server's own network.
pub fn is_fetchable(url: &str, provider_base: &str) -> bool {
    let Some((scheme, authority)) = origin(url) else { return false };
    if same_origin(url, provider_base) {
        return true;
    }
    if is_loopback(authority) {
        return is_loopback_url(provider_base);
    }
    let host = host(authority);
    let is_number = host
        .bytes()
        .rposition(|byte| byte == b'.')
        .and_then(|dot| host.as_bytes().get(dot + 1))
        .is_some_and(u8::is_ascii_digit);
    let named = host.contains('.') && !is_number && !host.ends_with(".local") && !host.ends_with(".internal");
    scheme == "https" && named && host == authority
}

/// An http(s) address as a server gives it, which may be relative to the configured one (RFC 3986 §5.2, without dot segments: the fetch resolves
/// those). `None` where it is no such address, or an unusual one.
pub fn resolve(address: &str, base_url: &str) -> Option<String> {
    let is_odd = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    if address.is_empty() || address.chars().any(is_odd) {
        return None;
    }
    let (scheme, authority) = origin(base_url)?;
    let scheme_ends = address.bytes().position(|byte| byte == b':');
    let path_begins = address.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(address.len());
    if scheme_ends.is_some_and(|end| end < path_begins) {
        // It has a scheme of its own.
        return origin(address).map(|_| String::from(address));
    }
    if address.starts_with("//") {
        return Some(concat(&[scheme, ":", address])).filter(|url| origin(url).is_some());
    }
    let base = if address.starts_with('/') { concat(&[scheme, "://", authority]) } else { concat(&[base_url, "/"]) };
    Some(concat(&[&base, address]))
}

/// Percent-encodes a path segment; a segment that is not `[A-Za-z0-9_.~-]{1,256}` after all, or climbs, is refused.
pub fn path_segment(id: &str) -> Option<String> {
    if id.is_empty() || id.len() > 256 || id == "." || id == ".." || id.chars().any(char::is_control) {
        return None;
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            for nibble in [byte >> 4, byte & 15] {
                segment.push(hex_digit(u64::from(nibble)).to_ascii_uppercase());
            }
        }
    }
    Some(segment)
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
    fn server_given_addresses_are_held_to_public_https_hosts() {
        let base = "https://api.hiapi.ai";
        assert!(is_fetchable("https://cdn.hiapi.ai/tasks/x/image.png", base));
        for url in [
            "http://cdn.hiapi.ai/x.png",
            "https://cdn.hiapi.ai:8443/x.png",
            "https://user@cdn.hiapi.ai/x.png",
            "https://169.254.169.254/latest/meta-data",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://localhost/x.png",
            "https://[::1]/x.png",
            "https://[fd00::1]/x.png",
            "https://metadata.google.internal/",
            "https://evil.example\\@cdn.hiapi.ai/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//cdn.hiapi.ai/x.png",
            "",
        ] {
            assert!(!is_fetchable(url, base), "{url}");
        }
        assert!(is_fetchable("http://127.0.0.1:4000/images/1.png", "http://127.0.0.1:4000"));
        assert!(!is_fetchable("http://127.evil.example/x.png", "http://127.0.0.1:4000"));
    }

    #[test]
    fn the_configured_origin_is_trusted_with_its_port_and_its_private_host() {
        assert!(is_fetchable("https://relay.example.com:8443/x.png", "https://relay.example.com:8443/v1"));
        assert!(is_fetchable("http://10.0.0.7:3000/x.png", "http://10.0.0.7:3000/v1"));
        for url in ["https://relay.example.com:8444/x.png", "http://relay.example.com:8443/x.png", "https://10.0.0.8/x"]
        {
            assert!(!is_fetchable(url, "https://relay.example.com:8443/v1"), "{url}");
        }
    }

    #[test]
    fn relative_addresses_are_resolved_against_the_configured_one() {
        let base = "https://relay.example:8443/v1";
        for (address, url) in [
            ("/out/x.png", "https://relay.example:8443/out/x.png"),
            ("out/x.png?a=b:c", "https://relay.example:8443/v1/out/x.png?a=b:c"),
            ("//cdn.example/x.png", "https://cdn.example/x.png"),
            ("https://cdn.example/x.png", "https://cdn.example/x.png"),
        ] {
            assert_eq!(resolve(address, base).as_deref(), Some(url));
        }
        for odd in ["", "a b", "javascript:alert(1)", "file:///etc/passwd", "\\\\evil", "//", "https://"] {
            assert_eq!(resolve(odd, base), None, "{odd:?}");
        }
    }

    #[test]
    fn every_header_that_is_looked_for_is_read() {
        let rates = RATE_HEADERS.iter().flatten();
        for name in rates.chain(&WAIT_HEADERS).chain(&["retry-after", "retry-after-ms", "date", "x-should-retry"]) {
            assert!(READ_HEADERS.contains(name), "{name}");
        }
    }

    #[test]
    fn origins_compare_whole() {
        assert!(same_origin("https://API.hiapi.ai/v1/tasks", "https://api.hiapi.ai"));
        assert!(!same_origin("https://api.hiapi.ai.evil.example/v1", "https://api.hiapi.ai"));
        assert!(!same_origin("http://api.hiapi.ai/v1", "https://api.hiapi.ai"));
        assert!(!same_origin("https://api.hiapi.ai:444/v1", "https://api.hiapi.ai"));
    }

    #[test]
    fn segments_cannot_climb() {
        assert_eq!(path_segment("tk-hiapi-01HZ_x.y~z").as_deref(), Some("tk-hiapi-01HZ_x.y~z"));
        assert_eq!(path_segment("../admin?x=1").as_deref(), Some("..%2Fadmin%3Fx%3D1"));
        for id in ["", ".", "..", "a\r\nb", &"x".repeat(257)] {
            assert_eq!(path_segment(id), None, "{id:?}");
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
