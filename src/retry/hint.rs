//! What a server says about when to come back.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::fields::{cut, next_told};
use crate::http::{Answer, RATE_HEADERS, WAIT_HEADERS};
use crate::json::Json;
use crate::text;
use crate::time::{Millis, parse_http_date};

/// A hint over a day is not a wait; it is kept as a day so that sums stay small.
const LONGEST: Millis = 86_400_000;

/// The wait that an answer asks for, in ms from its arrival; `None` if it asks for none.
///
/// `retry-after-ms`, then `Retry-After` (RFC 9110 §10.2.3: seconds or an HTTP-date) as servers write it: with fractions, with units, as an instant
/// since the epoch in seconds or ms, or several times. Of several the longest counts, for the shorter ones are those of other limits. Instants are
/// read against the answer's own `Date`: the local clock may be wrong by hours, the server's two dates are off by the same. Negative, empty and
/// unreadable values are no hint. Without any such header a field of the body counts.
pub fn retry_after(answer: &Answer, wall: u64) -> Option<Millis> {
    let ms = answer.header("retry-after-ms").and_then(|text| longest(answer, text, 1, wall));
    let seconds = || answer.header("retry-after").and_then(|text| longest(answer, text, 1_000, wall));
    let others = || {
        let told = WAIT_HEADERS.into_iter().filter_map(|name| answer.header(name));
        told.filter_map(|text| longest(answer, text, 1_000, wall)).max()
    };
    ms.or_else(seconds).or_else(others).or_else(|| in_body(answer, wall))
}

/// The longest wait of a header's values.
fn longest(answer: &Answer, text: &str, unit: u64, wall: u64) -> Option<Millis> {
    if let Some(date) = parse_http_date(text.trim()) {
        return until(answer, date, wall);
    }
    text.split(',').filter_map(|value| wait(answer, value, unit, wall)).max()
}

/// A wait: a duration, a number of units, or an instant.
fn wait(answer: &Answer, text: &str, unit: u64, wall: u64) -> Option<Millis> {
    let text = text.trim().trim_matches('"');
    if let Some(length) = duration(text.as_bytes()) {
        return Some(length);
    }
    if let Some((number, name)) = text.split_once(' ') {
        return scaled(number, length(name.trim().as_bytes())?);
    }
    match instant(text) {
        Some(at) => until(answer, at, wall).filter(|wait| *wait > 0),
        None => scaled(text, unit),
    }
}

/// An instant in seconds or ms since the epoch, in ms: numbers that large are no durations.
fn instant(text: &str) -> Option<u64> {
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    match text::whole(whole).filter(|_| whole.len() <= 15)? {
        ms if ms > 1_000_000_000_000 => Some(ms),
        seconds if seconds > 1_000_000_000 => Some(seconds.saturating_mul(1_000)),
        _ => None,
    }
}

/// How long it is until then by the server's own clock, where that is told.
fn until(answer: &Answer, at: u64, wall: u64) -> Option<Millis> {
    let now = answer.header("date").and_then(parse_http_date).unwrap_or(wall);
    Some(at.saturating_sub(now).min(LONGEST))
}

/// The wait that a refusal asks for: by [`retry_after`], else by its words ("try again in 12s"), else until the limits
/// that it says are used up come back.
pub fn refusal_hint(answer: &Answer, message: &str, wall: u64) -> Option<Millis> {
    retry_after(answer, wall).or_else(|| in_words(message)).or_else(|| {
        let mut latest = None;
        for Limit { limit, remaining, reset } in limits(answer, wall) {
            // One that tells its reset and no more is the one that refused; one that allows nothing ever is none.
            if remaining.unwrap_or(0) == 0 && limit != Some(0) && reset > 0 {
                latest = latest.max(Some(reset));
            }
        }
        latest
    })
}

/// Whether a refusal says that the limit itself is 0, by its headers or by its words ("limit: 0"): no wait brings more.
pub fn allows_nothing(answer: &Answer, words: &str) -> bool {
    let told = limits(answer, 0);
    let is_nothing = |limit: &Limit| limit.limit == Some(0) && limit.remaining.unwrap_or(0) == 0;
    let is_used_up = |limit: &Limit| limit.limit.is_none_or(|limit| limit > 0) && limit.remaining == Some(0);
    told.iter().any(is_nothing) && !told.iter().any(is_used_up) || says_limit_of_nothing(words)
}

/// "limit: 0", and no "limit: 0.5" or "limit: 05".
fn says_limit_of_nothing(words: &str) -> bool {
    const PHRASES: [&[u8]; 4] = [b"limit: 0", b"limit 0", b"limit=0", b"limit of 0"];
    PHRASES.into_iter().any(|phrase| {
        let places = words.as_bytes().windows(phrase.len()).enumerate();
        let mut found = places.filter(|(_, window)| window.eq_ignore_ascii_case(phrase)).map(|(place, _)| place);
        found.any(|place| {
            let mut next = words.as_bytes().get(place + phrase.len()..).unwrap_or_default().iter();
            match next.next() {
                Some(b'.') => next.next().is_none_or(|after| !after.is_ascii_digit()),
                Some(byte) => !byte.is_ascii_digit(),
                None => true,
            }
        })
    })
}

