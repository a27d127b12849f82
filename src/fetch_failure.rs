//! What a failed fetch means, by the words in which the host says why: whether the request can have left, what happened, and what a person can do about it.
//!
//! The words come as `pkg-template/src/reason.ts` makes them: `MESSAGE (CODE SYSCALL, CODE …)`, or `MESSAGE (CAUSE'S MESSAGE)` where the host gives no code.
//! What each host says of each failure is measured by `tests/hosts` and kept in `tests/hosts/fetch-failures.jsonl`. A request counts as never sent only by a row
//! of these tables: whatever stands in none is [`Sent::Unknown`], for a wrong "never" buys an image twice and a wrong "unknown" only asks the caller.

use alloc::string::String;

use crate::text::{concat, says};

use Kind::{Browser, Dns, Forbidden, HostLimit, Issuer, Other, Refused, Reset, Tls, Unreachable, Worker};
use Sent::{Never, Unknown};

/// Whether a request that has failed can have reached the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it left: it may be sent again, and nobody was billed.
    Never,
    /// It may have been received and billed.
    Unknown,
}

/// What happened, as far as the host tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The host's name has no address.
    Dns,
    /// Nothing listens at the address and port.
    Refused,
    /// The Fetch standard forbids the port ("bad port"), or the runtime's permissions the host.
    Forbidden,
    /// The connection could not be made for another reason: no route, or no answer within the time that the host allows for it.
    Unreachable,
    /// The certificate's issuer is not trusted: a self-signed one, or a company's proxy.
    Issuer,
    /// The TLS handshake failed for another reason: the certificate has expired or is another name's, or the port speaks no TLS.
    Tls,
    /// The connection broke off, a kept-alive one that the server had closed included.
    Reset,
    /// A limit of the host's own fetch ended the wait.
    HostLimit,
    /// A browser, which says the same of all failures.
    Browser,
    /// Cloudflare's runtime, which says "internal error" of unknown hosts, refused certificates and more.
    Worker,
    /// Words that stand in no table.
    Other,
}

/// What is known of a failed fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// Whether the request can have left.
    pub sent: Sent,
    /// What happened.
    pub kind: Kind,
}

const fn row(sent: Sent, kind: Kind) -> FetchFailure {
    FetchFailure { sent, kind }
}

/// Sentences of hosts that give no code, or one that says less; in lower case, the first that stands in the words counts.
const SENTENCES: &[(FetchFailure, &[&str])] = &[
    // Deno: hyper's error kind, and behind it what the resolver, the kernel or rustls says.
    (row(Never, Dns), &["client error (connect): dns error"]),
    (row(Never, Refused), &["client error (connect): tcp connect error: connection refused"]),
    (row(Never, Issuer), &["client error (connect): invalid peer certificate: unknownissuer"]),
    (row(Never, Tls), &["client error (connect): invalid peer certificate"]),
    (row(Never, Unreachable), &["client error (connect)"]),
    (row(Unknown, Reset), &["client error (sendrequest)", "connection reset by peer"]),
    // Node; Deno, twice: a port that the Fetch standard forbids, and a host that its permissions do.
    (row(Never, Forbidden), &["bad port", "requests to port ", "requires net access to "]),
    // Bun, of a connect() that failed at once or later, whatever code it gives besides; and of a handshake.
    (row(Never, Unreachable), &["was there a typo in the url"]),
    (row(Never, Refused), &["unable to connect. is the computer"]),
    (row(Never, Tls), &["the tls handshake failed. does"]),
    (row(Unknown, HostLimit), &["the operation timed out."]),
    // workerd: the first of any lost or refused connection, the second of names and certificates, and of its own faults.
    (row(Unknown, Reset), &["network connection lost"]),
    (row(Unknown, Worker), &["internal error; reference"]),
];

/// How the messages of Chromium, Firefox and WebKit begin, whatever happened: CORS, no connection and a lost answer are one.
const BROWSERS: [&str; 3] = ["Failed to fetch", "NetworkError when attempting to fetch", "Load failed"];

