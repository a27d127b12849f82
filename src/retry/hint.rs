//! What a server says about when to come back.

use crate::http::{Answer, RATE_HEADERS};
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

/// The wait that a refusal asks for: by [`retry_after`], else by its words ("try again in 12s"), else until the limits that it says are used up come back.
pub fn refusal_hint(answer: &Answer, message: &str, wall: u64) -> Option<Millis> {
    retry_after(answer, wall).or_else(|| in_words(message)).or_else(|| {
        let used_up =
            RATE_HEADERS.iter().filter_map(|names| rate(answer, names, wall)).filter(|rate| rate.remaining == 0);
        used_up.map(|rate| rate.reset).filter(|reset| *reset > 0).max()
    })
}

const TRY_AGAIN: &[u8] = b"try again in ";

fn in_words(message: &str) -> Option<Millis> {
    let found =
        message.as_bytes().windows(TRY_AGAIN.len()).position(|window| window.eq_ignore_ascii_case(TRY_AGAIN))?;
    let rest = message.as_bytes().get(found + TRY_AGAIN.len()..)?;
    // It ends with a blank, or with the sentence.
    let plain = |place: usize, byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte == b'.' && rest.get(place + 1).is_some_and(u8::is_ascii_digit)
    };
    let length = rest.iter().enumerate().take_while(|(place, byte)| plain(*place, byte)).count();
    duration(rest.get(..length)?)
}

/// How full a limit is, as an answer's headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So much is allowed.
    pub limit: u32,
    /// So much of it is left.
    pub remaining: u32,
    /// When all of it is back, ms.
    pub reset: Millis,
}

/// The limit of which the least is left, of those that an answer's headers tell of.
pub fn tightest_rate(answer: &Answer, wall: u64) -> Option<Rate> {
    let rates = RATE_HEADERS.iter().filter_map(|names| rate(answer, names, wall));
    rates.min_by_key(|rate| u64::from(rate.remaining) * 1_000_000 / u64::from(rate.limit.max(1)))
}

fn rate(answer: &Answer, [limit, remaining, reset]: &[&str; 3], wall: u64) -> Option<Rate> {
    let number = |name: &str| answer.header(name).and_then(|text| text::whole(text.trim()));
    let remaining = number(remaining)?.min(u64::from(u32::MAX)) as u32;
    let limit = number(limit)?.min(u64::from(u32::MAX)) as u32;
    Some(Rate { limit, remaining, reset: answer.header(reset).and_then(|text| until(text.trim(), wall)).unwrap_or(0) })
}

/// A reset is a Go-style duration (OpenAI), seconds, or seconds since the epoch (HiAPI): a number that large is a date.
fn until(text: &str, wall: u64) -> Option<Millis> {
    match text::whole(text) {
        Some(at) if at > 1_000_000_000 => Some(at.saturating_mul(1_000).saturating_sub(wall).min(LONGEST)),
        Some(seconds) => Some(seconds.saturating_mul(1_000).min(LONGEST)),
        None => duration(text.as_bytes()),
    }
}

/// A Go-style duration: `6m0s`, `1.5s`, `120ms`.
fn duration(text: &[u8]) -> Option<Millis> {
    let mut total: Millis = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.iter().position(|byte| byte.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.iter().position(u8::is_ascii_digit).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(letters)?;
        let unit = match unit {
            b"ms" => 1,
            b"s" => 1_000,
            b"m" => 60_000,
            b"h" => 3_600_000,
            _ => return None,
        };
        total = total.saturating_add(scaled(core::str::from_utf8(number).ok()?, unit)?);
        rest = next;
    }
    (!text.is_empty()).then_some(total.min(LONGEST))
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

    fn refusal(headers: &[(&'static str, &str)], message: &str) -> Option<Millis> {
        let headers = headers.iter().map(|(name, value)| (*name, String::from(*value))).collect();
        refusal_hint(&Answer { status: 429, headers, body: Body::Empty }, message, 1_795_000_000_000)
    }

    #[test]
    fn a_refusals_words_are_a_hint_where_its_headers_are_none() {
        let words = "Rate limit reached on input-images per min: Limit 5. Please try again in 12s.";
        assert_eq!(refusal(&[], words), Some(12_000));
        assert_eq!(refusal(&[("retry-after", "3")], words), Some(3_000));
        assert_eq!(refusal(&[], "Please try again in 467ms. Visit us."), Some(467));
        assert_eq!(refusal(&[], "please Try again in 6m0.5s"), Some(360_500));
        for words in [
            "",
            "try again in ",
            "try again in a minute",
            "try again in 5",
            "try again in -5s",
            "try again in 5d",
            "...",
        ] {
            assert_eq!(refusal(&[], words), None, "{words}");
        }
    }

    #[test]
    fn a_limit_that_is_used_up_is_a_hint() {
        let images = |remaining: &'static str, reset: &'static str| {
            [
                ("x-ratelimit-limit-input-images", "5"),
                ("x-ratelimit-remaining-input-images", remaining),
                ("x-ratelimit-reset-input-images", reset),
            ]
        };
        assert_eq!(refusal(&images("0", "12s"), ""), Some(12_000));
        assert_eq!(refusal(&images("0", "1m30s"), ""), Some(90_000));
        assert_eq!(refusal(&images("0", "1795000030"), ""), Some(30_000), "a date, as HiAPI gives it");
        assert_eq!(refusal(&images("1", "12s"), ""), None, "there is room: it was another limit");
        assert_eq!(refusal(&images("0", "soon"), ""), None);
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
