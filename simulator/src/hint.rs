//! What a 429 says about when to come back.

use serde::{Deserialize, Serialize};

use crate::clock::http_date;
use crate::config::Config;
use crate::message::Response;

/// In which form a refusal says when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintMode {
    /// Not at all.
    #[default]
    None,
    /// `Retry-After` in whole seconds, rounded up.
    Seconds,
    /// `Retry-After` with three decimals.
    Fractional,
    /// `Retry-After` as a date on the provider's own clock, rounded up.
    HttpDate,
    /// `Retry-After-Ms`.
    Milliseconds,
    /// `Retry-After` with the setting `hint_lie`, whatever is true.
    Lying,
}

/// Adds the hint that a wait of `wait_ms` deserves; `wall_ms` is the provider's clock.
pub(crate) fn add(response: &mut Response, config: &Config, wait_ms: u64, wall_ms: u64) {
    let value = match config.hint {
        HintMode::None => return,
        HintMode::Seconds => wait_ms.div_ceil(1000).to_string(),
        HintMode::Fractional => format!("{}.{:03}", wait_ms / 1000, wait_ms % 1000),
        // The client measures against the Date header, which is cut to the second: round up from there.
        HintMode::HttpDate => http_date((wall_ms + wait_ms).div_ceil(1000) * 1000),
        HintMode::Milliseconds => return response.set_header("retry-after-ms", wait_ms.to_string()),
        HintMode::Lying => config.hint_lie.clone(),
    };
    response.set_header("retry-after", value);
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
        assert_eq!(hint(HintMode::Lying).header("Retry-After"), Some("-1"));
    }
}
