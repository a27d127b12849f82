//! Answers that no client should trust: what proxies, bugs and attackers make of a good one.

use crate::config::Config;
use crate::message::Response;
use crate::random::{Stream, unit};

const HTML: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";

/// The path that redirects lead to unless another target is set; whoever asks it with credentials has leaked them.
pub(crate) const STOLEN_PATH: &str = "/stolen";

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hostile {
    Truncated,
    Html502,
    Huge,
    Deep,
    Redirect,
    WrongContentType,
}

impl Hostile {
    /// The fault of the answer with this index, if any; the probabilities exclude one another.
    pub fn draw(config: &Config, index: u64) -> Option<Hostile> {
        let mut left = unit(config.seed, Stream::Hostile, index);
        let table = [
            (config.truncated_json, Hostile::Truncated),
            (config.html_502, Hostile::Html502),
            (config.huge_body, Hostile::Huge),
            (config.deep_json, Hostile::Deep),
            (config.redirect, Hostile::Redirect),
            (config.wrong_content_type, Hostile::WrongContentType),
        ];
        table.into_iter().find_map(|(share, fault)| {
            left -= share;
            (left < 0.0).then_some(fault)
        })
    }

    /// The answer in place of a good one.
    pub fn mangle(self, config: &Config, mut answer: Response) -> Response {
        match self {
            Hostile::Truncated => {
                let half = answer.body.len() / 2;
                answer.body.truncate(half);
                answer
            }
            Hostile::Html502 => Response::new(502, "text/html", HTML),
            Hostile::Huge => {
                let size = config.huge_body_bytes as usize;
                let mut body = br#"{"code":200,"message":""#.to_vec();
                body.resize(size.saturating_sub(2).max(body.len()), b'x');
                body.extend_from_slice(b"\"}");
                Response::new(200, "application/json", body)
            }
            Hostile::Deep => {
                let depth = config.deep_json_depth as usize;
                Response::new(200, "application/json", format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
            }
            Hostile::Redirect => {
                let mut answer = Response::new(307, "text/plain", "");
                answer.set_header("location", target(config));
                answer
            }
            Hostile::WrongContentType => Response::new(200, "text/html", HTML.replace("502 Bad Gateway", "Welcome")),
        }
    }
}

/// Where a redirect points: another origin even when it is this very server under another name.
fn target(config: &Config) -> String {
    if !config.redirect_to.is_empty() {
        config.redirect_to.clone()
    } else if config.base_url.contains("//127.0.0.1") {
        let elsewhere = config.base_url.replacen("//127.0.0.1", "//localhost", 1);
        format!("{}{STOLEN_PATH}", elsewhere.trim_end_matches('/'))
    } else {
        format!("https://elsewhere.invalid{STOLEN_PATH}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_exclude_one_another_and_follow_their_shares() {
        let config = Config { truncated_json: 0.25, redirect: 0.5, ..Config::default() };
        let drawn: Vec<_> = (0..4000).map(|index| Hostile::draw(&config, index)).collect();
        let count = |fault| drawn.iter().filter(|&&drawn| drawn == fault).count();
        assert!((900..1100).contains(&count(Some(Hostile::Truncated))));
        assert!((1900..2100).contains(&count(Some(Hostile::Redirect))));
        assert_eq!(count(Some(Hostile::Huge)), 0);
        assert_eq!(Hostile::draw(&Config::default(), 0), None);
    }

    #[test]
    fn each_fault_is_what_it_says() {
        let config = Config { huge_body_bytes: 1000, deep_json_depth: 3, ..Config::default() };
        let good = || Response::new(200, "application/json", "{\"a\":1}");
        let mangled = |fault: Hostile| fault.mangle(&config, good());
        assert_eq!(mangled(Hostile::Truncated).body, b"{\"a");
        assert_eq!(mangled(Hostile::Html502).status, 502);
        assert_eq!(mangled(Hostile::Huge).body.len(), 1000);
        assert_eq!(mangled(Hostile::Deep).body, b"[[[]]]");
        assert_eq!(mangled(Hostile::Redirect).header("location"), Some("http://localhost:8787/stolen"));
        assert_eq!(mangled(Hostile::WrongContentType).header("content-type"), Some("text/html"));
    }
}
