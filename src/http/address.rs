//! Addresses: which of those that servers and users give may be fetched, and how one that is relative is resolved.

use alloc::string::String;

use crate::text::{concat, hex_digit};

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
    same_origin(url, provider_base) || is_public(url, provider_base)
}

/// Whether an address that a caller's own user may have named can be fetched: the same, but that the configured origin is not trusted for it.
pub fn is_public(url: &str, provider_base: &str) -> bool {
    let Some((scheme, authority)) = origin(url) else { return false };
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
        assert!(!is_public("http://10.0.0.7:3000/x.png", "http://10.0.0.7:3000/v1"), "not for what a user names");
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
}
