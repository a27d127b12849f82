//! What a 429 says about when to come back.

use crate::choices::HintMode;
use crate::clock::http_date;
use crate::config::Config;
use crate::message::Response;

/// Adds the hint that a wait of `wait_ms` deserves; `wall_ms` is the provider's clock.
pub(crate) fn add(response: &mut Response, config: &Config, wait_ms: u64, wall_ms: u64) {
    let value = match config.hint {
        HintMode::None | HintMode::Message => return,
        HintMode::Every => {
            response.set_header("retry-after-ms", wait_ms.to_string());
            wait_ms.div_ceil(1000).to_string()
        }
        HintMode::Seconds => wait_ms.div_ceil(1000).to_string(),
        HintMode::Fractional => format!("{}.{:03}", wait_ms / 1000, wait_ms % 1000),
        // The client measures against the Date header, which is cut to the second: round up from there.
        HintMode::HttpDate => http_date((wall_ms + wait_ms).div_ceil(1000) * 1000),
        HintMode::Milliseconds => return response.set_header("retry-after-ms", wait_ms.to_string()),
        HintMode::Lying => config.hint_lie.clone(),
    };
    response.set_header("retry-after", value);
}

/// The hint in words, where the mode has any.
pub(crate) fn words(config: &Config, wait_ms: u64) -> Option<String> {
    let speaks = matches!(config.hint, HintMode::Message | HintMode::Every);
    speaks.then(|| format!("Please try again in {}.", duration(wait_ms)))
}

/// A duration as Go and OpenAI write it: `467ms`, `1.5s`, `6m0s`, `1h0m0s`.
pub(crate) fn duration(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, rest) = (ms / 1000 % 60, format!("{:03}", ms % 1000));
    let fraction = rest.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let seconds = format!("{seconds}{point}{fraction}s");
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(mode: HintMode) -> Response {
        let mut response = Response::default();
        let config = Config { hint: mode, hint_lie: "-1".to_owned(), ..Config::default() };
        add(&mut response, &config, 1500, 784_111_777_600);
        response
    }

    #[test]
    fn each_mode_has_its_form() {
        assert_eq!(hint(HintMode::None).headers, []);
        assert_eq!(hint(HintMode::Seconds).header("Retry-After"), Some("2"));
        assert_eq!(hint(HintMode::Fractional).header("Retry-After"), Some("1.500"));
        assert_eq!(hint(HintMode::HttpDate).header("Retry-After"), Some("Sun, 06 Nov 1994 08:49:40 GMT"));
        assert_eq!(hint(HintMode::Milliseconds).header("Retry-After-Ms"), Some("1500"));
        assert_eq!(hint(HintMode::Message).headers, []);
        let every = hint(HintMode::Every);
        assert_eq!((every.header("Retry-After"), every.header("Retry-After-Ms")), (Some("2"), Some("1500")));
        assert_eq!(hint(HintMode::Lying).header("Retry-After"), Some("-1"));
    }
    #[test]
    fn words_and_durations_are_those_of_go() {
        let table =
            [(0, "0s"), (467, "467ms"), (1000, "1s"), (8640, "8.64s"), (360_000, "6m0s"), (3_600_001, "1h0m0.001s")];
        for (ms, text) in table {
            assert_eq!(duration(ms), text);
        }
        let config = Config { hint: HintMode::Message, ..Config::default() };
        assert_eq!(words(&config, 12_000).as_deref(), Some("Please try again in 12s."));
        assert_eq!(words(&Config::default(), 12_000), None);
    }
}