/// Codes of Node (libuv, OpenSSL, undici) and of Bun. Those that mean something else by another system call stand in [`by_code`].
const CODES: &[(FetchFailure, &[&str])] = &[
    (row(Never, Dns), &["ENOTFOUND", "EAI_AGAIN"]),
    // The second is Bun's, up to 1.2; so is the last of the third row.
    (row(Never, Refused), &["ECONNREFUSED", "ConnectionRefused"]),
    (row(Never, Unreachable), &["UND_ERR_CONNECT_TIMEOUT", "FailedToOpenSocket"]),
    (
        row(Never, Issuer),
        &[
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            "SELF_SIGNED_CERT_IN_CHAIN",
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "UNABLE_TO_GET_ISSUER_CERT",
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        ],
    ),
    (
        row(Never, Tls),
        &["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CERT_REVOKED", "CERT_UNTRUSTED", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ),
    // What a middlebox writes into an established connection is called so, too.
    (row(Unknown, Tls), &["ERR_SSL_WRONG_VERSION_NUMBER", "EPROTO"]),
    (row(Unknown, Reset), &["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ConnectionClosed"]),
    (row(Unknown, HostLimit), &["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]),
];

/// What a code means beside these words, of which one may be its system call.
fn by_code(code: &str, beside: [&str; 2]) -> FetchFailure {
    let known =
        CODES.iter().find(|(_, codes)| codes.contains(&code)).map_or(row(Unknown, Other), |(failure, _)| *failure);
    if beside.contains(&"read") || beside.contains(&"write") {
        row(Unknown, Reset)
    } else if beside.contains(&"getaddrinfo") {
        row(Never, Dns)
    } else if beside.contains(&"connect") {
        // EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, …: of an established connection these are unknown, as all that is in no table.
        row(Never, if known.kind == Refused { Refused } else { Unreachable })
    } else {
        known
    }
}

/// The word that begins at a place, of letters, digits and underscores; and whether a blank ends it.
fn word_at(words: &str, place: usize) -> (&str, bool) {
    let rest = words.get(place..).unwrap_or_default();
    let end = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_').unwrap_or(rest.len());
    (rest.get(..end).unwrap_or_default(), rest.as_bytes().get(end) == Some(&b' '))
}

/// Of all codes in a list, or in a sentence like "connect ECONNREFUSED 127.0.0.1:443": as uncertain as the most uncertain of them. The system call stands
/// behind its code or before it, one blank away.
fn by_codes(words: &str) -> Option<FetchFailure> {
    let (mut all, mut before, mut place): (Option<FetchFailure>, _, _) = (None, "", 0);
    while place < words.len() {
        let (word, joined) = word_at(words, place);
        place += word.len() + 1;
        // ECONNRESET, ConnectionRefused: a capital letter first, and more than small ones behind it.
        let mut bytes = word.bytes();
        if bytes.next().is_some_and(|first| first.is_ascii_uppercase()) && bytes.any(|byte| !byte.is_ascii_lowercase())
        {
            let behind = if joined { word_at(words, place).0 } else { "" };
            let next = by_code(word, [before, behind]);
            all = all.filter(|all| all.sent == Unknown || next.sent == Never).or(Some(next));
        }
        before = if joined { word } else { "" };
    }
    all
}

impl FetchFailure {
    /// Reads the words of a host; not what [`explained`] makes of them.
    pub fn read(words: &str) -> FetchFailure {
        if let Some((failure, _)) = SENTENCES.iter().find(|(_, sentences)| says(words, sentences)) {
            return *failure;
        }
        // Where there is a list, what stands before it is a message: addresses, and sentences of anybody's.
        let list = words.rfind('(').filter(|_| words.ends_with(')')).and_then(|place| words.get(place..));
        let is_browser = BROWSERS.iter().find_map(|beginning| words.strip_prefix(beginning));
        let codes = list.and_then(by_codes).or_else(|| by_codes(is_browser.unwrap_or(words)));
        codes.unwrap_or(row(Unknown, if is_browser.is_some() { Browser } else { Other }))
    }

    /// What a person can do about it: a sentence or two; empty where nothing helps but another try.
    pub const fn advice(self) -> &'static str {
        match self.kind {
            Dns => "The host is unknown: is the baseURL right?",
            Refused => "Nothing listens at that address and port: is the baseURL right?",
            Forbidden => "This fetch may not use that host or port at all: the server needs another one.",
            Unreachable => {
                "No connection could be made: is the baseURL right, and does a firewall or proxy stand between?"
            }
            Issuer => {
                "The certificate's issuer is not trusted. Trust a company proxy's by NODE_EXTRA_CA_CERTS in Node and Bun, by --cert or DENO_TLS_CA_STORE=system in Deno."
            }
            Tls => {
                "TLS failed (is the certificate expired, or another host's?): are the baseURL's scheme, host and port right?"
            }
            HostLimit => "A limit of the fetch itself ended the wait (300 s in Node and Bun), not the provider.",
            Browser => {
                "Browsers don't say why: the provider allows no pages (CORS: set baseURL to a proxy of yours), there is no connection, or the answer was lost."
            }
            Worker => "Workers say this of unknown hosts and refused certificates, too: is the baseURL right?",
            Reset | Other => "",
        }
    }
}

/// The host's words, and behind them the advice.
pub fn explained(words: &str) -> String {
    let advice = FetchFailure::read(words).advice();
    let end = if advice.is_empty() {
        ""
    } else if words.ends_with('.') {
        " "
    } else {
        ". "
    };
    concat(&[words, end, advice])
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::never_left;

    fn read(words: &str) -> (Sent, Kind) {
        let FetchFailure { sent, kind } = FetchFailure::read(words);
        (sent, kind)
    }

    /// All codes of the tables that mean "never" without a system call.
    fn certain() -> Vec<&'static str> {
        CODES.iter().filter(|(failure, _)| failure.sent == Never).flat_map(|(_, codes)| codes.iter().copied()).collect()
    }

    #[test]
    fn what_hosts_were_measured_to_say_is_read_as_their_table_says() {
        let table = include_str!("../tests/hosts/fetch-failures.jsonl");
        let mut never = 0;
        for line in table.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let (words, wanted) = (text("words"), text("sent"));
            if words.is_empty() {
                // There was an answer.
                continue;
            }
            let failure = FetchFailure::read(words);
            let found = match failure {
                FetchFailure { sent: Never, .. } => "never",
                FetchFailure { kind: Browser, .. } => "indistinguishable",
                _ => "unknown",
            };
            assert_eq!(found, wanted, "{line}");
            assert_eq!(alloc::format!("{:?}", failure.kind).to_ascii_lowercase(), text("kind"), "{line}");
            never += usize::from(found == "never");
        }
        assert!(never >= 20, "{never}");
    }

    #[test]
    fn the_system_call_decides_where_a_code_means_both() {
        assert_eq!(read("fetch failed (EHOSTUNREACH connect)"), (Never, Unreachable));
        assert_eq!(read("fetch failed (ETIMEDOUT connect)"), (Never, Unreachable));
        assert_eq!(read("fetch failed (ECONNRESET connect)"), (Never, Unreachable));
        assert_eq!(read("fetch failed (EAI_FAIL getaddrinfo)"), (Never, Dns));
        assert_eq!(read("fetch failed (UND_ERR_CONNECT_TIMEOUT)"), (Never, Unreachable));
        for words in ["EHOSTUNREACH", "ETIMEDOUT", "ETIMEDOUT read", "EHOSTUNREACH write", "ECONNREFUSED read"] {
            assert_eq!(FetchFailure::read(&concat(&["fetch failed (", words, ")"])).sent, Unknown, "{words}");
        }
        assert_eq!(read("fetch failed (ECONNRESET read)"), (Unknown, Reset));
        assert_eq!(read("fetch failed (UND_ERR_SOCKET)"), (Unknown, Reset));
        assert_eq!(read("fetch failed (UND_ERR_HEADERS_TIMEOUT)"), (Unknown, HostLimit));
    }

    #[test]
    fn several_errors_are_never_sent_only_if_each_is() {
        assert_eq!(read("fetch failed (ENETUNREACH connect, ECONNREFUSED connect)"), (Never, Unreachable));
        assert_eq!(read("fetch failed (ECONNREFUSED connect, ECONNRESET read)"), (Unknown, Reset));
        assert_eq!(read("fetch failed (ECONNREFUSED connect,UNKNOWN)"), (Unknown, Other));
        assert_eq!(read("fetch failed (ECONNRESET, ECONNREFUSED connect)"), (Unknown, Reset));
    }

    #[test]
    fn a_message_may_be_all_there_is() {
        assert_eq!(read("connect ECONNREFUSED 127.0.0.1:443"), (Never, Refused));
        assert_eq!(read("request failed, reason: getaddrinfo ENOTFOUND provider.invalid"), (Never, Dns));
        assert_eq!(read("connect ENETUNREACH 10.0.0.1:443 - Local (0.0.0.0:0)"), (Never, Unreachable));
        assert_eq!(read("connect EHOSTUNREACH 10.0.0.1:443"), (Never, Unreachable));
        assert_eq!(read("connect ETIMEDOUT 10.0.0.1:443, connect ENETUNREACH ::1:443"), (Never, Unreachable));
        assert_eq!(read("failed to connect: ECONNRESET"), (Unknown, Reset));
        assert_eq!(read("failed to connect (EHOSTUNREACH)"), (Unknown, Other));
        assert_eq!(read("read ECONNRESET"), (Unknown, Reset));
        assert_eq!(read("Failed to fetch (ECONNREFUSED connect)"), (Never, Refused));
        assert_eq!(read("connect ECONNREFUSED ::1:80, read ECONNRESET"), (Unknown, Reset));
        assert_eq!(read("download failed"), (Unknown, Other));
        assert_eq!(read("Load failed (api.example.com)"), (Unknown, Browser));
        assert_eq!(read(""), (Unknown, Other));
    }

    #[test]
    fn advice_stands_behind_the_words() {
        assert_eq!(explained("fetch failed (ECONNRESET read)"), "fetch failed (ECONNRESET read)");
        let words = "fetch failed (SELF_SIGNED_CERT_IN_CHAIN)";
        assert!(explained(words).starts_with("fetch failed (SELF_SIGNED_CERT_IN_CHAIN). The certificate's issuer"));
        for name in ["NODE_EXTRA_CA_CERTS", "--cert", "DENO_TLS_CA_STORE=system"] {
            assert!(explained(words).contains(name), "{name}");
        }
        let browser = explained("Load failed");
        assert!(browser.contains("CORS") && browser.contains("proxy"), "{browser}");
        assert!(explained("fetch failed (UND_ERR_HEADERS_TIMEOUT)").contains("300 s"));
    }

    proptest! {
        #[test]
        fn what_is_in_no_table_is_unknown(message in "[a-z ]{0,20}", code in "[A-Z][A-Z0-9_]{2,30}", syscall in "( (read|write|shutdown))?") {
            prop_assume!(!certain().contains(&code.as_str()));
            let words = concat(&[&message, " (", &code, &syscall, ")"]);
            prop_assert!(!never_left(&words), "{words}");
        }

        #[test]
        fn one_uncertain_error_makes_all_uncertain(place in 0usize..4, code in "[A-Z][A-Z0-9_]{2,30}") {
            let certain = certain();
            prop_assume!(!certain.contains(&code.as_str()));
            let mut all = alloc::vec!["ECONNREFUSED connect", "ENOTFOUND getaddrinfo", "CERT_HAS_EXPIRED"];
            prop_assert!(never_left(&concat(&["fetch failed (", &all.join(", "), ")"])));
            all.insert(place, &code);
            prop_assert!(!never_left(&concat(&["fetch failed (", &all.join(", "), ")"])));
        }

        #[test]
        fn any_words_are_read(words in "\\PC{0,80}") {
            let _ = explained(&words);
        }
    }
}