/// Where bodies have a wait: in seconds, as a number or as text with a unit (google.rpc.RetryInfo: `"retryDelay": "30s"`).
const IN_BODY: &str = "retry_after retryAfter retry_after_seconds error.retry_after error.retryAfter error.retry_after_seconds detail.retry_after";

fn in_body(answer: &Answer, wall: u64) -> Option<Millis> {
    let json = answer.body.json()?;
    let of = |json: &Json| match json {
        Json::Text(text) => wait(answer, text, 1_000, wall),
        Json::Number(number) if *number > 0.0 && *number < 1e9 => Some(((*number * 1e3) as u64).min(LONGEST)),
        _ => None,
    };
    let details = json.at("error.details").map_or(&[][..], Json::list);
    let delay = details.iter().find_map(|detail| of(detail.get("retryDelay")?));
    delay.or_else(|| json.all(IN_BODY).find_map(of))
}

const COME_BACK: [&[u8]; 9] = [
    b"try again in ",
    b"try again after ",
    b"retry in ",
    b"retry after ",
    b"reset after ",
    b"resets in ",
    b"reset in ",
    b"available in ",
    b"please wait ",
];

fn in_words(message: &str) -> Option<Millis> {
    COME_BACK.into_iter().find_map(|phrase| {
        let mut places = message.as_bytes().windows(phrase.len());
        let found = places.position(|window| window.eq_ignore_ascii_case(phrase))?;
        let after = message.as_bytes().get(found + phrase.len()..)?;
        let (figure, rest) = word(after.strip_prefix(b"~").unwrap_or(after));
        duration(figure).or_else(|| {
            let (unit, _) = word(rest.strip_prefix(b" ")?);
            scaled(core::str::from_utf8(figure).ok()?, length(unit)?)
        })
    })
}

/// A word or a figure, which ends with a blank or with the sentence, and what follows.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let plain = |place: usize, byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte == b'.' && text.get(place + 1).is_some_and(u8::is_ascii_digit)
    };
    let length = text.iter().enumerate().take_while(|(place, byte)| plain(*place, byte)).count();
    text.split_at_checked(length).unwrap_or_default()
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

/// The limit of which the least is left, of those that an answer's headers tell of; of several that are used up, the last to come back.
pub fn tightest_rate(answer: &Answer, wall: u64) -> Option<Rate> {
    let mut tightest = None;
    for told in limits(answer, wall) {
        // What allows nothing at all and let this through is no limit.
        let (Some(limit @ 1..), Some(remaining), reset) = (told.limit, told.remaining, told.reset) else { continue };
        let rank = (u64::from(remaining) * 1_000_000 / u64::from(limit), Reverse(reset));
        if tightest.is_none_or(|(known, _)| rank < known) {
            tightest = Some((rank, Rate { limit, remaining, reset }));
        }
    }
    tightest.map(|(_, rate)| rate)
}

/// What headers tell of a limit: as of [`Rate`], a reset of 0 is none.
struct Limit {
    limit: Option<u32>,
    remaining: Option<u32>,
    reset: Millis,
}

/// What an answer's headers tell of each limit.
fn limits(answer: &Answer, wall: u64) -> Vec<Limit> {
    let header = |name| answer.header(name).unwrap_or_default();
    let mut names = RATE_HEADERS.iter();
    let (mut field, policy) = (header("ratelimit"), header("ratelimit-policy"));
    let mut limits = Vec::new();
    loop {
        let told = next_told(&mut field, policy).or_else(|| {
            let [limit, remaining, reset] = names.next()?;
            Some([header(limit), header(remaining), header(reset)])
        });
        let Some([limit, remaining, reset]) = told else { return limits };
        let is_unlimited = |text: &str| text.trim_start().starts_with('-');
        if is_unlimited(limit)
            || is_unlimited(remaining)
            || limit.is_empty() && remaining.is_empty() && reset.is_empty()
        {
            // As with nearly all of them in every answer: to look for numbers in nothing was a sixteenth of a task's work.
            continue;
        }
        let reset = self::reset(answer, reset, wall).unwrap_or(0);
        limits.push(Limit { limit: number(limit), remaining: number(remaining), reset });
    }
}

/// A count. Some servers say after it what it is made of: `100, 100;w=60`.
fn number(text: &str) -> Option<u32> {
    let (text, _) = cut(text);
    Some(text::whole(text)?.min(u64::from(u32::MAX)) as u32)
}

