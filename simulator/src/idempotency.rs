//! The provider's memory of idempotency keys: the first answer of a key, bound to the raw bytes of its request.

use std::collections::HashMap;

use crate::message::Response;
use crate::random::hash;

/// What the store says about a submit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The key is new, or forgotten.
    New,
    /// The first answer, to be given again.
    Replay(Response),
    /// The first request still reads as in flight, for this long.
    Processing { wait_ms: u64 },
    /// The key came with other bytes before.
    Mismatch,
}

#[derive(Debug)]
struct Entry {
    body_hash: u64,
    answer: Response,
    at_ms: u64,
    in_flight_until_ms: u64,
}

/// Keys by account; only accepted submits are stored, so that a refused one can be sent again.
#[derive(Debug, Default)]
pub(crate) struct Store(HashMap<(String, String), Entry>);

impl Store {
    /// What is known of a key.
    pub fn look_up(&self, account: &str, key: &str, body: &[u8], now_ms: u64, ttl_ms: u64) -> Verdict {
        match self.0.get(&(account.to_owned(), key.to_owned())) {
            Some(entry) if now_ms < entry.at_ms + ttl_ms => {
                if entry.body_hash != hash(body) {
                    Verdict::Mismatch
                } else if now_ms < entry.in_flight_until_ms {
                    Verdict::Processing { wait_ms: entry.in_flight_until_ms - now_ms }
                } else {
                    Verdict::Replay(entry.answer.clone())
                }
            }
            _ => Verdict::New,
        }
    }

    /// Remembers the answer of an accepted submit; until `in_flight_until_ms` the key reads as being processed.
    pub fn insert(&mut self, id: (&str, &str), body: &[u8], answer: &Response, now_ms: u64, in_flight_until_ms: u64) {
        let entry = Entry { body_hash: hash(body), answer: answer.clone(), at_ms: now_ms, in_flight_until_ms };
        self.0.insert((id.0.to_owned(), id.1.to_owned()), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bound_to_account_bytes_and_time() {
        let mut store = Store::default();
        let answer = Response::new(200, "text/plain", "first");
        store.insert(("a", "k"), b"body", &answer, 100, 150);
        assert_eq!(store.look_up("a", "k", b"body", 120, 1000), Verdict::Processing { wait_ms: 30 });
        assert_eq!(store.look_up("a", "k", b"body", 150, 1000), Verdict::Replay(answer));
        assert_eq!(store.look_up("a", "k", b"body ", 150, 1000), Verdict::Mismatch);
        assert_eq!(store.look_up("b", "k", b"body", 150, 1000), Verdict::New);
        assert_eq!(store.look_up("a", "k", b"body", 1100, 1000), Verdict::New);
    }
}
