//! What content delivery networks and load balancers say in the provider's place, and whether they asked it.
//!
//! Statuses and headers: Cloudflare's support pages "Cloudflare 5xx errors" and "Cloudflare 1xxx errors" and the page on `cf-mitigated` ("Detect a
//! challenge page response"), AWS's "Troubleshoot your Application Load Balancers" (460), nginx's `ngx_http_special_response.c` (499 and the pages).

use crate::choices::HostileOn;
use crate::clock::http_date;
use crate::config::Config;
use crate::message::Response;

use super::draws::{Draw, Draws};
use super::forms::pick;

/// An answer that does not come from the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Cloudflare's 521, 522, 523 or 530: it could not reach the origin.
    Unreached,
    /// Cloudflare's 403 with a challenge for a browser.
    Challenge,
    /// Cloudflare's 429 for error 1015.
    RateLimited,
    /// A load balancer's 503: it has nobody to ask.
    Unavailable,
    /// Cloudflare's 520: the origin's answer was empty or no HTTP.
    UnknownError,
    /// Cloudflare's 524: the origin took too long.
    TimedOut,
    /// A load balancer's 502: the origin hung up.
    BadGateway,
    /// A load balancer's 504: the origin took too long.
    GatewayTimeout,
    /// An application load balancer's 460, which a relay hands on: its client had left.
    ClientLeft,
    /// 499, which nginx writes down and some hand on: the client had left.
    ClientClosed,
    /// A relay's own 500: it lost the provider's answer.
    RelayFailed,
}

impl Page {
    /// What strikes a request in the provider's place, if anything; the probabilities exclude one another.
    pub fn draw(config: &Config, draws: Draws, is_submit: bool) -> Option<Page> {
        let struck = match config.cdn_on {
            HostileOn::Both => true,
            HostileOn::Submits => is_submit,
            HostileOn::Polls => !is_submit,
        };
        let mut left = draws.unit(Draw::Page);
        let table = [
            (config.cdn_unreached, Page::Unreached),
            (config.cdn_challenge, Page::Challenge),
            (config.cdn_1015, Page::RateLimited),
            (config.cdn_520, Page::UnknownError),
            (config.cdn_524, Page::TimedOut),
            (config.gateway_502, Page::BadGateway),
            (config.gateway_503, Page::Unavailable),
            (config.gateway_504, Page::GatewayTimeout),
            (config.gateway_460, Page::ClientLeft),
            (config.gateway_499, Page::ClientClosed),
        ];
        let drawn = table.into_iter().find_map(|(share, page)| {
            left -= share;
            (left < 0.0).then_some(page)
        });
        // A relay fails at what it relays: submits.
        let relay = (is_submit && draws.strikes(Draw::Failure, config.relay_failure)).then_some(Page::RelayFailed);
        drawn.filter(|_| struck).or(relay)
    }

    /// Whether the provider was asked: then it has done its work, and charges for it.
    pub fn asks_the_provider(self) -> bool {
        !matches!(self, Page::Unreached | Page::Challenge | Page::RateLimited | Page::Unavailable)
    }

    /// The answer, at this time of the wall's clock.
    pub fn response(self, draws: Draws, wall_ms: u64) -> Response {
        let draw = draws.bits(Draw::PageForm);
        let mut response = match self {
            Page::Unreached => {
                let codes = [
                    (521, "521", "Web server is down"),
                    (522, "522", "Connection timed out"),
                    (523, "523", "Origin is unreachable"),
                    (530, "1033", "Cloudflare Tunnel error"),
                ];
                let (status, code, words) = pick(&codes, draw);
                cloudflare(status, code, words, draws)
            }
            Page::UnknownError => cloudflare(520, "520", "Web server is returning an unknown error", draws),
            Page::TimedOut => cloudflare(524, "524", "A timeout occurred", draws),
            Page::Challenge => {
                let html = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title><meta name=\"robots\" content=\"noindex,nofollow\"></head><body><noscript>Enable JavaScript and cookies to continue</noscript><script>window._cf_chl_opt={cvId:'3'};</script></body></html>";
                let mut response = with_ray(Response::new(403, "text/html; charset=UTF-8", html), draws);
                response.set_header("cf-mitigated", "challenge");
                response
            }
            Page::RateLimited => {
                let mut response = cloudflare(429, "1015", "You are being rate limited", draws);
                if draw & 1 == 0 {
                    response.set_header("retry-after", "10");
                }
                response
            }
            Page::BadGateway => gateway(502, "502 Bad Gateway", draw),
            Page::Unavailable => gateway(503, "503 Service Temporarily Unavailable", draw),
            Page::GatewayTimeout => gateway(504, "504 Gateway Time-out", draw),
            Page::ClientLeft => empty(460, "awselb/2.0"),
            Page::ClientClosed => empty(499, "nginx"),
            Page::RelayFailed => {
                let error = serde_json::json!({"message": "stream error: upstream closed the connection", "type": "server_error", "param": "", "code": "internal_server_error"});
                Response::json(500, &serde_json::json!({"error": error}))
            }
        };
        response.set_header("date", http_date(wall_ms));
        // As a page's own proxy would hand it on; a page that asks a provider itself sees a network error instead.
        response.set_header("access-control-allow-origin", "*");
        response.set_header("access-control-expose-headers", "*");
        response
    }
}