/// A reset is a duration (OpenAI: `6m0s`), seconds, or an instant: a date in words, or since the epoch in seconds (HiAPI) or ms.
fn reset(answer: &Answer, text: &str, wall: u64) -> Option<Millis> {
    let text = text.trim();
    match parse_http_date(text) {
        Some(date) => until(answer, date, wall),
        None => wait(answer, text, 1_000, wall),
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
        total = total.saturating_add(scaled(core::str::from_utf8(number).ok()?, length(unit)?)?);
        rest = next;
    }
    (!text.is_empty()).then_some(total.min(LONGEST))
}

/// How long a unit is, ms.
fn length(unit: &[u8]) -> Option<u64> {
    Some(match unit {
        b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ if unit.starts_with(b"milli") => 1,
        _ if unit.starts_with(b"sec") => 1_000,
        _ if unit.starts_with(b"min") => 60_000,
        _ if unit.starts_with(b"hour") => 3_600_000,
        _ => return None,
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
    fn words_may_name_their_unit_in_full() {
        assert_eq!(refusal(&[], "Rate limit is exceeded. Try again in 7 seconds."), Some(7_000));
        assert_eq!(refusal(&[], "Please retry after 1 minute."), Some(60_000));
        assert_eq!(refusal(&[], "Retry in 2.5s"), Some(2_500));
        assert_eq!(refusal(&[], "try again in 5 moments"), None);
        assert_eq!(refusal(&[], "try again in 5 "), None);
    }

    #[test]
    fn a_reset_is_read_whatever_its_form() {
        let reset = |value: &str, more: &[(&'static str, &str)]| {
            let told = [("x-ratelimit-remaining", "0"), ("x-ratelimit-limit", "5"), ("x-ratelimit-reset", value)];
            refusal(&[&told[..], more].concat(), "")
        };
        assert_eq!(reset("6m0s", &[]), Some(360_000));
        assert_eq!(reset("1ms", &[]), Some(1));
        assert_eq!(reset("12.5", &[]), Some(12_500));
        assert_eq!(reset("1795000030000", &[]), Some(30_000), "a date in ms");
        assert_eq!(reset("1795000030.5", &[]), Some(30_000));
        assert_eq!(reset("Wed, 18 Nov 2026 11:07:10 GMT", &[]), Some(30_000));
        for value in ["0s", "0", "-1", "", "1794999999", "2026-11-21T00:00:00Z"] {
            assert_eq!(reset(value, &[]), None, "{value}");
        }
        // 1,795,000,000 is 11:06:40 by the server, an hour before the clock here.
        let date = ("date", "Wed, 18 Nov 2026 10:06:40 GMT");
        assert_eq!(reset("1795000030", &[date]), Some(3_630_000), "a date by the server's own clock");
    }

    #[test]
    fn a_refusal_that_tells_its_reset_and_no_more_means_that_one() {
        assert_eq!(refusal(&[("x-ratelimit-reset-requests", "20s")], ""), Some(20_000));
        assert_eq!(refusal(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "20")], ""), Some(20_000));
        let none = [("x-ratelimit-limit", "0"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "6h")];
        assert_eq!(refusal(&none, ""), None, "what allows nothing ever is no limit");
    }

    #[test]
    fn the_drafts_fields_are_read() {
        let older = [
            ("ratelimit-limit", "100, 100;w=60"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "20"),
            ("ratelimit-policy", "100;w=60"),
        ];
        let seventh = [("ratelimit", "limit=100, remaining=0, reset=20"), ("ratelimit-policy", "100;w=60")];
        let since =
            [("ratelimit", "\"a\";r=9;t=5, \"b\";r=0;t=20"), ("ratelimit-policy", "\"a\";q=10, \"b\";q=100;w=60")];
        for told in [&older[..], &seventh[..], &since[..]] {
            assert_eq!(refusal(told, ""), Some(20_000), "{told:?}");
            let headers = told.iter().map(|(name, value)| (*name, String::from(*value))).collect();
            let rate = tightest_rate(&Answer { status: 200, headers, body: Body::Empty }, 0);
            assert_eq!(rate, Some(Rate { limit: 100, remaining: 0, reset: 20_000 }), "{told:?}");
        }
    }

    #[test]
    fn the_tightest_limit_is_the_last_to_come_back() {
        let tightest = |told: &[(&'static str, &str)]| {
            let headers = told.iter().map(|(name, value)| (*name, String::from(*value))).collect();
            tightest_rate(&Answer { status: 200, headers, body: Body::Empty }, 0)
        };
        let requests = [
            ("x-ratelimit-limit-requests", "5"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
        ];
        let images = [
            ("x-ratelimit-limit-input-images", "5"),
            ("x-ratelimit-remaining-input-images", "0"),
            ("x-ratelimit-reset-input-images", "12s"),
        ];
        let both = tightest(&[requests, images].concat());
        assert_eq!(both, Some(Rate { limit: 5, remaining: 0, reset: 12_000 }));
        let tokens = [("x-ratelimit-limit-tokens", "0"), ("x-ratelimit-remaining-tokens", "0")];
        assert_eq!(tightest(&tokens), None, "a limit of nothing let this through");
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
