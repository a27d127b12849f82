//! What a server says about when to come back.

use crate::http::Answer;
use crate::text;
use crate::time::{Millis, parse_http_date};

/// A hint over a day is not a wait; it is kept as a day so that sums stay small.
const LONGEST: Millis = 86_400_000;

/// The wait that an answer asks for, in ms from its arrival; `None` if it asks for none.
///
/// `retry-after-ms`, then `Retry-After` in seconds (fractions allowed) or as an HTTP-date, read against the answer's own `Date`: the local clock
/// may be wrong by hours, the server's two dates are off by the same. Negative, empty and unreadable values are no hint.
pub fn retry_after(answer: &Answer, wall: u64) -> Option<Millis> {
    if let Some(wait) = answer.header("retry-after-ms").and_then(|text| scaled(text, 1)) {
        return Some(wait);
    }
    let text = answer.header("retry-after")?;
    scaled(text, 1_000).or_else(|| {
        let at = parse_http_date(text)?;
        let sent = answer.header("date").and_then(parse_http_date).unwrap_or(wall);
        Some(at.saturating_sub(sent).min(LONGEST))
    })
}

/// A decimal number times `unit`, rounded up; without the float parser of `std`.
fn scaled(text: &str, unit: u64) -> Option<Millis> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.len() <= 15 && part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut wait = text::whole(whole)?.saturating_mul(unit);
    let mut place = unit;
    let mut rest = false;
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        place /= 10;
        rest |= place == 0 && digit > 0;
        wait = wait.saturating_add(digit * place);
    }
    Some(wait.saturating_add(u64::from(rest)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Body;

    fn hint(headers: &[(&'static str, &str)]) -> Option<Millis> {
        let headers = headers.iter().map(|(name, value)| (*name, String::from(*value))).collect();
        retry_after(&Answer { status: 429, headers, body: Body::Empty }, 784_111_777_000)
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(hint(&[("retry-after", "2")]), Some(2_000));
        assert_eq!(hint(&[("retry-after", "1.5")]), Some(1_500));
        assert_eq!(hint(&[("retry-after", "0.0001")]), Some(1));
        assert_eq!(hint(&[("retry-after", "0.03")]), Some(30));
        assert_eq!(hint(&[("retry-after", "2.0000")]), Some(2_000));
        assert_eq!(hint(&[("retry-after-ms", "50.2"), ("retry-after", "5")]), Some(51));
        assert_eq!(hint(&[("retry-after", "120")]), Some(120_000));
        assert_eq!(hint(&[("retry-after", "0")]), Some(0));
    }

    #[test]
    fn a_date_is_read_against_the_servers_own() {
        let at = ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT");
        assert_eq!(hint(&[at]), Some(10_000), "against the local clock where the server sent no date");
        assert_eq!(hint(&[at, ("date", "Sun, 06 Nov 1994 08:49:17 GMT")]), Some(30_000));
        assert_eq!(hint(&[at, ("date", "Sun, 06 Nov 1994 09:49:17 GMT")]), Some(0));
    }

    #[test]
    fn nonsense_is_no_hint() {
        for text in ["", "-1", "soon", "NaN", "1e9", "1.2.3", "Infinity", "9999999999999999999"] {
            assert_eq!(hint(&[("retry-after", text)]), None, "{text}");
        }
        assert_eq!(hint(&[("retry-after", "999999999999999")]), Some(LONGEST));
        assert_eq!(hint(&[]), None);
    }
}
