//! Submits whose answer was lost: sent again under their key where that buys nothing twice; and those that another engine sent.

use super::Engine;
use crate::error::{Billed, Code, Error};
use crate::limit::{LaneIn, Token, Verdict};
use crate::options::Ambiguous;
use crate::task::{CallId, PartId, PartState, verdict};
use crate::time::Millis;

impl Engine {
    pub(super) fn replay_later(&mut self, id: PartId, token: Token, wait: Millis) {
        let until = self.now.after(wait);
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        part.in_doubt = true;
        part.go(PartState::Replaying { until, token });
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Unknown });
        self.set_due(id, Some(until));
    }

    /// The time of a replay has come; like every submit it waits for the end of the lane's cooldown.
    pub(super) fn replay_due(&mut self, id: PartId, token: Token) {
        let lane = self.part(id).and_then(|part| self.lanes.get(part.lane));
        match lane.and_then(|slot| slot.lane.paused_until()).filter(|until| *until > self.now) {
            Some(until) => self.set_due(id, Some(until)),
            None => self.send_submit(id, token),
        }
    }

    /// Whether a submit whose answer was lost may go out again: only while the provider remembers its key (law 7).
    pub(super) fn may_replay(&self, id: PartId) -> bool {
        let Some(part) = self.part(id) else { return false };
        let idempotency =
            self.config.providers.get(part.provider).and_then(|config| config.dialect.idempotency.as_ref());
        let age = self.wall_at(self.now).saturating_sub(part.planned_wall);
        let remembered = idempotency.is_some_and(|idempotency| age < idempotency.lifetime);
        let policy = self.tasks.get(&id.task).map_or(Ambiguous::Never, |task| task.options.retry.ambiguous);
        verdict::may_replay(policy, remembered) && !part.body.is_empty()
    }

    pub(super) fn replay_too_late(&mut self, id: PartId, token: Token) {
        let Some(part) = self.part(id) else { return };
        self.tell_lane(part.lane, LaneIn::Return { token });
        self.fail_part(id, Error::new(Code::UnknownOutcome).billed(Billed::Unknown));
        self.end_part(id);
    }

    /// A part that was about to be sent when its process died: sent again under its key, if the provider still remembers keys from then.
    pub(super) fn replay(&mut self, id: PartId) {
        if self.may_replay(id) || self.part(id).is_some_and(|part| !part.in_doubt) {
            self.enqueue(id);
            self.tell_waiting(id);
        } else {
            self.fail_part(id, Error::new(Code::UnknownOutcome).billed(Billed::Unknown));
        }
    }

    /// After a trap: the submit of a part that is about to be registered is on the wire already.
    pub(super) fn adopt(&mut self, call: CallId, id: PartId) {
        self.next_call = self.next_call.max(call.saturating_add(1));
        self.adopted.insert(call, id);
    }

    /// Waits for the answer of the submit that the engine before this one sent, if there is one.
    pub(super) fn await_adopted(&mut self, id: PartId) -> bool {
        let Some(call) = self.adopted.iter().find(|(_, part)| **part == id).map(|(call, _)| call) else { return false };
        self.adopted.remove(&call);
        let token = self.adopt_slot(id);
        self.register_call(call, id, crate::http::Purpose::Submit);
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Submitting { call, token });
        }
        self.start_deadline(id);
        true
    }

    /// A slot that is in use already, whatever the lane has granted.
    pub(super) fn adopt_slot(&mut self, id: PartId) -> Token {
        self.note_out(id, true);
        let token = self.next_adopted;
        self.next_adopted += 1;
        let lane = self.part(id).map_or(0, |part| part.lane);
        let weight = self.weight(id);
        self.tell_lane(lane, LaneIn::Adopt { token, weight });
        token
    }
}
