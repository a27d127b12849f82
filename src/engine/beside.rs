//! Lanes of one key, where each model has limits of its own: what they have in common all the same.

use super::Engine;
use crate::limit::{LaneIn, Token, Verdict};
use crate::task::PartId;

impl Engine {
    /// A submit was accepted. The lanes of the other models of its key count along: it may have windows of its own besides.
    pub(super) fn tell_accepted(&mut self, id: PartId, token: Token) {
        let Some(lane) = self.part(id).map(|part| part.lane) else { return };
        let weight = self.weight(id);
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Accepted });
        self.tell_beside(lane, &LaneIn::Beside { weight });
    }

    /// Tells the lanes of the other models of a key.
    fn tell_beside(&mut self, lane: usize, message: &LaneIn) {
        let now = self.now;
        let Some((provider, true)) = self.lanes.get(lane).map(|slot| (slot.provider, slot.model.is_some())) else {
            return;
        };
        let others =
            self.lanes.iter_mut().enumerate().filter(|(place, slot)| *place != lane && slot.provider == provider);
        others.for_each(|(_, slot)| {
            slot.lane.handle(now, message.clone());
            slot.changed = true;
        });
    }
}
