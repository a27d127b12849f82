//! The `RateLimit` fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers) in the versions in which they are structured:
//! `RateLimit: limit=100, remaining=50, reset=30` in the seventh, `RateLimit: "a";r=50;t=30` with `RateLimit-Policy: "a";q=100;w=60` since.

use crate::text::says;

/// Limit, remaining and reset of one limit in a server's words; empty where it says nothing.
pub type Told<'a> = [&'a str; 3];

/// A member of a field: what its parameters say of limit, remaining, reset and unit, and its name.
type Member<'a> = [&'a str; 5];

/// What the two fields say of the first limit in them that is not read yet. One that is no count of requests, but of bytes or of requests at once, is
/// passed over.
pub fn next_told<'a>(field: &mut &'a str, policy: &'a str) -> Option<Told<'a>> {
    while !field.is_empty() {
        let [mut limit, remaining, reset, _, name] = next(field);
        let mut policies = policy;
        let mut unit = "";
        while !policies.is_empty() {
            let [most, _, _, counted, known] = next(&mut policies);
            if known == name {
                (limit, unit) = (most, counted);
            }
        }
        if limit.is_empty() {
            // What is left at least, where nobody says of how much.
            limit = if remaining == "0" { "1" } else { remaining };
        }
        if !limit.is_empty() && !says(unit, &["bytes", "concurrent"]) {
            return Some([limit, remaining, reset]);
        }
    }
    None
}

/// Takes the first member off a field.
fn next<'a>(field: &mut &'a str) -> Member<'a> {
    let mut member = [""; 5];
    let mut is_first = true;
    while !field.is_empty() {
        let (piece, rest) = cut(field);
        let (name, value) = piece.split_once('=').unwrap_or_default();
        let is_name = value.is_empty() || piece.starts_with('"');
        if is_name && !is_first {
            break;
        }
        (*field, is_first) = (rest, false);
        let [limit, remaining, reset, unit, own] = &mut member;
        match name {
            _ if is_name => *own = piece,
            "q" | "limit" => *limit = value,
            "r" | "remaining" => *remaining = value,
            "t" | "reset" => *reset = value,
            "qu" => *unit = value,
            _ => {}
        }
    }
    member
}

/// What precedes the first comma or semicolon that stands in no quotes, and what follows it.
pub fn cut(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        !quoted && matches!(byte, b',' | b';')
    });
    let end = end.unwrap_or(text.len());
    (text.get(..end).unwrap_or_default().trim(), text.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn told<'a>(mut field: &'a str, policy: &'a str) -> Vec<Told<'a>> {
        core::iter::from_fn(|| next_told(&mut field, policy)).collect()
    }

    #[test]
    fn each_version_of_the_draft_is_read() {
        assert_eq!(told("limit=100, remaining=50, reset=30", "100;w=60"), [["100", "50", "30"]], "7");
        assert_eq!(told("default;r=50;t=30", "default;q=100;w=60"), [["100", "50", "30"]], "8");
        let policy = "\"burst\";q=100;w=60;pk=:cHsdsRa894==:, \"daily\";q=1000;w=86400";
        let both = told("\"daily\";r=7;t=4000,\"burst\" ; r=0 ; t=30;pk=:cHsdsRa894==:", policy);
        assert_eq!(both, [["1000", "7", "4000"], ["100", "0", "30"]], "10");
        assert_eq!(told("\"a, b; r=5\";r=3;t=2", "\"a, b; r=5\";q=9"), [["9", "3", "2"]], "a name is a text");
    }

    #[test]
    fn what_is_left_out_is_not_known() {
        assert_eq!(told("", "\"a\";q=5;w=60"), [[""; 3]; 0]);
        assert_eq!(told("\"a\";r=3;t=2", ""), [["3", "3", "2"]]);
        assert_eq!(told("\"a\";r=0;t=2", "\"b\";q=5;w=60"), [["1", "0", "2"]]);
        assert_eq!(told("\"a\";r=3", "\"a\";q=5;w=60"), [["5", "3", ""]]);
        for nonsense in ["\"", ";;;,,,", "=", "\"a", "a,b;c", "\u{e9};r"] {
            assert_eq!(told(nonsense, nonsense), [[""; 3]; 0], "{nonsense}");
        }
    }

    #[test]
    fn what_is_no_count_of_requests_is_none_of_ours() {
        let of = |unit: &str| told("\"a\";r=0;t=30", &alloc::format!("\"a\";q=9;qu={unit}")).len();
        assert_eq!(["\"requests\"", "\"content-bytes\"", "\"concurrent-requests\""].map(of), [1, 0, 0]);
    }
}
