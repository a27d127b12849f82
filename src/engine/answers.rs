//! HTTP calls on the wire: their numbers, their time-outs, and whom their answers concern.

use alloc::string::String;

use super::apply::Progress;
use super::timers::Timer;
use super::{Call, Effect, Engine};
use crate::error::{Code, Error};
use crate::fetch_failure::explained;
use crate::http::{Answer, Fault, Purpose, never_left};
use crate::limit::LaneIn;
use crate::options::TIMEOUT;
use crate::retry::hint::tightest_rate;
use crate::task::{CallId, Part, PartId, PartState};
use crate::time::Millis;

/// A poll that takes longer has got lost: it is free to ask again, and each second more would be the caller's.
const POLL_TIMEOUT: Millis = 15_000;

impl Engine {
    pub(super) fn new_call(&mut self, part: PartId, purpose: Purpose) -> CallId {
        let call = self.next_call;
        self.register_call(call, part, purpose);
        call
    }

    pub(super) fn register_call(&mut self, call: CallId, part: PartId, purpose: Purpose) {
        self.next_call = self.next_call.max(call.saturating_add(1));
        let timeout = self.timeout(part, purpose);
        if purpose == Purpose::Submit {
            self.tell_fetch_limit(part, timeout);
        }
        let times_out = self.now.after(timeout);
        let owner = self.tasks.get(&part.task).map_or(self.context, |task| task.owner);
        self.calls.insert(call, Call { part, owner, purpose, times_out, is_held: false });
        self.move_timer(Timer::Call(call), None, Some(times_out));
    }

    /// Says once that a wait for an image may end sooner than its time-out does: no answer will say so before.
    fn tell_fetch_limit(&mut self, id: PartId, timeout: Millis) {
        let limit = self.config.fetch_limit;
        if limit == 0 || timeout <= limit || !self.is_synchronous(id) {
            return;
        }
        self.config.fetch_limit = 0;
        let message = String::from(
            "This fetch may end a wait after 300 s by a limit of its own, sooner than the deadline does: the image may be paid for all the same.",
        );
        self.effect(self.context, Effect::Inform { message });
    }

    fn timeout(&self, id: PartId, purpose: Purpose) -> Millis {
        let Some(task) = self.tasks.get(&id.task) else { return TIMEOUT };
        let image_is_the_answer = purpose == Purpose::Submit && self.is_synchronous(id);
        let usual = task.options.timeout.unwrap_or(if image_is_the_answer { task.options.deadline } else { TIMEOUT });
        if !matches!(purpose, Purpose::Poll | Purpose::List) {
            return usual;
        }
        let tasks = self.part(id).and_then(|part| self.config.providers.get(part.provider)?.dialect.tasks.as_ref());
        usual.min(POLL_TIMEOUT) + tasks.and_then(|tasks| tasks.long_poll).map_or(0, |poll| poll.length)
    }

    /// Says whether a call still waits for its credential or its form. One that was never held has left with its effect.
    pub fn hold_call(&mut self, number: CallId, is_held: bool) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.is_held = is_held;
        let (part, purpose) = (call.part, call.purpose);
        if purpose == Purpose::Submit {
            if let Some(part) = self.part_mut(part) {
                part.sent.left_at = now;
            }
        }
    }

    /// Whether the submit of a part waits for its credential or its form.
    pub(super) fn is_held(&self, part: &Part) -> bool {
        matches!(part.state, PartState::Submitting { call, .. } if self.calls.get(&call).is_some_and(|call| call.is_held))
    }

    pub(super) fn take_call(&mut self, number: CallId) -> Option<Call> {
        let times_out = self.calls.get(&number)?.times_out;
        self.move_timer(Timer::Call(number), Some(times_out), None);
        self.calls.remove(&number)
    }

    pub(super) fn answer(&mut self, number: CallId, answer: Answer) {
        let Some(call) = self.take_call(number) else { return };
        self.hear_rates(&call, &answer);
        match call.purpose {
            Purpose::Submit => self.submit_answered(call.part, &answer),
            Purpose::Poll => {
                self.poll_answered(call.part, &answer);
                self.poll_noted(call.part, answer.status);
            }
            Purpose::Image => {
                self.fetch_answered(call.part, &answer);
                self.poll_noted(call.part, answer.status);
            }
            Purpose::Check => self.check_answered(call.part.task, &answer),
            Purpose::List => self.list_answered(number, &answer),
        }
    }

    pub(super) fn failed(&mut self, number: CallId, fault: Fault, message: String) {
        self.call_failed(number, fault, Code::Network, message);
    }

    pub(super) fn call_failed(&mut self, number: CallId, fault: Fault, code: Code, message: String) {
        let Some(call) = self.take_call(number) else { return };
        let mut error = Error::new(match fault {
            Fault::Credential => Code::Authentication,
            Fault::Body => Code::InvalidRequest,
            _ => code,
        });
        if fault == Fault::Body {
            error.param = Some(String::from(if message.starts_with("mask") { "mask" } else { "images" }));
        }
        let progress = if call.is_held || matches!(fault, Fault::Credential | Fault::Body) {
            Progress::NoRequest
        } else if fault == Fault::Network && never_left(&message) {
            Progress::NoConnection
        } else {
            Progress::Anywhere
        };
        if !message.is_empty() {
            error.message = if fault == Fault::Network { explained(&message) } else { message };
        }
        match call.purpose {
            Purpose::Submit => self.submit_failed(call.part, error, progress),
            // It only delays: the task is asked after again.
            Purpose::Poll => {
                self.poll_failed(call.part);
                self.try_failed(call.part, error);
            }
            Purpose::Image => {
                self.fetch_failed(call.part, error.clone());
                self.try_failed(call.part, error);
            }
            Purpose::Check => self.check_failed(call.part.task, error),
            Purpose::List => self.list_failed(number),
        }
    }

    /// What an answer of the provider's says of its limits.
    fn hear_rates(&mut self, call: &Call, answer: &Answer) {
        let rate = tightest_rate(answer, self.wall.1).filter(|_| call.purpose != Purpose::Image);
        let now = self.now;
        let asker = self.part(call.part).map(|part| part.provider).and_then(|provider| self.askers.get_mut(provider));
        if let Some((asker, _)) = asker.filter(|_| matches!(call.purpose, Purpose::Poll | Purpose::List)) {
            asker.answered(now, rate);
        }
        if let (Some(rate), Some(lane)) = (rate, self.part(call.part).map(|part| part.lane)) {
            self.tell_lane(lane, LaneIn::Rate(rate));
        }
    }

    /// The connection of this call is gone with its owner, or nobody should wait for it: whoever is here lets go of what was kept for its answer.
    pub(super) fn orphaned_call(&mut self, number: CallId) {
        self.effect(self.context, Effect::Abort { call: number });
        self.call_failed(number, Fault::Aborted, Code::Network, String::new());
    }

    /// Gives up the poll or fetch of a part, if one is on the wire. Submits are never given up: their answer is worth money.
    pub(super) fn abort_call(&mut self, id: PartId) {
        let call = match self.part(id).map(|part| &part.state) {
            Some(PartState::Running { call, .. } | PartState::Fetching { call }) => *call,
            _ => None,
        };
        let Some(call) = call else { return };
        if let Some(Call { owner, .. }) = self.take_call(call) {
            self.effect(owner, Effect::Abort { call });
        }
        if let Some(PartState::Running { call, .. } | PartState::Fetching { call }) =
            self.part_mut(id).map(|part| &mut part.state)
        {
            *call = None;
        }
    }
}