/// Cloudflare's page, or the line of text that it sends to clients that do not ask for a page.
fn cloudflare(status: u16, code: &str, words: &str, draws: Draws) -> Response {
    let response = if draws.bits(Draw::PageBody) & 1 == 0 {
        let html = format!(
            "<!DOCTYPE html>\n<html class=\"no-js\" lang=\"en-US\">\n<head>\n<title>api.example.com | {code}: {words}</title>\n</head>\n<body>\n<div id=\"cf-wrapper\"><h1><span>{words}</span><span class=\"code-label\">Error code {code}</span></h1></div>\n</body>\n</html>\n"
        );
        Response::new(status, "text/html; charset=UTF-8", html)
    } else {
        Response::new(status, "text/plain; charset=UTF-8", format!("error code: {code}"))
    };
    with_ray(response, draws)
}

fn with_ray(mut response: Response, draws: Draws) -> Response {
    response.set_header("server", "cloudflare");
    response.set_header("cf-ray", format!("{:016x}-FRA", draws.bits(Draw::Ray)));
    response
}

/// The page of nginx, or of AWS's load balancer, which copies it.
fn gateway(status: u16, title: &str, draw: u64) -> Response {
    let (server, foot) = pick(&[("nginx", "<hr><center>nginx</center>\r\n"), ("awselb/2.0", "")], draw);
    let html = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n{foot}</body>\r\n</html>\r\n"
    );
    let mut response = Response::new(status, "text/html", html);
    response.set_header("server", server);
    response
}

fn empty(status: u16, server: &str) -> Response {
    let mut response = Response { status, ..Response::default() };
    response.set_header("server", server);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Page; 11] = [
        Page::Unreached,
        Page::Challenge,
        Page::RateLimited,
        Page::Unavailable,
        Page::UnknownError,
        Page::TimedOut,
        Page::BadGateway,
        Page::GatewayTimeout,
        Page::ClientLeft,
        Page::ClientClosed,
        Page::RelayFailed,
    ];

    #[test]
    fn pages_exclude_one_another_and_follow_their_shares() {
        let config = Config { cdn_524: 0.25, cdn_challenge: 0.5, ..Config::default() };
        let drawn: Vec<_> = (0..4000).map(|index| Page::draw(&config, Draws { seed: 1, index }, false)).collect();
        let count = |page| drawn.iter().filter(|&&drawn| drawn == page).count();
        assert!((900..1100).contains(&count(Some(Page::TimedOut))));
        assert!((1900..2100).contains(&count(Some(Page::Challenge))));
        assert_eq!(Page::draw(&Config::default(), Draws { seed: 1, index: 0 }, true), None);
        let submits = Config { cdn_on: HostileOn::Submits, cdn_520: 1.0, ..Config::default() };
        assert_eq!(Page::draw(&submits, Draws { seed: 1, index: 0 }, true), Some(Page::UnknownError));
        assert_eq!(Page::draw(&submits, Draws { seed: 1, index: 0 }, false), None);
    }

    #[test]
    fn each_page_is_marked_as_its_sender_marks_it() {
        for page in ALL {
            for index in 0..16 {
                let response = page.response(Draws { seed: 1, index }, 0);
                let cloudflare =
                    [Page::Unreached, Page::Challenge, Page::RateLimited, Page::UnknownError, Page::TimedOut];
                let marked = response.header("server") == Some("cloudflare")
                    && response.header("cf-ray").is_some_and(|ray| ray.ends_with("-FRA"));
                assert_eq!(marked, cloudflare.contains(&page), "{page:?}: {response:?}");
                assert!(response.status >= 400 && response.header("date").is_some());
                let never_asked = matches!(response.status, 403 | 429 | 503 | 521 | 522 | 523 | 530);
                assert_eq!(page.asks_the_provider(), !never_asked, "{page:?}: {}", response.status);
            }
        }
        let statuses: std::collections::BTreeSet<u16> =
            (0..40).map(|index| Page::Unreached.response(Draws { seed: 1, index }, 0).status).collect();
        assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [521, 522, 523, 530]);
    }
}
