//! Whether a request is sent again, and when: what the provider's budget, the caller and the server have to say of it.

use super::Engine;
use crate::error::{Code, Error};
use crate::limit::LaneIn;
use crate::options::RetryPolicy;
use crate::retry::backoff;
use crate::task::PartId;
use crate::time::Millis;

impl Engine {
    /// Takes a retry out of the provider's budget. Where submits fail in one wave after the other, all that go to this lane wait together.
    pub(super) fn pay_for_retry(&mut self, id: PartId, error: &Error) -> bool {
        let Some(part) = self.part(id) else { return false };
        let (provider, lane, sent) = (part.provider, part.lane, part.sent.submitted_at.unwrap_or_default());
        let now = self.now;
        let Some(budget) = self.budgets.get_mut(provider) else { return false };
        let waves = budget.failed(sent, now);
        let paid = budget.pay(error.code == Code::Timeout);
        if waves > 1 {
            let retry = &self.config.defaults.retry;
            let wait = backoff::full_jitter(&mut self.rng, waves - 2, retry.base, retry.cap);
            self.tell_lane(lane, LaneIn::Hold { wait, hinted: false });
        }
        paid
    }

    /// A submit came through.
    pub(super) fn refund(&mut self, id: PartId) {
        let known = self.part(id).map(|part| (part.provider, part.faults));
        if let Some((budget, faults)) = known.and_then(|(place, faults)| Some((self.budgets.get_mut(place)?, faults))) {
            budget.succeeded(faults);
        }
    }

    /// Nobody waits for it any more, or nothing new is sent.
    pub(super) fn unwanted(&self, id: PartId) -> bool {
        let left = self.tasks.get(&id.task).is_some_and(|task| task.left);
        left || self.closing || self.part(id).is_none_or(|part| part.outcome.is_some())
    }

    /// How long to wait after so many faults, and no shorter than the server said.
    pub(super) fn fault_wait(&mut self, faults: u32, retry: &RetryPolicy, hint: Option<Millis>) -> Millis {
        let jitter = backoff::full_jitter(&mut self.rng, faults.saturating_sub(1), retry.base, retry.cap);
        match hint {
            Some(hint) => jitter.max(backoff::after_hint(&mut self.rng, hint)),
            None => jitter,
        }
    }

    /// Whether a refused key is worth asking for anew: once, and only if it comes from a function.
    pub(super) fn may_refresh(&mut self, id: PartId) -> bool {
        let refreshable =
            self.part(id).and_then(|part| self.config.providers.get(part.provider)).is_some_and(|p| p.refreshable);
        let Some(part) = self.part_mut(id).filter(|part| refreshable && !part.refreshed && part.outcome.is_none())
        else {
            return false;
        };
        part.refreshed = true;
        part.refresh_next = true;
        true
    }
}
