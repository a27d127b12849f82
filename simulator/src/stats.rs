//! What a world has seen so far.

use serde::Serialize;

/// Counts since the world began. Every count is of requests unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Submits that arrived, whatever became of them.
    pub submits: u64,
    /// Submits that made a task.
    pub accepted: u64,
    /// Submits and polls refused with 429: the sum of the next five.
    pub refusals: u64,
    /// Submits refused for want of a slot.
    pub refused_slots: u64,
    /// Submits refused by the rolling window of requests.
    pub refused_window: u64,
    /// Submits refused by the rolling window of images.
    pub refused_images: u64,
    /// Submits refused by the daily quota.
    pub refused_day: u64,
    /// Polls refused by the rolling window.
    pub refused_polls: u64,
    /// Polls that arrived.
    pub polls: u64,
    /// Requests for an image by its link.
    pub images: u64,
    /// 401 answers.
    pub unauthorized: u64,
    /// 400 and 413 answers, and 404 ones to a submit for a model that there isn't.
    pub invalid: u64,
    /// Submits refused because the account's credit is spent: 402, or 429 where that is the provider's word for it.
    pub unpaid: u64,
    /// 500 and 503 answers.
    pub errors: u64,
    /// Connections broken on purpose.
    pub lost: u64,
    /// Synchronous submits whose client left before the answer.
    pub abandoned: u64,
    /// Answers mangled on purpose: truncated, HTML, huge, deep, redirected, of a wrong content type.
    pub hostile: u64,
    /// Answers that an intermediary made up, threw away or handed on in another form. Left out while there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub intermediary: u64,
    /// Submits answered from the idempotency store.
    pub replays: u64,
    /// Submits answered 409: the first request with that key is still in flight.
    pub conflicts: u64,
    /// Submits answered 422: the key came back with another body.
    pub mismatches: u64,
    /// Tasks that ended in success.
    pub succeeded: u64,
    /// Tasks that ended in failure, filtered ones included, also those filtered before they began.
    pub failed: u64,
    /// Slots that tasks hold now.
    pub in_flight: u64,
    /// Tasks that wait for a slot now (queue mode).
    pub waiting: u64,
    /// The most slots of one limit scope that were held at once.
    pub peak_in_flight: u64,
    /// Charges in the ledger.
    pub charges: u64,
    /// The ledger's sum in millionths of a USD.
    pub charged_micro_usd: u64,
    /// Requests that carried credentials where they do not belong: to an image or to a redirect's target.
    pub leaked_credentials: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
